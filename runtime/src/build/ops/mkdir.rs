//! WORKDIR: a folder and its parents.

use super::draft::{Draft, Meta};
use super::{CopyError, CopyOptions, owner, write};
use crate::build::stack::LayerStack;
use cooperage_lang::plan::Mkdir;
use std::path::Path;

/// Writes into the empty folder `out` what a WORKDIR adds to `root`: missing folders, mode 0755, owned by the user in
/// force. Links on the way are followed inside the root. Nothing is written when the folder is there.
///
/// **Source:** BuildKit `dispatchWorkdir` and `file.mkdir`.
///
/// # Errors
/// [`CopyError::NotADirectory`] when a file is in the way; see [`CopyError`].
pub fn mkdir(
    op: &Mkdir,
    root: &LayerStack,
    out: &Path,
    options: &CopyOptions,
) -> Result<(), CopyError> {
    let (uid, gid) = if op.user.is_empty() {
        (0, 0)
    } else {
        owner::look_up(&op.user, root)?
    };
    let mut draft = Draft::new(root)?;
    let path = draft.resolve(op.path.as_bytes())?;
    draft.make_dirs(
        &path,
        Meta {
            mode: 0o755,
            uid,
            gid,
            mtime: options.created(),
        },
    )?;
    write::write(&draft, &[], out, None)?;
    Ok(())
}
