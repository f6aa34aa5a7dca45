//! No `latest`.

use super::image_name::ImageName;
use super::{Finding, Level, Lint, Run, Subject};
use crate::instructions::Kind;
use crate::text::TextRange;

pub(super) const LINT: Lint = Lint {
    name: "LatestTag",
    aliases: &["DL3007"],
    description: "Base images should not be named by the tag latest",
    docs: include_str!("../../docs/lints/latest-tag.md"),
    hadolint: Level::Warning,
    run: Run::File(check),
    ..Lint::OWN
};

/// Looks at the tags of base names without digest.
fn check(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    for line in &subject.lines {
        let Kind::From(from) = &line.instruction.kind else {
            continue;
        };
        let image = ImageName::parse(&from.base.text);
        if image.tag == Some(b"latest") && !image.has_digest {
            let end = from.base.range.end;
            let range = TextRange::new(
                end - (b"latest".len() as u32).min(from.base.range.len()),
                end,
            );
            let message = "`latest` moves with every release; name the version that is meant";
            found.push(Finding::new(&LINT, line.instruction, range, message));
        }
    }
}
