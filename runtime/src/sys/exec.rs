//! `execve` with vectors prepared before the clone.

use rustix::io::Errno;
use std::ffi::{CStr, CString};
use std::ptr;

/// A null-terminated vector of strings, owned together with the strings it points to.
pub(crate) struct ExecVec {
    pointers: Vec<*const libc::c_char>,
    _strings: Vec<CString>,
}

impl ExecVec {
    /// Takes the strings; the pointers stay valid because a moved `CString` keeps its heap block.
    pub(crate) fn new(strings: Vec<CString>) -> Self {
        let pointers = strings
            .iter()
            .map(|string| string.as_ptr())
            .chain([ptr::null()])
            .collect();
        Self {
            pointers,
            _strings: strings,
        }
    }
}

/// Replaces this process; returns only on failure.
pub(crate) fn execve(path: &CStr, argv: &ExecVec, env: &ExecVec) -> Errno {
    // SAFETY: both vectors end with null and own every string they point to.
    unsafe { libc::execve(path.as_ptr(), argv.pointers.as_ptr(), env.pointers.as_ptr()) };
    Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::IO)
}
