//! `LABEL`: metadata of the image.

use super::{Form, Keyword, Kind, Line, Part, Problem, Spec};

pub(super) static SPEC: Spec = Spec {
    keyword: Keyword::Label,
    summary: "Adds metadata to the image as names and values.",
    forms: &[
        Form {
            text: "LABEL name value",
            parts: &[
                Part {
                    text: "name",
                    doc: "Name of the label.",
                },
                Part {
                    text: "value",
                    doc: "Value: everything up to the end of the line. The old form.",
                },
            ],
        },
        Form {
            text: "LABEL name=value",
            parts: &[
                Part {
                    text: "name",
                    doc: "Name of the label.",
                },
                Part {
                    text: "value",
                    doc: "Value; quote it when it has spaces. Variables in it are expanded.",
                },
            ],
        },
        Form {
            text: "LABEL name=value name2=value2 ...",
            parts: &[
                Part {
                    text: "name",
                    doc: "Name of the first label.",
                },
                Part {
                    text: "value",
                    doc: "Value of the first label.",
                },
                Part {
                    text: "name2",
                    doc: "Name of the next label.",
                },
                Part {
                    text: "value2",
                    doc: "Value of the next label.",
                },
                Part {
                    text: "...",
                    doc: "More pairs.",
                },
            ],
        },
    ],
    snippets: &[r#"LABEL ${1:name}="${2:value}""#],
    flags: &[],
    docs: include_str!("../../docs/instructions/label.md"),
    source: "Dockerfile reference, section \"LABEL\"; BuildKit `instructions/parse.go`, `parseLabel`",
    lower,
};

fn lower(line: Line<'_>) -> Result<Kind, Problem> {
    super::env::pairs(line).map(Kind::Label)
}
