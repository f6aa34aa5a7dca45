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
        let instead = instead(call);
        let message = format!("the command line of apt is not stable, use `{instead}`");
        let range = name_range(command);
        let finding = Finding::in_script(&LINT, subject, snippet, range, message);
        let written = snippet.source_range(range);
        out.push(if command.name().is_some_and(|name| name.is("apt")) {
            finding.with_fix(
                format!("use `{instead}`"),
                vec![(written, instead.to_owned())],
            )
        } else {
            finding
        });
    }
}

/// The program that has the subcommand.
fn instead(call: Call<'_>) -> &'static str {
    let looks = ["list", "search", "show", "policy", "depends", "rdepends"];
    if call.does(&looks).is_some() {
        "apt-cache"
    } else {
        "apt-get"
    }
}
