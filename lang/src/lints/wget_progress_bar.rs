//! Progress bars of `wget`.

use super::runs::{commands, insert_behind, subcommand};
use super::{Finding, Level, Lint, Run, Subject};

pub(super) const LINT: Lint = Lint {
    name: "WgetProgressBar",
    aliases: &["DL3047"],
    description: "wget writes no progress bar into the log of a build",
    docs: include_str!("../../docs/lints/wget-progress-bar.md"),
    hadolint: Level::Info,
    fixable: true,
    run: Run::File(run),
    ..Lint::OWN
};

/// Flags that say how much is written, or where to.
const QUIET: &[&str] = &[
    "progress",
    "q",
    "quiet",
    "no-verbose",
    "o",
    "output-file",
    "a",
    "append-output",
];

fn run(subject: &Subject<'_>, out: &mut Vec<Finding>) {
    for (snippet, command) in commands(subject).filter(|(_, command)| command.runs("wget")) {
        let Some(name) = command.name() else {
            continue;
        };
        if command.has_flag(QUIET) || subcommand(command, &["-nv"]).is_some() {
            continue;
        }
        let message = "the progress bar fills the log, add `--progress=dot:giga` or `-q`";
        let finding = Finding::in_script(&LINT, subject, snippet, name.range, message);
        let edit = insert_behind(snippet, name, "--progress=dot:giga");
        out.push(finding.with_fix("add `--progress=dot:giga`", vec![edit]));
    }
}
