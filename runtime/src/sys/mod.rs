//! Kernel facilities that neither rustix nor nix offers as a safe call: one file each.
//!
//! This is the only module of the workspace with `unsafe`. Every function here is a thin call on owned or borrowed values;
//! none takes a raw descriptor. "After a clone" in the docs means: usable between clone and exec in a process that had one
//! thread when it cloned.
#![allow(
    unsafe_code,
    reason = "raw system calls; each block names the fact it relies on"
)]

pub(crate) mod clone;
pub(crate) mod credentials;
pub(crate) mod exec;
pub(crate) mod fd;
pub(crate) mod keyring;
pub(crate) mod link;
pub mod memory;
pub(crate) mod mount;
pub(crate) mod pty;
pub(crate) mod seccomp;
pub(crate) mod signal;
pub(crate) mod wait;

use rustix::io::Errno;

/// Turns the result of a libc call into a value or `errno`.
fn check(result: libc::c_long) -> Result<libc::c_long, Errno> {
    if result == -1 {
        Err(Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::IO))
    } else {
        Ok(result)
    }
}
