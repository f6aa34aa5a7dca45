//! Steps that change files without running anything: COPY, ADD and WORKDIR.
//!
//! Each computes the new layer as a value first (`draft`), looking only at attributes, and then writes it: into an
//! empty folder of ours, below handles. Paths of images and archives are resolved in that value, never by the kernel, so
//! no link in them can lead anywhere.

mod archive;
pub mod copy;
mod draft;
pub mod mkdir;
mod owner;
mod write;

#[cfg(test)]
pub(super) mod tests;

use super::selection::SelectError;
use super::tree::TreeError;
use bstr::BString;
use std::io;

pub use copy::{Copied, CopyOptions, copy};
pub use mkdir::mkdir;

/// Why a COPY, ADD or WORKDIR failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CopyError {
    #[error(transparent)]
    Select(#[from] SelectError),
    #[error(transparent)]
    Tree(#[from] TreeError),
    #[error("cannot copy to `{path}`: not a directory")]
    NotADirectory { path: BString },
    #[error("cannot copy a directory over `{path}`: it exists and is not a directory")]
    DirectoryOverFile { path: BString },
    #[error("cannot copy a file over the directory `{path}`")]
    FileOverDirectory { path: BString },
    #[error("{0}")]
    Mode(String),
    #[error(
        "cannot look up `{name}` for --chown: a step with --link has no user database, use numbers"
    )]
    NameWithLink { name: String },
    #[error(
        "cannot give `{path}` the owner {uid}:{gid}: this user namespace does not have that id (see /etc/subuid and /etc/subgid)"
    )]
    Owner { path: BString, uid: u32, gid: u32 },
    #[error("cannot make the device `{path}`: only root may")]
    Device { path: BString },
    #[error("cannot unpack the tar archive `{path}`: {problem}")]
    Archive {
        path: BString,
        problem: ArchiveError,
    },
    #[error("cannot write `{path}`: {source}")]
    Write {
        path: BString,
        #[source]
        source: io::Error,
    },
    #[error("source number {0} of the step was not prepared")]
    Unprepared(usize),
}

/// What is wrong with an archive.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArchiveError {
    #[error("{0}")]
    Read(#[source] io::Error),
    #[error("unexpected EOF")]
    Truncated,
    #[error("a header has a wrong checksum")]
    Checksum,
    #[error("`{0}` has a malformed header")]
    Header(BString),
    #[error("`{0}` has more than 1 MiB of extended headers")]
    HeaderSize(BString),
    #[error("more than {0} entries")]
    Entries(u64),
    #[error("`{path}` lies in {depth} folders, more than are allowed")]
    Depth { path: BString, depth: usize },
    #[error("`{path}`: no such file or directory on the way to it")]
    NoFolder { path: BString },
    #[error("`{path}` lies below something that is not a directory")]
    NotADirectory { path: BString },
    #[error("`{path}` is a link to `{target}`, which does not exist")]
    LinkTarget { path: BString, target: BString },
    #[error("`{path}` has the unknown type `{kind}`")]
    Type { path: BString, kind: char },
}
