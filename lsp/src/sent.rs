//! What was sent of a document and may be asked about again.

use crate::handlers::completion::LastDocs;
use crate::handlers::contents::LastContents;
use crate::handlers::tokens::LastTokens;

/// Shared by all versions of a document.
#[derive(Default)]
pub(crate) struct Sent {
    pub(crate) docs: LastDocs,
    pub(crate) tokens: LastTokens,
    pub(crate) contents: LastContents,
}
