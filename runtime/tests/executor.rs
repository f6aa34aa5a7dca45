//! Containers on the real kernel, as root and as an ordinary user: `spec/security.md` rows 1 to 9 and 12, and the
//! executor's own promises.
//!
//! The test binary is its own `__init` and its own rootless worker, so it has no libtest harness. Run as root it does
//! every case as root, then starts itself as the user `coopertest` for the rootless round. Names on the command line
//! select cases.

#![expect(clippy::print_stdout, reason = "this is a test harness")]
#![expect(unsafe_code, reason = "the table of system calls makes raw ones")]

use bstr::{BString, ByteSlice as _};
use cooperage_runtime::cgroups::{CgroupPlan, Limits};
use cooperage_runtime::container::{
    Bind, BindSource, ContainerInput, Exit, ExitStatus, Launch, LaunchError, RootFs, Running,
    Stdio, Step, Streams, User, dispatch_hidden, launch, remove_stubs, spec,
};
use cooperage_runtime::idmap;
use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

type Case = (&'static str, fn(&Sandbox) -> Outcome);
type Outcome = Result<(), String>;

const CASES: &[Case] = &[
    ("runs_a_program_and_returns_its_code", runs_a_program),
    ("separates_stdout_and_stderr", separates_streams),
    ("exit_codes_of_programs_that_cannot_run", exit_codes),
    ("bytes_in_arguments", bytes_in_arguments),
    ("changes_go_to_the_upper_layer", upper_layer),
    ("kill_ends_everything", kill_ends_everything),
    ("a_dead_launcher_takes_the_container_along", dead_launcher),
    ("memory_limit_is_named", memory_limit),
    ("process_limit_stops_a_fork_bomb", process_limit),
    ("terminal", terminal),
    ("hostname_limits_and_read_only_root", hostname_and_limits),
    ("binds_secrets_and_stubs", binds),
    ("other_users", other_users),
    ("row1_own_binary_is_read_only", row1_binary),
    ("row2_no_leaked_descriptors", row2_descriptors),
    ("row3_links_at_mount_targets", row3_links),
    ("row4_devices_and_masks_cannot_be_faked", row4_fakes),
    ("row5_capabilities", row5_capabilities),
    (
        "row6_no_mounts_no_namespaces_no_release_agent",
        row6_cgroup_escape,
    ),
    ("row7_no_terminal_of_the_host", row7_terminal),
    ("row8_masked_and_read_only_paths", row8_masked),
    ("row9_system_calls", row9_syscalls),
    ("row10_no_new_privileges", row10_privileges),
    ("row12_mounts_over_proc_sys_dev", row12_forbidden),
];

fn main() -> ExitCode {
    dispatch_hidden(std::env::args_os());
    let args: Vec<String> = std::env::args().skip(1).collect();
    if args.first().is_some_and(|arg| arg == "__launch_and_wait") {
        return launch_and_wait(Path::new(&args[1]));
    }
    if args.first().is_some_and(|arg| arg == "__probe") {
        return probe();
    }
    if let Err(error) = idmap::enter_user_namespace_if_needed() {
        println!("skipped, all of it: {error}");
        return ExitCode::SUCCESS;
    }
    let selected: Vec<&Case> = CASES
        .iter()
        .filter(|(name, _)| args.is_empty() || args.iter().any(|arg| name.contains(arg.as_str())))
        .collect();
    let mode = if idmap::is_rootless() {
        "rootless"
    } else {
        "root"
    };
    let mut failed = 0;
    let before = Traces::read();
    for (name, case) in selected {
        let started = Instant::now();
        let sandbox = match Sandbox::new(name) {
            Ok(sandbox) => sandbox,
            Err(reason) => {
                println!("{mode} {name} ... skipped: {reason}");
                continue;
            }
        };
        let outcome = case(&sandbox);
        drop(sandbox);
        match outcome {
            Ok(()) => println!(
                "{mode} {name} ... ok ({} ms)",
                started.elapsed().as_millis()
            ),
            Err(reason) if reason.starts_with("skip: ") => {
                println!("{mode} {name} ... skipped: {}", &reason[6..]);
            }
            Err(reason) => {
                failed += 1;
                println!("{mode} {name} ... FAILED: {reason}");
            }
        }
    }
    let after = Traces::read();
    if before != after {
        failed += 1;
        println!("{mode} traces left: {before:?} -> {after:?} ... FAILED");
    }
    if mode == "root" {
        failed += rootless_round(&args);
    }
    if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Starts this file as an ordinary user.
fn rootless_round(args: &[String]) -> u32 {
    let known = fs::read_to_string("/etc/passwd").is_ok_and(|text| text.contains("\ncoopertest:"));
    if !known {
        println!("rootless ... skipped: no user `coopertest` (`useradd -m coopertest`)");
        return 0;
    }
    // A copy: the build folder may not be open to others.
    let copy = PathBuf::from("/tmp").join(format!("cooperage-executor-{}", std::process::id()));
    fs::copy("/proc/self/exe", &copy).expect("the test binary can be copied");
    fs::set_permissions(&copy, fs::Permissions::from_mode(0o755)).expect("own file");
    let status = Command::new("runuser")
        .args(["-u", "coopertest", "--"])
        .arg(&copy)
        .args(args)
        .current_dir("/tmp")
        .status();
    let _ = fs::remove_file(&copy);
    u32::from(!status.is_ok_and(|status| status.success()))
}

/// What a container could leave behind.
#[derive(Debug, PartialEq)]
struct Traces {
    mounts: usize,
    cgroups: Vec<PathBuf>,
    children: String,
}

impl Traces {
    fn read() -> Self {
        let mut cgroups = Vec::new();
        for hierarchy in ["memory", "pids", "cpu", "unified", "."] {
            for entry in fs::read_dir(Path::new("/sys/fs/cgroup").join(hierarchy))
                .into_iter()
                .flatten()
                .flatten()
            {
                if entry
                    .file_name()
                    .as_encoded_bytes()
                    .starts_with(b"cooperage-")
                {
                    cgroups.push(entry.path());
                }
            }
        }
        let children = format!("/proc/self/task/{}/children", std::process::id());
        Self {
            mounts: fs::read_to_string("/proc/self/mountinfo")
                .unwrap_or_default()
                .lines()
                .count(),
            cgroups,
            children: fs::read_to_string(children).unwrap_or_default(),
        }
    }
}

/// A root with a static busybox, a canary outside of it, all below one folder.
struct Sandbox {
    folder: PathBuf,
}

impl Sandbox {
    fn new(name: &str) -> Result<Self, String> {
        let busybox = ["/bin/busybox", "/usr/bin/busybox"]
            .into_iter()
            .map(Path::new)
            .find(|path| path.exists());
        let busybox = busybox.ok_or("no static busybox (`apt install busybox-static`)")?;
        let folder = PathBuf::from("/tmp").join(format!("cooperage-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        for below in [
            "lower/bin",
            "lower/tmp",
            "lower/root",
            "upper",
            "work",
            "outside",
        ] {
            fs::create_dir_all(folder.join(below))
                .map_err(|error| format!("{}: {error}", folder.display()))?;
        }
        let sandbox = Self { folder };
        let lower = sandbox.lower();
        fs::copy(busybox, lower.join("bin/busybox")).map_err(|error| error.to_string())?;
        for applet in [
            "sh", "true", "cat", "ls", "id", "env", "mount", "sleep", "dd", "stty", "hostname",
            "unshare", "touch", "rm", "stat", "pwd", "echo", "chroot", "mkdir", "ip", "head", "wc",
            "ps", "readlink", "grep", "ln", "kill", "su",
        ] {
            symlink("busybox", lower.join("bin").join(applet))
                .map_err(|error| error.to_string())?;
        }
        fs::write(sandbox.canary(), "alive").map_err(|error| error.to_string())?;
        Ok(sandbox)
    }

    fn lower(&self) -> PathBuf {
        self.folder.join("lower")
    }

    fn canary(&self) -> PathBuf {
        self.folder.join("outside/canary")
    }

    /// The folder around the canary, with everything in it.
    fn outside(&self) -> Vec<(PathBuf, u64, Vec<u8>)> {
        let mut seen: Vec<_> = fs::read_dir(self.folder.join("outside"))
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| {
                let inode = entry.metadata().map_or(0, |metadata| metadata.ino());
                (
                    entry.path(),
                    inode,
                    fs::read(entry.path()).unwrap_or_default(),
                )
            })
            .collect();
        seen.sort();
        seen
    }

    fn overlay(&self) -> RootFs {
        for folder in ["upper", "work"] {
            remove(&self.folder.join(folder));
            fs::create_dir(self.folder.join(folder)).expect("own folder");
        }
        RootFs::Overlay {
            lower: vec![self.lower()],
            upper: self.folder.join("upper"),
            work: self.folder.join("work"),
            volatile: true,
        }
    }

    fn start(&self, input: &ContainerInput) -> Result<Running, LaunchError> {
        self.start_with(input, |_| {})
    }

    fn start_with(
        &self,
        input: &ContainerInput,
        change: impl FnOnce(&mut Launch<'_>),
    ) -> Result<Running, LaunchError> {
        let spec = spec(input);
        let mut wanted = Launch {
            spec: &spec,
            root: self.overlay(),
            streams: Streams::captured(),
            cgroup: None,
            binds: Vec::new(),
            argv: None,
        };
        change(&mut wanted);
        launch(wanted)
    }

    /// Runs a shell script with Docker's defaults; its output and end.
    fn shell(&self, script: &str) -> Result<(String, Exit), String> {
        self.run(&sh(script))
    }

    fn run(&self, input: &ContainerInput) -> Result<(String, Exit), String> {
        self.run_with(input, |_| {})
    }

    fn run_with(
        &self,
        input: &ContainerInput,
        change: impl FnOnce(&mut Launch<'_>),
    ) -> Result<(String, Exit), String> {
        let mut running = self
            .start_with(input, change)
            .map_err(|error| error.to_string())?;
        finish(&mut running)
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        remove(&self.folder);
    }
}

/// Overlay leaves a folder without permissions behind.
fn remove(folder: &Path) {
    let _ = fs::set_permissions(folder.join("work/work"), fs::Permissions::from_mode(0o700));
    let _ = fs::set_permissions(folder.join("work"), fs::Permissions::from_mode(0o700));
    let _ = fs::remove_dir_all(folder);
}

fn finish(running: &mut Running) -> Result<(String, Exit), String> {
    let (out, err) = (running.take_stdout(), running.take_stderr());
    let mut text = read_all(out);
    text.push_str(&read_all(err));
    let exit = running.wait().map_err(|error| error.to_string())?;
    Ok((text, exit))
}

fn read_all(fd: Option<OwnedFd>) -> String {
    let mut bytes = Vec::new();
    if let Some(fd) = fd {
        let _ = File::from(fd).read_to_end(&mut bytes);
    }
    bytes.to_str_lossy().into_owned()
}

fn sh(script: &str) -> ContainerInput {
    ContainerInput::new(["sh", "-c", script].map(str::to_owned).to_vec())
}

fn expect<T: PartialEq + std::fmt::Debug>(what: &str, got: T, wanted: T) -> Outcome {
    if got == wanted {
        Ok(())
    } else {
        Err(format!("{what}: {got:?}, wanted {wanted:?}"))
    }
}

fn ensure(what: &str, holds: bool, seen: &dyn std::fmt::Debug) -> Outcome {
    if holds {
        Ok(())
    } else {
        Err(format!("{what}: {seen:?}"))
    }
}

fn runs_a_program(sandbox: &Sandbox) -> Outcome {
    let (text, exit) = sandbox.shell("echo hello; exit 7")?;
    expect("output", text.as_str(), "hello\n")?;
    expect("status", exit.status, ExitStatus::Code(7))?;
    let (_, exit) = sandbox.shell("kill -9 $$; sleep 1")?;
    // The first process of a pid namespace is immune to its own signals: it goes on.
    expect("immune", exit.status, ExitStatus::Code(0))?;
    let mut running = sandbox
        .start(&sh("sleep 100"))
        .map_err(|error| error.to_string())?;
    running.signal(9).map_err(|error| error.to_string())?;
    expect(
        "signal",
        finish(&mut running)?.1.status,
        ExitStatus::Signal(9),
    )?;
    let (text, _) = sandbox.shell("echo $$; ls /proc | grep -c '^[0-9]'; pwd; echo $PATH $HOME")?;
    ensure("own pid namespace", text.starts_with("1\n"), &text)?;
    ensure(
        "environment",
        text.contains("/usr/local/sbin:") && text.contains(" /root"),
        &text,
    )
}

fn separates_streams(sandbox: &Sandbox) -> Outcome {
    let mut running = sandbox
        .start(&sh("echo out; echo err >&2"))
        .map_err(|error| error.to_string())?;
    let (out, err) = (
        read_all(running.take_stdout()),
        read_all(running.take_stderr()),
    );
    expect("stdout", out.as_str(), "out\n")?;
    expect("stderr", err.as_str(), "err\n")?;
    let input = sh("cat");
    let piped = Streams::Separate {
        stdin: Stdio::Piped,
        stdout: Stdio::Piped,
        stderr: Stdio::Null,
    };
    let mut running = sandbox
        .start_with(&input, |l| l.streams = piped)
        .map_err(|error| error.to_string())?;
    let mut stdin = File::from(running.take_stdin().ok_or("no stdin")?);
    stdin
        .write_all(b"through")
        .map_err(|error| error.to_string())?;
    drop(stdin);
    expect("stdin", finish(&mut running)?.0.as_str(), "through")
}

fn exit_codes(sandbox: &Sandbox) -> Outcome {
    let lower = sandbox.lower();
    fs::write(lower.join("plain"), "text").map_err(|error| error.to_string())?;
    fs::write(lower.join("script"), "#!/no/interpreter\n").map_err(|error| error.to_string())?;
    fs::set_permissions(lower.join("script"), fs::Permissions::from_mode(0o755))
        .map_err(|error| error.to_string())?;
    for (program, code, step) in [
        ("nothing", 127, Step::NotFound),
        ("/nothing", 127, Step::NotFound),
        ("/plain", 126, Step::Exec),
        ("/bin", 126, Step::Exec),
        ("/script", 126, Step::Exec),
    ] {
        let error = sandbox
            .start(&ContainerInput::new(vec![program.into()]))
            .err();
        let error = error.ok_or(format!("{program} ran"))?;
        expect(program, error.exit_code(), code)?;
        ensure(
            program,
            matches!(error, LaunchError::Step { step: at, .. } if at == step),
            &error,
        )?;
    }
    let mut input = sh("pwd");
    input.cwd = "/made/on/demand".into();
    expect(
        "working directory",
        sandbox.run(&input)?.0.as_str(),
        "/made/on/demand\n",
    )?;
    input.cwd = "/bin/sh".into();
    let error = sandbox
        .start(&input)
        .err()
        .ok_or("a file as working directory")?;
    expect("working directory", error.exit_code(), 125)?;
    ensure(
        "message",
        error
            .to_string()
            .starts_with("cannot change to the working directory `/bin/sh`"),
        &error,
    )
}

fn bytes_in_arguments(sandbox: &Sandbox) -> Outcome {
    let argv = vec![BString::from("echo"), BString::from(&b"\xff\xfe"[..])];
    let mut running = sandbox
        .start_with(&sh("x"), |l| l.argv = Some(argv))
        .map_err(|error| error.to_string())?;
    let mut bytes = Vec::new();
    let out = running.take_stdout().ok_or("no stdout")?;
    File::from(out)
        .read_to_end(&mut bytes)
        .map_err(|error| error.to_string())?;
    expect("bytes", bytes, b"\xff\xfe\n".to_vec())
}

fn upper_layer(sandbox: &Sandbox) -> Outcome {
    sandbox.shell("echo new > /made; rm /bin/ip; mkdir /folder; echo x > /folder/file")?;
    let upper = sandbox.folder.join("upper");
    expect(
        "new file",
        fs::read_to_string(upper.join("made"))
            .unwrap_or_default()
            .as_str(),
        "new\n",
    )?;
    let whiteout = fs::symlink_metadata(upper.join("bin/ip")).map_err(|error| error.to_string())?;
    expect(
        "whiteout",
        (whiteout.rdev(), whiteout.mode() & 0o170_000),
        (0, 0o020_000),
    )?;
    ensure(
        "lower is untouched",
        sandbox.lower().join("bin/ip").is_symlink(),
        &"gone",
    )?;
    // A plain folder is changed in place.
    let folder = RootFs::Dir(sandbox.lower());
    sandbox.run_with(&sh("echo y > /inplace"), |l| l.root = folder)?;
    expect(
        "in place",
        fs::read_to_string(sandbox.lower().join("inplace"))
            .unwrap_or_default()
            .as_str(),
        "y\n",
    )
}

fn kill_ends_everything(sandbox: &Sandbox) -> Outcome {
    let script = "for i in 1 2 3 4 5; do sleep 1000 & done; echo ready; wait";
    let mut running = sandbox
        .start(&sh(script))
        .map_err(|error| error.to_string())?;
    let mut out = File::from(running.take_stdout().ok_or("no stdout")?);
    out.read_exact(&mut [0; 6])
        .map_err(|error| error.to_string())?;
    running.kill();
    let exit = running.wait().map_err(|error| error.to_string())?;
    expect("status", exit.status, ExitStatus::Signal(9))?;
    // All writers are gone: this returns.
    let mut rest = Vec::new();
    out.read_to_end(&mut rest)
        .map_err(|error| error.to_string())?;
    let mut running = sandbox
        .start(&sh("sleep 1000"))
        .map_err(|error| error.to_string())?;
    let killer = running.killer().map_err(|error| error.to_string())?;
    let exit = std::thread::scope(|scope| {
        scope.spawn(|| killer.kill());
        running.wait()
    });
    expect(
        "killed while waiting",
        exit.map(|exit| exit.status.code()).ok(),
        Some(137),
    )?;
    killer.kill();
    let running = sandbox
        .start(&sh("sleep 1000"))
        .map_err(|error| error.to_string())?;
    let pid = running.pid();
    drop(running);
    ensure(
        "dropped",
        !Path::new(&format!("/proc/{pid}")).exists(),
        &pid,
    )
}

/// The other half of [`dead_launcher`]: starts a container, tells its pid, and waits to be killed.
fn launch_and_wait(folder: &Path) -> ExitCode {
    let spec = spec(&sh("sleep 1000"));
    let running = launch(Launch {
        spec: &spec,
        root: RootFs::Dir(folder.to_owned()),
        streams: Streams::Separate {
            stdin: Stdio::Null,
            stdout: Stdio::Null,
            stderr: Stdio::Null,
        },
        cgroup: None,
        binds: Vec::new(),
        argv: None,
    });
    match running {
        Ok(mut running) => {
            println!("{}", running.pid());
            let _ = running.wait();
            ExitCode::SUCCESS
        }
        Err(error) => {
            println!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn dead_launcher(sandbox: &Sandbox) -> Outcome {
    let exe = fs::read_link("/proc/self/exe").map_err(|error| error.to_string())?;
    let mut child = Command::new(exe)
        .arg("__launch_and_wait")
        .arg(sandbox.lower())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .map_err(|error| error.to_string())?;
    let mut line = String::new();
    let mut out = std::io::BufReader::new(child.stdout.take().ok_or("no stdout")?);
    std::io::BufRead::read_line(&mut out, &mut line).map_err(|error| error.to_string())?;
    let pid: u32 = line.trim().parse().map_err(|_| line.clone())?;
    child
        .kill()
        .and_then(|()| child.wait())
        .map_err(|error| error.to_string())?;
    let gone = wait_until(|| !Path::new(&format!("/proc/{pid}")).exists());
    ensure("the container ended", gone, &pid)
}

/// Waits up to five seconds for something that another process does.
fn wait_until(holds: impl Fn() -> bool) -> bool {
    let end = Instant::now() + Duration::from_secs(5);
    while Instant::now() < end {
        if holds() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    false
}

fn limited(name: &str, limits: Limits) -> CgroupPlan {
    CgroupPlan {
        name: format!("test-{}-{name}", std::process::id()),
        limits,
    }
}

fn memory_limit(sandbox: &Sandbox) -> Outcome {
    let limits = Limits {
        memory: Some(24 << 20),
        memory_and_swap: Some(24 << 20),
        ..Limits::default()
    };
    let eater = sh("dd if=/dev/zero of=/dev/null bs=100M count=1; echo survived");
    let plan = Some(limited("memory", limits));
    match sandbox.run_with(&eater, |l| l.cgroup = plan) {
        Ok((text, exit)) => {
            ensure("dd was killed", exit.oom_killed, &(text, exit.clone()))?;
            ensure(
                "peak",
                exit.peak_memory.is_some_and(|peak| peak > 16 << 20),
                &exit,
            )
        }
        Err(error) if idmap::is_rootless() && error.contains("cannot limit") => {
            Err(format!("skip: {error}"))
        }
        Err(error) => Err(error),
    }
}

fn process_limit(sandbox: &Sandbox) -> Outcome {
    let plan = Some(limited(
        "pids",
        Limits {
            pids: Some(8),
            ..Limits::default()
        },
    ));
    let script = "i=0; while [ $i -lt 20 ]; do sleep 5 & i=$((i+1)); done; echo all";
    match sandbox.run_with(&sh(script), |l| l.cgroup = plan) {
        Ok((text, _)) => ensure("refused", text.contains("can't fork"), &text),
        Err(error) if idmap::is_rootless() && error.contains("cannot limit") => {
            Err(format!("skip: {error}"))
        }
        Err(error) => Err(error),
    }
}

fn terminal(sandbox: &Sandbox) -> Outcome {
    let mut input =
        sh("stty size; echo tty >/dev/tty; readlink /proc/self/fd/0; ls -l /dev/console; cat");
    input.terminal = true;
    let streams = Streams::Pty { rows: 24, cols: 91 };
    let mut running = sandbox
        .start_with(&input, |l| l.streams = streams)
        .map_err(|error| error.to_string())?;
    let mut pty = File::from(running.take_pty().ok_or("no terminal")?);
    pty.write_all(b"typed\n\x04")
        .map_err(|error| error.to_string())?;
    let mut text = Vec::new();
    // EIO is the end of a terminal.
    let _ = pty.read_to_end(&mut text);
    let text = text.to_str_lossy().into_owned();
    let exit = running.wait().map_err(|error| error.to_string())?;
    expect("status", exit.status, ExitStatus::Code(0))?;
    for wanted in ["24 91", "tty\r\n", "/dev/pts/0", "136,", "typed"] {
        ensure(wanted, text.contains(wanted), &text)?;
    }
    Ok(())
}

fn hostname_and_limits(sandbox: &Sandbox) -> Outcome {
    let mut input = sh(
        "hostname; ulimit -n; ulimit -c; echo x > /f; grep -c : /proc/net/dev; ip a | grep -c UP",
    );
    input.hostname = Some("cask".into());
    input.read_only = true;
    input.ulimits = vec![("nofile".into(), 123, 456), ("core".into(), 0, 0)];
    let (text, _) = sandbox.run(&input)?;
    ensure("values", text.starts_with("cask\n123\n0\n"), &text)?;
    ensure("read-only", text.contains("Read-only file system"), &text)?;
    // More than anybody may give here degrades to the most there is.
    input.ulimits = vec![("nofile".into(), 1 << 30, 1 << 30)];
    let mut running = sandbox.start(&input).map_err(|error| error.to_string())?;
    let warnings = running.warnings().to_vec();
    finish(&mut running)?;
    ensure("warning", warnings.len() <= 1, &warnings)
}

fn binds(sandbox: &Sandbox) -> Outcome {
    let source = sandbox.folder.join("shared");
    fs::create_dir(&source).map_err(|error| error.to_string())?;
    fs::write(source.join("file"), "host").map_err(|error| error.to_string())?;
    let handle: OwnedFd = File::open(source.join("file"))
        .map_err(|error| error.to_string())?
        .into();
    let secret = BindSource::File {
        content: "hush".into(),
        mode: 0o400,
        uid: 0,
        gid: 0,
    };
    let bind = |target: &str, source, read_only| Bind {
        target: target.into(),
        source,
        read_only,
        recursive: true,
    };
    let list = vec![
        bind("/data/deep", BindSource::Path(source.clone()), false),
        bind("/data/ro", BindSource::Path(source.clone()), true),
        bind("/etc/one", BindSource::Fd(handle), true),
        bind("/run/secrets/s", secret, true),
        bind(
            "/scratch",
            BindSource::Tmpfs {
                size: Some(1 << 20),
                mode: 0o1777,
            },
            false,
        ),
    ];
    let script = "cat /etc/one /run/secrets/s; echo w > /data/deep/new; echo w > /data/ro/new; stat -c %a%u /run/secrets/s; \
                  dd if=/dev/zero of=/scratch/big bs=1M count=3; stat -c %a /scratch; echo keep > /etc/kept; cd /..; ls; \
                  cat /../../outside /proc/self/mountinfo | grep -c ' / / '";
    let spec = spec(&sh(script));
    let mut running = launch(Launch {
        spec: &spec,
        root: sandbox.overlay(),
        streams: Streams::captured(),
        cgroup: None,
        binds: list,
        argv: None,
    })
    .map_err(|error| error.to_string())?;
    let (text, _) = finish(&mut running)?;
    ensure("contents", text.starts_with("hosthush"), &text)?;
    ensure("read-only", text.contains("/data/ro/new: Read-only"), &text)?;
    ensure("secret's mode", text.contains("4000"), &text)?;
    ensure("size", text.contains("No space left"), &text)?;
    ensure("mode", text.contains("1777"), &text)?;
    // The regression: a mount that carried the file was left on the host's root, and `..` led there.
    ensure(
        "one root, ours",
        text.contains("tmp\n1\n") && !text.contains("boot"),
        &text,
    )?;
    ensure("written through", source.join("new").exists(), &"not there")?;
    let upper = sandbox.folder.join("upper");
    let leaked = Command::new("grep")
        .args(["-r", "hush"])
        .arg(&upper)
        .output()
        .map_err(|error| error.to_string())?;
    ensure("no secret in the layer", leaked.stdout.is_empty(), &leaked)?;
    let handle = File::open(&upper).map_err(|error| error.to_string())?;
    let left = remove_stubs(handle.as_fd(), running.stubs().iter());
    expect("only /etc is used", left, vec![BString::from("etc")])?;
    expect("layer", list_names(&upper), vec!["etc".to_owned()])?;
    expect(
        "layer's etc",
        list_names(&upper.join("etc")),
        vec!["kept".to_owned()],
    )
}

fn list_names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .map(|e| e.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

fn other_users(sandbox: &Sandbox) -> Outcome {
    let mut input =
        sh("id -u; id -g; id -G; umask; touch /root/x; echo again > /dev/stdout; touch /tmp/mine");
    fs::set_permissions(
        sandbox.lower().join("tmp"),
        fs::Permissions::from_mode(0o1777),
    )
    .map_err(|error| error.to_string())?;
    input.user = User {
        uid: 1234,
        gid: 2345,
        groups: vec![7, 8],
        home: "/".into(),
    };
    match sandbox.run(&input) {
        Ok((text, _)) => {
            ensure(
                "ids",
                text.starts_with("1234\n2345\n2345 7 8\n0022\n"),
                &text,
            )?;
            ensure("no root", text.contains("Permission denied"), &text)?;
            ensure(
                "standard output can be reopened",
                text.contains("again"),
                &text,
            )
        }
        Err(error) if !idmap::has_many_ids() => Err(format!("skip: {error}")),
        Err(error) => Err(error),
    }
}

fn row1_binary(sandbox: &Sandbox) -> Outcome {
    let own = fs::read_link("/proc/self/exe").map_err(|error| error.to_string())?;
    let before = fs::read(&own).map_err(|error| error.to_string())?;
    fs::write(sandbox.lower().join("self"), "#!/proc/self/exe\n")
        .map_err(|error| error.to_string())?;
    fs::set_permissions(
        sandbox.lower().join("self"),
        fs::Permissions::from_mode(0o755),
    )
    .map_err(|error| error.to_string())?;
    // Our own program runs inside for a moment, or fails to load its libraries; either way nothing is written.
    let started = sandbox.start(&ContainerInput::new(vec!["/self".into()]));
    if let Ok(mut running) = started {
        running.kill();
        let _ = running.wait();
    }
    // A racer looks for any program file that is not the image's while containers start on a shared root.
    let racer = "i=0; while [ $i -lt 300 ]; do for p in /proc/[0-9]*/exe; do echo bad > $p; done 2>/dev/null; i=$((i+1)); done";
    sandbox.shell(racer)?;
    ensure(
        "own file",
        fs::read(&own).is_ok_and(|after| after == before),
        &own,
    )?;
    // The view that __init runs from: not even we can write through it.
    let mut running = sandbox
        .start(&sh("sleep 1000"))
        .map_err(|error| error.to_string())?;
    let children = fs::read_to_string(format!("/proc/self/task/{}/children", std::process::id()))
        .unwrap_or_default();
    for child in children.split_whitespace() {
        let opened = File::options()
            .write(true)
            .open(format!("/proc/{child}/exe"));
        ensure("a writable view of the program", opened.is_err(), &child)?;
    }
    running.kill();
    running.wait().map(drop).map_err(|error| error.to_string())
}

fn row2_descriptors(sandbox: &Sandbox) -> Outcome {
    // Something to leak: a folder of the host, without close-on-exec it would be inherited by everything.
    let folder = File::open(&sandbox.folder).map_err(|error| error.to_string())?;
    rustix::io::fcntl_setfd(&folder, rustix::io::FdFlags::empty())
        .map_err(|error| error.to_string())?;
    let (text, _) = sandbox.shell("ls /proc/self/fd")?;
    expect("descriptors", text.as_str(), "0\n1\n2\n3\n")?;
    for number in 3..64 {
        for path in [
            format!("/proc/self/fd/{number}"),
            format!("/proc/1/fd/{number}/.."),
        ] {
            let mut input = sh("pwd; ls; cat ../outside/canary ../../outside/canary");
            input.cwd.clone_from(&path);
            if let Ok((text, _)) = sandbox.run(&input) {
                ensure(
                    &path,
                    !text.contains("alive") && !text.contains("outside"),
                    &text,
                )?;
            }
        }
    }
    Ok(())
}

fn row3_links(sandbox: &Sandbox) -> Outcome {
    let before = sandbox.outside();
    let outside = sandbox.folder.join("outside");
    let outside = outside.to_str().ok_or("not UTF-8")?;
    let lower = sandbox.lower();
    let relative = format!("../../../../../../../../..{outside}");
    for target in [
        "proc",
        "sys",
        "dev",
        "etc",
        "etc/resolv.conf",
        "data",
        "dev/pts",
        "dev/shm",
    ] {
        for link in [
            outside,
            "/",
            "..",
            relative.as_str(),
            "loop",
            "/dangling/link",
        ] {
            let place = lower.join(target);
            if let Some(parent) = place.parent() {
                fs::create_dir_all(parent).map_err(|error| error.to_string())?;
            }
            symlink(
                if link == "loop" {
                    place.file_name().ok_or("name")?.to_str().ok_or("name")?
                } else {
                    link
                },
                &place,
            )
            .map_err(|error| format!("{target}: {error}"))?;
            let resolv = BindSource::File {
                content: "nameserver 1.1.1.1\n".into(),
                mode: 0o644,
                uid: 0,
                gid: 0,
            };
            let bind = |target: &str, source| Bind {
                target: target.into(),
                source,
                read_only: false,
                recursive: false,
            };
            let shared = BindSource::Tmpfs {
                size: None,
                mode: 0o755,
            };
            let list = vec![bind("/etc/resolv.conf", resolv), bind("/data", shared)];
            // It runs or it is refused; both are fine, as long as nothing outside changes.
            let _ = sandbox.run_with(
                &sh("echo x > /data/planted; echo y > /etc/resolv.conf"),
                |l| l.binds = list,
            );
            fs::remove_file(&place).map_err(|error| error.to_string())?;
            for folder in ["proc", "sys", "dev", "etc", "data"] {
                let _ = fs::remove_dir_all(lower.join(folder));
            }
            expect(
                &format!("outside, with {target} -> {link}"),
                sandbox.outside(),
                before.clone(),
            )?;
        }
    }
    swapping(sandbox)?;
    expect("outside, after swapping", sandbox.outside(), before)
}

/// A container renames a mount target in a loop while others mount there, on a shared plain folder.
fn swapping(sandbox: &Sandbox) -> Outcome {
    let lower = sandbox.lower();
    let outside = sandbox.folder.join("outside");
    fs::create_dir_all(lower.join("shared")).map_err(|error| error.to_string())?;
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let place = lower.join("shared/target");
            let link = lower.join("shared/link");
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                let _ = fs::create_dir(&place);
                let _ = symlink(&outside, &link);
                let _ = rustix::fs::renameat_with(
                    rustix::fs::CWD,
                    &place,
                    rustix::fs::CWD,
                    &link,
                    rustix::fs::RenameFlags::EXCHANGE,
                );
            }
        });
        for _ in 0..100 {
            let source = BindSource::Tmpfs {
                size: None,
                mode: 0o755,
            };
            let list = vec![Bind {
                target: "/shared/target/in".into(),
                source,
                read_only: false,
                recursive: false,
            }];
            let root = RootFs::Dir(lower.clone());
            let _ = sandbox.run_with(&sh("echo x > /shared/target/in/x"), |l| {
                l.binds = list;
                l.root = root;
            });
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
    });
    Ok(())
}

fn row4_fakes(sandbox: &Sandbox) -> Outcome {
    let lower = sandbox.lower();
    fs::create_dir_all(lower.join("dev")).map_err(|error| error.to_string())?;
    fs::create_dir_all(lower.join("proc/sys/kernel")).map_err(|error| error.to_string())?;
    symlink(sandbox.canary(), lower.join("dev/null")).map_err(|error| error.to_string())?;
    symlink(sandbox.canary(), lower.join("dev/console")).map_err(|error| error.to_string())?;
    fs::write(lower.join("proc/sys/kernel/domainname"), "fake")
        .map_err(|error| error.to_string())?;
    fs::write(lower.join("proc/kcore"), "fake").map_err(|error| error.to_string())?;
    let before = sandbox.outside();
    let script = "echo gone > /dev/null; stat -c '%F %t:%T' /dev/null; cat /proc/kcore; cat /proc/sys/kernel/domainname";
    let (text, _) = sandbox.shell(script)?;
    ensure(
        "null device",
        text.contains("character special file 1:3"),
        &text,
    )?;
    ensure("real procfs, masked", !text.contains("fake"), &text)?;
    expect("outside", sandbox.outside(), before)
}

fn status_field<'a>(text: &'a str, name: &str) -> &'a str {
    text.lines()
        .find_map(|line| line.strip_prefix(name))
        .unwrap_or("?")
        .trim()
}

fn row5_capabilities(sandbox: &Sandbox) -> Outcome {
    // Docker's fourteen.
    let docker = "00000000a80425fb";
    let none = "0000000000000000";
    let mut input = sh("cat /proc/self/status");
    let (text, _) = sandbox.run(&input)?;
    for (field, wanted) in [
        ("CapInh:", none),
        ("CapPrm:", docker),
        ("CapEff:", docker),
        ("CapBnd:", docker),
        ("CapAmb:", none),
    ] {
        expect(field, status_field(&text, field), wanted)?;
    }
    expect("NoNewPrivs", status_field(&text, "NoNewPrivs:"), "0")?;
    expect("Seccomp", status_field(&text, "Seccomp:"), "2")?;
    input.user = User {
        uid: 1000,
        gid: 1000,
        groups: vec![],
        home: "/".into(),
    };
    if !idmap::has_many_ids() {
        return Ok(());
    }
    let (text, _) = sandbox.run(&input)?;
    for (field, wanted) in [
        ("CapInh:", none),
        ("CapPrm:", none),
        ("CapEff:", none),
        ("CapBnd:", docker),
        ("CapAmb:", none),
    ] {
        expect(field, status_field(&text, field), wanted)?;
    }
    Ok(())
}

fn row6_cgroup_escape(sandbox: &Sandbox) -> Outcome {
    let script = "mount -t tmpfs none /tmp && echo ESCAPED; mount -t cgroup -o memory none /tmp && echo ESCAPED; \
                  unshare -U true && echo ESCAPED; unshare -m true && echo ESCAPED; \
                  touch /sys/fs/cgroup/x && echo ESCAPED; for f in $(ls -d /sys/fs/cgroup/*/release_agent \
                  /sys/fs/cgroup/release_agent 2>/dev/null); do echo /x > $f && echo ESCAPED; done; cat /proc/self/cgroup";
    let (text, _) = sandbox.shell(script)?;
    ensure("refused", !text.contains("ESCAPED"), &text)
}

fn row7_terminal(sandbox: &Sandbox) -> Outcome {
    let (text, _) = sandbox.shell("echo x > /dev/tty && echo OPENED")?;
    ensure("no controlling terminal", !text.contains("OPENED"), &text)?;
    // A terminal of the caller as standard input is not the session's: typing into it is refused. The whole launcher
    // side is a pty of ours here.
    let (master, slave) = open_pty()?;
    let script = "echo x > /dev/tty && echo OPENED; cat /proc/self/stat";
    let streams = Streams::Separate {
        stdin: Stdio::Fd(slave),
        stdout: Stdio::Piped,
        stderr: Stdio::Piped,
    };
    let (text, _) = sandbox.run_with(&sh(script), |l| l.streams = streams)?;
    drop(master);
    ensure("still none", !text.contains("OPENED"), &text)?;
    // Field 7 of stat is the controlling terminal.
    let controlling = text
        .rsplit(") ")
        .next()
        .and_then(|rest| rest.split(' ').nth(4))
        .unwrap_or("?")
        .to_owned();
    expect("controlling terminal", controlling.as_str(), "0")
}

fn open_pty() -> Result<(OwnedFd, OwnedFd), String> {
    let master =
        rustix::pty::openpt(rustix::pty::OpenptFlags::RDWR | rustix::pty::OpenptFlags::NOCTTY);
    let master = master.map_err(|error| format!("skip: no pty: {error}"))?;
    rustix::pty::unlockpt(&master).map_err(|error| error.to_string())?;
    let name = rustix::pty::ptsname(&master, Vec::new()).map_err(|error| error.to_string())?;
    let slave = File::options()
        .read(true)
        .write(true)
        .open(name.to_str().map_err(|error| error.to_string())?);
    Ok((master, slave.map_err(|error| error.to_string())?.into()))
}

fn row8_masked(sandbox: &Sandbox) -> Outcome {
    let script = "for f in /proc/kcore /proc/keys /proc/timer_list /proc/latency_stats /proc/sched_debug /proc/interrupts; do \
                  [ -e $f ] && [ $(head -c 10 $f | wc -c) != 0 ] && echo READ $f; done; \
                  for d in /proc/acpi /proc/scsi /sys/firmware; do [ -e $d ] && [ -n \"$(ls $d)\" ] && echo LISTED $d; \
                  touch $d/x 2>/dev/null && echo WROTE $d; done; \
                  for f in /proc/sys/kernel/hostname /proc/sysrq-trigger /proc/sys/kernel/core_pattern /proc/irq/default_smp_affinity \
                  /sys/kernel/uevent_helper; do (echo x > $f) 2>/dev/null && echo WROTE $f; done; echo done";
    let (text, _) = sandbox.shell(script)?;
    expect("hidden", text.as_str(), "done\n")
}

/// Docker's verdict for a container without extra capabilities: `+` allowed, `-` `EPERM`, `0` `ENOSYS`.
const VERDICTS: &[(&str, i64, char)] = &[
    ("read", libc::SYS_read, '+'),
    ("close", libc::SYS_close, '+'),
    ("fstat", libc::SYS_fstat, '+'),
    ("mmap", libc::SYS_mmap, '+'),
    ("ioctl", libc::SYS_ioctl, '+'),
    ("dup3", libc::SYS_dup3, '+'),
    ("openat", libc::SYS_openat, '+'),
    ("openat2", libc::SYS_openat2, '+'),
    ("statx", libc::SYS_statx, '+'),
    ("execveat", libc::SYS_execveat, '+'),
    ("ptrace", libc::SYS_ptrace, '+'),
    ("memfd_create", libc::SYS_memfd_create, '+'),
    ("copy_file_range", libc::SYS_copy_file_range, '+'),
    ("getrandom", libc::SYS_getrandom, '+'),
    ("pidfd_send_signal", libc::SYS_pidfd_send_signal, '+'),
    ("close_range", libc::SYS_close_range, '+'),
    ("faccessat2", libc::SYS_faccessat2, '+'),
    ("epoll_ctl", libc::SYS_epoll_ctl, '+'),
    ("eventfd2", libc::SYS_eventfd2, '+'),
    ("mknodat", libc::SYS_mknodat, '+'),
    ("fchownat", libc::SYS_fchownat, '+'),
    ("setxattr", libc::SYS_setxattr, '+'),
    ("timer_create", libc::SYS_timer_create, '+'),
    ("shmget", libc::SYS_shmget, '+'),
    (
        "landlock_create_ruleset",
        libc::SYS_landlock_create_ruleset,
        '+',
    ),
    ("seccomp", libc::SYS_seccomp, '+'),
    ("chroot", libc::SYS_chroot, '+'),
    ("acct", libc::SYS_acct, '-'),
    ("add_key", libc::SYS_add_key, '-'),
    ("bpf", libc::SYS_bpf, '-'),
    ("clock_settime", libc::SYS_clock_settime, '-'),
    ("delete_module", libc::SYS_delete_module, '-'),
    ("finit_module", libc::SYS_finit_module, '-'),
    ("fsconfig", libc::SYS_fsconfig, '-'),
    ("fsmount", libc::SYS_fsmount, '-'),
    ("fsopen", libc::SYS_fsopen, '-'),
    ("fspick", libc::SYS_fspick, '-'),
    ("init_module", libc::SYS_init_module, '-'),
    ("io_uring_enter", libc::SYS_io_uring_enter, '-'),
    ("io_uring_register", libc::SYS_io_uring_register, '-'),
    ("io_uring_setup", libc::SYS_io_uring_setup, '-'),
    ("iopl", libc::SYS_iopl, '-'),
    ("kcmp", libc::SYS_kcmp, '-'),
    ("kexec_file_load", libc::SYS_kexec_file_load, '-'),
    ("kexec_load", libc::SYS_kexec_load, '-'),
    ("keyctl", libc::SYS_keyctl, '-'),
    ("mbind", libc::SYS_mbind, '-'),
    ("mount", libc::SYS_mount, '-'),
    ("mount_setattr", libc::SYS_mount_setattr, '-'),
    ("move_mount", libc::SYS_move_mount, '-'),
    ("move_pages", libc::SYS_move_pages, '-'),
    ("open_by_handle_at", libc::SYS_open_by_handle_at, '-'),
    ("open_tree", libc::SYS_open_tree, '-'),
    ("perf_event_open", libc::SYS_perf_event_open, '-'),
    ("pivot_root", libc::SYS_pivot_root, '-'),
    ("quotactl", libc::SYS_quotactl, '-'),
    ("reboot", libc::SYS_reboot, '-'),
    ("request_key", libc::SYS_request_key, '-'),
    ("setns", libc::SYS_setns, '-'),
    ("settimeofday", libc::SYS_settimeofday, '-'),
    ("swapoff", libc::SYS_swapoff, '-'),
    ("swapon", libc::SYS_swapon, '-'),
    ("syslog", libc::SYS_syslog, '-'),
    ("umount2", libc::SYS_umount2, '-'),
    ("unshare", libc::SYS_unshare, '-'),
    ("userfaultfd", libc::SYS_userfaultfd, '-'),
    ("vhangup", libc::SYS_vhangup, '-'),
    ("clone3", libc::SYS_clone3, '0'),
    ("number 999", 999, '0'),
];

/// Inside a container: makes every call with arguments that no call accepts, and tells the errors.
fn probe() -> ExitCode {
    for (name, number, _) in VERDICTS {
        // SAFETY: all-ones arguments are no valid pointer, descriptor or flag set of any of these calls.
        let result =
            unsafe { libc::syscall(*number, -1_i64, -1_i64, -1_i64, -1_i64, -1_i64, -1_i64) };
        let error = std::io::Error::last_os_error().raw_os_error().unwrap_or(0);
        println!("{name}={}", if result == -1 { error } else { 0 });
    }
    ExitCode::SUCCESS
}

fn row9_syscalls(sandbox: &Sandbox) -> Outcome {
    let own = fs::read_link("/proc/self/exe").map_err(|error| error.to_string())?;
    let bind = |path: &Path, target: &str| Bind {
        target: target.into(),
        source: BindSource::Path(path.to_owned()),
        read_only: true,
        recursive: false,
    };
    let mut list = vec![bind(&own, "/probe")];
    // The libraries of the test binary.
    for folder in ["/lib", "/lib64", "/usr/lib"] {
        if let Ok(path) = fs::canonicalize(folder) {
            list.push(bind(&path, folder));
        }
    }
    let input = ContainerInput::new(["/probe", "__probe"].map(str::to_owned).to_vec());
    let (text, _) = sandbox.run_with(&input, |l| l.binds = list)?;
    for (name, _, verdict) in VERDICTS {
        let seen = text
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        let seen: i32 = seen
            .and_then(|number| number.parse().ok())
            .ok_or_else(|| format!("{name}: {text}"))?;
        let holds = match verdict {
            '+' => seen != libc::EPERM && seen != libc::ENOSYS,
            '-' => seen == libc::EPERM,
            _ => seen == libc::ENOSYS,
        };
        ensure(name, holds, &std::io::Error::from_raw_os_error(seen))?;
    }
    Ok(())
}

fn row10_privileges(sandbox: &Sandbox) -> Outcome {
    let mut input = sh("cat /proc/self/status");
    input.no_new_privileges = true;
    let (text, _) = sandbox.run(&input)?;
    expect("NoNewPrivs", status_field(&text, "NoNewPrivs:"), "1")?;
    expect("Seccomp", status_field(&text, "Seccomp:"), "2")
}

fn row12_forbidden(sandbox: &Sandbox) -> Outcome {
    let lower = sandbox.lower();
    symlink("/proc", lower.join("alias")).map_err(|error| error.to_string())?;
    for target in [
        "/proc",
        "/proc/sys",
        "/sys",
        "/dev",
        "/",
        "/alias",
        "/alias/sys",
        "/tmp/../proc",
    ] {
        let source = BindSource::Tmpfs {
            size: None,
            mode: 0o755,
        };
        let list = vec![Bind {
            target: target.into(),
            source,
            read_only: false,
            recursive: false,
        }];
        let result = sandbox.run_with(&sh("true"), |l| l.binds = list);
        ensure(target, result.is_err(), &"it was mounted")?;
        let list = vec![Bind {
            target: target.into(),
            source: BindSource::Path("/tmp".into()),
            read_only: false,
            recursive: false,
        }];
        let result = sandbox.run_with(&sh("true"), |l| l.binds = list);
        ensure(target, result.is_err(), &"it was bound")?;
    }
    Ok(())
}
