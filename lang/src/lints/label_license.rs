//! Labels of kind `spdx` name licences.

use super::config::LabelKind;
use super::labels::misfits;
use super::{Finding, Level, Lint, Run, Subject};

pub(super) const LINT: Lint = Lint {
    name: "LabelLicense",
    aliases: &["DL3054"],
    description: "Labels of kind spdx should be SPDX licence identifiers",
    docs: include_str!("../../docs/lints/label-license.md"),
    level: Level::Warning,
    hadolint: Level::Warning,
    run: Run::File(check),
    ..Lint::OWN
};

/// Looks at labels that the schema says to be of that kind.
fn check(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    misfits(
        &LINT,
        LabelKind::Spdx,
        is_license,
        "an SPDX licence identifier",
        subject,
        found,
    );
}

/// An identifier of the list, or an expression of several.
fn is_license(text: &str) -> bool {
    spdx::Expression::parse(text).is_ok()
}
