//! Positions in the source: byte ranges, line numbers, and text that remembers where it was written.

use bstr::{BString, ByteSlice as _};
use serde::Serialize;

/// Half-open range of byte offsets into the source file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct TextRange {
    /// Offset of the first byte.
    pub start: u32,
    /// Offset behind the last byte.
    pub end: u32,
}

impl TextRange {
    /// Makes the range `start..end`.
    pub const fn new(start: u32, end: u32) -> Self {
        Self { start, end }
    }

    /// Number of bytes covered.
    pub const fn len(self) -> u32 {
        self.end - self.start
    }

    /// Tells whether no byte is covered.
    pub const fn is_empty(self) -> bool {
        self.start == self.end
    }

    /// Smallest range that covers both.
    #[must_use]
    pub fn cover(self, other: Self) -> Self {
        Self::new(self.start.min(other.start), self.end.max(other.end))
    }
}

/// First and last line, both 1-based and inclusive; the unit in which the official front end reports places.
///
/// Line 0 occurs in official errors about directives. **Source:** BuildKit `frontend/dockerfile/parser`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
pub struct LineSpan {
    /// First line.
    pub start: u32,
    /// Last line.
    pub end: u32,
}

impl LineSpan {
    /// Makes the span `start..=end`.
    pub const fn new(start: u32, end: u32) -> Self {
        Self { start, end }
    }
}

/// A piece of text after quotes, escapes and continuations were taken out, with the place it came from.
///
/// Bytes, not `str`: the language accepts invalid UTF-8 in shell text, heredocs and comments.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Word {
    /// The text.
    pub text: BString,
    /// The source bytes it was read from.
    pub range: TextRange,
}

impl Word {
    /// Makes a word from text and place.
    pub fn new(text: impl Into<BString>, range: TextRange) -> Self {
        Self {
            text: text.into(),
            range,
        }
    }

    /// The text, with invalid UTF-8 replaced by U+FFFD.
    pub fn to_str_lossy(&self) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(&self.text)
    }
}

/// `source` with replacements made, which are in source order and do not overlap.
pub fn apply(source: &[u8], edits: &[(TextRange, String)]) -> Vec<u8> {
    let mut out = Vec::with_capacity(source.len());
    let mut at = 0;
    for (range, text) in edits {
        out.extend_from_slice(&source[at..range.start as usize]);
        out.extend_from_slice(text.as_bytes());
        at = range.end as usize;
    }
    out.extend_from_slice(&source[at..]);
    out
}

/// Start offsets of all lines, to turn byte offsets into line numbers and back.
#[derive(Clone, Debug)]
pub struct LineIndex {
    starts: Vec<u32>,
    len: u32,
}

impl LineIndex {
    /// Scans `source` for line ends (LF).
    pub fn new(source: &[u8]) -> Self {
        Self::of(source, |rest| Some(rest.find_byte(b'\n')? + 1))
    }

    /// Lines by another idea of line ends: `behind` finds the first of a text, and tells the offset behind it.
    pub fn of(source: &[u8], behind: impl Fn(&[u8]) -> Option<usize>) -> Self {
        let mut starts = vec![0];
        let mut at = 0;
        while let Some(length) = behind(&source[at..]) {
            at += length;
            starts.push(at as u32);
        }
        Self {
            starts,
            len: source.len() as u32,
        }
    }

    /// 0-based line and 0-based byte column of `offset`.
    pub fn line_column(&self, offset: u32) -> (u32, u32) {
        let line = self.starts.partition_point(|s| *s <= offset) - 1;
        (line as u32, offset - self.starts[line])
    }

    /// Byte range of the 1-based line `line` with its line end, or the end of the text.
    pub fn line_range(&self, line: u32) -> TextRange {
        let at = |i: usize| self.starts.get(i).copied().unwrap_or(self.len);
        let i = line.saturating_sub(1) as usize;
        TextRange::new(at(i), at(i + 1))
    }

    /// Byte range of the lines of `span` (1-based, inclusive).
    pub fn span_range(&self, span: LineSpan) -> TextRange {
        self.line_range(span.start).cover(self.line_range(span.end))
    }

    /// Byte range of the lines that a range touches, the last line end included.
    pub fn range_of(&self, range: TextRange) -> TextRange {
        let last = range.end.max(range.start + 1) - 1;
        let line = |offset| self.line_column(offset).0 + 1;
        self.line_range(line(range.start))
            .cover(self.line_range(line(last)))
    }

    /// Number of lines; a text that ends in LF counts the empty line behind it.
    pub fn len(&self) -> u32 {
        self.starts.len() as u32
    }

    /// Never true: an empty text has one line.
    pub fn is_empty(&self) -> bool {
        self.starts.is_empty()
    }
}
