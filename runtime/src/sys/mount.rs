//! `mount_setattr`, which rustix 1.1 and nix 0.31 lack. Everything else about mounts is rustix.

use super::check;
use rustix::io::Errno;
use std::os::fd::{AsRawFd as _, BorrowedFd};

/// What to change on a mount.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Attributes {
    /// `MOUNT_ATTR_*` to set.
    pub(crate) set: u64,
    /// `MS_PRIVATE`, `MS_SLAVE`, … or 0 to leave it.
    pub(crate) propagation: u64,
    /// The mounts below it, too.
    pub(crate) recursive: bool,
}

/// Changes the attributes of the mount that `mount` is the root of.
pub(crate) fn set_attributes(mount: BorrowedFd<'_>, change: Attributes) -> Result<(), Errno> {
    // struct mount_attr: set, clear, propagation, userns_fd.
    let attributes: [u64; 4] = [change.set, 0, change.propagation, 0];
    let flags = libc::AT_EMPTY_PATH
        | if change.recursive {
            libc::AT_RECURSIVE
        } else {
            0
        };
    // SAFETY: the path is a static C string and the record has the size that is passed.
    check(unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            mount.as_raw_fd(),
            c"".as_ptr(),
            flags,
            attributes.as_ptr(),
            size_of_val(&attributes),
        )
    })
    .map(drop)
}
