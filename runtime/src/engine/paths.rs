//! Where things are: the one place that knows the folders of a store.

use super::EngineError;
use std::path::{Path, PathBuf};

/// The folders of one store. Nothing else joins path strings below the root.
#[derive(Clone, Debug)]
pub struct Paths {
    root: PathBuf,
    run: PathBuf,
}

impl Paths {
    /// Store at `root`, run-time state at `run`.
    pub fn new(root: impl Into<PathBuf>, run: impl Into<PathBuf>) -> Self {
        Self {
            root: root.into(),
            run: run.into(),
        }
    }

    /// Root of the store.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Run-time state: gone after a reboot.
    pub fn run(&self) -> &Path {
        &self.run
    }

    /// The SQLite database.
    pub fn database(&self) -> PathBuf {
        self.root.join("cooperage.db")
    }

    /// `blobs/sha256`.
    pub fn blobs(&self) -> PathBuf {
        self.root.join("blobs/sha256")
    }

    /// One folder a layer: `layers/<hex of the diff id>/{fs,index}`.
    pub fn layers(&self) -> PathBuf {
        self.root.join("layers")
    }

    /// Unfinished things, one folder a lease: `work/<lease>/…`.
    pub fn work(&self) -> PathBuf {
        self.root.join("work")
    }

    /// One folder a container.
    pub fn containers(&self) -> PathBuf {
        self.root.join("containers")
    }

    /// Folders of `RUN --mount=type=cache`.
    pub fn cache_mounts(&self) -> PathBuf {
        self.root.join("cachemounts")
    }

    /// Named volumes of `run -v`.
    pub fn volumes(&self) -> PathBuf {
        self.root.join("volumes")
    }

    /// Remembered digests of context files.
    pub fn context_index(&self) -> PathBuf {
        self.root.join("contexts")
    }

    /// What registries said of the tags of repositories.
    pub fn tags(&self) -> PathBuf {
        self.scratch_cache().join("tags")
    }

    /// Compiled seccomp programs and the like: may be deleted at any time.
    pub fn scratch_cache(&self) -> PathBuf {
        self.root.join("cache")
    }
}

/// Chooses the folders: `root` if given, else `$COOPERAGE_ROOT`, else `/var/lib/cooperage` for root and
/// `$XDG_DATA_HOME/cooperage` for others. A user's store and root's are never the same.
///
/// # Errors
/// Neither `$XDG_DATA_HOME` nor `$HOME` is set.
pub(super) fn choose(root: Option<&Path>) -> Result<Paths, EngineError> {
    let variable = |name| {
        std::env::var_os(name)
            .filter(|v| !v.is_empty())
            .map(PathBuf::from)
    };
    if let Some(root) = root
        .map(Path::to_owned)
        .or_else(|| variable("COOPERAGE_ROOT"))
    {
        let root = std::path::absolute(&root).unwrap_or(root);
        let run = root.join("run");
        return Ok(Paths::new(root, run));
    }
    if rustix::process::geteuid().is_root() && !crate::idmap::is_rootless() {
        return Ok(Paths::new("/var/lib/cooperage", "/run/cooperage"));
    }
    let home = || variable("HOME").map(|h| h.join(".local/share"));
    let data = variable("XDG_DATA_HOME")
        .or_else(home)
        .ok_or(EngineError::NoHome)?;
    let root = data.join("cooperage");
    let run = variable("XDG_RUNTIME_DIR").map_or_else(|| root.join("run"), |d| d.join("cooperage"));
    Ok(Paths::new(root, run))
}
