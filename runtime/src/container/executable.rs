//! This program's own file, seen so that a container cannot write to it (CVE-2019-5736).
//!
//! The first process of a container is this program until it executes the container's; a container can get hold of its
//! file for a moment (`#!/proc/self/exe`). So `__init` is started from a read-only mount of just that file, which nothing
//! can make writable again, or else from a sealed copy in memory.

use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
use rustix::mount::{MountAttrFlags, OpenTreeFlags, open_tree};
use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::sync::OnceLock;

/// A path that executes this program, valid in this process for its whole life.
pub(super) fn path() -> io::Result<PathBuf> {
    static HANDLE: OnceLock<OwnedFd> = OnceLock::new();
    let handle = if let Some(handle) = HANDLE.get() {
        handle
    } else {
        let made = match read_only_mount() {
            Some(mount) => mount,
            None => sealed_copy()?,
        };
        HANDLE.get_or_init(|| made)
    };
    Ok(PathBuf::from(format!(
        "/proc/self/fd/{}",
        handle.as_raw_fd()
    )))
}

/// Some 20 us. Fails where mounting is not allowed, or when the file was replaced since this process started.
fn read_only_mount() -> Option<OwnedFd> {
    let running = fs::metadata("/proc/self/exe").ok()?;
    let path = fs::read_link("/proc/self/exe").ok()?;
    let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
    let mount = open_tree(rustix::fs::CWD, &path, flags).ok()?;
    let change = crate::sys::mount::Attributes {
        set: u64::from(MountAttrFlags::MOUNT_ATTR_RDONLY.bits()),
        propagation: libc::MS_PRIVATE,
        recursive: false,
    };
    crate::sys::mount::set_attributes(mount.as_fd(), change).ok()?;
    let stat = rustix::fs::fstat(&mount).ok()?;
    ((stat.st_dev, stat.st_ino) == (running.dev(), running.ino())).then_some(mount)
}

fn sealed_copy() -> io::Result<OwnedFd> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let mut copy = File::from(
        memfd_create("cooper", flags | MemfdFlags::EXEC)
            .or_else(|_| memfd_create("cooper", flags))?,
    );
    io::copy(&mut File::open("/proc/self/exe")?, &mut copy)?;
    fcntl_add_seals(
        &copy,
        SealFlags::WRITE | SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL,
    )?;
    // A writable descriptor of a running file is "text busy": go on with a reading one.
    Ok(File::open(format!("/proc/self/fd/{}", copy.as_raw_fd()))?.into())
}
