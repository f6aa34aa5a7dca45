//! `apt-get install` that asks.

use super::runs::{report_missing_yes, subcommand};
use super::{Finding, Level, Lint, Run, Subject};
use crate::shell::Command;

pub(super) const LINT: Lint = Lint {
    name: "AptYesMissing",
    aliases: &["DL3014"],
    description: "apt-get install is told not to ask",
    docs: include_str!("../../docs/lints/apt-yes-missing.md"),
    level: Level::Warning,
    hadolint: Level::Warning,
    fixable: true,
    run: Run::File(run),
    ..Lint::OWN
};

fn run(subject: &Subject<'_>, out: &mut Vec<Finding>) {
    report_missing_yes(&LINT, subject, out, |command| {
        let install = subcommand(command, &["install"]).filter(|_| command.runs("apt-get"))?;
        Some(install).filter(|_| !answers(command))
    });
}

/// `-y` and its spellings; quiet twice means yes. **Source:** `apt-get(8)`.
fn answers(command: &Command) -> bool {
    let quiet = |name: &str| command.flags().filter(|flag| flag.name == name).count() >= 2;
    command.has_flag(&["y", "yes", "assume-yes"])
        || quiet("q")
        || quiet("quiet")
        || subcommand(command, &["-q=2", "APT::Get::Assume-Yes=true"]).is_some()
}
