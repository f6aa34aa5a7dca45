//! Escapes that `echo` prints.

use super::base_shell::{Families, Family};
use super::runs::written;
use super::{Finding, Level, Lint, Run, Subject};
use crate::shell::Word;
use bstr::ByteSlice;

pub(super) const LINT: Lint = Lint {
    name: "EchoEscapes",
    aliases: &["SC2028"],
    description: "echo prints what is meant in every shell",
    docs: include_str!("../../docs/lints/echo-escapes.md"),
    level: Level::Warning,
    hadolint: Level::Info,
    run: Run::File(run),
    ..Lint::OWN
};

/// Lines, tabs, and what colours a terminal.
const ESCAPES: &[&str] = &["\\n", "\\t", "\\033", "\\e[", "\\x1b"];

fn run(subject: &Subject<'_>, out: &mut Vec<Finding>) {
    let families = Families::of(subject.file);
    for (snippet, command) in written(subject).filter(|(_, command)| command.runs("echo")) {
        let literal = match families.shell(snippet) {
            Family::Bash | Family::Ash => true,
            Family::Dash => false,
            Family::Unknown => subject.config.hadolint,
        };
        if !literal || command.has_flag(&["e", "E"]) {
            continue;
        }
        // A path of Windows, or of what will be read as a pattern, has other letters behind the backslash too.
        let escape = |word: &&Word| ESCAPES.iter().any(|escape| word.text.contains_str(escape));
        if let Some(word) = command.operands().find(escape) {
            let message = "this shell prints the backslash, use printf";
            out.push(Finding::in_script(
                &LINT, subject, snippet, word.range, message,
            ));
        }
    }
}
