//! Pipes into programs that read nothing.

use super::runs::{name_range, written};
use super::{Finding, Level, Lint, Run, Subject};
use crate::shell::{Command, Snippet, Value, Word};

pub(super) const LINT: Lint = Lint {
    name: "PipeIntoNonReader",
    aliases: &["SC2216"],
    description: "What reads no input stands behind no pipe",
    docs: include_str!("../../docs/lints/pipe-into-non-reader.md"),
    level: Level::Warning,
    hadolint: Level::Warning,
    run: Run::File(run),
    ..Lint::OWN
};

/// Programs that read nothing unless they ask a question.
const PROGRAMS: &[&str] = &[
    "basename", "chgrp", "chmod", "chown", "cp", "dirname", "echo", "ln", "ls", "mkdir", "mv",
    "pwd", "rm", "rmdir", "touch",
];

fn run(subject: &Subject<'_>, out: &mut Vec<Finding>) {
    for (snippet, command) in written(subject) {
        let program = command.program();
        let behind = command.place.position > 0 && PROGRAMS.iter().any(|name| program == *name);
        if !behind
            || command.is_given_arguments()
            || reads(command)
            || is_answered(snippet, command)
        {
            continue;
        }
        let message = format!("`{program}` does not read what comes through the pipe, use xargs");
        let range = name_range(command);
        out.push(Finding::in_script(&LINT, subject, snippet, range, message));
    }
}

/// An argument names the input.
fn reads(command: &Command) -> bool {
    let input = |word: &Word| word.is("-") || word.is("/dev/stdin");
    let substitutes = |word: &Word| word.expansions.iter().any(|e| e.value == Value::Command);
    command
        .args()
        .iter()
        .any(|word| input(word) || substitutes(word))
}

/// `yes` and its like answer questions.
fn is_answered(snippet: &Snippet, command: &Command) -> bool {
    let mut others = snippet.script.commands().iter();
    let first =
        others.find(|c| c.place.pipeline == command.place.pipeline && c.place.position == 0);
    first.is_some_and(|first| first.runs("yes") || first.runs("echo") || first.runs("printf"))
}
