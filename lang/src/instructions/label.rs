//! `LABEL`: metadata of the image.

use super::{Keyword, Kind, Line, Problem, Spec};

pub(super) static SPEC: Spec = Spec {
    keyword: Keyword::Label,
    summary: "Adds metadata to the image as names and values.",
    forms: &[r"LABEL name=value...", r"LABEL name value"],
    flags: &[],
    docs: include_str!("../../docs/instructions/label.md"),
    source: "Dockerfile reference, section \"LABEL\"; BuildKit `instructions/parse.go`, `parseLabel`",
    lower,
};

fn lower(line: Line<'_>) -> Result<Kind, Problem> {
    super::env::pairs(line).map(Kind::Label)
}
