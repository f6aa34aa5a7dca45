//! One instruction: how the white space between its parts is written.

use super::lines::{Layout, Line, is_plain};
use super::parts::Parts;
use super::{Continuations, Edits, Options};
use crate::ide::File;
use crate::syntax::token::TokenKind;
use crate::syntax::tree::Token;
use crate::syntax::{Keyword, Node};
use crate::text::TextRange;
use bstr::ByteSlice as _;

/// Formats an understood instruction.
pub(super) fn format(file: &File, options: &Options, index: usize, edits: &mut Edits<'_>) {
    let node = &file.parse().nodes()[index];
    let parts = Parts::new(file, node);
    let end = file
        .parse()
        .heredocs(node)
        .first()
        .map_or(node.range.end, |heredoc| heredoc.body.start);
    let tokens: Vec<Token> = file
        .tree()
        .instruction_tokens(index)
        .take_while(|token| token.range.start < end)
        .collect();
    let lines = Line::all(file, &tokens, &parts);
    let indentations = Layout::new(file, options, &lines).indentations(&lines);
    let keywords = capitals(file, node);
    let mut words = keywords.iter().peekable();
    for (line, indentation) in lines.iter().zip(&indentations) {
        if line.number > 0 && options.continuations == Continuations::Keep {
            break;
        }
        if line.number > 0
            && let Some(indentation) = indentation
        {
            edits.replace(line.indentation, indentation);
        }
        Spacing {
            file,
            parts: &parts,
        }
        .line(line, &mut words, edits);
    }
}

/// The words that are written in capitals, and how.
fn capitals(file: &File, node: &Node) -> Vec<(TextRange, String)> {
    let args = file.parse().pieces(&node.args);
    let word = match (node.known, args) {
        (Some(Keyword::From), [_, word, _]) => Some((word, &["AS"][..])),
        (Some(Keyword::Healthcheck), [word, ..]) => Some((word, &["CMD", "NONE"][..])),
        _ => None,
    };
    let keyword = node.known.map(|known| (node.keyword.range, known.upper()));
    let second = word
        .into_iter()
        .flat_map(|(word, spellings)| spellings.iter().map(|spelling| (word.range, *spelling)));
    keyword
        .into_iter()
        .chain(second)
        .filter(|(range, upper)| file.text(*range).eq_ignore_ascii_case(upper.as_bytes()))
        .map(|(range, upper)| (range, upper.to_owned()))
        .collect()
}

/// What stands between the parts of one line.
struct Spacing<'f> {
    file: &'f File,
    parts: &'f Parts,
}

impl Spacing<'_> {
    /// Writes separators and capitals of a line, in order.
    fn line<'w>(
        &self,
        line: &Line<'_>,
        words: &mut std::iter::Peekable<impl Iterator<Item = &'w (TextRange, String)>>,
        edits: &mut Edits<'_>,
    ) {
        for (at, token) in line.tokens.iter().enumerate() {
            let before = at.checked_sub(1).map(|i| &line.tokens[i]);
            let after = line.tokens.get(at + 1);
            match token.kind {
                TokenKind::Blank => self.blank(before, token, after, edits),
                TokenKind::Continuation => self.continuation(at > 0, token, edits),
                TokenKind::Comment => {
                    edits.replace(super::trailing_blanks(self.file, token.range), "");
                }
                _ => self.comma(before, token, edits),
            }
            while let Some((range, text)) = words.next_if(|w| w.0.start <= token.range.start) {
                edits.replace(*range, text);
            }
        }
    }

    fn blank(
        &self,
        before: Option<&Token>,
        blank: &Token,
        after: Option<&Token>,
        edits: &mut Edits<'_>,
    ) {
        if self.parts.hold(blank.range.start) || !is_plain(self.file.text(blank.range)) {
            return;
        }
        let text = match after.map(|t| t.kind) {
            None | Some(TokenKind::LineEnd) => "",
            Some(TokenKind::Continuation) => " ",
            Some(_) if self.json_touches(before, after) => "",
            Some(_) => " ",
        };
        edits.replace(blank.range, text);
    }

    /// Nothing stands behind `[` and in front of `]` and `,`.
    fn json_touches(&self, before: Option<&Token>, after: Option<&Token>) -> bool {
        let is = |token: Option<&Token>, texts: &[&[u8]]| {
            token.is_some_and(|t| {
                matches!(t.kind, TokenKind::JsonBracket | TokenKind::JsonComma)
                    && texts.contains(&self.file.text(t.range))
            })
        };
        self.parts.json && (is(before, &[b"["]) || is(after, &[b"]", b","]))
    }

    /// One blank in front of the escape character, none behind.
    fn continuation(&self, has_text: bool, token: &Token, edits: &mut Edits<'_>) {
        let escape = TextRange::new(token.range.start, token.range.start + 1);
        let before = self.file.text(TextRange::new(0, escape.start)).last();
        let glued = has_text && !before.is_some_and(|b| matches!(b, b' ' | b'\t'));
        // With nothing behind it the blank would be the end of the text.
        let ends = || !self.goes_on(token.range.end);
        if glued && !self.parts.hold(escape.start) && !ends() {
            edits.replace(TextRange::new(escape.start, escape.start), " ");
        }
        edits.replace(TextRange::new(escape.end, token.range.end), "");
    }

    /// Tells whether a line with text comes behind an offset, where empty lines and comments do not count.
    fn goes_on(&self, offset: u32) -> bool {
        let rest = &self.file.source()[offset as usize..];
        let mut lines = rest.lines().map(<[u8]>::trim_ascii);
        lines.any(|line| !line.is_empty() && !line.starts_with(b"#"))
    }

    /// A blank behind a comma that has none.
    fn comma(&self, before: Option<&Token>, token: &Token, edits: &mut Edits<'_>) {
        let behind_comma = before.is_some_and(|t| t.kind == TokenKind::JsonComma);
        let start = token.range.start;
        if self.parts.json
            && behind_comma
            && token.kind != TokenKind::LineEnd
            && self.parts.hold(start)
        {
            edits.replace(TextRange::new(start, start), " ");
        }
    }
}
