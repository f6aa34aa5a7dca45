//! Raw set-id and capability calls. The C library's versions signal every thread, which hangs in a clone of a process that
//! had threads, and nix's capset does not exist.

use super::check;
use rustix::io::Errno;

/// Replaces the supplementary groups of this thread.
pub(crate) fn set_groups(groups: &[u32]) -> Result<(), Errno> {
    // SAFETY: the pointer and the length describe a live slice of gid_t.
    check(unsafe { libc::syscall(libc::SYS_setgroups, groups.len(), groups.as_ptr()) }).map(drop)
}

/// Sets real, effective and saved group.
pub(crate) fn set_gid(gid: u32) -> Result<(), Errno> {
    // SAFETY: integers only.
    check(unsafe { libc::syscall(libc::SYS_setresgid, gid, gid, gid) }).map(drop)
}

/// Sets real, effective and saved user.
pub(crate) fn set_uid(uid: u32) -> Result<(), Errno> {
    // SAFETY: integers only.
    check(unsafe { libc::syscall(libc::SYS_setresuid, uid, uid, uid) }).map(drop)
}

/// Capability sets of a thread, one bit a capability.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct CapabilitySets {
    pub(crate) effective: u64,
    pub(crate) permitted: u64,
    pub(crate) inheritable: u64,
}

/// Sets the capability sets of this thread.
pub(crate) fn set_capabilities(sets: CapabilitySets) -> Result<(), Errno> {
    const VERSION_3: u32 = 0x2008_0522;
    let header: [u32; 2] = [VERSION_3, 0];
    let half = |bits: u64, at: u32| (bits >> at) as u32;
    let data: [u32; 6] = [
        half(sets.effective, 0),
        half(sets.permitted, 0),
        half(sets.inheritable, 0),
        half(sets.effective, 32),
        half(sets.permitted, 32),
        half(sets.inheritable, 32),
    ];
    // SAFETY: version 3 reads a header of two words and two records of three words, which these arrays are.
    check(unsafe { libc::syscall(libc::SYS_capset, header.as_ptr(), data.as_ptr()) }).map(drop)
}

/// Removes one capability from the bounding set. `EINVAL`: the kernel has no such capability.
pub(crate) fn drop_bounding(capability: u32) -> Result<(), Errno> {
    // SAFETY: integers only.
    check(unsafe { libc::syscall(libc::SYS_prctl, libc::PR_CAPBSET_DROP, capability, 0, 0, 0) })
        .map(drop)
}

/// Adds one capability to the ambient set.
pub(crate) fn raise_ambient(capability: u32) -> Result<(), Errno> {
    // SAFETY: integers only.
    check(unsafe {
        libc::syscall(
            libc::SYS_prctl,
            libc::PR_CAP_AMBIENT,
            libc::PR_CAP_AMBIENT_RAISE,
            capability,
            0,
            0,
        )
    })
    .map(drop)
}

/// Keeps the permitted set over the change of the user id, so that it can be cut down exactly afterwards.
pub(crate) fn keep_capabilities(keep: bool) -> Result<(), Errno> {
    // SAFETY: integers only.
    check(unsafe {
        libc::syscall(
            libc::SYS_prctl,
            libc::PR_SET_KEEPCAPS,
            libc::c_ulong::from(keep),
            0,
            0,
            0,
        )
    })
    .map(drop)
}
