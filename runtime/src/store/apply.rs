//! Unpacking of tar archives below a directory handle.

use bstr::BString;
use std::io::Read;
use std::os::fd::BorrowedFd;

/// Bounds of an archive; each has its own error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnpackLimits {
    /// Entries.
    pub entries: u64,
    /// Bytes of content; `None`: what the file system has free, less a reserve.
    pub bytes: Option<u64>,
    /// Bytes of one extended header.
    pub header_bytes: u64,
    /// Folders above an entry.
    pub depth: usize,
}

impl Default for UnpackLimits {
    fn default() -> Self {
        Self {
            entries: 5_000_000,
            bytes: None,
            header_bytes: 1 << 20,
            depth: 1024,
        }
    }
}

/// How an archive is unpacked.
#[derive(Clone, Copy, Debug, Default)]
pub struct UnpackOptions {
    pub limits: UnpackLimits,
    /// `..` stays at the root (ADD of an archive) instead of being an error (layers).
    pub clamp_parents: bool,
    /// `.wh.` names mean deletions (layers).
    pub whiteouts: bool,
}

/// What is wrong with an archive, or could not be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UnpackError {
    #[error("archive ends in the middle of `{path}`")]
    Truncated { path: BString },
}

/// Unpacks an uncompressed tar into the folder `root`, never outside it.
pub fn unpack(
    tar: impl Read,
    root: BorrowedFd<'_>,
    options: &UnpackOptions,
) -> Result<(), UnpackError> {
    let _ = (tar, root, options);
    todo!()
}
