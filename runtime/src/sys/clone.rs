//! `clone3`: namespaces, a pidfd without a race, and a start inside a cgroup, in one call. Neither crate has it.

use super::check;
use rustix::io::Errno;
use rustix::thread::UnshareFlags;
use std::fs;
use std::os::fd::{AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd};
use std::os::unix::fs::MetadataExt as _;

/// Proof that this process has one thread, so that a copy of it has consistent locks and may even allocate.
pub(crate) struct SingleThread(());

impl SingleThread {
    /// Looks at `/proc/self/task`: a folder has two links plus one for each folder in it.
    pub(crate) fn prove() -> Option<Self> {
        let links = fs::metadata("/proc/self/task").ok()?.nlink();
        (links == 3).then_some(Self(()))
    }
}

/// Which of the two processes is looking.
pub(crate) enum Side {
    Parent { pid: u32, pidfd: OwnedFd },
    Child,
}

/// Copies this process into new namespaces (`CLONE_NEW*` in `flags`), optionally born inside a v2 cgroup.
pub(crate) fn clone3(
    _proof: &SingleThread,
    flags: u64,
    cgroup: Option<BorrowedFd<'_>>,
) -> Result<Side, Errno> {
    let mut pidfd: libc::c_int = -1;
    // SAFETY: clone_args is plain integers; all zero is its documented "nothing asked" value.
    let mut args: libc::clone_args = unsafe { std::mem::zeroed() };
    args.flags = flags | libc::CLONE_PIDFD as u64;
    args.pidfd = &raw mut pidfd as u64;
    args.exit_signal = libc::SIGCHLD as u64;
    if let Some(cgroup) = cgroup {
        const CLONE_INTO_CGROUP: u64 = 0x2_0000_0000;
        args.flags |= CLONE_INTO_CGROUP;
        args.cgroup = cgroup.as_raw_fd() as u64;
    }
    // SAFETY: without CLONE_VM the child has its own copy of memory, and the proof says no other thread held a lock.
    // `args` and `pidfd` outlive the call.
    let pid = check(unsafe {
        libc::syscall(
            libc::SYS_clone3,
            &raw const args,
            size_of::<libc::clone_args>(),
        )
    })?;
    if pid == 0 {
        return Ok(Side::Child);
    }
    // SAFETY: the kernel stored a new descriptor there that nobody else owns.
    let pidfd = unsafe { OwnedFd::from_raw_fd(pidfd) };
    Ok(Side::Parent {
        pid: pid as u32,
        pidfd,
    })
}

/// Moves this thread into new namespaces.
pub(crate) fn unshare(flags: UnshareFlags) -> Result<(), Errno> {
    // SAFETY: only NEW* namespace flags are passed in this crate; CLONE_FILES, whose effect on descriptors is the hazard,
    // is masked out.
    unsafe { rustix::thread::unshare_unsafe(flags & !UnshareFlags::FILES) }
}

/// Ends a cloned process without running exit handlers that belong to its parent.
pub(crate) fn exit(code: i32) -> ! {
    // SAFETY: _exit has no preconditions.
    unsafe { libc::_exit(code) }
}
