//! The lossless tree: every byte of the source belongs to exactly one token, and tokens to instructions.
//!
//! It is flat, since a Dockerfile is: a list of tokens, and for each instruction the stretch of tokens it owns.

use super::token::{Lexer, Mode, TokenKind};
use super::{Form, Node, Parse, parser};
use crate::rune;
use crate::text::TextRange;
use bstr::ByteSlice;
use std::ops::Range;

/// Tokens of a file, in order, without gaps.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    kinds: Vec<TokenKind>,
    /// Start of each token; it ends where the next one starts.
    starts: Vec<u32>,
    end: u32,
    /// Tokens of each node of the [`Parse`].
    instructions: Vec<Range<u32>>,
}

/// A token and its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token {
    /// What it is.
    pub kind: TokenKind,
    /// Its bytes.
    pub range: TextRange,
}

impl Tree {
    /// Cuts `source` into tokens along the nodes of `parse`, which was made from the same source.
    pub(super) fn new(source: &[u8], parse: &Parse) -> Self {
        let mut builder = Builder {
            source,
            parse,
            tree: Self::default(),
            next_directive: 0,
            stretches: Vec::new(),
        };
        builder.tree.kinds.reserve(source.len() / 5);
        builder.tree.starts.reserve(source.len() / 5);
        for node in parse.nodes() {
            builder.between(node.range.start as usize);
            builder.instruction(node);
        }
        builder.between(source.len());
        builder.tree
    }

    /// All tokens.
    pub fn tokens(&self) -> impl Iterator<Item = Token> + '_ {
        (0..self.kinds.len()).map(|i| self.token(i))
    }

    /// Tokens that begin in `range`.
    pub fn tokens_in(&self, range: TextRange) -> impl Iterator<Item = Token> + '_ {
        let first = self.starts.partition_point(|start| *start < range.start);
        let behind = self.starts.partition_point(|start| *start < range.end);
        (first..behind).map(|i| self.token(i))
    }

    /// Tokens of the instruction with that index in [`Parse::nodes`]: from its keyword to its last line.
    pub fn instruction_tokens(&self, index: usize) -> impl Iterator<Item = Token> + '_ {
        let range = self.instructions[index].clone();
        (range.start as usize..range.end as usize).map(|i| self.token(i))
    }

    /// The token that covers `offset`; at the end of the file the last one.
    pub fn token_at(&self, offset: u32) -> Option<Token> {
        let behind = self.starts.partition_point(|s| *s <= offset);
        behind.checked_sub(1).map(|i| self.token(i))
    }

    /// Index in [`Parse::nodes`] of the instruction whose tokens cover `offset`.
    pub fn instruction_at(&self, offset: u32) -> Option<usize> {
        let start = |range: &Range<u32>| {
            self.starts
                .get(range.start as usize)
                .copied()
                .unwrap_or(self.end)
        };
        let index = self
            .instructions
            .partition_point(|r| start(r) <= offset)
            .checked_sub(1)?;
        let behind = self.instructions[index].end as usize;
        (offset <= self.starts.get(behind).copied().unwrap_or(self.end)).then_some(index)
    }

    fn token(&self, index: usize) -> Token {
        let end = self.starts.get(index + 1).copied().unwrap_or(self.end);
        Token {
            kind: self.kinds[index],
            range: TextRange::new(self.starts[index], end),
        }
    }
}

struct Builder<'a> {
    source: &'a [u8],
    parse: &'a Parse,
    tree: Tree,
    next_directive: usize,
    /// Those of the current instruction; kept for its room.
    stretches: Vec<Stretch>,
}

/// A stretch of a logical line that is spelled in one way.
struct Stretch {
    mode: Mode,
    start: usize,
    end: usize,
}

impl Builder<'_> {
    fn at(&self) -> usize {
        self.tree.end as usize
    }

    /// Appends a token up to `end`; nothing when it would be empty.
    fn push(&mut self, kind: TokenKind, end: usize) {
        if end > self.at() {
            self.tree.kinds.push(kind);
            self.tree.starts.push(self.tree.end);
            self.tree.end = end as u32;
        }
    }

    /// Comments, directives and blank lines up to `end`, where an instruction or the end of the file is.
    fn between(&mut self, end: usize) {
        if self.at() == 0 && self.source.starts_with(b"\xef\xbb\xbf") {
            self.push(TokenKind::Bom, 3);
        }
        while self.at() < end {
            let start = self.at();
            let line_end = self.source[start..end]
                .find_byte(b'\n')
                .map_or(end, |n| start + n + 1);
            let text_end = without_line_end(self.source, start, line_end);
            self.push(
                TokenKind::Blank,
                start + rune::leading_space(&self.source[start..text_end]),
            );
            if self.at() < text_end {
                self.comment(text_end);
            }
            self.push(TokenKind::LineEnd, line_end);
        }
    }

    fn comment(&mut self, text_end: usize) {
        let directive = self.parse.directives().get(self.next_directive);
        match directive.filter(|d| d.value_range.end as usize <= text_end) {
            Some(directive) => {
                let (name, value) = (directive.name_range, directive.value_range);
                self.next_directive += 1;
                self.push(TokenKind::DirectiveMark, self.at() + 1);
                self.push(TokenKind::Blank, name.start as usize);
                self.push(TokenKind::DirectiveName, name.end as usize);
                let equals = self.source[name.end as usize..]
                    .find_byte(b'=')
                    .map_or(0, |n| name.end as usize + n);
                self.push(TokenKind::Blank, equals);
                self.push(TokenKind::Equals, equals + 1);
                self.push(TokenKind::Blank, value.start as usize);
                self.push(TokenKind::DirectiveValue, value.end as usize);
                self.push(TokenKind::Blank, text_end);
            }
            None if self.source[self.at()] == b'#' => self.push(TokenKind::Comment, text_end),
            // Only the body of a here document without end is neither comment nor instruction.
            None => self.push(TokenKind::HeredocBody, text_end),
        }
    }

    fn instruction(&mut self, node: &Node) {
        let first = self.tree.kinds.len() as u32;
        let heredocs = self.parse.heredocs(node);
        let line_end = heredocs.first().map_or(node.range.end, |h| h.body.start) as usize;
        self.logical_line(node, line_end);
        for heredoc in heredocs {
            self.push(TokenKind::HeredocBody, heredoc.body.end as usize);
            let end = heredoc.terminator.end as usize;
            let name_start = end
                - heredoc
                    .name
                    .len()
                    .min(end - heredoc.terminator.start as usize);
            self.push(TokenKind::Blank, name_start);
            self.push(TokenKind::HeredocEnd, end);
            let behind = self.source[end..]
                .iter()
                .take_while(|b| **b == b'\r')
                .count()
                + end;
            let lf = usize::from(self.source.get(behind) == Some(&b'\n'));
            // The line end of the last document is not part of the instruction.
            if end < node.range.end as usize {
                self.push(TokenKind::LineEnd, behind + lf);
            }
        }
        self.push(TokenKind::Word, node.range.end as usize);
        self.tree
            .instructions
            .push(first..self.tree.kinds.len() as u32);
    }

    /// The lines of a logical line up to `end`.
    fn logical_line(&mut self, node: &Node, end: usize) {
        let mut stretches = std::mem::take(&mut self.stretches);
        self.stretches(node, &mut stretches);
        let mut lexer = Lexer::new(self.parse.escape);
        let mut stretch = 0;
        let mut first = true;
        while self.at() < end {
            let start = self.at();
            let line_end = self.source[start..end]
                .find_byte(b'\n')
                .map_or(end, |n| start + n + 1);
            let text_end = without_line_end(self.source, start, line_end);
            let line = &self.source[start..text_end];
            let space = rune::leading_space(line);
            if !std::mem::take(&mut first) && (space == line.len() || line[space] == b'#') {
                self.push(TokenKind::Blank, start + space);
                self.push(TokenKind::Comment, text_end);
            } else {
                let cut = parser::continuation(line, self.parse.escape);
                self.content(
                    &mut lexer,
                    &stretches,
                    &mut stretch,
                    cut.map_or(text_end, |n| start + n),
                );
                self.push(TokenKind::Continuation, text_end);
            }
            self.push(TokenKind::LineEnd, line_end);
        }
        self.stretches = stretches;
    }

    /// The text of one physical line up to `end`, cut along the stretches.
    fn content(&mut self, lexer: &mut Lexer, stretches: &[Stretch], next: &mut usize, end: usize) {
        while self.at() < end {
            while stretches.get(*next).is_some_and(|s| s.end <= self.at()) {
                *next += 1;
                lexer.begin();
            }
            let (mode, stop) = match stretches.get(*next) {
                Some(s) if s.start <= self.at() => (s.mode, s.end.min(end)),
                Some(s) => (Mode::Gap, s.start.min(end)),
                None => (Mode::Gap, end),
            };
            let from = self.at();
            let text = &self.source[from..stop];
            let mut at = from;
            lexer.cut(mode, text, &mut |kind, len| {
                at += len;
                self.push(kind, at);
            });
        }
    }

    /// Keyword, flags and arguments of a node and, of an `ONBUILD`, of the instructions inside.
    fn stretches(&self, node: &Node, out: &mut Vec<Stretch>) {
        out.clear();
        let mut node = node;
        loop {
            let mut add = |mode, range: TextRange| {
                out.push(Stretch {
                    mode,
                    start: range.start as usize,
                    end: range.end as usize,
                });
            };
            add(Mode::Keyword, node.keyword.range);
            self.parse
                .pieces(&node.flags)
                .iter()
                .for_each(|flag| add(Mode::Flag, flag.range));
            if let Some(sub) = self.parse.sub(node) {
                node = sub;
                continue;
            }
            add(
                argument_mode(node),
                self.parse.text_range(node.argument_text),
            );
            return;
        }
    }
}

fn argument_mode(node: &Node) -> Mode {
    match node.known.map(super::Keyword::form) {
        _ if node.json => Mode::Json,
        Some(Form::JsonOrText | Form::TypeThenJsonOrText) => Mode::Shell,
        _ => Mode::Words,
    }
}

/// End of the text of the line `start..end`, without LF and the carriage returns in front of it.
fn without_line_end(source: &[u8], start: usize, end: usize) -> usize {
    let ends = source[start..end]
        .iter()
        .rev()
        .take_while(|b| matches!(b, b'\n' | b'\r'));
    end - ends.count()
}

#[cfg(test)]
mod tests {
    use super::super::{ast, parse};
    use super::*;
    use TokenKind::{
        Blank, Comment, Continuation, DirectiveMark, DirectiveName, DirectiveValue, Equals, Escape,
        FlagName, FlagValue, HeredocBody, HeredocEnd, HeredocMark, JsonBracket, JsonComma,
        JsonString, Keyword, LineEnd, Operator, Quote, QuotedText, Variable, Word,
    };

    /// Kinds and texts of all tokens but blanks and line ends.
    fn tokens(source: &str) -> Vec<(TokenKind, &str)> {
        let tree = parse(source.as_bytes()).tree(source.as_bytes());
        let text = |t: Token| {
            (
                t.kind,
                &source[t.range.start as usize..t.range.end as usize],
            )
        };
        tree.tokens()
            .map(text)
            .filter(|t| !matches!(t.0, Blank | LineEnd))
            .collect()
    }

    #[test]
    fn directives_and_comments() {
        assert_eq!(
            tokens("# escape = `\n# a=b\n"),
            [
                (DirectiveMark, "#"),
                (DirectiveName, "escape"),
                (Equals, "="),
                (DirectiveValue, "`"),
                (Comment, "# a=b"),
            ]
        );
    }

    #[test]
    fn shell_text_with_continuation() {
        assert_eq!(
            tokens("RUN --mount=type=cache a \"$b\" \\\n # c\n  && 'd' \\$e\n"),
            [
                (Keyword, "RUN"),
                (FlagName, "--mount"),
                (Equals, "="),
                (FlagValue, "type=cache"),
                (Word, "a"),
                (Quote, "\""),
                (Variable, "$b"),
                (Quote, "\""),
                (Continuation, "\\"),
                (Comment, "# c"),
                (Operator, "&&"),
                (Quote, "'"),
                (QuotedText, "d"),
                (Quote, "'"),
                (Escape, "\\$"),
                (Word, "e"),
            ]
        );
    }

    #[test]
    fn json_and_here_documents() {
        assert_eq!(
            tokens("CMD [\"a\", \"b\"]\nCOPY <<-E /x\n# a\n\tE\n"),
            [
                (Keyword, "CMD"),
                (JsonBracket, "["),
                (JsonString, "\"a\""),
                (JsonComma, ","),
                (JsonString, "\"b\""),
                (JsonBracket, "]"),
                (Keyword, "COPY"),
                (HeredocMark, "<<-"),
                (Word, "E"),
                (Word, "/x"),
                (HeredocBody, "# a\n"),
                (HeredocEnd, "E"),
            ]
        );
    }

    #[test]
    fn views_find_instructions_and_variables() {
        let source = b"FROM a\n\nRUN echo $x '$y' \"${z:-1}\" # $w\n";
        let parsed = parse(source);
        let tree = parsed.tree(source);
        let file = ast::File::new(source, &parsed, &tree);
        let run = file.instruction_at(15).expect("RUN covers the offset");
        assert_eq!(run.keyword(), Some(super::super::Keyword::Run));
        let names: Vec<_> = run
            .variables()
            .map(|v| file.text(v.name).to_string())
            .collect();
        assert_eq!(names, ["x", "z", "w"]);
        assert!(
            file.instruction_at(7).is_none(),
            "an empty line belongs to nobody"
        );
    }
}
