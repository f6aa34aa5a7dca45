//! Between byte offsets and the protocol's positions. The only place that counts UTF-16.

use cooperage_lang::diagnostic::{Diagnostic, Severity};
use cooperage_lang::text::{LineIndex, TextRange};
use tower_lsp::lsp_types as lsp;

/// A text with what is needed to convert positions.
pub(crate) struct Text {
    text: String,
    lines: LineIndex,
}

impl Text {
    pub(crate) fn new(text: String) -> Self {
        let lines = LineIndex::new(text.as_bytes());
        Self { text, lines }
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// Byte offset to position: 0-based line, column in UTF-16 units.
    pub(crate) fn position(&self, offset: u32) -> lsp::Position {
        let offset = offset.min(self.text.len() as u32);
        let (line, column) = self.lines.line_column(offset);
        let start = (offset - column) as usize;
        let before = self.text.get(start..offset as usize).unwrap_or_default();
        lsp::Position::new(line, before.encode_utf16().count() as u32)
    }

    /// Position to byte offset; beyond the end of a line means its end, without the line end.
    pub(crate) fn offset(&self, position: lsp::Position) -> usize {
        let range = self.lines.line_range(position.line + 1);
        let line = &self.text[range.start as usize..range.end as usize];
        let line = line.trim_end_matches(['\n', '\r']);
        let mut units = 0;
        for (i, c) in line.char_indices() {
            if units >= position.character {
                return range.start as usize + i;
            }
            units += c.len_utf16() as u32;
        }
        range.start as usize + line.len()
    }

    pub(crate) fn range(&self, range: TextRange) -> lsp::Range {
        lsp::Range::new(self.position(range.start), self.position(range.end))
    }

    /// End of the line, without its line end, that `offset` is on.
    pub(crate) fn line_end(&self, offset: u32) -> lsp::Position {
        let (line, _) = self.lines.line_column(offset.min(self.text.len() as u32));
        let range = self.lines.line_range(line + 1);
        let text = &self.text[range.start as usize..range.end as usize];
        self.position(range.start + text.trim_end_matches(['\n', '\r']).len() as u32)
    }

    /// The text with one edit applied; no range means everything.
    pub(crate) fn edited(&self, change: lsp::TextDocumentContentChangeEvent) -> Self {
        let Some(range) = change.range else {
            return Self::new(change.text);
        };
        let (start, end) = (self.offset(range.start), self.offset(range.end));
        let mut text = self.text.clone();
        text.replace_range(start..end.max(start), &change.text);
        Self::new(text)
    }
}

/// A finding in the protocol's terms.
pub(crate) fn diagnostic(text: &Text, found: &Diagnostic) -> lsp::Diagnostic {
    let severity = match found.severity {
        Severity::Error => lsp::DiagnosticSeverity::ERROR,
        Severity::Warning => lsp::DiagnosticSeverity::WARNING,
        Severity::Info => lsp::DiagnosticSeverity::INFORMATION,
        Severity::Hint => lsp::DiagnosticSeverity::HINT,
    };
    lsp::Diagnostic {
        range: text.range(found.range),
        severity: Some(severity),
        code: Some(lsp::NumberOrString::String(found.code.to_owned())),
        source: Some("cooper".to_owned()),
        message: found.message.clone(),
        ..lsp::Diagnostic::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_utf16() {
        let text = Text::new("a\u{1F433}b\r\nc".to_owned());
        let check = |offset: u32, line, column| {
            let position = lsp::Position::new(line, column);
            assert_eq!(text.position(offset), position);
            assert_eq!(text.offset(position), offset as usize);
        };
        check(0, 0, 0);
        check(1, 0, 1);
        check(5, 0, 3);
        check(6, 0, 4);
        check(8, 1, 0);
        assert_eq!(text.offset(lsp::Position::new(0, 99)), 6);
        assert_eq!(text.line_end(2), lsp::Position::new(0, 4));
    }

    #[test]
    fn edits_apply_in_place() {
        let text = Text::new("FROM a\nRUN b\n".to_owned());
        let edit = |range, new: &str| lsp::TextDocumentContentChangeEvent {
            range,
            range_length: None,
            text: new.to_owned(),
        };
        let range = lsp::Range::new(lsp::Position::new(1, 4), lsp::Position::new(1, 5));
        let text = text.edited(edit(Some(range), "c"));
        assert_eq!(text.as_str(), "FROM a\nRUN c\n");
        assert_eq!(text.edited(edit(None, "x")).as_str(), "x");
    }
}
