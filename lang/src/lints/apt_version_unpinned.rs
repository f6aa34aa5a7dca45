//! Versions of packages from apt.

use super::runs::{operands_behind, report_unpinned, subcommand};
use super::{Finding, Level, Lint, Run, Subject};

pub(super) const LINT: Lint = Lint {
    name: "AptVersionUnpinned",
    aliases: &["DL3008"],
    description: "Packages that apt-get installs have a version",
    docs: include_str!("../../docs/lints/apt-version-unpinned.md"),
    hadolint: Level::Warning,
    run: Run::File(run),
    ..Lint::OWN
};

fn run(subject: &Subject<'_>, out: &mut Vec<Finding>) {
    report_unpinned(&LINT, subject, out, "package=version", |_, command| {
        if !command.runs("apt-get") {
            return Vec::new();
        }
        let Some(install) = subcommand(command, &["install"]) else {
            return Vec::new();
        };
        let packages = operands_behind(command, install, WITH_VALUE);
        packages.filter(|word| !is_pinned(&word.text)).collect()
    });
}

/// Flags whose value is the next word. **Source:** `apt-get(8)`.
const WITH_VALUE: &[&str] = &[
    "t",
    "target-release",
    "default-release",
    "o",
    "option",
    "c",
    "config-file",
    "a",
    "host-architecture",
];

/// `name=version`, `name/release` or a file.
fn is_pinned(package: &[u8]) -> bool {
    package.contains(&b'=') || package.contains(&b'/') || package.ends_with(b".deb")
}
