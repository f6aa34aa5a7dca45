//! `ENTRYPOINT`: the program of a container.

use super::{Keyword, Kind, Line, Problem, Spec};

pub(super) static SPEC: Spec = Spec {
    keyword: Keyword::Entrypoint,
    summary: "Sets the program a container always runs; arguments come from `CMD` or the command line.",
    forms: &[
        r#"ENTRYPOINT ["program", "argument"]"#,
        r"ENTRYPOINT shell text",
    ],
    flags: &[],
    docs: include_str!("../../docs/instructions/entrypoint.md"),
    source: "Dockerfile reference, section \"ENTRYPOINT\"; BuildKit `instructions/parse.go`, `parseEntrypoint`",
    lower,
};

fn lower(line: Line<'_>) -> Result<Kind, Problem> {
    line.flags()?;
    Ok(Kind::Entrypoint(line.command()))
}
