//! `COPY --from` names another stage.

use super::{Finding, Level, Lint, Run, Subject};
use crate::instructions::Kind;

pub(super) const LINT: Lint = Lint {
    name: "CopyFromOwnStage",
    aliases: &["DL3023"],
    description: "COPY --from cannot name the stage it stands in",
    docs: include_str!("../../docs/lints/copy-from-own-stage.md"),
    hadolint: Level::Error,
    run: Run::File(check),
    ..Lint::OWN
};

/// Compares `--from` with the name of the stage.
fn check(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    let mut own = None;
    for line in &subject.lines {
        if let Kind::From(from) = &line.instruction.kind {
            own = from.name.as_ref();
        }
        if let (Kind::Copy(copy), Some(own)) = (&line.inner().kind, own)
            && let Some(from) = &copy.from
            && from.text.eq_ignore_ascii_case(&own.text)
        {
            let message = format!(
                "`{}` is this stage itself; leave --from out or name another",
                own.to_str_lossy()
            );
            found.push(Finding::new(&LINT, line.inner(), from.range, message));
        }
    }
}
