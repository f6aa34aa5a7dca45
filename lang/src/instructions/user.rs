//! `USER`: who runs commands.

use super::{Form, Keyword, Kind, Line, Part, Problem, Spec};

pub(super) static SPEC: Spec = Spec {
    keyword: Keyword::User,
    summary: "Sets the user and group for the following instructions and for containers.",
    forms: &[
        Form {
            text: "USER user",
            parts: &[Part {
                text: "user",
                doc: "Name of a user of the image.",
            }],
        },
        Form {
            text: "USER user:group",
            parts: &[
                Part {
                    text: "user",
                    doc: "Name of a user of the image.",
                },
                Part {
                    text: "group",
                    doc: "Name of a group of the image.",
                },
            ],
        },
        Form {
            text: "USER uid",
            parts: &[Part {
                text: "uid",
                doc: "Number of a user; needs no entry in the image.",
            }],
        },
        Form {
            text: "USER uid:gid",
            parts: &[
                Part {
                    text: "uid",
                    doc: "Number of a user; needs no entry in the image.",
                },
                Part {
                    text: "gid",
                    doc: "Number of a group.",
                },
            ],
        },
    ],
    snippets: &["USER ${1:user}", "USER ${1:user}:${2:group}"],
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
