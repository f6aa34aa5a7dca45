//! The lines between instructions: comments, directives and empty lines.

use super::{Edits, Options, blanks, trailing_blanks, without_line_end};
use crate::ide::File;
use crate::syntax::Node;
use crate::text::TextRange;
use bstr::ByteSlice;

/// The lines between instructions.
pub(super) struct Between<'f> {
    file: &'f File,
    options: &'f Options,
    /// Start of the next line; in front of that everything is done.
    at: u32,
    /// Empty lines in a row that end at `at`.
    empty: u32,
    /// Where those empty lines begin.
    empty_from: u32,
    /// Nothing but comments that touch each other was seen, so a directive could still follow.
    in_head: bool,
    /// No instruction was seen.
    at_top: bool,
}

impl<'f> Between<'f> {
    pub(super) fn new(file: &'f File, options: &'f Options) -> Self {
        let bom = bom_len(file);
        Self {
            file,
            options,
            at: bom,
            empty: 0,
            empty_from: bom,
            in_head: true,
            at_top: true,
        }
    }

    /// Formats the lines in front of the one that holds `end`.
    pub(super) fn up_to(&mut self, end: u32, edits: &mut Edits<'_>) {
        let source = self.file.source();
        while let Some(length) = source[self.at as usize..end as usize].find_byte(b'\n') {
            let line_end = self.at + length as u32 + 1;
            self.line(line_end, edits);
            self.at = line_end;
        }
    }

    fn line(&mut self, line_end: u32, edits: &mut Edits<'_>) {
        let text = without_line_end(self.file, TextRange::new(self.at, line_end));
        let indentation = self.indentation(text.end);
        let in_head = std::mem::replace(&mut self.in_head, false);
        if indentation == text {
            self.empty += 1;
            // Without the line a comment below could become a directive.
            let least = u32::from(self.at_top);
            if self.empty > self.options.empty_lines.max(least) {
                edits.replace(TextRange::new(self.at, line_end), "");
            } else {
                edits.replace(text, "");
            }
            return;
        }
        self.empty = 0;
        self.empty_from = line_end;
        let comment = TextRange::new(indentation.end, text.end);
        if !self.file.text(comment).starts_with(b"#") {
            return;
        }
        self.in_head = in_head;
        if !(in_head && matters_in_head(self.file.text(comment))) {
            edits.replace(indentation, "");
            edits.replace(trailing_blanks(self.file, comment), "");
        }
    }

    /// The blanks at the start of the current line, up to `end` at most.
    pub(super) fn indentation(&self, end: u32) -> TextRange {
        let text = self.file.text(TextRange::new(self.at, end));
        TextRange::new(self.at, self.at + blanks(text.iter()))
    }

    /// Goes behind an instruction and its line end.
    pub(super) fn behind(&mut self, node: &Node) {
        let source = self.file.source();
        let rest = &source[node.range.end as usize..];
        self.at = node.range.end + rest.find_byte(b'\n').map_or(rest.len(), |n| n + 1) as u32;
        self.empty = 0;
        self.empty_from = self.at;
        self.in_head = false;
        self.at_top = false;
    }

    pub(super) fn end_of_file(&mut self, edits: &mut Edits<'_>) {
        let end = self.file.source().len() as u32;
        self.up_to(end, edits);
        if self.at < end {
            self.line(end, edits);
            self.at = end;
        }
        if edits.lines.is_some() {
            return;
        }
        if self.empty_from == bom_len(self.file) {
            return;
        }
        if self.empty > 0 && self.options.trim_end {
            edits
                .list
                .retain(|(range, _)| range.start < self.empty_from);
            edits.replace(TextRange::new(self.empty_from, end), "");
        }
        let last = self.file.source()[..self.empty_from.min(end) as usize].last();
        if self.options.final_newline && last.is_some_and(|b| *b != b'\n') {
            edits.replace(TextRange::new(end, end), line_end(self.file));
        }
    }
}

/// Length of the byte order mark in front of everything.
fn bom_len(file: &File) -> u32 {
    let has_bom = file.source().starts_with(b"\xef\xbb\xbf");
    if has_bom { 3 } else { 0 }
}

/// The line end that the file uses.
pub(crate) fn line_end(file: &File) -> &'static str {
    match file.source().find_byte(b'\n') {
        Some(at) if file.source()[..at].ends_with(b"\r") => "\r\n",
        _ => "\n",
    }
}

/// Gives line ends within replacements the form that they have in the file.
pub(crate) fn keep_line_ends(file: &File, edits: &mut [(TextRange, String)]) {
    if line_end(file) == "\n" {
        return;
    }
    for (_, text) in edits.iter_mut().filter(|(_, text)| text.contains('\n')) {
        *text = text.replace("\r\n", "\n").replace('\n', "\r\n");
    }
}

/// Tells whether the official front end may see more in a comment at the head of a file than a comment, depending on
/// the white space around it.
///
/// **Source:** BuildKit `parser/directives.go`, `ParseDirective`, which looks before and apart from parsing.
fn matters_in_head(comment: &[u8]) -> bool {
    comment.starts_with(b"#!") || comment.contains(&b'=')
}
