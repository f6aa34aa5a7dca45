//! `ONBUILD`: triggers for child images.

use super::{Form, Keyword, Kind, Line, Part, Problem, Spec};
use crate::rune;
use crate::text::Word;
use bstr::ByteSlice;

pub(super) static SPEC: Spec = Spec {
    keyword: Keyword::Onbuild,
    summary: "Stores an instruction that runs when another build uses this image as its base.",
    forms: &[Form {
        text: "ONBUILD instruction",
        parts: &[Part {
            text: "instruction",
            doc: "Instruction that runs in the build of a child image.",
        }],
    }],
    snippets: &["ONBUILD ${1:instruction}"],
    flags: &[],
    docs: include_str!("../../docs/instructions/onbuild.md"),
    source: "Dockerfile reference, section \"ONBUILD\"; BuildKit `instructions/parse.go`, `parseOnBuild`",
    lower,
};

fn lower(line: Line<'_>) -> Result<Kind, Problem> {
    let Some(trigger) = line.parse.sub(line.node) else {
        return Err(line.missing("at least one argument"));
    };
    line.flags()?;
    let keyword = line.parse.text(line.source, trigger.keyword.text);
    let upper = rune::upper(rune::trimmed(keyword));
    let message = match upper.as_str() {
        "ONBUILD" => "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed".to_owned(),
        "MAINTAINER" | "FROM" => format!("{upper} isn't allowed as an ONBUILD trigger"),
        _ => return Ok(Kind::Onbuild(expression(&line))),
    };
    Err(Problem::new("bad-trigger", message, trigger.keyword.range))
}

/// The text that is stored: the line without the keyword, then the here documents as written.
fn expression(line: &Line<'_>) -> Word {
    let original = line.parse.text(line.source, line.node.original);
    let space = |text: &[u8]| {
        text.iter()
            .take_while(|b| matches!(b, b'\t' | b'\n' | 0x0c | b'\r' | b' '))
            .count()
    };
    let start = space(original);
    let keyword = line.keyword.upper().len();
    let mut text = original.to_vec();
    // Only the plain spelling is cut: the reference compares without regard to case, not character by character.
    if original[start..]
        .get(..keyword)
        .is_some_and(|k| k.eq_ignore_ascii_case(b"ONBUILD"))
    {
        let behind = start + keyword;
        text.drain(..behind + space(&original[behind..]));
    }
    for heredoc in line.parse.heredocs(line.node) {
        text.push(b'\n');
        text.extend_from_slice(
            &line.source[heredoc.body.start as usize..heredoc.body.end as usize],
        );
        text.extend_from_slice(heredoc.name.as_bytes());
    }
    let range = line.parse.text_range(line.node.argument_text);
    Word::new(
        text,
        range.cover(crate::text::TextRange::new(
            range.start,
            line.node.range.end,
        )),
    )
}
