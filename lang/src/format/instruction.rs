//! One instruction: which of its white space separates parts, and how that is written.

use super::{Continuations, Edits, Options, ShellText};
use crate::ide::File;
use crate::syntax::token::TokenKind;
use crate::syntax::tree::Token;
use crate::syntax::{Form, Keyword, Node, Piece};
use crate::text::TextRange;
use bstr::ByteSlice;

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
    let layout = Layout::new(file, options, &lines);
    // What a line is indented by may depend on the lines below, so they are looked at from the end.
    let mut below = None;
    let mut indentations = Vec::with_capacity(lines.len());
    for line in lines.iter().rev() {
        let indentation = layout.indentation(line, below.as_deref());
        if line.kind != LineKind::Empty {
            below = Some(indentation.clone());
        }
        indentations.push(indentation);
    }
    let keywords = capitals(file, node);
    let mut words = keywords.iter().peekable();
    for (line, indentation) in lines.iter().zip(indentations.iter().rev()) {
        if line.number > 0 && options.continuations == Continuations::Keep {
            break;
        }
        if line.number > 0 {
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

/// The stretches of an instruction that nothing may be changed in. White space between them only separates.
struct Parts {
    ranges: Vec<TextRange>,
    json: bool,
    /// Text for a shell; empty when there is none.
    shell: TextRange,
}

impl Parts {
    fn new(file: &File, node: &Node) -> Self {
        let mut parts = Self {
            ranges: vec![node.keyword.range],
            json: false,
            shell: TextRange::default(),
        };
        if opens_heredoc_between_quotes(file, node) {
            parts.opaque(file, node, true);
            return parts;
        }
        let flags = file.parse().pieces(&node.flags);
        parts.ranges.extend(flags.iter().map(|flag| flag.range));
        let args = file.parse().pieces(&node.args);
        match node.known.map(Keyword::form) {
            Some(Form::TypeThenJsonOrText) if node.json => {
                if let Some((kind, strings)) = args.split_first() {
                    parts.ranges.push(kind.range);
                    parts.strings(file, node, strings);
                }
            }
            _ if node.json => parts.strings(file, node, args),
            Some(Form::Pairs) => parts.pairs(args),
            Some(Form::Instruction) | None => parts.through_the_end(file, node),
            Some(Form::JsonOrText | Form::TypeThenJsonOrText) => {
                parts.ranges.extend(args.iter().map(|arg| arg.range));
                parts.shell = args.last().map_or(TextRange::default(), |text| text.range);
            }
            Some(Form::Text | Form::List | Form::JsonOrList | Form::Words) => {
                parts.ranges.extend(args.iter().map(|arg| arg.range));
            }
        }
        parts
    }

    /// Everything behind the keyword is one part; with or without the flags.
    fn opaque(&mut self, file: &File, node: &Node, with_flags: bool) {
        let mut range = file.parse().text_range(node.argument_text);
        if with_flags && let Some(flag) = file.parse().pieces(&node.flags).first() {
            range = range.cover(flag.range);
        }
        self.ranges.push(range);
    }

    /// Everything behind the keyword is one part, blanks at the end included: a trigger is stored with them.
    fn through_the_end(&mut self, file: &File, node: &Node) {
        let start = file.parse().text_range(node.argument_text).start;
        let end = file.parse().text_range(node.original).end;
        self.ranges.push(TextRange::new(start.min(end), end));
    }

    /// Strings of a JSON array, with their quotes. One whose quotes are on another line is not taken apart.
    fn strings(&mut self, file: &File, node: &Node, strings: &[Piece]) {
        let source = file.source();
        let quoted = strings.iter().map(|string| {
            let TextRange { start, end } = string.range;
            let before = start.checked_sub(1)?;
            let quotes = [source.get(before as usize)?, source.get(end as usize)?];
            let one_line = file.text(string.range).find_byte(b'\n').is_none();
            (quotes == [&b'"', &b'"'] && one_line).then_some(TextRange::new(before, end + 1))
        });
        match quoted.collect::<Option<Vec<_>>>() {
            Some(ranges) => {
                self.ranges.extend(ranges);
                self.json = true;
            }
            None => self.opaque(file, node, false),
        }
    }

    /// `name=value` is one part, `name value` of the old form are two.
    fn pairs(&mut self, args: &[Piece]) {
        for pair in args.chunks_exact(3) {
            let [name, value, separator] = [pair[0].range, pair[1].range, pair[2].range];
            if separator.is_empty() {
                self.ranges.extend([name, value]);
            } else {
                self.ranges.push(name.cover(separator).cover(value));
            }
        }
    }

    /// Tells whether a byte belongs to a part.
    fn hold(&self, offset: u32) -> bool {
        let behind = self.ranges.partition_point(|range| range.start <= offset);
        behind > 0 && offset < self.ranges[behind - 1].end
    }

    /// Tells whether a part begins in front of an offset and ends behind it.
    fn go_on_at(&self, offset: u32) -> bool {
        let behind = self.ranges.partition_point(|range| range.start < offset);
        behind > 0 && offset < self.ranges[behind - 1].end
    }
}

/// The words that open here documents are found by other rules than the arguments, so that white space between two
/// arguments may be inside a quoted name.
fn opens_heredoc_between_quotes(file: &File, node: &Node) -> bool {
    let text = file.parse().text(file.source(), node.original);
    node.known.is_some_and(Keyword::takes_heredocs)
        && text.find(b"<<").is_some()
        && text.find_byteset(b"'\"\\`").is_some()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LineKind {
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
struct Line<'t> {
    number: usize,
    kind: LineKind,
    /// Its tokens behind the indentation.
    tokens: &'t [Token],
    /// Blanks at its start; empty where there are none or where they are no plain blanks.
    indentation: TextRange,
}

impl<'t> Line<'t> {
    fn all(file: &File, tokens: &'t [Token], parts: &Parts) -> Vec<Self> {
        let mut quoted = false;
        let mut after_blank = false;
        tokens
            .split_inclusive(|token| token.kind == TokenKind::LineEnd)
            .enumerate()
            .map(|(number, tokens)| {
                let mut line = Self::new(number, tokens, parts, quoted);
                let start = line.indentation.start;
                let in_shell = parts.shell.start < start && start < parts.shell.end;
                // Where white space is, more of it parts no word.
                let parted = after_blank || !line.indentation.is_empty();
                if line.kind == LineKind::Inside && in_shell && parted {
                    line.kind = LineKind::Shell;
                }
                if !matches!(line.kind, LineKind::Comment | LineKind::Empty) {
                    let first = line.tokens.first().map(|t| t.kind);
                    let only_escape = first == Some(TokenKind::Continuation);
                    // What such a line is indented by stands in front of its escape character.
                    after_blank = ends_in_blank(file, tokens)
                        || (only_escape && line.kind == LineKind::Shell);
                }
                let quotes = tokens.iter().filter(|t| t.kind == TokenKind::Quote);
                quoted ^= quotes.count() % 2 == 1;
                line
            })
            .collect()
    }

    fn new(number: usize, tokens: &'t [Token], parts: &Parts, quoted: bool) -> Self {
        let start = tokens[0].range.start;
        let blank = tokens.first().filter(|t| t.kind == TokenKind::Blank);
        let behind = &tokens[usize::from(blank.is_some())..];
        let kind = match behind.first().map(|t| t.kind) {
            Some(TokenKind::Comment) => LineKind::Comment,
            None | Some(TokenKind::LineEnd) => LineKind::Empty,
            Some(_) if quoted => LineKind::Quoted,
            Some(_) if parts.go_on_at(start) => LineKind::Inside,
            Some(_) => LineKind::Separate,
        };
        Self {
            number,
            kind,
            tokens: behind,
            indentation: blank.map_or(TextRange::new(start, start), |t| t.range),
        }
    }
}

/// How the lines of one instruction are indented.
struct Layout<'f> {
    file: &'f File,
    step: String,
    /// Indentation of the leftmost line inside shell text that has any.
    leftmost: Option<&'f [u8]>,
    shift: bool,
}

impl<'f> Layout<'f> {
    fn new(file: &'f File, options: &Options, lines: &[Line<'_>]) -> Self {
        let mut inside: Vec<&[u8]> = lines
            .iter()
            .filter(|line| line.kind == LineKind::Shell)
            .map(|line| file.text(line.indentation))
            .collect();
        let shift = options.shell_text == ShellText::Shift;
        inside.retain(|blanks| shift || !blanks.is_empty());
        Self {
            file,
            step: options.indent.text(),
            leftmost: inside.into_iter().min_by_key(|blanks| blanks.len()),
            shift,
        }
    }

    fn indentation(&self, line: &Line<'_>, below: Option<&str>) -> String {
        let own = || self.file.text(line.indentation).to_str_lossy().into_owned();
        if !is_plain(self.file.text(line.indentation)) {
            return own();
        }
        match line.kind {
            LineKind::Empty => String::new(),
            LineKind::Comment => below.map_or_else(|| self.base(), str::to_owned),
            LineKind::Separate if closes_array(self.file, line) => String::new(),
            LineKind::Separate => self.base(),
            LineKind::Shell if self.shift => self.shifted(line).unwrap_or_else(own),
            LineKind::Shell | LineKind::Inside | LineKind::Quoted => own(),
        }
    }

    /// Indentation of lines that may have any: that of the shell text below, so that both stand in one column.
    fn base(&self) -> String {
        match self.leftmost {
            Some(blanks) if !self.shift => blanks.to_str_lossy().into_owned(),
            _ => self.step.clone(),
        }
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

fn is_plain(blanks: &[u8]) -> bool {
    blanks.iter().all(|b| matches!(b, b' ' | b'\t'))
}

fn closes_array(file: &File, line: &Line<'_>) -> bool {
    let first = line.tokens.first();
    first.is_some_and(|t| t.kind == TokenKind::JsonBracket && file.text(t.range) == b"]")
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
        if glued && !self.parts.hold(escape.start) {
            edits.replace(TextRange::new(escape.start, escape.start), " ");
        }
        edits.replace(TextRange::new(escape.end, token.range.end), "");
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
