//! Layers: unpacked file-system changes, named by the digest of their tar.

use super::{BlobError, DiffId, LayerIndex, Lease, Store, StoreError, UnpackError, UnpackOptions};
use bstr::BString;
use cooperage_lang::model::reference::Digest;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// A committed layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layer {
    /// Its name.
    pub diff_id: DiffId,
    /// The folder to mount as an overlay's lower layer, `…/fs`. Not to be written to.
    pub dir: PathBuf,
    /// Sum of its files' sizes, bytes; hard links count once.
    pub size: u64,
    /// When it was made here.
    pub created: SystemTime,
}

/// How a folder becomes a layer.
#[derive(Clone, Copy, Debug, Default)]
pub struct CommitOptions {
    /// Times later than this (seconds since 1970) are set to it: `SOURCE_DATE_EPOCH`.
    pub clamp_mtime: Option<i64>,
}

/// A layer's compressed or plain tar, kept as a blob.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerBlob {
    /// The blob.
    pub digest: Digest,
    /// Its media type, which tells the compression.
    pub media_type: String,
    /// Bytes.
    pub size: u64,
}

/// Why a layer could not be made or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LayerError {
    #[error("layer {0} is not in the store")]
    Missing(DiffId),
    #[error("cannot {doing} `{path}` of a layer: {source}")]
    File {
        doing: &'static str,
        path: BString,
        #[source]
        source: std::io::Error,
    },
    #[error(
        "cannot write `{path}` into a layer: names that begin with `.wh.` mean deletions there"
    )]
    ReservedName { path: BString },
    #[error("`{path}` was changed by an overlay with `{xattr}`, whose layers cannot be copied")]
    Unsupported { path: BString, xattr: String },
    #[error("the index {} is damaged: {detail}", path.display())]
    Index { path: PathBuf, detail: &'static str },
    #[error(
        "layer {0} cannot be written as the bytes it was made from: its blob is gone or changed"
    )]
    NotReproducible(DiffId),
    #[error("layer blob {digest} has the unknown media type `{media_type}`")]
    MediaType { digest: Digest, media_type: String },
    #[error("cannot write a layer: {0}")]
    Output(#[source] std::io::Error),
    #[error(transparent)]
    Unpack(#[from] UnpackError),
    #[error(transparent)]
    Blob(#[from] BlobError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A folder that becomes a layer. Dropped without commit, it goes with its lease.
pub struct LayerDraft {
    store: Store,
    folder: PathBuf,
}

impl Store {
    /// The layer of that diff id, when it is here. Costs one small read.
    pub fn layer(&self, diff_id: &DiffId) -> Result<Option<Layer>, LayerError> {
        let _ = diff_id;
        todo!()
    }

    /// A new empty folder (0755, owned by the caller) to be filled and committed. Deletions in it are written as
    /// overlay whiteouts.
    pub fn draft_layer(&self, lease: &Lease) -> Result<LayerDraft, LayerError> {
        let _ = lease;
        todo!()
    }

    /// Makes a layer of an overlay's upper folder by renaming it; the overlay must be unmounted. Entries equal to what
    /// `lower` (bottom first, folders as in [`Layer::dir`]) shows are dropped, as are needless whiteouts, opaque marks and sockets.
    ///
    /// `upper` has to lie below the store's `work` folder.
    ///
    /// **Source:** overlayfs documentation of the kernel, *whiteouts and opaque directories*; OCI image specification, `layer.md`.
    pub fn commit_upper(
        &self,
        lease: &Lease,
        upper: PathBuf,
        lower: &[PathBuf],
        options: &CommitOptions,
    ) -> Result<Layer, LayerError> {
        let _ = (lease, upper, lower, options);
        todo!()
    }

    /// Unpacks an uncompressed layer tar, reading `tar` to its end. The tar need not be reproducible from the folder: keep its
    /// blob and name it with [`Store::set_layer_blob`]. Compare [`Layer::diff_id`] with the expected one; a wrong layer is
    /// collected with the lease.
    pub fn apply_layer(
        &self,
        lease: &Lease,
        tar: impl Read + Send,
        options: &UnpackOptions,
    ) -> Result<Layer, LayerError> {
        let _ = (lease, tar, options);
        todo!()
    }

    /// Remembers that `blob` holds the layer's tar.
    pub fn set_layer_blob(
        &self,
        diff_id: &DiffId,
        blob: &Digest,
        media_type: &str,
    ) -> Result<(), LayerError> {
        let _ = (diff_id, blob, media_type);
        todo!()
    }

    /// Blobs that hold the layer's tar and are here, newest first.
    pub fn layer_blobs(&self, diff_id: &DiffId) -> Result<Vec<LayerBlob>, LayerError> {
        let _ = diff_id;
        todo!()
    }

    /// Writes the tar whose SHA-256 is the diff id.
    pub fn write_layer_tar(&self, diff_id: &DiffId, out: &mut dyn Write) -> Result<(), LayerError> {
        let _ = (diff_id, out);
        todo!()
    }
}

impl Layer {
    /// What is in it.
    pub fn index(&self) -> Result<LayerIndex, LayerError> {
        todo!()
    }
}

impl LayerDraft {
    /// The folder to fill.
    pub fn fs(&self) -> &Path {
        let _ = &self.store;
        &self.folder
    }

    /// Makes it a layer. When the same layer is here already, that one is kept.
    pub fn commit(self) -> Result<Layer, LayerError> {
        self.commit_with(&CommitOptions::default())
    }

    /// As [`LayerDraft::commit`], with options.
    pub fn commit_with(self, options: &CommitOptions) -> Result<Layer, LayerError> {
        let _ = options;
        todo!()
    }
}
