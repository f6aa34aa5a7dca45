//! Collection of what nothing reaches any more.

use super::{Store, StoreError};
use std::time::Duration;

/// What may go besides the unreachable.
#[derive(Clone, Copy, Debug, Default)]
pub struct CollectOptions {
    /// Cache records go, least recently used first, until the store's layers and blobs fit. Bytes.
    pub max_bytes: Option<u64>,
    /// Cache records not used for so long go.
    pub unused_for: Option<Duration>,
    /// Images without a name, used by nothing, go.
    pub unnamed_images: bool,
    /// Count only.
    pub dry_run: bool,
}

/// What was collected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Collected {
    pub images: usize,
    pub records: usize,
    pub layers: usize,
    pub blobs: usize,
    /// Bytes of layers and blobs.
    pub bytes: u64,
}

impl Store {
    /// Deletes what no image, pin, record or living lease reaches.
    pub fn collect(&self, options: &CollectOptions) -> Result<Collected, StoreError> {
        let _ = options;
        todo!()
    }
}
