//! Files that were meant to be descriptors.

use super::runs::written;
use super::{Finding, Level, Lint, Run, Subject};
use crate::shell::RedirectionKind;
use crate::text::TextRange;

pub(super) const LINT: Lint = Lint {
    name: "RedirectionToNumber",
    aliases: &["SC2210"],
    description: "Output goes to another descriptor by >&",
    docs: include_str!("../../docs/lints/redirection-to-number.md"),
    level: Level::Warning,
    hadolint: Level::Warning,
    fixable: true,
    run: Run::File(run),
    ..Lint::OWN
};

fn run(subject: &Subject<'_>, out: &mut Vec<Finding>) {
    for (snippet, command) in written(subject) {
        for redirection in &command.redirections {
            let target = &redirection.target;
            if redirection.kind != RedirectionKind::Write || !(target.is("1") || target.is("2")) {
                continue;
            }
            let number = &target.text;
            let message = format!(
                "this writes to a file called `{number}`, write `>&{number}` for the descriptor"
            );
            let finding = Finding::in_script(&LINT, subject, snippet, redirection.range, message);
            let start = snippet.source_range(target.range).start;
            let edit = (TextRange::new(start, start), "&".to_owned());
            out.push(finding.with_fix(format!("write `>&{number}`"), vec![edit]));
        }
    }
}
