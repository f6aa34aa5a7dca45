//! Containers: from a runtime [`Spec`] to a running process.
//!
//! [`launch`] is the one way in. It computes a plan, starts `__init` (this program again, from a read-only view of its
//! file) and waits until the program of the container runs or could not. [`Running`] is the container's owner: dropping
//! it ends everything inside.

pub mod files;
pub mod spec;
pub mod user;

mod executable;
mod init;
mod plan;
pub mod profile;
mod report;
pub(crate) mod seccomp;
mod syscalls;
mod target;

pub use plan::PlanError;
pub use report::Step;
pub use seccomp::SeccompError;
pub use spec::{ContainerInput, Network, spec};
pub use user::{User, UserError, resolve_user};

use crate::cgroups::{self, CgroupPlan, Leaf};
use crate::idmap;
use bstr::BString;
use oci_spec::runtime::{LinuxNamespaceType, Spec};
use plan::{CgroupEntry, Plan, Surroundings};
use report::{Failure, Message};
use rustix::fs::{MemfdFlags, memfd_create};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use std::ffi::OsString;
use std::fs::File;
use std::io::{Seek as _, Write as _};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio as ProcessStdio};
use std::time::Duration;

/// The file system that becomes the container's `/`.
#[derive(Clone, Debug)]
pub enum RootFs {
    /// Layers: `lower` from the top one down; `upper` takes the changes, `work` is an empty folder beside it.
    ///
    /// `volatile` leaves out the sync at the end: for an upper layer that is thrown away or read at once. The same pair
    /// of folders cannot be mounted again then.
    Overlay {
        lower: Vec<PathBuf>,
        upper: PathBuf,
        work: PathBuf,
        volatile: bool,
    },
    /// A plain folder, changed in place.
    Dir(PathBuf),
}

/// Where one of the three standard streams leads.
#[derive(Debug, Default)]
pub enum Stdio {
    /// To the caller's own.
    Inherit,
    /// To a pipe, see [`Running::take_stdout`] and its siblings.
    Piped,
    /// Nowhere: `/dev/null`.
    #[default]
    Null,
    /// To a given descriptor.
    Fd(OwnedFd),
}

/// The standard streams.
#[derive(Debug)]
pub enum Streams {
    /// Three separate ones.
    Separate {
        stdin: Stdio,
        stdout: Stdio,
        stderr: Stdio,
    },
    /// A terminal of this size (0 by 0: not known yet), see [`Running::take_pty`].
    Pty { rows: u16, cols: u16 },
}

impl Streams {
    /// No input; output to two pipes.
    pub fn captured() -> Self {
        Self::Separate {
            stdin: Stdio::Null,
            stdout: Stdio::Piped,
            stderr: Stdio::Piped,
        }
    }

    /// The caller's own three.
    pub fn inherited() -> Self {
        Self::Separate {
            stdin: Stdio::Inherit,
            stdout: Stdio::Inherit,
            stderr: Stdio::Inherit,
        }
    }
}

/// A mount besides those of the spec, made by the program itself: secrets, caches, `/etc/hosts`.
///
/// Mounted after the spec's, in order. A missing target is made and reported in [`Running::stubs`].
#[derive(Debug)]
pub struct Bind {
    /// Absolute path in the container; links in it are followed inside the container's root.
    pub target: PathBuf,
    /// What appears there.
    pub source: BindSource,
    pub read_only: bool,
    /// With the mounts below the source.
    pub recursive: bool,
}

impl Bind {
    /// A generated file, 0644 and root's: `/etc/hosts` and its like.
    pub fn generated(target: &str, content: BString, read_only: bool) -> Self {
        Self {
            target: PathBuf::from(target),
            source: BindSource::File {
                content,
                mode: 0o644,
                uid: 0,
                gid: 0,
            },
            read_only,
            recursive: false,
        }
    }
}

/// What a [`Bind`] shows.
#[derive(Debug)]
pub enum BindSource {
    /// A file or folder of the host.
    Path(PathBuf),
    /// A handle of one (`O_PATH` is enough): nothing is looked up again.
    Fd(OwnedFd),
    /// Memory, at most `size` bytes; `mode` of its root.
    Tmpfs { size: Option<u64>, mode: u32 },
    /// A file with this content that exists in memory only.
    File {
        content: BString,
        mode: u32,
        uid: u32,
        gid: u32,
    },
}

/// What to start.
#[derive(Debug)]
pub struct Launch<'a> {
    pub spec: &'a Spec,
    pub root: RootFs,
    pub streams: Streams,
    /// Limits; `None` runs in the caller's cgroup, which is faster.
    pub cgroup: Option<CgroupPlan>,
    pub binds: Vec<Bind>,
    /// Replaces the arguments of the spec, which cannot hold bytes that are not UTF-8.
    pub argv: Option<Vec<BString>>,
}

/// Why a container did not start.
#[derive(Debug, thiserror::Error)]
pub enum LaunchError {
    /// The spec asks for something impossible.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The kernel refused a step.
    #[error("cannot {}{}: {}", step.describe(), subject, reason(*step, *errno))]
    Step {
        step: Step,
        subject: String,
        errno: Errno,
    },
    /// No cgroup for the limits that were asked for.
    #[error(transparent)]
    Cgroup(#[from] cgroups::CgroupError),
    /// More descriptors than one message carries.
    #[error("{0} descriptors are too many for one container")]
    Descriptors(usize),
    /// `__init` could not be started or talked to.
    #[error("cannot start the container's parent process")]
    Init(#[source] std::io::Error),
    /// `__init` went away without a word.
    #[error("the container's parent process ended unexpectedly")]
    InitDied,
}

impl LaunchError {
    /// Exit code in the place of the command's: 127 not found, 126 not runnable, 125 anything else.
    ///
    /// **Source:** Docker run reference, exit status.
    pub fn exit_code(&self) -> i32 {
        match self {
            Self::Step {
                step: Step::NotFound,
                ..
            } => 127,
            Self::Step {
                step: Step::Exec, ..
            } => 126,
            _ => 125,
        }
    }
}

fn reason(step: Step, errno: Errno) -> String {
    let hint = match (step, errno) {
        (Step::NotFound, _) => return "no such file in the container or its PATH".into(),
        (Step::Exec, Errno::NOENT) => "the program exists, but its interpreter or loader does not",
        (Step::Exec, Errno::NOEXEC) => {
            "not an executable for this machine, or a script without `#!` line"
        }
        (Step::WorkingDirectory, Errno::XDEV | Errno::LOOP) => "it leads out of the container",
        (Step::Target, Errno::LOOP) => "a symbolic link of the image stands in the way",
        (Step::Target, Errno::PERM) => "it leads into /proc",
        (Step::Clone, Errno::PERM) => "creating namespaces is not allowed here",
        (Step::Groups | Step::User, Errno::INVAL | Errno::PERM) => {
            "the id is not mapped in this user namespace"
        }
        _ => return std::io::Error::from(errno).to_string(),
    };
    format!("{hint} ({})", std::io::Error::from(errno))
}

/// How a container ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exit {
    /// Its exit code or signal.
    pub status: ExitStatus,
    /// A process in it was killed because its memory limit was reached.
    pub oom_killed: bool,
    /// Largest resident set of one process, bytes.
    pub max_rss: u64,
    /// Peak of the cgroup, bytes, when it had one that tells.
    pub peak_memory: Option<u64>,
    /// Time in user mode of all processes that were waited for inside.
    pub user: Duration,
    /// Time in the kernel, likewise.
    pub system: Duration,
}

/// Exit code or signal of the first process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitStatus {
    Code(i32),
    Signal(i32),
}

impl ExitStatus {
    /// As a shell and Docker show it: signals from 128 on.
    pub fn code(self) -> i32 {
        match self {
            Self::Code(code) => code,
            Self::Signal(signal) => 128 + signal,
        }
    }
}

/// A mount point that did not exist and was made in the root's top layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stub {
    /// Below the root, without links and leading slash.
    pub path: BString,
    pub folder: bool,
    /// Which mount needed it.
    pub mount: StubOwner,
    /// Identity in the top layer; see [`remove_stubs`].
    pub dev: u64,
    pub ino: u64,
    /// Modification time of its parent before: seconds and nanoseconds.
    pub parent_mtime: (i64, u32),
}

/// The mount a [`Stub`] was made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StubOwner {
    /// Index into the mounts of the spec.
    Spec(usize),
    /// Index into [`Launch::binds`].
    Bind(usize),
}

/// Takes stubs out of a top layer again: by handle, only what is still the same and empty, last made first, and gives
/// the parent its time back. Returns the paths that were left because the program used them.
///
/// **Source:** CVE-2024-23652; BuildKit `executor/stubs.go`.
pub fn remove_stubs<'a>(
    upper: BorrowedFd<'_>,
    stubs: impl DoubleEndedIterator<Item = &'a Stub>,
) -> Vec<BString> {
    stubs
        .rev()
        .filter(|stub| remove_stub(upper, stub).is_err())
        .map(|stub| stub.path.clone())
        .collect()
}

fn remove_stub(upper: BorrowedFd<'_>, stub: &Stub) -> Result<(), Errno> {
    use rustix::fs::{AtFlags, Mode, OFlags, ResolveFlags, Timespec, Timestamps, UTIME_OMIT};
    let path = stub.path.as_slice();
    let (parent, name) = path
        .iter()
        .rposition(|byte| *byte == b'/')
        .map_or((&b"."[..], path), |at| (&path[..at], &path[at + 1..]));
    let beneath = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_XDEV;
    let parent = rustix::fs::openat2(
        upper,
        parent,
        OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC,
        Mode::empty(),
        beneath,
    )?;
    let stat = rustix::fs::statat(&parent, name, AtFlags::SYMLINK_NOFOLLOW)?;
    if (stat.st_dev, stat.st_ino) != (stub.dev, stub.ino) || (!stub.folder && stat.st_size != 0) {
        return Err(Errno::EXIST);
    }
    let flags = if stub.folder {
        AtFlags::REMOVEDIR
    } else {
        AtFlags::empty()
    };
    rustix::fs::unlinkat(&parent, name, flags)?;
    let times = Timestamps {
        last_access: Timespec {
            tv_sec: 0,
            tv_nsec: UTIME_OMIT,
        },
        last_modification: Timespec {
            tv_sec: stub.parent_mtime.0,
            tv_nsec: stub.parent_mtime.1.into(),
        },
    };
    rustix::fs::futimens(&parent, &times)
}

/// A running container and everything that belongs to it. Dropping it kills what runs inside.
#[derive(Debug)]
pub struct Running {
    init: Child,
    socket: OwnedFd,
    pid: u32,
    pidfd: OwnedFd,
    stdin: Option<OwnedFd>,
    stdout: Option<OwnedFd>,
    stderr: Option<OwnedFd>,
    pty: Option<OwnedFd>,
    stubs: Vec<Stub>,
    warnings: Vec<String>,
    cgroup: Option<Leaf>,
    exit: Option<Exit>,
}

impl Running {
    /// The writing end of its standard input, when piped.
    pub fn take_stdin(&mut self) -> Option<OwnedFd> {
        self.stdin.take()
    }

    /// The reading end of its standard output, when piped.
    pub fn take_stdout(&mut self) -> Option<OwnedFd> {
        self.stdout.take()
    }

    /// The reading end of its standard error, when piped.
    pub fn take_stderr(&mut self) -> Option<OwnedFd> {
        self.stderr.take()
    }

    /// The master of its terminal, when it has one. A read gives `EIO` after its end.
    pub fn take_pty(&mut self) -> Option<OwnedFd> {
        self.pty.take()
    }

    /// Process id of its first process, in this pid namespace.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Handle of its first process; readable when that has ended.
    pub fn pidfd(&self) -> BorrowedFd<'_> {
        self.pidfd.as_fd()
    }

    /// A handle for another thread to end it with, while this one waits.
    pub fn killer(&self) -> Result<Killer, Errno> {
        Ok(Killer {
            pidfd: rustix::io::fcntl_dupfd_cloexec(&self.pidfd, 3)?,
        })
    }

    /// Its cgroup, when limits were asked for.
    pub fn cgroup(&self) -> Option<&Leaf> {
        self.cgroup.as_ref()
    }

    /// Mount points that were made in the top layer.
    pub fn stubs(&self) -> &[Stub] {
        &self.stubs
    }

    /// Steps that failed without stopping the launch, as sentences.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Sends a signal to its first process. Without effect after its end.
    pub fn signal(&self, signal: i32) -> Result<(), Errno> {
        send_signal(self.pidfd.as_fd(), signal)
    }

    /// Kills everything inside: the end of the first process is the end of its pid namespace. No pid is looked up, so
    /// nothing else can be hit.
    pub fn kill(&self) {
        if let Some(cgroup) = &self.cgroup {
            cgroup.kill();
        }
        // Fails only when it has ended already.
        let _ = rustix::process::pidfd_send_signal(&self.pidfd, rustix::process::Signal::KILL);
    }

    /// Waits for its end. May be called again; the answer stays.
    ///
    /// # Errors
    /// [`LaunchError::InitDied`]: the parent process was killed; the container ends with it.
    pub fn wait(&mut self) -> Result<Exit, LaunchError> {
        if let Some(exit) = &self.exit {
            return Ok(exit.clone());
        }
        loop {
            match init::receive_message(self.socket.as_fd()) {
                Ok(Some((
                    Message::Exited {
                        status,
                        user_us,
                        system_us,
                        max_rss,
                    },
                    ..,
                ))) => {
                    let exit = self.finish(status, user_us, system_us, max_rss);
                    self.exit = Some(exit.clone());
                    return Ok(exit);
                }
                Ok(Some(_)) => {}
                Ok(None) | Err(_) => {
                    let _ = self.init.wait();
                    return Err(LaunchError::InitDied);
                }
            }
        }
    }

    fn finish(&mut self, status: i32, user_us: u64, system_us: u64, max_rss: u64) -> Exit {
        let status = if libc::WIFSIGNALED(status) {
            ExitStatus::Signal(libc::WTERMSIG(status))
        } else {
            ExitStatus::Code(libc::WEXITSTATUS(status))
        };
        // `__init` itself is not waited for here: the kernel is taking the namespaces down on its time, not the caller's.
        let (oom_killed, peak_memory) = self.cgroup.as_ref().map_or((false, None), |leaf| {
            (leaf.oom_kills() > 0, leaf.peak_memory())
        });
        self.cgroup = None;
        Exit {
            status,
            oom_killed,
            max_rss,
            peak_memory,
            user: Duration::from_micros(user_us),
            system: Duration::from_micros(system_us),
        }
    }
}

/// Ends or signals a container from elsewhere. Harmless after its end: it holds the process, not its number.
#[derive(Debug)]
pub struct Killer {
    pidfd: OwnedFd,
}

impl Killer {
    /// Kills everything inside the container.
    pub fn kill(&self) {
        // Fails only when it has ended already.
        let _ = rustix::process::pidfd_send_signal(&self.pidfd, rustix::process::Signal::KILL);
    }

    /// Sends a signal to its first process. Without effect after its end.
    pub fn signal(&self, signal: i32) -> Result<(), Errno> {
        send_signal(self.pidfd.as_fd(), signal)
    }
}

fn send_signal(pidfd: BorrowedFd<'_>, signal: i32) -> Result<(), Errno> {
    let signal = rustix::process::Signal::from_named_raw(signal).ok_or(Errno::INVAL)?;
    match rustix::process::pidfd_send_signal(pidfd, signal) {
        Err(Errno::SRCH) => Ok(()),
        other => other,
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.exit.is_none() {
            self.kill();
            let _ = self.wait();
        }
        let _ = self.init.wait();
    }
}

/// Runs the hidden entry when the arguments ask for it; returns otherwise. Call it first thing in `main`, before any
/// thread is started: `dispatch_hidden(std::env::args_os())`.
pub fn dispatch_hidden(mut args: impl Iterator<Item = OsString>) {
    if args.nth(1).is_some_and(|entry| entry == INIT) {
        init::main();
    }
}

const INIT: &str = "__init";

/// Starts a container and returns when its program runs.
///
/// # Errors
/// [`LaunchError::Step`] names what could not be done; [`LaunchError::exit_code`] is Docker's code for it.
pub fn launch(launch: Launch<'_>) -> Result<Running, LaunchError> {
    let Launch {
        spec,
        root,
        streams,
        cgroup,
        mut binds,
        argv,
    } = launch;
    let leaf = cgroup.as_ref().map(Leaf::create).transpose()?;
    let entry = leaf
        .as_ref()
        .map_or_else(CgroupEntry::default, |leaf| CgroupEntry {
            unified: leaf.unified().is_some(),
            legacy: leaf.legacy().len(),
            namespace: wants(spec, LinuxNamespaceType::Cgroup),
        });
    let entry = CgroupEntry {
        namespace: wants(spec, LinuxNamespaceType::Cgroup),
        ..entry
    };
    let around = Surroundings {
        rootless: idmap::is_rootless(),
        many_ids: idmap::has_many_ids(),
        cgroup: entry,
        unified: cgroups::is_unified(),
    };
    let mut plan = Plan::new(spec, &root, &binds, argv.as_deref(), around)?;
    let ends = Ends::open(streams, &mut plan).map_err(|errno| LaunchError::Init(errno.into()))?;
    let (socket, mut init) = start_init().map_err(LaunchError::Init)?;
    let names = Names::new(&plan, spec);
    let sent = send(&socket, &plan, &ends, leaf.as_ref(), &binds);
    binds.clear();
    let Ends {
        inside,
        stdin,
        stdout,
        stderr,
    } = ends;
    // The container's ends have to close here, or a reader never sees the end.
    drop(inside);
    if let Err(error) = sent {
        drop(socket);
        let _ = init.wait();
        return Err(error);
    }
    let (mut stubs, mut warnings, mut pty) = (Vec::new(), Vec::new(), None);
    let spec_mounts = names.spec_mounts;
    loop {
        let received = init::receive_message(socket.as_fd());
        let Ok(Some((message, fd, tail))) = received else {
            let _ = init.wait();
            return Err(LaunchError::InitDied);
        };
        match message {
            Message::Warning(failure) => warnings.push(names.error(failure).to_string()),
            Message::Made(made) => stubs.push(Stub {
                path: tail.into(),
                folder: made.folder,
                mount: match (made.mount as usize).checked_sub(spec_mounts) {
                    Some(bind) => StubOwner::Bind(bind),
                    None => StubOwner::Spec(made.mount as usize),
                },
                dev: made.dev,
                ino: made.ino,
                parent_mtime: made.parent_mtime,
            }),
            Message::Terminal => pty = fd,
            Message::Failed(failure) => {
                drop(socket);
                let _ = init.wait();
                return Err(names.error(failure));
            }
            Message::Running { pid } => {
                let Some(pidfd) = fd else {
                    return Err(LaunchError::InitDied);
                };
                return Ok(Running {
                    init,
                    socket,
                    pid,
                    pidfd,
                    stdin,
                    stdout,
                    stderr,
                    pty,
                    stubs,
                    warnings,
                    cgroup: leaf,
                    exit: None,
                });
            }
            Message::Exited { .. } => return Err(LaunchError::InitDied),
        }
    }
}

fn wants(spec: &Spec, kind: LinuxNamespaceType) -> bool {
    spec.linux()
        .iter()
        .flat_map(|linux| linux.namespaces().iter().flatten())
        .any(|namespace| namespace.typ() == kind)
}

/// Starts this program again as `__init`, with a socket as its standard input and nothing else of this process. A Ctrl-C
/// that finds it on its way out of our process group is ours to answer: it is started again.
fn start_init() -> std::io::Result<(OwnedFd, Child)> {
    const TRIES: usize = 10;
    for _ in 1..TRIES {
        let (socket, mut child) = spawn_init()?;
        // What reaches it before it is another program has ended it by now.
        let ended = child.try_wait()?;
        if ended.is_none_or(|status| status.signal().is_none()) {
            return Ok((socket, child));
        }
    }
    spawn_init()
}

fn spawn_init() -> std::io::Result<(OwnedFd, Child)> {
    let (ours, theirs) = socketpair(
        AddressFamily::UNIX,
        SocketType::SEQPACKET,
        SocketFlags::CLOEXEC,
        None,
    )?;
    let executable = executable::path()?;
    let mut command = Command::new(executable);
    std::os::unix::process::CommandExt::arg0(&mut command, "cooper");
    // A terminal's signals are for this process, which decides what the container gets.
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    command
        .arg(INIT)
        .env_clear()
        .stdin(ProcessStdio::from(theirs))
        .stdout(ProcessStdio::null());
    let child = command.spawn()?;
    Ok((ours, child))
}

fn send(
    socket: &OwnedFd,
    plan: &Plan,
    ends: &Ends,
    leaf: Option<&Leaf>,
    binds: &[Bind],
) -> Result<(), LaunchError> {
    let init = |errno: Errno| LaunchError::Init(errno.into());
    let mut memory = File::from(memfd_create("plan", MemfdFlags::CLOEXEC).map_err(init)?);
    let text = serde_json::to_vec(plan).map_err(|error| LaunchError::Init(error.into()))?;
    memory
        .write_all(&text)
        .and_then(|()| memory.rewind())
        .map_err(LaunchError::Init)?;
    let mut fds = vec![memory.as_fd()];
    fds.extend(ends.inside.iter().map(AsFd::as_fd));
    if let Some(leaf) = leaf {
        fds.extend(leaf.unified());
        fds.extend(leaf.legacy().iter().map(AsFd::as_fd));
    }
    fds.extend(binds.iter().filter_map(|bind| match &bind.source {
        BindSource::Fd(fd) => Some(fd.as_fd()),
        _ => None,
    }));
    if fds.len() > init::MAX_DESCRIPTORS {
        return Err(LaunchError::Descriptors(fds.len()));
    }
    init::send_plan(socket.as_fd(), &fds).map_err(init)
}

/// Both sides of the standard streams.
struct Ends {
    inside: Vec<OwnedFd>,
    stdin: Option<OwnedFd>,
    stdout: Option<OwnedFd>,
    stderr: Option<OwnedFd>,
}

impl Ends {
    fn open(streams: Streams, plan: &mut Plan) -> Result<Self, Errno> {
        let mut ends = Self {
            inside: Vec::new(),
            stdin: None,
            stdout: None,
            stderr: None,
        };
        let (stdin, stdout, stderr) = match streams {
            Streams::Pty { rows, cols } => {
                plan.pty = Some((rows, cols));
                return Ok(ends);
            }
            Streams::Separate {
                stdin,
                stdout,
                stderr,
            } => (stdin, stdout, stderr),
        };
        let own = |fd: BorrowedFd<'_>| rustix::io::fcntl_dupfd_cloexec(fd, 3);
        for (number, (stream, inherited)) in [
            (stdin, own(std::io::stdin().as_fd())),
            (stdout, own(std::io::stdout().as_fd())),
            (stderr, own(std::io::stderr().as_fd())),
        ]
        .into_iter()
        .enumerate()
        {
            let inside = match stream {
                Stdio::Inherit => inherited?,
                Stdio::Fd(fd) => fd,
                Stdio::Null => File::options()
                    .read(true)
                    .write(true)
                    .open("/dev/null")
                    .map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))?
                    .into(),
                Stdio::Piped => {
                    plan.own_stdio |= 1 << number;
                    let (read, write) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
                    match number {
                        0 => {
                            ends.stdin = Some(write);
                            read
                        }
                        1 => {
                            ends.stdout = Some(read);
                            write
                        }
                        _ => {
                            ends.stderr = Some(read);
                            write
                        }
                    }
                }
            };
            ends.inside.push(inside);
        }
        Ok(ends)
    }
}

/// What the numbers in a [`Failure`] mean.
struct Names {
    spec_mounts: usize,
    mounts: Vec<(String, String)>,
    devices: Vec<String>,
    masked: Vec<String>,
    read_only: Vec<String>,
    sysctl: Vec<String>,
    rlimits: Vec<String>,
    layers: Vec<String>,
    program: String,
    cwd: String,
    user: String,
}

impl Names {
    fn new(plan: &Plan, spec: &Spec) -> Self {
        let strings = |list: &[BString]| list.iter().map(BString::to_string).collect();
        let source = |source: &plan::MountSource| match source {
            plan::MountSource::Path { path, .. } => path.to_string(),
            plan::MountSource::Fs { kind, .. } => kind.to_string(),
            plan::MountSource::Fd { .. } => "an open file".into(),
            plan::MountSource::File { .. } => "a file in memory".into(),
        };
        Self {
            spec_mounts: spec.mounts().as_ref().map_or(0, Vec::len),
            mounts: plan
                .mounts
                .iter()
                .map(|mount| (mount.target.to_string(), source(&mount.source)))
                .collect(),
            devices: plan
                .devices
                .iter()
                .map(|device| format!("/dev/{}", device.name))
                .collect(),
            masked: strings(&plan.masked),
            read_only: strings(&plan.read_only),
            sysctl: plan
                .sysctl
                .iter()
                .map(|(name, _)| name.to_string())
                .collect(),
            rlimits: spec
                .process()
                .iter()
                .flat_map(|process| process.rlimits().iter().flatten())
                .map(|limit| format!("{:?} {}", limit.typ(), limit.soft()))
                .collect(),
            layers: match &plan.root {
                plan::RootPlan::Overlay { upper, .. } => vec![upper.to_string()],
                plan::RootPlan::Dir(path) => vec![path.to_string()],
            },
            program: plan
                .argv
                .first()
                .map(BString::to_string)
                .unwrap_or_default(),
            cwd: plan.cwd.to_string(),
            user: format!("{}:{}", plan.uid, plan.gid),
        }
    }

    fn error(&self, failure: Failure) -> LaunchError {
        let index = failure.index as usize;
        let quoted = |list: &[String]| {
            list.get(index)
                .map(|name| format!(" `{name}`"))
                .unwrap_or_default()
        };
        let subject = match failure.step {
            Step::Mount | Step::Target => match self.mounts.get(index) {
                Some((target, source)) if failure.step == Step::Mount => {
                    format!(" {source} on `{target}`")
                }
                Some((target, _)) => format!(" `{target}`"),
                None => String::new(),
            },
            Step::OpenSource => self
                .mounts
                .get(index)
                .map(|(_, source)| format!(" `{source}`"))
                .unwrap_or_default(),
            Step::Device => quoted(&self.devices),
            Step::Mask => quoted(&self.masked),
            Step::ReadOnly => quoted(&self.read_only),
            Step::Sysctl => quoted(&self.sysctl),
            Step::Rlimit => quoted(&self.rlimits),
            Step::Overlay | Step::Root => self
                .layers
                .first()
                .map(|path| format!(" of `{path}`"))
                .unwrap_or_default(),
            Step::NotFound | Step::Exec => format!(" `{}`", self.program),
            Step::WorkingDirectory => format!(" `{}`", self.cwd),
            Step::User | Step::Groups => format!(" {}", self.user),
            _ => String::new(),
        };
        LaunchError::Step {
            step: failure.step,
            subject,
            errno: failure.errno,
        }
    }
}

/// Whether a path of a `VOLUME` or `--volume` would be refused as a mount point.
pub fn is_forbidden_target(target: &Path) -> bool {
    plan::check_target(target, false).is_err()
}
