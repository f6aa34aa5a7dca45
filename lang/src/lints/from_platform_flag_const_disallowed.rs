//! No constant `--platform`.

use super::{Finding, Lint};
use crate::instructions::{From, Instruction};
use crate::model::expand::Expanded;
use crate::model::platform::Platform;
use crate::quote::quote;
use crate::text::Word;

pub(super) const LINT: Lint = Lint {
    name: "FromPlatformFlagConstDisallowed",
    description: "FROM --platform flag should not use a constant value",
    url: "https://docs.docker.com/go/dockerfile/rule/from-platform-flag-const-disallowed/",
    docs: include_str!("../../docs/lints/from-platform-flag-const-disallowed.md"),
    twin: Some("FromPlatformFlag"),
    ..Lint::OFFICIAL
};

/// Looks at an expanded `--platform`; a stage whose name says os or architecture may be constant.
pub(crate) fn check(
    instruction: &Instruction,
    from: &From,
    word: &Word,
    expanded: &Expanded,
    host: &Platform,
) -> Option<Finding> {
    if !expanded.matched.is_empty() || !expanded.unmatched.is_empty() {
        return None;
    }
    let platform = Platform::parse(&expanded.text, host).ok()?;
    let name = from
        .name
        .as_ref()
        .map(crate::text::Word::to_str_lossy)
        .unwrap_or_default();
    if name.contains(&platform.os) || name.contains(&platform.architecture) {
        return None;
    }
    let message = format!(
        "FROM --platform flag should not use constant value {}",
        quote(expanded.text.as_bytes())
    );
    Some(Finding::new(&LINT, instruction, word.range, message))
}
