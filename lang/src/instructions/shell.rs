//! `SHELL`: the shell of text forms.

use super::{Keyword, Kind, Line, Problem, Spec};

pub(super) static SPEC: Spec = Spec {
    keyword: Keyword::Shell,
    summary: "Sets the shell that runs the text forms of `RUN`, `CMD` and `ENTRYPOINT`.",
    forms: &[r#"SHELL ["program", "argument"]"#],
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
