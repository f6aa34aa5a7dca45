//! No label but those of the schema.

use super::labels::Label;
use super::{Finding, Level, Lint, Run, Subject};

pub(super) const LINT: Lint = Lint {
    name: "LabelSuperfluous",
    aliases: &["DL3050"],
    description: "Images should have no labels but those of the project's schema",
    docs: include_str!("../../docs/lints/label-superfluous.md"),
    level: Level::Info,
    hadolint: Level::Info,
    run: Run::File(check),
    ..Lint::OWN
};

/// Looks at keys that the schema does not have, when it is strict.
fn check(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    if !subject.config.strict_labels {
        return;
    }
    let mut last = None;
    for label in Label::all(subject) {
        let line = label.instruction.range;
        if subject.config.label_schema.contains_key(&label.key) || last == Some(line) {
            continue;
        }
        last = Some(line);
        let message = format!("label `{}` is not in the project's schema", label.key);
        found.push(Finding::new(
            &LINT,
            label.instruction,
            label.key_word.range,
            message,
        ));
    }
}
