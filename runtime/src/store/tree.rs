//! Walking a folder that is, or becomes, a layer.

use super::index::{Draft, EntryKind, push_xattr};
use super::tar::WHITEOUT;
use super::{LayerError, overlay_xattrs};
use rustix::fs::{
    AtFlags, Dev, FileType, Mode, OFlags, RawDir, ResolveFlags, Stat, Timespec, Timestamps,
    UTIME_OMIT, lgetxattr, llistxattr, lremovexattr, openat, openat2, readlinkat, statat, unlinkat,
    utimensat,
};
use rustix::io::Errno;
use std::collections::{HashMap, HashSet};
use std::ffi::{CStr, CString};
use std::fs;
use std::io::{self, Read};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// What a walk has to take into account.
#[derive(Default)]
pub(super) struct ScanOptions<'a> {
    /// Layers below, top first. What they show in the same form is left out, and deleted from the folder.
    pub(super) lower: &'a [OwnedFd],
    /// Later times are set to this one.
    pub(super) clamp_mtime: Option<i64>,
    /// Digests of files by inode number, where they are known.
    pub(super) known: Option<&'a HashMap<u64, [u8; 32]>>,
}

/// Lists a folder's entries, sorted, and cleans it of what a layer does not hold.
pub(super) fn scan(
    root: BorrowedFd<'_>,
    options: &ScanOptions<'_>,
) -> Result<Vec<Draft>, LayerError> {
    let mut walk = Walk {
        root,
        options,
        found: Vec::new(),
        buffer: vec![0; 1 << 16],
    };
    let mut folders = vec![(Vec::new(), (0..options.lower.len()).collect::<Vec<_>>())];
    while let Some((path, lower)) = folders.pop() {
        walk.folder(&path, &lower, &mut folders)?;
    }
    let mut found = walk.found;
    found.sort_unstable_by(|a, b| a.draft.path.cmp(&b.draft.path));
    let (mut kept, dropped) = settle(found);
    name_hard_links(&mut kept);
    clean(root, &kept, &dropped)?;
    if let Some(limit) = options.clamp_mtime {
        clamp(root, &mut kept, limit)?;
    }
    Ok(kept.into_iter().map(|f| f.draft).collect())
}

/// Opens a folder below `root`, following no link.
pub(super) fn open_folder(root: BorrowedFd<'_>, path: &[u8]) -> Result<OwnedFd, Errno> {
    let path = if path.is_empty() { b"." } else { path };
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    openat2(
        root,
        path,
        flags,
        Mode::empty(),
        ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS,
    )
}

/// Opens a file below `root` for reading, following no link.
pub(super) fn open_file(root: BorrowedFd<'_>, path: &[u8]) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
    openat2(
        root,
        path,
        flags,
        Mode::empty(),
        ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS,
    )
}

/// Deletes a folder and all below it. A folder that is not there counts as deleted.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_dir_all(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => remove_stubborn(path),
        _ => Ok(()),
    }
}

/// As [`remove`], also where a folder's mode forbids it or folders are nested deeper than file handles or a path's length
/// reach: every folder is made accessible and moved up before it is emptied.
fn remove_stubborn(top: &Path) -> io::Result<()> {
    let mut folders = vec![top.to_owned()];
    let mut moved = 0_u64;
    while let Some(folder) = folders.last().cloned() {
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o700))?;
        let mut deeper = Vec::new();
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            if !entry.file_type()?.is_dir() {
                fs::remove_file(entry.path())?;
            } else if folder == top {
                deeper.push(entry.path());
            } else {
                let up = loop {
                    moved += 1;
                    let up = top.join(format!(".moved-{moved}"));
                    if fs::symlink_metadata(&up).is_err() {
                        break up;
                    }
                };
                fs::set_permissions(entry.path(), fs::Permissions::from_mode(0o700))?;
                fs::rename(entry.path(), &up)?;
                deeper.push(up);
            }
        }
        if deeper.is_empty() {
            fs::remove_dir(&folder)?;
            folders.pop();
        } else {
            if folder != top {
                fs::remove_dir(&folder)?;
                folders.pop();
            }
            folders.append(&mut deeper);
        }
    }
    Ok(())
}

struct Walk<'a> {
    root: BorrowedFd<'a>,
    options: &'a ScanOptions<'a>,
    found: Vec<Found>,
    /// For lists and values of extended attributes, whose largest size is this.
    buffer: Vec<u8>,
}

struct Found {
    draft: Draft,
    inode: u64,
    links: u64,
    fate: Fate,
}

/// What becomes of an entry.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Keep,
    /// A folder as below: needed only as parent of something.
    KeepAsParent,
    Drop,
}

/// An entry that the layers below show at the same place.
struct Below {
    stat: Stat,
    layer: usize,
}

impl Walk<'_> {
    fn folder(
        &mut self,
        path: &[u8],
        lower: &[usize],
        folders: &mut Vec<(Vec<u8>, Vec<usize>)>,
    ) -> Result<(), LayerError> {
        let handle = open_folder(self.root, path).map_err(at("open", path))?;
        let open_below = |i: &usize| match open_folder(self.options.lower[*i].as_fd(), path) {
            Ok(fd) => Ok((*i, fd)),
            Err(e) => Err(at("open", path)(e)),
        };
        let lower = lower
            .iter()
            .map(open_below)
            .collect::<Result<Vec<_>, _>>()?;
        for name in names(handle.as_fd()).map_err(at("list", path))? {
            let mut child = path.to_vec();
            if !child.is_empty() {
                child.push(b'/');
            }
            child.extend(name.as_bytes());
            if let Some(below) = self.entry(handle.as_fd(), &name, &child, &lower)? {
                folders.push((child, below));
            }
        }
        Ok(())
    }

    /// Takes up one entry. For a folder, answers with the layers whose folder it is merged with.
    fn entry(
        &mut self,
        folder: BorrowedFd<'_>,
        name: &CStr,
        path: &[u8],
        lower: &[(usize, OwnedFd)],
    ) -> Result<Option<Vec<usize>>, LayerError> {
        let stat = statat(folder, name, AtFlags::SYMLINK_NOFOLLOW).map_err(at("read", path))?;
        let kind = kind(&stat);
        let mut draft = Draft {
            path: path.to_vec(),
            kind: kind.unwrap_or(EntryKind::Fifo),
            opaque: false,
            mode: stat.st_mode & 0o7777,
            uid: stat.st_uid,
            gid: stat.st_gid,
            size: if kind == Some(EntryKind::File) {
                stat.st_size as u64
            } else {
                0
            },
            mtime: (stat.st_mtime, stat.st_mtime_nsec as u32),
            sha256: self
                .options
                .known
                .and_then(|k| k.get(&stat.st_ino))
                .copied()
                .unwrap_or_default(),
            target: Vec::new(),
            device: (0, 0),
            xattrs: Vec::new(),
        };
        let below = visible(name, lower).map_err(at("read", path))?;
        let mut fate = Fate::Keep;
        let mut merged = Vec::new();
        match kind {
            None => fate = Fate::Drop,
            Some(EntryKind::Whiteout) => {
                (draft.mode, draft.uid, draft.gid, draft.mtime) = (0, 0, 0, (0, 0));
                if !self.options.lower.is_empty() && below.is_none() {
                    fate = Fate::Drop;
                }
            }
            Some(kind) => {
                if name.to_bytes().starts_with(WHITEOUT) {
                    return Err(LayerError::ReservedName { path: path.into() });
                }
                draft.xattrs = self.xattrs(folder, name, path, Some(&mut draft.opaque))?;
                match kind {
                    EntryKind::Symlink => {
                        draft.target = readlinkat(folder, name, Vec::new())
                            .map_err(at("read", path))?
                            .into_bytes();
                    }
                    EntryKind::Char | EntryKind::Block => draft.device = device(stat.st_rdev),
                    EntryKind::Dir => {
                        merged = self.merged(name, &mut draft, below.as_ref(), lower, folder)?;
                    }
                    _ => {}
                }
                if let Some(below) = below
                    && self.same(&draft, &stat, folder, name, &below, lower)?
                {
                    fate = if kind == EntryKind::Dir {
                        Fate::KeepAsParent
                    } else {
                        Fate::Drop
                    };
                }
            }
        }
        let is_folder = draft.kind == EntryKind::Dir;
        self.found.push(Found {
            draft,
            inode: stat.st_ino,
            links: stat.st_nlink as u64,
            fate,
        });
        Ok(is_folder.then_some(merged))
    }

    /// The layers whose folder of that name shows through; takes a mark away that hides nothing.
    fn merged(
        &mut self,
        name: &CStr,
        draft: &mut Draft,
        below: Option<&Below>,
        lower: &[(usize, OwnedFd)],
        folder: BorrowedFd<'_>,
    ) -> Result<Vec<usize>, LayerError> {
        let is_dir = |s: &Stat| kind(s) == Some(EntryKind::Dir);
        let hides = below.is_some_and(|b| is_dir(&b.stat));
        if draft.opaque {
            if !hides && !self.options.lower.is_empty() {
                lremovexattr(child_path(folder, name), overlay_xattrs().opaque)
                    .map_err(at("change", &draft.path))?;
                draft.opaque = false;
            }
            return Ok(Vec::new());
        }
        let mut merged = Vec::new();
        for (i, fd) in lower {
            match statat(fd, name, AtFlags::SYMLINK_NOFOLLOW) {
                Err(Errno::NOENT) => {}
                Err(e) => return Err(at("read", &draft.path)(e)),
                Ok(stat) if !is_dir(&stat) => break,
                Ok(_) => {
                    merged.push(*i);
                    let mut opaque = false;
                    self.xattrs(fd.as_fd(), name, &draft.path, Some(&mut opaque))?;
                    if opaque {
                        break;
                    }
                }
            }
        }
        Ok(merged)
    }

    /// Whether an entry of the upper folder equals the one below in everything a layer holds.
    fn same(
        &mut self,
        draft: &Draft,
        stat: &Stat,
        folder: BorrowedFd<'_>,
        name: &CStr,
        below: &Below,
        lower: &[(usize, OwnedFd)],
    ) -> Result<bool, LayerError> {
        let b = &below.stat;
        let times = (stat.st_mtime, stat.st_mtime_nsec) == (b.st_mtime, b.st_mtime_nsec);
        let owner = (stat.st_mode, stat.st_uid, stat.st_gid) == (b.st_mode, b.st_uid, b.st_gid);
        let is_dir = draft.kind == EntryKind::Dir;
        if !times
            || !owner
            || draft.opaque
            || (!is_dir && (stat.st_nlink > 1 || stat.st_size != b.st_size))
        {
            return Ok(false);
        }
        let fd = lower
            .iter()
            .find(|(i, _)| *i == below.layer)
            .expect("the layer it was found in")
            .1
            .as_fd();
        if self.xattrs(fd, name, &draft.path, None)? != draft.xattrs {
            return Ok(false);
        }
        match draft.kind {
            EntryKind::File => same_content(folder, fd, name).map_err(|e| LayerError::File {
                doing: "compare",
                path: draft.path.as_slice().into(),
                source: e,
            }),
            EntryKind::Symlink => {
                let target = readlinkat(fd, name, Vec::new()).map_err(at("read", &draft.path))?;
                Ok(target.as_bytes() == draft.target)
            }
            EntryKind::Char | EntryKind::Block => Ok(stat.st_rdev == b.st_rdev),
            _ => Ok(true),
        }
    }

    /// The attributes a layer holds, sorted and encoded; notes an opaque mark where asked.
    fn xattrs(
        &mut self,
        folder: BorrowedFd<'_>,
        name: &CStr,
        path: &[u8],
        opaque: Option<&mut bool>,
    ) -> Result<Vec<u8>, LayerError> {
        let child = child_path(folder, name);
        let length = match llistxattr(&child, &mut self.buffer[..]) {
            Ok(0) | Err(Errno::OPNOTSUPP) => return Ok(Vec::new()),
            Ok(length) => length,
            Err(e) => return Err(at("read", path)(e)),
        };
        let mut names: Vec<Vec<u8>> = self.buffer[..length]
            .split(|b| *b == 0)
            .filter(|n| !n.is_empty())
            .map(<[u8]>::to_vec)
            .collect();
        names.sort_unstable();
        let mut encoded = Vec::new();
        let mut is_opaque = false;
        for attribute in names {
            let own = overlay_xattrs()
                .opaque
                .trim_end_matches("opaque")
                .as_bytes();
            match attribute.strip_prefix(own) {
                Some(b"opaque") => is_opaque = self.value(&child, &attribute, path)? == b"y",
                Some(b"metacopy" | b"redirect") if opaque.is_some() => {
                    let xattr = String::from_utf8_lossy(&attribute).into_owned();
                    return Err(LayerError::Unsupported {
                        path: path.into(),
                        xattr,
                    });
                }
                _ => {}
            }
            if is_held(&attribute) {
                let value = self.value(&child, &attribute, path)?;
                push_xattr(&mut encoded, &attribute, &value);
            }
        }
        if let Some(opaque) = opaque {
            *opaque = is_opaque;
        }
        Ok(encoded)
    }

    fn value(
        &mut self,
        child: &CStr,
        attribute: &[u8],
        path: &[u8],
    ) -> Result<Vec<u8>, LayerError> {
        let length = lgetxattr(child, attribute, &mut self.buffer[..]).map_err(at("read", path))?;
        Ok(self.buffer[..length].to_vec())
    }
}

/// Whether layers hold this attribute: not overlayfs' own notes, and no label of the host's security modules.
pub(super) fn is_held(attribute: &[u8]) -> bool {
    let private: [&[u8]; 5] = [
        b"trusted.overlay.",
        b"user.overlay.",
        b"security.selinux",
        b"security.ima",
        b"security.evm",
    ];
    !private.iter().any(|p| attribute.starts_with(p))
}

/// Major and minor number.
pub(super) fn device(device: Dev) -> (u32, u32) {
    (rustix::fs::major(device), rustix::fs::minor(device))
}

/// Path of an entry of an open folder, for calls that know no directory handles.
pub(super) fn child_path(folder: BorrowedFd<'_>, name: &CStr) -> CString {
    let mut path = format!("/proc/self/fd/{}/", folder.as_raw_fd()).into_bytes();
    path.extend(name.to_bytes());
    CString::new(path).expect("made of a number and a C string")
}

/// An error at a path of a layer.
pub(super) fn at(doing: &'static str, path: &[u8]) -> impl FnOnce(Errno) -> LayerError {
    let path = path.into();
    move |e| LayerError::File {
        doing,
        path,
        source: e.into(),
    }
}

/// Names in a folder.
fn names(folder: BorrowedFd<'_>) -> Result<Vec<CString>, Errno> {
    let mut buffer = [const { MaybeUninit::uninit() }; 1 << 14];
    let mut entries = RawDir::new(folder, &mut buffer);
    let mut names = Vec::new();
    while let Some(entry) = entries.next() {
        let name = entry?.file_name().to_owned();
        if !matches!(name.as_bytes(), b"." | b"..") {
            names.push(name);
        }
    }
    Ok(names)
}

/// What the layers below show under a name.
fn visible(name: &CStr, lower: &[(usize, OwnedFd)]) -> Result<Option<Below>, Errno> {
    for (layer, fd) in lower {
        match statat(fd, name, AtFlags::SYMLINK_NOFOLLOW) {
            Err(Errno::NOENT) => {}
            Err(e) => return Err(e),
            Ok(stat) if kind(&stat) == Some(EntryKind::Whiteout) => return Ok(None),
            Ok(stat) => {
                return Ok(Some(Below {
                    stat,
                    layer: *layer,
                }));
            }
        }
    }
    Ok(None)
}

/// `None` for what no layer can hold: sockets.
fn kind(stat: &Stat) -> Option<EntryKind> {
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => Some(EntryKind::File),
        FileType::Directory => Some(EntryKind::Dir),
        FileType::Symlink => Some(EntryKind::Symlink),
        FileType::Fifo => Some(EntryKind::Fifo),
        FileType::CharacterDevice if stat.st_rdev == 0 => Some(EntryKind::Whiteout),
        FileType::CharacterDevice => Some(EntryKind::Char),
        FileType::BlockDevice => Some(EntryKind::Block),
        _ => None,
    }
}

fn same_content(a: BorrowedFd<'_>, b: BorrowedFd<'_>, name: &CStr) -> io::Result<bool> {
    let open = |folder: BorrowedFd<'_>| {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        openat(folder, name, flags, Mode::empty()).map(fs::File::from)
    };
    let (mut a, mut b) = (open(a)?, open(b)?);
    let (mut left, mut right) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    loop {
        let n = a.read(&mut left)?;
        if n == 0 {
            return Ok(b.read(&mut right[..1])? == 0);
        }
        match b.read_exact(&mut right[..n]) {
            Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => return Ok(false),
            other => other?,
        }
        if left[..n] != right[..n] {
            return Ok(false);
        }
    }
}

/// Parts what stays from what goes. A folder that equals the one below stays only above something that stays.
fn settle(found: Vec<Found>) -> (Vec<Found>, Vec<Found>) {
    let mut needed: HashSet<Vec<u8>> = HashSet::new();
    // Parents sort before what is in them, so backwards every folder comes after its entries.
    let (mut kept, mut dropped) = (Vec::with_capacity(found.len()), Vec::new());
    for f in found.into_iter().rev() {
        let keep = match f.fate {
            Fate::Keep => true,
            Fate::KeepAsParent => needed.contains(&f.draft.path),
            Fate::Drop => false,
        };
        if keep {
            let (folder, _) = super::tar::split(&f.draft.path);
            if let Some((_, folder)) = folder.split_last()
                && !needed.contains(folder)
            {
                needed.insert(folder.to_vec());
            }
            kept.push(f);
        } else {
            dropped.push(f);
        }
    }
    kept.reverse();
    (kept, dropped)
}

/// Of several names of one file, the first in order is the file and the others are links to it.
fn name_hard_links(found: &mut [Found]) {
    let mut first: HashMap<u64, Vec<u8>> = HashMap::new();
    for f in found
        .iter_mut()
        .filter(|f| f.links > 1 && !matches!(f.draft.kind, EntryKind::Dir | EntryKind::Whiteout))
    {
        match first.get(&f.inode) {
            None => {
                first.insert(f.inode, f.draft.path.clone());
            }
            Some(path) => {
                f.draft.kind = EntryKind::HardLink;
                f.draft.target.clone_from(path);
                f.draft.size = 0;
                f.draft.sha256 = [0; 32];
                f.draft.device = (0, 0);
                f.draft.xattrs = Vec::new();
            }
        }
    }
}

/// Deletes dropped entries, children first, and gives the folders they were in their times back.
fn clean(root: BorrowedFd<'_>, kept: &[Found], dropped: &[Found]) -> Result<(), LayerError> {
    let mut touched: HashSet<&[u8]> = HashSet::new();
    for f in dropped {
        let (folder, name) = super::tar::split(&f.draft.path);
        let folder = folder.strip_suffix(b"/").unwrap_or(folder);
        let handle = open_folder(root, folder).map_err(at("open", folder))?;
        let flags = if f.draft.kind == EntryKind::Dir {
            AtFlags::REMOVEDIR
        } else {
            AtFlags::empty()
        };
        unlinkat(handle, name, flags).map_err(at("delete", &f.draft.path))?;
        touched.insert(folder);
    }
    for f in kept
        .iter()
        .filter(|f| f.draft.kind == EntryKind::Dir && touched.contains(f.draft.path.as_slice()))
    {
        set_mtime(root, &f.draft.path, f.draft.mtime).map_err(at("change", &f.draft.path))?;
    }
    Ok(())
}

fn clamp(root: BorrowedFd<'_>, found: &mut [Found], limit: i64) -> Result<(), LayerError> {
    for f in found
        .iter_mut()
        .filter(|f| f.draft.mtime > (limit, 0) && f.draft.kind != EntryKind::Whiteout)
    {
        f.draft.mtime = (limit, 0);
        set_mtime(root, &f.draft.path, f.draft.mtime).map_err(at("change", &f.draft.path))?;
    }
    Ok(())
}

fn set_mtime(root: BorrowedFd<'_>, path: &[u8], (seconds, nanos): (i64, u32)) -> Result<(), Errno> {
    let times = Timestamps {
        last_access: Timespec {
            tv_sec: 0,
            tv_nsec: UTIME_OMIT,
        },
        last_modification: Timespec {
            tv_sec: seconds,
            tv_nsec: nanos.into(),
        },
    };
    let (folder, name) = super::tar::split(path);
    let folder = open_folder(root, folder.strip_suffix(b"/").unwrap_or(folder))?;
    utimensat(folder, name, &times, AtFlags::SYMLINK_NOFOLLOW)
}

/// Opens a folder by its path.
pub(super) fn open_root(path: &Path) -> Result<OwnedFd, super::StoreError> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    rustix::fs::open(path, flags, Mode::empty())
        .map_err(|e| super::StoreError::io("open", PathBuf::from(path))(e.into()))
}
