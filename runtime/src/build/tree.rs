//! Trees of files that a build reads: the context, and the layers of a step, behind one trait.
//!
//! Paths are rooted byte strings in shortest form: `/`, `/a`, `/a/b`. A path handed to a [`FileTree`] names no symbolic
//! link but in its last element; [`resolve`] makes such a path of any other, never leaving the root.

use bstr::{BStr, BString, ByteSlice};
use cooperage_lang::model::suggest;
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{FileType, Mode, OFlags, ResolveFlags, Stat as RawStat};
use rustix::io::Errno;
use std::fs::File;
use std::io::{self, Read};
use std::sync::Arc;

/// SHA-256 of a file's bytes.
pub type ContentDigest = [u8; 32];

/// Kinds of files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    File,
    Dir,
    Symlink,
    Fifo,
    Char,
    Block,
    Socket,
}

/// Seconds and nanoseconds since 1970.
pub type Time = (i64, u32);

/// What a tree tells of a path without opening it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stat {
    /// Its kind.
    pub kind: Kind,
    /// Permission bits with set-id and sticky bits (`07777`).
    pub mode: u32,
    /// Owner as the image shows it; always 0 for the context.
    pub uid: u32,
    /// Group as the image shows it; always 0 for the context.
    pub gid: u32,
    /// Bytes of a file; 0 for all others.
    pub size: u64,
    /// Modification time.
    pub mtime: Time,
    /// Change time, where the tree is a folder that others may write to.
    pub ctime: Option<Time>,
    /// Device and inode on the host; zeros when no host file stands behind it.
    pub id: (u64, u64),
    /// Same value for all names of one file; `None` for a file with one name.
    pub link: Option<(u64, u64)>,
    /// Major and minor number of a device.
    pub device: (u32, u32),
}

/// An entry of a folder.
#[derive(Clone, Debug)]
pub struct Listed {
    /// Its name.
    pub name: BString,
    /// Its attributes.
    pub stat: Stat,
    /// Digest of its content, when that is known without reading.
    pub digest: Option<ContentDigest>,
}

/// Entries of a folder, sorted by name bytes.
pub type Listing = Arc<[Listed]>;

/// Extended attributes: name and value, sorted by name.
pub type Xattrs = Vec<(BString, Vec<u8>)>;

/// Why a tree could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TreeError {
    #[error("cannot {doing} `{path}`: {source}")]
    Io {
        /// `read`, `list`, ….
        doing: &'static str,
        path: BString,
        #[source]
        source: io::Error,
    },
    #[error("cannot use `{path}`: not a directory")]
    NotADirectory { path: BString },
    #[error("cannot use `{path}`: too many symbolic links")]
    TooManyLinks { path: BString },
    #[error("{ignore_file}: {message}")]
    Ignore {
        ignore_file: String,
        message: String,
    },
}

/// A read-only tree of files.
pub trait FileTree: Send + Sync {
    /// Attributes of `path`, links not followed; `None` when it is not there.
    fn lstat(&self, path: &[u8]) -> Result<Option<Stat>, TreeError>;

    /// Entries of the folder `path`; none when it is no folder.
    fn list(&self, path: &[u8]) -> Result<Listing, TreeError>;

    /// Text of the symbolic link `path`.
    fn read_link(&self, path: &[u8]) -> Result<BString, TreeError>;

    /// Opens the file `path` for reading.
    fn open(&self, path: &[u8]) -> Result<File, TreeError>;

    /// Extended attributes that belong to an image: `security.capability`, `user.*`.
    fn xattrs(&self, path: &[u8]) -> Result<Xattrs, TreeError>;

    /// Whether any entry can have extended attributes.
    fn has_xattrs(&self) -> bool {
        true
    }

    /// Digest of the content of the file `path`; reads it when it is not known.
    fn digest(&self, path: &[u8]) -> Result<ContentDigest, TreeError>;

    /// Says that everything below these folders will be asked for, so that it can be read by several threads at once.
    fn prefetch(&self, _folders: &[BString]) {}

    /// What to tell the user of a path that is not there.
    fn missing(&self, path: &[u8]) -> MissingHint {
        MissingHint {
            excluded_by: None,
            near: near_names(self, path),
        }
    }
}

/// Why a path may be missing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MissingHint {
    /// File, line number (from 1) and pattern that leave it out.
    pub excluded_by: Option<(String, usize, String)>,
    /// Paths with nearly the same name, best first.
    pub near: Vec<BString>,
}

impl std::fmt::Display for MissingHint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some((file, line, pattern)) = &self.excluded_by {
            write!(f, " (excluded by line {line} of {file}: `{pattern}`)")?;
        }
        if let Some((first, rest)) = self.near.split_first() {
            write!(f, " (did you mean `{first}`")?;
            for path in rest {
                write!(f, " or `{path}`")?;
            }
            f.write_str("?)")?;
        }
        Ok(())
    }
}

/// Links that are followed before a path counts as a loop. **Source:** containerd/continuity `fs.RootPath`.
const MAX_LINKS: usize = 255;

/// The path that `path` names when every link in it, except the last element's unless `follow_last`, is followed inside
/// the root of `tree`. What does not exist is taken as it is; `..` at the root stays there.
///
/// **Source:** BuildKit resolves sources and destinations with containerd/continuity `fs.RootPath`.
///
/// # Errors
/// [`TreeError::TooManyLinks`]; [`TreeError::NotADirectory`] when a file is used as a folder.
pub fn resolve<T: FileTree + ?Sized>(
    tree: &T,
    path: &[u8],
    follow_last: bool,
) -> Result<BString, TreeError> {
    resolve_with(path, follow_last, |p| {
        Ok(match tree.lstat(p)? {
            None => Step::Missing,
            Some(s) if s.kind == Kind::Symlink => Step::Link(tree.read_link(p)?),
            Some(s) if s.kind == Kind::Dir => Step::Dir,
            Some(_) => Step::Other,
        })
    })
}

/// What [`resolve_with`] finds at a path.
pub(super) enum Step {
    Missing,
    Dir,
    Link(BString),
    Other,
}

/// [`resolve`] over any lookup.
pub(super) fn resolve_with<E: From<TreeError>>(
    path: &[u8],
    follow_last: bool,
    mut look: impl FnMut(&[u8]) -> Result<Step, E>,
) -> Result<BString, E> {
    let mut todo: Vec<BString> = elements(path).rev().map(BString::from).collect();
    let mut done = BString::from("/");
    let mut links = 0;
    // Below something that does not exist there is nothing to look at.
    let mut missing_from: Option<usize> = None;
    while let Some(element) = todo.pop() {
        if element == ".." {
            done = parent(&done).to_owned();
            if missing_from.is_some_and(|n| done.len() < n) {
                missing_from = None;
            }
            continue;
        }
        let here = done.clone();
        push(&mut done, &element);
        if missing_from.is_some() {
            continue;
        }
        match look(&done)? {
            Step::Missing => missing_from = Some(done.len()),
            Step::Dir => {}
            Step::Link(_) if todo.is_empty() && !follow_last => {}
            Step::Link(text) => {
                links += 1;
                if links > MAX_LINKS {
                    return Err(TreeError::TooManyLinks { path: path.into() }.into());
                }
                done = if text.starts_with(b"/") {
                    BString::from("/")
                } else {
                    here
                };
                todo.extend(elements(&text).rev().map(BString::from));
            }
            Step::Other => {
                if !todo.is_empty() {
                    return Err(TreeError::NotADirectory { path: done }.into());
                }
            }
        }
    }
    Ok(done)
}

/// Elements of a path, without empty ones and `.`.
pub(super) fn elements(path: &[u8]) -> impl DoubleEndedIterator<Item = &[u8]> {
    path.split(|b| *b == b'/')
        .filter(|e| !e.is_empty() && *e != b".")
}

/// The folder a rooted path lies in; `/` for the root.
pub(super) fn parent(path: &[u8]) -> &BStr {
    match path.rfind_byte(b'/') {
        None | Some(0) => BStr::new("/"),
        Some(i) => path[..i].as_bstr(),
    }
}

/// Last element of a rooted path; empty for the root.
pub(super) fn file_name(path: &[u8]) -> &BStr {
    path[path.rfind_byte(b'/').map_or(0, |i| i + 1)..].as_bstr()
}

/// Appends an element.
pub(super) fn push(path: &mut BString, element: &[u8]) {
    if path.last() != Some(&b'/') {
        path.push(b'/');
    }
    path.extend_from_slice(element);
}

/// `dir` with an element behind.
pub(crate) fn child(dir: &[u8], element: &[u8]) -> BString {
    let mut path = BString::from(dir);
    push(&mut path, element);
    path
}

/// Makes a rooted path relative to the root folder: `.` for the root itself.
pub(super) fn relative(path: &[u8]) -> &[u8] {
    match path.strip_prefix(b"/").unwrap_or(path) {
        b"" => b".",
        p => p,
    }
}

/// Tells whether `path` is `folder` or lies below it.
pub(super) fn is_below(path: &[u8], folder: &[u8]) -> bool {
    match path.strip_prefix(folder) {
        Some(rest) => rest.is_empty() || rest[0] == b'/' || folder == b"/",
        None => false,
    }
}

/// At most three entries of the folder that hold nearly the name of `path`.
pub(super) fn near_names<T: FileTree + ?Sized>(tree: &T, path: &[u8]) -> Vec<BString> {
    let folder = parent(path);
    let wanted = file_name(path);
    let Ok(listing) = tree.list(folder) else {
        return Vec::new();
    };
    let mut found: Vec<(usize, &Listed)> = listing
        .iter()
        .filter_map(|l| {
            let distance = if l.name.eq_ignore_ascii_case(wanted) {
                0
            } else {
                edit_distance(&l.name, wanted)
            };
            (distance <= wanted.len().div_ceil(4).min(3)).then_some((distance, l))
        })
        .collect();
    found.sort_by(|a, b| (a.0, &a.1.name).cmp(&(b.0, &b.1.name)));
    found.truncate(3);
    found
        .into_iter()
        .map(|(_, l)| relative(&child(folder, &l.name)).into())
        .collect()
}

/// Edits between two names.
fn edit_distance(a: &[u8], b: &[u8]) -> usize {
    // Names come from a hostile tree: a product of two lengths must not become a long computation.
    if a.len().abs_diff(b.len()) > 3 || a.len() > 255 {
        return usize::MAX;
    }
    suggest::distance(a, b)
}

/// Attributes as the kernel tells them.
pub(super) fn stat_of(raw: &RawStat) -> Stat {
    let kind = match FileType::from_raw_mode(raw.st_mode) {
        FileType::Directory => Kind::Dir,
        FileType::Symlink => Kind::Symlink,
        FileType::Fifo => Kind::Fifo,
        FileType::CharacterDevice => Kind::Char,
        FileType::BlockDevice => Kind::Block,
        FileType::Socket => Kind::Socket,
        FileType::RegularFile | FileType::Unknown => Kind::File,
    };
    let id = (raw.st_dev, raw.st_ino);
    Stat {
        kind,
        mode: raw.st_mode & 0o7777,
        uid: raw.st_uid,
        gid: raw.st_gid,
        size: if kind == Kind::File {
            raw.st_size as u64
        } else {
            0
        },
        mtime: (raw.st_mtime, raw.st_mtime_nsec as u32),
        ctime: Some((raw.st_ctime, raw.st_ctime_nsec as u32)),
        id,
        link: (kind != Kind::Dir && raw.st_nlink > 1).then_some(id),
        device: match kind {
            Kind::Char | Kind::Block => (
                rustix::fs::major(raw.st_rdev),
                rustix::fs::minor(raw.st_rdev),
            ),
            _ => (0, 0),
        },
    }
}

/// Opens a path below `root`; no element may be a link, and nothing outside can be reached.
///
/// **Source:** openat2(2). Kernels and sandboxes without it get the same by opening element after element.
pub(super) fn open_below(
    root: impl AsFd,
    path: &[u8],
    flags: OFlags,
) -> rustix::io::Result<OwnedFd> {
    let flags = flags | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    let path = relative(path);
    match rustix::fs::openat2(root.as_fd(), path, flags, Mode::empty(), resolve) {
        Err(Errno::NOSYS | Errno::PERM) => open_stepwise(root, path, flags),
        other => other,
    }
}

fn open_stepwise(root: impl AsFd, path: &[u8], flags: OFlags) -> rustix::io::Result<OwnedFd> {
    let folder = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut at = rustix::fs::openat(root.as_fd(), ".", folder, Mode::empty())?;
    let mut rest = elements(path).peekable();
    while let Some(element) = rest.next() {
        if element == b".." {
            return Err(Errno::XDEV);
        }
        if rest.peek().is_none() {
            return rustix::fs::openat(&at, element, flags, Mode::empty());
        }
        at = rustix::fs::openat(&at, element, folder, Mode::empty())?;
    }
    rustix::fs::openat(&at, ".", flags, Mode::empty())
}

/// SHA-256 of what is left to read.
pub(super) fn hash_reader(
    mut reader: impl Read,
    buffer: &mut Vec<u8>,
) -> io::Result<ContentDigest> {
    use sha2::Digest as _;
    buffer.resize(128 * 1024, 0);
    let mut hash = sha2::Sha256::new();
    loop {
        match reader.read(buffer) {
            Ok(0) => return Ok(hash.finalize().into()),
            Ok(n) => hash.update(&buffer[..n]),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
}

/// Extended attributes of an open file that belong to an image.
///
/// Marks of overlayfs are the store's own, access lists would name users of the host.
pub(super) fn image_xattrs(file: impl AsFd) -> rustix::io::Result<Xattrs> {
    let mut names = Vec::with_capacity(1024);
    loop {
        match rustix::fs::flistxattr(file.as_fd(), rustix::buffer::spare_capacity(&mut names)) {
            Ok(_) => break,
            Err(Errno::RANGE) => names.reserve(names.capacity() * 2),
            Err(Errno::NOTSUP) => return Ok(Vec::new()),
            Err(e) => return Err(e),
        }
    }
    let mut all = Vec::new();
    for name in names.split(|b| *b == 0).filter(|n| is_image_xattr(n)) {
        let mut value = Vec::with_capacity(256);
        loop {
            match rustix::fs::fgetxattr(
                file.as_fd(),
                name,
                rustix::buffer::spare_capacity(&mut value),
            ) {
                Ok(_) => break,
                Err(Errno::RANGE) => value.reserve(64 * 1024),
                Err(e) => return Err(e),
            }
        }
        all.push((BString::from(name), value));
    }
    all.sort();
    Ok(all)
}

/// Tells whether an extended attribute is part of an image.
pub(super) fn is_image_xattr(name: &[u8]) -> bool {
    name == b"security.capability"
        || (name.starts_with(b"user.") && !name.starts_with(b"user.overlay."))
}

/// Number of threads for work on files: never one, as half of the time is waiting.
pub(super) fn threads() -> usize {
    std::thread::available_parallelism()
        .map_or(2, std::num::NonZero::get)
        .clamp(2, 8)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(links: &[(&str, &str)], path: &str, follow: bool) -> Result<BString, TreeError> {
        resolve_with(path.as_bytes(), follow, |p| {
            let p = p.to_str_lossy();
            Ok(match links.iter().find(|(l, _)| *l == p) {
                Some((_, "")) => Step::Other,
                Some((_, text)) => Step::Link(BString::from(*text)),
                None => Step::Dir,
            })
        })
    }

    #[test]
    fn links_stay_inside_the_root() {
        let links = [
            ("/l", "../../../tmp/x"),
            ("/a/rel", "../b"),
            ("/abs", "/c/d"),
            ("/last", "/q"),
            ("/f", ""),
        ];
        let check = |path: &str, follow: bool, want: &str| {
            assert_eq!(resolved(&links, path, follow).unwrap(), want, "{path}");
        };
        check("/l", true, "/tmp/x");
        check("/a/rel/z", true, "/b/z");
        check("/abs/../e", true, "/c/e");
        check("/last", false, "/last");
        check("/last", true, "/q");
        check("/../..", true, "/");
        check("/f", true, "/f");
        assert!(matches!(
            resolved(&links, "/f/x", true),
            Err(TreeError::NotADirectory { .. })
        ));
    }

    #[test]
    fn loops_end() {
        let links = [("/a", "b"), ("/b", "a")];
        assert!(matches!(
            resolved(&links, "/a", true),
            Err(TreeError::TooManyLinks { .. })
        ));
    }

    #[test]
    fn distances() {
        assert_eq!(edit_distance(b"nope.txt", b"nope.text"), 1);
        assert_eq!(edit_distance(b"abc", b"acb"), 2);
        assert_eq!(edit_distance(b"", b"ab"), 2);
    }
}
