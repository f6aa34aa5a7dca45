//! Copied files are not ignored.

use super::{Finding, Lint};
use crate::instructions::Instruction;
use crate::model::ignore::Patterns;
use crate::model::pattern;
use crate::quote::quote;
use crate::text::TextRange;

pub(super) const LINT: Lint = Lint {
    name: "CopyIgnoredFile",
    description: "Attempting to Copy file that is excluded by .dockerignore",
    url: "https://docs.docker.com/go/dockerfile/rule/copy-ignored-file/",
    docs: include_str!("../../docs/lints/copy-ignored-file.md"),
    ..Lint::OFFICIAL
};

/// Looks at a source path of a `COPY` or `ADD` from the main context.
///
/// With a `!` line among the patterns nothing is said: a folder may be excluded and a file in it taken back.
pub(crate) fn check(
    instruction: &Instruction,
    range: TextRange,
    is_add: bool,
    source: &str,
    patterns: &Patterns,
) -> Option<Finding> {
    if patterns.is_empty() || patterns.has_negations() {
        return None;
    }
    let path = pattern::clean_str(source);
    let is_root = path == "." || path == "/";
    if is_root
        && !patterns
            .patterns()
            .iter()
            .any(|p| ["*", "**", "**/*"].iter().any(|all| p.text() == all))
    {
        return None;
    }
    patterns
        .matches(path.as_bytes())
        .is_ok_and(|excluded| excluded)
        .then(|| {
            let verb = if is_add { "Add" } else { "Copy" };
            let message = format!(
                "Attempting to {verb} file {} that is excluded by .dockerignore",
                quote(path.as_bytes())
            );
            Finding::new(&LINT, instruction, range, message)
        })
}
