//! `ENV name=value` instead of `ENV name value`.

use super::{Finding, Lint};
use crate::instructions::{Instruction, KeyValues};
use bstr::ByteSlice;

pub(super) const LINT: Lint = Lint {
    name: "LegacyKeyValueFormat",
    description: "Legacy key/value format with whitespace separator should not be used",
    url: "https://docs.docker.com/go/dockerfile/rule/legacy-key-value-format/",
    docs: include_str!("../../docs/lints/legacy-key-value-format.md"),
    fixable: true,
    ..Lint::OFFICIAL
};

/// Looks at the form of an `ENV` or `LABEL`.
pub(crate) fn check(instruction: &Instruction, pairs: &KeyValues) -> Option<Finding> {
    if !pairs.legacy {
        return None;
    }
    let keyword = instruction.keyword.to_str_lossy();
    let message = format!(
        "\"{keyword} key=value\" should be used instead of legacy \"{keyword} key value\" format"
    );
    let (name, value) = pairs.pairs.first()?;
    let range = name.range.cover(value.range);
    let finding = Finding::new(&LINT, instruction, range, message);
    Some(
        match modern(&name.text, &value.text)
            .filter(|_| value.text.len() == value.range.len() as usize)
        {
            Some(text) => finding.with_fix("use `=`", vec![(range, text)]),
            None => finding,
        },
    )
}

/// `name=value` with quotes where the value has blanks; `None` when quoting would change what the value means.
fn modern(name: &[u8], value: &[u8]) -> Option<String> {
    let (name, value) = (name.to_str().ok()?, value.to_str().ok()?);
    if !value.contains(char::is_whitespace) {
        return Some(format!("{name}={value}"));
    }
    (!value.contains(['"', '\'', '\\', '`'])).then(|| format!("{name}=\"{value}\""))
}
