//! `MAINTAINER`: the author (deprecated).

use super::{Form, Keyword, Kind, Line, Part, Problem, Spec};

pub(super) static SPEC: Spec = Spec {
    keyword: Keyword::Maintainer,
    summary: "Sets the author of the image; deprecated, use `LABEL org.opencontainers.image.authors`.",
    forms: &[Form {
        text: "MAINTAINER name",
        parts: &[Part {
            text: "name",
            doc: "Author of the image; everything up to the end of the line.",
        }],
    }],
    snippets: &["MAINTAINER ${1:name}"],
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
