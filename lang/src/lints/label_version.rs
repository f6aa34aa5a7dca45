//! Labels of kind `semver` are versions.

use super::config::LabelKind;
use super::labels::misfits;
use super::{Finding, Level, Lint, Run, Subject};

pub(super) const LINT: Lint = Lint {
    name: "LabelVersion",
    aliases: &["DL3056"],
    description: "Labels of kind semver should be semantic versions",
    docs: include_str!("../../docs/lints/label-version.md"),
    level: Level::Warning,
    hadolint: Level::Warning,
    run: Run::File(check),
    ..Lint::OWN
};

/// Looks at labels that the schema says to be of that kind.
fn check(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    misfits(
        &LINT,
        LabelKind::Semver,
        is_version,
        "a semantic version like 1.2.3",
        subject,
        found,
    );
}

/// **Source:** Semantic Versioning 2.0.0.
fn is_version(text: &str) -> bool {
    semver::Version::parse(text).is_ok()
}
