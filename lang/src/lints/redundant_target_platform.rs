//! No `--platform=$TARGETPLATFORM`.

use super::{Finding, Level, Lint};
use crate::instructions::{From, Instruction};
use crate::model::expand::Expanded;
use crate::text::{TextRange, Word};

pub(super) const LINT: Lint = Lint {
    name: "RedundantTargetPlatform",
    description: "Setting platform to predefined $TARGETPLATFORM in FROM is redundant as this is the default behavior",
    url: "https://docs.docker.com/go/dockerfile/rule/redundant-target-platform/",
    docs: include_str!("../../docs/lints/redundant-target-platform.md"),
    aliases: &["DL3065"],
    hadolint: Level::Warning,
    fixable: true,
    ..Lint::OFFICIAL
};

/// Looks at an expanded `--platform`; `target` is the value of `TARGETPLATFORM`.
pub(crate) fn check(
    instruction: &Instruction,
    from: &From,
    word: &Word,
    expanded: &Expanded,
    target: &str,
) -> Option<Finding> {
    let only = expanded.unmatched.is_empty()
        && expanded.matched.len() == 1
        && expanded.matched.contains("TARGETPLATFORM")
        && expanded.text == target;
    if !only {
        return None;
    }
    let message = format!(
        "Setting platform to predefined {} in FROM is redundant as this is the default behavior",
        word.to_str_lossy()
    );
    let flag = instruction
        .flags
        .iter()
        .find(|f| f.text.starts_with(b"--platform"))
        .map_or(word.range, |f| f.range);
    let edit = (
        TextRange::new(flag.start, from.base.range.start),
        String::new(),
    );
    Some(Finding::new(&LINT, instruction, flag, message).with_fix("remove the flag", vec![edit]))
}
