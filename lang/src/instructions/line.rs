//! A parsed line on its way to a typed instruction.

use super::flags::{self, Flags};
use super::{CommandLine, Heredoc, spec};
use crate::rune;
use crate::syntax::{self, Keyword, Node, Parse, Piece};
use crate::text::{TextRange, Word};
use bstr::{BString, ByteSlice};

/// What the official front end says of a line, without the prefix that names the line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Stable identifier.
    pub code: &'static str,
    /// Exact official text.
    pub message: String,
    /// Bytes to underline.
    pub range: TextRange,
}

impl Problem {
    pub(super) fn new(code: &'static str, message: impl Into<String>, range: TextRange) -> Self {
        Self {
            code,
            message: message.into(),
            range,
        }
    }
}

/// One node with everything needed to read it.
pub(super) struct Line<'a> {
    pub(super) source: &'a [u8],
    pub(super) parse: &'a Parse,
    pub(super) node: &'a Node,
    pub(super) keyword: Keyword,
    pub(super) args: Vec<Word>,
}

impl<'a> Line<'a> {
    pub(super) fn new(
        source: &'a [u8],
        parse: &'a Parse,
        node: &'a Node,
        keyword: Keyword,
    ) -> Self {
        let args = parse
            .pieces(&node.args)
            .iter()
            .map(|p| word(source, parse, p))
            .collect();
        Self {
            source,
            parse,
            node,
            keyword,
            args,
        }
    }

    /// Checks the flags against the instruction's row.
    pub(super) fn flags(&self) -> Result<Flags, Problem> {
        flags::check(&self.flag_words(), spec(self.keyword).flags)
    }

    /// Flags as written.
    pub(super) fn flag_words(&self) -> Vec<Word> {
        self.parse
            .pieces(&self.node.flags)
            .iter()
            .map(|p| word(self.source, self.parse, p))
            .collect()
    }

    /// Fails unless there is an argument.
    pub(super) fn at_least_one(&self) -> Result<(), Problem> {
        if self.args.is_empty() {
            Err(self.missing("at least one argument"))
        } else {
            Ok(())
        }
    }

    /// The one argument, or fails.
    pub(super) fn exactly_one(&mut self) -> Result<Word, Problem> {
        match self.args.as_mut_slice() {
            [only] => Ok(std::mem::take(only)),
            _ => Err(self.missing("exactly one argument")),
        }
    }

    pub(super) fn missing(&self, what: &str) -> Problem {
        self.problem(
            "missing-argument",
            format!("{} requires {what}", self.keyword.upper()),
        )
    }

    /// A problem of the whole line, shown at its keyword.
    pub(super) fn problem(&self, code: &'static str, message: impl Into<String>) -> Problem {
        Problem::new(code, message, self.node.keyword.range)
    }

    /// The arguments as a command: the elements of a JSON array, else the text for the shell.
    pub(super) fn command(self) -> CommandLine {
        CommandLine {
            args: self.args,
            shell: !self.node.json,
        }
    }

    /// Here documents in the order of the line.
    pub(super) fn heredocs(&self) -> Vec<Heredoc> {
        self.parse
            .heredocs(self.node)
            .iter()
            .map(|h| self.heredoc(h))
            .collect()
    }

    fn heredoc(&self, heredoc: &syntax::Heredoc) -> Heredoc {
        let body = heredoc.body.start as usize..heredoc.body.end as usize;
        Heredoc {
            name: heredoc.name.clone(),
            fd: heredoc.fd,
            expand: heredoc.expand,
            chomp: heredoc.chomp,
            content: self.source[body].into(),
            range: heredoc.body,
        }
    }

    /// Pending comments above the line.
    pub(super) fn comments(&self) -> Vec<BString> {
        let text = |r: &TextRange| self.source[r.start as usize..r.end as usize].into();
        self.parse.comments(self.node).iter().map(text).collect()
    }

    /// The description of `name` in the comments above: what follows the name in the first line that starts with it.
    pub(super) fn doc(&self, name: &[u8]) -> Option<BString> {
        if name.is_empty() {
            return None;
        }
        self.parse.comments(self.node).iter().find_map(|r| {
            let line = &self.source[r.start as usize..r.end as usize];
            line.strip_prefix(name)?
                .strip_prefix(b" ")
                .map(BString::from)
        })
    }
}

/// Text and place of a piece.
pub(super) fn word(source: &[u8], parse: &Parse, piece: &Piece) -> Word {
    Word::new(parse.text(source, piece.text), piece.range)
}

/// Part `start..end` of a word; its place is that of the whole when the two do not correspond byte for byte.
pub(super) fn part(word: &Word, start: usize, end: usize) -> Word {
    let range = if word.text.len() == word.range.len() as usize {
        TextRange::new(
            word.range.start + start as u32,
            word.range.start + end as u32,
        )
    } else {
        word.range
    };
    Word::new(&word.text[start..end], range)
}

/// The word without white space around it.
pub(super) fn trimmed(word: &Word) -> Word {
    let (start, end) = rune::trim(word.text.as_bytes());
    part(word, start, end)
}
