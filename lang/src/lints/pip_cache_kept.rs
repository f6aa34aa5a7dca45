//! What `pip install` leaves behind.

use super::runs::{cleans, has_scratch_mount, insert_behind, name_range, steps};
use super::stages::KeptStages;
use super::subject::unquoted;
use super::variables::Variables;
use super::{Finding, Level, Lint, Run, Subject};
use crate::shell::packages::PIP;
use crate::shell::{Command, Snippet};
use bstr::{BStr, ByteSlice};

pub(super) const LINT: Lint = Lint {
    name: "PipCacheKept",
    aliases: &["DL3042"],
    description: "pip keeps no cache in the layer",
    docs: include_str!("../../docs/lints/pip-cache-kept.md"),
    level: Level::Info,
    hadolint: Level::Warning,
    fixable: true,
    run: Run::File(run),
    ..Lint::OWN
};

const ON: &[&str] = &["1", "true", "on", "yes"];

const OFF: &str = "PIP_NO_CACHE_DIR";
const FOLDER: &str = "PIP_CACHE_DIR";

fn run(subject: &Subject<'_>, out: &mut Vec<Finding>) {
    let mut known = None;
    for step in steps(subject) {
        for (at, ran) in step.iter().enumerate() {
            let (snippet, command) = (ran.snippet, ran.command);
            let install = ran.call(&[&PIP]).and_then(|call| call.install());
            let Some(install) = install.filter(|_| !command.has_flag(&["no-cache-dir"])) else {
                continue;
            };
            let (kept, variables) =
                known.get_or_insert_with(|| (KeptStages::of(subject), Variables::of(subject)));
            let value = |name: &str| variables.value(BStr::new(name), subject, snippet);
            let is_mounted = |at: &str| has_scratch_mount(subject, step[0].snippet, at);
            let folder = value(FOLDER).and_then(|folder| folder.to_str().ok());
            if (!kept.has(snippet) && !subject.config.hadolint)
                || value(OFF).is_some_and(|value| is_yes(value, subject))
                || switched_off(subject, snippet, command)
                || PIP.mounts.iter().copied().chain(folder).any(is_mounted)
                || step[at..].iter().any(|ran| cleans(ran, &[&PIP]))
            {
                continue;
            }
            let message = "the cache of pip stays in the layer, add `--no-cache-dir`";
            let range = name_range(command).cover(install.range);
            let edit = insert_behind(snippet, install, "--no-cache-dir");
            let finding = Finding::in_script(&LINT, subject, snippet, range, message);
            out.push(finding.with_fix("add `--no-cache-dir`", vec![edit]));
        }
    }
}

/// The variable is set in front of the command, or above it in the script.
fn switched_off(subject: &Subject<'_>, snippet: &Snippet, command: &Command) -> bool {
    let above = snippet.script.commands().iter().filter(|other| {
        let exported = other.words.is_empty() || other.runs("export");
        exported && other.range.start < command.range.start
    });
    let assigned = above
        .chain([command])
        .flat_map(|command| &command.assignments);
    let by_env = command
        .wrapper()
        .iter()
        .filter_map(|word| word.text.split_once_str("="));
    assigned
        .map(|a| (a.name.as_slice(), a.value.text.as_slice()))
        .chain(by_env)
        .any(|(name, value)| name == OFF.as_bytes() && is_yes(value.as_bstr(), subject))
}

/// Whatever the value, pip takes it for a yes (**source:** its `_handle_no_cache_dir`); hadolint reads it.
fn is_yes(value: &BStr, subject: &Subject<'_>) -> bool {
    let value = unquoted(value);
    if subject.config.hadolint {
        ON.iter()
            .any(|on| value.eq_ignore_ascii_case(on.as_bytes()))
    } else {
        !value.is_empty()
    }
}
