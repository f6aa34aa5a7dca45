//! What `apk add` leaves behind.

use super::runs::{cleans, has_scratch_mount, insert_behind, name_range, steps};
use super::stages::KeptStages;
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
    let mut kept = None;
    for step in steps(subject) {
        for (at, ran) in step.iter().enumerate() {
            let call = ran.call(&[&APK]);
            let Some(add) = call.and_then(|call| call.install()) else {
                continue;
            };
            let (snippet, command) = (ran.snippet, ran.command);
            let kept = kept.get_or_insert_with(|| KeptStages::of(subject));
            let is_lost = !kept.has(snippet) && !subject.config.hadolint;
            let is_cleaned = step[at..].iter().any(|ran| cleans(ran, &[&APK]));
            let mut mounts = APK.mounts.iter();
            if is_lost
                || is_cleaned
                || command.has_flag(&["no-cache", "no-network"])
                || mounts.any(|at| has_scratch_mount(subject, step[0].snippet, at))
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
}
