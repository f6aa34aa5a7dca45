//! `FROM`: begins a stage.

use super::flags::{Flag, FlagKind};
use super::{FLAGS, Form, From, Keyword, Kind, Line, Part, Problem, Spec};
use crate::quote::quote;
use crate::rune;
use crate::text::Word;
use bstr::BString;

pub(super) static SPEC: Spec = Spec {
    keyword: Keyword::From,
    summary: "Begins a build stage from an image, an earlier stage or nothing (`scratch`).",
    forms: &[
        Form {
            text: "FROM [flags] image",
            parts: &[
                FLAGS,
                Part {
                    text: "image",
                    doc: "Image, earlier stage, or `scratch` for nothing.",
                },
            ],
        },
        Form {
            text: "FROM [flags] image:tag",
            parts: &[
                FLAGS,
                Part {
                    text: "image",
                    doc: "Name of the image.",
                },
                Part {
                    text: "tag",
                    doc: "Tag; `latest` when absent.",
                },
            ],
        },
        Form {
            text: "FROM [flags] image@digest",
            parts: &[
                FLAGS,
                Part {
                    text: "image",
                    doc: "Name of the image.",
                },
                Part {
                    text: "digest",
                    doc: "Digest of the exact image, `sha256:…`.",
                },
            ],
        },
        Form {
            text: "FROM [flags] image AS name",
            parts: &[
                FLAGS,
                Part {
                    text: "image",
                    doc: "Image, earlier stage, or `scratch` for nothing.",
                },
                Part {
                    text: "AS",
                    doc: "Gives the stage a name.",
                },
                Part {
                    text: "name",
                    doc: "Name of the stage: lower case, begins with a letter.",
                },
            ],
        },
        Form {
            text: "FROM [flags] image:tag AS name",
            parts: &[
                FLAGS,
                Part {
                    text: "image",
                    doc: "Name of the image.",
                },
                Part {
                    text: "tag",
                    doc: "Tag; `latest` when absent.",
                },
                Part {
                    text: "AS",
                    doc: "Gives the stage a name.",
                },
                Part {
                    text: "name",
                    doc: "Name of the stage: lower case, begins with a letter.",
                },
            ],
        },
        Form {
            text: "FROM [flags] image@digest AS name",
            parts: &[
                FLAGS,
                Part {
                    text: "image",
                    doc: "Name of the image.",
                },
                Part {
                    text: "digest",
                    doc: "Digest of the exact image, `sha256:…`.",
                },
                Part {
                    text: "AS",
                    doc: "Gives the stage a name.",
                },
                Part {
                    text: "name",
                    doc: "Name of the stage: lower case, begins with a letter.",
                },
            ],
        },
    ],
    snippets: &["FROM ${1:image}", "FROM ${1:image} AS ${2:name}"],
    flags: &[Flag {
        name: "platform",
        kind: FlagKind::Text,
        value: "os[/arch[/variant]]",
        example: "linux/arm64",
        choices: &[],
        doc: "Platform of the base image, when it has several.",
    }],
    docs: include_str!("../../docs/instructions/from.md"),
    source: "Dockerfile reference, section \"FROM\"; BuildKit `instructions/parse.go`, `parseFrom`",
    lower,
};

fn lower(line: Line<'_>) -> Result<Kind, Problem> {
    let (name, as_keyword, name_as_written) = stage_name(&line)?;
    let flags = line.flags()?;
    Ok(Kind::From(Box::new(From {
        base: line.args[0].clone(),
        doc: name.as_ref().and_then(|name| line.doc(&name.text)),
        name,
        name_as_written,
        as_keyword,
        platform: flags.non_empty("platform"),
    })))
}

type StageName = (Option<Word>, Option<Word>, Option<BString>);

/// The name behind `AS`: lowercased, with the keyword and the name as written.
fn stage_name(line: &Line<'_>) -> Result<StageName, Problem> {
    match line.args.as_slice() {
        [_] => Ok((None, None, None)),
        [_, as_keyword, name] if is_as(&as_keyword.text) => {
            let lower = rune::lower(&name.text);
            if !is_valid(&lower) {
                let quoted = quote(&name.text);
                let message = format!(
                    "invalid name for build stage: {quoted}, name can't start with a number or contain symbols"
                );
                return Err(Problem::new("bad-stage-name", message, name.range));
            }
            Ok((
                Some(Word::new(lower, name.range)),
                Some(as_keyword.clone()),
                Some(name.text.clone()),
            ))
        }
        args => {
            let range = args
                .iter()
                .map(|w| w.range)
                .reduce(crate::text::TextRange::cover);
            let message = "FROM requires either one or three arguments";
            Err(Problem::new(
                "bad-from",
                message,
                range.unwrap_or(line.node.keyword.range),
            ))
        }
    }
}

/// `as` in any case; Unicode folds the long s with it.
fn is_as(word: &[u8]) -> bool {
    word.eq_ignore_ascii_case(b"as")
        || matches!(std::str::from_utf8(word), Ok("a\u{17f}" | "A\u{17f}"))
}

/// `^[a-z][a-z0-9-_.]*$`.
fn is_valid(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.bytes().all(|b| {
            b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_' | b'.')
        })
}
