//! `ENTRYPOINT`: the program of a container.

use super::{Form, Keyword, Kind, Line, Part, Problem, Spec};

pub(super) static SPEC: Spec = Spec {
    keyword: Keyword::Entrypoint,
    summary: "Sets the program a container always runs; arguments come from `CMD` or the command line.",
    forms: &[
        Form {
            text: r#"ENTRYPOINT ["program", "argument", ...]"#,
            parts: &[
                Part {
                    text: "[",
                    doc: "Begins a JSON array: no shell is involved.",
                },
                Part {
                    text: r#""program""#,
                    doc: "Program to start, found in `PATH` or by its path.",
                },
                Part {
                    text: r#""argument""#,
                    doc: "First argument of the program.",
                },
                Part {
                    text: "...",
                    doc: "More arguments.",
                },
                Part {
                    text: "]",
                    doc: "Ends the array.",
                },
            ],
        },
        Form {
            text: "ENTRYPOINT program argument ...",
            parts: &[
                Part {
                    text: "program",
                    doc: "Program the shell starts; `CMD` is ignored.",
                },
                Part {
                    text: "argument",
                    doc: "First argument of the program.",
                },
                Part {
                    text: "...",
                    doc: "More arguments.",
                },
            ],
        },
    ],
    snippets: &[r#"ENTRYPOINT ["${1:program}"]"#],
    flags: &[],
    docs: include_str!("../../docs/instructions/entrypoint.md"),
    source: "Dockerfile reference, section \"ENTRYPOINT\"; BuildKit `instructions/parse.go`, `parseEntrypoint`",
    lower,
};

fn lower(line: Line<'_>) -> Result<Kind, Problem> {
    line.flags()?;
    Ok(Kind::Entrypoint(line.command()))
}
