//! No comments that silence rules for one instruction.

use super::{Finding, Lint, Run, Subject};
use crate::text::LineSpan;

pub(super) const LINT: Lint = Lint {
    name: "InlineIgnoreComment",
    aliases: &["DL1001"],
    description: "Rules should not be silenced by comments at single instructions",
    docs: include_str!("../../docs/lints/inline-ignore-comment.md"),
    run: Run::File(check),
    ..Lint::OWN
};

/// Looks at the comments that name rules to ignore below.
fn check(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    found.extend(subject.pragmas.ignoring().iter().map(|range| {
        let line = subject.file.lines().line_column(range.start).0 + 1;
        Finding::at(
            &LINT,
            LineSpan::new(line, line),
            *range,
            "rules are silenced here; mend what they find, or set their level in the configuration",
        )
    }));
}
