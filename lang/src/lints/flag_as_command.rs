//! Flags that are taken for commands.

use super::runs::written;
use super::{Finding, Level, Lint, Run, Subject};
use crate::shell::Word;
use bstr::ByteSlice;

pub(super) const LINT: Lint = Lint {
    name: "FlagAsCommand",
    aliases: &["SC2215"],
    description: "A line that begins with a flag belongs to the command above",
    docs: include_str!("../../docs/lints/flag-as-command.md"),
    level: Level::Warning,
    hadolint: Level::Warning,
    run: Run::File(run),
    ..Lint::OWN
};

fn run(subject: &Subject<'_>, out: &mut Vec<Finding>) {
    for (snippet, command) in written(subject).filter(|(snippet, _)| !snippet.exec) {
        let flag = command.words.first().filter(|word| is_flag(word));
        if let Some(word) = flag.filter(|_| snippet.script.mistakes().is_empty()) {
            let message = format!(
                "`{}` is taken for a command, join it with the line above",
                word.text
            );
            out.push(Finding::in_script(
                &LINT, subject, snippet, word.range, message,
            ));
        }
    }
}

/// A dash or two and a letter.
fn is_flag(word: &Word) -> bool {
    let name = word.text.trim_start_with(|c| c == '-');
    word.is_flag() && name.first().is_some_and(u8::is_ascii_alphabetic)
}
