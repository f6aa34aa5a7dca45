//! What `pip install` leaves behind.

use super::runs::{calls, has_scratch_mount, insert_behind, name_range};
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

/// Values that switch something on. **Source:** pip's documentation, "Configuration".
const ON: &[&str] = &[
    "1", "true", "True", "TRUE", "on", "On", "ON", "yes", "Yes", "YES",
];

const VARIABLE: &str = "PIP_NO_CACHE_DIR";

fn run(subject: &Subject<'_>, out: &mut Vec<Finding>) {
    let mut variables = None;
    for (snippet, call) in calls(subject, &[&PIP]) {
        let command = call.command;
        let install = call.install();
        let Some(install) = install.filter(|_| !command.has_flag(&["no-cache-dir"])) else {
            continue;
        };
        let variables = variables.get_or_insert_with(|| Variables::of(subject));
        let off = variables
            .env(BStr::new(VARIABLE), subject, snippet)
            .is_some_and(is_on);
        if off
            || switched_off(snippet, command)
            || PIP
                .mounts
                .iter()
                .any(|at| has_scratch_mount(subject, snippet, at))
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

/// The variable is set in front of the command, or above it in the script.
fn switched_off(snippet: &Snippet, command: &Command) -> bool {
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
        .any(|(name, value)| name == VARIABLE.as_bytes() && is_on(value.as_bstr()))
}

fn is_on(value: &BStr) -> bool {
    let value = value.trim_with(|c| matches!(c, '"' | '\''));
    ON.iter().any(|on| value == on.as_bytes())
}
