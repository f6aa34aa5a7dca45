//! Labels of kind `hash` are commits.

use super::config::LabelKind;
use super::labels::misfits;
use super::{Finding, Level, Lint, Run, Subject};

pub(super) const LINT: Lint = Lint {
    name: "LabelHash",
    aliases: &["DL3055"],
    description: "Labels of kind hash should be commit hashes of git",
    docs: include_str!("../../docs/lints/label-hash.md"),
    level: Level::Warning,
    hadolint: Level::Warning,
    run: Run::File(check),
    ..Lint::OWN
};

/// Looks at labels that the schema says to be of that kind.
fn check(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    misfits(
        &LINT,
        LabelKind::Hash,
        is_hash,
        "a commit hash of 7 or 40 digits",
        subject,
        found,
    );
}

/// The whole hash or its usual short form.
fn is_hash(text: &str) -> bool {
    matches!(text.len(), 7 | 40)
        && text
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}
