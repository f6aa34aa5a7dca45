//! What `zypper install` leaves behind.

use super::runs::{
    append_command, has_scratch_mount, left_uncleaned, name_range, removes, runs, subcommand,
};
use super::{Finding, Level, Lint, Run, Subject};
use crate::shell::Command;

pub(super) const LINT: Lint = Lint {
    name: "ZypperCacheKept",
    aliases: &["DL3036"],
    description: "zypper leaves no package cache in the layer",
    docs: include_str!("../../docs/lints/zypper-cache-kept.md"),
    level: Level::Info,
    hadolint: Level::Warning,
    fixable: true,
    run: Run::File(run),
    ..Lint::OWN
};

fn run(subject: &Subject<'_>, out: &mut Vec<Finding>) {
    for snippet in runs(subject) {
        let zypper = |command: &Command, names: &[&str]| {
            command.runs("zypper") && subcommand(command, names).is_some()
        };
        let installs = |command: &Command| zypper(command, &["install", "in"]);
        let cleans = |command: &Command| {
            zypper(command, &["clean", "cc"]) || removes(command, &["/var/cache/zypp"])
        };
        let Some(command) = left_uncleaned(snippet.script.commands(), installs, cleans) else {
            continue;
        };
        if has_scratch_mount(subject, snippet, "/var/cache/zypp") {
            continue;
        }
        let message = "the package cache stays in the layer, end with `zypper clean`";
        let finding = Finding::in_script(&LINT, subject, snippet, name_range(command), message);
        out.push(match append_command(subject, snippet, "zypper clean") {
            Some(edit) => finding.with_fix("add `zypper clean`", vec![edit]),
            None => finding,
        });
    }
}
