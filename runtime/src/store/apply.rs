//! Unpacking of tar archives below a directory handle.
//!
//! Nothing is ever opened by a path that the kernel may resolve outside the handle: folders are opened with
//! `openat2(RESOLVE_IN_ROOT)`, so that links of the archive lead, at most, elsewhere inside it, and entries are made in an
//! open folder, exclusively and without following links.
//!
//! **Source:** POSIX `pax`; GNU tar manual, *Basic Tar Format*; OCI image specification, `layer.md`, *Applying Changesets*.

use super::overlay_xattrs;
use super::tar::{BLOCK, OPAQUE, WHITEOUT, padding};
use super::tree::is_held;
use ::tar::{EntryType, Header};
use bstr::BString;
use rustix::fs::{
    AtFlags, Dev, FileType, Gid, Mode, OFlags, ResolveFlags, Timespec, Timestamps, UTIME_OMIT, Uid,
    XattrFlags, chownat, fchmod, fchown, fsetxattr, fstat, fstatvfs, futimens, linkat, lsetxattr,
    makedev, mkdirat, mknodat, openat, openat2, statat, symlinkat, unlinkat, utimensat,
};
use rustix::io::Errno;
use sha2::{Digest as _, Sha256};
use std::collections::HashMap;
use std::ffi::CString;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;

/// Bounds of an archive; each has its own error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnpackLimits {
    /// Entries.
    pub entries: u64,
    /// Bytes of content; `None`: what the file system has free, less a reserve.
    pub bytes: Option<u64>,
    /// Bytes of one extended header.
    pub header_bytes: u64,
    /// Names in a path.
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
    #[error(
        "archive entry {entry} has a header with a wrong checksum: this is no tar archive, or it is damaged"
    )]
    Checksum { entry: u64 },
    #[error("archive entry `{path}` has a bad header: {detail}")]
    Header { path: BString, detail: &'static str },
    #[error("archive has more than {limit} entries")]
    TooManyEntries { limit: u64 },
    #[error("archive holds more than {limit} bytes of files")]
    TooLarge { limit: u64 },
    #[error("archive has an extended header of {size} bytes; the limit is {limit}")]
    HeaderTooLarge { size: u64, limit: u64 },
    #[error("archive entry `{path}` has more than {limit} names in its path")]
    TooDeep { path: BString, limit: usize },
    #[error("archive entry `{path}` is refused: {detail}")]
    Refused { path: BString, detail: &'static str },
    #[error("archive entry `{path}` is a hard link to `{target}`, which is not in the archive")]
    LinkTarget { path: BString, target: BString },
    #[error("archive entry `{path}` has the type `{}`, which is not supported", char::from(*kind))]
    Type { path: BString, kind: u8 },
    #[error("cannot {doing} `{path}` of an archive: {source}")]
    File {
        doing: &'static str,
        path: BString,
        #[source]
        source: io::Error,
    },
    #[error("cannot read an archive: {0}")]
    Read(#[source] io::Error),
}

/// Unpacks an uncompressed tar into the folder `root`, never outside it. Reads to the archive's end mark.
///
/// Owners, modes, times and extended attributes are set as the archive says. A path that starts with `/` is taken from
/// `root`. An entry replaces an earlier one of the same path, except that a folder stays.
pub fn unpack(
    tar: impl Read,
    root: BorrowedFd<'_>,
    options: &UnpackOptions,
) -> Result<(), UnpackError> {
    Unpacker::new(root, options)?
        .run(&mut TarReader {
            from: tar,
            limits: options.limits,
            entries: 0,
            path: BString::default(),
        })
        .map(drop)
}

/// Digests of files by inode number.
pub(super) type Digests = HashMap<u64, [u8; 32]>;

/// As [`unpack`], reading to the end of `tar` and hashing everything. Reading and hashing of the archive happen on their
/// own thread, beside the writing of files.
pub(super) fn unpack_hashed(
    tar: impl Read + Send,
    root: BorrowedFd<'_>,
    options: &UnpackOptions,
) -> Result<(super::DiffId, Digests), UnpackError> {
    let (sender, receiver) = sync_channel::<io::Result<Vec<u8>>>(8);
    thread::scope(|scope| {
        let feeder = scope.spawn(move || {
            let mut tar = tar;
            let mut hash = Sha256::new();
            loop {
                let mut chunk = vec![0; 1 << 18];
                match read_full(&mut tar, &mut chunk) {
                    Ok(0) => return super::DiffId::new(hash.finalize().into()),
                    Ok(n) => {
                        chunk.truncate(n);
                        hash.update(&chunk);
                        // A closed channel means that unpacking failed; its error is the answer.
                        if sender.send(Ok(chunk)).is_err() {
                            return super::DiffId::new([0; 32]);
                        }
                    }
                    Err(e) => {
                        let _ = sender.send(Err(e));
                        return super::DiffId::new([0; 32]);
                    }
                }
            }
        });
        let mut from = Chunks {
            receiver,
            chunk: Vec::new(),
            at: 0,
        };
        let mut unpacker = Unpacker::new(root, options)?;
        unpacker.digests = Some(Digests::new());
        let mut reader = TarReader {
            from: &mut from,
            limits: options.limits,
            entries: 0,
            path: BString::default(),
        };
        let digests = unpacker.run(&mut reader)?;
        io::copy(&mut from, &mut io::sink()).map_err(UnpackError::Read)?;
        let diff_id = feeder
            .join()
            .expect("the reading thread does not panic by itself");
        Ok((diff_id, digests.unwrap_or_default()))
    })
}

/// One entry with everything that stands before it in extended headers.
struct Member {
    path: BString,
    link: Vec<u8>,
    kind: EntryType,
    mode: u32,
    uid: u32,
    gid: u32,
    /// Bytes of content that follow.
    size: u64,
    mtime: (i64, u32),
    device: (u32, u32),
    xattrs: Vec<(Vec<u8>, Vec<u8>)>,
}

struct Unpacker<'a> {
    root: BorrowedFd<'a>,
    options: UnpackOptions,
    byte_limit: u64,
    bytes: u64,
    /// The folder used last: archives list a folder's entries one after the other.
    parent: Option<(Vec<u8>, OwnedFd)>,
    /// Times of folders, set at the end because entries change them.
    folders: Vec<(Vec<u8>, (i64, u32))>,
    digests: Option<Digests>,
    buffer: Vec<u8>,
}

/// Space that an archive without limit must leave free.
const RESERVE: u64 = 64 << 20;

impl<'a> Unpacker<'a> {
    fn new(root: BorrowedFd<'a>, options: &UnpackOptions) -> Result<Self, UnpackError> {
        let free = || {
            fstatvfs(root).map(|s| {
                s.f_bavail
                    .saturating_mul(s.f_frsize)
                    .saturating_sub(RESERVE)
            })
        };
        let byte_limit = match options.limits.bytes {
            Some(limit) => limit,
            None => free().map_err(|e| UnpackError::Read(e.into()))?,
        };
        Ok(Self {
            root,
            options: *options,
            byte_limit,
            bytes: 0,
            parent: None,
            folders: Vec::new(),
            digests: None,
            buffer: vec![0; 1 << 17],
        })
    }

    fn run<R: Read>(mut self, tar: &mut TarReader<R>) -> Result<Option<Digests>, UnpackError> {
        while let Some(member) = tar.next()? {
            self.bytes = self.bytes.saturating_add(member.size);
            if self.bytes > self.byte_limit {
                return Err(UnpackError::TooLarge {
                    limit: self.byte_limit,
                });
            }
            self.member(&member, tar)?;
            tar.skip(padding(member.size).len() as u64)?;
        }
        // Backwards: setting a folder's time does not change its parent's, but the last word on a path must win.
        let mut done = std::collections::HashSet::new();
        for (path, mtime) in std::mem::take(&mut self.folders).into_iter().rev() {
            if done.insert(path.clone())
                && let Ok(folder) = open_inside(self.root, &path)
            {
                futimens(&folder, &times(mtime)).map_err(at("change", &path))?;
            }
        }
        Ok(self.digests)
    }

    fn member<R: Read>(
        &mut self,
        member: &Member,
        tar: &mut TarReader<R>,
    ) -> Result<(), UnpackError> {
        let names = self.names(&member.path, &member.path)?;
        let Some((name, parents)) = names.split_last() else {
            return self.root_folder(member, tar);
        };
        let folder = self.parent(parents, &member.path)?;
        if self.options.whiteouts && name.starts_with(WHITEOUT) {
            tar.skip(member.size)?;
            return Self::whiteout(&folder, name, member);
        }
        let name = CString::new(name.as_slice())
            .map_err(|_| refused(&member.path, "its name holds a NUL"))?;
        match member.kind {
            EntryType::Directory => self.folder(&folder, &name, &names, member),
            EntryType::Regular | EntryType::Continuous => self.file(&folder, &name, member, tar),
            EntryType::Symlink => self.symlink(&folder, &name, member),
            EntryType::Link => self.hard_link(&folder, &name, member),
            EntryType::Char | EntryType::Block | EntryType::Fifo => {
                self.node(&folder, &name, member)
            }
            other => Err(UnpackError::Type {
                path: member.path.clone(),
                kind: other.as_byte(),
            }),
        }
    }

    /// The names of a path below the root.
    fn names(&self, path: &[u8], entry: &BString) -> Result<Vec<Vec<u8>>, UnpackError> {
        if path.contains(&0) {
            return Err(refused(entry, "its path holds a NUL"));
        }
        let mut names = Vec::new();
        for name in path.split(|b| *b == b'/') {
            match name {
                b"" | b"." => {}
                b".." if self.options.clamp_parents => {
                    names.pop();
                }
                b".." => return Err(refused(entry, "its path holds `..`")),
                name if name.len() > 255 => {
                    return Err(refused(entry, "a name is longer than 255 bytes"));
                }
                name => names.push(name.to_vec()),
            }
        }
        if names.len() > self.options.limits.depth {
            return Err(UnpackError::TooDeep {
                path: entry.clone(),
                limit: self.options.limits.depth,
            });
        }
        if names.iter().map(|n| n.len() + 1).sum::<usize>() > 4095 {
            return Err(refused(entry, "its path is longer than 4095 bytes"));
        }
        Ok(names)
    }

    /// Opens the folder of an entry, making what is missing.
    fn parent(&mut self, names: &[Vec<u8>], entry: &BString) -> Result<OwnedFd, UnpackError> {
        let path = names.join(&b'/');
        if let Some((known, folder)) = &self.parent
            && *known == path
        {
            return folder.try_clone().map_err(|e| file_error("open", &path, e));
        }
        let folder = match open_inside(self.root, &path) {
            Ok(folder) => folder,
            Err(Errno::NOENT) => self.make_parents(names, entry)?,
            Err(e) => return Err(parent_error(entry, e)),
        };
        let again = folder
            .try_clone()
            .map_err(|e| file_error("open", &path, e))?;
        self.parent = Some((path, again));
        Ok(folder)
    }

    /// Makes missing folders with mode 0755, owned by root, of 1970: the same wherever and whenever it is done.
    fn make_parents(&mut self, names: &[Vec<u8>], entry: &BString) -> Result<OwnedFd, UnpackError> {
        let mut folder = open_inside(self.root, b"").map_err(at("open", b""))?;
        for end in 1..=names.len() {
            let path = names[..end].join(&b'/');
            folder = match open_inside(self.root, &path) {
                Ok(next) => next,
                Err(Errno::NOENT) => {
                    let name = names[end - 1].as_slice();
                    // Something with that name is there all the same: a link to nothing.
                    mkdirat(&folder, name, Mode::from_raw_mode(0o700))
                        .map_err(|e| parent_error(entry, e))?;
                    let next =
                        openat(&folder, name, FOLDER, Mode::empty()).map_err(at("open", &path))?;
                    fchmod(&next, Mode::from_raw_mode(0o755)).map_err(at("change", &path))?;
                    self.folders.push((path, (0, 0)));
                    next
                }
                Err(e) => return Err(parent_error(entry, e)),
            };
        }
        Ok(folder)
    }

    fn root_folder<R: Read>(
        &mut self,
        member: &Member,
        tar: &mut TarReader<R>,
    ) -> Result<(), UnpackError> {
        tar.skip(member.size)?;
        if member.kind != EntryType::Directory {
            return Err(refused(&member.path, "only a folder can be the root"));
        }
        let root = open_inside(self.root, b"").map_err(at("open", b""))?;
        Self::attributes(root.as_fd(), member)?;
        self.folders.push((Vec::new(), member.mtime));
        Ok(())
    }

    fn folder(
        &mut self,
        parent: &OwnedFd,
        name: &CString,
        names: &[Vec<u8>],
        member: &Member,
    ) -> Result<(), UnpackError> {
        let mut over_whiteout = false;
        if let Ok(stat) = statat(parent, name, AtFlags::SYMLINK_NOFOLLOW) {
            if FileType::from_raw_mode(stat.st_mode) != FileType::Directory {
                over_whiteout = is_whiteout(&stat) && self.options.whiteouts;
                self.clear(parent, name, &member.path)?;
                mkdirat(parent, name, Mode::from_raw_mode(0o700))
                    .map_err(at("create", &member.path))?;
            }
        } else {
            mkdirat(parent, name, Mode::from_raw_mode(0o700))
                .map_err(at("create", &member.path))?;
        }
        let folder =
            openat(parent, name, FOLDER, Mode::empty()).map_err(at("open", &member.path))?;
        if over_whiteout {
            Self::mark_opaque(&folder, &member.path)?;
        }
        Self::attributes(folder.as_fd(), member)?;
        self.folders.push((names.join(&b'/'), member.mtime));
        Ok(())
    }

    fn file<R: Read>(
        &mut self,
        parent: &OwnedFd,
        name: &CString,
        member: &Member,
        tar: &mut TarReader<R>,
    ) -> Result<(), UnpackError> {
        let flags =
            OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let create = || openat(parent, name, flags, Mode::from_raw_mode(0o600));
        let file = match create() {
            Err(Errno::EXIST) => {
                self.clear(parent, name, &member.path)?;
                create()
            }
            other => other,
        };
        let mut file = File::from(file.map_err(at("create", &member.path))?);
        let mut hash = self.digests.is_some().then(Sha256::new);
        let mut left = member.size;
        while left > 0 {
            let want = self
                .buffer
                .len()
                .min(usize::try_from(left).unwrap_or(usize::MAX));
            let bytes = &mut self.buffer[..want];
            tar.exact(bytes)?;
            file.write_all(bytes)
                .map_err(|e| file_error("write", &member.path, e))?;
            if let Some(hash) = &mut hash {
                hash.update(&*bytes);
            }
            left -= want as u64;
        }
        Self::attributes(file.as_fd(), member)?;
        futimens(&file, &times(member.mtime)).map_err(at("change", &member.path))?;
        if let (Some(hash), Some(digests)) = (hash, &mut self.digests) {
            let inode = fstat(&file).map_err(at("read", &member.path))?.st_ino;
            digests.insert(inode, hash.finalize().into());
        }
        Ok(())
    }

    fn symlink(
        &mut self,
        parent: &OwnedFd,
        name: &CString,
        member: &Member,
    ) -> Result<(), UnpackError> {
        if member.link.is_empty() || member.link.contains(&0) || member.link.len() > 4095 {
            return Err(refused(
                &member.path,
                "its link text is empty, too long or holds a NUL",
            ));
        }
        self.make(parent, name, member, || {
            symlinkat(member.link.as_slice(), parent, name)
        })?;
        Self::link_attributes(parent, name, member)
    }

    fn hard_link(
        &mut self,
        parent: &OwnedFd,
        name: &CString,
        member: &Member,
    ) -> Result<(), UnpackError> {
        let missing = || UnpackError::LinkTarget {
            path: member.path.clone(),
            target: member.link.clone().into(),
        };
        let target = self.names(&member.link, &member.path)?;
        let (target, folders) = target.split_last().ok_or_else(missing)?;
        let folder = open_inside(self.root, &folders.join(&b'/')).map_err(|_| missing())?;
        let stat =
            statat(&folder, target.as_slice(), AtFlags::SYMLINK_NOFOLLOW).map_err(|_| missing())?;
        if is_whiteout(&stat) || FileType::from_raw_mode(stat.st_mode) == FileType::Directory {
            return Err(refused(
                &member.path,
                "it is a hard link to a folder or to something deleted",
            ));
        }
        // A link to itself would delete what it names.
        if let Ok(there) = statat(parent, name, AtFlags::SYMLINK_NOFOLLOW)
            && (there.st_dev, there.st_ino) == (stat.st_dev, stat.st_ino)
        {
            return Ok(());
        }
        self.make(parent, name, member, || {
            linkat(&folder, target.as_slice(), parent, name, AtFlags::empty())
        })
    }

    fn node(
        &mut self,
        parent: &OwnedFd,
        name: &CString,
        member: &Member,
    ) -> Result<(), UnpackError> {
        let (kind, device): (_, Dev) = match member.kind {
            EntryType::Fifo => (FileType::Fifo, 0),
            EntryType::Char => (
                FileType::CharacterDevice,
                makedev(member.device.0, member.device.1),
            ),
            _ => (
                FileType::BlockDevice,
                makedev(member.device.0, member.device.1),
            ),
        };
        if kind == FileType::CharacterDevice && device == 0 {
            return Err(refused(
                &member.path,
                "the character device 0:0 means a deletion to overlayfs",
            ));
        }
        match self.make(parent, name, member, || {
            mknodat(parent, name, kind, Mode::from_raw_mode(0o600), device)
        }) {
            // Devices cannot be made in a user namespace, and nothing there could use them: they are left out.
            Err(UnpackError::File { source, .. })
                if source.kind() == io::ErrorKind::PermissionDenied
                    && overlay_xattrs().userxattr =>
            {
                Ok(())
            }
            Err(e) => Err(e),
            Ok(()) => {
                Self::link_attributes(parent, name, member)?;
                // chown took set-id bits away; the node itself, not what a link points to.
                let path = super::tree::child_path(parent.as_fd(), name);
                rustix::fs::chmod(path, Mode::from_raw_mode(member.mode))
                    .map_err(at("change", &member.path))
            }
        }
    }

    fn whiteout(folder: &OwnedFd, name: &[u8], member: &Member) -> Result<(), UnpackError> {
        if name == OPAQUE {
            return Self::mark_opaque(folder, &member.path);
        }
        // Other names with the doubled beginning are notes of aufs.
        if name.starts_with(b".wh..wh.") {
            return Ok(());
        }
        let deleted = &name[WHITEOUT.len()..];
        if matches!(deleted, b"" | b"." | b"..") {
            return Err(refused(&member.path, "it deletes no name"));
        }
        match statat(folder, deleted, AtFlags::SYMLINK_NOFOLLOW) {
            // Deletions are of the layers below: what this layer itself brings stays.
            Ok(stat) if FileType::from_raw_mode(stat.st_mode) == FileType::Directory => {
                let own = openat(folder, deleted, FOLDER, Mode::empty())
                    .map_err(at("open", &member.path))?;
                Self::mark_opaque(&own, &member.path)
            }
            Ok(_) => Ok(()),
            Err(_) => mknodat(folder, deleted, FileType::CharacterDevice, Mode::empty(), 0)
                .map_err(at("create", &member.path)),
        }
    }

    fn mark_opaque(folder: &OwnedFd, path: &[u8]) -> Result<(), UnpackError> {
        fsetxattr(folder, overlay_xattrs().opaque, b"y", XattrFlags::empty())
            .map_err(at("mark", path))
    }

    /// Makes something that is no folder, in the place of what is there.
    fn make(
        &mut self,
        parent: &OwnedFd,
        name: &CString,
        member: &Member,
        create: impl Fn() -> Result<(), Errno>,
    ) -> Result<(), UnpackError> {
        let made = match create() {
            Err(Errno::EXIST) => {
                self.clear(parent, name, &member.path)?;
                create()
            }
            other => other,
        };
        made.map_err(at("create", &member.path))
    }

    /// Deletes what has that name.
    fn clear(&mut self, parent: &OwnedFd, name: &CString, path: &[u8]) -> Result<(), UnpackError> {
        self.parent = None;
        match unlinkat(parent, name, AtFlags::empty()) {
            Err(Errno::ISDIR) => {
                // The handle's own path: removal does not follow links below it.
                let folder = super::tree::child_path(parent.as_fd(), name);
                let folder =
                    std::path::Path::new(std::ffi::OsStr::new(bytes_as_os(folder.as_bytes())));
                super::tree::remove(folder).map_err(|e| file_error("replace", path, e))
            }
            other => other.map_err(at("replace", path)),
        }
    }

    /// Owner, then mode (chown clears set-id bits), then extended attributes (chown clears capabilities).
    fn attributes(file: BorrowedFd<'_>, member: &Member) -> Result<(), UnpackError> {
        fchown(
            file,
            Some(Uid::from_raw(member.uid)),
            Some(Gid::from_raw(member.gid)),
        )
        .map_err(owner_error(member))?;
        fchmod(file, Mode::from_raw_mode(member.mode)).map_err(at("change", &member.path))?;
        for (name, value) in &member.xattrs {
            xattr_result(
                name,
                fsetxattr(file, name.as_slice(), value, XattrFlags::empty()),
                member,
            )?;
        }
        Ok(())
    }

    /// The same for what cannot be opened.
    fn link_attributes(
        parent: &OwnedFd,
        name: &CString,
        member: &Member,
    ) -> Result<(), UnpackError> {
        chownat(
            parent,
            name,
            Some(Uid::from_raw(member.uid)),
            Some(Gid::from_raw(member.gid)),
            AtFlags::SYMLINK_NOFOLLOW,
        )
        .map_err(owner_error(member))?;
        for (attribute, value) in &member.xattrs {
            let path = super::tree::child_path(parent.as_fd(), name);
            xattr_result(
                attribute,
                lsetxattr(path, attribute.as_slice(), value, XattrFlags::empty()),
                member,
            )?;
        }
        utimensat(
            parent,
            name,
            &times(member.mtime),
            AtFlags::SYMLINK_NOFOLLOW,
        )
        .map_err(at("change", &member.path))
    }
}

const FOLDER: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);

/// Opens a folder below `root`; links on the way are followed as if `root` were `/`.
fn open_inside(root: BorrowedFd<'_>, path: &[u8]) -> Result<OwnedFd, Errno> {
    let path = if path.is_empty() { b"." } else { path };
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    openat2(
        root,
        path,
        flags,
        Mode::empty(),
        ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS,
    )
}

fn is_whiteout(stat: &rustix::fs::Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode) == FileType::CharacterDevice && stat.st_rdev == 0
}

fn times((seconds, nanos): (i64, u32)) -> Timestamps {
    Timestamps {
        last_access: Timespec {
            tv_sec: 0,
            tv_nsec: UTIME_OMIT,
        },
        last_modification: Timespec {
            tv_sec: seconds,
            tv_nsec: nanos.into(),
        },
    }
}

fn bytes_as_os(bytes: &[u8]) -> &std::ffi::OsStr {
    std::os::unix::ffi::OsStrExt::from_bytes(bytes)
}

fn refused(path: &BString, detail: &'static str) -> UnpackError {
    UnpackError::Refused {
        path: path.clone(),
        detail,
    }
}

fn file_error(doing: &'static str, path: &[u8], source: io::Error) -> UnpackError {
    UnpackError::File {
        doing,
        path: path.into(),
        source,
    }
}

fn at(doing: &'static str, path: &[u8]) -> impl FnOnce(Errno) -> UnpackError {
    move |e| file_error(doing, path, e.into())
}

fn parent_error(entry: &BString, error: Errno) -> UnpackError {
    match error {
        Errno::EXIST | Errno::LOOP => refused(entry, "it lies below a link that leads nowhere"),
        Errno::NOTDIR => refused(entry, "it lies below something that is no folder"),
        e => file_error("open the folder of", entry, e.into()),
    }
}

fn owner_error(member: &Member) -> impl FnOnce(Errno) -> UnpackError {
    move |e| match e {
        Errno::INVAL => refused(
            &member.path,
            "its owner has no number in this user namespace: give the user more subordinate ids",
        ),
        e => file_error("change the owner of", &member.path, e.into()),
    }
}

/// Attributes that only the initial namespace may set, or the file system does not keep, are left out there.
fn xattr_result(
    name: &[u8],
    result: Result<(), Errno>,
    member: &Member,
) -> Result<(), UnpackError> {
    match result {
        Err(Errno::OPNOTSUPP) => Ok(()),
        Err(Errno::PERM | Errno::ACCESS)
            if overlay_xattrs().userxattr || name.starts_with(b"user.") =>
        {
            Ok(())
        }
        other => other.map_err(at("set an attribute of", &member.path)),
    }
}

/// Reads headers. The content of a member is read between two calls of [`TarReader::next`].
struct TarReader<R> {
    from: R,
    limits: UnpackLimits,
    entries: u64,
    /// Of the current entry, for messages.
    path: BString,
}

/// What extended headers say of the entry that follows.
#[derive(Default)]
struct Extended {
    path: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    size: Option<u64>,
    uid: Option<u32>,
    gid: Option<u32>,
    mtime: Option<(i64, u32)>,
    xattrs: Vec<(Vec<u8>, Vec<u8>)>,
}

impl<R: Read> TarReader<R> {
    fn next(&mut self) -> Result<Option<Member>, UnpackError> {
        let mut extended = Extended::default();
        loop {
            let Some(header) = self.header()? else {
                return Ok(None);
            };
            let size = header.entry_size().map_err(|_| self.bad("size"))?;
            match header.entry_type() {
                EntryType::XHeader => self.pax(size, &mut extended)?,
                // Says something of all entries; of what there can be, nothing matters here.
                EntryType::XGlobalHeader => drop(self.long(size)?),
                EntryType::GNULongName => extended.path = Some(self.long_name(size)?),
                EntryType::GNULongLink => extended.link = Some(self.long_name(size)?),
                _ => return self.member(&header, size, extended).map(Some),
            }
        }
    }

    /// The next header; `None` at the end of the archive.
    fn header(&mut self) -> Result<Option<Header>, UnpackError> {
        let mut header = Header::new_old();
        let n = read_full(&mut self.from, header.as_mut_bytes()).map_err(UnpackError::Read)?;
        if n == 0 || (n == BLOCK && header.as_bytes().iter().all(|b| *b == 0)) {
            return Ok(None);
        }
        if n < BLOCK {
            return Err(UnpackError::Truncated {
                path: self.path.clone(),
            });
        }
        self.entries += 1;
        if self.entries > self.limits.entries {
            return Err(UnpackError::TooManyEntries {
                limit: self.limits.entries,
            });
        }
        // Bytes count as unsigned; some old programs summed them as signed.
        let bytes = header.as_bytes();
        let others = || bytes[..148].iter().chain(&bytes[156..]);
        let unsigned = others().map(|b| u32::from(*b)).sum::<u32>() + 8 * 32;
        let signed = others().map(|b| i32::from(b.cast_signed())).sum::<i32>() + 8 * 32;
        let sum = header.cksum().map_err(|_| UnpackError::Checksum {
            entry: self.entries,
        })?;
        if sum != unsigned && i64::from(sum) != i64::from(signed) {
            return Err(UnpackError::Checksum {
                entry: self.entries,
            });
        }
        Ok(Some(header))
    }

    fn member(
        &mut self,
        header: &Header,
        size: u64,
        extended: Extended,
    ) -> Result<Member, UnpackError> {
        let path = extended
            .path
            .unwrap_or_else(|| header.path_bytes().into_owned());
        self.path = path.into();
        let path = self.path.clone();
        if path.is_empty() {
            return Err(self.bad("empty path"));
        }
        let mut kind = header.entry_type();
        // Before there was a type for folders, a slash at the end told.
        if matches!(kind, EntryType::Regular) && path.ends_with(b"/") {
            kind = EntryType::Directory;
        }
        if kind == EntryType::GNUSparse {
            return Err(UnpackError::Type {
                path,
                kind: kind.as_byte(),
            });
        }
        let has_content = matches!(kind, EntryType::Regular | EntryType::Continuous);
        let id = |n: io::Result<u64>| {
            n.ok()
                .and_then(|n| u32::try_from(n).ok())
                .filter(|n| *n != u32::MAX)
        };
        let number = |n: io::Result<Option<u32>>| n.ok().flatten().unwrap_or(0);
        Ok(Member {
            link: extended
                .link
                .or_else(|| header.link_name_bytes().map(std::borrow::Cow::into_owned))
                .unwrap_or_default(),
            kind,
            mode: header.mode().map_err(|_| self.bad("mode"))? & 0o7777,
            uid: extended
                .uid
                .or_else(|| id(header.uid()))
                .ok_or_else(|| self.bad("owner"))?,
            gid: extended
                .gid
                .or_else(|| id(header.gid()))
                .ok_or_else(|| self.bad("group"))?,
            // Whatever a link's or device's header says, no content follows it.
            size: if has_content {
                extended.size.unwrap_or(size)
            } else {
                0
            },
            mtime: match extended.mtime {
                Some(mtime) => mtime,
                None => (
                    header.mtime().map_err(|_| self.bad("time"))?.cast_signed(),
                    0,
                ),
            },
            device: (number(header.device_major()), number(header.device_minor())),
            xattrs: extended.xattrs,
            path,
        })
    }

    /// Reads a PAX header. **Source:** POSIX `pax`, *pax Extended Header*.
    fn pax(&mut self, size: u64, to: &mut Extended) -> Result<(), UnpackError> {
        let records = self.long(size)?;
        let mut rest = records.as_slice();
        while !rest.is_empty() {
            let (key, value, next) =
                pax_record(rest).ok_or_else(|| self.bad("malformed extended header"))?;
            rest = next;
            self.pax_value(key, value, to)?;
        }
        Ok(())
    }

    fn pax_value(&self, key: &[u8], value: &[u8], to: &mut Extended) -> Result<(), UnpackError> {
        let number = || {
            std::str::from_utf8(value)
                .ok()
                .filter(|v| v.bytes().all(|b| b.is_ascii_digit()))
        };
        let id = || {
            number()
                .and_then(|v| v.parse::<u32>().ok())
                .filter(|n| *n != u32::MAX)
        };
        let twice = |twice: bool| {
            if twice {
                Err(self.bad("the same extended key twice"))
            } else {
                Ok(())
            }
        };
        if value.is_empty() && !key.starts_with(b"SCHILY.xattr.") {
            // An empty value takes back what a global header said.
            return Ok(());
        }
        match key {
            b"path" | b"linkpath" if value.contains(&0) => Err(self.bad("NUL in a path")),
            b"path" => twice(
                to.path
                    .replace(value.to_vec())
                    .is_some_and(|old| old != value),
            ),
            b"linkpath" => twice(
                to.link
                    .replace(value.to_vec())
                    .is_some_and(|old| old != value),
            ),
            b"size" => {
                let size = number()
                    .and_then(|v| v.parse().ok())
                    .ok_or_else(|| self.bad("size"))?;
                twice(to.size.replace(size).is_some_and(|old| old != size))
            }
            b"uid" => id()
                .map(|n| to.uid = Some(n))
                .ok_or_else(|| self.bad("owner")),
            b"gid" => id()
                .map(|n| to.gid = Some(n))
                .ok_or_else(|| self.bad("group")),
            b"mtime" => {
                to.mtime = Some(pax_time(value).ok_or_else(|| self.bad("time"))?);
                Ok(())
            }
            _ if key.starts_with(b"GNU.sparse.") => Err(UnpackError::Type {
                path: self.path.clone(),
                kind: b'S',
            }),
            _ => {
                // Overlayfs' own attributes would let an archive hide or redirect other layers' files.
                if let Some(name) = key.strip_prefix(b"SCHILY.xattr.")
                    && is_held(name)
                    && !name.contains(&0)
                {
                    to.xattrs.push((name.to_vec(), value.to_vec()));
                }
                Ok(())
            }
        }
    }

    fn long_name(&mut self, size: u64) -> Result<Vec<u8>, UnpackError> {
        let mut name = self.long(size)?;
        name.truncate(name.iter().position(|b| *b == 0).unwrap_or(name.len()));
        Ok(name)
    }

    /// The content of an extended header.
    fn long(&mut self, size: u64) -> Result<Vec<u8>, UnpackError> {
        let limit = self.limits.header_bytes;
        if size > limit {
            return Err(UnpackError::HeaderTooLarge { size, limit });
        }
        let mut bytes = vec![0; size as usize];
        self.exact(&mut bytes)?;
        self.skip(padding(size).len() as u64)?;
        Ok(bytes)
    }

    fn exact(&mut self, bytes: &mut [u8]) -> Result<(), UnpackError> {
        match read_full(&mut self.from, bytes) {
            Ok(n) if n == bytes.len() => Ok(()),
            Ok(_) => Err(UnpackError::Truncated {
                path: self.path.clone(),
            }),
            Err(e) => Err(UnpackError::Read(e)),
        }
    }

    fn skip(&mut self, mut count: u64) -> Result<(), UnpackError> {
        let mut buffer = [0; 4096];
        while count > 0 {
            let n = count.min(buffer.len() as u64);
            self.exact(&mut buffer[..n as usize])?;
            count -= n;
        }
        Ok(())
    }

    fn bad(&self, detail: &'static str) -> UnpackError {
        UnpackError::Header {
            path: self.path.clone(),
            detail,
        }
    }
}

/// `LENGTH KEY=VALUE\n` and what follows it.
fn pax_record(bytes: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let space = bytes.iter().take(20).position(|b| *b == b' ')?;
    let digits = &bytes[..space];
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let length: usize = std::str::from_utf8(digits).ok()?.parse().ok()?;
    if length <= space + 1 {
        return None;
    }
    let (record, rest) = bytes.split_at_checked(length)?;
    let record = record[space + 1..].strip_suffix(b"\n")?;
    let equals = record.iter().position(|b| *b == b'=')?;
    (equals > 0).then_some((&record[..equals], &record[equals + 1..], rest))
}

/// `-12.5` as seconds (rounded down) and nanoseconds.
fn pax_time(text: &[u8]) -> Option<(i64, u32)> {
    let text = std::str::from_utf8(text).ok()?;
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let seconds: i64 = whole.parse().ok()?;
    let nanos: u32 = fraction
        .chars()
        .chain("000000000".chars())
        .take(9)
        .collect::<String>()
        .parse()
        .ok()?;
    if whole.starts_with('-') && nanos > 0 {
        Some((seconds.checked_sub(1)?, 1_000_000_000 - nanos))
    } else {
        Some((seconds, nanos))
    }
}

/// Reads until the buffer is full or nothing more comes.
fn read_full(from: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut n = 0;
    while n < buffer.len() {
        match from.read(&mut buffer[n..]) {
            Ok(0) => break,
            Ok(more) => n += more,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(n)
}

/// The receiving end of the reading thread.
struct Chunks {
    receiver: Receiver<io::Result<Vec<u8>>>,
    chunk: Vec<u8>,
    at: usize,
}

impl Read for Chunks {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.at == self.chunk.len() {
            self.chunk = match self.receiver.recv() {
                Ok(chunk) => chunk?,
                Err(_) => return Ok(0),
            };
            self.at = 0;
        }
        let n = buffer.len().min(self.chunk.len() - self.at);
        buffer[..n].copy_from_slice(&self.chunk[self.at..self.at + n]);
        self.at += n;
        Ok(n)
    }
}
