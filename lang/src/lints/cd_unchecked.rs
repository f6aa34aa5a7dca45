//! `cd` whose failure nobody notices.

use super::runs::{exits_on_error, written};
use super::{Finding, Level, Lint, Run, Subject};
use crate::shell::{Command, Joint, Scopes, Snippet, Word};
use crate::text::TextRange;

pub(super) const LINT: Lint = Lint {
    name: "CdUnchecked",
    aliases: &["SC2164"],
    description: "A failed cd does not let the rest run in the wrong folder",
    docs: include_str!("../../docs/lints/cd-unchecked.md"),
    level: Level::Warning,
    hadolint: Level::Warning,
    fixable: true,
    run: Run::File(run),
    ..Lint::OWN
};

fn run(subject: &Subject<'_>, out: &mut Vec<Finding>) {
    for (snippet, command) in written(subject) {
        let goes_on = command.place.after == Joint::Then;
        if !goes_on || !changes_folder(command) || is_checked(snippet, command) {
            continue;
        }
        let message = "what follows runs in the wrong folder when `cd` fails, add `|| exit 1`";
        let finding = Finding::in_script(&LINT, subject, snippet, command.range, message);
        let end = finding.range.end;
        let edit = (TextRange::new(end, end), " || exit 1".to_owned());
        out.push(finding.with_fix("add `|| exit 1`", vec![edit]));
    }
}

/// Folders of every image.
const ALWAYS_THERE: &[&str] = &[
    "-",
    ".",
    "/",
    "/etc",
    "/home",
    "/opt",
    "/root",
    "/tmp",
    "/usr/local",
    "/usr/src",
    "/var",
];

/// `cd` to a folder that may be missing; the one above never is.
fn changes_folder(command: &Command) -> bool {
    let there = |word: &Word| ALWAYS_THERE.iter().any(|folder| word.is(folder));
    let up = |word: &Word| word.text.starts_with(b"..") || there(word);
    let target = command.operands().next();
    command.runs("cd") && target.is_some_and(|word| !up(word))
}

/// A failure ends the script, or is looked at.
fn is_checked(snippet: &Snippet, command: &Command) -> bool {
    snippet.interpreter.errexit
        || command.place.scopes.has(Scopes::CONDITION)
        || exits_on_error(snippet, command)
}
