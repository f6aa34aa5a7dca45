//! A home, a store and a working folder of its own for one test; nothing of the host leaks in or out.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

/// The folder of one test, removed at its end.
pub(crate) struct Sandbox {
    folder: PathBuf,
}

/// What a run of the program left.
pub(crate) struct Ran {
    /// Exit status; 128 + n for signal n.
    pub(crate) status: i32,
    /// Standard output.
    pub(crate) stdout: String,
    /// Standard error.
    pub(crate) stderr: String,
}

impl Sandbox {
    /// An empty one.
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!(
            "cooper-it-{}-{}",
            std::process::id(),
            COUNT.fetch_add(1, Ordering::Relaxed)
        );
        let folder = std::env::temp_dir().join(name);
        for part in ["home", "work", "run"] {
            std::fs::create_dir_all(folder.join(part)).unwrap();
        }
        Self { folder }
    }

    /// Writes a file below the working folder.
    pub(crate) fn write(&self, path: &str, text: &str) {
        let path = self.work().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// The folder commands run in.
    pub(crate) fn work(&self) -> PathBuf {
        self.folder.join("work")
    }

    /// The store; it exists when something was kept in it.
    pub(crate) fn store(&self) -> PathBuf {
        self.folder.join("store")
    }

    /// A program in the working folder with the sandbox's environment and everything piped.
    pub(crate) fn command(&self, program: &OsStr) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.folder.join("home"))
            .env("COOPERAGE_ROOT", self.folder.join("store"))
            .env("XDG_RUNTIME_DIR", self.folder.join("run"))
            .current_dir(self.work())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Copies a folder to a name below the working folder.
    pub(crate) fn copy(&self, folder: &Path, name: &str) {
        let to = self.work().join(name);
        std::fs::create_dir_all(&to).unwrap();
        for entry in std::fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let name = format!("{name}/{}", entry.file_name().to_str().unwrap());
            if entry.file_type().unwrap().is_dir() {
                self.copy(&entry.path(), &name);
            } else {
                std::fs::copy(entry.path(), self.work().join(name)).unwrap();
            }
        }
    }

    /// The base image that the example stands on: programs of this machine.
    pub(crate) fn base(&self) {
        let programs = "sh awk cat chmod head ls mkdir rm sed sleep sort tr";
        let arguments = ["base", "-q", "--tag", "host:base"];
        let arguments: Vec<&str> = arguments.into_iter().chain(programs.split(' ')).collect();
        self.cooper(&arguments).ok();
    }

    /// Runs the program.
    pub(crate) fn cooper(&self, arguments: &[&str]) -> Ran {
        self.cooper_with_input(arguments, "")
    }

    /// Runs the program with text on standard input.
    pub(crate) fn cooper_with_input(&self, arguments: &[&str], input: &str) -> Ran {
        use std::io::Write;
        let mut child = self
            .command(env!("CARGO_BIN_EXE_cooper").as_ref())
            .args(arguments)
            .spawn()
            .unwrap();
        // A program that does not read its input is no failure of the test.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        Ran::from(child.wait_with_output().unwrap())
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        use std::os::unix::process::ExitStatusExt;
        let status = output
            .status
            .code()
            .unwrap_or_else(|| 128 + output.status.signal().unwrap_or(0));
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Self {
            status,
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }
}

impl Ran {
    /// Fails unless the program ended well; returns its standard output.
    #[track_caller]
    pub(crate) fn ok(self) -> String {
        assert_eq!(
            self.status, 0,
            "stdout: {}\nstderr: {}",
            self.stdout, self.stderr
        );
        self.stdout
    }
}

/// Whether these programs are on this machine; says which one is missing, which in CI is a failure. Past the capture of
/// a test's output, so that it is seen.
pub(crate) fn have(programs: &[&str]) -> bool {
    use std::io::Write;
    let path = std::env::var_os("PATH").unwrap_or_default();
    let is_there = |name: &str| std::env::split_paths(&path).any(|dir| dir.join(name).is_file());
    let Some(missing) = programs.iter().find(|name| !is_there(name)) else {
        return true;
    };
    assert!(std::env::var_os("CI").is_none(), "`{missing}` is missing");
    let _ = writeln!(
        std::io::stderr(),
        "SKIPPED: `{missing}` is not on this machine"
    );
    false
}

/// The root of the repository.
pub(crate) fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
