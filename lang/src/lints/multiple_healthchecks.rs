//! One `HEALTHCHECK` a stage.

use super::{Finding, Level, Lint, Run, Subject};
use crate::instructions::Kind;

pub(super) const LINT: Lint = Lint {
    name: "MultipleHealthchecks",
    aliases: &["DL3012"],
    description: "A stage should have one HEALTHCHECK",
    docs: include_str!("../../docs/lints/multiple-healthchecks.md"),
    hadolint: Level::Error,
    fixable: true,
    run: Run::File(check),
    ..Lint::OWN
};

/// Looks at every `HEALTHCHECK` behind the first of its stage.
fn check(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    let repeated = subject.repeated(|kind| matches!(kind, Kind::Healthcheck(_)));
    found.extend(repeated.map(|(earlier, later)| {
        let message = "only the last HEALTHCHECK of a stage counts; remove the one above";
        let edit = (subject.whole_lines(earlier), String::new());
        Finding::new(&LINT, later, later.keyword.range, message)
            .with_fix("remove the HEALTHCHECK without effect", vec![edit])
    }));
}
