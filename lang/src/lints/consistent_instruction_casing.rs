//! All keywords in one case.

use super::{Finding, Lint};
use crate::instructions::{Dockerfile, Instruction};
use bstr::{BString, ByteSlice};

pub(super) const LINT: Lint = Lint {
    name: "ConsistentInstructionCasing",
    description: "All commands within the Dockerfile should use the same casing (either upper or lower)",
    url: "https://docs.docker.com/go/dockerfile/rule/consistent-instruction-casing/",
    docs: include_str!("../../docs/lints/consistent-instruction-casing.md"),
    aliases: &["CASING_INSTRUCTION"],
    fixable: true,
    ..Lint::OFFICIAL
};

/// Compares every keyword with the majority. Keywords of mixed case have no vote, nor have `ARG`s before the first
/// `FROM`, which are not looked at either.
pub(crate) fn check(file: &Dockerfile) -> Vec<Finding> {
    let all = || {
        file.stages
            .iter()
            .flat_map(|s| std::iter::once(&s.from).chain(&s.instructions))
    };
    let lower = all().filter(|i| is_lower(&i.keyword.text)).count();
    let upper = all()
        .filter(|i| !is_lower(&i.keyword.text) && is_upper(&i.keyword.text))
        .count();
    all().filter_map(|i| one(i, lower > upper)).collect()
}

fn one(instruction: &Instruction, to_lower: bool) -> Option<Finding> {
    let word = &instruction.keyword;
    let consistent = if to_lower { is_lower } else { is_upper };
    if consistent(&word.text) {
        return None;
    }
    let (casing, wanted) = if to_lower {
        ("lowercase", word.text.to_lowercase())
    } else {
        ("uppercase", word.text.to_uppercase())
    };
    let message = format!(
        "Command '{}' should match the case of the command majority ({casing})",
        word.text
    );
    let wanted = wanted.to_str_lossy().into_owned();
    let title = format!("write `{wanted}`");
    Some(
        Finding::new(&LINT, instruction, word.range, message)
            .with_fix(title, vec![(word.range, wanted)]),
    )
}

fn is_lower(text: &BString) -> bool {
    if text.is_ascii() {
        return !text.iter().any(u8::is_ascii_uppercase);
    }
    *text == text.to_lowercase()
}

fn is_upper(text: &BString) -> bool {
    if text.is_ascii() {
        return !text.iter().any(u8::is_ascii_lowercase);
    }
    *text == text.to_uppercase()
}
