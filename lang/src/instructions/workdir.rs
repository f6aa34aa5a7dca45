//! `WORKDIR`: the working directory.

use super::{Form, Keyword, Kind, Line, Part, Problem, Spec};

pub(super) static SPEC: Spec = Spec {
    keyword: Keyword::Workdir,
    summary: "Sets the working directory, and makes it.",
    forms: &[Form {
        text: "WORKDIR path",
        parts: &[Part {
            text: "path",
            doc: "Folder: absolute, or below the one before. It is made when missing.",
        }],
    }],
    snippets: &["WORKDIR ${1:/path}"],
    flags: &[],
    docs: include_str!("../../docs/instructions/workdir.md"),
    source: "Dockerfile reference, section \"WORKDIR\"; BuildKit `instructions/parse.go`, `parseWorkdir`",
    lower,
};

fn lower(mut line: Line<'_>) -> Result<Kind, Problem> {
    let path = line.exactly_one()?;
    line.flags()?;
    Ok(Kind::Workdir(path))
}
