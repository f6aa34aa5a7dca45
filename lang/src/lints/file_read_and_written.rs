//! Files that are read and written at once.

use super::runs::runs;
use super::{Finding, Level, Lint, Run, Subject};
use crate::shell::{Command, Redirection, RedirectionKind};
use std::collections::HashSet;

pub(super) const LINT: Lint = Lint {
    name: "FileReadAndWritten",
    aliases: &["SC2094"],
    description: "A pipeline does not read the file that it writes",
    docs: include_str!("../../docs/lints/file-read-and-written.md"),
    level: Level::Warning,
    hadolint: Level::Warning,
    run: Run::File(run),
    ..Lint::OWN
};

/// Programs whose operands are files to read.
const READERS: &[&str] = &[
    "awk", "cat", "cut", "grep", "head", "jq", "sed", "sort", "tac", "tail", "tr", "uniq",
    "xmllint",
];

fn run(subject: &Subject<'_>, out: &mut Vec<Finding>) {
    for snippet in runs(subject) {
        let commands = snippet.script.commands();
        let writing = commands
            .iter()
            .filter(|command| !command.redirections.is_empty());
        let mut read: HashSet<(u32, &[u8])> = HashSet::new();
        let mut known = false;
        for command in writing {
            for redirection in command.redirections.iter().filter(|r| is_file(r)) {
                if !std::mem::replace(&mut known, true) {
                    read.extend(commands.iter().flat_map(files_read));
                }
                let file = redirection.target.text.as_slice();
                if read.contains(&(command.place.pipeline, file)) {
                    let name = &redirection.target.text;
                    let message =
                        format!("`{name}` is emptied before it is read, write to another file");
                    out.push(Finding::in_script(
                        &LINT,
                        subject,
                        snippet,
                        redirection.range,
                        message,
                    ));
                }
            }
        }
    }
}

/// Files that a command reads, with its pipeline.
fn files_read(command: &Command) -> impl Iterator<Item = (u32, &[u8])> {
    let reads = READERS.iter().any(|name| command.runs(name));
    let operands = command.operands().filter(move |_| reads);
    let inputs = command
        .redirections
        .iter()
        .filter(|r| r.kind == RedirectionKind::Read);
    let words = operands.chain(inputs.map(|r| &r.target));
    words
        .filter(|word| word.expansions.is_empty())
        .map(|word| (command.place.pipeline, word.text.as_slice()))
}

/// Writes to a file, not to a device.
fn is_file(redirection: &Redirection) -> bool {
    let target = &redirection.target;
    redirection.kind == RedirectionKind::Write
        && target.expansions.is_empty()
        && !target.text.starts_with(b"/dev/")
}
