//! Shell text that no shell can read.

use super::runs::{is_template, runs};
use super::{Finding, Level, Lint, Run, Subject};
use crate::shell::{Script, Token, TokenKind};
use crate::text::TextRange;
use bstr::ByteSlice;

pub(super) const LINT: Lint = Lint {
    name: "ShellSyntax",
    aliases: &[
        "SC1009", "SC1072", "SC1073", "SC1046", "SC1047", "SC1061", "SC1062", "SC1078", "SC1089",
    ],
    description: "Shell text has an end for each beginning",
    docs: include_str!("../../docs/lints/shell-syntax.md"),
    level: Level::Error,
    hadolint: Level::Error,
    run: Run::File(run),
    ..Lint::OWN
};

fn run(subject: &Subject<'_>, out: &mut Vec<Finding>) {
    let scripts = runs(subject).filter(|snippet| {
        let broken = !snippet.exec && !snippet.script.mistakes().is_empty();
        broken && !is_template(snippet)
    });
    for snippet in scripts {
        let script = &snippet.script;
        let found = open_quote(script.text())
            .or_else(|| unpaired(script))
            .or_else(|| dangling(script));
        if let Some((range, message)) = found {
            out.push(Finding::in_script(&LINT, subject, snippet, range, message));
        }
    }
}

/// A quote that is opened and not closed. Text with here documents is not looked at: quotes are plain text in there.
fn open_quote(text: &[u8]) -> Option<(TextRange, String)> {
    if text.contains_str("<<") {
        return None;
    }
    let mut open: Option<usize> = None;
    let mut at = 0;
    while at < text.len() {
        let byte = text[at];
        let quote = open.map(|start| text[start]);
        match (quote, byte) {
            (Some(b'\''), b'\\') => {}
            (_, b'\\') => at += 1,
            (None, b'#') if at == 0 || text[at - 1].is_ascii_whitespace() => {
                at += text[at..].find_byte(b'\n').unwrap_or(text.len());
            }
            (None, b'\'' | b'"') => open = Some(at),
            (Some(quote), byte) if quote == byte => open = None,
            // Quotes begin anew inside a substitution; telling where it ends is the grammar's work.
            (_, b'`') | (Some(b'"'), b'$') if text.get(at + 1) == Some(&b'(') || byte == b'`' => {
                return None;
            }
            _ => {}
        }
        at += 1;
    }
    let start = open? as u32;
    let range = TextRange::new(start, start + 1);
    Some((range, "this quote is not closed".to_owned()))
}

/// An operator between two commands with none behind it.
fn dangling(script: &Script) -> Option<(TextRange, String)> {
    let is_joint = |token: &Token| {
        let is_operator = token.kind == TokenKind::Operator;
        is_operator
            && matches!(
                script.slice(token.range).as_bytes(),
                b"&&" | b"||" | b"|" | b"|&"
            )
    };
    let all = script.tokens().iter();
    let tokens: Vec<&Token> = all
        .filter(|token| token.kind != TokenKind::Comment)
        .collect();
    let is_last = tokens.last().filter(|last| is_joint(last));
    let doubled = || {
        tokens
            .windows(2)
            .find(|pair| is_joint(pair[0]) && is_joint(pair[1]))
    };
    let found = is_last.copied().or_else(|| Some(doubled()?[0]))?;
    let operator = script.slice(found.range);
    Some((
        found.range,
        format!("no command stands behind this `{operator}`"),
    ))
}

/// Pairs of keywords.
const PAIRS: &[(&str, &str)] = &[("if", "fi"), ("do", "done"), ("case", "esac")];

/// A keyword without its other half, where the text has as many words of either kind as shells do.
fn unpaired(script: &Script) -> Option<(TextRange, String)> {
    let keywords = || {
        script
            .tokens()
            .iter()
            .filter(|token| token.kind == TokenKind::Keyword)
    };
    for (first, last) in PAIRS {
        let open = keywords()
            .filter(|token| script.slice(token.range) == *first)
            .count();
        let closed = keywords()
            .filter(|token| script.slice(token.range) == *last)
            .count();
        if open <= closed {
            continue;
        }
        let start = keywords().rfind(|token| script.slice(token.range) == *first)?;
        let argument = script
            .tokens()
            .iter()
            .rfind(|token| token.kind == TokenKind::Argument && script.slice(token.range) == *last);
        return Some(match argument {
            Some(token) => (
                token.range,
                format!("`{last}` is an argument here, put a `;` in front"),
            ),
            None => (start.range, format!("`{first}` has no `{last}`")),
        });
    }
    None
}
