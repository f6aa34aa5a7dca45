//! `CMD`: the default command.

use super::{Keyword, Kind, Line, Problem, Spec};

pub(super) static SPEC: Spec = Spec {
    keyword: Keyword::Cmd,
    summary: "Sets the command a container runs when none is given, or the arguments of its entry point.",
    forms: &[r#"CMD ["program", "argument"]"#, r"CMD shell text"],
    flags: &[],
    docs: include_str!("../../docs/instructions/cmd.md"),
    source: "Dockerfile reference, section \"CMD\"; BuildKit `instructions/parse.go`, `parseCmd`",
    lower,
};

fn lower(line: Line<'_>) -> Result<Kind, Problem> {
    line.flags()?;
    Ok(Kind::Cmd(line.command()))
}
