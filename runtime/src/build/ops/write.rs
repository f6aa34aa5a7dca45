//! Writing a [`Draft`] into an empty folder, with several threads.
//!
//! Everything is made below the handle of its folder and under a name that is new, so links play no part. Folders
//! get their attributes when all is in them: their dates would change, and a folder without write permission takes no files.

use super::CopyError;
use super::archive::Spool;
use super::copy::Copied;
use super::draft::{Body, Content, Dir, Draft, Meta, Node, NodeId};
use crate::build::pool;
use crate::build::tree::{self, FileTree, Kind, Stat, child};
use crate::store::overlay_xattrs;
use bstr::{BStr, BString, ByteSlice};
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{
    AtFlags, FileType, Gid, Mode, OFlags, SeekFrom, Timespec, Timestamps, Uid, XattrFlags,
};
use rustix::io::Errno;
use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Where the bytes of a source's files are.
pub(super) enum Source<'a> {
    Tree(&'a dyn FileTree),
    Host(&'a Path),
    Bytes(&'a [u8]),
}

/// Files that one task makes.
const CHUNK: usize = 32;
/// Up to this size one read and one write are cheaper than asking the kernel to copy.
const SMALL: u64 = 128 * 1024;

/// Writes the layer; nothing but the root's attributes when the draft changes nothing.
pub(super) fn write(
    draft: &Draft<'_>,
    sources: &[Source<'_>],
    out: &Path,
    spool: Option<Spool>,
) -> Result<Copied, CopyError> {
    let failed = |e: Errno| CopyError::Write {
        path: "/".into(),
        source: e.into(),
    };
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let root = Arc::new(rustix::fs::open(out, flags, Mode::empty()).map_err(failed)?);
    let (live, first_paths) = survey(draft);
    let inherited = rustix::fs::fstat(&root).map_err(failed)?.st_mode & 0o2000 != 0;
    let me = (!inherited).then(|| {
        (
            rustix::process::geteuid().as_raw(),
            rustix::process::getegid().as_raw(),
        )
    });
    let writer = Writer {
        draft,
        sources,
        spool: spool.as_ref(),
        live,
        first_paths,
        me,
        second_names: Mutex::default(),
        changed: Mutex::default(),
        error: Mutex::default(),
        stop: AtomicBool::new(false),
        files: AtomicU64::new(0),
        bytes: AtomicU64::new(0),
    };
    let mut tasks = Vec::new();
    writer.children(Draft::ROOT, &root, &BString::from("/"), &mut tasks);
    pool::run(tasks, |task, more| writer.step(task, more));
    writer.check()?;
    writer.link_names(&root)?;
    writer.finish_folder(Draft::ROOT, &root, &mut BString::from("/"))?;
    writer.root(&root)?;
    let mut changed = writer
        .changed
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner);
    changed.sort();
    Ok(Copied {
        files: writer.files.into_inner(),
        bytes: writer.bytes.into_inner(),
        changed,
    })
}

/// Folders that have to be written, and the first path of every node with several.
fn survey(draft: &Draft<'_>) -> (HashSet<NodeId>, HashMap<NodeId, BString>) {
    let mut live = HashSet::new();
    let mut first_paths = HashMap::new();
    look_at(
        draft,
        Draft::ROOT,
        &mut BString::from("/"),
        &mut live,
        &mut first_paths,
    );
    (live, first_paths)
}

fn look_at(
    draft: &Draft<'_>,
    id: NodeId,
    path: &mut BString,
    live: &mut HashSet<NodeId>,
    first_paths: &mut HashMap<NodeId, BString>,
) -> bool {
    let node = draft.node(id);
    let Body::Dir(dir) = &node.body else {
        if node.shared {
            first_paths.entry(id).or_insert_with(|| path.clone());
        }
        return true;
    };
    let mut any = dir.changed || dir.opaque;
    for (name, child) in &dir.children {
        let length = path.len();
        tree::push(path, name);
        any |= look_at(draft, *child, path, live, first_paths);
        path.truncate(length);
    }
    if any {
        live.insert(id);
    }
    any
}

struct Writer<'a> {
    draft: &'a Draft<'a>,
    sources: &'a [Source<'a>],
    spool: Option<&'a Spool>,
    live: HashSet<NodeId>,
    first_paths: HashMap<NodeId, BString>,
    /// Owner that new files have without asking.
    me: Option<(u32, u32)>,
    /// Second names of files, linked when all first ones are there.
    second_names: Mutex<Vec<(BString, NodeId)>>,
    changed: Mutex<Vec<BString>>,
    error: Mutex<Option<CopyError>>,
    stop: AtomicBool,
    files: AtomicU64,
    bytes: AtomicU64,
}

/// A folder to make or some files to make in one.
struct Task {
    parent: Arc<OwnedFd>,
    /// Path of the parent.
    path: Arc<BString>,
    what: What,
}

enum What {
    Folder(BString, NodeId),
    Files(Vec<(BString, NodeId)>),
}

impl Writer<'_> {
    fn step(&self, task: Task, more: &mut Vec<Task>) {
        if self.stop.load(Ordering::Relaxed) {
            return;
        }
        let result = match &task.what {
            What::Folder(name, id) => self.make_folder(&task, name.as_bstr(), *id, more),
            What::Files(files) => {
                let mut buffer = Vec::new();
                files
                    .iter()
                    .try_for_each(|(name, id)| self.make(&task, name.as_bstr(), *id, &mut buffer))
            }
        };
        if let Err(e) = result {
            self.stop.store(true, Ordering::Relaxed);
            self.error
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .get_or_insert(e);
        }
    }

    fn check(&self) -> Result<(), CopyError> {
        match self
            .error
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
        {
            Some(e) => Err(e),
            None => Ok(()),
        }
    }

    fn make_folder(
        &self,
        task: &Task,
        name: &BStr,
        id: NodeId,
        more: &mut Vec<Task>,
    ) -> Result<(), CopyError> {
        let path = child(&task.path, name);
        let failed = |e: Errno| CopyError::Write {
            path: path.clone(),
            source: e.into(),
        };
        rustix::fs::mkdirat(&task.parent, name.as_bytes(), Mode::RWXU).map_err(failed)?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd = rustix::fs::openat(&task.parent, name.as_bytes(), flags, Mode::empty())
            .map_err(failed)?;
        self.children(id, &Arc::new(fd), &path, more);
        Ok(())
    }

    /// Tasks for what is in a folder.
    fn children(&self, id: NodeId, fd: &Arc<OwnedFd>, path: &BString, more: &mut Vec<Task>) {
        let Body::Dir(dir) = &self.draft.node(id).body else {
            return;
        };
        let path = Arc::new(path.clone());
        let task = |what| Task {
            parent: fd.clone(),
            path: path.clone(),
            what,
        };
        let mut files = Vec::new();
        for (name, child) in &dir.children {
            if matches!(self.draft.node(*child).body, Body::Dir(_)) {
                if self.live.contains(child) {
                    more.push(task(What::Folder(name.clone(), *child)));
                }
                continue;
            }
            files.push((name.clone(), *child));
            if files.len() == CHUNK {
                more.push(task(What::Files(std::mem::take(&mut files))));
            }
        }
        if !files.is_empty() {
            more.push(task(What::Files(files)));
        }
    }

    /// Makes one entry that is no folder.
    fn make(
        &self,
        task: &Task,
        name: &BStr,
        id: NodeId,
        buffer: &mut Vec<u8>,
    ) -> Result<(), CopyError> {
        let node = self.draft.node(id);
        let path = child(&task.path, name);
        if node.shared
            && self
                .first_paths
                .get(&id)
                .is_some_and(|first| *first != path)
        {
            self.second_names
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push((path, id));
            return Ok(());
        }
        let failed = |e: Errno| CopyError::Write {
            path: path.clone(),
            source: e.into(),
        };
        let dir = &*task.parent;
        match &node.body {
            Body::Dir(_) => return Ok(()),
            Body::File(content) => return self.file(dir, name, &path, node, content, buffer),
            Body::Symlink(text) => {
                rustix::fs::symlinkat(text.as_bytes(), dir, name.as_bytes()).map_err(failed)?;
            }
            Body::Whiteout => {
                return rustix::fs::mknodat(
                    dir,
                    name.as_bytes(),
                    FileType::CharacterDevice,
                    Mode::empty(),
                    0,
                )
                .map_err(failed);
            }
            Body::Special(kind, (major, minor)) => {
                let kind = match kind {
                    Kind::Char => FileType::CharacterDevice,
                    Kind::Block => FileType::BlockDevice,
                    Kind::Fifo => FileType::Fifo,
                    // An image cannot hold a socket.
                    Kind::File | Kind::Dir | Kind::Symlink | Kind::Socket => return Ok(()),
                };
                let device = rustix::fs::makedev(*major, *minor);
                let mode = Mode::RUSR | Mode::WUSR;
                rustix::fs::mknodat(dir, name.as_bytes(), kind, mode, device).map_err(
                    |e| match e {
                        Errno::PERM => CopyError::Device { path: path.clone() },
                        e => failed(e),
                    },
                )?;
            }
        }
        self.attributes_by_name(dir, name, &path, node)
    }

    fn file(
        &self,
        dir: &OwnedFd,
        name: &BStr,
        path: &BString,
        node: &Node,
        content: &Content,
        buffer: &mut Vec<u8>,
    ) -> Result<(), CopyError> {
        let failed = |e: io::Error| CopyError::Write {
            path: path.clone(),
            source: e,
        };
        let create = || {
            let flags =
                OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            rustix::fs::openat(dir, name.as_bytes(), flags, Mode::RUSR | Mode::WUSR).map(File::from)
        };
        let mut bytes = 0;
        let file = match content {
            Content::Spooled(number) => {
                let spool = self
                    .spool
                    .ok_or_else(|| failed(io::ErrorKind::NotFound.into()))?;
                rustix::fs::renameat(
                    spool.folder(),
                    Spool::file_name(*number),
                    dir,
                    name.as_bytes(),
                )
                .map_err(|e| failed(e.into()))?;
                let flags = OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
                let fd = rustix::fs::openat(dir, name.as_bytes(), flags, Mode::empty());
                File::from(fd.map_err(|e| failed(e.into()))?)
            }
            Content::Inline(n) => {
                let mut file = create().map_err(|e| failed(e.into()))?;
                if let Some(Source::Bytes(text)) = self.sources.get(*n) {
                    file.write_all(text).map_err(failed)?;
                    bytes = text.len() as u64;
                }
                file
            }
            Content::Host(n) => {
                let Some(Source::Host(host)) = self.sources.get(*n) else {
                    return Err(CopyError::Unprepared(*n));
                };
                let from = File::open(host).map_err(failed)?;
                let mut file = create().map_err(|e| failed(e.into()))?;
                bytes = copy_bytes(&from, &mut file, buffer).map_err(failed)?;
                file
            }
            Content::Source {
                source,
                path: from,
                stat,
            } => {
                let Some(Source::Tree(tree)) = self.sources.get(*source) else {
                    return Err(CopyError::Unprepared(*source));
                };
                let from_file = tree.open(from)?;
                let mut file = create().map_err(|e| failed(e.into()))?;
                bytes = copy_bytes(&from_file, &mut file, buffer).map_err(failed)?;
                if !same(&from_file, stat, bytes) {
                    self.changed
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .push(tree::relative(from).into());
                }
                file
            }
            Content::Lower { path: from } => {
                let from = self.draft.lower().open(from)?;
                let mut file = create().map_err(|e| failed(e.into()))?;
                bytes = copy_bytes(&from, &mut file, buffer).map_err(failed)?;
                file
            }
        };
        self.files.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        let Meta {
            mode,
            uid,
            gid,
            mtime,
        } = node.meta;
        if self.me != Some((uid, gid)) {
            rustix::fs::fchown(&file, Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)))
                .map_err(|e| owner_error(path, uid, gid, e))?;
        }
        // After the owner, as a change of it takes capabilities away; before the mode, which may forbid writing.
        for (name, value) in &node.xattrs {
            set_xattr(&file, name.as_bstr(), value).map_err(|e| failed(e.into()))?;
        }
        rustix::fs::fchmod(&file, Mode::from_raw_mode(mode)).map_err(|e| failed(e.into()))?;
        rustix::fs::futimens(&file, &times(mtime)).map_err(|e| failed(e.into()))
    }

    fn attributes_by_name(
        &self,
        dir: &OwnedFd,
        name: &BStr,
        path: &BString,
        node: &Node,
    ) -> Result<(), CopyError> {
        let failed = |e: Errno| CopyError::Write {
            path: path.clone(),
            source: e.into(),
        };
        let Meta {
            mode,
            uid,
            gid,
            mtime,
        } = node.meta;
        if self.me != Some((uid, gid)) {
            let (user, group) = (Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)));
            rustix::fs::chownat(dir, name.as_bytes(), user, group, AtFlags::SYMLINK_NOFOLLOW)
                .map_err(|e| owner_error(path, uid, gid, e))?;
        }
        if !matches!(node.body, Body::Symlink(_)) {
            rustix::fs::chmodat(
                dir,
                name.as_bytes(),
                Mode::from_raw_mode(mode),
                AtFlags::empty(),
            )
            .map_err(failed)?;
        }
        rustix::fs::utimensat(
            dir,
            name.as_bytes(),
            &times(mtime),
            AtFlags::SYMLINK_NOFOLLOW,
        )
        .map_err(failed)
    }

    fn link_names(&self, root: &OwnedFd) -> Result<(), CopyError> {
        let names = std::mem::take(
            &mut *self
                .second_names
                .lock()
                .unwrap_or_else(PoisonError::into_inner),
        );
        for (path, id) in names {
            let Some(first) = self.first_paths.get(&id) else {
                continue;
            };
            rustix::fs::linkat(
                root,
                tree::relative(first),
                root,
                tree::relative(&path),
                AtFlags::empty(),
            )
            .map_err(|e| CopyError::Write {
                path: path.clone(),
                source: e.into(),
            })?;
        }
        Ok(())
    }

    /// Gives the folders below their attributes, the deepest first.
    fn finish_folder(&self, id: NodeId, fd: &OwnedFd, path: &mut BString) -> Result<(), CopyError> {
        let Body::Dir(dir) = &self.draft.node(id).body else {
            return Ok(());
        };
        for (name, child) in &dir.children {
            let node = self.draft.node(*child);
            let Body::Dir(below) = &node.body else {
                continue;
            };
            if !self.live.contains(child) {
                continue;
            }
            let length = path.len();
            tree::push(path, name);
            let has_folders = below
                .children
                .values()
                .any(|c| matches!(self.draft.node(*c).body, Body::Dir(_)));
            if has_folders || below.opaque || !node.xattrs.is_empty() {
                let failed = |e: Errno| CopyError::Write {
                    path: path.clone(),
                    source: e.into(),
                };
                let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
                let opened = rustix::fs::openat(fd, name.as_bytes(), flags, Mode::empty())
                    .map_err(failed)?;
                Self::folder_xattrs(&opened, below, node).map_err(failed)?;
                self.finish_folder(*child, &opened, path)?;
            }
            self.attributes_by_name(fd, name.as_bstr(), path, node)?;
            path.truncate(length);
        }
        Ok(())
    }

    fn folder_xattrs(fd: &OwnedFd, dir: &Dir, node: &Node) -> rustix::io::Result<()> {
        for (name, value) in &node.xattrs {
            set_xattr(fd, name.as_bstr(), value)?;
        }
        if dir.opaque {
            rustix::fs::fsetxattr(fd, overlay_xattrs().opaque, b"y", XattrFlags::empty())?;
        }
        Ok(())
    }

    /// The uppermost folder of an overlay gives `/` its attributes.
    fn root(&self, fd: &OwnedFd) -> Result<(), CopyError> {
        let failed = |e: Errno| CopyError::Write {
            path: "/".into(),
            source: e.into(),
        };
        let node = self.draft.node(Draft::ROOT);
        if let Body::Dir(dir) = &node.body {
            Self::folder_xattrs(fd, dir, node).map_err(failed)?;
        }
        let Meta { mode, uid, gid, .. } = node.meta;
        if self.me != Some((uid, gid)) {
            rustix::fs::fchown(fd, Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)))
                .map_err(|e| owner_error(&BString::from("/"), uid, gid, e))?;
        }
        rustix::fs::fchmod(fd, Mode::from_raw_mode(mode)).map_err(failed)
    }
}

/// Sets an attribute; a file system or namespace that cannot hold it goes without. **Source:** BuildKit `docopy`,
/// xattrErrorHandler.
fn set_xattr(fd: impl AsFd, name: &BStr, value: &[u8]) -> rustix::io::Result<()> {
    match rustix::fs::fsetxattr(fd, name.as_bytes(), value, XattrFlags::empty()) {
        Err(Errno::NOTSUP | Errno::PERM) => Ok(()),
        other => other,
    }
}

/// An id that the namespace does not map gives EINVAL; without any namespace giving files away is refused.
fn owner_error(path: &BString, uid: u32, gid: u32, e: Errno) -> CopyError {
    match e {
        Errno::INVAL | Errno::PERM => CopyError::Owner {
            path: path.clone(),
            uid,
            gid,
        },
        e => CopyError::Write {
            path: path.clone(),
            source: e.into(),
        },
    }
}

fn times((seconds, nanos): tree::Time) -> Timestamps {
    let time = Timespec {
        tv_sec: seconds,
        tv_nsec: nanos.into(),
    };
    Timestamps {
        last_access: time,
        last_modification: time,
    }
}

/// Tells whether a file still is what was selected, after it was read.
fn same(file: &File, stat: &Stat, bytes: u64) -> bool {
    let Ok(raw) = rustix::fs::fstat(file) else {
        return false;
    };
    let now = tree::stat_of(&raw);
    let untouched = stat.ctime.is_none()
        || (stat.ctime == now.ctime && stat.id == now.id && stat.mtime == now.mtime);
    untouched && bytes == stat.size && now.kind == Kind::File
}

/// Copies all bytes; holes stay holes. Gives the length.
fn copy_bytes(from: &File, to: &mut File, buffer: &mut Vec<u8>) -> io::Result<u64> {
    let stat = rustix::fs::fstat(from)?;
    let size = stat.st_size as u64;
    if size <= SMALL {
        return copy_by_hand(from, to, buffer);
    }
    if (stat.st_blocks as u64) * 512 < size {
        return copy_sparse(from, to, size, buffer);
    }
    let mut done = 0;
    loop {
        match rustix::fs::copy_file_range(from, None, &*to, None, 1 << 30) {
            Ok(0) => return Ok(done),
            Ok(n) => done += n as u64,
            Err(Errno::INTR) => {}
            // Two file systems that cannot do it.
            Err(_) if done == 0 => return copy_by_hand(from, to, buffer),
            Err(e) => return Err(e.into()),
        }
    }
}

fn copy_by_hand(mut from: &File, to: &mut File, buffer: &mut Vec<u8>) -> io::Result<u64> {
    buffer.resize(SMALL as usize, 0);
    let mut done = 0;
    loop {
        match from.read(buffer) {
            Ok(0) => return Ok(done),
            Ok(n) => {
                to.write_all(&buffer[..n])?;
                done += n as u64;
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
}

fn copy_sparse(from: &File, to: &mut File, size: u64, buffer: &mut Vec<u8>) -> io::Result<u64> {
    rustix::fs::ftruncate(&*to, size)?;
    let mut at = 0;
    while at < size {
        let data = match rustix::fs::seek(from, SeekFrom::Data(at)) {
            Ok(data) => data,
            // Only a hole is left.
            Err(Errno::NXIO) => break,
            Err(Errno::INVAL) => at,
            Err(e) => return Err(e.into()),
        };
        let end = rustix::fs::seek(from, SeekFrom::Hole(data))
            .unwrap_or(size)
            .min(size);
        rustix::fs::seek(from, SeekFrom::Start(data))?;
        rustix::fs::seek(&*to, SeekFrom::Start(data))?;
        let mut part = from.take(end - data);
        buffer.resize(SMALL as usize, 0);
        loop {
            match part.read(buffer)? {
                0 => break,
                n => to.write_all(&buffer[..n])?,
            }
        }
        if end <= at {
            break;
        }
        at = end;
    }
    Ok(size)
}
