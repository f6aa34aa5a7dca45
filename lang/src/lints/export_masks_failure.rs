//! Failures that `export` hides.

use super::runs::written;
use super::{Finding, Level, Lint, Run, Subject};
use crate::shell::{Assignment, Command, Value};

pub(super) const LINT: Lint = Lint {
    name: "ExportMasksFailure",
    aliases: &["SC2155"],
    description: "A failure inside export x=$(…) is not lost",
    docs: include_str!("../../docs/lints/export-masks-failure.md"),
    hadolint: Level::Warning,
    run: Run::File(run),
    ..Lint::OWN
};

fn run(subject: &Subject<'_>, out: &mut Vec<Finding>) {
    let declares = |command: &Command| {
        ["export", "local", "declare", "typeset", "readonly"]
            .iter()
            .any(|n| command.runs(n))
    };
    for (snippet, command) in written(subject).filter(|(_, command)| declares(command)) {
        let substitutes =
            |a: &&Assignment| a.value.expansions.iter().any(|e| e.value == Value::Command);
        let Some(assignment) = command.assignments.iter().find(substitutes) else {
            continue;
        };
        let message = format!(
            "a failure in here is lost, assign {} first and export it then",
            assignment.name
        );
        out.push(Finding::in_script(
            &LINT,
            subject,
            snippet,
            assignment.range,
            message,
        ));
    }
}
