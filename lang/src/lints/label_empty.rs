//! No label of the schema is empty.

use super::labels::Label;
use super::{Finding, Level, Lint, Run, Subject};
use crate::model::expand::Lexer;

pub(super) const LINT: Lint = Lint {
    name: "LabelEmpty",
    aliases: &["DL3051"],
    description: "Labels of the project's schema should not be empty",
    docs: include_str!("../../docs/lints/label-empty.md"),
    level: Level::Warning,
    hadolint: Level::Warning,
    run: Run::File(check),
    ..Lint::OWN
};

/// Looks at the values of labels that the schema names.
fn check(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    let schema = &subject.config.label_schema;
    if schema.is_empty() {
        return;
    }
    let lexer = Lexer::new(subject.file.dockerfile().escape);
    for label in Label::all(subject).filter(|label| schema.contains_key(&label.key)) {
        if label.value(&lexer).is_some_and(|value| value.is_empty()) {
            let message = format!("label `{}` is empty", label.key);
            let range = label.key_word.range.cover(label.value_word.range);
            found.push(Finding::new(&LINT, label.instruction, range, message));
        }
    }
}
