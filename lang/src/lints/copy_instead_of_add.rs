//! `COPY` for what is only copied.

use super::subject::unquoted;
use super::{Finding, Level, Lint, Run, Subject};
use crate::instructions::{Copy, Instruction, Kind};
use crate::model::pattern;
use bstr::ByteSlice;

pub(super) const LINT: Lint = Lint {
    name: "CopyInsteadOfAdd",
    aliases: &["DL3020"],
    description: "Files and folders should be copied with COPY, not ADD",
    docs: include_str!("../../docs/lints/copy-instead-of-add.md"),
    level: Level::Info,
    hadolint: Level::Error,
    fixable: true,
    run: Run::File(check),
    ..Lint::OWN
};

/// What `ADD` unpacks, by the ends of names.
const ARCHIVES: [&[u8]; 17] = [
    b".tar", b".Z", b".bz2", b".gz", b".lz", b".lzma", b".tZ", b".tb2", b".tbz", b".tbz2", b".tgz",
    b".tlz", b".tpz", b".txz", b".tzst", b".xz", b".zst",
];

/// What `ADD` fetches, by the beginnings of names.
const REMOTE: [&[u8]; 5] = [b"http://", b"https://", b"git://", b"git@", b"ssh://"];

/// Looks at what `ADD` is given: it is for archives and for what comes from elsewhere.
fn check(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    for instruction in subject.inner() {
        let Kind::Add(add) = &instruction.kind else {
            continue;
        };
        let all = add.sources.iter().all(|source| is_plain(&source.text));
        // hadolint holds it for a file.
        let suspect = |text: &[u8]| is_plain(text) || (subject.config.hadolint && is_open(text));
        let plain = add.sources.iter().find(|source| suspect(&source.text));
        let range = match (plain, add.heredocs.is_empty()) {
            (Some(source), _) => source.range,
            (None, false) => instruction.keyword.range,
            (None, true) => continue,
        };
        let message =
            "ADD is for archives and addresses; COPY does the same here without surprises";
        let finding = Finding::new(&LINT, instruction, range, message);
        found.push(if all && is_like_copy(add) {
            finding.with_fix(
                "use COPY",
                vec![(instruction.keyword.range, keyword(instruction))],
            )
        } else {
            finding
        });
    }
}

/// A variable or a pattern, which may be anything.
fn is_open(source: &[u8]) -> bool {
    let name = unquoted(source);
    let is_unknown = name.starts_with(b"$") || pattern::has_wildcard(name);
    is_unknown && !is_archive(name) && !is_remote(name)
}

fn is_archive(name: &[u8]) -> bool {
    ARCHIVES.iter().any(|end| name.ends_with(end))
}

fn is_remote(name: &[u8]) -> bool {
    REMOTE.iter().any(|start| name.starts_with(start))
}

/// A file by its name, neither an archive nor remote.
fn is_plain(source: &[u8]) -> bool {
    let name = unquoted(source);
    !is_open(source) && !is_archive(name) && !is_remote(name)
}

/// No flag is used that `COPY` lacks.
fn is_like_copy(add: &Copy) -> bool {
    add.checksum.is_none() && add.keep_git_dir.is_none() && add.unpack.is_none()
}

/// `COPY` in the case of the keyword that is written.
fn keyword(instruction: &Instruction) -> String {
    let written = &instruction.keyword.text;
    let copy = if *written == written.to_lowercase() {
        "copy"
    } else {
        "COPY"
    };
    copy.to_owned()
}
