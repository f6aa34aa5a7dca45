//! Descriptor numbers: placing 0 to 2 and closing the rest, which safe wrappers do not offer.

use super::check;
use rustix::io::Errno;
use std::os::fd::{AsRawFd as _, BorrowedFd};

/// Makes `number` (0, 1 or 2) a copy of `fd` that survives exec. Whatever had that number is closed.
pub(crate) fn place(fd: BorrowedFd<'_>, number: i32) -> Result<(), Errno> {
    debug_assert!((0..3).contains(&number) && fd.as_raw_fd() > 2);
    // SAFETY: standard descriptors are owned by nobody in Rust's model; the source is borrowed and above 2.
    check(libc::c_long::from(unsafe {
        libc::dup2(fd.as_raw_fd(), number)
    }))
    .map(drop)
}

/// Marks every descriptor from 3 on to be closed by exec.
pub(crate) fn close_on_exec_from_3() -> Result<(), Errno> {
    // SAFETY: changes flags only; no descriptor is closed before exec.
    check(unsafe {
        libc::syscall(
            libc::SYS_close_range,
            3,
            u32::MAX,
            libc::CLOSE_RANGE_CLOEXEC,
        )
    })
    .map(drop)
}
