//! Comments above stages and arguments describe them.

use super::{Finding, Lint};
use crate::instructions::{Instruction, Kind};
use bstr::ByteSlice;

pub(super) const LINT: Lint = Lint {
    name: "InvalidDefinitionDescription",
    description: "Comment for build stage or argument should follow the format: `# <arg/stage name> <description>`. If this is not intended to be a description comment, add an empty line or comment between the instruction and the comment.",
    url: "https://docs.docker.com/go/dockerfile/rule/invalid-definition-description/",
    docs: include_str!("../../docs/lints/invalid-definition-description.md"),
    experimental: true,
    ..Lint::OFFICIAL
};

/// Looks at the comment above a named `FROM` or an `ARG`.
pub(crate) fn check(instruction: &Instruction) -> Option<Finding> {
    let (keyword, names) = match &instruction.kind {
        Kind::From(from) => ("FROM", vec![from.name.as_ref()?]),
        Kind::Arg(items) => ("ARG", items.iter().map(|item| &item.name).collect()),
        _ => return None,
    };
    let first = instruction.comments.last()?.split_str(" ").next()?;
    if names.iter().any(|name| name.text == first) {
        return None;
    }
    let name = match names.as_slice() {
        [name] => name.to_str_lossy().into_owned(),
        _ => "<arg_key>".to_owned(),
    };
    let message =
        format!("Comment for {keyword} should follow the format: `# {name} <description>`");
    Some(Finding::new(
        &LINT,
        instruction,
        instruction.keyword.range,
        message,
    ))
}
