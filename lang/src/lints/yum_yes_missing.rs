//! `yum install` that asks.

use super::runs::{report_missing_yes, subcommand};
use super::{Finding, Level, Lint, Run, Subject};

pub(super) const LINT: Lint = Lint {
    name: "YumYesMissing",
    aliases: &["DL3030"],
    description: "yum install is told not to ask",
    docs: include_str!("../../docs/lints/yum-yes-missing.md"),
    level: Level::Warning,
    hadolint: Level::Warning,
    fixable: true,
    run: Run::File(run),
    ..Lint::OWN
};

fn run(subject: &Subject<'_>, out: &mut Vec<Finding>) {
    report_missing_yes(&LINT, subject, out, |command| {
        let asks = command.runs("yum");
        let install = subcommand(command, &["install", "groupinstall", "localinstall"])?;
        Some(install).filter(|_| asks && !command.has_flag(&["y", "assumeyes"]))
    });
}
