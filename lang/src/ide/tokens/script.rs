//! Tokens of the shell text of an instruction.

use super::{Modifiers, TokenType, Tokens};
use crate::ide::File;
use crate::shell::{Snippet, Token, TokenKind};
use crate::text::TextRange;

/// The shell text of one instruction, painted piece by piece: its lines have continuations between them.
pub(super) struct Script<'f> {
    snippet: Option<&'f Snippet>,
    tokens: std::iter::Peekable<std::slice::Iter<'f, Token>>,
    /// Pieces of tokens that were begun, last one first.
    pieces: Vec<(TextRange, TokenType, Modifiers)>,
    range: TextRange,
}

impl<'f> Script<'f> {
    /// The shell text of the instruction with that index. Text that is no shell has none: there the tokens of the
    /// Dockerfile are the better guess.
    pub(super) fn new(file: &'f File, index: usize) -> Self {
        let snippet = file
            .script_of(index)
            .filter(|snippet| !snippet.exec && snippet.script.mistakes().is_empty());
        let range = snippet.map_or(TextRange::default(), |snippet| {
            snippet.source_range(TextRange::new(0, snippet.script.text().len() as u32))
        });
        let tokens = snippet.map_or(&[][..], |snippet| snippet.script.tokens());
        Self {
            snippet,
            tokens: tokens.iter().peekable(),
            pieces: Vec::new(),
            range,
        }
    }

    /// Tells whether a token of the Dockerfile is part of the shell text.
    pub(super) fn covers(&self, range: TextRange) -> bool {
        self.snippet.is_some() && self.range.start <= range.start && range.start < self.range.end
    }

    /// Paints what stands in front of `end`.
    pub(super) fn up_to(&mut self, end: u32, out: &mut Tokens<'_>) {
        while let Some((range, kind, modifiers)) = self.next_before(end) {
            out.push_with(kind, modifiers, range);
        }
    }

    fn next_before(&mut self, end: u32) -> Option<(TextRange, TokenType, Modifiers)> {
        while self.pieces.is_empty() {
            let token = self.tokens.next()?;
            let snippet = self.snippet?;
            let (mut kind, modifiers) = paint(token.kind);
            // The opening word and the last line of a document are its name, what is between has line ends.
            if token.kind == TokenKind::Heredoc
                && !snippet.script.slice(token.range).contains(&b'\n')
            {
                kind = TokenType::Label;
            }
            let pieces = snippet.source_pieces(token.range);
            self.pieces
                .extend(pieces.map(|range| (range, kind, modifiers)));
            self.pieces.reverse();
        }
        let (range, ..) = self.pieces.last()?;
        if range.start < end {
            self.pieces.pop()
        } else {
            None
        }
    }
}

fn paint(kind: TokenKind) -> (TokenType, Modifiers) {
    let kind = match kind {
        TokenKind::Command => TokenType::Function,
        TokenKind::Argument => TokenType::Parameter,
        TokenKind::Flag => TokenType::Property,
        TokenKind::String | TokenKind::Heredoc => TokenType::String,
        TokenKind::Variable => TokenType::Variable,
        TokenKind::Operator => TokenType::Operator,
        TokenKind::Keyword => TokenType::Keyword,
        TokenKind::Comment => TokenType::Comment,
        TokenKind::Number => TokenType::Number,
        TokenKind::Function => return (TokenType::Function, Modifiers::DECLARATION),
    };
    (kind, Modifiers::default())
}
