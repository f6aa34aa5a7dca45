//! Where findings are, in lines and letters.

use cooperage_lang::text::{LineIndex, TextRange};
use cooperage_runtime::dockerfiles::Checked;
use std::cell::Cell;

/// A place: all numbers from 1, columns count letters, the end is behind the last letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) line: u32,
    pub(super) column: u32,
    pub(super) end_line: u32,
    pub(super) end_column: u32,
}

/// The lines of a file.
pub(super) struct Lines<'f> {
    source: &'f [u8],
    index: LineIndex,
    /// Offset and column that were asked for last: findings come in order, so a long line is read once.
    last: Cell<(u32, u32)>,
}

impl<'f> Lines<'f> {
    pub(super) fn of(file: &'f Checked) -> Self {
        Self {
            source: &file.source,
            index: LineIndex::new(&file.source),
            last: Cell::new((0, 1)),
        }
    }

    /// The place of some bytes; a line end they include is left out.
    pub(super) fn place(&self, range: TextRange) -> Place {
        let len = self.source.len() as u32;
        let start = range.start.min(len);
        let text = &self.source[start as usize..range.end.clamp(start, len) as usize];
        let text = text.strip_suffix(b"\n").unwrap_or(text);
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        self.exact(TextRange::new(start, start + text.len() as u32))
    }

    /// The place of some bytes of the text.
    pub(super) fn exact(&self, range: TextRange) -> Place {
        let (line, column) = self.position(range.start);
        let (end_line, end_column) = self.position(range.end);
        Place {
            line,
            column,
            end_line,
            end_column,
        }
    }

    /// Number and text of some lines.
    pub(super) fn text(&self, from: u32, to: u32) -> Vec<(u32, String)> {
        let line = |number| {
            let range = self.index.line_range(number);
            let bytes = &self.source[range.start as usize..range.end as usize];
            let text = String::from_utf8_lossy(bytes);
            (number, text.trim_end_matches(['\n', '\r']).to_owned())
        };
        (from..=to).map(line).collect()
    }

    fn position(&self, offset: u32) -> (u32, u32) {
        let (line, bytes) = self.index.line_column(offset);
        let start = offset - bytes;
        let (known, column) = self.last.get();
        let (from, column) = if (start..=offset).contains(&known) && known > start {
            (known, column)
        } else {
            (start, 1)
        };
        let between = &self.source[from as usize..offset as usize];
        let column = column + letters(between);
        self.last.set((offset, column));
        (line + 1, column)
    }
}

/// Letters in bytes that start and end between letters: those that do not continue one.
fn letters(bytes: &[u8]) -> u32 {
    bytes.iter().filter(|byte| **byte & 0xc0 != 0x80).count() as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use cooperage_runtime::settings::FailOn;

    #[test]
    fn columns_count_letters() {
        let file = Checked {
            name: String::new(),
            source: "FROM ä AS b\nRUN x\r\n".into(),
            before: None,
            findings: Vec::new(),
            fixed: Vec::new(),
            fail_on: FailOn::Never,
        };
        let lines = Lines::of(&file);
        let at = |start, end| {
            let place = lines.place(TextRange::new(start, end));
            (place.line, place.column, place.end_line, place.end_column)
        };
        assert_eq!(at(11, 12), (1, 11, 1, 12));
        assert_eq!(at(5, 7), (1, 6, 1, 7));
        assert_eq!(at(5, 13), (1, 6, 1, 12));
        assert_eq!(at(13, 20), (2, 1, 2, 6));
        assert_eq!(at(0, 20), (1, 1, 2, 6));
        assert_eq!(at(90, 99), (3, 1, 3, 1));
    }
}
