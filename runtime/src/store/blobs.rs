//! Content-addressed files: compressed layers and whatever a registry names by digest.

use super::{Lease, Store, StoreError};
use cooperage_lang::model::reference::Digest;
use std::io::{self, Write};
use std::path::PathBuf;

/// A blob that is here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blob {
    /// The file.
    pub path: PathBuf,
    /// Bytes.
    pub size: u64,
}

/// Why a blob could not be kept.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BlobError {
    /// The content has another digest.
    #[error("content is {found}, expected {expected}")]
    WrongDigest { expected: Digest, found: Digest },
    /// The content has another length.
    #[error("content of {expected_digest} has {found} bytes, expected {expected}")]
    WrongSize {
        expected_digest: Digest,
        expected: u64,
        found: u64,
    },
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Takes a blob's bytes and hashes them on the way. Dropped without commit, nothing stays.
pub struct BlobWriter {
    store: Store,
}

impl Store {
    /// The blob of that digest, when it is here.
    pub fn blob(&self, digest: &Digest) -> Option<Blob> {
        let _ = digest;
        todo!()
    }

    /// Starts a new blob. The lease keeps it until something refers to it.
    pub fn blob_writer(&self, lease: &Lease) -> Result<BlobWriter, BlobError> {
        let _ = lease;
        todo!()
    }
}

impl BlobWriter {
    /// Bytes taken so far.
    pub fn written(&self) -> u64 {
        todo!()
    }

    /// Makes the blob durable and gives it its name. `expected` is checked first: nothing wrong is ever visible.
    pub fn commit(self, expected: Option<(&Digest, u64)>) -> Result<(Digest, u64), BlobError> {
        let _ = (expected, self.store);
        todo!()
    }
}

impl Write for BlobWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let _ = bytes;
        todo!()
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
