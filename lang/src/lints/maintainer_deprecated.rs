//! `LABEL` instead of `MAINTAINER`.

use super::{Finding, Level, Lint};
use crate::instructions::{Instruction, Kind};
use bstr::ByteSlice;

pub(super) const LINT: Lint = Lint {
    name: "MaintainerDeprecated",
    description: "The MAINTAINER instruction is deprecated, use a label instead to define an image author",
    url: "https://docs.docker.com/go/dockerfile/rule/maintainer-deprecated/",
    docs: include_str!("../../docs/lints/maintainer-deprecated.md"),
    aliases: &["DL4000", "DEPRECATED_MAINTAINER"],
    hadolint: Level::Error,
    fixable: true,
    ..Lint::OFFICIAL
};

/// Looks for `MAINTAINER`.
pub(crate) fn check(instruction: &Instruction) -> Option<Finding> {
    let Kind::Maintainer(author) = &instruction.kind else {
        return None;
    };
    let message = "Maintainer instruction is deprecated in favor of using label".to_owned();
    let finding = Finding::new(&LINT, instruction, instruction.range, message);
    // Characters that mean something between double quotes would need the file's escape character.
    let Some(author) = author
        .text
        .to_str()
        .ok()
        .filter(|a| !a.contains(['"', '\\', '$', '`', '\n']))
    else {
        return Some(finding);
    };
    let label = format!("LABEL org.opencontainers.image.authors=\"{author}\"");
    Some(finding.with_fix("use a label", vec![(instruction.range, label)]))
}
