//! Loads a compiled filter.

use super::check;
use crate::container::seccomp::Instruction;
use rustix::io::Errno;

/// The kernel's layout of a program, built before the clone.
pub(crate) struct Program(Vec<libc::sock_filter>);

impl Program {
    /// Converts compiled instructions.
    pub(crate) fn new(instructions: &[Instruction]) -> Self {
        Self(
            instructions
                .iter()
                .map(|&Instruction(code, jt, jf, k)| libc::sock_filter { code, jt, jf, k })
                .collect(),
        )
    }

    /// Puts the filter in force for this thread, for good. Needs `CAP_SYS_ADMIN` or no-new-privileges.
    pub(crate) fn load(&self) -> Result<(), Errno> {
        let program = libc::sock_fprog {
            len: self.0.len() as u16,
            filter: self.0.as_ptr().cast_mut(),
        };
        // SAFETY: the kernel copies `len` instructions from a live vector and does not write to it.
        check(unsafe {
            libc::syscall(
                libc::SYS_seccomp,
                libc::SECCOMP_SET_MODE_FILTER,
                0,
                &raw const program,
            )
        })
        .map(drop)
    }
}
