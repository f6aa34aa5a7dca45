//! Where things are: the one place that knows the folders of a store.

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

    /// Remembered digests of context files.
    pub fn context_index(&self) -> PathBuf {
        self.root.join("contexts")
    }

    /// Compiled seccomp programs and the like: may be deleted at any time.
    pub fn scratch_cache(&self) -> PathBuf {
        self.root.join("cache")
    }
}

/// The handle every front end holds.
pub struct Engine {
    paths: Paths,
}
