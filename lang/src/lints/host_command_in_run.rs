//! Programs for a running machine in a build.

use super::runs::{commands, name_range};
use super::{Finding, Level, Lint, Run, Subject};

pub(super) const LINT: Lint = Lint {
    name: "HostCommandInRun",
    aliases: &["DL3001"],
    description: "Commands that steer a whole machine do nothing useful in a build",
    docs: include_str!("../../docs/lints/host-command-in-run.md"),
    hadolint: Level::Info,
    run: Run::File(run),
    ..Lint::OWN
};

/// Programs for a running machine. **Source:** hadolint's documentation of DL3001.
const PROGRAMS: &[&str] = &[
    "free", "ifconfig", "kill", "mount", "ps", "service", "shutdown", "ssh", "top", "vim",
];

fn run(subject: &Subject<'_>, out: &mut Vec<Finding>) {
    for (snippet, command) in commands(subject) {
        let program = command.program();
        if PROGRAMS.iter().any(|name| program == *name) {
            let message = format!("`{program}` has nothing to act on in a build, leave it out");
            let range = name_range(command);
            out.push(Finding::in_script(&LINT, subject, snippet, range, message));
        }
    }
}
