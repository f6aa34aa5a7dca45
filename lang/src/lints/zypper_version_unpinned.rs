//! Versions of packages from zypper.

use super::runs::{operands_behind, report_unpinned, subcommand};
use super::{Finding, Level, Lint, Run, Subject};

pub(super) const LINT: Lint = Lint {
    name: "ZypperVersionUnpinned",
    aliases: &["DL3037"],
    description: "Packages that zypper installs have a version",
    docs: include_str!("../../docs/lints/zypper-version-unpinned.md"),
    hadolint: Level::Warning,
    run: Run::File(run),
    ..Lint::OWN
};

/// Flags whose value is the next word. **Source:** `zypper(8)`.
const WITH_VALUE: &[&str] = &["from", "r", "repo", "t", "type"];

fn run(subject: &Subject<'_>, out: &mut Vec<Finding>) {
    report_unpinned(&LINT, subject, out, "package=version", |_, command| {
        let zypper = command.runs("zypper");
        let Some(install) = subcommand(command, &["install", "in"]).filter(|_| zypper) else {
            return Vec::new();
        };
        let packages = operands_behind(command, install, WITH_VALUE);
        packages.filter(|word| !is_pinned(&word.text)).collect()
    });
}

/// Has a bound or is a file.
fn is_pinned(package: &[u8]) -> bool {
    package.iter().any(|b| matches!(b, b'=' | b'>' | b'<')) || package.ends_with(b".rpm")
}
