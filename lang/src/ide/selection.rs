//! Growing the selection: from the word at the cursor to the whole file, each step holding the one before.

use super::{File, mount};
use crate::syntax::token::TokenKind;
use crate::syntax::tree::Token;
use crate::syntax::{Keyword, Node};
use crate::text::TextRange;
use bstr::ByteSlice;

/// The ranges around `offset`, the smallest first; the last is the file.
///
/// ```
/// use cooperage_lang::ide::{File, selection::selection};
/// let file = File::new(b"FROM a\nCMD [\"sh\", \"-c\"]\n".to_vec());
/// let grown = selection(&file, 14);
/// let texts: Vec<_> = grown.iter().map(|r| String::from_utf8_lossy(file.text(*r)).into_owned()).collect();
/// assert_eq!(texts[..4], ["sh", "\"sh\"", "[\"sh\", \"-c\"]", "CMD [\"sh\", \"-c\"]"]);
/// ```
pub fn selection(file: &File, offset: u32) -> Vec<TextRange> {
    let mut around = Around {
        file,
        offset,
        found: Vec::new(),
    };
    around.file();
    if let Some(node) = node_at(file, offset) {
        around.instruction(node);
    } else {
        around.comment();
    }
    around.nested()
}

/// The index of the instruction whose lines `offset` is in.
fn node_at(file: &File, offset: u32) -> Option<usize> {
    let nodes = file.parse().nodes();
    let behind = nodes.partition_point(|n| n.range.start <= offset);
    let index = behind.checked_sub(1)?;
    (offset <= nodes[index].range.end).then_some(index)
}

struct Around<'a> {
    file: &'a File,
    offset: u32,
    found: Vec<TextRange>,
}

impl Around<'_> {
    /// Keeps a range that covers the cursor.
    fn add(&mut self, range: TextRange) {
        if range.start <= self.offset && self.offset <= range.end {
            self.found.push(range);
        }
    }

    /// The ranges that lie in each other, the smallest first.
    fn nested(mut self) -> Vec<TextRange> {
        self.found.sort_by_key(|r| (r.len(), r.start));
        let mut chain: Vec<TextRange> = Vec::new();
        for range in self.found {
            let grows = chain.last().is_none_or(|inner| {
                range.start <= inner.start && inner.end <= range.end && *inner != range
            });
            if grows && (!range.is_empty() || chain.is_empty()) {
                chain.push(range);
            }
        }
        if chain.len() > 1 && chain[0].is_empty() {
            chain.remove(0);
        }
        chain
    }

    fn file(&mut self) {
        let len = self.file.source().len() as u32;
        self.add(TextRange::new(0, len));
        let names = self.file.names();
        if let Some(stage) = names.stage_at(self.offset) {
            self.add(names.stages()[stage].range);
        }
        if let Some(name) = names.at(self.offset) {
            let name = names.get(name);
            self.add(name.range);
            self.add(name.whole);
        }
    }

    fn instruction(&mut self, index: usize) {
        let file = self.file;
        let parse = file.parse();
        let mut node = &parse.nodes()[index];
        self.lines_of(node.range);
        self.heredocs(node);
        loop {
            self.add(node.range);
            self.parts(node);
            match parse.sub(node) {
                Some(sub) => {
                    // Everything of the instruction inside an ONBUILD.
                    self.add(TextRange::new(sub.keyword.range.start, node.range.end));
                    node = sub;
                }
                None => break,
            }
        }
        let tokens: Vec<Token> = file.tree().instruction_tokens(index).collect();
        self.strings(&tokens);
        self.runs(&tokens, |kind| !separates_words(kind));
        self.runs(&tokens, |kind| kind != TokenKind::Operator);
        for token in tokens {
            if !matches!(token.kind, TokenKind::HeredocBody) && !separates_words(token.kind) {
                self.add(token.range);
            }
        }
    }

    fn parts(&mut self, node: &Node) {
        let parse = self.file.parse();
        self.add(node.keyword.range);
        for flag in parse.pieces(&node.flags) {
            self.flag(flag.range);
        }
        self.add(parse.text_range(node.argument_text));
        let args = parse.pieces(&node.args);
        for argument in args {
            self.add(argument.range);
            if node.json {
                let TextRange { start, end } = argument.range;
                self.add(TextRange::new(start.saturating_sub(1), end + 1));
            }
        }
        let pairs = matches!(node.known, Some(Keyword::Env | Keyword::Label));
        if pairs {
            for pair in args.chunks_exact(3) {
                self.add(pair[0].range.cover(pair[1].range));
            }
        }
    }

    fn flag(&mut self, range: TextRange) {
        self.add(range);
        let text = self.file.text(range);
        let Some(equals) = text.find_byte(b'=') else {
            return;
        };
        let place = |start: usize, end: usize| {
            TextRange::new(range.start + start as u32, range.start + end as u32)
        };
        self.add(place(2.min(equals), equals));
        self.add(place(equals + 1, text.len()));
        for field in mount::fields(text, equals + 1..text.len()) {
            self.add(place(field.whole.start, field.whole.end));
            if let Some(value) = field.value {
                self.add(place(value.start, value.end));
            }
        }
    }

    fn heredocs(&mut self, node: &Node) {
        for heredoc in self.file.parse().heredocs(node) {
            self.add(heredoc.body);
            self.add(heredoc.body.cover(heredoc.terminator));
        }
    }

    /// The line of the cursor, without the space around it.
    fn lines_of(&mut self, within: TextRange) {
        let (line, _) = self.file.lines().line_column(self.offset);
        let range = self.file.lines().line_range(line + 1);
        let range = TextRange::new(range.start.max(within.start), range.end.min(within.end));
        self.add(trimmed(self.file, range));
    }

    /// Quoted texts, without and with their quotes.
    fn strings(&mut self, tokens: &[Token]) {
        let mut open: Option<TextRange> = None;
        for token in tokens {
            match (token.kind, open) {
                (TokenKind::Quote, None) => open = Some(token.range),
                (TokenKind::Quote, Some(start)) => {
                    self.add(TextRange::new(start.end, token.range.start));
                    self.add(start.cover(token.range));
                    open = None;
                }
                (TokenKind::JsonString, _) => {
                    let TextRange { start, end } = token.range;
                    self.add(token.range);
                    if end - start >= 2 {
                        self.add(TextRange::new(start + 1, end - 1));
                    }
                }
                _ => {}
            }
        }
    }

    /// The run of tokens of a sort that the cursor is in, without the space around it: a word, a command.
    fn runs(&mut self, tokens: &[Token], belongs: impl Fn(TokenKind) -> bool) {
        let is_argument = |kind| {
            !matches!(
                kind,
                TokenKind::Keyword
                    | TokenKind::FlagName
                    | TokenKind::FlagValue
                    | TokenKind::HeredocBody
                    | TokenKind::HeredocEnd
                    | TokenKind::JsonString
                    | TokenKind::JsonBracket
                    | TokenKind::JsonComma
            )
        };
        let runs = tokens.split(|t| !(belongs(t.kind) && is_argument(t.kind)));
        for run in runs {
            if let (Some(first), Some(last)) = (run.first(), run.last()) {
                self.add(trimmed(self.file, first.range.cover(last.range)));
            }
        }
    }

    /// A comment, and the block it is part of.
    fn comment(&mut self) {
        let lines = self.file.lines();
        let is_comment = |line: u32| {
            let text = self.file.text(lines.line_range(line));
            text.trim_start().starts_with(b"#")
        };
        let (line, _) = lines.line_column(self.offset);
        let line = line + 1;
        if !is_comment(line) {
            return;
        }
        let first = (1..=line).rev().take_while(|l| is_comment(*l)).last();
        let last = (line..=lines.len()).take_while(|l| is_comment(*l)).last();
        let whole = trimmed(self.file, lines.line_range(line));
        let text = TextRange::new(whole.start + 1, whole.end);
        let (first, last) = (first.unwrap_or(line), last.unwrap_or(line));
        let block = lines.line_range(first).cover(lines.line_range(last));
        self.add(trimmed(self.file, text));
        self.add(whole);
        self.add(trimmed(self.file, block));
    }
}

fn separates_words(kind: TokenKind) -> bool {
    matches!(
        kind,
        TokenKind::Blank
            | TokenKind::LineEnd
            | TokenKind::Continuation
            | TokenKind::Comment
            | TokenKind::Operator
            | TokenKind::JsonBracket
            | TokenKind::JsonComma
    )
}

/// The range without white space and continuations around it.
fn trimmed(file: &File, range: TextRange) -> TextRange {
    let escape = file.parse().escape() as u8;
    let whole = file.text(range);
    let mut rest = whole.trim_start();
    while let Some(behind) = rest.strip_prefix(&[escape]) {
        let behind = behind.trim_start_with(|c| matches!(c, ' ' | '\t' | '\r'));
        if !behind.starts_with(b"\n") {
            break;
        }
        rest = behind.trim_start();
    }
    let mut text = rest.trim_end();
    if rest[text.len()..].contains(&b'\n') {
        text = text.strip_suffix(&[escape]).unwrap_or(text).trim_end();
    }
    let start = range.start + (whole.len() - rest.len()) as u32;
    TextRange::new(start, start + text.len() as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The texts that the selection grows through; `|` marks the cursor.
    fn grown(text: &str) -> Vec<String> {
        let offset = text.find('|').expect("a mark") as u32;
        let file = File::new(text.replacen('|', "", 1).into_bytes());
        let ranges = selection(&file, offset);
        ranges
            .iter()
            .map(|r| file.text(*r).to_str_lossy().into_owned())
            .collect()
    }

    fn check(text: &str, expected: &[&str]) {
        let mut expected: Vec<String> = expected.iter().map(|e| (*e).to_owned()).collect();
        expected.push(text.replacen('|', "", 1));
        assert_eq!(grown(text), expected, "{text}");
    }

    #[test]
    fn grows_from_the_word_to_the_file() {
        check(
            "FROM a\nCOPY --from=bu|ild /x /\nUSER b\n",
            &[
                "build",
                "--from=build",
                "COPY --from=build /x /",
                "FROM a\nCOPY --from=build /x /\nUSER b",
            ],
        );
        check(
            "FROM a\nRUN --mount=type=bind,from=b|,target=/x make\n",
            &[
                "b",
                "from=b",
                "type=bind,from=b,target=/x",
                "--mount=type=bind,from=b,target=/x",
                "RUN --mount=type=bind,from=b,target=/x make",
                "FROM a\nRUN --mount=type=bind,from=b,target=/x make",
            ],
        );
        check(
            "FROM a\nRUN cd /x && \\\n  make \"P=${D|}/y\" all\n",
            &[
                "D",
                "${D}",
                "P=${D}/y",
                "\"P=${D}/y\"",
                "make \"P=${D}/y\" all",
                "cd /x && \\\n  make \"P=${D}/y\" all",
                "RUN cd /x && \\\n  make \"P=${D}/y\" all",
                "FROM a\nRUN cd /x && \\\n  make \"P=${D}/y\" all",
            ],
        );
        check(
            "FROM a\nENV A=1 B=\"x |y\"\n",
            &[
                "x y",
                "\"x y\"",
                "B=\"x y\"",
                "A=1 B=\"x y\"",
                "ENV A=1 B=\"x y\"",
                "FROM a\nENV A=1 B=\"x y\"",
            ],
        );
        check(
            "FROM a\nCOPY <<E /x\nli|ne 1\nline 2\nE\n",
            &[
                "line 1",
                "line 1\nline 2\n",
                "line 1\nline 2\nE",
                "COPY <<E /x\nline 1\nline 2\nE",
                "FROM a\nCOPY <<E /x\nline 1\nline 2\nE",
            ],
        );
        check("# one\n# t|wo\nFROM a\n", &["two", "# two", "# one\n# two"]);
        check(
            "FROM a\nONBUILD USER b|\n",
            &["b", "USER b", "ONBUILD USER b", "FROM a\nONBUILD USER b"],
        );
    }
}
