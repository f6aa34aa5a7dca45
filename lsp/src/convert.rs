//! Between byte offsets and the protocol's positions, paths and URIs. The only place that counts columns.

use bstr::ByteSlice;
use cooperage_lang::ide::File;
use cooperage_lang::text::{LineIndex, TextRange};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use tower_lsp::lsp_types as lsp;

/// What a column counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Encoding {
    /// Units of UTF-16; what a client means that does not say.
    #[default]
    Utf16,
    /// Bytes of UTF-8.
    Utf8,
}

impl Encoding {
    /// Its name in the protocol.
    pub(crate) fn kind(self) -> lsp::PositionEncodingKind {
        match self {
            Self::Utf16 => lsp::PositionEncodingKind::UTF16,
            Self::Utf8 => lsp::PositionEncodingKind::UTF8,
        }
    }

    /// Columns that a piece of a line takes. Bytes that are no UTF-8 count as the one mark that stands for them.
    pub(crate) fn columns(self, piece: &[u8]) -> u32 {
        match self {
            Self::Utf8 => piece.len() as u32,
            Self::Utf16 if piece.is_ascii() => piece.len() as u32,
            Self::Utf16 => piece.chars().map(|c| c.len_utf16() as u32).sum(),
        }
    }

    /// Bytes of a line before a column. A column behind the end means the end, one within a character its beginning.
    fn bytes(self, line: &[u8], column: u32) -> usize {
        if self == Self::Utf16 && line.is_ascii() {
            return line.len().min(column as usize);
        }
        let mut before = 0;
        for (start, end, c) in line.char_indices() {
            let width = match self {
                Self::Utf16 => c.len_utf16(),
                Self::Utf8 => end - start,
            };
            before += width as u32;
            if before > column {
                return start;
            }
        }
        line.len()
    }
}

/// One version of a text, with what is needed to convert positions and, once asked for, everything that is read from it.
pub(crate) struct Text {
    source: Vec<u8>,
    lines: LineIndex,
    encoding: Encoding,
    file: OnceLock<File>,
    /// The last version before this one that was read, while this one is not.
    before: Mutex<Option<Arc<Text>>>,
    superseded: AtomicBool,
}

impl Text {
    pub(crate) fn new(source: Vec<u8>, encoding: Encoding) -> Self {
        let lines = LineIndex::of(&source, behind_line_end);
        Self {
            source,
            lines,
            encoding,
            file: OnceLock::new(),
            before: Mutex::default(),
            superseded: AtomicBool::default(),
        }
    }

    /// Notes that a newer version has taken its place: what is found in this one is of no use any more.
    pub(crate) fn supersede(&self) {
        self.superseded.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_superseded(&self) -> bool {
        self.superseded.load(Ordering::Relaxed)
    }

    pub(crate) fn source(&self) -> &[u8] {
        &self.source
    }

    /// What the language reads in it.
    pub(crate) fn file(&self) -> &File {
        self.file.get_or_init(|| {
            let source = self.source.clone();
            match self.take_before().as_ref().and_then(|text| text.file.get()) {
                Some(before) => before.edited(source),
                None => File::new(source),
            }
        })
    }

    fn take_before(&self) -> Option<Arc<Self>> {
        self.before
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }

    /// The text after edits, each in terms of the one before it; no range means everything.
    pub(crate) fn edited(
        self: &Arc<Self>,
        changes: Vec<lsp::TextDocumentContentChangeEvent>,
    ) -> Self {
        let mut splicing = Splicing::new(self.source.clone(), self.encoding);
        for change in changes {
            match change.range {
                None => splicing = Splicing::new(change.text.into_bytes(), self.encoding),
                Some(range) => splicing.splice(range, change.text.as_bytes()),
            }
        }
        let before = match self.file.get() {
            Some(_) => Some(self.clone()),
            None => self.take_before(),
        };
        Self {
            before: Mutex::new(before),
            ..Self::new(splicing.source, self.encoding)
        }
    }

    /// Byte offset to position; an offset behind the end means the end.
    pub(crate) fn position(&self, offset: u32) -> lsp::Position {
        let offset = offset.min(self.source.len() as u32);
        let (line, column) = self.lines.line_column(offset);
        let before = &self.source[(offset - column) as usize..offset as usize];
        lsp::Position::new(line, self.encoding.columns(before))
    }

    /// Position to byte offset; beyond the end of a line means its end, without the line end.
    pub(crate) fn offset(&self, position: lsp::Position) -> u32 {
        let (start, line) = self.line(position.line.saturating_add(1));
        start + self.encoding.bytes(line, position.character) as u32
    }

    /// Start and bytes of a line, from 1, without its line end.
    fn line(&self, line: u32) -> (u32, &[u8]) {
        let range = self.lines.line_range(line);
        let bytes = &self.source[range.start as usize..range.end as usize];
        (
            range.start,
            bytes.trim_end_with(|c| matches!(c, '\n' | '\r')),
        )
    }

    pub(crate) fn range(&self, range: TextRange) -> lsp::Range {
        lsp::Range::new(self.position(range.start), self.position(range.end))
    }

    /// A range of the protocol in bytes.
    pub(crate) fn text_range(&self, range: lsp::Range) -> TextRange {
        let start = self.offset(range.start);
        TextRange::new(start, self.offset(range.end).max(start))
    }

    /// End of the line, without its line end, that `offset` is on.
    pub(crate) fn line_end(&self, offset: u32) -> lsp::Position {
        let (line, _) = self.lines.line_column(offset.min(self.source.len() as u32));
        let (start, bytes) = self.line(line + 1);
        self.position(start + bytes.len() as u32)
    }

    /// Columns that a range within one line takes.
    pub(crate) fn columns(&self, range: TextRange) -> u32 {
        self.encoding
            .columns(&self.source[range.start as usize..range.end as usize])
    }

    /// An edit in the protocol's terms.
    pub(crate) fn edit(&self, (range, new_text): (TextRange, String)) -> lsp::TextEdit {
        lsp::TextEdit {
            range: self.range(range),
            new_text,
        }
    }
}

/// The offset behind the first line end. To clients, CR alone is one too, which it is not in the language.
///
/// **Source:** language server protocol 3.17, *Text Documents*.
fn behind_line_end(text: &[u8]) -> Option<usize> {
    let at = text.find_byteset(b"\r\n")?;
    let is_pair = text[at..].starts_with(b"\r\n");
    Some(at + 1 + usize::from(is_pair))
}

/// A text while edits are made in it. Lines are looked for as far as an edit needs them, since a client may send thousands
/// of edits at once.
struct Splicing {
    source: Vec<u8>,
    encoding: Encoding,
    /// Where the first lines begin.
    starts: Vec<usize>,
}

impl Splicing {
    fn new(source: Vec<u8>, encoding: Encoding) -> Self {
        Self {
            source,
            encoding,
            starts: vec![0],
        }
    }

    fn splice(&mut self, range: lsp::Range, new: &[u8]) {
        let start = self.offset(range.start);
        let end = self.offset(range.end).max(start);
        self.source.splice(start..end, new.iter().copied());
        // Of a line's beginning what is in front of it decides, and the very next byte.
        let before = self.starts.partition_point(|s| *s < start);
        self.starts.truncate(before.max(1));
    }

    fn offset(&mut self, position: lsp::Position) -> usize {
        let line = position.line as usize;
        let mut start = self.starts[line.min(self.starts.len() - 1)];
        while self.starts.len() <= line {
            let Some(length) = behind_line_end(&self.source[start..]) else {
                return self.source.len();
            };
            start += length;
            self.starts.push(start);
        }
        let rest = &self.source[start..];
        let line = &rest[..rest.find_byteset(b"\r\n").unwrap_or(rest.len())];
        start + self.encoding.bytes(line, position.character)
    }
}

/// The file a URI names, if it names one of this machine.
pub(crate) fn path(uri: &lsp::Url) -> Option<PathBuf> {
    uri.to_file_path().ok()
}

/// The URI of an absolute path.
pub(crate) fn uri(path: &Path) -> Option<lsp::Url> {
    lsp::Url::from_file_path(path).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn position(line: u32, column: u32) -> lsp::Position {
        lsp::Position::new(line, column)
    }

    fn check(encoding: Encoding, expect: &[(u32, u32, u32)]) {
        let text = Text::new("a\u{1F433}b\r\nc".into(), encoding);
        for (offset, line, column) in expect {
            assert_eq!(text.position(*offset), position(*line, *column));
            assert_eq!(text.offset(position(*line, *column)), *offset);
        }
        assert_eq!(text.offset(position(0, 99)), 6);
        assert_eq!(text.offset(position(0, 2)), 1, "within the whale");
        assert_eq!(text.offset(position(9, 9)), 9);
        assert_eq!(text.offset(position(u32::MAX, u32::MAX)), 9);
        assert_eq!(text.line_end(2), text.position(6));
    }

    #[test]
    fn columns_count_what_was_agreed() {
        check(
            Encoding::Utf16,
            &[(0, 0, 0), (1, 0, 1), (5, 0, 3), (6, 0, 4), (8, 1, 0)],
        );
        check(
            Encoding::Utf8,
            &[(0, 0, 0), (1, 0, 1), (5, 0, 5), (6, 0, 6), (8, 1, 0)],
        );
    }

    #[test]
    fn a_carriage_return_alone_ends_a_line() {
        let text = Text::new("a\rb\r\r\nc".into(), Encoding::Utf16);
        for (offset, line, column) in [(0, 0, 0), (1, 0, 1), (2, 1, 0), (4, 2, 0), (6, 3, 0)] {
            assert_eq!(text.position(offset), position(line, column), "{offset}");
            assert_eq!(text.offset(position(line, column)), offset);
        }
        assert_eq!(text.offset(position(2, 9)), 4);
    }

    #[test]
    fn invalid_bytes_are_one_column_each() {
        let text = Text::new(b"a\xffb".to_vec(), Encoding::Utf16);
        assert_eq!(text.position(2), position(0, 2));
        assert_eq!(text.offset(position(0, 2)), 2);
    }

    #[test]
    fn edits_apply_one_after_the_other() {
        let text = Arc::new(Text::new("FROM a\nRUN b\n".into(), Encoding::Utf16));
        let edit =
            |range: Option<(u32, u32, u32, u32)>, new: &str| lsp::TextDocumentContentChangeEvent {
                range: range.map(|(a, b, c, d)| lsp::Range::new(position(a, b), position(c, d))),
                range_length: None,
                text: new.to_owned(),
            };
        let check = |edits: Vec<lsp::TextDocumentContentChangeEvent>, expect: &str| {
            assert_eq!(text.edited(edits).source().as_bstr(), expect);
        };
        check(vec![edit(Some((1, 4, 1, 5)), "c")], "FROM a\nRUN c\n");
        check(
            vec![edit(Some((0, 0, 1, 0)), ""), edit(Some((0, 4, 0, 99)), "x")],
            "RUN x\n",
        );
        check(vec![edit(None, "x"), edit(Some((0, 1, 0, 1)), "y")], "xy");
        check(vec![edit(Some((5, 0, 2, 7)), "!")], "FROM a\nRUN b\n!");
        check(vec![edit(Some((1, 3, 0, 2)), "-")], "FROM a\nRUN- b\n");
        check(Vec::new(), "FROM a\nRUN b\n");
        // What ends a line alone, and with the next byte.
        check(
            vec![
                edit(Some((1, 0, 1, 0)), "\r"),
                edit(Some((2, 0, 2, 0)), "\n"),
                edit(Some((2, 0, 2, 0)), "x"),
            ],
            "FROM a\n\r\nxRUN b\n",
        );
    }

    #[test]
    fn paths_and_uris_are_inverse() {
        for name in ["/a b/Dockerfile", "/ü/[x]#1", "/a%20b"] {
            let uri = uri(Path::new(name)).unwrap();
            assert_eq!(path(&uri).unwrap(), Path::new(name));
        }
        assert_eq!(path(&"untitled:1".parse().unwrap()), None);
    }
}
