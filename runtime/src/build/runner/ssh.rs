//! `RUN --mount=type=ssh`: the caller's agent, reachable through a socket of the container's own.

use crate::build::request::SshAgent;
use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// A socket that leads to an agent. Ends with its drop, with an agent that was started for it.
pub(super) struct Forward {
    socket: PathBuf,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
    agent: Option<Child>,
}

impl Forward {
    /// The socket to mount.
    pub(super) fn socket(&self) -> &Path {
        &self.socket
    }
}

impl Drop for Forward {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        // Wakes the thread that waits for a connection.
        let _ = UnixStream::connect(&self.socket);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        if let Some(mut agent) = self.agent.take() {
            let _ = agent.kill();
            let _ = agent.wait();
        }
    }
}

/// Makes a socket below `folder` that leads to `agent`: a running one, or one started with the given keys.
pub(super) fn forward(
    folder: &Path,
    agent: &SshAgent,
    mode: u32,
    uid: u32,
    gid: u32,
) -> Result<Forward, String> {
    let (target, child) = match agent.paths.as_slice() {
        [] => match std::env::var_os("SSH_AUTH_SOCK") {
            Some(socket) => (PathBuf::from(socket), None),
            None => {
                return Err(format!(
                    "--ssh {}: SSH_AUTH_SOCK is not set; start ssh-agent or name key files",
                    agent.id
                ));
            }
        },
        [one] if std::fs::metadata(one).is_ok_and(|m| m.file_type().is_socket()) => {
            (one.clone(), None)
        }
        keys => {
            let socket = folder.join("agent");
            let child = start_agent(&socket, keys)?;
            (socket, Some(child))
        }
    };
    let failed = |e: io::Error| format!("cannot forward the SSH agent: {e}");
    // From here on the drop ends the agent, whatever fails.
    let mut forward = Forward {
        socket: folder.join("socket"),
        stop: Arc::new(AtomicBool::new(false)),
        thread: None,
        agent: child,
    };
    let socket = &forward.socket;
    let listener = UnixListener::bind(socket).map_err(failed)?;
    std::fs::set_permissions(socket, std::fs::Permissions::from_mode(mode)).map_err(failed)?;
    std::os::unix::fs::chown(socket, Some(uid), Some(gid)).map_err(failed)?;
    let stopped = forward.stop.clone();
    forward.thread = Some(std::thread::spawn(move || {
        serve(&listener, &target, &stopped);
    }));
    Ok(forward)
}

fn serve(listener: &UnixListener, target: &Path, stop: &AtomicBool) {
    while let Ok((client, _)) = listener.accept() {
        if stop.load(Ordering::SeqCst) {
            return;
        }
        let Ok(agent) = UnixStream::connect(target) else {
            continue;
        };
        let (Ok(client_in), Ok(agent_in)) = (client.try_clone(), agent.try_clone()) else {
            continue;
        };
        // Both end when either side closes; the container's end closes its side.
        std::thread::spawn(move || pass(client_in, agent));
        std::thread::spawn(move || pass(agent_in, client));
    }
}

fn pass(mut from: UnixStream, mut to: UnixStream) {
    let _ = io::copy(&mut from, &mut to);
    let _ = to.shutdown(std::net::Shutdown::Write);
}

/// Starts OpenSSH's agent with keys in it. Keys with a pass phrase cannot be used: nobody is there to type it.
fn start_agent(socket: &Path, keys: &[PathBuf]) -> Result<Child, String> {
    let mut agent = Command::new("ssh-agent")
        .arg("-D")
        .arg("-a")
        .arg(socket)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|e| {
            format!("cannot start ssh-agent for the given keys: {e}; install OpenSSH's client")
        })?;
    let begun = Instant::now();
    while !socket.exists() && begun.elapsed() < Duration::from_secs(5) {
        std::thread::sleep(Duration::from_millis(2));
    }
    let added = Command::new("ssh-add")
        .arg("--")
        .args(keys)
        .env("SSH_AUTH_SOCK", socket)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .output();
    match added {
        Ok(output) if output.status.success() => Ok(agent),
        other => {
            let _ = agent.kill();
            let _ = agent.wait();
            Err(match other {
                Ok(output) => format!(
                    "cannot add the SSH key: {}",
                    String::from_utf8_lossy(&output.stderr).trim()
                ),
                Err(e) => format!("cannot start ssh-add: {e}"),
            })
        }
    }
}
