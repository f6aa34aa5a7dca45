//! RUN: a command in a container over the step's layers; what it changed becomes the new layer.

use super::mounts::{Mounts, Wanted};
use super::{Session, State, store};
use crate::build::error::{BuildError, Problem};
use crate::build::events::{BuildEvent, Events, Stream};
use crate::build::exec::Ran;
use crate::build::stack::LayerStack;
use crate::build::tree::FileTree;
use crate::container::spec::Network;
use crate::container::{
    self, Bind, ContainerInput, Exit, ExitStatus, Launch, RootFs, Running, Streams, files,
    remove_stubs, resolve_user,
};
use crate::store::{CommitOptions, Layer};
use cooperage_lang::instructions::{NetworkMode, SecurityMode};
use cooperage_lang::plan::{Exec, Plan, Step};
use rustix::event::{PollFd, PollFlags, poll};
use std::cell::Cell;
use std::collections::VecDeque;
use std::io::Read;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Host name inside a RUN. **Source:** BuildKit `executor/oci/hosts.go`, seen by many scripts.
const HOSTNAME: &str = "buildkitsandbox";

/// States of failed steps that stay for looking inside.
const KEPT_FAILURES: usize = 5;

/// Lines of output that an error shows.
const TAIL: usize = 20;

impl Session<'_> {
    pub(super) fn run_exec(
        &self,
        plan: &Plan,
        step: &Step,
        exec: &Exec,
        states: &[State],
        events: &dyn Events,
    ) -> Result<Ran, BuildError> {
        let located = |e: BuildError| e.at(&self.planned.name, &self.planned.source, step.range);
        self.check_consent(exec).map_err(located)?;
        if exec.argv.is_empty() {
            return Err(located(
                Problem::Option("arguments are required".to_owned()).into(),
            ));
        }
        let stack = self.root_stack(step, states)?;
        let lower = self.lower_layers(step, states)?;
        let lease = self.lease()?;
        let upper = lease.folder("upper").map_err(store)?;
        let work = lease.folder("work").map_err(store)?;
        let wanted = Wanted {
            plan,
            exec,
            states,
            changed: Cell::new(false),
        };
        let mut mounts = self.prepare_mounts(&wanted).map_err(located)?;
        let input = Self::container_input(exec, &stack, &mut mounts).map_err(located)?;
        let mut spec = container::spec(&input);
        set_environment(&mut spec, exec, &mounts, &input.user.home);

        let network = input.network;
        let mut binds = Self::network_files(exec, network);
        binds.append(&mut mounts.binds);
        let launch = Launch {
            spec: &spec,
            root: RootFs::Overlay {
                lower: lease.lower_folders(&lower).map_err(store)?,
                upper: upper.clone(),
                work,
                volatile: true,
            },
            streams: Streams::captured(),
            cgroup: None,
            binds,
            argv: Some(exec.argv.clone()),
        };
        let mut running =
            container::launch(launch).map_err(|e| located(Problem::Launch(e).into()))?;
        for warning in running.warnings() {
            events.event(BuildEvent::Note(warning.clone()));
        }
        let (exit, log) = self.attend(step, &mut running, events)?;
        let stubs = running.stubs().to_vec();
        drop(running);
        clean_stubs(&upper, &stubs);
        drop(mounts);
        if self.cancel.is_canceled() {
            return Err(Problem::Canceled.into());
        }
        let folders: Vec<PathBuf> = lower.iter().map(|l| l.dir.clone()).collect();
        if exit.status != ExitStatus::Code(0) {
            return Err(located(
                self.failed(exec, &exit, log, upper, &folders, states, step),
            ));
        }
        let options = CommitOptions {
            clamp_mtime: self.source_date_epoch(),
        };
        let layer = self
            .store()?
            .commit_upper(lease, upper, &folders, &options)
            .map_err(|e| Problem::Store(e.to_string()))?;
        Ok(Ran {
            layer: layer.diff_id,
            size: layer.size,
            cacheable: !wanted.changed.get(),
        })
    }

    /// Layers below the step, bottom first.
    fn lower_layers(&self, step: &Step, states: &[State]) -> Result<Vec<Layer>, BuildError> {
        let root = step.root.expect("every step that runs has a root");
        let State::Ready { snapshot, .. } = &states[root.0 as usize] else {
            unreachable!("a step runs after its root")
        };
        let layers = self.layers(snapshot)?;
        for layer in &layers {
            self.lease()?.hold(&layer.diff_id).map_err(store)?;
        }
        Ok(layers)
    }

    /// A Dockerfile does not get the host's network or kernel by asking for it.
    fn check_consent(&self, exec: &Exec) -> Result<(), BuildError> {
        let allowed = |what: &str| self.request.allow.iter().any(|a| a == what);
        if exec.security == SecurityMode::Insecure && !allowed("security.insecure") {
            let what = "RUN --security=insecure".to_owned();
            return Err(Problem::NotAllowed {
                what,
                allow: "security.insecure",
            }
            .into());
        }
        let asked_by_file =
            exec.network == NetworkMode::Host && self.request.network != Some(NetworkMode::Host);
        if asked_by_file && !allowed("network.host") {
            let what = "RUN --network=host".to_owned();
            return Err(Problem::NotAllowed {
                what,
                allow: "network.host",
            }
            .into());
        }
        if let Some(device) = exec.devices.iter().find(|d| d.required) {
            return Err(Problem::Mount(format!(
                "device {} is not configured on this host",
                device.name
            ))
            .into());
        }
        Ok(())
    }

    fn container_input(
        exec: &Exec,
        stack: &LayerStack,
        mounts: &mut Mounts,
    ) -> Result<ContainerInput, BuildError> {
        let passwd = read_small(stack, b"/etc/passwd");
        let group = read_small(stack, b"/etc/group");
        let user = resolve_user(&exec.user, &passwd, &group)
            .map_err(|e| Problem::Option(e.to_string()))?;
        let argv = exec
            .argv
            .iter()
            .map(|a| String::from_utf8_lossy(a).into_owned())
            .collect();
        Ok(ContainerInput {
            cwd: exec.cwd.clone(),
            user,
            network: if exec.network == NetworkMode::None {
                Network::None
            } else {
                Network::Host
            },
            hostname: Some(HOSTNAME.to_owned()),
            privileged: exec.security == SecurityMode::Insecure,
            shm_size: exec.shm_size.unwrap_or(container::spec::DEFAULT_SHM_SIZE),
            ulimits: exec.ulimits.clone(),
            mounts: std::mem::take(&mut mounts.spec),
            ..ContainerInput::new(argv)
        })
    }

    /// `/etc/hosts` and `/etc/resolv.conf`, generated; never written into the layer.
    fn network_files(exec: &Exec, network: Network) -> Vec<Bind> {
        let host = std::fs::read("/etc/resolv.conf").unwrap_or_default();
        let resolv = files::resolv_conf(&host, network == Network::None);
        let hosts = files::hosts(HOSTNAME, Some("127.0.0.1"), &exec.add_hosts);
        vec![
            Bind::generated("/etc/resolv.conf", resolv, true),
            Bind::generated("/etc/hosts", hosts, true),
        ]
    }

    /// Passes output on until the command ends; kills it when the build is canceled.
    fn attend(
        &self,
        step: &Step,
        running: &mut Running,
        events: &dyn Events,
    ) -> Result<(Exit, VecDeque<String>), BuildError> {
        let outputs = [
            (Stream::Stdout, running.take_stdout()),
            (Stream::Stderr, running.take_stderr()),
        ];
        let pidfd = running
            .pidfd()
            .try_clone_to_owned()
            .map_err(|e| Problem::Mount(e.to_string()))?;
        let _guard = self.cancel.on_cancel(move || {
            // Fails only when it has ended already.
            let _ = rustix::process::pidfd_send_signal(&pidfd, rustix::process::Signal::KILL);
        });
        let mut log = Log {
            step,
            events,
            started: Instant::now(),
            tail: VecDeque::new(),
        };
        let open = outputs
            .into_iter()
            .filter_map(|(stream, fd)| fd.map(|fd| Output::new(stream, fd)))
            .collect();
        log.follow(open);
        let exit = running.wait().map_err(Problem::Launch)?;
        Ok((exit, log.tail))
    }

    /// Keeps the state of a failed command under a name, and says all about it.
    #[expect(clippy::too_many_arguments, reason = "all of it is one failed step")]
    fn failed(
        &self,
        exec: &Exec,
        exit: &Exit,
        log: VecDeque<String>,
        upper: PathBuf,
        lower: &[PathBuf],
        states: &[State],
        step: &Step,
    ) -> BuildError {
        let command = format!(
            "\"{}\"",
            exec.argv
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join(" ")
        );
        let (code, mut status) = match exit.status {
            ExitStatus::Code(code) => (code, format!("exit code: {code}")),
            ExitStatus::Signal(signal) => (128 + signal, format!("killed by signal {signal}")),
        };
        if exit.oom_killed {
            status.push_str(" (its memory limit was reached)");
        }
        let mut error = BuildError::new(Problem::Exit {
            command,
            code,
            status,
        });
        error.log = log.into();
        error.kept = self.keep_failed(exec, upper, lower, states, step);
        error
    }

    /// Stores the failed step's files as an image `failed:<id>`. A failure to do so leaves the error as it is.
    fn keep_failed(
        &self,
        exec: &Exec,
        upper: PathBuf,
        lower: &[PathBuf],
        states: &[State],
        step: &Step,
    ) -> Option<String> {
        let opened = self.store?;
        let layer = opened
            .commit_upper(self.lease().ok()?, upper, lower, &CommitOptions::default())
            .ok()?;
        let State::Ready { snapshot, .. } = &states[step.root?.0 as usize] else {
            return None;
        };
        let layers = snapshot.with(layer.diff_id).layers;
        let env: Vec<String> = exec.env.iter().map(|(n, v)| format!("{n}={v}")).collect();
        let config = serde_json::json!({
            "architecture": self.planned.plan.platform.architecture,
            "os": "linux",
            "config": { "Env": env, "WorkingDir": exec.cwd, "User": exec.user, "Cmd": ["/bin/sh"] },
            "rootfs": { "type": "layers", "diff_ids": &*layers },
            "history": [],
        });
        let id = opened
            .put_image(&serde_json::to_vec(&config).ok()?, None, &layers)
            .ok()?;
        let name = format!("failed:{}", id.hex().get(..8)?);
        let reference =
            cooperage_lang::model::reference::Reference::parse_normalized(&name).ok()?;
        opened.tag(&reference, &id).ok()?;
        // Older states nobody looked at would fill the disk; losing one more or less is no error of this build.
        let _ = crate::engine::forget_failed(opened, KEPT_FAILURES);
        Some(name)
    }
}

/// The step's variables and nothing else, but for `HOME` as every runtime sets it.
fn set_environment(spec: &mut oci_spec::runtime::Spec, exec: &Exec, mounts: &Mounts, home: &str) {
    let mut env: Vec<String> = Vec::new();
    let all = exec.env.iter().chain(&exec.proxy_env).chain(&mounts.env);
    for (name, value) in all {
        let prefix = format!("{name}=");
        env.retain(|entry| !entry.starts_with(&prefix));
        env.push(format!("{prefix}{value}"));
    }
    if !env.iter().any(|e| e.starts_with("HOME=")) {
        env.push(format!("HOME={home}"));
    }
    if let Some(process) = spec.process_mut() {
        process.set_env(Some(env));
    }
}

fn clean_stubs(upper: &Path, stubs: &[container::Stub]) {
    let Ok(folder) = std::fs::File::open(upper) else {
        return;
    };
    for left in remove_stubs(folder.as_fd(), stubs.iter()) {
        tracing::debug!(path = %left, "a mount point was used by the command and stays");
    }
}

/// A small file of an image; empty when it is missing or no file.
pub(super) fn read_small(stack: &LayerStack, path: &[u8]) -> Vec<u8> {
    let read = || -> Option<Vec<u8>> {
        let path = crate::build::tree::resolve(stack, path, true).ok()?;
        let mut bytes = Vec::new();
        stack
            .open(&path)
            .ok()?
            .take(4 << 20)
            .read_to_end(&mut bytes)
            .ok()?;
        Some(bytes)
    };
    read().unwrap_or_default()
}

struct Output {
    stream: Stream,
    file: std::fs::File,
    /// A begun line.
    pending: Vec<u8>,
}

impl Output {
    fn new(stream: Stream, fd: OwnedFd) -> Self {
        Self {
            stream,
            file: fd.into(),
            pending: Vec::new(),
        }
    }
}

struct Log<'a> {
    step: &'a Step,
    events: &'a dyn Events,
    started: Instant,
    tail: VecDeque<String>,
}

impl Log<'_> {
    /// Reads all outputs to their ends.
    fn follow(&mut self, mut open: Vec<Output>) {
        let mut buffer = vec![0; 64 * 1024];
        while !open.is_empty() {
            let mut fds: Vec<PollFd<'_>> = open
                .iter()
                .map(|o| PollFd::new(&o.file, PollFlags::IN))
                .collect();
            if poll(&mut fds, None).is_err() {
                continue;
            }
            let ready: Vec<bool> = fds.iter().map(|fd| !fd.revents().is_empty()).collect();
            let mut index = 0;
            open.retain_mut(|output| {
                index += 1;
                if !ready[index - 1] {
                    return true;
                }
                match output.file.read(&mut buffer) {
                    Err(e) if e.kind() == std::io::ErrorKind::Interrupted => true,
                    Ok(0) | Err(_) => {
                        let rest = std::mem::take(&mut output.pending);
                        self.emit(output.stream, rest);
                        false
                    }
                    Ok(n) => {
                        self.take(output, &buffer[..n]);
                        true
                    }
                }
            });
        }
    }

    /// Emits whole lines; a line longer than a buffer goes out in pieces.
    fn take(&mut self, output: &mut Output, bytes: &[u8]) {
        output.pending.extend_from_slice(bytes);
        let whole = match output
            .pending
            .iter()
            .rposition(|b| *b == b'\n' || *b == b'\r')
        {
            Some(end) => end + 1,
            None if output.pending.len() >= 64 * 1024 => output.pending.len(),
            None => return,
        };
        let lines: Vec<u8> = output.pending.drain(..whole).collect();
        self.emit(output.stream, lines);
    }

    fn emit(&mut self, stream: Stream, bytes: Vec<u8>) {
        if bytes.is_empty() {
            return;
        }
        for line in bytes.split(|b| *b == b'\n').filter(|l| !l.is_empty()) {
            self.tail.push_back(
                String::from_utf8_lossy(line)
                    .trim_end_matches('\r')
                    .to_owned(),
            );
            if self.tail.len() > TAIL {
                self.tail.pop_front();
            }
        }
        self.events.event(BuildEvent::Log {
            step: self.step.id,
            stream,
            at: self.started.elapsed(),
            bytes,
        });
    }
}

/// Waits for a lock on a cache folder without holding up a canceled build.
pub(super) fn lock_or_cancel(
    session: &Session<'_>,
    file: &std::fs::File,
    exclusive: bool,
) -> Result<(), BuildError> {
    use rustix::fs::{FlockOperation, flock};
    let operation = if exclusive {
        FlockOperation::NonBlockingLockExclusive
    } else {
        FlockOperation::NonBlockingLockShared
    };
    loop {
        match flock(file, operation) {
            Ok(()) => return Ok(()),
            Err(rustix::io::Errno::WOULDBLOCK) => {
                if session.cancel.wait(std::time::Duration::from_millis(20)) {
                    return Err(Problem::Canceled.into());
                }
            }
            Err(e) => return Err(Problem::Mount(format!("cannot lock a cache mount: {e}")).into()),
        }
    }
}
