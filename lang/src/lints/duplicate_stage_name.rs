//! No stage name twice.

use super::{Finding, Level, Lint};
use crate::instructions::{Dockerfile, Kind};
use crate::quote::quote;
use std::collections::HashSet;

pub(super) const LINT: Lint = Lint {
    name: "DuplicateStageName",
    description: "Stage names should be unique",
    url: "https://docs.docker.com/go/dockerfile/rule/duplicate-stage-name/",
    docs: include_str!("../../docs/lints/duplicate-stage-name.md"),
    aliases: &["DL3024", "DUPLICATE_BUILD_STAGE_NAME"],
    hadolint: Level::Error,
    ..Lint::OFFICIAL
};

/// Looks at the names of all stages.
pub(crate) fn check(file: &Dockerfile) -> Vec<Finding> {
    let mut seen = HashSet::new();
    let mut found = Vec::new();
    for stage in &file.stages {
        let Kind::From(from) = &stage.from.kind else {
            continue;
        };
        let Some(name) = &from.name else { continue };
        if !seen.insert(&name.text) {
            let message = format!(
                "Duplicate stage name {}, stage names should be unique",
                quote(&name.text)
            );
            found.push(Finding::new(&LINT, &stage.from, name.range, message));
        }
    }
    found
}
