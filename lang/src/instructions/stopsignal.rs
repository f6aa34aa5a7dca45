//! `STOPSIGNAL`: the signal that stops a container.

use super::{Keyword, Kind, Line, Problem, Spec};

pub(super) static SPEC: Spec = Spec {
    keyword: Keyword::Stopsignal,
    summary: "Sets the signal that asks a container to end.",
    forms: &[r"STOPSIGNAL signal"],
    flags: &[],
    docs: include_str!("../../docs/instructions/stopsignal.md"),
    source: "Dockerfile reference, section \"STOPSIGNAL\"; BuildKit `instructions/parse.go`, `parseStopSignal`",
    lower,
};

fn lower(mut line: Line<'_>) -> Result<Kind, Problem> {
    // Flags are ignored here, as in the reference.
    line.exactly_one().map(Kind::StopSignal)
}
