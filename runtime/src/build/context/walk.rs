//! Reading the folders of a context: one by one, or whole subtrees by several threads.
//!
//! Every folder is opened below the handle of its parent and its entries are looked at below its own handle, so no
//! path is walked twice and no link can lead outside.

use super::ignore::IgnoreFile;
use super::index::{Index, Key};
use super::watch::Watch;
use super::{TreeError, failed};
use crate::build::pool;
use crate::build::tree::{self, Kind, Listed, Stat, child, open_below, relative};
use bstr::{BString, ByteSlice};
use cooperage_lang::model::ignore::ParentMatches;
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{AtFlags, FileType, Mode, OFlags, RawDir};
use rustix::io::Errno;
use std::sync::{Arc, Mutex, PoisonError};

/// What a walk needs of its context.
#[derive(Clone, Copy)]
pub(super) struct Walk<'a> {
    pub(super) root: &'a OwnedFd,
    pub(super) ignore: &'a IgnoreFile,
    pub(super) index: &'a Index,
    pub(super) watch: Option<&'a Watch>,
}

/// A folder as read, sorted by name.
#[derive(Default)]
pub(super) struct Folder {
    pub(super) entries: Vec<Listed>,
    /// Excluded folders among them, which show only if something below them was taken back.
    pub(super) doubtful: Vec<BString>,
}

/// A folder to walk into.
pub(super) struct Below {
    name: BString,
    state: ParentMatches,
}

/// Attributes of a context's file: owners are not part of it.
pub(super) fn context_stat(raw: &rustix::fs::Stat) -> Stat {
    Stat {
        uid: 0,
        gid: 0,
        ..tree::stat_of(raw)
    }
}

/// Reads the folder `fd`, which is `path`; `state` is the patterns' verdict on it.
pub(super) fn read(
    walk: &Walk<'_>,
    fd: &OwnedFd,
    path: &[u8],
    state: &ParentMatches,
) -> Result<(Folder, Vec<Below>), TreeError> {
    if let Some(watch) = walk.watch {
        watch.folder(fd.as_fd(), path.as_bstr());
    }
    let patterns = walk.ignore.patterns();
    let mut folder = Folder::default();
    let mut below = Vec::new();
    let mut buffer = Vec::with_capacity(32 * 1024);
    let mut entries = RawDir::new(fd, buffer.spare_capacity_mut());
    let mut full = BString::from(if path == b"/" { b"" } else { relative(path) });
    if !full.is_empty() {
        full.push(b'/');
    }
    let base = full.len();
    while let Some(entry) = entries.next() {
        let entry = entry.map_err(|e| failed("list", path, e))?;
        let name = entry.file_name().to_bytes();
        if name == b"." || name == b".." {
            continue;
        }
        let mut excluded = false;
        let mut matches = ParentMatches::default();
        if !patterns.is_empty() {
            full.truncate(base);
            full.extend_from_slice(name);
            let verdict = patterns
                .visit(state, &full)
                .map_err(|e| walk.ignore.error(e))?;
            excluded = verdict.excluded;
            matches = verdict.matches;
            let maybe_folder = matches!(entry.file_type(), FileType::Directory | FileType::Unknown);
            if excluded && !(maybe_folder && patterns.may_reinclude_below(&full)) {
                continue;
            }
        }
        let stat = match rustix::fs::statat(fd, entry.file_name(), AtFlags::SYMLINK_NOFOLLOW) {
            Ok(raw) => context_stat(&raw),
            // Removed between the two calls.
            Err(Errno::NOENT) => continue,
            Err(e) => return Err(failed("read", &child(path, name), e)),
        };
        let name = BString::from(name);
        match stat.kind {
            // An image cannot hold a socket. **Source:** containerd `archive`.
            Kind::Socket => continue,
            Kind::Dir => {
                below.push(Below {
                    name: name.clone(),
                    state: matches,
                });
                if excluded {
                    folder.doubtful.push(name.clone());
                }
            }
            _ if excluded => continue,
            _ => {}
        }
        folder.entries.push(Listed {
            name,
            stat,
            digest: None,
        });
    }
    folder.entries.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    walk.index
        .fill(path, &mut folder.entries, |l| Key::of(&l.stat));
    Ok((folder, below))
}

struct Task {
    path: BString,
    /// Handle of the folder it lies in; the walk's own roots have none.
    parent: Option<Arc<OwnedFd>>,
    state: ParentMatches,
}

/// Reads whole subtrees. Folders that cannot be read are left out; asking for them gives the error.
pub(super) fn subtrees(
    walk: &Walk<'_>,
    roots: Vec<(BString, ParentMatches)>,
) -> Vec<(BString, Folder)> {
    let all = Mutex::new(Vec::new());
    let tasks = roots
        .into_iter()
        .map(|(path, state)| Task {
            path,
            parent: None,
            state,
        })
        .collect();
    pool::run(tasks, |task: Task, more| {
        let Some((folder, fd, below)) = visit(walk, &task) else {
            return;
        };
        let fd = Arc::new(fd);
        let path = &task.path;
        more.extend(below.into_iter().map(|b| Task {
            path: child(path, &b.name),
            parent: Some(fd.clone()),
            state: b.state,
        }));
        all.lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push((task.path, folder));
    });
    all.into_inner().unwrap_or_else(PoisonError::into_inner)
}

fn visit(walk: &Walk<'_>, task: &Task) -> Option<(Folder, OwnedFd, Vec<Below>)> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let fd = match &task.parent {
        Some(parent) => rustix::fs::openat(
            parent.as_fd(),
            tree::file_name(&task.path).as_bytes(),
            flags,
            Mode::empty(),
        )
        .ok()?,
        None => open_below(walk.root, &task.path, flags).ok()?,
    };
    let (folder, below) = read(walk, &fd, &task.path, &task.state).ok()?;
    Some((folder, fd, below))
}
