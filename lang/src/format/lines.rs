//! The lines of an instruction: how each begins, and what it is indented by.

use super::parts::Parts;
use super::{Options, ShellText};
use crate::ide::File;
use crate::syntax::token::TokenKind;
use crate::syntax::tree::Token;
use crate::text::TextRange;
use bstr::ByteSlice;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LineKind {
    /// Begins between two parts.
    Separate,
    /// Begins between two words of shell text.
    Shell,
    /// Begins inside another part, or in the middle of a word.
    Inside,
    /// Begins inside a quote, as far as quotes can be told apart without a shell.
    Quoted,
    Comment,
    Empty,
}

/// A physical line of an instruction.
pub(super) struct Line<'t> {
    pub(super) number: usize,
    pub(super) kind: LineKind,
    /// Its tokens behind the indentation.
    pub(super) tokens: &'t [Token],
    /// Blanks at its start; empty where there are none or where they are no plain blanks.
    pub(super) indentation: TextRange,
}

impl<'t> Line<'t> {
    /// The lines that the tokens of an instruction are on.
    pub(super) fn all(file: &File, tokens: &'t [Token], parts: &Parts) -> Vec<Self> {
        let mut reader = Reader {
            file,
            parts,
            quoted: false,
            after_blank: false,
        };
        tokens
            .split_inclusive(|token| token.kind == TokenKind::LineEnd)
            .enumerate()
            .map(|(number, tokens)| reader.line(number, tokens))
            .collect()
    }
}

/// Reads lines in order.
struct Reader<'f> {
    file: &'f File,
    parts: &'f Parts,
    /// A quote is open.
    quoted: bool,
    /// The line above ends in a blank.
    after_blank: bool,
}

impl Reader<'_> {
    fn line<'t>(&mut self, number: usize, tokens: &'t [Token]) -> Line<'t> {
        let start = tokens[0].range.start;
        let blank = tokens.first().filter(|t| t.kind == TokenKind::Blank);
        let behind = &tokens[usize::from(blank.is_some())..];
        let indentation = blank.map_or(TextRange::new(start, start), |t| t.range);
        let first = behind.first().map(|t| t.kind);
        let kind = self.kind(first, indentation);
        if !matches!(kind, LineKind::Comment | LineKind::Empty) {
            // What a line of nothing else is indented by stands in front of its escape character.
            let moves = first == Some(TokenKind::Continuation) && kind == LineKind::Shell;
            self.after_blank = moves || ends_in_blank(self.file, tokens);
        }
        let quotes = tokens.iter().filter(|t| t.kind == TokenKind::Quote);
        self.quoted ^= quotes.count() % 2 == 1;
        Line {
            number,
            kind,
            tokens: behind,
            indentation,
        }
    }

    fn kind(&self, first: Option<TokenKind>, indentation: TextRange) -> LineKind {
        let start = indentation.start;
        let in_shell = self.parts.shell.start < start && start < self.parts.shell.end;
        // Where white space is, more of it parts no word.
        let parted = self.after_blank || !indentation.is_empty();
        match first {
            Some(TokenKind::Comment) => LineKind::Comment,
            None | Some(TokenKind::LineEnd) => LineKind::Empty,
            Some(_) if self.quoted => LineKind::Quoted,
            Some(_) if in_shell && parted => LineKind::Shell,
            Some(_) if self.parts.go_on_at(start) => LineKind::Inside,
            Some(_) => LineKind::Separate,
        }
    }
}

/// How the lines of one instruction are indented.
pub(super) struct Layout<'f> {
    file: &'f File,
    step: String,
    /// Indentation of the leftmost line inside shell text that has any.
    leftmost: Option<&'f [u8]>,
    /// The same of lines inside other parts, which cannot be moved: the white space is in the value of an `ENV name value`.
    fixed: Option<&'f [u8]>,
    shift: bool,
}

impl<'f> Layout<'f> {
    pub(super) fn new(file: &'f File, options: &Options, lines: &[Line<'_>]) -> Self {
        let shift = options.shell_text == ShellText::Shift;
        let leftmost = |kind, or_none: bool| {
            let inside = lines.iter().filter(|line| line.kind == kind);
            inside
                .map(|line| file.text(line.indentation))
                .filter(|blanks| or_none || !blanks.is_empty())
                .min_by_key(|blanks| blanks.len())
        };
        Self {
            file,
            step: options.step(),
            leftmost: leftmost(LineKind::Shell, shift),
            fixed: leftmost(LineKind::Inside, false),
            shift,
        }
    }

    /// What each line is indented by; `None` where that stays. It may depend on the lines below, so they are looked at
    /// from the end.
    pub(super) fn indentations(&self, lines: &[Line<'_>]) -> Vec<Option<String>> {
        let mut below: Option<String> = None;
        let mut indentations = Vec::with_capacity(lines.len());
        for line in lines.iter().rev() {
            let own = self.file.text(line.indentation);
            let indentation = self
                .indentation(line, below.as_deref())
                .filter(|_| is_plain(own));
            if line.kind != LineKind::Empty {
                let stays = || is_plain(own).then(|| own.to_str_lossy().into_owned());
                below = indentation.clone().or_else(stays).or(below);
            }
            indentations.push(indentation);
        }
        indentations.reverse();
        indentations
    }

    fn indentation(&self, line: &Line<'_>, below: Option<&str>) -> Option<String> {
        match line.kind {
            LineKind::Empty => Some(String::new()),
            LineKind::Comment => Some(below.map_or_else(|| self.base(), str::to_owned)),
            LineKind::Separate if closes_array(self.file, line) => Some(String::new()),
            LineKind::Separate => Some(self.base()),
            LineKind::Shell if self.shift => self.shifted(line),
            LineKind::Shell | LineKind::Inside | LineKind::Quoted => None,
        }
    }

    /// Indentation of lines that may have any: that of the text below which stays, so that both stand in one column.
    fn base(&self) -> String {
        let stays = self.leftmost.filter(|_| !self.shift).or(self.fixed);
        stays.map_or_else(
            || self.step.clone(),
            |blanks| blanks.to_str_lossy().into_owned(),
        )
    }

    /// The line moved by what the leftmost line has to be moved by.
    fn shifted(&self, line: &Line<'_>) -> Option<String> {
        let own = self.file.text(line.indentation);
        let deeper = own.strip_prefix(self.leftmost?)?;
        Some(format!("{}{}", self.step, deeper.to_str_lossy()))
    }
}

/// Tells whether a blank stands in front of the escape character of a line.
fn ends_in_blank(file: &File, tokens: &[Token]) -> bool {
    let escape = tokens.iter().find(|t| t.kind == TokenKind::Continuation);
    escape.is_some_and(|token| {
        let before = file.text(TextRange::new(0, token.range.start)).last();
        matches!(before, Some(b' ' | b'\t'))
    })
}

/// Tells whether there are only blanks and tabulators; other white space may mean something.
pub(super) fn is_plain(blanks: &[u8]) -> bool {
    blanks.iter().all(|b| matches!(b, b' ' | b'\t'))
}

fn closes_array(file: &File, line: &Line<'_>) -> bool {
    let first = line.tokens.first();
    first.is_some_and(|t| t.kind == TokenKind::JsonBracket && file.text(t.range) == b"]")
}
