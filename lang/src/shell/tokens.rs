//! Nodes to a flat list of coloured tokens.

use super::grammar::{Kind, Node, Nodes};
use crate::text::TextRange;

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// Name of the program or function that is called.
    Command,
    /// Argument of a command, file of a redirection, item of a list.
    Argument,
    /// `-y`, `--yes`, `--opt=value`.
    Flag,
    /// Quoted text with its quotes; expansions inside are tokens of their own.
    String,
    /// A variable where it is set or used, `$` and braces included.
    Variable,
    /// `&&`, `|`, `>`, `[`, `$(`, …
    Operator,
    /// `if`, `then`, `export`, …
    Keyword,
    /// From `#` to the end of the line.
    Comment,
    /// A number, a file descriptor.
    Number,
    /// Name of a function that is defined.
    Function,
    /// Opening word, body and last line of a here document; expansions in the body are tokens of their own.
    Heredoc,
}

/// A piece of a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token {
    /// What it is.
    pub kind: TokenKind,
    /// Its bytes in the script's text.
    pub range: TextRange,
}

/// A node that colours the text between its descendants.
struct Cover {
    kind: TokenKind,
    end: u32,
    behind: u32,
}

/// Cuts a text into tokens; white space is between them.
pub(super) fn tokens(text: &[u8], nodes: &Nodes) -> Vec<Token> {
    let mut cutter = Cutter {
        text,
        out: Vec::with_capacity(nodes.all().len()),
        covers: Vec::new(),
        at: 0,
    };
    let mut parents: Vec<(u32, Kind)> = Vec::new();
    for (index, node) in nodes.all().iter().enumerate() {
        cutter.leave(index as u32);
        while parents
            .pop_if(|(behind, _)| *behind <= index as u32)
            .is_some()
        {}
        let parent = parents.last().map_or(Kind::Program, |(_, kind)| *kind);
        if let Some(kind) = cover(node, parent, text) {
            cutter.fill(node.range.start);
            cutter.covers.push(Cover {
                kind,
                end: node.range.end,
                behind: node.behind,
            });
        }
        if node.behind as usize == index + 1 {
            cutter.leaf(node, parent);
        } else {
            parents.push((node.behind, node.kind));
        }
    }
    cutter.leave(u32::MAX);
    cutter.out
}

/// The colour of everything in a node that has no other one.
fn cover(node: &Node, parent: Kind, text: &[u8]) -> Option<TokenKind> {
    Some(match node.kind {
        Kind::CommandName => TokenKind::Command,
        Kind::String | Kind::RawString => TokenKind::String,
        Kind::Variable | Kind::Expansion => TokenKind::Variable,
        Kind::HeredocBody | Kind::HeredocStart | Kind::HeredocEnd => TokenKind::Heredoc,
        // Parts have the colour of the whole.
        Kind::Word | Kind::Concatenation | Kind::Pattern
            if matches!(
                parent,
                Kind::CommandName
                    | Kind::Concatenation
                    | Kind::String
                    | Kind::Expansion
                    | Kind::HeredocBody
            ) =>
        {
            return None;
        }
        Kind::Word | Kind::Concatenation if parent == Kind::Function => TokenKind::Function,
        Kind::Word | Kind::Concatenation | Kind::Pattern => {
            if text.get(node.range.start as usize) == Some(&b'-') {
                TokenKind::Flag
            } else {
                TokenKind::Argument
            }
        }
        Kind::CommandSubstitution | Kind::ProcessSubstitution | Kind::Arithmetic => {
            TokenKind::Operator
        }
        _ => return None,
    })
}

struct Cutter<'t> {
    text: &'t [u8],
    out: Vec<Token>,
    covers: Vec<Cover>,
    /// Everything in front is cut.
    at: u32,
}

impl Cutter<'_> {
    /// Ends the covers whose nodes lie in front of node `index`.
    fn leave(&mut self, index: u32) {
        while let Some(cover) = self.covers.last() {
            if cover.behind > index {
                break;
            }
            let end = cover.end;
            self.fill(end);
            self.covers.pop();
        }
    }

    /// Colours what is left up to `end` as the innermost cover says.
    fn fill(&mut self, end: u32) {
        if let Some(kind) = self.covers.last().map(|cover| cover.kind) {
            // Layout inside a substitution is no operator.
            if kind != TokenKind::Operator {
                self.push(kind, self.at, end);
            }
        }
        self.at = self.at.max(end);
    }

    fn push(&mut self, kind: TokenKind, start: u32, end: u32) {
        let start = start.max(self.at);
        if start >= end {
            return;
        }
        self.at = end;
        match self.out.last_mut() {
            Some(last)
                if last.kind == kind && last.range.end == start && kind != TokenKind::Operator =>
            {
                last.range.end = end;
            }
            _ => self.out.push(Token {
                kind,
                range: TextRange::new(start, end),
            }),
        }
    }

    fn leaf(&mut self, node: &Node, parent: Kind) {
        let range = node.range;
        let kind = match node.kind {
            Kind::Keyword => TokenKind::Keyword,
            Kind::And | Kind::Or | Kind::Pipe | Kind::Bang | Kind::Background => {
                TokenKind::Operator
            }
            Kind::End if self.text.get(range.start as usize) == Some(&b';') => TokenKind::Operator,
            Kind::Operator | Kind::TestOperator => TokenKind::Operator,
            Kind::Comment => TokenKind::Comment,
            Kind::Number | Kind::Descriptor => TokenKind::Number,
            Kind::VariableName => TokenKind::Variable,
            _ => return,
        };
        let inner = self.covers.last().map(|cover| cover.kind);
        // Signs inside `${…}` and numbers inside words belong to those.
        let swallowed = match inner {
            Some(TokenKind::Variable) => true,
            Some(TokenKind::Argument | TokenKind::Flag | TokenKind::Command) => {
                kind == TokenKind::Number || parent == Kind::Concatenation
            }
            Some(TokenKind::String) => kind == TokenKind::Operator,
            _ => false,
        };
        if !swallowed {
            self.fill(range.start);
            self.push(kind, range.start, range.end);
        }
    }
}
