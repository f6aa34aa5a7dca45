//! Tests of `$?`.

use super::runs::written;
use super::{Finding, Level, Lint, Run, Subject};
use crate::shell::Word;

pub(super) const LINT: Lint = Lint {
    name: "ExitStatusTested",
    aliases: &["SC2181"],
    description: "A command is tested itself, not by its status afterwards",
    docs: include_str!("../../docs/lints/exit-status-tested.md"),
    hadolint: Level::Hint,
    run: Run::File(run),
    ..Lint::OWN
};

fn run(subject: &Subject<'_>, out: &mut Vec<Finding>) {
    for (snippet, command) in written(subject) {
        let test = command.is_test() || command.runs("test");
        let status = |word: &&Word| word.is("${?}");
        if let Some(word) = command.words.iter().find(status).filter(|_| test) {
            let message = "test the command itself, as in `if command; then`";
            out.push(Finding::in_script(
                &LINT, subject, snippet, word.range, message,
            ));
        }
    }
}
