//! What `yum install` leaves behind.

use super::runs::{
    append_command, has_scratch_mount, left_uncleaned, name_range, removes, runs, subcommand,
};
use super::{Finding, Level, Lint, Run, Subject};
use crate::shell::Command;

pub(super) const LINT: Lint = Lint {
    name: "YumCacheKept",
    aliases: &["DL3032"],
    description: "yum leaves no package cache in the layer",
    docs: include_str!("../../docs/lints/yum-cache-kept.md"),
    level: Level::Info,
    hadolint: Level::Warning,
    fixable: true,
    run: Run::File(run),
    ..Lint::OWN
};

const PROGRAMS: &[&str] = &["yum"];

/// Subcommands that fetch packages.
const INSTALLS: &[&str] = &["install"];

/// Folders of the cache.
const CACHES: &[&str] = &["/var/cache/yum", "/var/cache/dnf"];

fn run(subject: &Subject<'_>, out: &mut Vec<Finding>) {
    for snippet in runs(subject) {
        for program in PROGRAMS {
            let installs = |command: &Command| {
                command.runs(program) && subcommand(command, INSTALLS).is_some()
            };
            let cleans = |command: &Command| {
                let clean = command.runs(program) && subcommand(command, &["clean"]).is_some();
                clean || removes(command, CACHES)
            };
            let Some(command) = left_uncleaned(snippet.script.commands(), installs, cleans) else {
                continue;
            };
            let mounted = ["/var/cache/yum"]
                .iter()
                .any(|at| has_scratch_mount(subject, snippet, at));
            if mounted {
                continue;
            }
            let clean = format!("{program} clean all");
            let message = format!("the package cache stays in the layer, end with `{clean}`");
            let finding = Finding::in_script(&LINT, subject, snippet, name_range(command), message);
            out.push(match append_command(subject, snippet, &clean) {
                Some(edit) => finding.with_fix(format!("add `{clean}`"), vec![edit]),
                None => finding,
            });
        }
    }
}
