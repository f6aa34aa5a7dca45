//! Bytes to nodes, line by line, as the first step of the official front end does it, but never stopping.
//!
//! A logical line without continuation is used in place; only joined lines and arguments that differ from what
//! was written are copied, into two arenas.

use super::directive::{self, Directive, Name};
use super::heredoc;
use super::json::{self, Array};
use super::keyword::{Form, Keyword};
use super::{EmptyContinuation, Heredoc, MAX_LINE, Node, Parse, Piece, Place, Segment, Text};
use crate::diagnostic::{Diagnostic, OfficialError, Phase, Severity};
use crate::quote::quote;
use crate::rune;
use crate::text::{LineSpan, TextRange};
use bstr::ByteSlice;
use std::ops::Range;

/// Reads a whole file. `escape` is the escape character until a directive says otherwise.
pub(super) fn parse(source: &[u8], escape: u8) -> Parse {
    let mut parser = Parser {
        source,
        at: 0,
        line: 0,
        pending_comments: 0,
        in_directives: true,
        parse: Parse {
            escape,
            ..Parse::default()
        },
    };
    parser.parse.nodes.reserve(source.len() / 64);
    parser.parse.pieces.reserve(source.len() / 24);
    parser.file();
    parser.parse
}

struct Parser<'s> {
    source: &'s [u8],
    /// Offset of the next physical line.
    at: usize,
    /// Physical lines read so far.
    line: u32,
    /// Index of the first comment that no node has taken yet.
    pending_comments: usize,
    in_directives: bool,
    parse: Parse,
}

/// A physical line: `start..text_end` without the line end, `end` behind it.
#[derive(Clone, Copy)]
struct Physical {
    start: usize,
    text_end: usize,
    end: usize,
}

/// A problem in one logical line: its code, its official text and its place.
struct Problem {
    code: &'static str,
    message: String,
    range: TextRange,
}

impl Parser<'_> {
    fn file(&mut self) {
        let mut first = true;
        while let Some(mut line) = self.next_line() {
            if directive::is_too_long(&self.source[line.start..line.end]) {
                self.too_long(line);
            }
            if std::mem::take(&mut first) && self.source.starts_with(b"\xef\xbb\xbf") {
                line.start = 3;
                line.text_end = line.text_end.max(3);
            }
            self.line += 1;
            self.logical_line(line);
        }
        if self.parse.nodes.is_empty() {
            let at = LineSpan::new(self.line, self.line);
            let problem = Problem {
                code: "no-instructions",
                message: NO_INSTRUCTIONS.into(),
                range: TextRange::default(),
            };
            self.report(problem, at);
        }
    }

    /// Takes the next physical line; the caller counts it.
    fn next_line(&mut self) -> Option<Physical> {
        let line = self.peek_line()?;
        self.at = line.end;
        Some(line)
    }

    fn peek_line(&self) -> Option<Physical> {
        let rest = &self.source[self.at..];
        if rest.is_empty() {
            return None;
        }
        let end = self.at + rest.find_byte(b'\n').map_or(rest.len(), |n| n + 1);
        let mut text_end = end;
        while text_end > self.at && matches!(self.source[text_end - 1], b'\n' | b'\r') {
            text_end -= 1;
        }
        Some(Physical {
            start: self.at,
            text_end,
            end,
        })
    }

    /// Takes the next physical line of a construct that began on an earlier one. The official scanner ends at an
    /// over-long line as at the end of the file.
    fn next_inner_line(&mut self) -> Option<Physical> {
        let line = self.peek_line()?;
        if directive::is_too_long(&self.source[line.start..line.end]) {
            return None;
        }
        self.at = line.end;
        self.line += 1;
        Some(line)
    }

    /// Reports an over-long line that begins a logical one; it is read all the same.
    fn too_long(&mut self, line: Physical) {
        let message = if self.parse.nodes.is_empty() && self.parse.official_error.is_none() {
            NO_INSTRUCTIONS.into()
        } else {
            format!("dockerfile line greater than max allowed size of {MAX_LINE}")
        };
        let range = TextRange::new((line.start + MAX_LINE) as u32, line.text_end as u32);
        self.report(
            Problem {
                code: "line-too-long",
                message,
                range,
            },
            LineSpan::new(self.line, self.line),
        );
    }

    /// Reads the logical line that begins with `line`, and its here documents.
    fn logical_line(&mut self, line: Physical) {
        let begin = line.start + rune::leading_space(&self.source[line.start..line.text_end]);
        if self.source.get(begin) == Some(&b'#') && begin < line.text_end {
            self.comment(line, begin);
            return;
        }
        if begin == line.text_end {
            self.in_directives = false;
            return;
        }
        self.in_directives = false;
        let first_line = self.line;
        let (text, last) = self.join(begin, line);
        let comments = self.take_comments();
        let range = TextRange::new(begin as u32, last.text_end as u32);
        let lines = LineSpan::new(first_line, self.line);
        let (index, problem) = self.node(text, range, lines, comments);
        if let Some(problem) = problem {
            self.parse.nodes[index].broken = true;
            self.report(problem, lines);
        } else {
            self.heredocs(index, text);
        }
    }

    fn comment(&mut self, line: Physical, begin: usize) {
        if std::mem::take(&mut self.in_directives)
            && let Some(parts) = directive::line_parts(&self.source[begin..line.text_end], b"#")
            && let Some(name) = Name::find(&self.source[begin + parts.name.0..begin + parts.name.1])
        {
            self.in_directives = true;
            let range =
                |(a, b): (usize, usize)| TextRange::new((begin + a) as u32, (begin + b) as u32);
            self.directive(Directive {
                name,
                name_range: range(parts.name),
                value_range: range(parts.value),
                line: self.line,
            });
            return;
        }
        let (a, b) = directive::comment_text(&self.source[line.start..line.end]);
        if a == b {
            self.parse.comments.truncate(self.pending_comments);
        } else {
            self.parse.comments.push(TextRange::new(
                (line.start + a) as u32,
                (line.start + b) as u32,
            ));
        }
    }

    fn directive(&mut self, directive: Directive) {
        // Official positions of directives are one line early: the line is counted after they are handled.
        let at = LineSpan::new(self.line - 1, self.line - 1);
        if self
            .parse
            .directives
            .iter()
            .any(|d| d.name == directive.name)
        {
            let message = format!(
                "only one {} parser directive can be used",
                directive.name.text()
            );
            self.report(
                Problem {
                    code: "duplicate-directive",
                    message,
                    range: directive.name_range,
                },
                at,
            );
            return;
        }
        if directive.name == Name::Escape {
            let value = &self.source
                [directive.value_range.start as usize..directive.value_range.end as usize];
            if let [escape @ (b'\\' | b'`')] = value {
                self.parse.escape = *escape;
            } else {
                let message = format!(
                    "invalid escape token '{}' does not match ` or \\",
                    rune::to_string(value)
                );
                self.report(
                    Problem {
                        code: "bad-escape",
                        message,
                        range: directive.value_range,
                    },
                    at,
                );
            }
        }
        self.parse.directives.push(directive);
    }

    fn take_comments(&mut self) -> Range<u32> {
        let from = std::mem::replace(&mut self.pending_comments, self.parse.comments.len());
        from as u32..self.pending_comments as u32
    }

    /// Joins the physical lines of a logical one; gives its text and its last physical line.
    fn join(&mut self, begin: usize, first: Physical) -> (Text, Physical) {
        let Some(cut) = continuation(&self.source[begin..first.text_end], self.parse.escape) else {
            return (Text::source(begin, first.text_end), first);
        };
        let start = self.parse.joined.len();
        self.append(begin, begin + cut);
        let mut last = first;
        let mut empty = Vec::new();
        while let Some(line) = self.next_inner_line() {
            last = line;
            let text = &self.source[line.start..line.text_end];
            let space = rune::leading_space(text);
            if text.get(space) == Some(&b'#') {
                continue;
            }
            if space == text.len() {
                empty.push(TextRange::new(line.start as u32, line.end as u32));
                continue;
            }
            let Some(cut) = continuation(text, self.parse.escape) else {
                self.append(line.start, line.text_end);
                break;
            };
            self.append(line.start, line.start + cut);
        }
        let text = Text {
            place: Place::Joined,
            start: start as u32,
            end: self.parse.joined.len() as u32,
        };
        if !empty.is_empty() {
            self.parse.empty_continuations.push(EmptyContinuation {
                text,
                line: self.line,
                empty,
            });
        }
        (text, last)
    }

    fn append(&mut self, start: usize, end: usize) {
        self.parse.segments.push(Segment {
            joined: self.parse.joined.len() as u32,
            source: start as u32,
        });
        self.parse
            .joined
            .extend_from_slice(&self.source[start..end]);
    }

    /// Splits a logical line into a node; an `ONBUILD` has further nodes behind it, one for each level.
    fn node(
        &mut self,
        line: Text,
        range: TextRange,
        lines: LineSpan,
        comments: Range<u32>,
    ) -> (usize, Option<Problem>) {
        let parse = &mut self.parse;
        let mut splitter = Splitter {
            text: match line.place {
                Place::Source => self.source,
                Place::Joined | Place::Cooked => &parse.joined,
            },
            place: line.place,
            escape: parse.escape,
            segments: &parse.segments,
            pieces: &mut parse.pieces,
            cooked: &mut parse.cooked,
        };
        let index = parse.nodes.len();
        let (node, mut rest, mut problem) = splitter.node(line, range, lines);
        parse.nodes.push(Node { comments, ..node });
        let mut sub: Option<usize> = None;
        while let Some(text) = rest.take() {
            let (node, next, bad) = splitter.node(text, range, lines);
            let at = parse.subs.len();
            parse.subs.push(node);
            let parent = sub.map_or(&mut parse.nodes[index], |s| &mut parse.subs[s]);
            parent.sub = Some(at as u32);
            sub = Some(at);
            rest = next;
            problem = bad;
        }
        (index, problem)
    }

    /// Reads the here documents that the line of node `index` opens.
    fn heredocs(&mut self, index: usize, line: Text) {
        let node = &self.parse.nodes[index];
        let holder = match (node.known, node.sub) {
            (Some(Keyword::Onbuild), Some(sub)) => &self.parse.subs[sub as usize],
            _ => node,
        };
        if holder.json || !holder.known.is_some_and(Keyword::takes_heredocs) {
            return;
        }
        let text = self.parse.text(self.source, line);
        if !has_heredoc_mark(text) {
            return;
        }
        let first_line = node.lines.start;
        let range = node.range;
        let Ok(openers) = heredoc::openers(text) else {
            let message = "unexpected end of statement while looking for matching quote".to_owned();
            let lines = node.lines;
            self.parse.nodes[index].broken = true;
            self.report(
                Problem {
                    code: "bad-heredoc-name",
                    message,
                    range,
                },
                lines,
            );
            return;
        };
        let from = self.parse.heredocs.len() as u32;
        for opener in openers {
            let start = self.at;
            let (body_end, end) = self.body(&opener);
            let Some(end) = end else {
                let at = LineSpan::new(first_line, self.line);
                let message = "unterminated heredoc".to_owned();
                self.report(
                    Problem {
                        code: "unterminated-heredoc",
                        message,
                        range,
                    },
                    at,
                );
                self.parse.nodes[index].broken = true;
                self.recover_body(start, first_line);
                break;
            };
            self.parse.heredocs.push(Heredoc {
                name: opener.name,
                fd: opener.fd,
                expand: opener.expand,
                chomp: opener.chomp,
                body: TextRange::new(start as u32, body_end as u32),
                terminator: TextRange::new(body_end as u32, end.text_end as u32),
            });
            let node = &mut self.parse.nodes[index];
            node.lines.end = self.line;
            node.range.end = end.text_end as u32;
        }
        self.parse.nodes[index].heredocs = from..self.parse.heredocs.len() as u32;
    }

    /// Reads a body: its end, and the line of its terminator.
    fn body(&mut self, opener: &heredoc::Opener) -> (usize, Option<Physical>) {
        while let Some(line) = self.next_inner_line() {
            let mut text = &self.source[line.start..line.text_end];
            if opener.chomp {
                text = text.trim_start_with(|c| c == '\t');
            }
            if text == opener.name {
                return (line.start, Some(line));
            }
        }
        (self.at, None)
    }

    /// A body without end has swallowed the file: goes back to the first line behind its start that looks like an
    /// instruction (a keyword in capitals at the margin), so that the rest is still understood.
    fn recover_body(&mut self, start: usize, first_line: u32) {
        let stop = self.at;
        let lines_read = self.line;
        let mut at = start;
        let skipped = self.source[start..stop].lines_with_terminator().count() as u32;
        let mut line = lines_read - skipped;
        debug_assert!(line >= first_line, "the body begins behind its line");
        while at < stop {
            let text = &self.source[at..stop];
            let word = text.iter().take_while(|b| b.is_ascii_uppercase()).count();
            let separated = text.get(word).is_some_and(|b| rune::is_blank(*b));
            if separated && Keyword::find(&text[..word]).is_some() {
                break;
            }
            at += text.find_byte(b'\n').map_or(text.len(), |n| n + 1);
            line += 1;
        }
        self.at = at;
        self.line = line;
    }

    fn report(&mut self, problem: Problem, at: LineSpan) {
        if self.parse.official_error.is_none() {
            self.parse.official_error = Some(OfficialError {
                phase: Phase::Parse,
                message: problem.message.clone(),
                at: vec![at],
            });
        }
        self.parse.errors.push(Diagnostic {
            code: problem.code,
            severity: Severity::Error,
            range: problem.range,
            lines: vec![at],
            message: problem.message,
            fix: None,
        });
    }
}

const NO_INSTRUCTIONS: &str = "file with no instructions";

/// Tells whether `<<` occurs. Most lines have no `<` at all.
fn has_heredoc_mark(text: &[u8]) -> bool {
    let mut rest = text;
    while let Some(at) = rest.find_byte(b'<') {
        if rest.get(at + 1) == Some(&b'<') {
            return true;
        }
        rest = &rest[at + 1..];
    }
    false
}

/// Where to cut a physical line that continues on the next: in front of its escape character.
pub(crate) fn continuation(line: &[u8], escape: u8) -> Option<usize> {
    let mut end = line.len();
    while end > 0 && matches!(line[end - 1], b' ' | b'\t') {
        end -= 1;
    }
    let cut = end.checked_sub(1).filter(|i| line[*i] == escape)?;
    (cut == 0 || line[cut - 1] != escape).then_some(cut)
}

/// Splits the text of logical lines into pieces. Offsets count in `text`, the source or the joined lines.
struct Splitter<'p> {
    text: &'p [u8],
    place: Place,
    escape: u8,
    segments: &'p [Segment],
    pieces: &'p mut Vec<Piece>,
    cooked: &'p mut Vec<u8>,
}

impl Splitter<'_> {
    /// A node without its comments, here documents and sub-instruction; the text of the latter; the problem.
    fn node(
        &mut self,
        line: Text,
        range: TextRange,
        lines: LineSpan,
    ) -> (Node, Option<Text>, Option<Problem>) {
        let (start, end) = self.trim(line.start as usize, line.end as usize);
        let keyword_end = self.skip_to_blank(start, end);
        let keyword = self.piece(start, keyword_end);
        let flags_from = self.pieces.len() as u32;
        let rest = if keyword_end == end {
            end
        } else {
            self.flags(self.skip_blanks(keyword_end, end), end)
        };
        let args_from = self.pieces.len() as u32;
        let (a, b) = self.trim(rest, end);
        let known = Keyword::find(&self.text[start..keyword_end]);
        let mut sub = None;
        let split = match known.map(Keyword::form) {
            Some(Form::Instruction) => {
                sub = (a < b).then_some(Text {
                    place: self.place,
                    start: a as u32,
                    end: b as u32,
                });
                Ok(false)
            }
            Some(form) => self.arguments(form, known, a, b),
            None => {
                let empty = self.piece(keyword_end, keyword_end);
                self.pieces.push(empty);
                Ok(false)
            }
        };
        let json = matches!(split, Ok(true));
        let node = Node {
            keyword,
            known,
            flags: flags_from..args_from,
            args: args_from..self.pieces.len() as u32,
            json,
            original: line,
            argument_text: Text {
                place: self.place,
                start: a as u32,
                end: b as u32,
            },
            lines,
            range,
            ..Node::default()
        };
        (node, sub, split.err())
    }

    /// Pushes the arguments of `a..b`; tells whether they were JSON.
    fn arguments(
        &mut self,
        form: Form,
        known: Option<Keyword>,
        a: usize,
        b: usize,
    ) -> Result<bool, Problem> {
        if a == b {
            return Ok(false);
        }
        match form {
            Form::Text => self.push(a, b),
            Form::List => self.list(a, b),
            Form::JsonOrList => {
                if self.json(a, b)? {
                    return Ok(true);
                }
                self.list(a, b);
            }
            Form::JsonOrText => {
                if self.json(a, b)? {
                    return Ok(true);
                }
                self.push(a, b);
            }
            Form::Pairs => self.pairs(known.map_or("", Keyword::upper), a, b)?,
            Form::Words => {
                let mut at = a;
                while let Some(word) = self.word(&mut at, b) {
                    self.push_word(&word);
                }
            }
            Form::TypeThenJsonOrText => return self.type_then_command(a, b),
            Form::Instruction => {}
        }
        Ok(false)
    }

    fn list(&mut self, a: usize, b: usize) {
        let mut at = a;
        while at < b {
            let end = self.skip_to_blank(at, b);
            self.push(at, end);
            at = self.skip_blanks(end, b);
        }
    }

    /// Pushes the elements when the text is a JSON array of strings.
    fn json(&mut self, a: usize, b: usize) -> Result<bool, Problem> {
        let skip = rune::leading_space(&self.text[a..b]);
        if self.text.get(a + skip) != Some(&b'[') {
            return Ok(false);
        }
        match json::array(&self.text[a..b]) {
            Array::No => Ok(false),
            Array::NotStrings(at) => Err(Problem {
                code: "json-not-strings",
                message: "when using JSON array syntax, arrays must be comprised of strings only"
                    .into(),
                range: self.range(a + at.start, a + at.end),
            }),
            Array::Strings(strings) => {
                for inside in strings {
                    let (a, b) = (a + inside.start, a + inside.end);
                    if json::is_plain(&self.text[a..b]) {
                        self.push(a, b);
                    } else {
                        let text = json::unescape(&self.text[a..b]);
                        self.push_cooked(&text, a, b);
                    }
                }
                Ok(true)
            }
        }
    }

    /// `HEALTHCHECK`: the scan for its first word is bytewise, so 0x85 and 0xA0 count as space.
    fn type_then_command(&mut self, a: usize, b: usize) -> Result<bool, Problem> {
        let text = &self.text[a..b];
        let sep = text
            .iter()
            .position(|c| rune::is_latin1_space(*c))
            .unwrap_or(text.len());
        let next = text[sep..]
            .iter()
            .position(|c| !rune::is_latin1_space(*c))
            .map_or(text.len(), |n| sep + n);
        if sep == 0 {
            return Ok(false);
        }
        self.push(a, a + sep);
        self.arguments(Form::JsonOrText, None, a + next, b)
    }

    /// Name, value and separator for each pair of `ENV` and `LABEL`.
    fn pairs(&mut self, keyword: &str, a: usize, b: usize) -> Result<(), Problem> {
        let mut at = a;
        let Some(mut word) = self.word(&mut at, b) else {
            return Ok(());
        };
        if self.equals(&word).is_none() {
            return self.legacy_pair(keyword, a, b);
        }
        loop {
            let Some(equals) = self.equals(&word) else {
                return Err(Problem {
                    code: "missing-equals",
                    message: format!(
                        "Syntax error - can't find = in {}. Must be of the form: name=value",
                        quote(&self.word_text(&word))
                    ),
                    range: self.range(word.start, word.end),
                });
            };
            self.push_word(&Word {
                start: word.start,
                end: equals,
                ..word
            });
            self.push_word(&Word {
                start: equals + 1,
                ..word
            });
            self.push(equals, equals + 1);
            match self.word(&mut at, b) {
                Some(next) => word = next,
                None => return Ok(()),
            }
        }
    }

    fn legacy_pair(&mut self, keyword: &str, a: usize, b: usize) -> Result<(), Problem> {
        let name_end = self.skip_to_blank(a, b);
        if name_end == b {
            return Err(Problem {
                code: "missing-value",
                message: format!("{keyword} must have two arguments"),
                range: self.range(a, b),
            });
        }
        let value = self.skip_blanks(name_end, b);
        self.push(a, name_end);
        self.push(value, b);
        let none = self.piece(b, b);
        self.pieces.push(none);
        Ok(())
    }

    fn equals(&self, word: &Word) -> Option<usize> {
        self.text[word.start..word.end]
            .find_byte(b'=')
            .map(|n| word.start + n)
    }

    fn push_word(&mut self, word: &Word) {
        if word.plain {
            self.push(word.start, word.end);
        } else {
            let text = self.word_text(word);
            self.push_cooked(&text, word.start, word.end);
        }
    }

    fn word_text(&self, word: &Word) -> Vec<u8> {
        rune::to_string(&self.text[word.start..word.end]).into_bytes()
    }

    fn word(&self, at: &mut usize, end: usize) -> Option<Word> {
        next_word(self.text, at, end, self.escape)
    }

    /// Pushes the flags in front of the arguments; gives the offset where the arguments start.
    fn flags(&mut self, start: usize, end: usize) -> usize {
        let mut at = start;
        loop {
            at += self.text[at..end]
                .iter()
                .take_while(|b| rune::is_latin1_space(**b))
                .count();
            if !self.text[at..end].starts_with(b"--") {
                return at;
            }
            let (word_end, plain) = self.flag_end(at, end);
            if plain {
                if word_end - at == 2 {
                    return word_end;
                }
                self.push(at, word_end);
            } else {
                let text = self.flag_text(at, word_end);
                if text == b"--" {
                    return word_end;
                }
                self.push_cooked(&text, at, word_end);
            }
            at = word_end;
        }
    }

    /// End of the flag word at `at`, and whether it stands for itself.
    fn flag_end(&self, start: usize, end: usize) -> (usize, bool) {
        let mut at = start;
        let mut quote = None;
        let mut plain = true;
        while at < end {
            let b = self.text[at];
            if b == self.escape && quote != Some(b) {
                plain = false;
                at += 1;
            } else if quote == Some(b) {
                quote = None;
            } else if quote.is_none() {
                if rune::is_latin1_space(b) {
                    break;
                }
                if matches!(b, b'\'' | b'"') {
                    plain = false;
                    quote = Some(b);
                }
            }
            plain &= b.is_ascii();
            at += 1;
        }
        (at.min(end), plain)
    }

    /// The flag word without quotes and escapes; every byte beyond ASCII is a character of its own.
    fn flag_text(&self, start: usize, end: usize) -> Vec<u8> {
        let kept = flag_bytes(&self.text[start..end], self.escape);
        let text: String = kept.map(|(_, b)| char::from(b)).collect();
        text.into_bytes()
    }

    fn push(&mut self, start: usize, end: usize) {
        let piece = self.piece(start, end);
        self.pieces.push(piece);
    }

    /// Pushes a text that differs from what was written at `start..end`.
    fn push_cooked(&mut self, text: &[u8], start: usize, end: usize) {
        let from = self.cooked.len();
        self.cooked.extend_from_slice(text);
        let text = Text {
            place: Place::Cooked,
            start: from as u32,
            end: self.cooked.len() as u32,
        };
        self.pieces.push(Piece {
            text,
            range: self.range(start, end),
        });
    }

    fn piece(&self, start: usize, end: usize) -> Piece {
        let text = Text {
            place: self.place,
            start: start as u32,
            end: end as u32,
        };
        Piece {
            text,
            range: self.range(start, end),
        }
    }

    /// Source bytes of `start..end`.
    fn range(&self, start: usize, end: usize) -> TextRange {
        match self.place {
            Place::Source => TextRange::new(start as u32, end as u32),
            Place::Joined | Place::Cooked => {
                super::source_range(self.segments, start as u32, end as u32)
            }
        }
    }

    fn trim(&self, start: usize, end: usize) -> (usize, usize) {
        let (a, b) = rune::trim(&self.text[start..end]);
        (start + a, start + b)
    }

    fn skip_to_blank(&self, start: usize, end: usize) -> usize {
        start
            + self.text[start..end]
                .iter()
                .position(|b| rune::is_blank(*b))
                .unwrap_or(end - start)
    }

    fn skip_blanks(&self, start: usize, end: usize) -> usize {
        start
            + self.text[start..end]
                .iter()
                .position(|b| !rune::is_blank(*b))
                .unwrap_or(end - start)
    }
}

/// The bytes of a flag word that stay when quotes and escapes go, with their offsets.
pub(super) fn flag_bytes(word: &[u8], escape: u8) -> impl Iterator<Item = (usize, u8)> + '_ {
    let mut quote = None;
    let mut bytes = word.iter().copied().enumerate();
    std::iter::from_fn(move || {
        loop {
            let (at, b) = bytes.next()?;
            if quote == Some(b) {
                quote = None;
            } else if quote.is_none() && matches!(b, b'\'' | b'"') {
                quote = Some(b);
            } else if b == escape {
                return bytes.next();
            } else {
                return Some((at, b));
            }
        }
    })
}

/// A word that keeps its quotes and escapes.
#[derive(Clone, Copy)]
pub(crate) struct Word {
    pub(crate) start: usize,
    pub(crate) end: usize,
    /// No invalid UTF-8, so the bytes stand for themselves.
    pub(crate) plain: bool,
}

/// The next word of `text[*at..end]`: separated by space, grouped by quotes. A dropped escape character at the very
/// end is not part of the word.
///
/// **Source:** BuildKit `parser/line_parsers.go`, `parseWords`.
pub(crate) fn next_word(text: &[u8], at: &mut usize, end: usize, escape: u8) -> Option<Word> {
    let start = *at + rune::leading_space(&text[*at..end]);
    let mut pos = start;
    let mut quote = None;
    let mut word_end = end;
    let mut ascii = true;
    while pos < end {
        let b = text[pos];
        if b == escape && quote != Some(b'\'') {
            if pos + 1 == end {
                word_end = pos;
                pos = end;
                break;
            }
            pos += 1;
            ascii &= text[pos].is_ascii();
            pos += rune::decode(&text[pos..end]).map_or(0, |(_, n)| n);
            continue;
        }
        if !b.is_ascii() {
            ascii = false;
            let Some((c, n)) = rune::decode(&text[pos..end]) else {
                break;
            };
            if quote.is_none() && c.is_whitespace() {
                word_end = pos;
                break;
            }
            pos += n;
            continue;
        }
        if quote == Some(b) {
            quote = None;
        } else if quote.is_none() {
            if rune::is_latin1_space(b) {
                word_end = pos;
                break;
            }
            if matches!(b, b'\'' | b'"') {
                quote = Some(b);
            }
        }
        pos += 1;
    }
    *at = pos;
    (start < word_end).then(|| Word {
        start,
        end: word_end,
        plain: ascii || std::str::from_utf8(&text[start..word_end]).is_ok(),
    })
}
