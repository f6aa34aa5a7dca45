//! `zypper` that asks.

use super::runs::{report_missing_yes, subcommand};
use super::{Finding, Level, Lint, Run, Subject};

pub(super) const LINT: Lint = Lint {
    name: "ZypperYesMissing",
    aliases: &["DL3034"],
    description: "zypper is told not to ask",
    docs: include_str!("../../docs/lints/zypper-yes-missing.md"),
    level: Level::Warning,
    hadolint: Level::Warning,
    fixable: true,
    run: Run::File(run),
    ..Lint::OWN
};

/// Subcommands that ask. **Source:** `zypper(8)`.
const ASKING: &[&str] = &[
    "install",
    "in",
    "remove",
    "rm",
    "source-install",
    "si",
    "patch",
];

fn run(subject: &Subject<'_>, out: &mut Vec<Finding>) {
    report_missing_yes(&LINT, subject, out, |command| {
        let asks = command.runs("zypper");
        let answers = ["non-interactive", "n", "no-confirm", "y"];
        subcommand(command, ASKING).filter(|_| asks && !command.has_flag(&answers))
    });
}
