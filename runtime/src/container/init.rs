//! `__init`: the single-threaded process that makes a container, stays its parent, and reports its end.
//!
//! The caller may have threads, so it does not fork; it starts this with a socket as standard input, sends the plan and
//! the descriptors, and listens. Before the clone everything that belongs to the host's view is opened (sources of bind
//! mounts); after it the child works by descriptors below the container's root. The child may allocate: the process had
//! one thread when it was copied ([`SingleThread`]), so no lock can be held by somebody who is gone.

use super::plan::{CgroupEntry, DevicePlan, MountPlan, MountSource, Plan, RootPlan};
use super::report::{Failure, HEAD, Made, Message, Step};
use super::target;
use crate::sys::clone::{Side, SingleThread, clone3, exit, unshare};
use crate::sys::exec::{ExecVec, execve};
use crate::sys::mount::{Attributes, set_attributes};
use crate::sys::{credentials, fd, keyring, link, pty, seccomp, signal, wait};
use bstr::{BString, ByteSlice as _};
use cooperage_lang::plan::config::DEFAULT_PATH;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{
    AtFlags, FileType, Mode, OFlags, ResolveFlags, StatxFlags, fstat, mknodat, openat, openat2,
    statx, symlinkat,
};
use rustix::io::Errno;
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MountPropagationFlags, MoveMountFlags,
    OpenTreeFlags, UnmountFlags, fsconfig_create, fsconfig_set_flag, fsconfig_set_string, fsmount,
    fsopen, mount_change, move_mount, open_tree, unmount,
};
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
};
use rustix::net::{SendFlags, recvmsg, sendmsg};
use rustix::process::Signal;
use rustix::thread::UnshareFlags;
use std::convert::Infallible;
use std::ffi::CString;
use std::fs::File;
use std::io::{IoSlice, IoSliceMut, Read as _, Write as _};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// Most descriptors one message carries (`SCM_MAX_FD`).
pub(crate) const MAX_DESCRIPTORS: usize = 253;

/// Runs the hidden entry: never returns.
pub(crate) fn main() -> ! {
    let Ok(socket) = std::io::stdin().as_fd().try_clone_to_owned() else {
        exit(125)
    };
    let result = supervise(socket.as_fd());
    if let Err(failure) = result {
        send(socket.as_fd(), &Message::Failed(failure), None, b"");
    }
    exit(if result.is_ok() { 0 } else { 125 })
}

/// Sends one packet; a launcher that is gone is noticed elsewhere.
fn send(socket: BorrowedFd<'_>, message: &Message, with: Option<BorrowedFd<'_>>, tail: &[u8]) {
    let head = message.encode();
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    let fds = with.map(|fd| [fd]);
    if let Some(fds) = &fds {
        control.push(SendAncillaryMessage::ScmRights(fds));
    }
    let _ = sendmsg(
        socket,
        &[IoSlice::new(&head), IoSlice::new(tail)],
        &mut control,
        SendFlags::NOSIGNAL,
    );
}

fn at(step: Step) -> impl Fn(Errno) -> Failure {
    move |errno| Failure::new(step, 0, errno)
}

fn item(step: Step, index: usize) -> impl Fn(Errno) -> Failure {
    move |errno| Failure::new(step, index, errno)
}

/// Everything the child needs, opened or converted before the clone.
struct Prepared<'a> {
    plan: &'a Plan,
    socket: BorrowedFd<'a>,
    /// Becomes readable when this process dies.
    parent: OwnedFd,
    stdio: [Option<OwnedFd>; 3],
    legacy_cgroups: Vec<OwnedFd>,
    /// Detached copies of bind sources, by mount.
    sources: Vec<Option<OwnedFd>>,
    /// Host device nodes to bind, by device.
    device_sources: Vec<Option<OwnedFd>>,
    programs: Vec<CString>,
    argv: ExecVec,
    env: ExecVec,
    cwd: CString,
    filter: Option<seccomp::Program>,
}

fn supervise(socket: BorrowedFd<'_>) -> Result<(), Failure> {
    let (plan, mut fds) = receive(socket).map_err(at(Step::Receive))?;
    let plan: Plan = plan;
    rustix::process::umask(Mode::empty());
    let mut next = || {
        fds.next()
            .ok_or(Failure::new(Step::Receive, 1, Errno::BADF))
    };
    let stdio = if plan.pty.is_some() {
        [None, None, None]
    } else {
        [Some(next()?), Some(next()?), Some(next()?)]
    };
    let unified = if plan.cgroup.unified {
        Some(next()?)
    } else {
        None
    };
    let legacy_cgroups = (0..plan.cgroup.legacy)
        .map(|_| next())
        .collect::<Result<_, _>>()?;
    let mut sources = Vec::with_capacity(plan.mounts.len());
    for (index, mount) in plan.mounts.iter().enumerate() {
        sources.push(match &mount.source {
            MountSource::Path { path, recursive } => Some(
                clone_source(rustix::fs::CWD, &**path, *recursive)
                    .map_err(item(Step::OpenSource, index))?,
            ),
            MountSource::Fd { recursive } => {
                let fd = next()?;
                Some(
                    clone_source(fd.as_fd(), "", *recursive)
                        .map_err(item(Step::OpenSource, index))?,
                )
            }
            MountSource::Fs { .. } | MountSource::File { .. } => None,
        });
    }
    drop(fds);
    let mut device_sources = Vec::new();
    for (index, device) in plan.devices.iter().enumerate() {
        device_sources.push(if plan.bind_devices {
            host_device(device).map_err(item(Step::Device, index))?
        } else {
            None
        });
    }
    let parent = rustix::process::pidfd_open(
        rustix::process::getpid(),
        rustix::process::PidfdFlags::empty(),
    )
    .map_err(at(Step::Clone))?;
    let c_string =
        |text: &[u8], step| CString::new(text).map_err(|_| Failure::new(step, 0, Errno::INVAL));
    let c_strings = |list: &[BString]| {
        list.iter()
            .map(|text| c_string(text, Step::Exec))
            .collect::<Result<Vec<_>, _>>()
    };
    let prepared = Prepared {
        socket,
        parent,
        stdio,
        legacy_cgroups,
        sources,
        device_sources,
        programs: candidates(&plan)
            .into_iter()
            .map(|path| c_string(&path, Step::Exec))
            .collect::<Result<_, _>>()?,
        argv: ExecVec::new(c_strings(&plan.argv)?),
        env: ExecVec::new(c_strings(&plan.env)?),
        cwd: c_string(&plan.cwd, Step::WorkingDirectory)?,
        filter: plan.seccomp.as_deref().map(seccomp::Program::new),
        plan: &plan,
    };
    let (started, alive) =
        rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).map_err(at(Step::Clone))?;
    let proof = SingleThread::prove().ok_or(Failure::new(Step::Clone, 1, Errno::BUSY))?;
    match clone3(&proof, plan.namespaces, unified.as_ref().map(AsFd::as_fd))
        .map_err(at(Step::Clone))?
    {
        Side::Child => {
            drop(started);
            let Err(failure) = become_container(prepared);
            send(socket, &Message::Failed(failure), None, b"");
            exit(127)
        }
        Side::Parent { pid, pidfd } => {
            drop(alive);
            drop(prepared);
            watch(socket, pid, &pidfd, &started)
        }
    }
}

/// The parent: tells when the program started, ends it when the launcher dies, reports its end.
fn watch(
    socket: BorrowedFd<'_>,
    pid: u32,
    pidfd: &OwnedFd,
    started: &OwnedFd,
) -> Result<(), Failure> {
    // The other end is closed by exec or by death.
    let _ = rustix::io::retry_on_intr(|| rustix::io::read(started, &mut [0_u8; 1]));
    send(socket, &Message::Running { pid }, Some(pidfd.as_fd()), b"");
    // Held until after the report: the last process of a mount namespace waits for its mounts to go, some milliseconds
    // that belong to nobody's critical path.
    let _mounts = File::open(format!("/proc/{pid}/ns/mnt"));
    loop {
        let mut fds = [
            PollFd::new(pidfd, PollFlags::IN),
            PollFd::new(&socket, PollFlags::RDHUP),
        ];
        match poll(&mut fds, None) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(errno) => return Err(Failure::new(Step::Clone, 2, errno)),
        }
        if !fds[1].revents().is_empty() {
            let _ = rustix::process::pidfd_send_signal(pidfd, Signal::KILL);
            break;
        }
        if !fds[0].revents().is_empty() {
            break;
        }
    }
    let end = wait::wait4(pid).map_err(at(Step::Clone))?;
    let message = Message::Exited {
        status: end.status,
        user_us: end.user.as_micros() as u64,
        system_us: end.system.as_micros() as u64,
        max_rss: end.max_rss,
    };
    send(socket, &message, None, b"");
    Ok(())
}

fn receive(socket: BorrowedFd<'_>) -> Result<(Plan, std::vec::IntoIter<OwnedFd>), Errno> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_DESCRIPTORS))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut byte = [0_u8; 1];
    let mut buffers = [IoSliceMut::new(&mut byte)];
    recvmsg(socket, &mut buffers, &mut control, RecvFlags::CMSG_CLOEXEC)?;
    let mut fds = Vec::new();
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(rights) = message {
            fds.extend(rights);
        }
    }
    let mut fds = fds.into_iter();
    let mut text = Vec::new();
    let mut file = File::from(fds.next().ok_or(Errno::BADF)?);
    file.read_to_end(&mut text)
        .map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))?;
    let plan = serde_json::from_slice(&text).map_err(|_| Errno::INVAL)?;
    Ok((plan, fds))
}

/// A detached copy of a mount, in the host's view: after the clone that view is gone.
fn clone_source(
    dir: BorrowedFd<'_>,
    path: impl rustix::path::Arg,
    recursive: bool,
) -> Result<OwnedFd, Errno> {
    let mut flags = OpenTreeFlags::OPEN_TREE_CLONE
        | OpenTreeFlags::OPEN_TREE_CLOEXEC
        | OpenTreeFlags::AT_EMPTY_PATH;
    if recursive {
        flags |= OpenTreeFlags::AT_RECURSIVE;
    }
    open_tree(dir, path, flags)
}

/// Opens the host's node of a device, when it is one and the right one. `None`: the host has none to bind.
fn host_device(device: &DevicePlan) -> Result<Option<OwnedFd>, Errno> {
    let mut path = b"/dev/".to_vec();
    path.extend_from_slice(&device.name);
    let mount = match clone_source(rustix::fs::CWD, &path[..], false) {
        Ok(mount) => mount,
        Err(Errno::NOENT) => return Ok(None),
        Err(errno) => return Err(errno),
    };
    let stat = fstat(&mount)?;
    let same = rustix::fs::major(stat.st_rdev) == device.major
        && rustix::fs::minor(stat.st_rdev) == device.minor
        && FileType::from_raw_mode(stat.st_mode) == FileType::from_raw_mode(device.mode);
    if same {
        Ok(Some(mount))
    } else {
        Err(Errno::NODEV)
    }
}

/// Paths to try, in order: the program itself when it has a slash, else below each folder of the container's `PATH`.
fn candidates(plan: &Plan) -> Vec<Vec<u8>> {
    let program = plan
        .argv
        .first()
        .map(|program| program.as_slice())
        .unwrap_or_default();
    if program.contains(&b'/') {
        return vec![program.to_vec()];
    }
    let path = plan
        .env
        .iter()
        .rev()
        .find_map(|entry| entry.strip_prefix(b"PATH="));
    path.unwrap_or(DEFAULT_PATH.as_bytes())
        .split_str(":")
        .map(|folder| {
            // An empty folder is the working directory.
            let mut path = if folder.is_empty() {
                b".".to_vec()
            } else {
                folder.to_vec()
            };
            path.push(b'/');
            path.extend_from_slice(program);
            path
        })
        .collect()
}

/// The child. Each step stands where it does for a reason; see the comments.
fn become_container(mut ready: Prepared<'_>) -> Result<Infallible, Failure> {
    let plan = ready.plan;
    signal::reset();
    // Before any mount, so that a leak of this process is nobody's to read; exec sets it back.
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
    enter_cgroups(plan.cgroup, &ready.legacy_cgroups)?;
    // A session of its own: no controlling terminal, so `/dev/tty` and TIOCSTI lead nowhere.
    rustix::process::setsid().map_err(at(Step::Session))?;
    mount_change(
        "/",
        MountPropagationFlags::DOWNSTREAM | MountPropagationFlags::REC,
    )
    .map_err(at(Step::Propagation))?;
    let staged = stage_files(plan)?;
    let (root, upper) = mount_root(&plan.root)?;
    let terminal = mount_all(&mut ready, &root, upper.as_ref(), staged)?;
    if plan.new_network {
        let socket = rustix::net::socket(
            rustix::net::AddressFamily::INET,
            rustix::net::SocketType::DGRAM,
            None,
        )
        .map_err(at(Step::Network))?;
        link::loopback_up(socket.as_fd()).map_err(at(Step::Network))?;
    }
    set_sysctl(&ready)?;
    hide(plan, &root)?;
    if plan.root_read_only {
        let change = Attributes {
            set: u64::from(MountAttrFlags::MOUNT_ATTR_RDONLY.bits()),
            ..Attributes::default()
        };
        set_attributes(root.as_fd(), change).map_err(at(Step::ReadOnly))?;
    }
    if let Some(score) = plan.oom_score_adj {
        // Lowering needs CAP_SYS_RESOURCE, which root may lack.
        if let Err(errno) = write_proc(b"self/oom_score_adj", score.to_string().as_bytes()) {
            send(
                ready.socket,
                &Message::Warning(Failure::new(Step::OomScore, 0, errno)),
                None,
                b"",
            );
        }
    }
    pivot(&root)?;
    if let Some(name) = &plan.hostname {
        nix::unistd::sethostname(name.to_os_str_lossy()).map_err(nix_error(Step::Hostname))?;
    }
    if let Some(name) = &plan.domainname {
        write_proc(b"sys/kernel/domainname", name).map_err(item(Step::Hostname, 1))?;
    }
    set_rlimits(&ready);
    match keyring::join_new_session() {
        // Kernels without keyrings, and a user's quota: other runtimes go on, too.
        Ok(()) | Err(Errno::NOSYS | Errno::DQUOT | Errno::PERM) => {}
        Err(errno) => return Err(Failure::new(Step::Keyring, 0, errno)),
    }
    connect_stdio(&ready, terminal)?;
    // Before the working directory is entered: `/proc/self/fd/N` must not lead to the host (CVE-2024-21626).
    fd::close_on_exec_from_3().map_err(at(Step::CloseDescriptors))?;
    // Once with root's rights, for a folder that only root may enter; else once more as the user.
    let entered = rustix::process::chdir(&*ready.cwd);
    drop_privileges(&ready)?;
    enter_cwd(&ready, entered)?;
    if plan.no_new_privileges {
        // Last: after this line only what the profile allows is called.
        rustix::thread::set_no_new_privs(true).map_err(at(Step::Seccomp))?;
        load_filter(&ready)?;
    }
    Err(run(&ready))
}

fn enter_cgroups(entry: CgroupEntry, legacy: &[OwnedFd]) -> Result<(), Failure> {
    for (index, procs) in legacy.iter().enumerate() {
        // "0" is the writer itself: no pid, hence no race and no translation.
        rustix::io::write(procs, b"0").map_err(item(Step::Cgroup, index))?;
    }
    if entry.namespace {
        // After joining, because the namespace's root is where its maker stands.
        unshare(UnshareFlags::NEWCGROUP).map_err(at(Step::CgroupNamespace))?;
    }
    Ok(())
}

/// Puts given file contents on a memory file system and returns a detached mount of each, by mount.
fn stage_files(plan: &Plan) -> Result<Vec<Option<OwnedFd>>, Failure> {
    let failed = at(Step::Staging);
    if !plan
        .mounts
        .iter()
        .any(|mount| matches!(mount.source, MountSource::File { .. }))
    {
        return Ok(Vec::new());
    }
    let fs = new_fs("tmpfs", &[("mode".into(), Some("700".into()))], 0).map_err(&failed)?;
    // A mount can only be copied while it is attached; over the host's root, because that always exists.
    attach(&fs, rustix::fs::CWD, c"/").map_err(&failed)?;
    let mut staged = Vec::new();
    for (index, mount) in plan.mounts.iter().enumerate() {
        let MountSource::File {
            content,
            mode,
            uid,
            gid,
        } = &mount.source
        else {
            staged.push(None);
            continue;
        };
        let failed = item(Step::Staging, index);
        let name = index.to_string();
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let file = openat(&fs, &*name, flags, Mode::from_raw_mode(0o600)).map_err(&failed)?;
        let mut file = File::from(file);
        file.write_all(content)
            .map_err(|error| failed(Errno::from_io_error(&error).unwrap_or(Errno::IO)))?;
        let (uid, gid) = (
            rustix::fs::Uid::from_raw(*uid),
            rustix::fs::Gid::from_raw(*gid),
        );
        rustix::fs::fchown(&file, Some(uid), Some(gid)).map_err(&failed)?;
        rustix::fs::fchmod(&file, Mode::from_raw_mode(*mode)).map_err(&failed)?;
        staged.push(Some(
            clone_source(fs.as_fd(), &*name, false).map_err(&failed)?,
        ));
    }
    // Off again before the root goes there: left on the old root, it would be what the pivot takes off in its place, and
    // `..` would lead from the container's root to the host's.
    unmount(c"/", UnmountFlags::DETACH).map_err(&failed)?;
    Ok(staged)
}

/// Mounts the root and attaches it; returns it and, for layers, the upper folder.
fn mount_root(root: &RootPlan) -> Result<(OwnedFd, Option<OwnedFd>), Failure> {
    let failed = at(Step::Root);
    let path_only = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let (mount, upper) = match root {
        RootPlan::Dir(path) => {
            // Attached over itself so that it can be pivoted into and made read-only alone.
            let mount = clone_source(rustix::fs::CWD, &**path, true).map_err(&failed)?;
            let upper = openat(&mount, c".", path_only, Mode::empty()).map_err(&failed)?;
            (mount, Some(upper))
        }
        RootPlan::Overlay {
            lower,
            upper,
            work,
            volatile,
            user_xattr,
        } => {
            let upper_fd =
                openat(rustix::fs::CWD, &**upper, path_only, Mode::empty()).map_err(&failed)?;
            (
                mount_overlay(lower, upper, work, *volatile, *user_xattr)?,
                Some(upper_fd),
            )
        }
    };
    attach(&mount, rustix::fs::CWD, c"/").map_err(&failed)?;
    Ok((mount, upper))
}

fn mount_overlay(
    lower: &[BString],
    upper: &BString,
    work: &BString,
    volatile: bool,
    user_xattr: bool,
) -> Result<OwnedFd, Failure> {
    let failed = at(Step::Overlay);
    let fs = fsopen("overlay", FsOpenFlags::FSOPEN_CLOEXEC).map_err(&failed)?;
    fsconfig_set_string(fs.as_fd(), "source", "overlay").map_err(&failed)?;
    for (index, layer) in lower.iter().enumerate() {
        match fsconfig_set_string(fs.as_fd(), "lowerdir+", &**layer) {
            Ok(()) => {}
            // Kernels before 6.7 take one string with colons.
            Err(Errno::INVAL) if index == 0 => {
                let escaped: Vec<_> = lower
                    .iter()
                    .map(|path| path.replace("\\", "\\\\").replace(":", "\\:"))
                    .collect();
                fsconfig_set_string(fs.as_fd(), "lowerdir", &*bstr::join(":", escaped))
                    .map_err(&failed)?;
                break;
            }
            Err(errno) => return Err(Failure::new(Step::Overlay, index, errno)),
        }
    }
    fsconfig_set_string(fs.as_fd(), "upperdir", &**upper).map_err(&failed)?;
    fsconfig_set_string(fs.as_fd(), "workdir", &**work).map_err(&failed)?;
    // Said explicitly whatever the module's defaults are: with metacopy or redirects an upper folder is not a layer.
    // "off" may still follow redirects that a layer brings, which attributes set by users must not do.
    let redirect = if user_xattr { "nofollow" } else { "off" };
    for (option, value) in [
        ("metacopy", "off"),
        ("redirect_dir", redirect),
        ("index", "off"),
        ("xino", "off"),
    ] {
        match fsconfig_set_string(fs.as_fd(), option, value) {
            // Without xattr for users a kernel knows no such option and does not do it either.
            Ok(()) | Err(Errno::INVAL) => {}
            Err(errno) => return Err(failed(errno)),
        }
    }
    if volatile {
        // The upper layer is thrown away or read at once: no sync when unmounted.
        fsconfig_set_flag(fs.as_fd(), "volatile").map_err(&failed)?;
    }
    if user_xattr {
        fsconfig_set_flag(fs.as_fd(), "userxattr").map_err(&failed)?;
    }
    fsconfig_create(fs.as_fd()).map_err(&failed)?;
    fsmount(
        fs.as_fd(),
        FsMountFlags::FSMOUNT_CLOEXEC,
        MountAttrFlags::empty(),
    )
    .map_err(&failed)
}

/// A detached mount of a new file system.
fn new_fs(
    kind: &str,
    options: &[(BString, Option<BString>)],
    attributes: u64,
) -> Result<OwnedFd, Errno> {
    let fs = fsopen(kind, FsOpenFlags::FSOPEN_CLOEXEC)?;
    // Shown as the first column of mount tables.
    fsconfig_set_string(fs.as_fd(), "source", kind)?;
    for (key, value) in options {
        match value {
            Some(value) => fsconfig_set_string(fs.as_fd(), &**key, &**value)?,
            None => fsconfig_set_flag(fs.as_fd(), &**key)?,
        }
    }
    fsconfig_create(fs.as_fd())?;
    let attributes = MountAttrFlags::from_bits_retain(attributes as u32);
    fsmount(fs.as_fd(), FsMountFlags::FSMOUNT_CLOEXEC, attributes)
}

fn attach(mount: &OwnedFd, dir: BorrowedFd<'_>, path: &std::ffi::CStr) -> Result<(), Errno> {
    let mut flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH;
    if path.is_empty() {
        flags |= MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
    }
    move_mount(mount, c"", dir, path, flags)
}

/// Every mount in order; fills `/dev` as soon as it is there. Returns the slave of the container's terminal.
fn mount_all(
    ready: &mut Prepared<'_>,
    root: &OwnedFd,
    upper: Option<&OwnedFd>,
    mut staged: Vec<Option<OwnedFd>>,
) -> Result<Option<OwnedFd>, Failure> {
    let plan = ready.plan;
    let mut made = Vec::new();
    let mut terminal = None;
    for (index, mount) in plan.mounts.iter().enumerate() {
        let source = match ready.sources[index].take() {
            Some(source) => Some(source),
            None => staged.get_mut(index).and_then(Option::take),
        };
        match mount_one(mount, source, root, index, &mut made) {
            Ok(fs) => {
                if mount.target == "/dev" && matches!(mount.source, MountSource::Fs { .. }) {
                    fill_dev(ready, &fs)?;
                }
                if let (b"/dev/pts", Some(size)) = (mount.target.as_slice(), plan.pty) {
                    terminal = Some(open_terminal(ready.socket, &fs, root, size)?);
                }
            }
            Err(failure) if mount.optional => {
                send(ready.socket, &Message::Warning(failure), None, b"");
            }
            Err(failure) => return Err(failure),
        }
    }
    report_made(ready.socket, upper, &made);
    // A working directory that is missing is made, and stays. Not through magic links: CVE-2024-21626.
    target::open_or_make(root.as_fd(), &plan.cwd, true, false, &mut Vec::new())
        .map_err(at(Step::WorkingDirectory))?;
    Ok(terminal)
}

fn mount_one(
    mount: &MountPlan,
    source: Option<OwnedFd>,
    root: &OwnedFd,
    index: usize,
    made: &mut Vec<(usize, target::Created)>,
) -> Result<OwnedFd, Failure> {
    let failed = item(Step::Mount, index);
    let fs = match (&mount.source, source) {
        (MountSource::Fs { kind, options }, _) => {
            new_fs(&kind.to_str_lossy(), options, mount.attributes).map_err(&failed)?
        }
        (other, Some(source)) => {
            let recursive = matches!(
                other,
                MountSource::Path {
                    recursive: true,
                    ..
                } | MountSource::Fd { recursive: true }
            );
            let change = Attributes {
                set: mount.attributes,
                propagation: libc::MS_PRIVATE,
                recursive,
            };
            set_attributes(source.as_fd(), change).map_err(&failed)?;
            source
        }
        (_, None) => return Err(failed(Errno::BADF)),
    };
    let folder =
        FileType::from_raw_mode(fstat(&fs).map_err(&failed)?.st_mode) == FileType::Directory;
    let mut created = Vec::new();
    let place = target::open_or_make(
        root.as_fd(),
        &mount.target,
        folder,
        mount.plain_target,
        &mut created,
    );
    made.extend(created.into_iter().map(|created| (index, created)));
    let place = place.map_err(item(Step::Target, index))?;
    if !plain_fs(mount) && on_procfs(&place).map_err(&failed)? {
        // Reached through a link of the image: the textual check was made before.
        return Err(Failure::new(Step::Target, index, Errno::PERM));
    }
    attach(&fs, place.as_fd(), c"").map_err(&failed)?;
    Ok(fs)
}

/// A file system the container itself brings below `/proc`: none so far but procfs.
fn plain_fs(mount: &MountPlan) -> bool {
    matches!(&mount.source, MountSource::Fs { kind, .. } if kind == "proc")
}

fn on_procfs(fd: &OwnedFd) -> Result<bool, Errno> {
    Ok(rustix::fs::fstatfs(fd)?.f_type == rustix::fs::PROC_SUPER_MAGIC)
}

/// Tells which mount points had to be made, by their place in the upper layer, so that a builder can take them away.
fn report_made(socket: BorrowedFd<'_>, upper: Option<&OwnedFd>, made: &[(usize, target::Created)]) {
    let Some(upper) = upper else { return };
    for (mount, created) in made {
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let beneath = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
        // What is below another mount (`/dev/pts` in a new `/dev`) is not in the layer, hence not found or not said.
        let Ok(fd) = openat2(upper, &*created.path, flags, Mode::empty(), beneath) else {
            continue;
        };
        let Ok(stat) = fstat(&fd) else { continue };
        let message = Message::Made(Made {
            mount: *mount as u32,
            folder: FileType::from_raw_mode(stat.st_mode) == FileType::Directory,
            dev: stat.st_dev,
            ino: stat.st_ino,
            parent_mtime: created.parent_mtime,
            path_len: created.path.len() as u16,
        });
        send(socket, &message, None, &created.path);
    }
}

/// Nodes and links in the new memory file system, through its own descriptor: nothing of the image is looked at.
fn fill_dev(ready: &mut Prepared<'_>, dev: &OwnedFd) -> Result<(), Failure> {
    let plan = ready.plan;
    for (index, device) in plan.devices.iter().enumerate() {
        let failed = item(Step::Device, index);
        let mut made = Vec::new();
        let (folder, name) = match device.name.rsplit_once_str("/") {
            None => (None, device.name.as_bstr()),
            Some((folder, name)) => {
                let folder = target::open_or_make(dev.as_fd(), folder, true, true, &mut made)
                    .map_err(&failed)?;
                (Some(folder), name.as_bstr())
            }
        };
        let folder = folder.as_ref().unwrap_or(dev);
        if plan.bind_devices {
            let Some(source) = ready.device_sources[index].take() else {
                continue;
            };
            let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::CLOEXEC;
            openat(folder, &**name, flags, Mode::from_raw_mode(0o666)).map_err(&failed)?;
            let place = openat(
                folder,
                &**name,
                OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC,
                Mode::empty(),
            );
            attach(&source, place.map_err(&failed)?.as_fd(), c"").map_err(&failed)?;
        } else {
            let (kind, mode) = (
                FileType::from_raw_mode(device.mode),
                Mode::from_raw_mode(device.mode),
            );
            let number = rustix::fs::makedev(device.major, device.minor);
            mknodat(folder, &**name, kind, mode, number).map_err(&failed)?;
            if (device.uid, device.gid) != (0, 0) {
                let (uid, gid) = (
                    rustix::fs::Uid::from_raw(device.uid),
                    rustix::fs::Gid::from_raw(device.gid),
                );
                rustix::fs::chownat(
                    folder,
                    &**name,
                    Some(uid),
                    Some(gid),
                    AtFlags::SYMLINK_NOFOLLOW,
                )
                .map_err(&failed)?;
            }
        }
    }
    for (link, content) in [
        (c"fd", c"/proc/self/fd"),
        (c"stdin", c"/proc/self/fd/0"),
        (c"stdout", c"/proc/self/fd/1"),
        (c"stderr", c"/proc/self/fd/2"),
        (c"ptmx", c"pts/ptmx"),
        (c"core", c"/proc/kcore"),
    ] {
        symlinkat(content, dev, link).map_err(at(Step::Device))?;
    }
    Ok(())
}

/// Makes a terminal in the container's own devpts and sends its master out.
fn open_terminal(
    socket: BorrowedFd<'_>,
    pts: &OwnedFd,
    root: &OwnedFd,
    size: (u16, u16),
) -> Result<OwnedFd, Failure> {
    let failed = at(Step::Pty);
    let master = openat(
        pts,
        c"ptmx",
        OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC,
        Mode::empty(),
    )
    .map_err(&failed)?;
    let slave = pty::open_slave(master.as_fd()).map_err(&failed)?;
    if size != (0, 0) {
        pty::resize(slave.as_fd(), size.0, size.1).map_err(&failed)?;
    }
    let mut made = Vec::new();
    let console = target::open_or_make(root.as_fd(), b"/dev/console", false, true, &mut made)
        .map_err(&failed)?;
    let copy = clone_source(slave.as_fd(), c"", false).map_err(&failed)?;
    attach(&copy, console.as_fd(), c"").map_err(&failed)?;
    send(socket, &Message::Terminal, Some(master.as_fd()), b"");
    Ok(slave)
}

/// Writes below `/proc` of a fresh procfs that nobody else sees: a fake one in the image cannot catch it.
fn write_proc(path: &[u8], value: &[u8]) -> Result<(), Errno> {
    let proc = new_fs("proc", &[], 0)?;
    write_below(&proc, path, value)
}

fn write_below(proc: &OwnedFd, path: &[u8], value: &[u8]) -> Result<(), Errno> {
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS | ResolveFlags::NO_XDEV;
    // `self` is an ordinary link of procfs.
    let file = openat2(
        proc,
        path,
        OFlags::WRONLY | OFlags::CLOEXEC,
        Mode::empty(),
        resolve,
    )?;
    if !on_procfs(&file)? {
        return Err(Errno::XDEV);
    }
    rustix::io::write(&file, value).map(drop)
}

fn set_sysctl(ready: &Prepared<'_>) -> Result<(), Failure> {
    if ready.plan.sysctl.is_empty() {
        return Ok(());
    }
    let proc = new_fs("proc", &[], 0).map_err(at(Step::Sysctl))?;
    for (index, (name, value)) in ready.plan.sysctl.iter().enumerate() {
        let mut path = b"sys/".to_vec();
        path.extend_from_slice(name);
        write_below(&proc, &path, value).map_err(item(Step::Sysctl, index))?;
    }
    Ok(())
}

/// Read-only and masked paths, each resolved inside the root; what does not exist needs no hiding.
fn hide(plan: &Plan, root: &OwnedFd) -> Result<(), Failure> {
    let inside = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
    let open = |path: &BString| {
        openat2(
            root,
            &**path,
            OFlags::PATH | OFlags::CLOEXEC,
            Mode::empty(),
            inside,
        )
    };
    for (index, path) in plan.read_only.iter().enumerate() {
        let failed = item(Step::ReadOnly, index);
        let place = match open(path) {
            Ok(place) => place,
            Err(Errno::NOENT | Errno::NOTDIR) => continue,
            Err(errno) => return Err(failed(errno)),
        };
        let copy = clone_source(place.as_fd(), c"", true).map_err(&failed)?;
        let change = Attributes {
            set: u64::from(MountAttrFlags::MOUNT_ATTR_RDONLY.bits()),
            recursive: true,
            ..Attributes::default()
        };
        set_attributes(copy.as_fd(), change).map_err(&failed)?;
        attach(&copy, place.as_fd(), c"").map_err(&failed)?;
    }
    let mut empty: Option<OwnedFd> = None;
    for (index, path) in plan.masked.iter().enumerate() {
        let failed = item(Step::Mask, index);
        let place = match open(path) {
            Ok(place) => place,
            Err(Errno::NOENT | Errno::NOTDIR) => continue,
            Err(errno) => return Err(failed(errno)),
        };
        let folder =
            FileType::from_raw_mode(fstat(&place).map_err(&failed)?.st_mode) == FileType::Directory;
        let cover = match (&empty, folder) {
            (Some(first), true) => clone_source(first.as_fd(), c"", false),
            (None, true) => {
                let options = [
                    ("mode".into(), Some("755".into())),
                    ("size".into(), Some("4k".into())),
                ];
                let attributes = MountAttrFlags::MOUNT_ATTR_RDONLY
                    | MountAttrFlags::MOUNT_ATTR_NOSUID
                    | MountAttrFlags::MOUNT_ATTR_NODEV
                    | MountAttrFlags::MOUNT_ATTR_NOEXEC;
                new_fs("tmpfs", &options, u64::from(attributes.bits()))
            }
            // The device we made or checked ourselves a moment ago, reached by handle below a `/dev` of ours.
            (_, false) => null_device(root),
        }
        .map_err(&failed)?;
        attach(&cover, place.as_fd(), c"").map_err(&failed)?;
        if folder && empty.is_none() {
            empty = Some(cover);
        }
    }
    Ok(())
}

/// A detached copy of the container's `/dev/null`, verified to be that device (CVE-2025-31133).
fn null_device(root: &OwnedFd) -> Result<OwnedFd, Errno> {
    let inside = ResolveFlags::IN_ROOT | ResolveFlags::NO_SYMLINKS;
    let null = openat2(
        root,
        c"/dev/null",
        OFlags::PATH | OFlags::CLOEXEC,
        Mode::empty(),
        inside,
    )?;
    let stat = fstat(&null)?;
    let is_null = FileType::from_raw_mode(stat.st_mode) == FileType::CharacterDevice
        && (
            rustix::fs::major(stat.st_rdev),
            rustix::fs::minor(stat.st_rdev),
        ) == (1, 3);
    if is_null {
        clone_source(null.as_fd(), c"", false)
    } else {
        Err(Errno::NODEV)
    }
}

/// Enters the root without a folder for the old one: it ends up on top, and is taken off.
fn pivot(root: &OwnedFd) -> Result<(), Failure> {
    let failed = at(Step::Pivot);
    rustix::process::fchdir(root).map_err(&failed)?;
    rustix::process::pivot_root(c".", c".").map_err(&failed)?;
    unmount(c".", UnmountFlags::DETACH).map_err(&failed)?;
    rustix::process::chdir(c"/").map_err(&failed)?;
    // Whatever was stacked on the host's root: above ours there must be nothing, nor below.
    let identity = |path: &std::ffi::CStr| {
        let mask = StatxFlags::INO | StatxFlags::MNT_ID;
        statx(rustix::fs::CWD, path, AtFlags::empty(), mask)
            .map(|stat| (stat.stx_mnt_id, stat.stx_ino))
    };
    if identity(c"/").map_err(&failed)? == identity(c"/..").map_err(&failed)? {
        Ok(())
    } else {
        Err(failed(Errno::XDEV))
    }
}

fn nix_error(step: Step) -> impl Fn(nix::errno::Errno) -> Failure {
    move |errno| Failure::new(step, 0, Errno::from_raw_os_error(errno as i32))
}

/// A limit above what we may give becomes the highest we may give, and a warning.
fn set_rlimits(ready: &Prepared<'_>) {
    for (index, limit) in ready.plan.rlimits.iter().enumerate() {
        if let Err(errno) = set_rlimit(*limit) {
            send(
                ready.socket,
                &Message::Warning(Failure::new(Step::Rlimit, index, errno)),
                None,
                b"",
            );
        }
    }
}

fn set_rlimit(limit: super::plan::Rlimit) -> Result<(), Errno> {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    const RESOURCES: [Resource; 16] = [
        Resource::RLIMIT_CPU,
        Resource::RLIMIT_FSIZE,
        Resource::RLIMIT_DATA,
        Resource::RLIMIT_STACK,
        Resource::RLIMIT_CORE,
        Resource::RLIMIT_RSS,
        Resource::RLIMIT_NPROC,
        Resource::RLIMIT_NOFILE,
        Resource::RLIMIT_MEMLOCK,
        Resource::RLIMIT_AS,
        Resource::RLIMIT_LOCKS,
        Resource::RLIMIT_SIGPENDING,
        Resource::RLIMIT_MSGQUEUE,
        Resource::RLIMIT_NICE,
        Resource::RLIMIT_RTPRIO,
        Resource::RLIMIT_RTTIME,
    ];
    let convert = |errno: nix::errno::Errno| Errno::from_raw_os_error(errno as i32);
    let resource = RESOURCES
        .into_iter()
        .find(|known| *known as u32 == limit.resource)
        .ok_or(Errno::INVAL)?;
    match setrlimit(resource, limit.soft, limit.hard) {
        Ok(()) => Ok(()),
        Err(nix::errno::Errno::EPERM) => {
            let (_, hard) = getrlimit(resource).map_err(convert)?;
            setrlimit(resource, limit.soft.min(hard), limit.hard.min(hard)).map_err(convert)?;
            Err(Errno::PERM)
        }
        Err(errno) => Err(convert(errno)),
    }
}

fn connect_stdio(ready: &Prepared<'_>, terminal: Option<OwnedFd>) -> Result<(), Failure> {
    let failed = at(Step::Stdio);
    if let Some(slave) = &terminal {
        pty::take_control(slave.as_fd()).map_err(at(Step::Pty))?;
    }
    for number in 0..3 {
        let Some(fd) = terminal.as_ref().or(ready.stdio[number].as_ref()) else {
            continue;
        };
        if terminal.is_some() || ready.plan.own_stdio & (1 << number) != 0 {
            // So that the user of the container can reopen `/dev/stdout`.
            let _ = rustix::fs::fchown(fd, Some(rustix::fs::Uid::from_raw(ready.plan.uid)), None);
        }
        fd::place(fd.as_fd(), number as i32).map_err(&failed)?;
    }
    Ok(())
}

fn load_filter(ready: &Prepared<'_>) -> Result<(), Failure> {
    ready
        .filter
        .as_ref()
        .map_or(Ok(()), |filter| filter.load().map_err(at(Step::Seccomp)))
}

fn drop_privileges(ready: &Prepared<'_>) -> Result<(), Failure> {
    let plan = ready.plan;
    let failed = at(Step::Capabilities);
    if !plan.no_new_privileges {
        // Without no-new-privileges the kernel wants CAP_SYS_ADMIN for this, which is about to go.
        load_filter(ready)?;
    }
    for capability in (0..64).filter(|capability| plan.bounding & (1 << capability) == 0) {
        match credentials::drop_bounding(capability) {
            Ok(()) => {}
            Err(Errno::INVAL) => break,
            Err(errno) => return Err(Failure::new(Step::Capabilities, capability as usize, errno)),
        }
    }
    credentials::keep_capabilities(true).map_err(&failed)?;
    if let Some(groups) = &plan.groups {
        credentials::set_groups(groups).map_err(at(Step::Groups))?;
    }
    credentials::set_gid(plan.gid).map_err(item(Step::User, 1))?;
    credentials::set_uid(plan.uid).map_err(at(Step::User))?;
    credentials::keep_capabilities(false).map_err(&failed)?;
    rustix::process::umask(Mode::from_raw_mode(plan.umask));
    credentials::set_capabilities(plan.capabilities).map_err(&failed)?;
    for capability in (0..64).filter(|capability| plan.ambient & (1 << capability) != 0) {
        credentials::raise_ambient(capability).map_err(&failed)?;
    }
    // After the change of user, which clears it; then look whether the parent died before.
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))
        .map_err(at(Step::DeathSignal))?;
    let mut dead = [PollFd::new(&ready.parent, PollFlags::IN)];
    if poll(
        &mut dead,
        Some(&Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        }),
    )
    .is_ok_and(|count| count > 0)
    {
        exit(137);
    }
    Ok(())
}

/// Makes sure that the working directory was entered, and that it is inside the root.
fn enter_cwd(ready: &Prepared<'_>, entered: Result<(), Errno>) -> Result<(), Failure> {
    let failed = at(Step::WorkingDirectory);
    match entered {
        Err(Errno::ACCESS) => rustix::process::chdir(&*ready.cwd),
        other => other,
    }
    .map_err(&failed)?;
    let here = rustix::process::getcwd(Vec::with_capacity(256)).map_err(&failed)?;
    // The kernel says "(unreachable)…" for a folder outside.
    if here.as_bytes().starts_with(b"/") {
        Ok(())
    } else {
        Err(failed(Errno::XDEV))
    }
}

/// Tries the candidates as a shell does; returns only when none could be run.
fn run(ready: &Prepared<'_>) -> Failure {
    let mut worst = Failure::new(Step::NotFound, 0, Errno::NOENT);
    for program in &ready.programs {
        match execve(program, &ready.argv, &ready.env) {
            Errno::NOENT | Errno::NOTDIR if ready.programs.len() > 1 => {}
            Errno::NOENT | Errno::NOTDIR => {
                // The file may be there and its interpreter not: that is not "not found" to a user.
                let exists = rustix::fs::access(&**program, rustix::fs::Access::EXISTS).is_ok();
                return Failure::new(
                    if exists { Step::Exec } else { Step::NotFound },
                    0,
                    Errno::NOENT,
                );
            }
            Errno::ACCESS => worst = Failure::new(Step::Exec, 0, Errno::ACCESS),
            errno => return Failure::new(Step::Exec, 0, errno),
        }
    }
    worst
}

/// A message, the descriptor with it, and what follows its head.
pub(crate) type Received = (Message, Option<OwnedFd>, Vec<u8>);

/// Reads the head of a packet and the descriptor with it.
pub(crate) fn receive_message(socket: BorrowedFd<'_>) -> Result<Option<Received>, Errno> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut packet = vec![0_u8; HEAD + 4096];
    let read = {
        let mut buffers = [IoSliceMut::new(&mut packet)];
        rustix::io::retry_on_intr(|| {
            recvmsg(socket, &mut buffers, &mut control, RecvFlags::CMSG_CLOEXEC)
        })?
        .bytes
    };
    let mut fd = None;
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(rights) = message {
            fd = rights.into_iter().next();
        }
    }
    packet.truncate(read);
    let Some(message) = Message::decode(&packet) else {
        return Ok(None);
    };
    Ok(Some((message, fd, packet.split_off(HEAD))))
}

/// Sends the plan and the descriptors.
pub(crate) fn send_plan(socket: BorrowedFd<'_>, fds: &[BorrowedFd<'_>]) -> Result<(), Errno> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_DESCRIPTORS))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    control.push(SendAncillaryMessage::ScmRights(fds));
    sendmsg(
        socket,
        &[IoSlice::new(b"p")],
        &mut control,
        SendFlags::NOSIGNAL,
    )
    .map(drop)
}
