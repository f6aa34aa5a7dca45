//! Defaults of global arguments give a valid base image.

use super::{Finding, Lint};
use crate::instructions::{From, Instruction};
use crate::model::reference::Reference;

pub(super) const LINT: Lint = Lint {
    name: "InvalidDefaultArgInFrom",
    description: "Default value for global ARG results in an empty or invalid base image name",
    url: "https://docs.docker.com/go/dockerfile/rule/invalid-default-arg-in-from/",
    docs: include_str!("../../docs/lints/invalid-default-arg-in-from.md"),
    aliases: &["BASE_NAME_EMPTY"],
    ..Lint::OFFICIAL
};

/// Looks at a base name expanded with default values only.
pub(crate) fn check(instruction: &Instruction, from: &From, by_default: &str) -> Option<Finding> {
    Reference::parse_normalized(by_default).is_err().then(|| {
        let message = format!(
            "Default value for ARG {} results in empty or invalid base image name",
            from.base.to_str_lossy()
        );
        Finding::new(&LINT, instruction, from.base.range, message)
    })
}
