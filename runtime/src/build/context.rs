//! The build context: a folder of the host, seen through its ignore file.
//!
//! Folders are read when they are asked for, a whole subtree by several threads when it is announced
//! ([`FileTree::prefetch`]), so that a build pays only for what its COPY, ADD and bind mounts can select. Digests of
//! files are remembered between builds by what the kernel tells of a file; see `index` for when that is believed.
//! Owners are not part of a context (every file belongs to 0:0), nor are extended attributes: BuildKit drops both.
//!
//! A context that a server keeps ([`Context::keep_watch`]) stays as it was read until the kernel tells of a change
//! ([`Context::catch_up`]); what was selected from it is kept as long.

pub mod ignore;
mod index;
mod kept;
mod walk;
mod watch;

#[cfg(test)]
mod tests;

pub use kept::Contexts;

use super::content::ContentManifest;
use super::tree::{
    self, ContentDigest, FileTree, Kind, Listed, Listing, MissingHint, Stat, TreeError, Xattrs,
    child, elements, file_name, is_below, open_below, parent, relative,
};
use bstr::{BStr, BString, ByteSlice};
use cooperage_lang::model::ignore::ParentMatches;
use ignore::IgnoreFile;
use index::{Index, Key};
use rustix::fd::{AsFd as _, BorrowedFd, OwnedFd};
use rustix::fs::{AtFlags, OFlags};
use rustix::io::Errno;
use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, SystemTime};
use walk::Folder;
use watch::{Changes, Watch};

/// The files of a context. Shared by threads; reads each folder once, until [`Context::refresh`].
pub struct Context {
    root: OwnedFd,
    path: PathBuf,
    ignore: IgnoreFile,
    index_file: Option<PathBuf>,
    index: Index,
    /// How long a change may stay unseen because the clock of the file system stands still.
    resolution: Resolution,
    state: RwLock<State>,
    /// Digests computed by this process, by path.
    fresh: Mutex<HashMap<BString, Fresh>>,
    watch: Option<Watch>,
}

#[derive(Default)]
struct State {
    /// Counts refreshes: what was read before one is not kept after it.
    generation: u64,
    /// Digests that were computed when they were last written into the listings.
    written: usize,
    /// What selections hold; see [`Context::selected`].
    selected: HashMap<String, Arc<ContentManifest>>,
    /// Read by [`Context::prefetch`], not yet asked for.
    read: HashMap<BString, Folder>,
    listings: HashMap<BString, Listing>,
}

#[derive(Clone, Copy)]
struct Fresh {
    key: Key,
    digest: ContentDigest,
    /// The file cannot have changed since without its key changing.
    sure: bool,
}

/// How fine the change times of a file system are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Resolution {
    /// Change times are the kernel's own, from a clock that ticks at least every 10 ms.
    Ticks,
    /// Another machine or a user process gives the times.
    Foreign,
}

/// Two ticks of the slowest kernel clock (100 Hz).
const TICKS: Duration = Duration::from_millis(20);
/// File systems without fractions of a second count in steps of up to two (FAT).
const WHOLE_SECONDS: Duration = Duration::from_secs(2);
/// Difference to another machine's clock that is still allowed for.
const FOREIGN: Duration = Duration::from_secs(600);

/// Why a context cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ContextError {
    #[error("cannot use the build context {}: {source}", path.display())]
    Open {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("cannot read {}: {source}", path.display())]
    IgnoreFile {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("{name}: {message}")]
    Pattern { name: String, message: String },
    #[error("cannot write {}: {source}", path.display())]
    Index {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
}

impl Context {
    /// Opens the folder `path`. Digests are remembered in a file below `indexes`
    /// ([`Paths::context_index`](crate::engine::Paths::context_index)) when that is given.
    ///
    /// # Errors
    /// [`ContextError::Open`] when it is no folder that can be read.
    pub fn open(
        path: &Path,
        ignore: IgnoreFile,
        indexes: Option<&Path>,
    ) -> Result<Self, ContextError> {
        let failed = |source: io::Error| ContextError::Open {
            path: path.to_owned(),
            source,
        };
        // The index is found by the real path: the same folder under two names has one.
        let real = path.canonicalize().map_err(failed)?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = rustix::fs::open(&real, flags, rustix::fs::Mode::empty())
            .map_err(|e| failed(e.into()))?;
        let resolution = resolution_of(&root);
        let index_file = indexes.map(|folder| folder.join(index::file_name(&real)));
        let index = index_file.as_deref().map(Index::read).unwrap_or_default();
        Ok(Self {
            root,
            path: real,
            ignore,
            index_file,
            index,
            resolution,
            state: RwLock::default(),
            fresh: Mutex::default(),
            watch: None,
        })
    }

    /// Watches every folder that is read from now on, where the file system tells of changes; see [`Context::catch_up`].
    #[must_use]
    pub fn keep_watch(mut self) -> Self {
        if self.resolution == Resolution::Ticks {
            self.watch = Watch::new();
        }
        if let Some(watch) = &self.watch {
            watch.folder(self.root.as_fd(), "/".into());
        }
        self
    }

    /// Whether the folder is still the one that was opened, and not another that took its name.
    pub fn is_in_place(&self) -> bool {
        let here = rustix::fs::stat(&self.path);
        let opened = rustix::fs::fstat(&self.root);
        matches!((here, opened), (Ok(a), Ok(b)) if (a.st_dev, a.st_ino) == (b.st_dev, b.st_ino))
    }

    /// Becomes readable when something changed below a watched folder.
    pub fn changed(&self) -> Option<BorrowedFd<'_>> {
        self.watch.as_ref().map(|watch| watch.as_fd())
    }

    /// Forgets what has changed on disk since it was read; without a watch, everything. Tells whether something did that
    /// the ignore file does not hide.
    pub fn catch_up(&self) -> bool {
        match self.watch.as_ref().map(Watch::changes) {
            Some(Changes::Paths(paths)) => self.changed_at(paths),
            Some(Changes::Anything) | None => {
                self.refresh_all();
                true
            }
        }
    }

    /// Forgets what is known of changed paths, as far as they can be seen; tells whether one can. Of many all is
    /// forgotten.
    pub fn changed_at(&self, mut paths: Vec<BString>) -> bool {
        if paths.len() > watch::MANY {
            self.refresh_all();
            return true;
        }
        paths.retain(|path| self.matters(path));
        if !paths.is_empty() {
            self.refresh(&paths);
        }
        !paths.is_empty()
    }

    /// Whether a changed path can be seen through the ignore file, or is one.
    fn matters(&self, path: &[u8]) -> bool {
        if path.ends_with(b".dockerignore") || path == b"/" {
            return true;
        }
        let patterns = self.ignore.patterns();
        if patterns.is_empty() {
            return true;
        }
        match self.state_for(parent(path)) {
            Ok(Some(above)) => patterns
                .visit(&above, relative(path))
                .is_ok_and(|v| !v.excluded || patterns.may_reinclude_below(relative(path))),
            Ok(None) => false,
            Err(_) => true,
        }
    }

    /// What `name` selects, as it was when asked for last, or as `read` finds it now. Kept until the next change.
    ///
    /// # Errors
    /// Those of `read`.
    pub fn selected<E>(
        &self,
        name: &str,
        read: impl FnOnce() -> Result<ContentManifest, E>,
    ) -> Result<Arc<ContentManifest>, E> {
        let state = self.state();
        let generation = state.generation;
        if let Some(known) = state.selected.get(name) {
            return Ok(known.clone());
        }
        drop(state);
        let manifest = Arc::new(read()?);
        let mut state = self.state_mut();
        if state.generation == generation && self.watch.is_some() {
            state.selected.insert(name.to_owned(), manifest.clone());
            self.write_in(&mut state);
        }
        Ok(manifest)
    }

    /// Writes the digests that were computed into the listings, so that the next selection need not look for them.
    fn write_in(&self, state: &mut State) {
        let fresh = self.fresh.lock().unwrap_or_else(PoisonError::into_inner);
        if state.written == fresh.len() {
            return;
        }
        state.written = fresh.len();
        for (folder, listing) in &mut state.listings {
            if listing.iter().any(is_unread) {
                let mut entries = listing.to_vec();
                known_digests(&fresh, folder.as_bstr(), &mut entries);
                *listing = Arc::from(entries);
            }
        }
    }

    fn state(&self) -> RwLockReadGuard<'_, State> {
        // Whole values are put in, so a panic elsewhere leaves a usable state.
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn state_mut(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// The folder on the host.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The patterns in force.
    pub fn ignore(&self) -> &IgnoreFile {
        &self.ignore
    }

    /// Forgets what is known of these paths (rooted) and of everything below them: an editor calls it for each change
    /// the file system reports. The ignore file is not read again; a change of it needs a new [`Context`].
    pub fn refresh(&self, paths: &[BString]) {
        let gone = |known: &BString| {
            paths
                .iter()
                .any(|p| known == parent(p) || is_below(known, p))
        };
        let mut state = self.state_mut();
        state.generation += 1;
        state.selected.clear();
        state.written = 0;
        state.read.retain(|known, _| !gone(known));
        // Whether an excluded folder shows depends on what is below it, so its parents go too.
        let negated = self.ignore.patterns().has_negations();
        state.listings.retain(|known, _| {
            !(gone(known) || (negated && paths.iter().any(|p| is_below(p, known))))
        });
        drop(state);
        let mut fresh = self.fresh.lock().unwrap_or_else(PoisonError::into_inner);
        fresh.retain(|known, f| f.sure || !paths.iter().any(|p| is_below(known, p)));
    }

    /// Forgets everything but digests that cannot be wrong: the next question reads the disk.
    pub fn refresh_all(&self) {
        self.refresh(&[BString::from("/")]);
    }

    /// Writes the index file, when there is something new to remember. The file is replaced as a whole; of two processes that
    /// write at once one wins, which costs the other's next build some reading and nothing else.
    ///
    /// # Errors
    /// [`ContextError::Index`]; a build can go on without it.
    pub fn save(&self) -> Result<(), ContextError> {
        let Some(file) = &self.index_file else {
            return Ok(());
        };
        let fresh = self.fresh.lock().unwrap_or_else(PoisonError::into_inner);
        if !fresh.values().any(|f| f.sure) {
            return Ok(());
        }
        let state = self.state();
        let mut update = index::Update::new(&self.index);
        for (folder, listing) in &state.listings {
            update.folder(folder, listing);
        }
        for (path, f) in fresh.iter().filter(|(_, f)| f.sure) {
            update.file(parent(path), file_name(path), f.key, f.digest);
        }
        update.write(file).map_err(|source| ContextError::Index {
            path: file.clone(),
            source,
        })
    }

    /// The patterns' verdict on the folders above `path`; `None` when one of them hides everything below it.
    fn state_for(&self, path: &[u8]) -> Result<Option<ParentMatches>, TreeError> {
        let patterns = self.ignore.patterns();
        let mut state = patterns.root();
        if patterns.is_empty() {
            return Ok(Some(state));
        }
        let mut done = BString::default();
        for element in elements(path) {
            if !done.is_empty() {
                done.push(b'/');
            }
            done.extend_from_slice(element);
            let verdict = patterns
                .visit(&state, &done)
                .map_err(|e| self.ignore.error(e))?;
            if verdict.excluded && !patterns.may_reinclude_below(&done) {
                return Ok(None);
            }
            state = verdict.matches;
        }
        Ok(Some(state))
    }

    /// Attributes of a path whose folder was not listed.
    fn stat_alone(&self, path: &[u8]) -> Result<Option<Stat>, TreeError> {
        let Some(above) = self.state_for(parent(path))? else {
            return Ok(None);
        };
        let excluded = if self.ignore.patterns().is_empty() {
            false
        } else {
            self.ignore
                .patterns()
                .visit(&above, relative(path))
                .map_err(|e| self.ignore.error(e))?
                .excluded
        };
        let Some(stat) = self.stat_on_disk(path)? else {
            return Ok(None);
        };
        let shown = !excluded || (stat.kind == Kind::Dir && !self.list(path)?.is_empty());
        Ok((shown && stat.kind != Kind::Socket).then_some(stat))
    }

    fn stat_on_disk(&self, path: &[u8]) -> Result<Option<Stat>, TreeError> {
        let raw = open_below(&self.root, parent(path), OFlags::PATH | OFlags::DIRECTORY).and_then(
            |folder| {
                if let Some(watch) = &self.watch {
                    watch.folder(folder.as_fd(), parent(path));
                }
                rustix::fs::statat(
                    &folder,
                    relative(file_name(path)),
                    AtFlags::SYMLINK_NOFOLLOW,
                )
            },
        );
        match raw {
            Ok(raw) => Ok(Some(walk::context_stat(&raw))),
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP | Errno::NAMETOOLONG) => {
                self.watch_above(path);
                Ok(None)
            }
            Err(e) => Err(failed("read", path, e)),
        }
    }

    /// Watches the nearest folder above something that is not there, in which it may appear.
    fn watch_above(&self, path: &[u8]) {
        let Some(watch) = &self.watch else { return };
        let mut above = parent(path);
        while above != "/" {
            let flags = OFlags::PATH | OFlags::DIRECTORY;
            if let Ok(folder) = open_below(&self.root, above, flags) {
                return watch.folder(folder.as_fd(), above);
            }
            above = parent(above);
        }
    }

    /// Reads one folder.
    fn read_folder(&self, path: &[u8]) -> Result<Folder, TreeError> {
        let Some(state) = self.state_for(path)? else {
            return Ok(Folder::default());
        };
        match open_below(&self.root, path, OFlags::RDONLY | OFlags::DIRECTORY) {
            Ok(fd) => Ok(walk::read(&self.walk(), &fd, path, &state)?.0),
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP | Errno::NAMETOOLONG) => {
                Ok(Folder::default())
            }
            Err(e) => Err(failed("list", path, e)),
        }
    }

    fn walk(&self) -> walk::Walk<'_> {
        walk::Walk {
            root: &self.root,
            ignore: &self.ignore,
            index: &self.index,
            watch: self.watch.as_ref(),
        }
    }

    /// A digest that is remembered for the file with these attributes.
    fn remembered(&self, path: &[u8], key: &Key) -> Option<ContentDigest> {
        let fresh = self.fresh.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(f) = fresh.get(path.as_bstr()).filter(|f| f.key == *key) {
            return Some(f.digest);
        }
        drop(fresh);
        self.index.find(parent(path), file_name(path), key)
    }

    /// Reads the file and remembers its digest.
    ///
    /// A digest is only sure when the file's change time lies so far back that any later change gives it another one, and
    /// when the file did not change while it was read. **Source:** git, *racy-git*.
    fn hash(&self, path: &[u8]) -> Result<ContentDigest, TreeError> {
        let io = |source| TreeError::Io {
            doing: "read",
            path: path.into(),
            source,
        };
        let mut buffer = Vec::new();
        let mut last = None;
        for _ in 0..3 {
            let file = self.open(path)?;
            let before = Key::of(&tree::stat_of(
                &rustix::fs::fstat(&file).map_err(|e| io(e.into()))?,
            ));
            let sure = self.settle(&before);
            if sure == Settled::Waited {
                continue;
            }
            let digest = tree::hash_reader(&file, &mut buffer).map_err(io)?;
            let after = Key::of(&tree::stat_of(
                &rustix::fs::fstat(&file).map_err(|e| io(e.into()))?,
            ));
            let sure = sure == Settled::Yes && after == before;
            last = Some(Fresh {
                key: after,
                digest,
                sure,
            });
            if after == before {
                break;
            }
        }
        let fresh = match last {
            Some(fresh) => fresh,
            // It kept changing while we waited: take it as it is now.
            None => Fresh {
                key: Key::default(),
                digest: tree::hash_reader(self.open(path)?, &mut buffer).map_err(io)?,
                sure: false,
            },
        };
        self.fresh
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(path.into(), fresh);
        Ok(fresh.digest)
    }

    /// Tells whether a change from now on shows in the file's change time. Waits the last ticks when that is enough.
    fn settle(&self, key: &Key) -> Settled {
        let needed = match self.resolution {
            Resolution::Foreign => FOREIGN,
            Resolution::Ticks if key.ctime.1 == 0 => WHOLE_SECONDS,
            Resolution::Ticks => TICKS,
        };
        let changed = SystemTime::UNIX_EPOCH
            + Duration::new(u64::try_from(key.ctime.0).unwrap_or(0), key.ctime.1);
        match SystemTime::now().duration_since(changed) {
            Ok(age) if age > needed => Settled::Yes,
            Ok(age) if needed == TICKS => {
                std::thread::sleep(needed.saturating_sub(age) + Duration::from_millis(1));
                Settled::Waited
            }
            _ => Settled::No,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Settled {
    Yes,
    No,
    /// Look at the file again.
    Waited,
}

impl FileTree for Context {
    fn lstat(&self, path: &[u8]) -> Result<Option<Stat>, TreeError> {
        if path == b"/" {
            let raw = rustix::fs::fstat(&self.root).map_err(|e| failed("read", path, e))?;
            return Ok(Some(walk::context_stat(&raw)));
        }
        let known = self.state().listings.get(parent(path)).cloned();
        match known {
            Some(listing) => Ok(find(&listing, file_name(path)).map(|l| l.stat)),
            None => self.stat_alone(path),
        }
    }

    fn list(&self, path: &[u8]) -> Result<Listing, TreeError> {
        let path = path.as_bstr();
        let state = self.state();
        let generation = state.generation;
        if let Some(listing) = state.listings.get(path) {
            return Ok(listing.clone());
        }
        drop(state);
        let read = self.state_mut().read.remove(path);
        let mut folder = match read {
            Some(folder) => folder,
            None => self.read_folder(path)?,
        };
        for name in std::mem::take(&mut folder.doubtful) {
            if self.list(&child(path, &name))?.is_empty() {
                folder.entries.retain(|l| l.name != name);
            }
        }
        if self.watch.is_some() {
            let fresh = self.fresh.lock().unwrap_or_else(PoisonError::into_inner);
            known_digests(&fresh, path, &mut folder.entries);
        }
        let listing: Listing = Arc::from(folder.entries);
        let mut state = self.state_mut();
        if state.generation == generation {
            state.listings.insert(path.into(), listing.clone());
        }
        Ok(listing)
    }

    fn read_link(&self, path: &[u8]) -> Result<BString, TreeError> {
        let text = open_below(&self.root, parent(path), OFlags::PATH | OFlags::DIRECTORY).and_then(
            |folder| rustix::fs::readlinkat(&folder, file_name(path).as_bytes(), Vec::new()),
        );
        Ok(text
            .map_err(|e| failed("read the link", path, e))?
            .into_bytes()
            .into())
    }

    fn open(&self, path: &[u8]) -> Result<File, TreeError> {
        // A pipe that took the file's place must not stop the build.
        let fd = open_below(
            &self.root,
            path,
            OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY,
        )
        .map_err(|e| failed("open", path, e))?;
        Ok(File::from(fd))
    }

    fn xattrs(&self, _path: &[u8]) -> Result<Xattrs, TreeError> {
        Ok(Vec::new())
    }

    fn has_xattrs(&self) -> bool {
        false
    }

    fn digest(&self, path: &[u8]) -> Result<ContentDigest, TreeError> {
        let stat = self.lstat(path)?;
        match stat.and_then(|s| self.remembered(path, &Key::of(&s))) {
            Some(digest) => Ok(digest),
            None => self.hash(path),
        }
    }

    fn prefetch(&self, folders: &[BString]) {
        let state = self.state();
        let generation = state.generation;
        let wanted: Vec<&BString> = folders
            .iter()
            .filter(|f| !state.listings.contains_key(*f) && !state.read.contains_key(*f))
            .collect();
        drop(state);
        let mut roots = Vec::new();
        for path in wanted {
            // An error shows when the folder is asked for.
            if let Ok(Some(above)) = self.state_for(path) {
                roots.push((path.clone(), above));
            }
        }
        if roots.is_empty() {
            return;
        }
        let read = walk::subtrees(&self.walk(), roots);
        let mut state = self.state_mut();
        if state.generation != generation {
            return;
        }
        for (path, folder) in read {
            if !state.listings.contains_key(&path) {
                state.read.insert(path, folder);
            }
        }
    }

    fn missing(&self, path: &[u8]) -> MissingHint {
        let there = matches!(self.stat_on_disk(path), Ok(Some(_)));
        let excluded_by = if there {
            self.ignore.excluding_line(relative(path))
        } else {
            None
        };
        let near = if excluded_by.is_some() {
            Vec::new()
        } else {
            tree::near_names(self, path)
        };
        MissingHint { excluded_by, near }
    }
}

fn is_unread(listed: &Listed) -> bool {
    listed.stat.kind == Kind::File && listed.digest.is_none()
}

/// Fills in digests that this process has computed.
fn known_digests(fresh: &HashMap<BString, Fresh>, folder: &BStr, entries: &mut [Listed]) {
    for listed in entries.iter_mut().filter(|listed| is_unread(listed)) {
        let known = fresh.get(&child(folder, &listed.name));
        let known = known.filter(|known| known.key == Key::of(&listed.stat));
        listed.digest = known.map(|known| known.digest);
    }
}

/// The entry with that name.
fn find<'a>(listing: &'a Listing, name: &[u8]) -> Option<&'a Listed> {
    listing
        .binary_search_by(|l| l.name.as_slice().cmp(name))
        .ok()
        .map(|i| &listing[i])
}

fn failed(doing: &'static str, path: &[u8], errno: Errno) -> TreeError {
    TreeError::Io {
        doing,
        path: path.into(),
        source: errno.into(),
    }
}

fn resolution_of(root: &OwnedFd) -> Resolution {
    /// `f_type` of NFS, SMB (two), CIFS, FUSE, 9P, AFS, Ceph, Coda. **Source:** statfs(2).
    const FOREIGN_TYPES: [u64; 9] = [
        0x6969,
        0x517B,
        0xFE53_4D42,
        0xFF53_4D42,
        0x6573_5546,
        0x0102_1997,
        0x5346_414F,
        0x00C3_6400,
        0x7375_7245,
    ];
    match rustix::fs::fstatfs(root) {
        Ok(s) if !FOREIGN_TYPES.contains(&(s.f_type as u64 & 0xFFFF_FFFF)) => Resolution::Ticks,
        _ => Resolution::Foreign,
    }
}
