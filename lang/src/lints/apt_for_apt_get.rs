//! `apt` in scripts.

use super::runs::{calls, name_range};
use super::{Finding, Level, Lint, Run, Subject};
use crate::shell::packages::{APT, Call};

pub(super) const LINT: Lint = Lint {
    name: "AptForAptGet",
    aliases: &["DL3027"],
    description: "Scripts use apt-get and apt-cache, apt is for people",
    docs: include_str!("../../docs/lints/apt-for-apt-get.md"),
    level: Level::Hint,
    hadolint: Level::Warning,
    fixable: true,
    run: Run::File(run),
    ..Lint::OWN
};

fn run(subject: &Subject<'_>, out: &mut Vec<Finding>) {
    let is_apt = |call: &Call<'_>| call.command.runs("apt");
    for (snippet, call) in calls(subject, &[&APT]).filter(|(_, call)| is_apt(call)) {
        let command = call.command;
        let range = name_range(command);
        let finding = |message| Finding::in_script(&LINT, subject, snippet, range, message);
        let Some(instead) = instead(call) else {
            out.push(finding("the command line of apt is not stable".to_owned()));
            continue;
        };
        let finding = finding(format!(
            "the command line of apt is not stable, use `{instead}`"
        ));
        let edit = (snippet.source_range(range), instead.to_owned());
        out.push(if command.name().is_some_and(|name| name.is("apt")) {
            finding.with_fix(format!("use `{instead}`"), vec![edit])
        } else {
            finding
        });
    }
}

/// The program that has the subcommand; what only looks at lists and settings has none.
fn instead(call: Call<'_>) -> Option<&'static str> {
    let looks = ["search", "show", "showsrc", "policy", "depends", "rdepends"];
    let only_of_apt = ["list", "edit-sources", "history-list", "history-info"];
    if call.does(&only_of_apt).is_some() {
        None
    } else if call.does(&looks).is_some() {
        Some("apt-cache")
    } else {
        Some("apt-get")
    }
}
