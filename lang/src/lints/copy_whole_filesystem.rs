//! No copy of a whole image.

use super::subject::unquoted;
use super::{Finding, Level, Lint, Run, Subject};
use crate::instructions::Kind;

pub(super) const LINT: Lint = Lint {
    name: "CopyWholeFilesystem",
    aliases: &["DL3067"],
    description: "COPY --from should not take a whole file system",
    docs: include_str!("../../docs/lints/copy-whole-filesystem.md"),
    hadolint: Level::Warning,
    run: Run::File(check),
    ..Lint::OWN
};

/// Looks for `/` on both sides.
fn check(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    for instruction in subject.inner() {
        let Kind::Copy(copy) = &instruction.kind else {
            continue;
        };
        let whole = copy
            .sources
            .iter()
            .find(|source| unquoted(&source.text) == b"/");
        if let (Some(source), Some(_), b"/") = (whole, &copy.from, unquoted(&copy.dest.text)) {
            let message = "this copies every file of the other image; name what is needed, or continue it with FROM";
            found.push(Finding::new(&LINT, instruction, source.range, message));
        }
    }
}
