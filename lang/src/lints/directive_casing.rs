//! Directives in lower case.

use super::{Finding, Lint, Run, Subject};
use crate::text::LineSpan;
use bstr::ByteSlice;

pub(super) const LINT: Lint = Lint {
    name: "DirectiveCasing",
    aliases: &["CASING_DIRECTIVE"],
    description: "Parser directives should be written in lower case",
    docs: include_str!("../../docs/lints/directive-casing.md"),
    fixable: true,
    run: Run::File(check),
    ..Lint::OWN
};

/// Looks at the names of the directives at the head of the file.
fn check(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    for directive in subject.file.parse().directives() {
        let written = subject.file.text(directive.name_range);
        let lower = directive.name.text();
        if written == lower.as_bytes() {
            continue;
        }
        let finding = Finding::at(
            &LINT,
            LineSpan::new(directive.line, directive.line),
            directive.name_range,
            format!("`{}` is written `{lower}` by convention", written.as_bstr()),
        );
        let edit = (directive.name_range, lower.to_owned());
        found.push(finding.with_fix(format!("write `{lower}`"), vec![edit]));
    }
}
