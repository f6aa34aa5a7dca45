//! Where an offset is: in a comment, in a here document, or at which part of which instruction.
//!
//! Made for text that is being typed, so it does not rely on what an instruction means or whether it is complete:
//! it cuts one logical line along keyword, flags and words, and remembers where each byte came from.

use super::File;
use crate::rune;
use crate::syntax::directive::{self, Name};
use crate::syntax::{self, Form, Keyword, Node};
use crate::text::TextRange;
use bstr::ByteSlice;
use std::ops::Range;

/// What is at an offset.
#[derive(Debug)]
pub(super) enum Place<'f> {
    /// A comment or parser directive, the offset behind its `#`.
    Comment(Comment<'f>),
    /// The body or the last line of a here document.
    Heredoc(Body<'f>),
    /// An instruction, or where one may begin.
    Line(Line<'f>),
    /// In front of a comment between the lines of an instruction.
    Nothing,
}

/// A comment line.
#[derive(Clone, Copy, Debug)]
pub(super) struct Comment<'f> {
    /// Its text from the `#` on, without the line end.
    pub(super) text: &'f [u8],
    /// Place of the text.
    pub(super) range: TextRange,
    /// Where the offset is in the text; at least 1.
    pub(super) cursor: usize,
    /// A parser directive may stand here: only directives are above.
    pub(super) head: bool,
}

/// A place in a here document.
#[derive(Clone, Copy, Debug)]
pub(super) struct Body<'f> {
    /// The physical line, without the line end.
    pub(super) line: &'f [u8],
    /// Where that line starts.
    pub(super) start: u32,
    /// Where the offset is in the line.
    pub(super) cursor: usize,
    /// Instruction the document belongs to; of an `ONBUILD` its trigger.
    pub(super) keyword: Option<Keyword>,
    /// Variables in it are replaced.
    pub(super) expand: bool,
    /// The offset is on the line that ends the document.
    pub(super) terminator: bool,
}

/// A stretch of a [`Line`]'s text.
pub(super) type Span = Range<usize>;

/// A logical line, joined, cut into its parts.
#[derive(Debug)]
pub(super) struct Line<'f> {
    file: &'f File,
    /// The joined text: continuations, comments and empty lines taken out, a blank line with the offset kept.
    text: Vec<u8>,
    /// From joined offset `.0` on, text comes from source offset `.1`.
    segments: Vec<(usize, u32)>,
    /// Where the offset is in the text.
    pub(super) cursor: usize,
    /// The offset.
    pub(super) offset: u32,
    /// Start of the physical line with the offset: an edit cannot begin before it.
    floor: u32,
    /// The keyword; empty where one may begin.
    pub(super) keyword: Span,
    /// Which keyword it is.
    pub(super) known: Option<Keyword>,
    /// It stands behind an `ONBUILD`.
    pub(super) trigger: bool,
    /// Flags, with their dashes.
    pub(super) flags: Vec<Span>,
    /// Everything behind keyword and flags.
    pub(super) arguments: Span,
    /// The arguments as words: list forms cut at blanks, the others with regard to quotes.
    pub(super) words: Vec<Span>,
}

/// Which part of a [`Line`] the offset touches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// The keyword, or the space in front of it.
    Keyword,
    /// The flag with that index.
    Flag(usize),
    /// The word with that index, its end included.
    Word(usize),
    /// Space between parts, behind that many words; 0 in front of the first.
    Gap(usize),
}

/// Finds what is at `offset`; beyond the end of the text means its end, inside a line end the end of the line.
pub(super) fn find(file: &File, offset: u32) -> Place<'_> {
    let offset = before_line_end(file.source(), offset);
    let nodes = file.parse().nodes();
    let behind = nodes.partition_point(|node| node.range.start <= offset);
    if let Some(node) = behind.checked_sub(1).map(|i| &nodes[i]) {
        if let Some(place) = in_heredoc(file, node, offset) {
            return place;
        }
        if let Some(place) = in_instruction(file, node, offset) {
            return place;
        }
    }
    between(file, offset)
}

/// The offset without the carriage returns in front of it that belong to a line end.
fn before_line_end(source: &[u8], offset: u32) -> u32 {
    let offset = (offset as usize).min(source.len());
    let behind = source[offset..].iter().find(|b| **b != b'\r');
    if !matches!(behind, None | Some(b'\n')) {
        return offset as u32;
    }
    let returns = source[..offset].iter().rev().take_while(|b| **b == b'\r');
    (offset - returns.count()) as u32
}

/// The escape character.
fn escape(file: &File) -> u8 {
    // It is a backslash or a backquote.
    file.parse().escape() as u8
}

/// Start and end of the physical line with `offset`, without the line end and a byte order mark.
fn physical(source: &[u8], offset: usize) -> (usize, usize) {
    let start = source[..offset].rfind_byte(b'\n').map_or(0, |n| n + 1);
    let end = start + line_len(&source[start..]);
    let bom = start == 0 && source.starts_with(b"\xef\xbb\xbf");
    (start + if bom { 3.min(offset) } else { 0 }, end)
}

/// Length of the first line of `text` without its line end.
fn line_len(text: &[u8]) -> usize {
    let end = text.find_byte(b'\n').unwrap_or(text.len());
    end - text[..end]
        .iter()
        .rev()
        .take_while(|b| **b == b'\r')
        .count()
}

fn in_heredoc<'f>(file: &'f File, node: &Node, offset: u32) -> Option<Place<'f>> {
    let found = file
        .parse()
        .heredocs(node)
        .iter()
        .find(|h| h.body.start <= offset && offset <= h.terminator.end);
    if found.is_none() && !is_in_open_heredoc(file, node, offset) {
        return None;
    }
    let (start, end) = physical(file.source(), offset as usize);
    Some(Place::Heredoc(Body {
        line: &file.source()[start..end.max(offset as usize)],
        start: start as u32,
        cursor: offset as usize - start,
        keyword: file.parse().sub(node).unwrap_or(node).known,
        expand: found.is_none_or(|heredoc| heredoc.expand),
        terminator: found.is_some_and(|heredoc| heredoc.terminator.start <= offset),
    }))
}

/// Tells whether the instruction begins a here document without end and `offset` is below its line.
fn is_in_open_heredoc(file: &File, node: &Node, offset: u32) -> bool {
    node.broken
        && offset > node.range.end
        && file.source()[node.range.end as usize..offset as usize].contains(&b'\n')
        && file
            .parse()
            .errors()
            .iter()
            .any(|e| e.code == "unterminated-heredoc" && e.range == node.range)
}

/// The logical line of `node`, when `offset` is in it. Joined again from the source, since the cursor's own line
/// counts even when it is blank.
fn in_instruction<'f>(file: &'f File, node: &Node, offset: u32) -> Option<Place<'f>> {
    let source = file.source();
    let escape = escape(file);
    let cursor_at = offset as usize;
    let mut line = Line::empty(file, offset);
    let mut cursor = None;
    let mut start = node.range.start as usize;
    let mut first = true;
    loop {
        let end = start + line_len(&source[start..]);
        let text = &source[start..end];
        let space = rune::leading_space(text);
        let first = std::mem::take(&mut first);
        let comment = !first && text.get(space) == Some(&b'#');
        let blank = !first && space == text.len();
        let here = start <= cursor_at && cursor_at <= end;
        if comment && here {
            return Some(inner_comment(file, start + space, end, cursor_at));
        }
        let cut = syntax::continuation(text, escape).filter(|_| !comment);
        if here || !(comment || blank) {
            let content = cut.unwrap_or(text.len());
            line.segments.push((line.text.len(), start as u32));
            if here {
                cursor = Some(line.text.len() + (cursor_at - start).min(content));
                line.floor = start as u32;
            }
            line.text.extend_from_slice(&text[..content]);
        }
        let goes_on = cut.is_some() || comment || blank;
        match source[end..].find_byte(b'\n') {
            Some(lf) if goes_on => start = end + lf + 1,
            _ => break,
        }
    }
    line.cursor = cursor?;
    line.cut();
    Some(Place::Line(line))
}

/// A comment between the lines of an instruction.
fn inner_comment(file: &File, hash: usize, end: usize, offset: usize) -> Place<'_> {
    if offset <= hash {
        return Place::Nothing;
    }
    Place::Comment(Comment {
        text: &file.source()[hash..end],
        range: TextRange::new(hash as u32, end as u32),
        cursor: offset - hash,
        head: false,
    })
}

/// A comment, or a line on which an instruction may begin.
fn between(file: &File, offset: u32) -> Place<'_> {
    let source = file.source();
    let (start, end) = physical(source, offset as usize);
    let hash = start + rune::leading_space(&source[start..end]);
    if hash < offset as usize && source.get(hash) == Some(&b'#') {
        return Place::Comment(Comment {
            text: &source[hash..end],
            range: TextRange::new(hash as u32, end as u32),
            cursor: offset as usize - hash,
            head: is_head(source, start),
        });
    }
    let mut line = Line::empty(file, offset);
    line.floor = start as u32;
    line.segments.push((0, offset));
    Place::Line(line)
}

/// Tells whether only directives stand above the line at `start`; one without a value counts, since it is being typed.
fn is_head(source: &[u8], start: usize) -> bool {
    let bom = if source.starts_with(b"\xef\xbb\xbf") {
        3
    } else {
        0
    };
    source[bom.min(start)..start]
        .lines()
        .enumerate()
        .all(|(i, line)| (i == 0 && line.starts_with(b"#!")) || directive_name(line).is_some())
}

/// The directive that a line sets, however incomplete its value, and the place of its name.
pub(super) fn directive_name(line: &[u8]) -> Option<(Name, Span)> {
    let hash = rune::leading_space(line);
    let rest = line[hash..].strip_prefix(b"#")?;
    let start = hash + 1 + rune::leading_space(rest);
    let len = line[start..]
        .iter()
        .take_while(|b| b.is_ascii_alphanumeric())
        .count();
    let behind = line[start + len..].trim_start();
    let name = directive::Name::find(&line[start..start + len])?;
    behind
        .starts_with(b"=")
        .then_some((name, start..start + len))
}

impl<'f> Line<'f> {
    fn empty(file: &'f File, offset: u32) -> Self {
        Self {
            file,
            text: Vec::new(),
            segments: Vec::new(),
            cursor: 0,
            offset,
            floor: offset,
            keyword: 0..0,
            known: None,
            trigger: false,
            flags: Vec::new(),
            arguments: 0..0,
            words: Vec::new(),
        }
    }

    /// Cuts the joined text into keyword, flags and words.
    fn cut(&mut self) {
        let start = rune::leading_space(&self.text);
        self.read_keyword(start);
        if self.known == Some(Keyword::Onbuild) && self.keyword.end < self.text.len() {
            // In the keyword itself the offset is at ONBUILD, behind it at its trigger.
            if self.cursor > self.keyword.end {
                self.trigger = true;
                let start = self.skip_space(self.keyword.end);
                self.read_keyword(start);
                if self.cursor < start {
                    self.keyword = self.cursor..self.cursor;
                    self.known = None;
                }
            }
        }
        let mut at = self.keyword.end;
        loop {
            at = self.skip_space(at);
            if !self.text[at..].starts_with(b"--") {
                break;
            }
            let end = self.flag_end(at);
            self.flags.push(at..end);
            let ends = end - at == 2;
            at = end;
            if ends {
                at = self.skip_space(at);
                break;
            }
        }
        self.arguments = at..self.text.len();
        self.words = self.split_words(at);
    }

    /// Makes words of what looks like flags, for an instruction that has none.
    pub(super) fn take_flags_as_words(&mut self) {
        if let Some(first) = self.flags.first() {
            self.arguments.start = first.start;
        }
        self.words.splice(0..0, self.flags.drain(..));
    }

    fn read_keyword(&mut self, start: usize) {
        let len = self.text[start..]
            .iter()
            .take_while(|b| !rune::is_blank(**b))
            .count();
        self.keyword = start..start + len;
        self.known = Keyword::find(&self.text[self.keyword.clone()]);
    }

    fn skip_space(&self, at: usize) -> usize {
        at + self.text[at..]
            .iter()
            .take_while(|b| rune::is_latin1_space(**b))
            .count()
    }

    /// End of the flag at `start`: quotes and escapes protect space.
    fn flag_end(&self, start: usize) -> usize {
        let mut at = start;
        syntax::next_word(&self.text, &mut at, self.text.len(), escape(self.file))
            .map_or(self.text.len(), |word| word.end)
            .max(start + 2)
    }

    fn split_words(&self, start: usize) -> Vec<Span> {
        let mut words = Vec::new();
        let mut at = start;
        let plain = matches!(
            self.known.map(Keyword::form),
            Some(Form::List | Form::JsonOrList)
        );
        while at < self.text.len() {
            at = self.skip_space(at);
            let from = at;
            if plain {
                at += self.text[at..]
                    .iter()
                    .take_while(|b| !rune::is_blank(**b))
                    .count();
            } else if let Some(word) =
                syntax::next_word(&self.text, &mut at, self.text.len(), escape(self.file))
            {
                at = word.end;
            } else {
                // An escape character at the very end.
                at = self.text.len();
            }
            if at == from {
                break;
            }
            words.push(from..at);
        }
        words
    }

    /// The file.
    pub(super) fn file(&self) -> &'f File {
        self.file
    }

    /// The joined text.
    pub(super) fn all(&self) -> &[u8] {
        &self.text
    }

    /// Text of a stretch.
    pub(super) fn text(&self, span: &Span) -> &[u8] {
        &self.text[span.clone()]
    }

    /// Text of the word with that index; empty when there is none.
    pub(super) fn word(&self, index: usize) -> &[u8] {
        self.words.get(index).map_or(b"", |span| self.text(span))
    }

    /// The part the offset touches.
    pub(super) fn part(&self) -> Part {
        let touches = |span: &Span| span.start <= self.cursor && self.cursor <= span.end;
        if self.cursor <= self.keyword.end {
            return Part::Keyword;
        }
        if let Some(i) = self.flags.iter().position(touches) {
            return Part::Flag(i);
        }
        if let Some(i) = self.words.iter().position(touches) {
            return Part::Word(i);
        }
        Part::Gap(self.words.iter().filter(|w| w.end < self.cursor).count())
    }

    /// How many stages begin above this line.
    pub(super) fn stages_above(&self) -> usize {
        let start = self.source(0);
        let nodes = self.file.parse().nodes();
        let above = nodes.partition_point(|node| node.range.start < start);
        nodes[..above]
            .iter()
            .filter(|node| node.known == Some(Keyword::From))
            .count()
    }

    /// The offset is in front of every argument, so that a flag may be written; a dash may be the first of one.
    pub(super) fn takes_flag(&self) -> bool {
        self.keyword.end < self.cursor
            && self
                .words
                .first()
                .is_none_or(|w| self.cursor <= w.start || self.typed(w.start) == b"-")
            && !self
                .flags
                .iter()
                .any(|f| f.len() == 2 && f.end < self.cursor)
    }

    /// Source offset of a joined one.
    pub(super) fn source(&self, joined: usize) -> u32 {
        let behind = self.segments.partition_point(|s| s.0 <= joined);
        let (from, source) = self.segments[behind.max(1) - 1];
        source + (joined - from) as u32
    }

    /// Source bytes of a stretch.
    pub(super) fn range(&self, span: &Span) -> TextRange {
        let start = self.source(span.start);
        if span.is_empty() {
            return TextRange::new(start, start);
        }
        TextRange::new(start, self.source(span.end - 1) + 1)
    }

    /// What is typed from joined offset `from` to the offset.
    pub(super) fn typed(&self, from: usize) -> &[u8] {
        &self.text[from.min(self.cursor)..self.cursor]
    }

    /// What an edit replaces that is to replace everything typed from `from` on: its part on the cursor's line.
    pub(super) fn edit(&self, from: usize) -> TextRange {
        TextRange::new(
            self.source(from).max(self.floor).min(self.offset),
            self.offset,
        )
    }

    /// How much of what is typed from `from` on is on earlier lines, where an edit cannot change it.
    pub(super) fn carried(&self, from: usize) -> usize {
        let start = self
            .segments
            .iter()
            .find(|s| s.1 == self.floor)
            .map_or(0, |s| s.0);
        start.min(self.cursor).saturating_sub(from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The text with `|` at the cursor: what the place is, and the parts of the line.
    fn at(marked: &str) -> String {
        let offset = marked.find('|').unwrap();
        let source = marked.replacen('|', "", 1);
        let file = File::new(source.into_bytes());
        match find(&file, offset as u32) {
            Place::Comment(c) => format!("comment {} {}", c.cursor, c.head),
            Place::Heredoc(b) => format!("heredoc {} {}", b.cursor, b.terminator),
            Place::Nothing => "nothing".to_owned(),
            Place::Line(line) => {
                let show = |span: &Span| line.text(span).as_bstr().to_string();
                let words: Vec<_> = line.words.iter().map(show).collect();
                format!(
                    "{:?} {}({})",
                    line.part(),
                    show(&line.keyword),
                    words.join(",")
                )
            }
        }
    }

    #[test]
    fn lines_are_cut_at_the_cursor() {
        for (marked, want) in [
            ("|", "Keyword ()"),
            ("  |", "Keyword ()"),
            ("FR|OM a", "Keyword FROM(a)"),
            ("FROM |", "Gap(0) FROM()"),
            ("FROM --pl|", "Flag(0) FROM()"),
            ("FROM a |", "Gap(1) FROM(a)"),
            ("FROM a\n|\nRUN b", "Keyword ()"),
            ("ADD \\\n|", "Gap(0) ADD()"),
            ("ADD\\\n |", "Gap(0) ADD()"),
            ("ADD\\\n|", "Keyword ADD()"),
            ("ADD a \\\n# c\n b|", "Word(1) ADD(a,b)"),
            ("ADD a \\\n|\n b", "Gap(1) ADD(a,b)"),
            ("ONBUILD |", "Keyword ()"),
            ("ONBU|ILD RUN", "Keyword ONBUILD(RUN)"),
            ("ONBUILD COPY --from=a |b", "Word(0) COPY(b)"),
            ("ENV a=\"b c\" d|", "Word(1) ENV(a=\"b c\",d)"),
            ("ADD a \\\n# c| d\n b", "comment 3 false"),
            ("ADD a \\\n | # c", "nothing"),
            ("# a|", "comment 3 true"),
            ("# syntax=a\n#| b", "comment 1 true"),
            ("# hello\n#| b", "comment 1 false"),
            ("|# a", "Keyword ()"),
            ("RUN <<E\na|b\nE\n", "heredoc 1 false"),
            ("RUN <<E\nab\nE|\n", "heredoc 1 true"),
            ("RUN <<E\n|", "heredoc 0 false"),
            ("RUN <<E\nab\nE\n|", "Keyword ()"),
        ] {
            assert_eq!(at(marked), want, "{marked:?}");
        }
    }

    #[test]
    fn edits_stay_on_the_line_of_the_cursor() {
        let file = File::new(b"FR\\\nO".to_vec());
        let Place::Line(line) = find(&file, 5) else {
            panic!("an instruction is a line")
        };
        assert_eq!(line.typed(0), b"FRO");
        assert_eq!(line.edit(0), TextRange::new(4, 5));
        assert_eq!(line.carried(0), 2);
    }
}
