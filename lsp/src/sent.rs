//! What was sent of a document and may be asked about again.

/// Shared by all versions of a document.
#[derive(Default)]
pub(crate) struct Sent {}
