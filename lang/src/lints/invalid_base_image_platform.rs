//! The base image has the platform that was asked for.

use super::{Finding, Lint};
use crate::instructions::{From, Instruction};
use crate::model::platform::Platform;
use crate::quote::quote;

pub(super) const LINT: Lint = Lint {
    name: "InvalidBaseImagePlatform",
    description: "Base image platform does not match expected target platform",
    url: "",
    docs: include_str!("../../docs/lints/invalid-base-image-platform.md"),
    ..Lint::OFFICIAL
};

/// Compares the platform of a base image with the wanted one; variants may differ.
pub(crate) fn check(
    instruction: &Instruction,
    from: &From,
    name: &str,
    expected: &Platform,
    actual: &Platform,
) -> Option<Finding> {
    if (&expected.os, &expected.architecture) == (&actual.os, &actual.architecture) {
        return None;
    }
    let show = |p: &Platform| quote(p.normalize().format_all().as_bytes());
    let message = format!(
        "Base image {name} was pulled with platform {}, expected {} for current build",
        show(actual),
        show(expected)
    );
    Some(Finding::new(&LINT, instruction, from.base.range, message))
}
