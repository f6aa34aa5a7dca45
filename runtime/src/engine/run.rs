//! Running a container in the foreground: streams or a terminal, signals and the exit status passed through.

use super::{Engine, EngineError, ErrorKind, Location};
use crate::build::events::Silent;
use crate::build::stack::LayerStack;
use crate::build::tree::{FileTree, resolve};
use crate::cancel::Cancel;
use crate::container::spec::Network;
use crate::container::{
    self, Bind, BindSource, ContainerInput, Launch, LaunchError, RootFs, Running, Stdio, Streams,
    User, UserError, files, is_forbidden_target, resolve_user,
};
use crate::store::{ImageRecord, Layer, Store};
use cooperage_lang::plan::config::ContainerConfig;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::Signal;
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr, tcsetwinsize};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

/// What to run, as `run` takes it.
#[derive(Clone, Debug, Default)]
pub struct RunRequest {
    /// Image name or id; pulled when it is not here.
    pub image: String,
    /// Arguments: replace the image's command.
    pub args: Vec<String>,
    /// `-e`, in order, the image's variables first.
    pub env: Vec<(String, String)>,
    /// `-v SOURCE:TARGET[:ro]`; a source without `/` is a named volume.
    pub volumes: Vec<String>,
    /// `-w`.
    pub workdir: Option<String>,
    /// `-u`.
    pub user: Option<String>,
    /// `--entrypoint`; empty clears the image's.
    pub entrypoint: Option<Vec<String>>,
    /// `--name`, also the host name's default in a network of its own.
    pub name: Option<String>,
    /// `--network`.
    pub network: RunNetwork,
    /// `-i`.
    pub interactive: bool,
    /// `-t`.
    pub tty: bool,
    /// `--rm`. A foreground container's files are always removed at its end.
    pub rm: bool,
    /// Collect the output instead of passing it on.
    pub capture: bool,
}

/// `run --network`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RunNetwork {
    /// The host's.
    #[default]
    Host,
    /// Loopback only.
    None,
}

/// How a container ended.
#[derive(Clone, Debug)]
pub struct RunExit {
    /// Exit status as a shell shows it.
    pub code: i32,
    /// Captured output, when asked for.
    pub stdout: Vec<u8>,
    /// Captured errors, when asked for.
    pub stderr: Vec<u8>,
}

/// Why a container could not run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    #[error(transparent)]
    Engine(#[from] EngineError),
    #[error(transparent)]
    Launch(#[from] LaunchError),
    #[error(transparent)]
    User(#[from] UserError),
    #[error("no command: the image names none and none was given")]
    NoCommand,
    #[error("`-v {spec}`: {problem}")]
    Volume { spec: String, problem: String },
    #[error("the working directory `{0}` is not absolute")]
    WorkDir(String),
    #[error("standard input is not a terminal, which `-t` with `-i` needs")]
    NoTerminal,
    #[error("cannot {doing}: {cause}")]
    Io {
        doing: &'static str,
        cause: io::Error,
    },
}

impl RunError {
    /// Exit status in the place of the command's. **Source:** Docker run reference, *exit status*.
    pub fn exit_code(&self) -> i32 {
        match self {
            Self::Launch(error) => error.exit_code(),
            _ => 125,
        }
    }

    /// How a front end treats it.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Engine(error) => error.kind(),
            Self::Launch(_) | Self::Io { .. } => ErrorKind::Environment,
            _ => ErrorKind::User,
        }
    }

    /// What to type or do next.
    pub fn hints(&self) -> Vec<String> {
        match self {
            Self::Engine(error) => error.hints(),
            _ => Vec::new(),
        }
    }

    /// Never set.
    pub fn location(&self) -> Option<Location> {
        None
    }
}

impl Engine {
    /// Runs a container and waits for its end. Its changes to files are thrown away, volumes excepted.
    pub fn run(&self, request: &RunRequest, cancel: &Cancel) -> Result<RunExit, RunError> {
        let (store, record) = self.image_to_run(request, cancel)?;
        let details = store.image_config(&record.id).map_err(EngineError::from)?;
        let config = details.map(|d| d.config.config).unwrap_or_default();
        let layers = layers_of(store, &record)?;
        let input = container_input(request, &config, &layers)?;
        let mut spec = container::spec(&input);
        if let Some(process) = spec.process_mut() {
            process.set_terminal(Some(request.tty));
        }

        let lease = store.lease().map_err(EngineError::from)?;
        for layer in &layers {
            lease.hold(&layer.diff_id).map_err(EngineError::from)?;
        }
        let folder = |name| lease.folder(name).map_err(EngineError::from);
        let mut binds = network_files(&input);
        binds.extend(self.volumes(request)?);
        let launch = Launch {
            spec: &spec,
            root: RootFs::Overlay {
                lower: lease.lower_folders(&layers).map_err(EngineError::from)?,
                upper: folder("upper")?,
                work: folder("work")?,
                volatile: true,
            },
            streams: streams(request)?,
            cgroup: None,
            binds,
            argv: None,
        };
        // Before the container starts, so that no signal is lost.
        let signals = Signals::take(request.capture);
        let mut running = container::launch(launch)?;
        let exit = Attached {
            request,
            running: &mut running,
            signals,
            cancel,
        }
        .follow()?;
        drop(running);
        Ok(exit)
    }

    fn image_to_run(
        &self,
        request: &RunRequest,
        cancel: &Cancel,
    ) -> Result<(&Store, ImageRecord), EngineError> {
        match self.find(&request.image) {
            Err(EngineError::NotFound { near, .. }) if near.is_empty() => {
                self.pull(&request.image, None, &Silent, cancel)?;
                self.find(&request.image)
            }
            found => found,
        }
    }

    fn volumes(&self, request: &RunRequest) -> Result<Vec<Bind>, RunError> {
        request
            .volumes
            .iter()
            .map(|spec| self.volume(spec))
            .collect()
    }

    fn volume(&self, spec: &str) -> Result<Bind, RunError> {
        let bad = |problem: String| RunError::Volume {
            spec: spec.to_owned(),
            problem,
        };
        let mut parts = spec.split(':');
        let (Some(source), Some(target)) = (parts.next(), parts.next()) else {
            return Err(bad(
                "write it as SOURCE:TARGET or SOURCE:TARGET:ro".to_owned()
            ));
        };
        let read_only = match parts.next() {
            None | Some("rw") => false,
            Some("ro") => true,
            Some(other) => {
                return Err(bad(format!(
                    "unknown option `{other}`; there are `ro` and `rw`"
                )));
            }
        };
        if !target.starts_with('/') {
            return Err(bad(format!("`{target}` is not an absolute path")));
        }
        if is_forbidden_target(Path::new(target)) {
            return Err(bad(format!("nothing may be mounted over `{target}`")));
        }
        let path = if source.contains('/') || source.starts_with('.') {
            std::path::absolute(source).map_err(|e| bad(e.to_string()))?
        } else {
            let folder = self.paths().volumes().join(source);
            std::fs::create_dir_all(&folder).map_err(|e| bad(e.to_string()))?;
            folder
        };
        if !path.exists() {
            return Err(bad(format!("{} does not exist", path.display())));
        }
        Ok(Bind {
            target: PathBuf::from(target),
            source: BindSource::Path(path),
            read_only,
            recursive: true,
        })
    }
}

fn layers_of(store: &Store, record: &ImageRecord) -> Result<Vec<Layer>, EngineError> {
    let layer = |id| {
        store
            .layer(id)?
            .ok_or(crate::store::LayerError::Missing(*id))
    };
    Ok(record.layers.iter().map(layer).collect::<Result<_, _>>()?)
}

fn container_input(
    request: &RunRequest,
    config: &ContainerConfig,
    layers: &[Layer],
) -> Result<ContainerInput, RunError> {
    let user = request.user.clone().unwrap_or_else(|| config.user.clone());
    let cwd = request
        .workdir
        .clone()
        .unwrap_or_else(|| config.working_dir.clone());
    let cwd = if cwd.is_empty() { "/".to_owned() } else { cwd };
    if !cwd.starts_with('/') {
        return Err(RunError::WorkDir(cwd));
    }
    let mut env: Vec<String> = config.env.clone();
    for (name, value) in &request.env {
        let prefix = format!("{name}=");
        env.retain(|entry| !entry.starts_with(&prefix));
        env.push(format!("{prefix}{value}"));
    }
    let own_network = request.network == RunNetwork::None;
    Ok(ContainerInput {
        env,
        cwd,
        user: look_up(&user, layers)?,
        network: if own_network {
            Network::None
        } else {
            Network::Host
        },
        hostname: request
            .name
            .clone()
            .or_else(|| own_network.then(|| "cooper".to_owned())),
        terminal: request.tty,
        ..ContainerInput::new(argv(request, config)?)
    })
}

/// Entry point and command. **Source:** Dockerfile reference, *CMD and ENTRYPOINT*: a new entry point drops the image's
/// command.
fn argv(request: &RunRequest, config: &ContainerConfig) -> Result<Vec<String>, RunError> {
    let entrypoint = request
        .entrypoint
        .clone()
        .or_else(|| config.entrypoint.clone())
        .unwrap_or_default();
    let entrypoint: Vec<String> = entrypoint.into_iter().filter(|e| !e.is_empty()).collect();
    let command = match (request.args.is_empty(), &request.entrypoint) {
        (false, _) => request.args.clone(),
        (true, Some(_)) => Vec::new(),
        (true, None) => config.cmd.clone().unwrap_or_default(),
    };
    let argv: Vec<String> = entrypoint.into_iter().chain(command).collect();
    if argv.is_empty() {
        Err(RunError::NoCommand)
    } else {
        Ok(argv)
    }
}

fn look_up(user: &str, layers: &[Layer]) -> Result<User, RunError> {
    // Root's entry is in every image, and asking for it costs reading all indexes.
    if user.is_empty() || user == "0" || user == "root" {
        return Ok(User {
            uid: 0,
            gid: 0,
            groups: Vec::new(),
            home: "/root".to_owned(),
        });
    }
    let stack = LayerStack::of_layers(layers).map_err(|e| RunError::Io {
        doing: "read the image",
        cause: io::Error::other(e.to_string()),
    })?;
    let read = |path: &[u8]| -> Vec<u8> {
        let mut bytes = Vec::new();
        let file = resolve(&stack, path, true).and_then(|p| stack.open(&p));
        // No file means no entries; so does one that cannot be read.
        let _ = file.map(|f| f.take(4 << 20).read_to_end(&mut bytes));
        bytes
    };
    Ok(resolve_user(
        user,
        &read(b"/etc/passwd"),
        &read(b"/etc/group"),
    )?)
}

fn network_files(input: &ContainerInput) -> Vec<Bind> {
    let own = input.network == Network::None;
    let hostname = input
        .hostname
        .clone()
        .unwrap_or_else(|| "localhost".to_owned());
    let host = std::fs::read("/etc/resolv.conf").unwrap_or_default();
    vec![
        Bind::generated("/etc/resolv.conf", files::resolv_conf(&host, own), false),
        Bind::generated("/etc/hosts", files::hosts(&hostname, None, &[]), false),
        Bind::generated("/etc/hostname", files::hostname(&hostname), false),
    ]
}

fn streams(request: &RunRequest) -> Result<Streams, RunError> {
    if request.tty {
        if request.interactive && !rustix::termios::isatty(io::stdin()) {
            return Err(RunError::NoTerminal);
        }
        let size = tcgetwinsize(io::stdout())
            .or_else(|_| tcgetwinsize(io::stdin()))
            .ok();
        return Ok(Streams::Pty {
            rows: size.map_or(0, |s| s.ws_row),
            cols: size.map_or(0, |s| s.ws_col),
        });
    }
    let output = || {
        if request.capture {
            Stdio::Piped
        } else {
            Stdio::Inherit
        }
    };
    let stdin = if request.interactive {
        Stdio::Inherit
    } else {
        Stdio::Null
    };
    Ok(Streams::Separate {
        stdin,
        stdout: output(),
        stderr: output(),
    })
}

/// Signals for this process, read as data; only where no other thread could take them first.
struct Signals(Option<nix::sys::signalfd::SignalFd>);

impl Signals {
    fn take(capture: bool) -> Self {
        use nix::sys::signal::Signal as S;
        let alone = std::fs::read_dir("/proc/self/task").is_ok_and(|tasks| tasks.count() == 1);
        if capture || !alone {
            return Self(None);
        }
        let mut set = nix::sys::signal::SigSet::empty();
        for signal in [
            S::SIGINT,
            S::SIGTERM,
            S::SIGHUP,
            S::SIGQUIT,
            S::SIGUSR1,
            S::SIGUSR2,
            S::SIGWINCH,
        ] {
            set.add(signal);
        }
        let flags =
            nix::sys::signalfd::SfdFlags::SFD_CLOEXEC | nix::sys::signalfd::SfdFlags::SFD_NONBLOCK;
        let fd = set
            .thread_block()
            .and_then(|()| nix::sys::signalfd::SignalFd::with_flags(&set, flags));
        Self(fd.ok())
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        if self.0.is_some() {
            // Fails for no valid set.
            let _ = nix::sys::signal::SigSet::all().thread_unblock();
        }
    }
}

/// A running container with the caller's streams.
struct Attached<'a> {
    request: &'a RunRequest,
    running: &'a mut Running,
    signals: Signals,
    cancel: &'a Cancel,
}

impl Attached<'_> {
    fn follow(self) -> Result<RunExit, RunError> {
        let pidfd = self.running.pidfd().try_clone_to_owned();
        let pidfd = pidfd.map_err(|cause| RunError::Io {
            doing: "watch the container",
            cause,
        })?;
        let victim = pidfd.try_clone().map_err(|cause| RunError::Io {
            doing: "watch the container",
            cause,
        })?;
        let _guard = self.cancel.on_cancel(move || interrupt(&victim));
        let mut captured = BTreeMap::from([(1, Vec::new()), (2, Vec::new())]);
        if let Some(pty) = self.running.take_pty() {
            let raw = self.request.interactive.then(RawTerminal::enter).flatten();
            let relayed = self.relay(File::from(pty), &pidfd);
            drop(raw);
            relayed?;
        } else {
            let outputs = [
                (1, self.running.take_stdout()),
                (2, self.running.take_stderr()),
            ];
            self.collect(
                outputs
                    .into_iter()
                    .filter_map(|(n, fd)| Some((n, File::from(fd?))))
                    .collect(),
                &pidfd,
                &mut captured,
            )?;
        }
        let exit = self.running.wait()?;
        let mut take = |n| captured.remove(&n).unwrap_or_default();
        Ok(RunExit {
            code: exit.status.code(),
            stdout: take(1),
            stderr: take(2),
        })
    }

    /// Waits for the end; forwards signals, and gathers captured output.
    fn collect(
        &self,
        mut open: Vec<(i32, File)>,
        pidfd: &OwnedFd,
        captured: &mut BTreeMap<i32, Vec<u8>>,
    ) -> Result<(), RunError> {
        let mut buffer = vec![0; 64 * 1024];
        let mut ended = false;
        while !(ended && open.is_empty()) {
            let mut fds: Vec<PollFd<'_>> = open
                .iter()
                .map(|(_, f)| PollFd::new(f, PollFlags::IN))
                .collect();
            if !ended {
                fds.push(PollFd::new(pidfd, PollFlags::IN));
                fds.extend(
                    self.signals
                        .0
                        .as_ref()
                        .map(|s| PollFd::from_borrowed_fd(s.as_fd(), PollFlags::IN)),
                );
            }
            wait_for(&mut fds)?;
            let ready: Vec<bool> = fds.iter().map(|fd| !fd.revents().is_empty()).collect();
            let streams = open.len();
            let mut index = 0;
            open.retain_mut(|(n, file)| {
                index += 1;
                if !ready[index - 1] {
                    return true;
                }
                match file.read(&mut buffer) {
                    Ok(0) | Err(_) => false,
                    Ok(count) => {
                        captured
                            .entry(*n)
                            .or_default()
                            .extend_from_slice(&buffer[..count]);
                        true
                    }
                }
            });
            if !ended {
                ended = ready[streams];
                self.forward_signals(None);
            }
        }
        Ok(())
    }

    /// Passes bytes between the caller's terminal and the container's until its end.
    fn relay(&self, pty: File, pidfd: &OwnedFd) -> Result<(), RunError> {
        let mut buffer = vec![0; 64 * 1024];
        let mut stdin = self.request.interactive.then(io::stdin);
        let mut stdout = io::stdout();
        loop {
            let mut fds = vec![
                PollFd::new(&pty, PollFlags::IN),
                PollFd::new(pidfd, PollFlags::IN),
            ];
            let signals = self.signals.0.as_ref();
            fds.extend(signals.map(|s| PollFd::from_borrowed_fd(s.as_fd(), PollFlags::IN)));
            let keyboard = fds.len();
            let input = stdin.as_ref().map(AsFd::as_fd);
            fds.extend(input.map(|s| PollFd::from_borrowed_fd(s, PollFlags::IN)));
            wait_for(&mut fds)?;
            let ready: Vec<bool> = fds.iter().map(|fd| !fd.revents().is_empty()).collect();
            drop(fds);
            if ready[0] {
                match (&pty).read(&mut buffer) {
                    // The other side was closed: everything inside has ended.
                    Ok(0) | Err(_) => return Ok(()),
                    Ok(n) => {
                        let shown = stdout.write_all(&buffer[..n]).and_then(|()| stdout.flush());
                        shown.map_err(|cause| RunError::Io {
                            doing: "write to the terminal",
                            cause,
                        })?;
                        continue;
                    }
                }
            }
            if ready[1] {
                return Ok(());
            }
            self.forward_signals(Some(&pty));
            if stdin.is_some() && ready[keyboard] {
                match rustix::io::read(io::stdin(), &mut buffer) {
                    // End of input is the end of file character for a terminal.
                    Ok(0) | Err(_) => {
                        stdin = None;
                        let _ = (&pty).write_all(&[4]);
                    }
                    Ok(n) => {
                        let typed = (&pty).write_all(&buffer[..n]);
                        typed.map_err(|cause| RunError::Io {
                            doing: "write to the container",
                            cause,
                        })?;
                    }
                }
            }
        }
    }

    fn forward_signals(&self, pty: Option<&File>) {
        let Some(signals) = &self.signals.0 else {
            return;
        };
        while let Ok(Some(info)) = signals.read_signal() {
            let signal = info.ssi_signo.cast_signed();
            match pty {
                Some(pty) if signal == Signal::WINCH.as_raw() => {
                    // A terminal without a size has none to pass on.
                    let _ = tcgetwinsize(io::stdout()).and_then(|size| tcsetwinsize(pty, size));
                }
                _ => {
                    // Fails only when it has ended already.
                    let _ = self.running.signal(signal);
                }
            }
        }
    }
}

/// What Ctrl-C does to a container of a prompt or script: asks, and kills after a while.
fn interrupt(pidfd: &OwnedFd) {
    let _ = rustix::process::pidfd_send_signal(pidfd, Signal::INT);
    let Ok(pidfd) = pidfd.try_clone() else { return };
    std::thread::spawn(move || {
        let limit = rustix::event::Timespec {
            tv_sec: 2,
            tv_nsec: 0,
        };
        let mut fds = [PollFd::new(&pidfd, PollFlags::IN)];
        if matches!(poll(&mut fds, Some(&limit)), Ok(0)) {
            let _ = rustix::process::pidfd_send_signal(&pidfd, Signal::KILL);
        }
    });
}

fn wait_for(fds: &mut [PollFd<'_>]) -> Result<(), RunError> {
    loop {
        match poll(fds, None) {
            Ok(_) => return Ok(()),
            Err(rustix::io::Errno::INTR) => {}
            Err(e) => {
                return Err(RunError::Io {
                    doing: "wait for the container",
                    cause: e.into(),
                });
            }
        }
    }
}

/// The caller's terminal in raw mode; set back on drop.
struct RawTerminal(Termios);

impl RawTerminal {
    fn enter() -> Option<Self> {
        let before = tcgetattr(io::stdin()).ok()?;
        let mut raw = before.clone();
        raw.make_raw();
        tcsetattr(io::stdin(), OptionalActions::Now, &raw).ok()?;
        Some(Self(before))
    }
}

impl Drop for RawTerminal {
    fn drop(&mut self) {
        // Nothing is left to tell the user with when this fails.
        let _ = tcsetattr(io::stdin(), OptionalActions::Drain, &self.0);
    }
}
