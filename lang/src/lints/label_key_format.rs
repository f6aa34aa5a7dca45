//! Label keys keep to the convention.

use super::labels::Label;
use super::{Finding, Level, Lint, Run, Subject};

pub(super) const LINT: Lint = Lint {
    name: "LabelKeyFormat",
    aliases: &["DL3048"],
    description: "Label keys should keep to the conventions for their characters and namespaces",
    docs: include_str!("../../docs/lints/label-key-format.md"),
    hadolint: Level::Hint,
    fixable: true,
    run: Run::File(check),
    ..Lint::OWN
};

/// Namespaces that Docker keeps for itself.
const RESERVED: [&str; 3] = ["com.docker.", "io.docker.", "org.dockerproject."];

/// Looks at the key of every label.
fn check(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    let mut last = None;
    for label in Label::all(subject) {
        // One finding an instruction, as the original.
        let line = label.instruction.range;
        let Some(why) = wrong(&label.key).filter(|_| last != Some(line)) else {
            continue;
        };
        last = Some(line);
        let range = label.key_word.range;
        let message = format!("label key `{}` {why}", label.key);
        let finding = Finding::new(&LINT, label.instruction, range, message);
        let lower = label.key.to_ascii_lowercase();
        found.push(if wrong(&lower).is_none() {
            finding.with_fix(format!("use `{lower}`"), vec![(range, lower)])
        } else {
            finding
        });
    }
}

/// What is wrong with a key.
///
/// **Source:** Docker manual, "Docker object labels", section "Value guidelines".
fn wrong(key: &str) -> Option<&'static str> {
    let is_valid = |c: char| {
        c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '-' | '_' | '/')
    };
    if !key.chars().all(is_valid) {
        return Some("may have lower case letters, digits, `.`, `-`, `_` and `/` only");
    }
    if !key.starts_with(|c: char| c.is_ascii_lowercase()) {
        return Some("should begin with a letter");
    }
    if !key.ends_with(|c: char| c.is_ascii_alphanumeric()) {
        return Some("should end with a letter or digit");
    }
    if key.contains("..") || key.contains("--") {
        return Some("has two separators in a row");
    }
    RESERVED
        .iter()
        .any(|space| key.starts_with(space))
        .then_some("is in a namespace that Docker keeps for itself")
}
