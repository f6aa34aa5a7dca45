//! Typed views of the tree for editors: keyword, flags, arguments, comments and variables with exact places.
//!
//! ```
//! use cooperage_lang::syntax::{self, ast};
//! let source = b"FROM --platform=$BUILDPLATFORM alpine\n";
//! let parse = syntax::parse(source);
//! let tree = parse.tree(source);
//! let file = ast::File::new(source, &parse, &tree);
//! let from = file.instructions().next().unwrap();
//! let flag = from.flags().next().unwrap();
//! assert_eq!(file.text(flag.name), "platform");
//! assert_eq!(file.text(flag.value.unwrap()), "$BUILDPLATFORM");
//! ```

use super::token::TokenKind;
use super::tree::Token;
use super::{Keyword, Node, Parse, Piece, Tree};
use crate::text::TextRange;
use bstr::{BStr, ByteSlice};

/// A file: the root of all views.
#[derive(Clone, Copy, Debug)]
pub struct File<'a> {
    source: &'a [u8],
    parse: &'a Parse,
    tree: &'a Tree,
}

/// One instruction.
#[derive(Clone, Copy, Debug)]
pub struct Instruction<'a> {
    file: File<'a>,
    index: usize,
}

/// A flag, without its dashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flag {
    /// All of it.
    pub range: TextRange,
    /// Its name.
    pub name: TextRange,
    /// Its value, quotes included; `None` without `=`.
    pub value: Option<TextRange>,
}

/// A `$name` or `${name…`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Variable {
    /// From the dollar sign to the end of the name or the closing brace behind it.
    pub range: TextRange,
    /// The name.
    pub name: TextRange,
}

impl<'a> File<'a> {
    /// Views `tree`; all three belong together.
    pub fn new(source: &'a [u8], parse: &'a Parse, tree: &'a Tree) -> Self {
        Self {
            source,
            parse,
            tree,
        }
    }

    /// Bytes of a range.
    pub fn text(&self, range: TextRange) -> &'a BStr {
        self.source[range.start as usize..range.end as usize].as_bstr()
    }

    /// Instructions in order.
    pub fn instructions(self) -> impl Iterator<Item = Instruction<'a>> {
        (0..self.parse.nodes().len()).map(move |index| Instruction { file: self, index })
    }

    /// The instruction at an offset, its last line's end included.
    pub fn instruction_at(self, offset: u32) -> Option<Instruction<'a>> {
        self.tree
            .instruction_at(offset)
            .map(|index| Instruction { file: self, index })
    }

    /// Comments in order, also those inside continuations; parser directives are not among them.
    pub fn comments(self) -> impl Iterator<Item = TextRange> + 'a {
        self.tree
            .tokens()
            .filter(|t| t.kind == TokenKind::Comment)
            .map(|t| t.range)
    }
}

impl<'a> Instruction<'a> {
    /// Its index in [`Parse::nodes`].
    pub fn index(self) -> usize {
        self.index
    }

    /// The parsed node.
    pub fn node(self) -> &'a Node {
        &self.file.parse.nodes()[self.index]
    }

    /// The keyword, when it is one.
    pub fn keyword(self) -> Option<Keyword> {
        self.node().known
    }

    /// Place of the keyword.
    pub fn keyword_range(self) -> TextRange {
        self.node().keyword.range
    }

    /// Its tokens.
    pub fn tokens(self) -> impl Iterator<Item = Token> + 'a {
        self.file.tree.instruction_tokens(self.index)
    }

    /// Its flags.
    pub fn flags(self) -> impl Iterator<Item = Flag> + 'a {
        self.file
            .parse
            .pieces(&self.node().flags)
            .iter()
            .map(move |p| self.flag(p.range))
    }

    fn flag(self, range: TextRange) -> Flag {
        let text = self.file.text(range);
        let start = range.start + 2;
        match text.find_byte(b'=') {
            Some(at) => {
                let equals = range.start + at as u32;
                let value = TextRange::new(equals + 1, range.end);
                Flag {
                    range,
                    name: TextRange::new(start.min(equals), equals),
                    value: Some(value),
                }
            }
            None => Flag {
                range,
                name: TextRange::new(start.min(range.end), range.end),
                value: None,
            },
        }
    }

    /// Its arguments.
    pub fn args(self) -> &'a [Piece] {
        self.file.parse.pieces(&self.node().args)
    }

    /// Variables written in it, in order; those in single quotes are text.
    pub fn variables(self) -> impl Iterator<Item = Variable> + 'a {
        let source = self.file.source;
        self.tokens()
            .filter(|t| t.kind == TokenKind::Variable)
            .map(move |t| variable(source, t.range))
    }
}

fn variable(source: &[u8], range: TextRange) -> Variable {
    let text = &source[range.start as usize..range.end as usize];
    let start = if text.starts_with(b"${") { 2 } else { 1 };
    let end = text.len() - usize::from(start == 2 && text.ends_with(b"}"));
    Variable {
        range,
        name: TextRange::new(range.start + start, range.start + end as u32),
    }
}
