//! Owners by name or number: `--chown` and the user of a WORKDIR.

use super::CopyError;
use crate::build::tree::{FileTree, Kind, TreeError, resolve};
use std::io::Read;

/// Bytes of a user database that are still read. **Source:** BuildKit `ops/user_linux.go`.
const LIMIT: u64 = 10 << 20;

/// Finds uid and gid of `user[:group]` in the files of `root`. A number alone is also the group; a name alone has the
/// group of its entry; a name that is not there counts as 0.
///
/// **Source:** BuildKit `llb.WithUser` and `ops/user_linux.go` `readUser`.
///
/// # Errors
/// [`CopyError::Tree`] when the database cannot be read.
pub(super) fn look_up(text: &str, root: &dyn FileTree) -> Result<(u32, u32), CopyError> {
    let (user, group) = split(text);
    let (mut uid, mut gid) = (0, 0);
    match number(user) {
        Some(n) => (uid, gid) = (n, n),
        None if !user.is_empty() => {
            if let Some(found) = entry(root, b"/etc/passwd", user)? {
                uid = field(&found, 2);
                gid = field(&found, 3);
            }
        }
        None => {}
    }
    if let Some(group) = group {
        match number(group) {
            Some(n) => gid = n,
            None if !group.is_empty() => {
                if let Some(found) = entry(root, b"/etc/group", group)? {
                    gid = field(&found, 2);
                }
            }
            None => {}
        }
    }
    Ok((uid, gid))
}

/// The first name in `user[:group]` that is no number.
pub(super) fn name_in(text: &str) -> Option<&str> {
    let (user, group) = split(text);
    [Some(user), group]
        .into_iter()
        .flatten()
        .find(|part| !part.is_empty() && number(part).is_none())
}

fn split(text: &str) -> (&str, Option<&str>) {
    match text.split_once(':') {
        Some((user, group)) => (user, Some(group)),
        None => (text, None),
    }
}

fn number(text: &str) -> Option<u32> {
    text.parse().ok()
}

fn field(line: &[u8], n: usize) -> u32 {
    let text = line
        .split(|b| *b == b':')
        .nth(n)
        .and_then(|f| std::str::from_utf8(f).ok());
    text.and_then(|t| t.trim().parse().ok()).unwrap_or(0)
}

/// The line of a database whose first field is `name`; `None` when there is none, or no such database.
fn entry(root: &dyn FileTree, database: &[u8], name: &str) -> Result<Option<Vec<u8>>, CopyError> {
    let path = match resolve(root, database, true) {
        Ok(path) => path,
        Err(TreeError::NotADirectory { .. }) => return Ok(None),
        Err(e) => return Err(e.into()),
    };
    if root.lstat(&path)?.is_none_or(|s| s.kind != Kind::File) {
        return Ok(None);
    }
    let mut text = Vec::new();
    let read = root.open(&path)?.take(LIMIT).read_to_end(&mut text);
    read.map_err(|source| TreeError::Io {
        doing: "read",
        path: path.clone(),
        source,
    })?;
    let mut lines = text.split(|b| *b == b'\n').map(<[u8]>::trim_ascii);
    let found = lines.find(|line| line.split(|b| *b == b':').next() == Some(name.as_bytes()));
    Ok(found.map(<[u8]>::to_vec))
}
