//! Several sources need a folder.

use super::{Finding, Level, Lint, Run, Subject};
use crate::instructions::Kind;
use crate::text::TextRange;
use bstr::ByteSlice;

pub(super) const LINT: Lint = Lint {
    name: "CopyDestinationFolder",
    aliases: &["DL3021"],
    description: "COPY of several sources should end in a folder with a slash",
    docs: include_str!("../../docs/lints/copy-destination-folder.md"),
    hadolint: Level::Error,
    fixable: true,
    run: Run::File(check),
    ..Lint::OWN
};

/// Looks at the destination of a `COPY` with more than one source.
fn check(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    for instruction in subject.inner() {
        let Kind::Copy(copy) = &instruction.kind else {
            continue;
        };
        let dest = copy.dest.text.trim_end_with(|c| matches!(c, '"' | '\''));
        if copy.sources.len() + copy.heredocs.len() < 2 || dest.ends_with(b"/") {
            continue;
        }
        let message = format!(
            "`{}` takes several files, so it is a folder; end it with a slash",
            copy.dest.to_str_lossy()
        );
        let end = copy.dest.range.end - (copy.dest.text.len() - dest.len()) as u32;
        found.push(
            Finding::new(&LINT, instruction, copy.dest.range, message).with_fix(
                "add the slash",
                vec![(TextRange::new(end, end), "/".to_owned())],
            ),
        );
    }
}
