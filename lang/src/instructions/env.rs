//! `ENV`: environment variables.

use super::{Form, KeyValues, Keyword, Kind, Line, Part, Problem, Spec};

pub(super) static SPEC: Spec = Spec {
    keyword: Keyword::Env,
    summary: "Sets variables for the following instructions and for containers.",
    forms: &[
        Form {
            text: "ENV name value",
            parts: &[
                Part {
                    text: "name",
                    doc: "Name of the variable.",
                },
                Part {
                    text: "value",
                    doc: "Value: everything up to the end of the line. The old form.",
                },
            ],
        },
        Form {
            text: "ENV name=value",
            parts: &[
                Part {
                    text: "name",
                    doc: "Name of the variable.",
                },
                Part {
                    text: "value",
                    doc: "Value; quote it when it has spaces. Variables in it are expanded.",
                },
            ],
        },
        Form {
            text: "ENV name=value name2=value2 ...",
            parts: &[
                Part {
                    text: "name",
                    doc: "Name of the first variable.",
                },
                Part {
                    text: "value",
                    doc: "Value of the first variable.",
                },
                Part {
                    text: "name2",
                    doc: "Name of the next variable.",
                },
                Part {
                    text: "value2",
                    doc: "Value of the next variable.",
                },
                Part {
                    text: "...",
                    doc: "More pairs.",
                },
            ],
        },
    ],
    snippets: &["ENV ${1:name}=${2:value}"],
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
