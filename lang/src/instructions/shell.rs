//! `SHELL`: the shell of text forms.

use super::{Form, Keyword, Kind, Line, Part, Problem, Spec};

pub(super) static SPEC: Spec = Spec {
    keyword: Keyword::Shell,
    summary: "Sets the shell that runs the text forms of `RUN`, `CMD` and `ENTRYPOINT`.",
    forms: &[Form {
        text: r#"SHELL ["program", "argument", ...]"#,
        parts: &[
            Part {
                text: "[",
                doc: "Begins a JSON array, the only form allowed.",
            },
            Part {
                text: r#""program""#,
                doc: "Program of the shell.",
            },
            Part {
                text: r#""argument""#,
                doc: "First argument, such as `-c`; the text comes behind the last one.",
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
    }],
    snippets: &[
        r#"SHELL ["${1:program}"]"#,
        r#"SHELL ["/bin/bash", "-o", "pipefail", "-c"]"#,
    ],
    flags: &[],
    docs: include_str!("../../docs/instructions/shell.md"),
    source: "Dockerfile reference, section \"SHELL\"; BuildKit `instructions/parse.go`, `parseShell`",
    lower,
};

fn lower(line: Line<'_>) -> Result<Kind, Problem> {
    line.flags()?;
    line.at_least_one()?;
    if !line.node.json {
        let message = "SHELL requires the arguments to be in JSON form";
        return Err(Problem::new("shell-not-json", message, line.args[0].range));
    }
    Ok(Kind::Shell(line.args))
}
