//! `MAINTAINER`: the author (deprecated).

use super::{Keyword, Kind, Line, Problem, Spec};

pub(super) static SPEC: Spec = Spec {
    keyword: Keyword::Maintainer,
    summary: "Sets the author of the image; deprecated, use `LABEL org.opencontainers.image.authors`.",
    forms: &[r"MAINTAINER name"],
    flags: &[],
    docs: include_str!("../../docs/instructions/maintainer.md"),
    source: "Dockerfile reference, section \"MAINTAINER\"; BuildKit `instructions/parse.go`, `parseMaintainer`",
    lower,
};

fn lower(mut line: Line<'_>) -> Result<Kind, Problem> {
    let name = line.exactly_one()?;
    line.flags()?;
    Ok(Kind::Maintainer(name))
}
