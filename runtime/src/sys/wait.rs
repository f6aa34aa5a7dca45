//! `wait4`, for the resource use that `waitid` does not report.

use super::check;
use rustix::io::Errno;
use std::time::Duration;

/// A child's end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reaped {
    /// As of `wait(2)`.
    pub(crate) status: i32,
    pub(crate) user: Duration,
    pub(crate) system: Duration,
    /// Largest resident set of any one process, bytes.
    pub(crate) max_rss: u64,
}

/// Waits for a child of this process.
pub(crate) fn wait4(pid: u32) -> Result<Reaped, Errno> {
    let mut status = 0;
    // SAFETY: rusage is plain integers.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    loop {
        // SAFETY: both pointers are live.
        match check(libc::c_long::from(unsafe {
            libc::wait4(pid as i32, &raw mut status, 0, &raw mut usage)
        })) {
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno),
            Ok(_) => break,
        }
    }
    let time =
        |value: libc::timeval| Duration::new(value.tv_sec as u64, value.tv_usec as u32 * 1000);
    Ok(Reaped {
        status,
        user: time(usage.ru_utime),
        system: time(usage.ru_stime),
        max_rss: usage.ru_maxrss as u64 * 1024,
    })
}
