//! A session keyring of its own, so that a container cannot read keys of the session that started it.

use super::check;
use rustix::io::Errno;

/// Joins a new anonymous session keyring.
pub(crate) fn join_new_session() -> Result<(), Errno> {
    const KEYCTL_JOIN_SESSION_KEYRING: libc::c_int = 1;
    // SAFETY: a null name asks for an anonymous keyring; nothing is dereferenced.
    check(unsafe {
        libc::syscall(
            libc::SYS_keyctl,
            KEYCTL_JOIN_SESSION_KEYRING,
            std::ptr::null::<libc::c_char>(),
        )
    })
    .map(drop)
}
