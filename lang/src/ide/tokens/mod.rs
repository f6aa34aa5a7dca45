//! Semantic tokens: what each piece of text is, for colouring.
//!
//! The Dockerfile's own tokens come from the lossless tree, those of shell text from [`crate::shell`], those of other
//! languages in here documents from a small lexer. None spans two lines, and none overlaps another.
//!
//! | text | type |
//! |---|---|
//! | keyword, `AS`, `CMD` and `NONE` of a `HEALTHCHECK` | keyword |
//! | comment, `#` of a directive | comment |
//! | name of a directive, value of a flag, tag or digest of an image, key of a label | property |
//! | name of a flag or of a mount's option, plain argument, value of a directive | parameter |
//! | registry and path of an image | namespace |
//! | last part of an image's name, stage | class |
//! | variable; with *declaration* where it is set | variable |
//! | quoted text, element of a JSON array | string |
//! | `=`, brackets and commas of JSON, `<<`, operators of a shell and of `${…}` | operator |
//! | escape character at the end of a line | macro |
//! | name of a here document | label |
//! | program that a shell calls; with *declaration* a function that is defined | function |
//! | port, number | number |

mod foreign;
mod instruction;
mod script;
#[cfg(test)]
mod tests;

use super::File;
use crate::text::TextRange;
use bstr::ByteSlice;
use instruction::Painter;

/// What a piece of text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TokenType {
    Keyword,
    Comment,
    Property,
    Parameter,
    Namespace,
    Class,
    Variable,
    String,
    Operator,
    Macro,
    Label,
    Function,
    Number,
}

impl TokenType {
    /// All types; a type's number is its place here.
    pub const ALL: [Self; 13] = [
        Self::Keyword,
        Self::Comment,
        Self::Property,
        Self::Parameter,
        Self::Namespace,
        Self::Class,
        Self::Variable,
        Self::String,
        Self::Operator,
        Self::Macro,
        Self::Label,
        Self::Function,
        Self::Number,
    ];

    /// The name that editors know it by.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Keyword => "keyword",
            Self::Comment => "comment",
            Self::Property => "property",
            Self::Parameter => "parameter",
            Self::Namespace => "namespace",
            Self::Class => "class",
            Self::Variable => "variable",
            Self::String => "string",
            Self::Operator => "operator",
            Self::Macro => "macro",
            Self::Label => "label",
            Self::Function => "function",
            Self::Number => "number",
        }
    }
}

/// More about a token; a set of bits in the order of [`Modifiers::NAMES`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Modifiers(u8);

impl Modifiers {
    /// A name is given here.
    pub const DECLARATION: Self = Self(1);
    /// Should not be used any more.
    pub const DEPRECATED: Self = Self(2);
    /// The names that editors know the bits by.
    pub const NAMES: [&'static str; 2] = ["declaration", "deprecated"];

    /// The bits.
    pub const fn bits(self) -> u32 {
        self.0 as u32
    }
}

/// A coloured piece of one line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SemanticToken {
    /// Its bytes.
    pub range: TextRange,
    /// What it is.
    pub kind: TokenType,
    /// More about it.
    pub modifiers: Modifiers,
}

/// Tokens of a file, or of the instructions and comments that `range` touches, in source order.
///
/// ```
/// use cooperage_lang::ide::{File, tokens::{TokenType, tokens}};
/// let file = File::new(b"FROM alpine:3 AS base\n".to_vec());
/// let kinds: Vec<_> = tokens(&file, None).into_iter().map(|t| t.kind).collect();
/// use TokenType::{Class, Keyword, Property};
/// assert_eq!(kinds, [Keyword, Class, Property, Keyword, Class]);
/// ```
pub fn tokens(file: &File, range: Option<TextRange>) -> Vec<SemanticToken> {
    let wanted = range.unwrap_or(TextRange::new(0, file.source().len() as u32));
    let touches = |other: TextRange| other.start <= wanted.end && wanted.start <= other.end;
    let mut out = Tokens::new(file);
    let mut at = 0;
    for (index, node) in file.parse().nodes().iter().enumerate() {
        let gap = TextRange::new(at, node.range.start);
        if touches(gap) {
            out.between(gap);
        }
        if touches(node.range) {
            Painter::new(file, index, &mut out).paint();
        }
        at = node.range.end;
    }
    let rest = TextRange::new(at, file.source().len() as u32);
    if touches(rest) {
        out.between(rest);
    }
    out.list
}

/// Places of variables, in order, that are yet to be painted.
type Variables = std::iter::Peekable<std::vec::IntoIter<TextRange>>;

/// Tokens so far; keeps their order.
struct Tokens<'f> {
    file: &'f File,
    list: Vec<SemanticToken>,
    /// Everything in front is painted.
    done: u32,
}

impl<'f> Tokens<'f> {
    fn new(file: &'f File) -> Self {
        Self {
            file,
            list: Vec::with_capacity(file.source().len() / 6),
            done: 0,
        }
    }

    fn push(&mut self, kind: TokenType, range: TextRange) {
        self.push_with(kind, Modifiers::default(), range);
    }

    /// Adds a token for each line of `range`, without the line ends. What an earlier token covers stays as it is.
    fn push_with(&mut self, kind: TokenType, modifiers: Modifiers, range: TextRange) {
        let mut start = self.done.max(range.start);
        if start >= range.end {
            return;
        }
        self.done = range.end;
        for line in self
            .file
            .text(TextRange::new(start, range.end))
            .lines_with_terminator()
        {
            let text = line.trim_end_with(|c| matches!(c, '\n' | '\r'));
            let range = TextRange::new(start, start + text.len() as u32);
            start += line.len() as u32;
            match self.list.last_mut() {
                _ if range.is_empty() => {}
                // Quotes, text and escapes of one string are one token.
                Some(last)
                    if kind == TokenType::String
                        && last.kind == kind
                        && last.range.end == range.start =>
                {
                    last.range.end = range.end;
                }
                _ => self.list.push(SemanticToken {
                    range,
                    kind,
                    modifiers,
                }),
            }
        }
    }

    /// Adds a piece that is `kind`, if anything, but for the variables in it.
    fn push_around(
        &mut self,
        kind: Option<TokenType>,
        range: TextRange,
        variables: &mut Variables,
    ) {
        let mut at = range.start;
        while let Some(variable) = variables.next_if(|v| v.start < range.end) {
            if let Some(kind) = kind.filter(|_| at < variable.start) {
                self.push(kind, TextRange::new(at, variable.start));
            }
            self.push(TokenType::Variable, variable);
            at = at.max(variable.end);
        }
        if let Some(kind) = kind.filter(|_| at < range.end) {
            self.push(kind, TextRange::new(at, range.end));
        }
    }

    /// Nothing in front of `end` is painted any more.
    fn done_up_to(&mut self, end: u32) {
        self.done = self.done.max(end);
    }

    /// Comments and directives between instructions.
    fn between(&mut self, gap: TextRange) {
        use crate::syntax::token::TokenKind;
        for token in self.file.tree().tokens_in(gap) {
            let kind = match token.kind {
                TokenKind::Comment | TokenKind::DirectiveMark => TokenType::Comment,
                TokenKind::DirectiveName => TokenType::Property,
                TokenKind::Equals => TokenType::Operator,
                TokenKind::DirectiveValue => TokenType::Parameter,
                // The body of a here document without end.
                TokenKind::HeredocBody => TokenType::String,
                _ => continue,
            };
            self.push(kind, token.range);
        }
    }
}

/// What to do to a list to get another: at `start` take out `deleted` items and put in `inserted`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delta<T> {
    /// Index of the first item that differs.
    pub start: usize,
    /// Number of items that go.
    pub deleted: usize,
    /// Items that come.
    pub inserted: Vec<T>,
}

/// The difference between two lists as one replacement; `None` when they are equal.
///
/// ```
/// use cooperage_lang::ide::tokens::delta;
/// let delta = delta(&[1, 2, 3, 4], &[1, 5, 4]).unwrap();
/// assert_eq!((delta.start, delta.deleted, delta.inserted), (1, 2, vec![5]));
/// ```
pub fn delta<T: PartialEq + Clone>(old: &[T], new: &[T]) -> Option<Delta<T>> {
    let start = old.iter().zip(new).take_while(|(a, b)| a == b).count();
    let (old, rest) = (&old[start..], &new[start..]);
    let same = old.iter().rev().zip(rest.iter().rev());
    let end = same.take_while(|(a, b)| a == b).count();
    let deleted = old.len() - end;
    let inserted = rest[..rest.len() - end].to_vec();
    (deleted > 0 || !inserted.is_empty()).then_some(Delta {
        start,
        deleted,
        inserted,
    })
}
