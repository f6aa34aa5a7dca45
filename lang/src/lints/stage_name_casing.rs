//! Stage names in lowercase.

use super::{Finding, Lint};
use crate::instructions::{From, Instruction};
use bstr::ByteSlice;

pub(super) const LINT: Lint = Lint {
    name: "StageNameCasing",
    description: "Stage names should be lowercase",
    url: "https://docs.docker.com/go/dockerfile/rule/stage-name-casing/",
    docs: include_str!("../../docs/lints/stage-name-casing.md"),
    fixable: true,
    ..Lint::OFFICIAL
};

/// Looks at a stage's name as written.
pub(crate) fn check(instruction: &Instruction, from: &From) -> Option<Finding> {
    let (name, written) = (from.name.as_ref()?, from.name_as_written.as_ref()?);
    let lower = written.to_lowercase();
    if lower == **written {
        return None;
    }
    let message = format!(
        "Stage name '{}' should be lowercase",
        written.to_str_lossy()
    );
    let edit = (name.range, lower.to_str_lossy().into_owned());
    Some(
        Finding::new(&LINT, instruction, name.range, message)
            .with_fix("make the stage name lowercase", vec![edit]),
    )
}
