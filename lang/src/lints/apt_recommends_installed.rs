//! Packages that apt recommends.

use super::runs::{calls, insert_behind, name_range, subcommand};
use super::{Finding, Level, Lint, Run, Subject};
use crate::shell::packages::APT_GET;

pub(super) const LINT: Lint = Lint {
    name: "AptRecommendsInstalled",
    aliases: &["DL3015"],
    description: "apt-get installs no packages that are merely recommended",
    docs: include_str!("../../docs/lints/apt-recommends-installed.md"),
    hadolint: Level::Info,
    fixable: true,
    run: Run::File(run),
    ..Lint::OWN
};

fn run(subject: &Subject<'_>, out: &mut Vec<Finding>) {
    for (snippet, call) in calls(subject, &[&APT_GET]) {
        let Some(install) = call.install() else {
            continue;
        };
        let command = call.command;
        let settings = ["APT::Install-Recommends=false", "APT::Install-Recommends=0"];
        if command.has_flag(&["no-install-recommends"]) || subcommand(command, &settings).is_some()
        {
            continue;
        }
        let message = "recommended packages are installed too, add `--no-install-recommends`";
        let range = name_range(command).cover(install.range);
        let edit = insert_behind(snippet, install, "--no-install-recommends");
        let finding = Finding::in_script(&LINT, subject, snippet, range, message);
        out.push(finding.with_fix("add `--no-install-recommends`", vec![edit]));
    }
}
