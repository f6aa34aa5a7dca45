//! Upgrades of the whole distribution.

use super::runs::{calls, name_range};
use super::{Finding, Level, Lint, Run, Subject};
use crate::shell::packages::ZYPPER;

pub(super) const LINT: Lint = Lint {
    name: "ZypperDistUpgrade",
    aliases: &["DL3035"],
    description: "A build does not upgrade the whole distribution",
    docs: include_str!("../../docs/lints/zypper-dist-upgrade.md"),
    hadolint: Level::Warning,
    run: Run::File(run),
    ..Lint::OWN
};

fn run(subject: &Subject<'_>, out: &mut Vec<Finding>) {
    for (snippet, call) in calls(subject, &[&ZYPPER]) {
        if let Some(upgrade) = call.does(&["dist-upgrade", "dup"]) {
            let message =
                "the distribution of the base image is replaced, choose another tag instead";
            let range = name_range(call.command).cover(upgrade.range);
            out.push(Finding::in_script(&LINT, subject, snippet, range, message));
        }
    }
}
