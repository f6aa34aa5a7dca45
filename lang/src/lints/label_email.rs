//! Labels of kind `email` are addresses.

use super::config::LabelKind;
use super::labels::misfits;
use super::{Finding, Level, Lint, Run, Subject};

pub(super) const LINT: Lint = Lint {
    name: "LabelEmail",
    aliases: &["DL3058"],
    description: "Labels of kind email should be mail addresses",
    docs: include_str!("../../docs/lints/label-email.md"),
    level: Level::Warning,
    hadolint: Level::Warning,
    run: Run::File(check),
    ..Lint::OWN
};

/// Looks at labels that the schema says to be of that kind.
fn check(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    misfits(
        &LINT,
        LabelKind::Email,
        is_email,
        "a mail address",
        subject,
        found,
    );
}

/// **Source:** RFC 5322, `addr-spec`.
fn is_email(text: &str) -> bool {
    email_address::EmailAddress::is_valid(text)
}
