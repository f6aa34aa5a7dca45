//! `COPY`: copies files.

use super::flags::Flags;
use super::flags::{Flag, FlagKind};
use super::{Copy, FLAGS, Form, Heredoc, Keyword, Kind, Line, Part, Problem, Spec};
use crate::syntax::heredoc;
use crate::text::{TextRange, Word};
use bstr::{BString, ByteSlice};

pub(super) static SPEC: Spec = Spec {
    keyword: Keyword::Copy,
    summary: "Copies files from the build context, a named context, another stage or an image.",
    forms: &[
        Form {
            text: "COPY [flags] source ... destination",
            parts: &[
                FLAGS,
                Part {
                    text: "source",
                    doc: "Path in the build context, or where `--from` says; `*`, `?` and `[…]` match names.",
                },
                Part {
                    text: "...",
                    doc: "More sources.",
                },
                Part {
                    text: "destination",
                    doc: "Where the files go: absolute, or below the working directory. `/` at its end says it is a folder.",
                },
            ],
        },
        Form {
            text: r#"COPY [flags] ["source", ..., "destination"]"#,
            parts: &[
                FLAGS,
                Part {
                    text: "[",
                    doc: "Begins a JSON array; for names with spaces.",
                },
                Part {
                    text: r#""source""#,
                    doc: "Path in the build context, or where `--from` says; `*`, `?` and `[…]` match names.",
                },
                Part {
                    text: "...",
                    doc: "More sources.",
                },
                Part {
                    text: r#""destination""#,
                    doc: "Where the files go: absolute, or below the working directory. `/` at its end says it is a folder.",
                },
                Part {
                    text: "]",
                    doc: "Ends the array.",
                },
            ],
        },
        Form {
            text: "COPY [flags] <<NAME destination",
            parts: &[
                FLAGS,
                Part {
                    text: "<<NAME",
                    doc: "Begins a here document; the file has its lines. Quote the name to keep variables as they are.",
                },
                Part {
                    text: "destination",
                    doc: "Where the files go: absolute, or below the working directory. `/` at its end says it is a folder.",
                },
            ],
        },
    ],
    snippets: &[
        "COPY ${1:source} ${2:destination}",
        "COPY --from=${1:stage} ${2:source} ${3:destination}",
        "COPY <<EOF ${1:destination}\n$0\nEOF",
    ],
    flags: &[
        Flag {
            name: "from",
            kind: FlagKind::Text,
            value: "stage|image|context",
            example: "stage",
            choices: &[],
            doc: "Takes the sources from a stage, an image or a named context instead of the build context.",
        },
        Flag {
            name: "chown",
            kind: FlagKind::Text,
            value: "user[:group]",
            example: "user:group",
            choices: &[],
            doc: "Owner of the copied files; names are looked up in the files of the stage.",
        },
        Flag {
            name: "chmod",
            kind: FlagKind::Text,
            value: "mode",
            example: "755",
            choices: &[],
            doc: "Permissions of the copied files, octal (`755`) or symbolic (`u=rwX,go-w`).",
        },
        Flag {
            name: "link",
            kind: FlagKind::Bool,
            value: "true|false",
            example: "",
            choices: &["true", "false"],
            doc: "Makes an own layer that does not depend on the files below it, so it stays cached when they change.",
        },
        Flag {
            name: "parents",
            kind: FlagKind::Bool,
            value: "true|false",
            example: "",
            choices: &["true", "false"],
            doc: "Keeps the folders of a source path, from its `/./` on.",
        },
        Flag {
            name: "exclude",
            kind: FlagKind::List,
            value: "pattern",
            example: "pattern",
            choices: &[],
            doc: "Leaves out files that match an ignore pattern; may be repeated.",
        },
    ],
    docs: include_str!("../../docs/instructions/copy.md"),
    source: "Dockerfile reference, section \"COPY\"; BuildKit `instructions/parse.go`, `parseCopy`",
    lower,
};

fn lower(line: Line<'_>) -> Result<Kind, Problem> {
    let (sources, heredocs, dest, flags) = operands(line)?;
    Ok(Kind::Copy(Box::new(Copy {
        sources,
        heredocs,
        dest,
        from: flags.non_empty("from"),
        chown: flags.non_empty("chown"),
        chmod: flags.non_empty("chmod"),
        link: flags.bool("link").unwrap_or(false),
        parents: flags.bool("parents").unwrap_or(false),
        exclude: flags.list("exclude"),
        ..Copy::default()
    })))
}

/// Sources, here documents, destination and flags, checked in the official order.
pub(super) fn operands(line: Line<'_>) -> Result<(Vec<Word>, Vec<Heredoc>, Word, Flags), Problem> {
    let [_, .., dest] = line.args.as_slice() else {
        let what = "at least two arguments, but only one was provided. Destination could not be determined";
        return Err(line.missing(what));
    };
    let flags = line.flags()?;
    // A word whose quotes do not balance is an ordinary path.
    let opener = |word: &Word| heredoc::opener(&word.text).ok().flatten();
    if opener(dest).is_some() {
        let message = format!(
            "{} cannot accept a heredoc as a destination",
            line.keyword.upper()
        );
        return Err(Problem::new("heredoc-destination", message, dest.range));
    }
    let bodies = line.heredocs();
    let mut paths = line.args;
    let dest = paths.pop().unwrap_or_default();
    let mut heredocs = Vec::new();
    paths.retain(|source| match opener(source) {
        Some(opener) => {
            heredocs.push(resolve(&opener, &bodies, source.range));
            false
        }
        None => true,
    });
    Ok((paths, heredocs, dest, flags))
}

/// Finds the body of a source by name: the last one wins. Without any the content is empty.
fn resolve(opener: &heredoc::Opener, bodies: &[Heredoc], range: TextRange) -> Heredoc {
    let body = bodies.iter().rev().find(|b| b.name == opener.name);
    Heredoc {
        name: opener.name.clone(),
        fd: opener.fd,
        expand: opener.expand,
        chomp: body.is_some_and(|b| b.chomp),
        content: body.map_or_else(BString::default, |b| b.content.as_bytes().into()),
        range: body.map_or(range, |b| b.range),
    }
}
