//! Mount points: found, or made, below a root whose links are hostile.
//!
//! Every lookup is an `openat2` that treats the given folder as `/`, so a link can name any path but lead only inside
//! (CVE-2021-30465 and its kind). What is missing is made one component at a time relative to a descriptor.

use bstr::BString;
use rustix::fs::{
    AtFlags, Mode, OFlags, ResolveFlags, fstat, mkdirat, openat, openat2, readlinkat, statat,
};
use rustix::io::Errno;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};

/// Something that was made.
#[derive(Debug)]
pub(crate) struct Created {
    /// Below the root, without links, no leading slash.
    pub(crate) path: BString,
    /// Modification time of the folder it was made in, before: seconds and nanoseconds.
    pub(crate) parent_mtime: (i64, u32),
}

/// Opens `path` below `root` as a handle for mounting; makes it, a folder or an empty file, when it is missing.
///
/// With `plain` the path may not contain links: for procfs and sysfs, where a link would put them elsewhere.
pub(crate) fn open_or_make(
    root: BorrowedFd<'_>,
    path: &[u8],
    folder: bool,
    plain: bool,
    created: &mut Vec<Created>,
) -> Result<OwnedFd, Errno> {
    match open(root, path, plain) {
        Err(Errno::NOENT) => make(root, path, folder, plain, created)?,
        other => return other,
    }
    open(root, path, plain)
}

fn open(root: BorrowedFd<'_>, path: &[u8], plain: bool) -> Result<OwnedFd, Errno> {
    let links = if plain {
        ResolveFlags::NO_SYMLINKS
    } else {
        ResolveFlags::NO_MAGICLINKS
    };
    let path = if path.is_empty() { b"." } else { path };
    openat2(
        root,
        path,
        OFlags::PATH | OFlags::CLOEXEC,
        Mode::empty(),
        ResolveFlags::IN_ROOT | links,
    )
}

/// Walks the path by hand; `done` is the resolved part, in which there is no link.
fn make(
    root: BorrowedFd<'_>,
    path: &[u8],
    folder: bool,
    plain: bool,
    created: &mut Vec<Created>,
) -> Result<(), Errno> {
    let mut done: Vec<BString> = Vec::new();
    let mut todo: Vec<BString> = reversed(path);
    let mut links = 0;
    while let Some(name) = todo.pop() {
        match name.as_slice() {
            b"" | b"." => continue,
            b".." => {
                done.pop();
                continue;
            }
            _ => {}
        }
        let parent = open(root, &bstr::join("/", &done), true)?;
        match statat(&parent, &*name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat)
                if rustix::fs::FileType::from_raw_mode(stat.st_mode)
                    == rustix::fs::FileType::Symlink =>
            {
                links += 1;
                if plain || links > 40 {
                    return Err(Errno::LOOP);
                }
                let text = readlinkat(&parent, &*name, Vec::new())?;
                if text.as_bytes().starts_with(b"/") {
                    done.clear();
                }
                todo.extend(reversed(text.as_bytes()));
                continue;
            }
            Ok(_) => {}
            Err(Errno::NOENT) => {
                let last = todo.iter().all(|rest| rest.is_empty() || rest == ".");
                created.push(make_one(&parent, &name, !last || folder, &done)?);
            }
            Err(errno) => return Err(errno),
        }
        done.push(name);
    }
    Ok(())
}

/// Components, the last one first.
fn reversed(path: &[u8]) -> Vec<BString> {
    path.rsplit(|byte| *byte == b'/')
        .map(BString::from)
        .collect()
}

fn make_one(
    parent: &OwnedFd,
    name: &BString,
    folder: bool,
    done: &[BString],
) -> Result<Created, Errno> {
    let before = fstat(parent)?;
    if folder {
        mkdirat(parent, &**name, Mode::from_raw_mode(0o755))?;
    } else {
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::CLOEXEC;
        openat(parent.as_fd(), &**name, flags, Mode::from_raw_mode(0o755))?;
    }
    let mut path = done.to_vec();
    path.push(name.clone());
    #[expect(
        clippy::allow_attributes,
        reason = "the width of the field differs between architectures"
    )]
    #[allow(clippy::unnecessary_cast)]
    let parent_mtime = (before.st_mtime as i64, before.st_mtime_nsec as u32);
    Ok(Created {
        path: bstr::join("/", path).into(),
        parent_mtime,
    })
}
