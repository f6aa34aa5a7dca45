//! What a build, a forecast or an editor asks for.

use cooperage_lang::instructions::NetworkMode;
use cooperage_lang::model::reference::Reference;
use cooperage_lang::plan::NamedContext;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Everything that determines a build, besides the store.
#[derive(Clone, Debug, Default)]
pub struct BuildRequest {
    /// Where the files come from.
    pub context: ContextSource,
    /// `--file`: a path, or the text itself (`-f -`, an editor's unsaved buffer).
    pub dockerfile: DockerfileSource,
    /// `--target`.
    pub target: Option<String>,
    /// `--build-arg`; a name without value takes it from the caller's environment before it comes here.
    pub build_args: BTreeMap<String, String>,
    /// `--build-context NAME=SOURCE`.
    pub contexts: BTreeMap<String, NamedContext>,
    /// `--platform`; this machine's when absent.
    pub platform: Option<String>,
    /// `--tag`.
    pub tags: Vec<String>,
    /// `--label`.
    pub labels: Vec<(String, String)>,
    /// `--no-cache`.
    pub no_cache: bool,
    /// `--no-cache-filter`: stages whose steps run whatever the cache holds.
    pub no_cache_filter: Vec<String>,
    /// `--pull`: ask the registry even for images that are here.
    pub pull: bool,
    /// `--network`.
    pub network: Option<NetworkMode>,
    /// `--add-host NAME:IP`.
    pub add_hosts: Vec<(String, String)>,
    /// `--shm-size`, bytes.
    pub shm_size: Option<u64>,
    /// `--ulimit NAME=SOFT[:HARD]`.
    pub ulimits: Vec<(String, i64, i64)>,
    /// `--secret`.
    pub secrets: Vec<Secret>,
    /// `--ssh`.
    pub ssh: Vec<SshAgent>,
    /// `--allow network.host`, `--allow security.insecure`.
    pub allow: Vec<String>,
    /// `--output`; empty means an image in the store.
    pub outputs: Vec<Output>,
    /// `SOURCE_DATE_EPOCH`, seconds; from the build argument, else the environment.
    pub source_date_epoch: Option<i64>,
    /// `--registry-plain-http HOST` and the like: registries that may be spoken to without TLS.
    pub insecure_registries: Vec<String>,
}

/// Where the build's files are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ContextSource {
    /// No files: `build -` with a Dockerfile on standard input.
    #[default]
    Empty,
    /// A folder of the host.
    Folder(PathBuf),
    /// A git repository or an archive by URL.
    Url(String),
    /// A tar archive, already read (`build -` with an archive on standard input).
    Archive(PathBuf),
}

/// Where the Dockerfile is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum DockerfileSource {
    /// `Dockerfile` in the context, or `Containerfile` when there is none.
    #[default]
    Default,
    /// A path on the host, relative to the working folder of the caller; one that does not exist is looked for in the
    /// context.
    Path(PathBuf),
    /// The text, with the name to show; `path` names the file the text belongs to, when it has one.
    Text {
        text: Vec<u8>,
        name: String,
        path: Option<PathBuf>,
    },
}

/// One `--secret`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret {
    /// Its id.
    pub id: String,
    /// Where the value is.
    pub source: SecretSource,
}

/// Where a secret's value is. Read when the step that wants it runs, kept nowhere.
#[derive(Clone, PartialEq, Eq)]
pub enum SecretSource {
    /// A file of the host.
    File(PathBuf),
    /// A variable of the caller's environment.
    Env(String),
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Secret({})", self.id)
    }
}

/// One `--ssh`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SshAgent {
    /// Its id, `default` when not given.
    pub id: String,
    /// Path of the agent's socket, or of key files.
    pub paths: Vec<PathBuf>,
}

/// One `--output`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// The kind of result.
    pub kind: OutputKind,
    /// File or folder; `None` for standard output or, for images, the store.
    pub dest: Option<PathBuf>,
    /// `tar=false`: a folder instead of an archive; `None` decides by kind.
    pub tar: Option<bool>,
    /// `compression=`: `uncompressed`, `gzip` or `zstd`.
    pub compression: Option<String>,
    /// `name=` of an image.
    pub name: Option<String>,
}

/// Kinds of `--output`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutputKind {
    /// An image in the store.
    Image,
    /// OCI layout, as archive or folder.
    Oci,
    /// What `docker load` reads.
    Docker,
    /// The root file system as an archive.
    Tar,
    /// The root file system as a folder.
    Local,
}

/// Reads the source of a named context: `docker-image://`, `oci-layout://`, `target:`, a URL, else a folder.
///
/// # Errors
/// A sentence about an image's name that is none.
pub fn named_context(source: &str) -> Result<NamedContext, String> {
    if let Some(reference) = source.strip_prefix("docker-image://") {
        let reference = Reference::parse_docker(reference);
        return reference
            .map(NamedContext::Image)
            .map_err(|error| format!("`{source}`: {error}"));
    }
    if let Some(layout) = source.strip_prefix("oci-layout://") {
        return Ok(NamedContext::OciLayout(layout.to_owned()));
    }
    if let Some(stage) = source.strip_prefix("target:") {
        return Ok(NamedContext::Stage(stage.to_owned()));
    }
    if is_url(source) {
        return Ok(NamedContext::Url(source.to_owned()));
    }
    Ok(NamedContext::Local(source.to_owned()))
}

/// The source that [`named_context`] reads as this context.
pub fn source_of(context: &NamedContext) -> String {
    match context {
        NamedContext::Image(reference) => format!("docker-image://{reference}"),
        NamedContext::OciLayout(layout) => format!("oci-layout://{layout}"),
        NamedContext::Stage(stage) => format!("target:{stage}"),
        NamedContext::Url(source) | NamedContext::Local(source) => source.clone(),
    }
}

/// Tells whether a context is a URL and not a path.
pub fn is_url(text: &str) -> bool {
    [
        "http://",
        "https://",
        "git://",
        "ssh://",
        "git@",
        "github.com/",
    ]
    .iter()
    .any(|head| text.starts_with(head))
}
