//! `COPY`: copies files.

use super::flags::Flags;
use super::flags::{Flag, FlagKind};
use super::{Copy, Heredoc, Keyword, Kind, Line, Problem, Spec};
use crate::syntax::heredoc;
use crate::text::{TextRange, Word};
use bstr::{BString, ByteSlice};

pub(super) static SPEC: Spec = Spec {
    keyword: Keyword::Copy,
    summary: "Copies files from the build context, a named context, another stage or an image.",
    forms: &[
        r"COPY [flags] source... destination",
        r#"COPY [flags] ["source", "destination"]"#,
        r"COPY <<NAME destination",
    ],
    flags: &[
        Flag {
            name: "from",
            kind: FlagKind::Text,
            value: "stage|image|context",
            doc: "Takes the sources from a stage, an image or a named context instead of the build context.",
        },
        Flag {
            name: "chown",
            kind: FlagKind::Text,
            value: "user[:group]",
            doc: "Owner of the copied files; names are looked up in the files of the stage.",
        },
        Flag {
            name: "chmod",
            kind: FlagKind::Text,
            value: "mode",
            doc: "Permissions of the copied files, octal (`755`) or symbolic (`u=rwX,go-w`).",
        },
        Flag {
            name: "link",
            kind: FlagKind::Bool,
            value: "true|false",
            doc: "Makes an own layer that does not depend on the files below it, so it stays cached when they change.",
        },
        Flag {
            name: "parents",
            kind: FlagKind::Bool,
            value: "true|false",
            doc: "Keeps the folders of a source path, from its `/./` on.",
        },
        Flag {
            name: "exclude",
            kind: FlagKind::List,
            value: "pattern",
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
