//! Git repositories, by the `git` program in a closed environment.
//!
//! Nothing a Dockerfile says can become an option, another protocol, a hook or a configuration of git, and no password
//! of a URL becomes a process argument. Submodules are fetched only when asked for.

use crate::registry::transport::{Hidden, printable};
use crate::store::Store;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cooperage_lang::model::url::GitRef;
use rustix::fs::{AtFlags, Mode, OFlags, ResolveFlags, Timespec, Timestamps};
use std::ffi::OsString;
use std::fs::File;
use std::os::fd::AsFd;
use std::path::{Component, Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use url::Url;

use crate::image::manifest::sha256;

/// Protocols that may be spoken, by git itself and for redirects and submodules too.
const PROTOCOLS: &str = "https:http:git:ssh";

/// Longest run of one git command.
const PATIENCE: Duration = Duration::from_secs(1800);

/// Settings of every command. Those of the system, the user and the repository do not count, or are overridden here.
const SETTINGS: [&str; 14] = [
    "protocol.allow=never",
    "protocol.https.allow=always",
    "protocol.http.allow=always",
    "protocol.git.allow=always",
    "protocol.ssh.allow=always",
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.autocrlf=false",
    "core.protectHFS=true",
    "credential.helper=",
    "submodule.recurse=false",
    "gc.auto=0",
    "maintenance.auto=false",
    "advice.detachedHead=false",
];

/// Why a repository could not be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GitError {
    #[error("git repository `{0}`: only https, http, git and ssh are spoken")]
    Protocol(String),
    #[error("`{0}` is not a name of a branch, tag or commit")]
    Reference(String),
    #[error("`{0}` is not a folder inside a repository")]
    Subdir(String),
    #[error("the program `git` is needed for git sources and could not be started: {0}")]
    NoGit(std::io::Error),
    #[error("`{remote}` has no branch, tag or commit `{reference}`")]
    NoReference { remote: String, reference: String },
    #[error("`{remote}` has no folder `{subdir}` at {commit}")]
    NoSubdir {
        remote: String,
        subdir: String,
        commit: String,
    },
    #[error("expected checksum to match {expected}, got {found}")]
    Checksum { expected: String, found: String },
    #[error("git {doing} of `{remote}` failed: {message}")]
    Failed {
        doing: &'static str,
        remote: String,
        message: String,
    },
    #[error("git {doing} of `{remote}` took longer than {PATIENCE:?}")]
    TimedOut { doing: &'static str, remote: String },
    #[error("cannot write `{}`: {cause}", path.display())]
    Write {
        path: PathBuf,
        cause: std::io::Error,
    },
}

/// What a reference leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolved {
    /// The commit, hexadecimal.
    pub commit: String,
    /// Name on the remote, such as `refs/heads/main`; empty when the commit itself was given.
    pub name: String,
}

/// A checked-out tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GitTree {
    /// The folder with the files: that of `subdir` when one was asked for.
    pub root: PathBuf,
    /// The commit, hexadecimal.
    pub commit: String,
    /// When it was made.
    pub committed: SystemTime,
}

/// Finds the commit that `source` names now; contacts the remote unless a whole commit is given.
///
/// **Source:** BuildKit `source/git`, `CacheKey`: a branch is preferred to a tag, an annotated tag leads to its commit.
///
/// # Errors
/// See [`GitError`].
pub async fn resolve(source: &GitRef) -> Result<Resolved, GitError> {
    let git = Git::new(source)?;
    git.resolve().await
}

/// Checks the repository out below `folder`, which must be empty or not exist. `store` keeps what was fetched.
///
/// # Errors
/// See [`GitError`].
pub async fn checkout(
    store: &Store,
    source: &GitRef,
    resolved: &Resolved,
    keep_git_dir: bool,
    folder: &Path,
) -> Result<GitTree, GitError> {
    let git = Git::new(source)?;
    let cache = store
        .paths()
        .scratch_cache()
        .join("git")
        .join(sha256(git.remote.as_bytes()).hex());
    git.checkout(&cache, resolved, keep_git_dir, folder).await
}

struct Git<'s> {
    source: &'s GitRef,
    /// The URL without password.
    remote: String,
    /// Value of an Authorization header, and the URL it is for.
    authorization: Option<(String, Hidden)>,
}

impl<'s> Git<'s> {
    fn new(source: &'s GitRef) -> Result<Self, GitError> {
        let (remote, authorization) = check_remote(&source.remote)?;
        if !source.reference.is_empty() {
            check_reference(&source.reference)?;
        }
        check_subdir(&source.subdir)?;
        Ok(Self {
            source,
            remote,
            authorization,
        })
    }

    async fn resolve(&self) -> Result<Resolved, GitError> {
        let reference = self.source.reference.as_str();
        let resolved = if is_commit(reference) {
            Resolved {
                commit: reference.to_owned(),
                name: String::new(),
            }
        } else {
            let output = self
                .run("ls-remote", None, &["ls-remote", "--", &self.remote])
                .await?;
            choose(&output, reference).ok_or_else(|| GitError::NoReference {
                remote: self.remote.clone(),
                reference: if reference.is_empty() {
                    "HEAD".to_owned()
                } else {
                    reference.to_owned()
                },
            })?
        };
        let wanted = self.source.checksum.as_str();
        if !resolved.commit.starts_with(wanted) {
            return Err(GitError::Checksum {
                expected: printable(wanted),
                found: resolved.commit,
            });
        }
        Ok(resolved)
    }

    async fn checkout(
        &self,
        cache: &Path,
        resolved: &Resolved,
        keep_git_dir: bool,
        folder: &Path,
    ) -> Result<GitTree, GitError> {
        let write = |path: &Path| {
            let path = path.to_owned();
            move |cause| GitError::Write { path, cause }
        };
        std::fs::create_dir_all(folder).map_err(write(folder))?;
        let _lock = lock(cache).await?;
        if !cache.join("HEAD").exists() {
            self.run(
                "init",
                None,
                &[
                    "init",
                    "--quiet",
                    "--bare",
                    "--template=",
                    "--",
                    &text(cache),
                ],
            )
            .await?;
        }
        let commit = resolved.commit.as_str();
        let object = format!("{commit}^{{commit}}");
        if self
            .run("lookup", Some(cache), &["cat-file", "-e", &object])
            .await
            .is_err()
        {
            self.fetch(cache, resolved).await?;
        }
        if keep_git_dir {
            self.working_copy(cache, resolved, folder).await?;
        } else {
            self.files(cache, commit, folder).await?;
        }
        let time = self
            .run(
                "log",
                Some(cache),
                &["log", "-1", "--format=%ct", commit, "--"],
            )
            .await?;
        let seconds: u64 = time.trim().parse().unwrap_or(0);
        let committed = UNIX_EPOCH + Duration::from_secs(seconds);
        let stamp = (self.source.mtime == "commit").then_some(seconds as i64);
        settle(folder, stamp).map_err(write(folder))?;
        let root = self.subdir(folder, commit)?;
        Ok(GitTree {
            root,
            commit: commit.to_owned(),
            committed,
        })
    }

    /// Brings the commit into the cache: by name, by id, and from servers that allow neither, everything.
    async fn fetch(&self, cache: &Path, resolved: &Resolved) -> Result<(), GitError> {
        let commit = resolved.commit.as_str();
        let object = format!("{commit}^{{commit}}");
        for wanted in [resolved.name.as_str(), commit]
            .into_iter()
            .filter(|w| !w.is_empty())
        {
            let command = [
                "fetch",
                "--quiet",
                "--no-tags",
                "--force",
                "--depth=1",
                "--no-recurse-submodules",
                "--",
                &self.remote,
                wanted,
            ];
            let fetched = self.run("fetch", Some(cache), &command).await;
            if fetched.is_ok()
                && self
                    .run("lookup", Some(cache), &["cat-file", "-e", &object])
                    .await
                    .is_ok()
            {
                return Ok(());
            }
        }
        let everything = ["+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"];
        let mut command = vec!["fetch", "--quiet", "--force", "--no-recurse-submodules"];
        if cache.join("shallow").exists() {
            command.push("--unshallow");
        }
        command.extend(["--", &self.remote]);
        command.extend(everything);
        self.run("fetch", Some(cache), &command).await?;
        self.run("lookup", Some(cache), &["cat-file", "-e", &object])
            .await
            .map(drop)
            .map_err(|_| GitError::NoReference {
                remote: self.remote.clone(),
                reference: commit.to_owned(),
            })
    }

    /// The files alone.
    async fn files(&self, cache: &Path, commit: &str, folder: &Path) -> Result<(), GitError> {
        let index = cache.join(format!("index.{}", std::process::id()));
        let work_tree = format!("--work-tree={}", text(folder));
        let index_variable = [("GIT_INDEX_FILE", index.clone().into_os_string())];
        let command = [
            &work_tree, "checkout", "--quiet", "--force", commit, "--", ".",
        ];
        let done = self
            .run_with("checkout", Some(cache), &command, &index_variable)
            .await;
        let _ = std::fs::remove_file(&index);
        match done {
            // An empty commit has no path that matches `.`.
            Err(GitError::Failed { message, .. }) if message.contains("did not match any file") => {
                Ok(())
            }
            other => other.map(drop),
        }
    }

    /// A repository with one commit checked out, whose origin is the remote.
    async fn working_copy(
        &self,
        cache: &Path,
        resolved: &Resolved,
        folder: &Path,
    ) -> Result<(), GitError> {
        let git_dir = folder.join(".git");
        self.run(
            "init",
            None,
            &["init", "--quiet", "--template=", "--", &text(folder)],
        )
        .await?;
        let own = [("GIT_ALLOW_PROTOCOL", OsString::from("file"))];
        let cached = text(cache);
        let commit = resolved.commit.as_str();
        let fetch = [
            "-c",
            "protocol.file.allow=always",
            "fetch",
            "--quiet",
            "--depth=1",
            "--update-shallow",
            "--no-tags",
            "--",
            &cached,
            commit,
        ];
        // The cache is ours; serving a commit by id has to be allowed there.
        self.run(
            "config",
            Some(cache),
            &["config", "uploadpack.allowAnySHA1InWant", "true"],
        )
        .await?;
        self.run_with("fetch", Some(&git_dir), &fetch, &own).await?;
        let work_tree = format!("--work-tree={}", text(folder));
        self.run(
            "remote",
            Some(&git_dir),
            &["remote", "add", "origin", &self.remote],
        )
        .await?;
        let branch = resolved.name.strip_prefix("refs/heads/");
        let branch_reference = branch.map(|b| format!("refs/heads/{b}"));
        if let Some(reference) = &branch_reference {
            self.run(
                "update-ref",
                Some(&git_dir),
                &["update-ref", reference, commit],
            )
            .await?;
            self.run(
                "symbolic-ref",
                Some(&git_dir),
                &["symbolic-ref", "HEAD", reference],
            )
            .await?;
            self.run(
                "checkout",
                Some(&git_dir),
                &[&work_tree, "reset", "--quiet", "--hard", commit],
            )
            .await?;
        } else {
            if resolved.name.starts_with("refs/tags/") {
                self.run(
                    "update-ref",
                    Some(&git_dir),
                    &["update-ref", &resolved.name, commit],
                )
                .await?;
            }
            let detach = [
                work_tree.as_str(),
                "checkout",
                "--quiet",
                "--force",
                "--detach",
                commit,
            ];
            self.run("checkout", Some(&git_dir), &detach).await?;
        }
        // Logs and the like hold times and names of this host.
        for name in ["logs", "hooks", "FETCH_HEAD", "ORIG_HEAD"] {
            let path = git_dir.join(name);
            let _ = if path.is_dir() {
                std::fs::remove_dir_all(&path)
            } else {
                std::fs::remove_file(&path)
            };
        }
        Ok(())
    }

    /// The asked-for folder of the tree; a link on the way there would lead out of it.
    fn subdir(&self, folder: &Path, commit: &str) -> Result<PathBuf, GitError> {
        let subdir = self.source.subdir.trim_matches('/');
        if subdir.is_empty() || subdir == "." {
            return Ok(folder.to_owned());
        }
        let missing = || GitError::NoSubdir {
            remote: self.remote.clone(),
            subdir: printable(subdir),
            commit: commit.to_owned(),
        };
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = rustix::fs::open(folder, flags, Mode::empty()).map_err(|_| missing())?;
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
        rustix::fs::openat2(root, subdir, flags, Mode::empty(), resolve).map_err(|_| missing())?;
        Ok(folder.join(subdir))
    }

    async fn run(
        &self,
        doing: &'static str,
        git_dir: Option<&Path>,
        arguments: &[&str],
    ) -> Result<String, GitError> {
        self.run_with(doing, git_dir, arguments, &[]).await
    }

    async fn run_with(
        &self,
        doing: &'static str,
        git_dir: Option<&Path>,
        arguments: &[&str],
        variables: &[(&str, OsString)],
    ) -> Result<String, GitError> {
        let mut command = tokio::process::Command::new("git");
        closed_environment(&mut command, self.remote.starts_with("http"));
        if let Some((url, header)) = &self.authorization {
            // The environment is ours alone to read; arguments are not.
            command.env("GIT_CONFIG_COUNT", "1");
            command.env("GIT_CONFIG_KEY_0", format!("http.{url}.extraHeader"));
            command.env("GIT_CONFIG_VALUE_0", header.reveal());
        }
        command.envs(variables.iter().map(|(k, v)| (k, v)));
        for setting in SETTINGS {
            command.args(["-c", setting]);
        }
        if let Some(git_dir) = git_dir {
            command.arg(format!("--git-dir={}", text(git_dir)));
        }
        command
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let child = command.spawn().map_err(GitError::NoGit)?;
        let timed_out = || GitError::TimedOut {
            doing,
            remote: self.remote.clone(),
        };
        let output = tokio::time::timeout(PATIENCE, child.wait_with_output())
            .await
            .map_err(|_| timed_out())?;
        let output = output.map_err(GitError::NoGit)?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        let line = text
            .lines()
            .rev()
            .find(|l| l.starts_with("fatal:") || l.starts_with("error:"));
        let line = line.or_else(|| text.lines().last()).unwrap_or("no message");
        Err(GitError::Failed {
            doing,
            remote: self.remote.clone(),
            message: printable(line),
        })
    }
}

fn closed_environment(command: &mut tokio::process::Command, over_http: bool) {
    command.env_clear();
    let mut kept = vec![
        "PATH",
        "SSL_CERT_FILE",
        "SSL_CERT_DIR",
        "GIT_SSL_CAINFO",
        "TMPDIR",
    ];
    kept.extend([
        "http_proxy",
        "https_proxy",
        "no_proxy",
        "all_proxy",
        "HTTPS_PROXY",
        "NO_PROXY",
        "ALL_PROXY",
    ]);
    if !over_http {
        // ssh finds its known hosts and keys there.
        kept.extend(["HOME", "SSH_AUTH_SOCK"]);
    }
    for name in kept {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    command
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_ATTR_NOSYSTEM", "1")
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("GIT_ASKPASS", "true")
        .env("GIT_ALLOW_PROTOCOL", PROTOCOLS)
        .env("GIT_PROTOCOL_FROM_USER", "0")
        .env("GIT_LFS_SKIP_SMUDGE", "1")
        .env("GIT_SSH_COMMAND", "ssh -oBatchMode=yes")
        .env("LC_ALL", "C");
}

/// The remote without password, and the header that replaces it.
fn check_remote(remote: &str) -> Result<(String, Option<(String, Hidden)>), GitError> {
    let refuse = || GitError::Protocol(hide_user(remote));
    if remote.is_empty()
        || remote.starts_with('-')
        || remote.bytes().any(|b| b.is_ascii_control() || b == b' ')
    {
        return Err(refuse());
    }
    // git would read `ext::sh -c …` as a remote helper.
    if remote.contains("::") && !remote.contains("://") {
        return Err(refuse());
    }
    let Some((scheme, rest)) = remote.split_once("://") else {
        // `user@host:path`, ssh's own form.
        let (host, path) = remote.split_once(':').ok_or_else(refuse)?;
        let user_and_host = host.split_once('@').ok_or_else(refuse)?;
        let bad = host.contains('/')
            || user_and_host.1.is_empty()
            || user_and_host.1.starts_with('-')
            || path.starts_with('-');
        return if bad {
            Err(refuse())
        } else {
            Ok((remote.to_owned(), None))
        };
    };
    if !matches!(scheme, "https" | "http" | "git" | "ssh") || rest.is_empty() {
        return Err(refuse());
    }
    let mut url = Url::parse(remote).map_err(|_| refuse())?;
    let host = url.host_str().unwrap_or_default();
    if host.is_empty() || host.starts_with('-') || url.username().starts_with('-') {
        return Err(refuse());
    }
    if !scheme.starts_with("http") || (url.username().is_empty() && url.password().is_none()) {
        return Ok((remote.to_owned(), None));
    }
    let decode = |text: &str| percent_decode(text);
    let login = format!(
        "{}:{}",
        decode(url.username()),
        decode(url.password().unwrap_or_default())
    );
    let header = Hidden::new(format!("Authorization: Basic {}", STANDARD.encode(login)));
    let _ = url.set_username("");
    let _ = url.set_password(None);
    Ok((
        url.to_string(),
        Some((url.origin().ascii_serialization() + "/", header)),
    ))
}

fn percent_decode(text: &str) -> String {
    let pairs = format!("x={}", text.replace('+', "%2B"));
    url::form_urlencoded::parse(pairs.as_bytes())
        .next()
        .map(|(_, v)| v.into_owned())
        .unwrap_or_default()
}

fn hide_user(remote: &str) -> String {
    let shown = printable(remote);
    match (shown.find("://"), shown.rfind('@')) {
        (Some(scheme), Some(at)) if at > scheme => {
            format!("{}{}", &shown[..scheme + 3], &shown[at + 1..])
        }
        _ => shown,
    }
}

/// **Source:** `git-check-ref-format(1)`; a colon would make a refspec of it, a dash an option.
fn check_reference(reference: &str) -> Result<(), GitError> {
    let bad = reference.starts_with('-')
        || reference.starts_with('/')
        || reference.ends_with('.')
        || reference.contains("..")
        || reference.contains("@{")
        || reference
            .bytes()
            .any(|b| b.is_ascii_control() || b" ~^:?*[\\".contains(&b));
    if bad {
        Err(GitError::Reference(printable(reference)))
    } else {
        Ok(())
    }
}

fn check_subdir(subdir: &str) -> Result<(), GitError> {
    let outside = Path::new(subdir)
        .components()
        .any(|c| matches!(c, Component::ParentDir));
    if outside || subdir.contains('\0') {
        Err(GitError::Subdir(printable(subdir)))
    } else {
        Ok(())
    }
}

fn is_commit(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// The line of `ls-remote` that a reference means.
fn choose(listing: &str, reference: &str) -> Option<Resolved> {
    let find = |name: &str| {
        listing
            .lines()
            .filter_map(|line| line.split_once('\t'))
            .find(|(commit, found)| *found == name && is_commit(commit))
            .map(|(commit, _)| commit.to_owned())
    };
    let found = |name: String, commit: String| Some(Resolved { commit, name });
    if reference.is_empty() || reference == "HEAD" {
        return found("HEAD".to_owned(), find("HEAD")?);
    }
    let whole = format!("refs/{}", reference.trim_start_matches("refs/"));
    let head = format!("refs/heads/{}", reference.trim_start_matches("refs/heads/"));
    let tag = format!("refs/tags/{}", reference.trim_start_matches("refs/tags/"));
    for name in [whole, head, tag] {
        // An annotated tag is an object of its own; its commit is listed below it.
        if let Some(commit) = find(&format!("{name}^{{}}")).or_else(|| find(&name)) {
            return found(name, commit);
        }
    }
    None
}

/// One checkout of a repository at a time: the cache has one `shallow` file.
async fn lock(cache: &Path) -> Result<File, GitError> {
    let write = |cause| GitError::Write {
        path: cache.to_owned(),
        cause,
    };
    let folder = cache.parent().unwrap_or(cache);
    std::fs::create_dir_all(folder).map_err(write)?;
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(cache.with_extension("lock"));
    let file = file.map_err(write)?;
    loop {
        match rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(file),
            Err(rustix::io::Errno::WOULDBLOCK) => {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            Err(error) => return Err(write(error.into())),
        }
    }
}

/// Gives the tree the modes git knows, whatever the caller's umask, and one time when asked.
fn settle(folder: &Path, stamp: Option<i64>) -> std::io::Result<()> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    settle_folder(&rustix::fs::open(folder, flags, Mode::empty())?, stamp)
}

fn settle_folder(folder: &impl AsFd, stamp: Option<i64>) -> std::io::Result<()> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    for entry in rustix::fs::Dir::read_from(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        if matches!(name.to_bytes(), b"." | b"..") {
            continue;
        }
        let found = rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW)?;
        match rustix::fs::FileType::from_raw_mode(found.st_mode) {
            rustix::fs::FileType::Directory => {
                let inner =
                    rustix::fs::openat(folder, name, flags | OFlags::DIRECTORY, Mode::empty())?;
                settle_folder(&inner, stamp)?;
            }
            rustix::fs::FileType::RegularFile => {
                let mode = if found.st_mode & 0o100 != 0 {
                    0o755
                } else {
                    0o644
                };
                let file = rustix::fs::openat(folder, name, flags, Mode::empty())?;
                rustix::fs::fchmod(file, Mode::from_raw_mode(mode))?;
            }
            _ => {}
        }
        if let Some(seconds) = stamp {
            rustix::fs::utimensat(folder, name, &times(seconds), AtFlags::SYMLINK_NOFOLLOW)?;
        }
    }
    rustix::fs::fchmod(folder, Mode::from_raw_mode(0o755))?;
    Ok(())
}

fn times(seconds: i64) -> Timestamps {
    let time = Timespec {
        tv_sec: seconds,
        tv_nsec: 0,
    };
    Timestamps {
        last_access: time,
        last_modification: time,
    }
}

/// Paths of the store are ours and text.
fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remotes_that_are_options_helpers_or_files_are_refused() {
        for bad in [
            "",
            "--upload-pack=touch /tmp/x",
            "-oProxyCommand=x",
            "ext::sh -c id",
            "ext::sh",
            "file:///etc",
            "/etc",
            "../x",
            "ssh://-oProxyCommand=x/y",
            "ssh://-x@host/y",
            "git@-oProxyCommand=x:y",
            "git@host:-x",
            "https://",
            "https://host/a b",
            "fd::17",
            "transport::https://x",
        ] {
            assert!(check_remote(bad).is_err(), "{bad}");
        }
        for good in [
            "https://host/x.git",
            "git@host:a/b.git",
            "ssh://git@host:22/x",
            "git://host/x",
            "http://127.0.0.1:1/x",
        ] {
            assert_eq!(
                check_remote(good).map(|(remote, _)| remote).ok().as_deref(),
                Some(good)
            );
        }
    }

    #[test]
    fn passwords_leave_the_url() {
        let (remote, header) = check_remote("https://me:p%40ss@host:8443/x.git").expect("a remote");
        assert_eq!(remote, "https://host:8443/x.git");
        let (url, header) = header.expect("a header");
        assert_eq!(url, "https://host:8443/");
        assert_eq!(
            header.reveal(),
            format!("Authorization: Basic {}", STANDARD.encode("me:p@ss"))
        );
        assert_eq!(hide_user("file://me:secret@host/x"), "file://host/x");
    }

    #[test]
    fn references_and_folders() {
        for bad in ["-x", "a:b", "a b", "a..b", "a^", "a~1", "x@{1}", "/x", "*"] {
            assert!(check_reference(bad).is_err(), "{bad}");
        }
        for good in ["main", "v1.0", "feature/x", "refs/pull/7/head", "a-b_c"] {
            assert!(check_reference(good).is_ok(), "{good}");
        }
        assert!(check_subdir("a/../../b").is_err());
        assert!(check_subdir("a/b").is_ok());
    }

    #[test]
    fn a_branch_is_preferred_and_tags_lead_to_commits() {
        let commit = |c: char| c.to_string().repeat(40);
        let listing = format!(
            "{}\tHEAD\n{}\trefs/heads/x\n{}\trefs/tags/v1\n{}\trefs/tags/v1^{{}}\n{}\trefs/tags/x\n{}\trefs/pull/7/head\n",
            commit('a'),
            commit('b'),
            commit('c'),
            commit('d'),
            commit('e'),
            commit('f')
        );
        let pick = |reference: &str| choose(&listing, reference).map(|r| r.commit);
        assert_eq!(pick(""), Some(commit('a')));
        assert_eq!(pick("x"), Some(commit('b')));
        assert_eq!(pick("refs/tags/x"), Some(commit('e')));
        assert_eq!(pick("v1"), Some(commit('d')));
        assert_eq!(pick("pull/7/head"), Some(commit('f')));
        assert_eq!(pick("none"), None);
    }
}
