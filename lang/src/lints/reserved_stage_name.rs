//! No stage called `scratch` or `context`.

use super::{Finding, Level, Lint};
use crate::instructions::{From, Instruction};
use crate::quote::quote;

pub(super) const LINT: Lint = Lint {
    name: "ReservedStageName",
    description: "Reserved words should not be used as stage names",
    url: "https://docs.docker.com/go/dockerfile/rule/reserved-stage-name/",
    docs: include_str!("../../docs/lints/reserved-stage-name.md"),
    aliases: &["DL3063"],
    hadolint: Level::Warning,
    ..Lint::OFFICIAL
};

/// Looks at a stage's name.
pub(crate) fn check(instruction: &Instruction, from: &From) -> Option<Finding> {
    let name = from.name.as_ref()?;
    (name.text == "scratch" || name.text == "context").then(|| {
        let message = format!(
            "Stage name should not use the same name as reserved stage {}",
            quote(&name.text)
        );
        Finding::new(&LINT, instruction, name.range, message)
    })
}
