//! Progress bars of `wget`.

use super::base_shell::{Families, Family};
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
    let mut families = None;
    for (snippet, command) in commands(subject).filter(|(_, command)| command.runs("wget")) {
        let Some(name) = command.name() else {
            continue;
        };
        if command.has_flag(QUIET) || subcommand(command, &["-nv"]).is_some() {
            continue;
        }
        let message = "the progress bar fills the log, add `--progress=dot:giga` or `-q`";
        let finding = Finding::in_script(&LINT, subject, snippet, name.range, message);
        let families = families.get_or_insert_with(|| Families::of(subject.file));
        // That of BusyBox knows `-q` only.
        let flag = match families.shell(snippet) {
            Family::Ash => "-q",
            Family::Dash | Family::Bash | Family::Unknown => "--progress=dot:giga",
        };
        let edit = insert_behind(snippet, name, flag);
        out.push(finding.with_fix(format!("add `{flag}`"), vec![edit]));
    }
}
