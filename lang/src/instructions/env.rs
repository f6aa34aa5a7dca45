//! `ENV`: environment variables.

use super::{KeyValues, Keyword, Kind, Line, Problem, Spec};

pub(super) static SPEC: Spec = Spec {
    keyword: Keyword::Env,
    summary: "Sets variables for the following instructions and for containers.",
    forms: &[r"ENV name=value...", r"ENV name value"],
    flags: &[],
    docs: include_str!("../../docs/instructions/env.md"),
    source: "Dockerfile reference, section \"ENV\"; BuildKit `instructions/parse.go`, `parseEnv`",
    lower,
};

fn lower(line: Line<'_>) -> Result<Kind, Problem> {
    pairs(line).map(Kind::Env)
}

/// Name and value pairs of `ENV` and `LABEL`.
pub(super) fn pairs(line: Line<'_>) -> Result<KeyValues, Problem> {
    line.flags()?;
    line.at_least_one()?;
    let mut values = KeyValues {
        pairs: Vec::new(),
        legacy: false,
    };
    let mut words = line.args.into_iter();
    while let (Some(name), Some(value), Some(separator)) =
        (words.next(), words.next(), words.next())
    {
        if name.text.is_empty() {
            let message = format!("{} names can not be blank", line.keyword.upper());
            return Err(Problem::new(
                "blank-name",
                message,
                name.range.cover(separator.range),
            ));
        }
        values.legacy |= separator.text.is_empty();
        values.pairs.push((name, value));
    }
    Ok(values)
}
