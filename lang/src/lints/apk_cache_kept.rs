//! What `apk add` leaves behind.

use super::runs::{calls, has_scratch_mount, insert_behind, name_range};
use super::{Finding, Level, Lint, Run, Subject};
use crate::shell::packages::APK;

pub(super) const LINT: Lint = Lint {
    name: "ApkCacheKept",
    aliases: &["DL3019"],
    description: "apk add keeps no package index in the layer",
    docs: include_str!("../../docs/lints/apk-cache-kept.md"),
    level: Level::Info,
    hadolint: Level::Info,
    fixable: true,
    run: Run::File(run),
    ..Lint::OWN
};

fn run(subject: &Subject<'_>, out: &mut Vec<Finding>) {
    for (snippet, call) in calls(subject, &[&APK]) {
        let Some(add) = call.install() else {
            continue;
        };
        let command = call.command;
        let mut mounts = APK.mounts.iter();
        if command.has_flag(&["no-cache", "no-network"])
            || mounts.any(|at| has_scratch_mount(subject, snippet, at))
        {
            continue;
        }
        let message = "the package index stays in the layer, add `--no-cache`";
        let range = name_range(command).cover(add.range);
        let finding = Finding::in_script(&LINT, subject, snippet, range, message);
        let edit = insert_behind(snippet, add, "--no-cache");
        out.push(finding.with_fix("add `--no-cache`", vec![edit]));
    }
}
