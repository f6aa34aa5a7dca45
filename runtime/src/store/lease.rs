//! What keeps unfinished work alive: a folder and a lock that dies with its process.

use super::{DiffId, Store, StoreError};
use cooperage_lang::model::reference::Digest;
use std::path::{Path, PathBuf};

/// A folder `work/<id>/` that is deleted on drop, or by the next to open the store when this process was killed.
///
/// It also keeps layers and blobs from being collected: everything committed under it, and what [`Lease::hold`] names.
pub struct Lease {
    store: Store,
    path: PathBuf,
}

impl Store {
    /// Takes a lease.
    pub fn lease(&self) -> Result<Lease, StoreError> {
        todo!()
    }
}

impl Lease {
    /// Its folder, mode 0700.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Makes a new empty folder below it (mode 0755) whose name starts with `name`.
    pub fn folder(&self, name: &str) -> Result<PathBuf, StoreError> {
        let _ = (name, &self.store);
        todo!()
    }

    /// Keeps a layer from being collected while the lease lives; false when the layer is not here.
    pub fn hold(&self, layer: &DiffId) -> Result<bool, StoreError> {
        let _ = layer;
        todo!()
    }

    /// Keeps a blob from being collected while the lease lives; false when the blob is not here.
    pub fn hold_blob(&self, blob: &Digest) -> Result<bool, StoreError> {
        let _ = blob;
        todo!()
    }
}
