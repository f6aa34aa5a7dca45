//! The prompt and containers on a real terminal, driven through tmux as a person would. Says so when tmux is missing.

use crate::sandbox::{Sandbox, repository};
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// Longest wait for something to appear.
const PATIENCE: Duration = Duration::from_secs(60);

/// A terminal of 100 columns and 40 lines with one program in it.
struct Terminal<'s> {
    sandbox: &'s Sandbox,
    /// A server of its own: one that is ending would take the next terminal with it.
    socket: PathBuf,
}

impl<'s> Terminal<'s> {
    /// Starts the program with these arguments; its exit status is shown when it ends. `None` without tmux.
    #[expect(clippy::print_stdout, reason = "a skipped test says why")]
    fn start(sandbox: &'s Sandbox, arguments: &str) -> Option<Self> {
        if Command::new("tmux").arg("-V").output().is_err() {
            assert!(std::env::var_os("CI").is_none(), "tmux is missing");
            println!("SKIPPED: tmux is missing");
            return None;
        }
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let socket = sandbox.work().join(format!("../tmux-{number}"));
        let terminal = Self { sandbox, socket };
        let program = env!("CARGO_BIN_EXE_cooper");
        // The shell shares the terminal's Ctrl-C and must live on to tell the status.
        let line = format!("trap : INT; '{program}' {arguments}; echo status=$?; exec sleep 600");
        let options = [
            "-f",
            "/dev/null",
            "new-session",
            "-d",
            "-x",
            "100",
            "-y",
            "40",
        ];
        terminal.tmux(&[&options[..], &["sh", "-c", &line]].concat());
        Some(terminal)
    }

    fn tmux(&self, arguments: &[&str]) -> String {
        let output = self
            .sandbox
            .command("tmux".as_ref())
            .env("TERM", "xterm-256color")
            .env("LANG", "C.UTF-8")
            .arg("-S")
            .arg(&self.socket)
            .args(arguments)
            .output()
            .unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn screen(&self) -> String {
        self.tmux(&["capture-pane", "-p", "-J"])
            .trim_end()
            .to_owned()
    }

    /// Presses keys by tmux's names.
    fn press(&self, key: &str) {
        self.tmux(&["send-keys", key]);
    }

    fn type_text(&self, text: &str) {
        self.tmux(&["send-keys", "-l", text]);
    }

    /// Types a line on an empty screen and returns the screen once `answer` is on it.
    #[track_caller]
    fn say(&self, line: &str, answer: &str) -> String {
        self.press("C-l");
        self.tmux(&["clear-history"]);
        self.type_text(line);
        self.press("Enter");
        self.expect(answer)
    }

    /// Waits for a text below the line of the cursor's command.
    #[track_caller]
    fn expect(&self, text: &str) -> String {
        self.wait(text, |screen| screen.contains(text))
    }

    #[track_caller]
    fn wait(&self, what: &str, holds: impl Fn(&str) -> bool) -> String {
        let began = Instant::now();
        loop {
            let screen = self.screen();
            if holds(&screen) {
                return screen;
            }
            assert!(began.elapsed() < PATIENCE, "never saw {what}:\n{screen}");
            std::thread::sleep(Duration::from_millis(30));
        }
    }

    /// Waits for an empty prompt on the last line.
    #[track_caller]
    fn expect_prompt(&self) -> String {
        self.wait("the prompt", |screen| {
            screen.lines().last().map(str::trim_end) == Some("cooper>")
        })
    }
}

impl Drop for Terminal<'_> {
    fn drop(&mut self) {
        self.tmux(&["kill-server"]);
    }
}

/// A sandbox with the example, its base image, and a build that never ends.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.copy(&repository().join("examples/blog"), ".");
    sandbox.base();
    sandbox.write(
        "slow/Dockerfile",
        "FROM host:base\nRUN echo begun; sleep 100\n",
    );
    sandbox
}

#[test]
fn commands_and_expressions_share_their_values() {
    let sandbox = sandbox();
    let Some(terminal) = Terminal::start(&sandbox, "") else {
        return;
    };
    terminal.expect_prompt();
    terminal.say("plan .", "1 of 12 cached");
    terminal.say("build -t blog .", "blog:latest");
    terminal.expect_prompt();
    let screen = terminal.say("plan .", "12 of 12 cached");
    assert!(
        screen.lines().all(|line| line.chars().count() <= 100),
        "{screen}"
    );
    terminal.say("out[0]", "1 of 12 cached");
    terminal.say("let i = image(\"blog\")", "=> ");
    terminal.say("i.size", "MB : Size");
    terminal.say("it", "MB : Size");
    terminal.say("layers ${i.id}", "12 layers, ");
    terminal.say("images -q blog", "\nsha256:");
    terminal.say("imagess", "did you mean the command `images`?");
    terminal.say("imag(\"blog\")", "did you mean `image`?");
    terminal.say("!ls -d art*", "\narticles");
    terminal.say("?build", "--insecure-registry");
    terminal.say("let x = 40 +\n2", "=> 42");
    terminal.say("run --rm blog sh -c 'exit 7'", "exit status 7");
    terminal.say(":quit", "status=0");
}

#[test]
fn keys_complete_recall_and_interrupt() {
    let sandbox = sandbox();
    sandbox.cooper(&["tag", "host:base", "casks:old"]).ok();
    let Some(terminal) = Terminal::start(&sandbox, "") else {
        return;
    };
    terminal.expect_prompt();
    terminal.type_text("laye");
    terminal.press("Tab");
    terminal.type_text("cas");
    terminal.press("Tab");
    terminal.expect("cooper> layers casks:old");
    terminal.press("Enter");
    terminal.expect("1 layers, ");

    terminal.type_text("half a line");
    terminal.press("C-c");
    terminal.expect_prompt();
    terminal.press("Up");
    terminal.wait("the line before", |screen| {
        screen
            .lines()
            .last()
            .is_some_and(|line| line.trim_end() == "cooper> layers casks:old")
    });
    terminal.press("C-c");
    terminal.expect_prompt();

    terminal.say("build slow", "begun");
    terminal.press("C-c");
    terminal.expect("error[Cancelled]");
    terminal.expect_prompt();
    let left = std::fs::read_dir(sandbox.store().join("work")).map_or(0, Iterator::count);
    assert_eq!(left, 0);
    assert!(!mounts_below(&sandbox));
    terminal.say("1 + 1", "=> 2");
    terminal.press("C-d");
    terminal.expect("status=0");
    drop(terminal);

    let again = Terminal::start(&sandbox, "").expect("tmux was there before");
    again.expect_prompt();
    again.press("Up");
    again.expect("cooper> 1 + 1");
}

#[test]
fn a_container_has_the_terminal() {
    let sandbox = sandbox();
    let Some(terminal) = Terminal::start(&sandbox, "run --rm -it host:base sh") else {
        return;
    };
    terminal.wait("the shell's prompt", |screen| {
        screen.ends_with('#') || screen.ends_with('$')
    });
    terminal.type_text("sleep 100 || echo woken\n");
    std::thread::sleep(Duration::from_millis(300));
    terminal.press("C-c");
    terminal.type_text("echo st=$?\n");
    terminal.expect("st=130");
    terminal.type_text("trap 'echo wider' WINCH; test -t 0 && echo is-a-tty\n");
    terminal.expect("\nis-a-tty");
    terminal.tmux(&["resize-window", "-x", "120", "-y", "40"]);
    std::thread::sleep(Duration::from_millis(300));
    terminal.press("Enter");
    terminal.expect("\nwider");
    terminal.type_text("exit 9\n");
    terminal.expect("status=9");
}

#[test]
fn a_missing_program_is_127() {
    let sandbox = sandbox();
    assert_eq!(
        sandbox.cooper(&["run", "--rm", "host:base", "nope"]).status,
        127
    );
    assert_eq!(
        sandbox
            .cooper(&["-c", "run --rm host:base sh -c 'exit 5'"])
            .status,
        5
    );
}

#[test]
fn a_killed_build_is_cleared_away_by_the_next_command() {
    let sandbox = sandbox();
    let mut child = sandbox
        .command(env!("CARGO_BIN_EXE_cooper").as_ref())
        .args(["build", "--progress=plain", "slow"])
        .spawn()
        .unwrap();
    let mut output = std::io::BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.ends_with("begun\n") {
        line.clear();
        assert_ne!(
            std::io::BufRead::read_line(&mut output, &mut line).unwrap(),
            0
        );
    }
    child.kill().unwrap();
    child.wait().unwrap();
    // The step ends with the build that started it.
    let mut rest = Vec::new();
    std::io::Read::read_to_end(&mut output, &mut rest).unwrap();
    sandbox.cooper(&["build", "-q", "."]).ok();
    let left = std::fs::read_dir(sandbox.store().join("work")).map_or(0, Iterator::count);
    assert_eq!((left, mounts_below(&sandbox)), (0, false));
}

fn mounts_below(sandbox: &Sandbox) -> bool {
    let mounts = std::fs::read_to_string("/proc/mounts").unwrap();
    mounts.contains(sandbox.store().to_str().unwrap())
}
