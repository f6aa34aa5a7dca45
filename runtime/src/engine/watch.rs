//! Waiting until something that forecasts depend on has changed: files of contexts that are kept, or the store.

use super::Engine;
use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::fd::OwnedFd;
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, Reader, WatchFlags};
use rustix::io::Errno;
use std::mem::MaybeUninit;
use std::path::{Path, PathBuf};

/// What the store's watch is called among the events.
const STORE: u64 = 1;

/// What changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Changed {
    /// Files of a context.
    pub files: bool,
    /// Images, records or history.
    pub store: bool,
}

/// Waits for changes on behalf of a server. Holds nothing that anybody else waits for.
pub struct Watcher {
    engine: Engine,
    store: Option<StoreWatch>,
}

impl Engine {
    /// Somebody saw these files of the host change. Where the kernel tells of changes this adds nothing.
    pub fn files_changed(&self, paths: &[PathBuf]) {
        self.contexts().files_changed(paths);
    }

    /// Something to wait with; `None` where the kernel tells of no changes.
    pub fn watcher(&self) -> Option<Watcher> {
        let poll = self.contexts().poll()?;
        let store = StoreWatch::new(self.paths().root());
        if let Some(store) = &store {
            // Without it a build of another process shows with the next edit.
            let _ = epoll::add(
                poll,
                &store.inotify,
                EventData::new_u64(STORE),
                EventFlags::IN,
            );
        }
        Some(Watcher {
            engine: self.clone(),
            store,
        })
    }
}

impl Watcher {
    /// Blocks until something changed. Another process may be in the middle of changing more.
    ///
    /// # Errors
    /// The kernel's, which do not pass by themselves.
    pub fn wait(&mut self) -> std::io::Result<Changed> {
        let poll = self.engine.contexts().poll().ok_or(Errno::NOSYS)?;
        let mut events = Vec::with_capacity(16);
        loop {
            events.clear();
            match epoll::wait(poll, rustix::buffer::spare_capacity(&mut events), None) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
            let is_store = |event: &epoll::Event| event.data.u64() == STORE;
            let told = events.iter().any(is_store);
            let changed = Changed {
                files: events.iter().any(|event| !is_store(event)),
                store: told && self.store.as_mut().is_some_and(StoreWatch::changed),
            };
            if changed != Changed::default() {
                return Ok(changed);
            }
        }
    }
}

/// A watch on the store's folder, or while there is none on the nearest folder above it.
struct StoreWatch {
    inotify: OwnedFd,
    root: PathBuf,
    watched: PathBuf,
    watch: Option<i32>,
}

impl StoreWatch {
    fn new(root: &Path) -> Option<Self> {
        let inotify = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK).ok()?;
        let mut watch = Self {
            inotify,
            root: root.to_owned(),
            watched: PathBuf::new(),
            watch: None,
        };
        watch.begin();
        Some(watch)
    }

    /// Watches the folder, or what will hold it.
    fn begin(&mut self) {
        let flags = WatchFlags::CREATE
            | WatchFlags::MODIFY
            | WatchFlags::MOVED_TO
            | WatchFlags::DELETE_SELF
            | WatchFlags::MOVE_SELF
            | WatchFlags::ONLYDIR;
        for folder in self.root.ancestors() {
            let Ok(watch) = inotify::add_watch(&self.inotify, folder, flags) else {
                continue;
            };
            if let Some(before) = self.watch.replace(watch).filter(|before| *before != watch) {
                // Fails when that folder is gone, and the watch with it.
                let _ = inotify::remove_watch(&self.inotify, before);
            }
            folder.clone_into(&mut self.watched);
            return;
        }
    }

    /// Takes what was told; whether it was about the database. Its shared memory is written by readers too.
    fn changed(&mut self) -> bool {
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut events = Reader::new(&self.inotify, &mut buffer);
        let (mut database, mut moved) = (false, false);
        while let Ok(event) = events.next() {
            let name = event
                .file_name()
                .map(std::ffi::CStr::to_bytes)
                .unwrap_or_default();
            database |= name.starts_with(b"cooperage.db") && !name.ends_with(b"-shm");
            moved |= event
                .events()
                .intersects(ReadFlags::IGNORED | ReadFlags::DELETE_SELF | ReadFlags::MOVE_SELF);
        }
        let elsewhere = self.watched != self.root;
        if moved || elsewhere {
            self.begin();
        }
        database || (elsewhere && self.watched == self.root)
    }
}
