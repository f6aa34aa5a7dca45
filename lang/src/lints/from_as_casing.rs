//! `AS` in the case of `FROM`.

use super::{Finding, Lint};
use crate::instructions::{From, Instruction};
use bstr::ByteSlice;

pub(super) const LINT: Lint = Lint {
    name: "FromAsCasing",
    description: "The 'as' keyword should match the case of the 'from' keyword",
    url: "https://docs.docker.com/go/dockerfile/rule/from-as-casing/",
    docs: include_str!("../../docs/lints/from-as-casing.md"),
    fixable: true,
    ..Lint::OFFICIAL
};

/// Looks at the two keywords; a `FROM` of mixed case is another rule's affair.
pub(crate) fn check(instruction: &Instruction, from: &From) -> Option<Finding> {
    let keyword = &instruction.keyword;
    let word = from.as_keyword.as_ref()?;
    let wanted = if keyword.text == keyword.text.to_lowercase() {
        word.text.to_lowercase()
    } else if keyword.text == keyword.text.to_uppercase() {
        word.text.to_uppercase()
    } else {
        return None;
    };
    if word.text == wanted {
        return None;
    }
    let message = format!(
        "'{}' and '{}' keywords' casing do not match",
        word.text, keyword.text
    );
    let wanted = wanted.to_str_lossy().into_owned();
    let title = format!("write `{wanted}`");
    Some(
        Finding::new(&LINT, instruction, word.range, message)
            .with_fix(title, vec![(word.range, wanted)]),
    )
}
