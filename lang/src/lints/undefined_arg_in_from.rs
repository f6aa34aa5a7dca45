//! `FROM` uses declared arguments.

use super::{Finding, Lint};
use super::{did_you_mean, reference_to};
use crate::instructions::Instruction;
use crate::model::suggest::closest;
use crate::text::Word;

pub(super) const LINT: Lint = Lint {
    name: "UndefinedArgInFrom",
    description: "FROM command must use declared ARGs",
    url: "https://docs.docker.com/go/dockerfile/rule/undefined-arg-in-from/",
    docs: include_str!("../../docs/lints/undefined-arg-in-from.md"),
    fixable: true,
    ..Lint::OFFICIAL
};

/// Looks at one name that a word of `FROM` uses, that is not set; `declared` are all global names.
pub(crate) fn check(
    instruction: &Instruction,
    word: &Word,
    name: &str,
    declared: &[&str],
) -> Option<Finding> {
    if declared.contains(&name) {
        return None;
    }
    let near = closest(name.as_bytes(), declared.iter().copied(), true);
    let message = format!(
        "FROM argument '{name}' is not declared{}",
        did_you_mean(near.as_deref(), "")
    );
    let place = reference_to(name, word);
    let finding = Finding::new(&LINT, instruction, place.unwrap_or(word.range), message);
    Some(match (near, place) {
        (Some(near), Some(place)) => finding.with_fix(format!("use `{near}`"), vec![(place, near)]),
        _ => finding,
    })
}
