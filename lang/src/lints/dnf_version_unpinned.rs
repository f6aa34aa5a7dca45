//! Versions of packages from dnf.

use super::yum_version_unpinned;
use super::{Finding, Level, Lint, Run, Subject};

pub(super) const LINT: Lint = Lint {
    name: "DnfVersionUnpinned",
    aliases: &["DL3041"],
    description: "Packages that dnf installs have a version",
    docs: include_str!("../../docs/lints/dnf-version-unpinned.md"),
    hadolint: Level::Warning,
    run: Run::File(run),
    ..Lint::OWN
};

fn run(subject: &Subject<'_>, out: &mut Vec<Finding>) {
    yum_version_unpinned::report(&LINT, subject, out, &["dnf", "microdnf"]);
}
