//! Terminal ioctls on descriptors, never on paths: a path could have been replaced by the image.

use super::check;
use rustix::io::Errno;
use std::os::fd::{AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd};

/// Unlocks the slave of a pty master and opens it without a path lookup.
pub(crate) fn open_slave(master: BorrowedFd<'_>) -> Result<OwnedFd, Errno> {
    let unlock: libc::c_int = 0;
    // SAFETY: TIOCSPTLCK reads one int.
    check(libc::c_long::from(unsafe {
        libc::ioctl(master.as_raw_fd(), libc::TIOCSPTLCK as _, &raw const unlock)
    }))?;
    let flags = libc::O_RDWR | libc::O_NOCTTY | libc::O_CLOEXEC;
    // SAFETY: TIOCGPTPEER takes open flags by value and returns a new descriptor.
    let fd = check(libc::c_long::from(unsafe {
        libc::ioctl(master.as_raw_fd(), libc::TIOCGPTPEER as _, flags)
    }))?;
    // SAFETY: just made, owned by nobody else.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as i32) })
}

/// Makes a terminal the controlling one of this session.
pub(crate) fn take_control(slave: BorrowedFd<'_>) -> Result<(), Errno> {
    // SAFETY: the argument is an integer: do not steal.
    check(libc::c_long::from(unsafe {
        libc::ioctl(slave.as_raw_fd(), libc::TIOCSCTTY as _, 0)
    }))
    .map(drop)
}

/// Sets the size of a terminal in characters.
pub(crate) fn resize(terminal: BorrowedFd<'_>, rows: u16, columns: u16) -> Result<(), Errno> {
    let size = libc::winsize {
        ws_row: rows,
        ws_col: columns,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    // SAFETY: TIOCSWINSZ reads one winsize.
    check(libc::c_long::from(unsafe {
        libc::ioctl(terminal.as_raw_fd(), libc::TIOCSWINSZ as _, &raw const size)
    }))
    .map(drop)
}
