//! `CMD`, `ENTRYPOINT` and `HEALTHCHECK` in JSON form.

use super::json_args_recommended::json_form;
use super::subject::Line;
use super::{Finding, Level, Lint, Run, Subject};
use crate::instructions::{CommandLine, Instruction, Kind};

pub(super) const LINT: Lint = Lint {
    name: "ExecForm",
    aliases: &["DL3025"],
    description: "CMD, ENTRYPOINT and HEALTHCHECK should be written as JSON arrays",
    docs: include_str!("../../docs/lints/exec-form.md"),
    hadolint: Level::Warning,
    fixable: true,
    twin: Some("JSONArgsRecommended"),
    run: Run::File(check),
    ..Lint::OWN
};

/// Looks for the shell form, also where a `SHELL` is set.
fn check(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    for stage in subject.stages() {
        let has_cmd = stage
            .iter()
            .any(|line| matches!(line.instruction.kind, Kind::Cmd(_)));
        for instruction in stage.iter().map(Line::inner) {
            match &instruction.kind {
                Kind::Cmd(command) | Kind::Entrypoint(command) if command.shell => {
                    found.extend(shell_form(instruction, command, has_cmd));
                }
                Kind::Healthcheck(check)
                    if check.test.first().is_some_and(|kind| kind == "CMD-SHELL") =>
                {
                    let range = instruction.keyword.range;
                    found.push(Finding::new(&LINT, instruction, range, MESSAGE));
                }
                _ => {}
            }
        }
    }
}

const MESSAGE: &str =
    "a shell stands between this command and its signals; write the words as a JSON array";

fn shell_form(instruction: &Instruction, command: &CommandLine, has_cmd: bool) -> Option<Finding> {
    let text = command.args.first()?;
    let finding = Finding::new(&LINT, instruction, text.range, MESSAGE);
    Some(match json_form(instruction, command, has_cmd) {
        Some(json) => finding.with_fix("use the JSON form", vec![(text.range, json)]),
        None => finding,
    })
}
