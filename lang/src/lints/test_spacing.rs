//! Tests without a space.

use super::runs::runs;
use super::{Finding, Level, Lint, Run, Subject};
use crate::shell::{Script, Token, TokenKind};
use crate::text::TextRange;
use bstr::ByteSlice;

pub(super) const LINT: Lint = Lint {
    name: "TestSpacing",
    aliases: &["SC1035", "SC1069"],
    description: "[ is a command and has a space behind it",
    docs: include_str!("../../docs/lints/test-spacing.md"),
    level: Level::Error,
    hadolint: Level::Error,
    fixable: true,
    run: Run::File(run),
    ..Lint::OWN
};

fn run(subject: &Subject<'_>, out: &mut Vec<Finding>) {
    for snippet in runs(subject).filter(|snippet| !snippet.exec) {
        let script = &snippet.script;
        for (at, bracket) in brackets(script) {
            let message = format!("`{bracket}` is a command, put a space behind it");
            let finding = Finding::in_script(&LINT, subject, snippet, at, message);
            let end = finding.range.end;
            let edit = (TextRange::new(end, end), " ".to_owned());
            out.push(finding.with_fix("put a space behind it", vec![edit]));
        }
    }
}

/// Brackets where a command name belongs, with something right behind them.
fn brackets(script: &Script) -> impl Iterator<Item = (TextRange, &'static str)> {
    let text: &[u8] = script.text();
    let found = text.find_iter(b"[");
    found.filter_map(move |at| {
        let rest = &text[at..];
        let (bracket, next) = match rest {
            [b'[', b'[', next, ..] => ("[[", next),
            [b'[', next, ..] => ("[", next),
            _ => return None,
        };
        let after_space = at == 0 || matches!(text[at - 1], b' ' | b'\t' | b'\n' | b'!');
        let tight = matches!(next, b'-' | b'$' | b'"' | b'!') && after_space;
        let range = TextRange::new(at as u32, (at + bracket.len()) as u32);
        (tight && closes(rest) && begins_command(script, at)).then_some((range, bracket))
    })
}

/// Only where a bracket with a space in front follows is it a test, not the name of a file.
fn closes(rest: &[u8]) -> bool {
    let end = rest.find_byteset(b";&|\n").unwrap_or(rest.len());
    rest[..end].trim_end().ends_with(b" ]") || rest[..end].trim_end().ends_with(b" ]]")
}

fn begins_command(script: &Script, at: usize) -> bool {
    let quoted = |token: &&Token| {
        let inside = (token.range.start as usize) < at && at < token.range.end as usize;
        inside
            && matches!(
                token.kind,
                TokenKind::String | TokenKind::Heredoc | TokenKind::Comment
            )
    };
    script.is_command_place(at as u32) && !script.tokens().iter().any(|token| quoted(&token))
}
