//! Archives that are copied and then unpacked.

use super::runs::{runs, within};
use super::subject::Line;
use super::{Finding, Level, Lint, Run, Subject};
use crate::instructions::{Instruction, Kind};
use crate::shell::{Command, Snippet, Word};
use crate::text::Word as TextWord;
use bstr::ByteSlice;
use std::collections::HashSet;

pub(super) const LINT: Lint = Lint {
    name: "ArchiveCopiedThenExtracted",
    aliases: &["DL3010"],
    description: "ADD unpacks a local archive while it copies",
    docs: include_str!("../../docs/lints/archive-copied-then-extracted.md"),
    hadolint: Level::Info,
    run: Run::File(run),
    ..Lint::OWN
};

/// Endings of what `ADD` unpacks. **Source:** hadolint's documentation of DL3010.
const ENDINGS: &[&str] = &[
    ".tar", ".Z", ".bz2", ".gz", ".lz", ".lzma", ".tZ", ".tb2", ".tbz", ".tbz2", ".tgz", ".tlz",
    ".tpz", ".txz", ".xz",
];

/// Programs that unpack what they are given.
const UNPACKERS: &[&str] = &[
    "unzip",
    "gunzip",
    "bunzip2",
    "unlzma",
    "unxz",
    "zgz",
    "uncompress",
    "zcat",
    "gzcat",
];

fn run(subject: &Subject<'_>, out: &mut Vec<Finding>) {
    for stage in subject.stages() {
        let copied: Vec<(&Instruction, &TextWord)> = stage.iter().flat_map(archives).collect();
        let Some((first, _)) = copied.first() else {
            continue;
        };
        let number = stage[0].stage;
        let behind = |snippet: &&Snippet| {
            let start = subject.file.parse().nodes()[snippet.node].range.start;
            snippet.stage == number && !snippet.trigger && start > first.range.start
        };
        let unpacked: HashSet<&[u8]> = runs(subject)
            .filter(behind)
            .flat_map(within)
            .filter(|(_, command)| unpacks(command))
            .flat_map(|(_, command)| command.operands().map(|word| file_name(&word.text)))
            .collect();
        for (copy, archive) in copied {
            if unpacked.contains(file_name(&archive.text)) {
                let message =
                    "an archive is copied and then unpacked, ADD does both without keeping it";
                out.push(Finding::new(&LINT, copy, archive.range, message));
            }
        }
    }
}

/// The archives that a `COPY` from the context brings, by the name they then have.
fn archives<'a>(line: &'a Line<'_>) -> Vec<(&'a Instruction, &'a TextWord)> {
    let Kind::Copy(copy) = &line.instruction.kind else {
        return Vec::new();
    };
    if copy.from.is_some() {
        return Vec::new();
    }
    let is_archive = |word: &&TextWord| {
        let name = file_name(&word.text);
        ENDINGS
            .iter()
            .any(|ending| name.ends_with(ending.as_bytes()))
    };
    let named: Vec<&TextWord> = if is_archive(&&copy.dest) {
        vec![&copy.dest]
    } else {
        copy.sources.iter().filter(is_archive).collect()
    };
    named
        .into_iter()
        .map(|word| (line.instruction, word))
        .collect()
}

fn unpacks(command: &Command) -> bool {
    if !command.runs("tar") {
        return UNPACKERS.iter().any(|name| command.runs(name));
    }
    let old_style = |word: &Word| !word.is_flag() && word.text.contains(&b'x');
    command.has_flag(&["x", "extract", "get"]) || command.args().first().is_some_and(old_style)
}

/// Behind the last separator of either kind, quotes cut.
fn file_name(path: &[u8]) -> &[u8] {
    let path = path.trim_with(|c| matches!(c, '"' | '\''));
    path.rsplit(|b| matches!(b, b'/' | b'\\'))
        .next()
        .unwrap_or(path)
}
