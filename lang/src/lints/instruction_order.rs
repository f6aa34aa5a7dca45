//! A file begins with `FROM` or `ARG`.

use super::{Finding, Level, Lint, Run, Subject};
use crate::instructions::Kind;

pub(super) const LINT: Lint = Lint {
    name: "InstructionOrder",
    aliases: &["DL3061"],
    description: "A Dockerfile should begin with FROM or ARG",
    docs: include_str!("../../docs/lints/instruction-order.md"),
    hadolint: Level::Error,
    run: Run::File(check),
    ..Lint::OWN
};

/// Looks at what stands before the first `FROM`.
fn check(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    let before = subject.lines.iter().take_while(|line| line.stage == 0);
    for line in before.filter(|line| !matches!(line.instruction.kind, Kind::Arg(_))) {
        let keyword = &line.instruction.keyword;
        let message = format!(
            "{} has no image to work on; begin with FROM",
            keyword.to_str_lossy()
        );
        found.push(Finding::new(
            &LINT,
            line.instruction,
            keyword.range,
            message,
        ));
    }
}
