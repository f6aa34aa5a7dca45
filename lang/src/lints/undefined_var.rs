//! Variables are defined before their use.

use super::{Finding, Lint};
use super::{did_you_mean, reference_to};
use crate::instructions::Instruction;
use crate::model::scope::is_setting;
use crate::model::suggest::closest;
use crate::text::Word;

pub(super) const LINT: Lint = Lint {
    name: "UndefinedVar",
    description: "Variables should be defined before their use",
    url: "https://docs.docker.com/go/dockerfile/rule/undefined-var/",
    docs: include_str!("../../docs/lints/undefined-var.md"),
    fixable: true,
    ..Lint::OFFICIAL
};

/// Looks at one name that a word uses, that is neither set nor declared; `set` are the names that are set.
pub(crate) fn check(
    instruction: &Instruction,
    word: &Word,
    name: &str,
    set: &[&str],
) -> Option<Finding> {
    if is_setting(name) {
        return None;
    }
    let near = closest(name.as_bytes(), set.iter().copied(), true);
    let message = format!(
        "Usage of undefined variable '${name}'{}",
        did_you_mean(near.as_deref(), "$")
    );
    let place = reference_to(name, word);
    let finding = Finding::new(&LINT, instruction, place.unwrap_or(word.range), message);
    Some(match (near, place) {
        (Some(near), Some(place)) => finding.with_fix(format!("use `{near}`"), vec![(place, near)]),
        _ => finding,
    })
}
