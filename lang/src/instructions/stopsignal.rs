//! `STOPSIGNAL`: the signal that stops a container.

use super::{Form, Keyword, Kind, Line, Part, Problem, Spec};

pub(super) static SPEC: Spec = Spec {
    keyword: Keyword::Stopsignal,
    summary: "Sets the signal that asks a container to end.",
    forms: &[Form {
        text: "STOPSIGNAL signal",
        parts: &[Part {
            text: "signal",
            doc: "Name of a signal, with or without `SIG`, or its number.",
        }],
    }],
    snippets: &["STOPSIGNAL ${1:signal}"],
    flags: &[],
    docs: include_str!("../../docs/instructions/stopsignal.md"),
    source: "Dockerfile reference, section \"STOPSIGNAL\"; BuildKit `instructions/parse.go`, `parseStopSignal`",
    lower,
};

fn lower(mut line: Line<'_>) -> Result<Kind, Problem> {
    // Flags are ignored here, as in the reference.
    line.exactly_one().map(Kind::StopSignal)
}
