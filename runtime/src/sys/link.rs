//! Interface flags by ioctl: one interface goes up, netlink would be a parser for it.

use super::check;
use rustix::io::Errno;
use std::os::fd::{AsRawFd as _, BorrowedFd};

/// Sets `lo` up in the network namespace of `socket` (any internet socket).
pub(crate) fn loopback_up(socket: BorrowedFd<'_>) -> Result<(), Errno> {
    // SAFETY: ifreq is plain data; all zero is a valid empty request.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    request.ifr_name[0] = b'l' as libc::c_char;
    request.ifr_name[1] = b'o' as libc::c_char;
    request.ifr_ifru.ifru_flags = (libc::IFF_UP | libc::IFF_RUNNING) as libc::c_short;
    // SAFETY: SIOCSIFFLAGS reads one ifreq, which outlives the call.
    check(libc::c_long::from(unsafe {
        libc::ioctl(
            socket.as_raw_fd(),
            libc::SIOCSIFFLAGS as _,
            &raw const request,
        )
    }))
    .map(drop)
}
