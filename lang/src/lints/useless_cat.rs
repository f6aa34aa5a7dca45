//! `cat` in front of a pipe.

use super::runs::{name_range, written};
use super::{Finding, Level, Lint, Run, Subject};
use crate::shell::Command;

pub(super) const LINT: Lint = Lint {
    name: "UselessCat",
    aliases: &["SC2002"],
    description: "A program reads its file itself",
    docs: include_str!("../../docs/lints/useless-cat.md"),
    hadolint: Level::Off,
    run: Run::File(run),
    ..Lint::OWN
};

fn run(subject: &Subject<'_>, out: &mut Vec<Finding>) {
    for (snippet, command) in written(subject).filter(|(_, command)| command.runs("cat")) {
        let pipeline = snippet.script.pipelines()[command.place.pipeline as usize];
        let first = command.place.position == 0 && pipeline.len > 1;
        if first && command.redirections.is_empty() && is_one_file(command) {
            let message = "the next program can read the file itself, leave `cat` out";
            let range = name_range(command);
            out.push(Finding::in_script(&LINT, subject, snippet, range, message));
        }
    }
}

/// Exactly one file and no flag.
fn is_one_file(command: &Command) -> bool {
    let [file] = command.args() else {
        return false;
    };
    let several = |b: &u8| matches!(b, b'*' | b'?' | b'[');
    !file.is_flag() && !file.is("-") && file.expansions.is_empty() && !file.text.iter().any(several)
}
