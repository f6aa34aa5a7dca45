//! Base images have a tag or digest.

use super::image_name::ImageName;
use super::{Finding, Level, Lint, Run, Subject};
use crate::instructions::Kind;
use std::collections::HashSet;

pub(super) const LINT: Lint = Lint {
    name: "UntaggedImage",
    aliases: &["DL3006"],
    description: "The version of a base image should be given by a tag or digest",
    docs: include_str!("../../docs/lints/untagged-image.md"),
    hadolint: Level::Warning,
    run: Run::File(check),
    ..Lint::OWN
};

/// Looks at base names that are no earlier stage and no variable.
fn check(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    let mut stages = HashSet::new();
    for line in &subject.lines {
        let Kind::From(from) = &line.instruction.kind else {
            continue;
        };
        let image = ImageName::parse(&from.base.text);
        let exempt = image.has_digest
            || image.tag.is_some()
            || image.is_variable()
            || image.name == b"scratch"
            || stages.contains(&image.name.to_ascii_lowercase());
        if !exempt {
            let message = format!(
                "`{0}` means whatever `{0}:latest` is at the time of the build; add a tag or digest",
                from.base.to_str_lossy()
            );
            found.push(Finding::new(
                &LINT,
                line.instruction,
                from.base.range,
                message,
            ));
        }
        stages.extend(from.name.as_ref().map(|name| name.text.to_vec()));
    }
}
