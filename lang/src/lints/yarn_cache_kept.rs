//! What `yarn install` leaves behind.

use super::runs::{
    append_command, has_scratch_mount, left_uncleaned, name_range, runs, subcommand,
};
use super::stages::KeptStages;
use super::{Finding, Level, Lint, Run, Subject};
use crate::shell::Command;

pub(super) const LINT: Lint = Lint {
    name: "YarnCacheKept",
    aliases: &["DL3060"],
    description: "yarn leaves no cache in the layer",
    docs: include_str!("../../docs/lints/yarn-cache-kept.md"),
    hadolint: Level::Info,
    fixable: true,
    run: Run::File(run),
    ..Lint::OWN
};

fn run(subject: &Subject<'_>, out: &mut Vec<Finding>) {
    let mut kept = None;
    for snippet in runs(subject) {
        let installs =
            |command: &Command| command.runs("yarn") && subcommand(command, &["install"]).is_some();
        let cleans = |command: &Command| {
            command.runs("yarn") && subcommand(command, &["cache", "clean"]).is_some()
        };
        let Some(command) = left_uncleaned(snippet.script.commands(), installs, cleans) else {
            continue;
        };
        let kept = kept.get_or_insert_with(|| KeptStages::of(subject));
        if !kept.has(snippet) || has_scratch_mount(subject, snippet, ".cache/yarn") {
            continue;
        }
        let message = "the cache of yarn stays in the layer, end with `yarn cache clean`";
        let finding = Finding::in_script(&LINT, subject, snippet, name_range(command), message);
        out.push(match append_command(subject, snippet, "yarn cache clean") {
            Some(edit) => finding.with_fix("add `yarn cache clean`", vec![edit]),
            None => finding,
        });
    }
}
