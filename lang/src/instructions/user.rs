//! `USER`: who runs commands.

use super::{Keyword, Kind, Line, Problem, Spec};

pub(super) static SPEC: Spec = Spec {
    keyword: Keyword::User,
    summary: "Sets the user and group for the following instructions and for containers.",
    forms: &[r"USER user[:group]"],
    flags: &[],
    docs: include_str!("../../docs/instructions/user.md"),
    source: "Dockerfile reference, section \"USER\"; BuildKit `instructions/parse.go`, `parseUser`",
    lower,
};

fn lower(mut line: Line<'_>) -> Result<Kind, Problem> {
    let user = line.exactly_one()?;
    line.flags()?;
    Ok(Kind::User(user))
}
