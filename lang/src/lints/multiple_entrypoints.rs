//! One `ENTRYPOINT` a stage.

use super::{Finding, Level, Lint, Run, Subject};
use crate::instructions::Kind;

pub(super) const LINT: Lint = Lint {
    name: "MultipleEntrypoints",
    aliases: &["DL4004"],
    description: "A stage should have one ENTRYPOINT",
    docs: include_str!("../../docs/lints/multiple-entrypoints.md"),
    hadolint: Level::Error,
    fixable: true,
    run: Run::File(check),
    ..Lint::OWN
};

/// Looks at every `ENTRYPOINT` behind the first of its stage.
fn check(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    let repeated = subject.repeated(|kind| matches!(kind, Kind::Entrypoint(_)));
    found.extend(repeated.map(|(earlier, later)| {
        let message = "only the last ENTRYPOINT of a stage counts; remove the one above";
        let edit = (subject.whole_lines(earlier), String::new());
        Finding::new(&LINT, later, later.keyword.range, message)
            .with_fix("remove the ENTRYPOINT without effect", vec![edit])
    }));
}
