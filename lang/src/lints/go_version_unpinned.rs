//! Versions of what go fetches.

use super::runs::report_unpinned;
use super::{Finding, Level, Lint, Run, Subject};
use crate::shell::{Command, Word};

pub(super) const LINT: Lint = Lint {
    name: "GoVersionUnpinned",
    aliases: &["DL3062"],
    description: "Programs that go fetches have a version",
    docs: include_str!("../../docs/lints/go-version-unpinned.md"),
    hadolint: Level::Warning,
    run: Run::File(run),
    ..Lint::OWN
};

/// Flags whose value is the next word; they have one dash. **Source:** `go help build`.
const WITH_VALUE: &[&str] = &[
    "-C",
    "-asmflags",
    "-buildmode",
    "-exec",
    "-gcflags",
    "-ldflags",
    "-mod",
    "-modfile",
    "-o",
    "-p",
    "-pkgdir",
    "-tags",
];

fn run(subject: &Subject<'_>, out: &mut Vec<Finding>) {
    report_unpinned(&LINT, subject, out, "package@version", |_, command| {
        if !command.runs("go") {
            return Vec::new();
        }
        let mut operands = operands(command);
        let packages: Vec<&Word> = match operands.next() {
            // What follows the package is for the program.
            Some(word) if word.is("run") => operands.take(1).collect(),
            Some(word) if word.is("install") || word.is("get") => operands.collect(),
            _ => Vec::new(),
        };
        packages
            .into_iter()
            .filter(|word| !is_pinned(&word.text))
            .collect()
    });
}

fn operands(command: &Command) -> impl Iterator<Item = &Word> {
    let mut value_next = false;
    command.args().iter().filter(move |word| {
        let value = std::mem::take(&mut value_next);
        value_next = WITH_VALUE.iter().any(|flag| word.is(flag));
        !value && !word.is_flag()
    })
}

/// Has a version that stays the same, or is a path or a file.
fn is_pinned(package: &[u8]) -> bool {
    let moving = package.ends_with(b"@latest") || package.ends_with(b"@none");
    let local = package.starts_with(b".") || package.starts_with(b"/") || package.ends_with(b".go");
    local || (package.contains(&b'@') && !moving)
}
