//! The options of a build, as command lines write them, turned into a [`BuildRequest`].

use crate::commands::lint::settings_files;
use crate::error::{CommandError, Kind};
use crate::render::{self, Paint};
use crate::session::Session;
use crate::units::binary_size;
use cooperage_lang::instructions::NetworkMode;
use cooperage_lang::plan::NamedContext;
use cooperage_runtime::build::request::{
    BuildRequest, ContextSource, DockerfileSource, Output, OutputKind, Secret, SecretSource,
    SshAgent,
};
use cooperage_runtime::settings::Finder;
use std::io::Read;
use std::path::{Path, PathBuf};

// Options that say what is built and how; `build` and `plan` take the same. No doc comment: clap would show it instead of
// that of the command.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct BuildOptions {
    /// Name of the result (repeatable)
    #[arg(short, long = "tag", value_name = "NAME")]
    pub tags: Vec<String>,
    /// Dockerfile; `-` reads it from standard input [default: Dockerfile in the context]
    #[arg(short, long, value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// The file that a Dockerfile on standard input is the text of: an editor's unsaved one
    #[arg(long, hide = true, value_name = "FILE")]
    pub text_of: Option<PathBuf>,
    /// Stage to build [default: the last]
    #[arg(long, value_name = "STAGE")]
    pub target: Option<String>,
    /// Value of an ARG; a name alone takes it from the environment (repeatable)
    #[arg(long = "build-arg", value_name = "NAME[=VALUE]")]
    pub build_args: Vec<String>,
    /// Another place to copy from: a folder, docker-image://, oci-layout://, target:, https:// (repeatable)
    #[arg(long = "build-context", value_name = "NAME=SOURCE")]
    pub build_contexts: Vec<String>,
    /// A secret for RUN --mount=type=secret: id=ID[,src=FILE|,env=NAME] (repeatable)
    #[arg(long = "secret", value_name = "SECRET")]
    pub secrets: Vec<String>,
    /// An SSH agent or key for RUN --mount=type=ssh (repeatable)
    #[arg(long, value_name = "default|ID[=SOCKET|KEY[,KEY]]")]
    pub ssh: Vec<String>,
    /// Run every step, whatever the cache holds
    #[arg(long)]
    pub no_cache: bool,
    /// Run every step of these stages (repeatable)
    #[arg(long, value_name = "STAGE", value_delimiter = ',')]
    pub no_cache_filter: Vec<String>,
    /// A line for /etc/hosts of RUN (repeatable)
    #[arg(long = "add-host", value_name = "NAME:IP")]
    pub add_hosts: Vec<String>,
    /// Size of /dev/shm: 64m, 1g
    #[arg(long, value_name = "SIZE")]
    pub shm_size: Option<String>,
    /// A limit for RUN (repeatable)
    #[arg(long = "ulimit", value_name = "NAME=SOFT[:HARD]")]
    pub ulimits: Vec<String>,
    /// A label of the image (repeatable)
    #[arg(long = "label", value_name = "NAME=VALUE")]
    pub labels: Vec<String>,
    /// Ask the registry even for images that are here
    #[arg(long)]
    pub pull: bool,
    /// Platform of the result, such as linux/arm64
    #[arg(long, value_name = "OS/ARCH[/VARIANT]")]
    pub platform: Option<String>,
    /// Network of RUN: default, none or host
    #[arg(long, value_name = "MODE")]
    pub network: Option<String>,
    /// Allow network.host or security.insecure (repeatable)
    #[arg(long, value_name = "ENTITLEMENT", value_delimiter = ',')]
    pub allow: Vec<String>,
    /// Speak to this registry without TLS (repeatable)
    #[arg(long = "insecure-registry", value_name = "HOST[:PORT]")]
    pub insecure_registries: Vec<String>,
    /// Look for no settings files
    #[arg(long)]
    pub no_config: bool,
    /// Folder the build copies from, a URL, or `-` for standard input
    #[arg(value_name = "CONTEXT")]
    pub context: Option<String>,
}

impl BuildOptions {
    /// The request these options make, completed by what the project's settings say.
    pub fn request(&self, session: &Session) -> Result<BuildRequest, CommandError> {
        let mut request = self.as_written()?;
        if !self.no_config
            && let Some(dockerfile) = dockerfile_path(&request)
        {
            let finder = Finder::default();
            finder.settings(&dockerfile).build.complete(&mut request);
            let paint = Paint(session.terminal.color_err);
            session.note(&render::lint::faulty(&settings_files(&finder), paint));
        }
        Ok(request)
    }

    /// The request these options make by themselves.
    fn as_written(&self) -> Result<BuildRequest, CommandError> {
        let stdin = self.context.as_deref() == Some("-");
        let text_from_stdin = self.file.as_deref() == Some(Path::new("-"));
        if stdin && text_from_stdin {
            return Err(CommandError::usage(
                "standard input cannot be both the context and the Dockerfile",
            ));
        }
        let mut request = self.without_sources()?;
        request.dockerfile = match &self.file {
            Some(_) if text_from_stdin => match &self.text_of {
                Some(path) => text_of(path, read_stdin()?),
                None => stdin_dockerfile(read_stdin()?),
            },
            Some(path) => DockerfileSource::Path(path.clone()),
            None => DockerfileSource::Default,
        };
        if stdin {
            (request.context, request.dockerfile) =
                stdin_context(read_stdin()?, request.dockerfile)?;
        } else {
            request.context = context(self.context.as_deref().unwrap_or("."))?;
        }
        Ok(request)
    }

    fn without_sources(&self) -> Result<BuildRequest, CommandError> {
        let mut request = BuildRequest {
            target: self.target.clone().filter(|target| !target.is_empty()),
            platform: self.platform.clone(),
            tags: self.tags.clone(),
            no_cache: self.no_cache,
            no_cache_filter: self.no_cache_filter.clone(),
            pull: self.pull,
            allow: self.allow.clone(),
            insecure_registries: self.insecure_registries.clone(),
            ..BuildRequest::default()
        };
        for arg in &self.build_args {
            let (name, value) = match arg.split_once('=') {
                Some((name, value)) => (name, Some(value.to_owned())),
                None => (arg.as_str(), std::env::var(arg).ok()),
            };
            if name.is_empty() {
                return Err(CommandError::usage(format!(
                    "`--build-arg {arg}` has no name"
                )));
            }
            // A name without value that the environment does not know either leaves the ARG as the Dockerfile has it.
            if let Some(value) = value {
                request.build_args.insert(name.to_owned(), value);
            }
        }
        for context in &self.build_contexts {
            let (name, source) = pair("--build-context", context)?;
            request
                .contexts
                .insert(name.to_owned(), named_context(source)?);
        }
        request.labels = self.labels.iter().map(|label| label_pair(label)).collect();
        request.secrets = self
            .secrets
            .iter()
            .map(|text| secret(text))
            .collect::<Result<_, _>>()?;
        request.ssh = self
            .ssh
            .iter()
            .map(|text| ssh(text))
            .collect::<Result<_, _>>()?;
        request.add_hosts = self
            .add_hosts
            .iter()
            .map(|text| add_host(text))
            .collect::<Result<_, _>>()?;
        request.ulimits = self
            .ulimits
            .iter()
            .map(|text| ulimit(text))
            .collect::<Result<_, _>>()?;
        request.shm_size = self
            .shm_size
            .as_deref()
            .map(|text| binary_size(text).map_err(option("--shm-size")))
            .transpose()?;
        request.network = self.network.as_deref().map(network).transpose()?;
        request.source_date_epoch = epoch(&request)?;
        Ok(request)
    }
}

/// The file whose settings apply; none for a build without files of the host.
fn dockerfile_path(request: &BuildRequest) -> Option<PathBuf> {
    match (&request.dockerfile, &request.context) {
        (DockerfileSource::Path(path), ContextSource::Folder(folder)) if !path.exists() => {
            Some(folder.join(path))
        }
        (DockerfileSource::Path(path), _) => Some(path.clone()),
        (DockerfileSource::Text { path, .. }, _) if path.is_some() => path.clone(),
        (_, ContextSource::Folder(folder)) => Some(folder.join("Dockerfile")),
        _ => None,
    }
}

/// An error of an option's value.
fn option<E: std::fmt::Display>(name: &'static str) -> impl Fn(E) -> CommandError {
    move |error| CommandError::usage(format!("{name}: {error}"))
}

fn pair<'a>(name: &str, text: &'a str) -> Result<(&'a str, &'a str), CommandError> {
    text.split_once('=')
        .filter(|(key, value)| !key.is_empty() && !value.is_empty())
        .ok_or_else(|| CommandError::usage(format!("`{name} {text}` should be {name} NAME=VALUE")))
}

fn label_pair(text: &str) -> (String, String) {
    let (name, value) = text.split_once('=').unwrap_or((text, ""));
    (name.to_owned(), value.to_owned())
}

/// `SOURCE_DATE_EPOCH`: the build argument before the environment.
fn epoch(request: &BuildRequest) -> Result<Option<i64>, CommandError> {
    let set = request
        .build_args
        .get("SOURCE_DATE_EPOCH")
        .cloned()
        .or_else(|| std::env::var("SOURCE_DATE_EPOCH").ok());
    match set.filter(|text| !text.is_empty()) {
        None => Ok(None),
        Some(text) => text.trim().parse().map(Some).map_err(|_| {
            CommandError::invalid(format!(
                "SOURCE_DATE_EPOCH is `{text}`, which is no number of seconds"
            ))
        }),
    }
}

/// The fields of `a=1,b=2`; a field in double quotes may hold commas. **Source:** RFC 4180, which Docker's options follow.
fn fields(text: &str) -> Result<Vec<(String, Option<String>)>, CommandError> {
    let mut fields = vec![String::new()];
    let mut quoted = false;
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        let field = fields.last_mut().expect("starts with one field");
        match letter {
            '"' if quoted && letters.peek() == Some(&'"') => {
                letters.next();
                field.push('"');
            }
            '"' if quoted || field.is_empty() => quoted = !quoted,
            ',' if !quoted => fields.push(String::new()),
            letter => field.push(letter),
        }
    }
    if quoted {
        return Err(CommandError::usage(format!(
            "`{text}` has a quote that is not closed"
        )));
    }
    Ok(fields
        .into_iter()
        .map(|field| match field.split_once('=') {
            Some((key, value)) => (key.trim().to_ascii_lowercase(), Some(value.to_owned())),
            None => (field, None),
        })
        .collect())
}

/// Where the files of a build come from.
pub fn context(text: &str) -> Result<ContextSource, CommandError> {
    if cooperage_runtime::build::request::is_url(text) {
        return Ok(ContextSource::Url(text.to_owned()));
    }
    let path = PathBuf::from(text);
    let missing = |why: &str| {
        CommandError::new(Kind::NotFound, format!("the build context `{text}` {why}"))
            .hint("the context is a folder with the files to copy, such as `.`")
    };
    match std::fs::metadata(&path) {
        Ok(meta) if meta.is_dir() => Ok(ContextSource::Folder(path)),
        Ok(_)
            if path
                .file_name()
                .is_some_and(|name| name.to_string_lossy().contains("ockerfile")) =>
        {
            Err(missing("is a file").hint(format!("did you mean `-f {text} .`?")))
        }
        Ok(_) => Err(missing("is not a folder")),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Err(missing("does not exist"))
        }
        Err(error) => Err(CommandError::file("read the build context", &path, &error)),
    }
}

/// `--build-context`'s source.
pub fn named_context(source: &str) -> Result<NamedContext, CommandError> {
    let context = cooperage_runtime::build::request::named_context(source)
        .map_err(|error| CommandError::usage(format!("--build-context: {error}")))?;
    if matches!(&context, NamedContext::Local(folder) if !Path::new(folder).is_dir()) {
        return Err(CommandError::new(
            Kind::NotFound,
            format!("--build-context: the folder `{source}` does not exist"),
        ));
    }
    Ok(context)
}

/// `--secret id=ID[,src=FILE|,env=NAME][,type=file|env]`.
fn secret(text: &str) -> Result<Secret, CommandError> {
    let (mut id, mut file, mut env, mut kind) = (None, None, None, None);
    for (key, value) in fields(text)? {
        let Some(value) = value else {
            return Err(CommandError::usage(format!(
                "--secret: `{key}` should be KEY=VALUE"
            )));
        };
        match key.as_str() {
            "id" => id = Some(value),
            "src" | "source" => file = Some(value),
            "env" => env = Some(value),
            "type" if matches!(value.as_str(), "file" | "env") => kind = Some(value),
            "type" => {
                return Err(CommandError::usage(format!(
                    "--secret: type `{value}` is neither file nor env"
                )));
            }
            key => {
                return Err(CommandError::usage(format!(
                    "--secret: unknown key `{key}`; keys are id, src, env, type"
                )));
            }
        }
    }
    let id = id
        .filter(|id| !id.is_empty())
        .ok_or_else(|| CommandError::usage(format!("--secret {text}: no id")))?;
    let source = match (file, env, kind.as_deref()) {
        (_, Some(name), _) | (Some(name), None, Some("env")) => SecretSource::Env(name),
        (Some(path), None, _) => SecretSource::File(PathBuf::from(path)),
        (None, None, Some("env")) => SecretSource::Env(id.clone()),
        (None, None, None) if std::env::var_os(&id).is_some() => SecretSource::Env(id.clone()),
        (None, None, _) => SecretSource::File(PathBuf::from(&id)),
    };
    match &source {
        SecretSource::File(path) if !path.is_file() => Err(CommandError::new(
            Kind::NotFound,
            format!("--secret {id}: the file {} does not exist", path.display()),
        )),
        SecretSource::File(_) | SecretSource::Env(_) => Ok(Secret { id, source }),
    }
}

/// `--ssh default` or `--ssh ID=SOCKET|KEY[,KEY]`.
fn ssh(text: &str) -> Result<SshAgent, CommandError> {
    let (id, paths) = text.split_once('=').unwrap_or((text, ""));
    let id = if id.is_empty() { "default" } else { id };
    let mut paths: Vec<PathBuf> = paths
        .split(',')
        .filter(|path| !path.is_empty())
        .map(PathBuf::from)
        .collect();
    if paths.is_empty() {
        let socket = std::env::var_os("SSH_AUTH_SOCK").filter(|socket| !socket.is_empty());
        let socket = socket.ok_or_else(|| {
            CommandError::new(
                Kind::NotFound,
                format!("--ssh {text}: no agent is running (SSH_AUTH_SOCK is not set)"),
            )
            .hint(format!(
                "name a key instead: `--ssh {id}=~/.ssh/id_ed25519`"
            ))
        })?;
        paths.push(socket.into());
    }
    Ok(SshAgent {
        id: id.to_owned(),
        paths,
    })
}

/// `--add-host NAME:IP` or `NAME=IP`; an IPv6 address may stand in brackets.
fn add_host(text: &str) -> Result<(String, String), CommandError> {
    let parts = text.split_once('=').or_else(|| text.split_once(':'));
    let error = || CommandError::usage(format!("`--add-host {text}` should be --add-host NAME:IP"));
    let (name, address) = parts
        .filter(|(name, _)| !name.is_empty())
        .ok_or_else(error)?;
    let address = address
        .strip_prefix('[')
        .and_then(|a| a.strip_suffix(']'))
        .unwrap_or(address);
    address.parse::<std::net::IpAddr>().map_err(|_| error())?;
    Ok((name.to_owned(), address.to_owned()))
}

/// `--ulimit NAME=SOFT[:HARD]`; `-1` is no limit.
fn ulimit(text: &str) -> Result<(String, i64, i64), CommandError> {
    let error = || {
        CommandError::usage(format!(
            "`--ulimit {text}` should be --ulimit NAME=SOFT[:HARD]"
        ))
    };
    let (name, limits) = pair("--ulimit", text)?;
    let (soft, hard) = limits.split_once(':').unwrap_or((limits, limits));
    let (soft, hard): (i64, i64) = (
        soft.parse().map_err(|_| error())?,
        hard.parse().map_err(|_| error())?,
    );
    if hard != -1 && (soft == -1 || soft > hard) {
        return Err(CommandError::usage(format!(
            "--ulimit {name}: the soft limit {soft} is above the hard limit {hard}"
        )));
    }
    Ok((name.to_owned(), soft, hard))
}

/// `--network`.
pub fn network(text: &str) -> Result<NetworkMode, CommandError> {
    match text {
        "default" | "" => Ok(NetworkMode::Default),
        "none" => Ok(NetworkMode::None),
        "host" => Ok(NetworkMode::Host),
        other => Err(CommandError::usage(format!(
            "--network `{other}` is none of default, none, host"
        ))),
    }
}

/// `--output`: `type=…,dest=…`, a folder, or `-` for an archive on standard output.
pub fn output(text: &str) -> Result<Output, CommandError> {
    let plain = |kind, dest| Output {
        kind,
        dest,
        tar: None,
        compression: None,
        name: None,
    };
    if text == "-" {
        return Ok(plain(OutputKind::Tar, None));
    }
    let fields = fields(text)?;
    if let [(folder, None)] = &fields[..] {
        return Ok(plain(OutputKind::Local, Some(PathBuf::from(folder))));
    }
    let (mut kind, mut made) = (None, plain(OutputKind::Image, None));
    for (key, value) in fields {
        let value = value
            .ok_or_else(|| CommandError::usage(format!("--output: `{key}` should be KEY=VALUE")))?;
        match key.as_str() {
            "type" => kind = Some(output_kind(&value)?),
            "dest" if value == "-" => made.dest = None,
            "dest" => made.dest = Some(PathBuf::from(value)),
            "tar" => made.tar = Some(boolean("tar", &value)?),
            "compression" => made.compression = Some(value),
            "name" => made.name = Some(value),
            // Said by scripts written for BuildKit; neither changes what is written here.
            "push" if !boolean("push", &value)? => {}
            "oci-mediatypes" | "force-compression" | "rewrite-timestamp" | "unpack" | "store" => {
                boolean(&key, &value)?;
            }
            key => {
                let known = ["type", "dest", "tar", "compression", "name"];
                let mut error = CommandError::usage(format!("--output: unknown key `{key}`"));
                if let Some(near) = crate::near::nearest(key, known) {
                    error = error.hint(format!("did you mean `{near}`?"));
                }
                return Err(error);
            }
        }
    }
    made.kind = kind.ok_or_else(|| CommandError::usage(format!("--output {text}: no type")))?;
    if made.kind == OutputKind::Local && made.dest.is_none() {
        return Err(CommandError::usage("--output type=local needs dest=FOLDER"));
    }
    Ok(made)
}

fn output_kind(text: &str) -> Result<OutputKind, CommandError> {
    match text {
        "image" => Ok(OutputKind::Image),
        "oci" => Ok(OutputKind::Oci),
        "docker" => Ok(OutputKind::Docker),
        "tar" => Ok(OutputKind::Tar),
        "local" => Ok(OutputKind::Local),
        other => Err(CommandError::usage(format!(
            "--output: type `{other}` is none of image, oci, docker, tar, local"
        ))),
    }
}

fn boolean(key: &str, text: &str) -> Result<bool, CommandError> {
    match text {
        "true" | "1" => Ok(true),
        "false" | "0" => Ok(false),
        other => Err(CommandError::usage(format!(
            "--output: {key}={other} is neither true nor false"
        ))),
    }
}

fn read_stdin() -> Result<Vec<u8>, CommandError> {
    let mut bytes = Vec::new();
    match std::io::stdin().lock().read_to_end(&mut bytes) {
        Ok(_) => Ok(bytes),
        Err(error) => Err(CommandError::new(
            Kind::Storage,
            format!("cannot read standard input: {error}"),
        )),
    }
}

fn text_of(path: &Path, text: Vec<u8>) -> DockerfileSource {
    DockerfileSource::Text {
        text,
        name: path.display().to_string(),
        path: Some(path.to_owned()),
    }
}

fn stdin_dockerfile(text: Vec<u8>) -> DockerfileSource {
    DockerfileSource::Text {
        text,
        name: "-".to_owned(),
        path: None,
    }
}

/// `build -`: an archive with the context, or the Dockerfile alone.
fn stdin_context(
    bytes: Vec<u8>,
    dockerfile: DockerfileSource,
) -> Result<(ContextSource, DockerfileSource), CommandError> {
    if !is_archive(&bytes) {
        if dockerfile != DockerfileSource::Default {
            return Err(CommandError::usage(
                "standard input is a Dockerfile, so `--file` makes no sense",
            ));
        }
        return Ok((ContextSource::Empty, stdin_dockerfile(bytes)));
    }
    let folder = std::env::temp_dir();
    let file = unnamed_file(&folder, &bytes)
        .map_err(|error| CommandError::file("write", &folder, &error))?;
    // Open to the end of the program, which reads standard input once.
    let number = std::os::fd::IntoRawFd::into_raw_fd(file);
    let path = PathBuf::from(format!("/proc/self/fd/{number}"));
    Ok((ContextSource::Archive(path), dockerfile))
}

/// A file without a name, which nobody else finds and nobody has to remove; in memory where `folder` has no such files.
fn unnamed_file(folder: &Path, bytes: &[u8]) -> std::io::Result<std::fs::File> {
    use rustix::fs::{MemfdFlags, Mode, OFlags, memfd_create, open};
    use std::io::Write;
    let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
    let fd = open(folder, flags, Mode::RUSR | Mode::WUSR)
        .or_else(|_| memfd_create("context", MemfdFlags::CLOEXEC))?;
    let mut file = std::fs::File::from(fd);
    file.write_all(bytes)?;
    Ok(file)
}

/// Tells archives, packed or not, from text by their first bytes.
fn is_archive(bytes: &[u8]) -> bool {
    let packed: [&[u8]; 4] = [b"\x1f\x8b", b"BZh", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd"];
    packed.iter().any(|magic| bytes.starts_with(magic)) || bytes.get(257..262) == Some(b"ustar")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_are_read_as_docker_writes_them() {
        let of = |text| output(text).unwrap();
        assert_eq!(of("-").kind, OutputKind::Tar);
        assert_eq!(of("out").kind, OutputKind::Local);
        assert_eq!(of("out").dest, Some("out".into()));
        let oci = of("type=oci,dest=x.tar,tar=false,compression=zstd");
        assert_eq!(
            (oci.kind, oci.tar, oci.compression.as_deref()),
            (OutputKind::Oci, Some(false), Some("zstd"))
        );
        assert_eq!(of("type=docker,dest=-").dest, None);
        assert_eq!(of("type=tar,\"dest=a,b.tar\"").dest, Some("a,b.tar".into()));
        assert_eq!(
            output("type=oci,dset=x").unwrap_err().hints,
            ["did you mean `dest`?"]
        );
        assert!(output("type=local").is_err());
    }

    #[test]
    fn hosts_and_limits_are_read() {
        assert_eq!(
            add_host("my.host:1.2.3.4").unwrap(),
            ("my.host".into(), "1.2.3.4".into())
        );
        assert_eq!(add_host("v6=[::1]").unwrap(), ("v6".into(), "::1".into()));
        assert!(add_host("nothing").is_err());
        assert_eq!(
            ulimit("nofile=1062:2000").unwrap(),
            ("nofile".into(), 1062, 2000)
        );
        assert_eq!(ulimit("core=-1").unwrap(), ("core".into(), -1, -1));
        assert!(ulimit("nofile=5:4").is_err());
    }

    #[test]
    fn build_arguments_keep_everything_behind_the_first_equals_sign() {
        let options = BuildOptions {
            build_args: vec![
                "A=\"q\" $x 'y'".into(),
                "B=".into(),
                "COOPER_NOT_SET_ANYWHERE".into(),
                "C=a=b".into(),
            ],
            context: Some(".".into()),
            ..BuildOptions::default()
        };
        let args = options.as_written().unwrap().build_args;
        let args: Vec<(&str, &str)> = args.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        assert_eq!(args, [("A", "\"q\" $x 'y'"), ("B", ""), ("C", "a=b")]);
    }

    #[test]
    fn a_dockerfile_given_as_context_is_explained() {
        let folder = std::env::temp_dir().join(format!("cooper-request-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let file = folder.join("Dockerfile");
        std::fs::write(&file, "FROM scratch\n").unwrap();
        let error = context(file.to_str().unwrap()).unwrap_err();
        assert!(
            error.hints.iter().any(|hint| hint.contains("-f ")),
            "{error:?}"
        );
        assert_eq!(context("no/such/folder").unwrap_err().kind, Kind::NotFound);
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn archives_are_told_from_dockerfiles() {
        assert!(is_archive(b"\x1f\x8b\x08rest"));
        assert!(!is_archive(b"FROM scratch\n"));
        let mut tar = vec![0; 512];
        tar[257..262].copy_from_slice(b"ustar");
        assert!(is_archive(&tar));
    }
}
