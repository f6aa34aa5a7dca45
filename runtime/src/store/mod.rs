//! What several processes share: blobs, layers, images, the build cache and its history.
//!
//! Files are the truth and are content-addressed: a blob is `blobs/sha256/<hex>`, a layer is `layers/<diff id>/{fs,index}`.
//! Both appear by one rename, so they are either whole or absent. SQLite holds the rest (images, tags, records, history);
//! its rows are written after the files they name. A process that is killed leaves at most an unlocked folder below `work`
//! ([`Lease`]), which the next one to open the store deletes.

mod apply;
mod blobs;
mod cache;
mod commit;
mod db;
pub(crate) mod digest;
mod gc;
mod images;
mod index;
mod layers;
mod lease;
mod overlay;
mod tar;
mod tree;

pub use apply::{UnpackError, UnpackLimits, UnpackOptions, unpack};
pub use blobs::{Blob, BlobError, BlobWriter};
pub use cache::{BuildDocument, NewRecord, Record, StepRun};
pub use digest::{CacheKey, DiffId};
pub use gc::{CollectOptions, Collected};
pub use images::{ImageDetails, ImageDocuments, ImageError, ImageRecord};
pub use index::{Entry, EntryKind, LayerIndex};
pub use layers::{CommitOptions, Layer, LayerBlob, LayerDraft, LayerError};
pub use lease::Lease;
pub use overlay::{OverlayXattrs, overlay_xattrs};

use crate::engine::Paths;
use db::Db;
use std::fs::{DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

/// The store: a cheap handle, used from several threads and beside other processes.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    paths: Paths,
    db: Db,
    read_only: bool,
    /// Names this start of the machine.
    boot: OnceLock<String>,
}

/// What can go wrong with the store as such. Messages name the file and what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// A folder or file of the store cannot be used.
    #[error("cannot {doing} {}: {source}", path.display())]
    Io {
        /// `create`, `read`, ….
        doing: &'static str,
        /// The file.
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    /// Made by a newer version of the program.
    #[error("{} was written by a newer version (schema {found}, this one knows {known}): update `cooper`, or set COOPERAGE_ROOT to another folder", path.display())]
    Newer {
        path: PathBuf,
        found: i64,
        known: i64,
    },
    /// Another process holds the database for longer than we wait.
    #[error("{} is busy: another `cooper` has been writing for more than 10 s; try again", path.display())]
    Busy { path: PathBuf },
    /// No space for the database.
    #[error("no space left for {}: free some, for example with `cooper prune`", path.display())]
    Full { path: PathBuf },
    /// The file is no database or is damaged.
    #[error("{} is damaged ({detail}): move it away and its images have to be built or pulled again", path.display())]
    Corrupt { path: PathBuf, detail: String },
    /// The store was opened read-only.
    #[error("the store {} was opened read-only", path.display())]
    ReadOnly { path: PathBuf },
    /// Any other answer of SQLite.
    #[error("cannot use {}: {source}", path.display())]
    Database {
        path: PathBuf,
        #[source]
        source: rusqlite::Error,
    },
}

impl Store {
    /// Opens the store, making its folders (mode 0700) and schema when needed, and collects what killed processes left.
    pub fn open(paths: &Paths) -> Result<Self, StoreError> {
        // The database is made last: with it, all folders are there.
        if !paths.database().exists() {
            for folder in [
                paths.root().to_owned(),
                paths.blobs(),
                paths.layers(),
                paths.work(),
                paths.containers(),
            ] {
                make_folder(&folder)?;
            }
        }
        let db = Db::open(paths.database(), || lease::lock_exclusive(paths))?;
        lease::collect_dead(paths)?;
        Ok(Self {
            inner: Arc::new(Inner {
                paths: paths.clone(),
                db,
                read_only: false,
                boot: OnceLock::new(),
            }),
        })
    }

    /// Opens the store for reading; `None` when there is none. Changes nothing on disk but SQLite's own shared memory.
    pub fn open_read_only(paths: &Paths) -> Result<Option<Self>, StoreError> {
        let db = Db::open_read_only(paths.database())?;
        Ok(db.map(|db| Self {
            inner: Arc::new(Inner {
                paths: paths.clone(),
                db,
                read_only: true,
                boot: OnceLock::new(),
            }),
        }))
    }

    /// The folders it lives in.
    pub fn paths(&self) -> &Paths {
        &self.inner.paths
    }

    fn is_read_only(&self) -> bool {
        self.inner.read_only
    }

    /// The kernel's id of this start of the machine; empty where it does not tell, which makes nothing doubtful.
    fn boot(&self) -> &str {
        self.inner.boot.get_or_init(|| {
            std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default()
        })
    }

    fn db(&self) -> &Db {
        &self.inner.db
    }
}

impl StoreError {
    fn io(doing: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io {
            doing,
            path,
            source,
        }
    }
}

/// Makes a folder and those above it, closed to others whatever the umask.
fn make_folder(path: &Path) -> Result<(), StoreError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(StoreError::io("create", path))
}

/// Makes a rename or a new name in `folder` survive a power cut.
fn sync_folder(folder: &Path) -> Result<(), StoreError> {
    File::open(folder)
        .and_then(|f| f.sync_all())
        .map_err(StoreError::io("write", folder))
}
