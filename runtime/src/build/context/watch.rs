//! What changed below a context's folder since it was last asked, told by the kernel.
//!
//! A folder is watched before it is read, so that nothing that happens after the reading goes unseen. Events wait in the
//! kernel until somebody asks: a forecast begins by asking, and so never sees an older state than the disk has.
//! Writes through a mapping or another name of a file are not told; the next closing of the file is.

use super::super::tree::{child, is_below};
use bstr::{BStr, BString, ByteSlice};
use rustix::fd::{AsFd, AsRawFd as _, BorrowedFd, OwnedFd};
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, Reader, WatchFlags};
use std::collections::{HashMap, HashSet};
use std::mem::MaybeUninit;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// More changed paths than this are not looked at one by one.
pub(super) const MANY: usize = 64;

/// Watches on the folders of a context.
pub(super) struct Watch {
    inotify: OwnedFd,
    folders: Mutex<Folders>,
}

#[derive(Default)]
struct Folders {
    /// Paths by watch; a folder that is mounted twice has several.
    paths: HashMap<i32, Vec<BString>>,
    watched: HashSet<BString>,
    /// A folder could not be watched: nothing is sure any more.
    blind: bool,
}

/// What happened since the last question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Changes {
    /// These paths, rooted; may be none.
    Paths(Vec<BString>),
    /// Anything may have changed.
    Anything,
}

impl Watch {
    /// `None` where the kernel gives no more of them.
    pub(super) fn new() -> Option<Self> {
        let inotify = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK).ok()?;
        Some(Self {
            inotify,
            folders: Mutex::default(),
        })
    }

    /// Watches the folder `fd`, which is `path`; called before it is read.
    pub(super) fn folder(&self, fd: BorrowedFd<'_>, path: &BStr) {
        let mut folders = self.folders();
        if folders.blind || folders.watched.contains(path) {
            return;
        }
        // The handle's own name in /proc: the folder itself, whatever its path leads to by now.
        let name = format!("/proc/self/fd/{}", fd.as_raw_fd());
        match inotify::add_watch(&self.inotify, name, FLAGS) {
            Ok(watch) => {
                let paths = folders.paths.entry(watch).or_default();
                if !paths.iter().any(|known| known == path) {
                    paths.push(path.to_owned());
                }
                folders.watched.insert(path.to_owned());
            }
            // The user's limit is reached.
            Err(_) => folders.blind = true,
        }
    }

    /// What happened since the last question.
    pub(super) fn changes(&self) -> Changes {
        let mut buffer = [MaybeUninit::uninit(); 16 * 1024];
        let mut events = Reader::new(&self.inotify, &mut buffer);
        let mut folders = self.folders();
        let mut changed: Vec<BString> = Vec::new();
        let mut anything = folders.blind;
        while let Ok(event) = events.next() {
            let flags = event.events();
            if flags.contains(ReadFlags::QUEUE_OVERFLOW) {
                anything = true;
                continue;
            }
            let name = event.file_name().map(|name| name.to_bytes().as_bstr());
            if !anything {
                folders.note(event.wd(), flags, name, &mut changed);
                anything = changed.len() > MANY;
            }
        }
        if anything {
            // Everything is read again, and watched again before it.
            folders.watched.clear();
            Changes::Anything
        } else {
            Changes::Paths(changed)
        }
    }

    fn folders(&self) -> MutexGuard<'_, Folders> {
        // Only whole entries are put in.
        self.folders.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const FLAGS: WatchFlags = WatchFlags::CREATE
    .union(WatchFlags::DELETE)
    .union(WatchFlags::MODIFY)
    .union(WatchFlags::CLOSE_WRITE)
    .union(WatchFlags::MOVED_FROM)
    .union(WatchFlags::MOVED_TO)
    .union(WatchFlags::ATTRIB)
    .union(WatchFlags::DELETE_SELF)
    .union(WatchFlags::MOVE_SELF)
    .union(WatchFlags::ONLYDIR)
    .union(WatchFlags::EXCL_UNLINK);

impl AsFd for Watch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.inotify.as_fd()
    }
}

impl Folders {
    fn note(
        &mut self,
        watch: i32,
        flags: ReadFlags,
        name: Option<&BStr>,
        changed: &mut Vec<BString>,
    ) {
        let Some(paths) = self.paths.get(&watch).cloned() else {
            return;
        };
        for folder in paths {
            let path = name.map_or_else(|| folder.clone(), |name| child(&folder, name));
            let is_folder = name.is_none() || flags.contains(ReadFlags::ISDIR);
            let moved = ReadFlags::DELETE
                | ReadFlags::MOVED_FROM
                | ReadFlags::MOVED_TO
                | ReadFlags::CREATE
                | ReadFlags::DELETE_SELF
                | ReadFlags::MOVE_SELF
                | ReadFlags::IGNORED;
            if is_folder && flags.intersects(moved) {
                self.forget(path.as_bstr());
            }
            if changed.last() != Some(&path) && !flags.contains(ReadFlags::IGNORED) {
                changed.push(path);
            }
        }
        if flags.contains(ReadFlags::IGNORED) {
            self.paths.remove(&watch);
        }
    }

    /// What is at a path is another folder now, or none: it and everything below has to be watched anew.
    fn forget(&mut self, path: &BStr) {
        self.watched.retain(|known| !is_below(known, path));
        for paths in self.paths.values_mut() {
            paths.retain(|known| !is_below(known, path));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::{Mode, OFlags};
    use std::path::Path;

    fn watched(watch: &Watch, folder: &Path, path: &str) {
        let fd = rustix::fs::open(folder, OFlags::RDONLY | OFlags::DIRECTORY, Mode::empty());
        watch.folder(fd.unwrap().as_fd(), path.into());
    }

    fn changed(watch: &Watch) -> Vec<String> {
        match watch.changes() {
            Changes::Paths(paths) => {
                let mut paths: Vec<String> = paths.iter().map(ToString::to_string).collect();
                paths.sort();
                paths.dedup();
                paths
            }
            Changes::Anything => vec!["*".to_owned()],
        }
    }

    #[test]
    fn changes_are_told_by_path_and_once() {
        let folder = std::env::temp_dir().join(format!("cooperage-watch-{}", std::process::id()));
        std::fs::create_dir_all(folder.join("sub")).unwrap();
        let watch = Watch::new().expect("inotify");
        watched(&watch, &folder, "/");
        watched(&watch, &folder.join("sub"), "/sub");
        assert_eq!(changed(&watch), Vec::<String>::new());
        std::fs::write(folder.join("a"), "1").unwrap();
        std::fs::write(folder.join("sub/b"), "1").unwrap();
        assert_eq!(changed(&watch), ["/a", "/sub/b"]);
        assert_eq!(changed(&watch), Vec::<String>::new());
        std::fs::rename(folder.join("sub"), folder.join("other")).unwrap();
        assert_eq!(changed(&watch), ["/other", "/sub"]);
        for n in 0..200 {
            std::fs::write(folder.join(n.to_string()), "").unwrap();
        }
        assert_eq!(changed(&watch), ["*"]);
        std::fs::remove_dir_all(folder).unwrap();
    }
}
