//! `CMD`: the default command.

use super::{Form, Keyword, Kind, Line, Part, Problem, Spec};

pub(super) static SPEC: Spec = Spec {
    keyword: Keyword::Cmd,
    summary: "Sets the command a container runs when none is given, or the arguments of its entry point.",
    forms: &[
        Form {
            text: r#"CMD ["program", "argument", ...]"#,
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
            text: r#"CMD ["argument", "argument", ...]"#,
            parts: &[
                Part {
                    text: "[",
                    doc: "Begins a JSON array of default arguments of `ENTRYPOINT`.",
                },
                Part {
                    text: r#""argument""#,
                    doc: "First default argument of `ENTRYPOINT`.",
                },
                Part {
                    text: r#""argument""#,
                    doc: "Second default argument.",
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
            text: "CMD program argument ...",
            parts: &[
                Part {
                    text: "program",
                    doc: "Program the shell starts.",
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
    snippets: &[r#"CMD ["${1:program}"]"#],
    flags: &[],
    docs: include_str!("../../docs/instructions/cmd.md"),
    source: "Dockerfile reference, section \"CMD\"; BuildKit `instructions/parse.go`, `parseCmd`",
    lower,
};

fn lower(line: Line<'_>) -> Result<Kind, Problem> {
    line.flags()?;
    Ok(Kind::Cmd(line.command()))
}
