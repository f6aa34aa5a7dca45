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
mod digest;
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
use std::path::PathBuf;
use std::sync::Arc;

/// The store: a cheap handle, used from several threads and beside other processes.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    paths: Paths,
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
        let _ = paths;
        todo!()
    }

    /// Opens the store for reading; `None` when there is none. Changes nothing on disk.
    pub fn open_read_only(paths: &Paths) -> Result<Option<Self>, StoreError> {
        let _ = paths;
        todo!()
    }

    /// The folders it lives in.
    pub fn paths(&self) -> &Paths {
        &self.inner.paths
    }
}
