//! Versions of packages from apk.

use super::runs::{operands_behind, report_unpinned, subcommand};
use super::{Finding, Level, Lint, Run, Subject};

pub(super) const LINT: Lint = Lint {
    name: "ApkVersionUnpinned",
    aliases: &["DL3018"],
    description: "Packages that apk adds have a version",
    docs: include_str!("../../docs/lints/apk-version-unpinned.md"),
    hadolint: Level::Warning,
    run: Run::File(run),
    ..Lint::OWN
};

/// Flags whose value is the next word. **Source:** `apk(8)`.
const WITH_VALUE: &[&str] = &[
    "t",
    "virtual",
    "repository",
    "X",
    "p",
    "root",
    "arch",
    "keys-dir",
    "repositories-file",
    "cache-dir",
];

fn run(subject: &Subject<'_>, out: &mut Vec<Finding>) {
    report_unpinned(&LINT, subject, out, "package=version", |_, command| {
        let Some(add) = subcommand(command, &["add"]).filter(|_| command.runs("apk")) else {
            return Vec::new();
        };
        let packages = operands_behind(command, add, WITH_VALUE);
        packages.filter(|word| !is_pinned(&word.text)).collect()
    });
}

/// Has a bound or is a file.
fn is_pinned(package: &[u8]) -> bool {
    package
        .iter()
        .any(|b| matches!(b, b'=' | b'~' | b'>' | b'<'))
        || package.ends_with(b".apk")
}
