//! One `CMD` a stage.

use super::{Finding, Level, Lint, Run, Subject};
use crate::instructions::Kind;

pub(super) const LINT: Lint = Lint {
    name: "MultipleCmds",
    aliases: &["DL4003"],
    description: "A stage should have one CMD",
    docs: include_str!("../../docs/lints/multiple-cmds.md"),
    hadolint: Level::Warning,
    fixable: true,
    run: Run::File(check),
    ..Lint::OWN
};

/// Looks at every `CMD` behind the first of its stage.
fn check(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    let repeated = subject.repeated(|kind| matches!(kind, Kind::Cmd(_)));
    found.extend(repeated.map(|(earlier, later)| {
        let message = "only the last CMD of a stage counts; remove the one above";
        let edit = (subject.whole_lines(earlier), String::new());
        Finding::new(&LINT, later, later.keyword.range, message)
            .with_fix("remove the CMD without effect", vec![edit])
    }));
}
