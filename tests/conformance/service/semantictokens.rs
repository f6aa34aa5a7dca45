//! Semantic tokens: every byte that was recorded with a colour has a colour of ours that says the same.
//!
//! # What says the same
//!
//! | recorded | ours |
//! |---|---|
//! | keyword, comment, macro (the escape character at the end of a line) | the same |
//! | parameter (any plain text) | everything, since we look into the text; a comment only where the shell has one |
//! | property | property, number, class |
//! | class, namespace, label | class, namespace, label, property |
//! | string | string; a variable in it; the name of a here document that is quoted |
//! | variable | variable |
//! | operator, modifier (the signs inside `${…}`) | operator, or variable where the whole `${…}` has one colour |
//!
//! By the language, and so for us:
//!
//! - a directive that does not exist, or has no value, is a comment;
//! - what follows `#` in shell text is a comment, up to the end of the joined line;
//! - in single quotes and in the JSON strings of commands nothing is replaced, so a variable there is text;
//! - `$(` is no variable;
//! - a quote behind the escape character begins no string;
//! - the escape character at the end of a line is that in a string and in front of an instruction, too.
//!
//! The text behind the operator of a `${…}` is recorded as variable; ours may be string or parameter.

use super::{Case, Kind};
use bstr::ByteSlice;
use cooperage_lang::ide::tokens::{SemanticToken, TokenType, tokens};
use cooperage_lang::text::TextRange;
use serde_json::{Value, json};

pub(super) const KIND: Kind = Kind {
    name: "semantictokens",
    bar: 98.0,
    check,
};

/// The recorded types, by number.
#[derive(Clone, Copy, Debug)]
enum Recorded {
    Keyword,
    Comment,
    Parameter,
    Property,
    Namespace,
    Class,
    Macro,
    String,
    Variable,
    Operator,
    Modifier,
    Label,
}

const RECORDED: [Recorded; 12] = [
    Recorded::Keyword,
    Recorded::Comment,
    Recorded::Parameter,
    Recorded::Property,
    Recorded::Namespace,
    Recorded::Class,
    Recorded::Macro,
    Recorded::String,
    Recorded::Variable,
    Recorded::Operator,
    Recorded::Modifier,
    Recorded::Label,
];

fn check(case: &Case<'_>) -> Result<(), String> {
    let ours = tokens(&case.file, None);
    for (range, kind) in recorded(case)? {
        for offset in range.start..range.end {
            let got = at(&ours, offset);
            let blank = case.file.source()[offset as usize].is_ascii_whitespace();
            let same = got.is_some_and(|got| says_the_same(case, got, kind, range));
            if !blank && !same {
                let text = case.file.text(range).to_str_lossy();
                let got = got.map(|token| token.kind.name());
                return Err(format!("{kind:?} `{text}` at {offset} is {got:?}"));
            }
        }
    }
    Ok(())
}

/// The recorded tokens.
fn recorded(case: &Case<'_>) -> Result<Vec<(TextRange, Recorded)>, String> {
    let data = case.expected()["data"].as_array().ok_or("no data")?;
    let number = |value: &Value| value.as_u64().unwrap_or_default();
    let (mut line, mut column) = (0, 0);
    let token = |token: &[Value]| {
        if number(&token[0]) > 0 {
            column = 0;
        }
        line += number(&token[0]);
        column += number(&token[1]);
        let at = |column| {
            let position = json!({"line": line, "character": column});
            case.positions.offset(&position)
        };
        let range = TextRange::new(at(column), at(column + number(&token[2])));
        let kind = RECORDED.get(number(&token[3]) as usize).copied();
        Ok((range, kind.ok_or("an unknown type")?))
    };
    data.chunks_exact(5).map(token).collect()
}

fn at(tokens: &[SemanticToken], offset: u32) -> Option<SemanticToken> {
    let behind = tokens.partition_point(|token| token.range.start <= offset);
    let token = tokens[behind.checked_sub(1)?];
    (offset < token.range.end).then_some(token)
}

fn says_the_same(
    case: &Case<'_>,
    got: SemanticToken,
    recorded: Recorded,
    range: TextRange,
) -> bool {
    use TokenType as Ours;
    let text = case.file.text(range);
    let ours = case.file.text(got.range);
    match recorded {
        _ if got.kind == Ours::Comment && in_shell_comment(case, got) => true,
        _ if got.kind == Ours::Macro => ours == [case.file.parse().escape() as u8],
        Recorded::Keyword => got.kind == Ours::Keyword,
        Recorded::Comment => got.kind == Ours::Comment,
        Recorded::Macro => got.kind == Ours::Macro,
        Recorded::Parameter | Recorded::Property | Recorded::Operator
            if got.kind == Ours::Comment =>
        {
            ours.contains(&b'=')
        }
        Recorded::Parameter => true,
        Recorded::Property => matches!(got.kind, Ours::Property | Ours::Number | Ours::Class),
        Recorded::Class | Recorded::Namespace | Recorded::Label => matches!(
            got.kind,
            Ours::Class | Ours::Namespace | Ours::Label | Ours::Property
        ),
        Recorded::String => {
            matches!(got.kind, Ours::String | Ours::Label)
                || (got.kind == Ours::Variable && ours.starts_with(b"$"))
                || has_escaped_quote(case, range)
        }
        Recorded::Variable => {
            got.kind == Ours::Variable
                || (got.kind == Ours::String && matches!(ours.first(), Some(b'\'' | b'"')))
                || (!text.starts_with(b"$") && matches!(got.kind, Ours::String | Ours::Parameter))
                || (got.kind == Ours::Operator && ours.starts_with(b"$("))
        }
        Recorded::Operator => matches!(got.kind, Ours::Operator | Ours::Variable),
        Recorded::Modifier => got.kind != Ours::Comment,
    }
}

/// Tells whether a comment begins behind other text of its line, or goes on from such a line.
fn in_shell_comment(case: &Case<'_>, got: SemanticToken) -> bool {
    let before = &case.file.source()[..got.range.start as usize];
    let line = before.rsplit(|b| *b == b'\n').next().unwrap_or_default();
    !line.trim().is_empty() || !case.file.text(got.range).starts_with(b"#")
}

fn has_escaped_quote(case: &Case<'_>, range: TextRange) -> bool {
    let escape = [case.file.parse().escape() as u8];
    let before = &case.file.source()[..range.start as usize];
    before.ends_with(&escape) || case.file.text(range).starts_with(&escape)
}
