//! The files of the workspace's folders, as far as a server should look for them.

use crate::session::Workspace;
use cooperage_runtime::dockerfiles::{self, Limits};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Entries that are looked at in all.
const MANY: usize = 200_000;
/// Bytes of a file that are still read.
const LARGE: u64 = 16 << 20;

/// The Dockerfiles that `cooper lint` would find in the workspace's folders. What cannot be read holds nothing that could
/// be opened.
pub(crate) fn dockerfiles(workspace: &Workspace) -> Vec<PathBuf> {
    let limits = Limits {
        entries: MANY,
        cancel: workspace.cancel.clone(),
    };
    let setup = &workspace.setup;
    dockerfiles::find(&setup.folders, &setup.finder, &limits).files
}

/// The bytes of a file of a sensible size.
pub(crate) fn read(path: &Path) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let file = File::open(path).ok()?;
    file.take(LARGE + 1).read_to_end(&mut bytes).ok()?;
    (bytes.len() as u64 <= LARGE).then_some(bytes)
}
