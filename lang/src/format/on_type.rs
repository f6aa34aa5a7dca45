//! Indentation of the line that is begun, or continued, by what was just typed.

use super::{Continuations, Edits, Options, blanks, without_line_end};
use crate::ide::File;
use crate::syntax::Keyword;
use crate::syntax::token::TokenKind;
use crate::text::TextRange;
use bstr::ByteSlice;

/// Replacements after `typed` was typed at `offset`.
///
/// A line break behind a continuation indents the new line, one behind the end of an instruction takes away what the
/// editor indented it by. The escape character at the end of a line indents the line that it draws in, unless that
/// begins with a keyword: then another line is about to be put between.
///
/// ```
/// use cooperage_lang::{format, ide};
/// let file = ide::File::new(b"RUN a && \\\n\n".to_vec());
/// let edits = format::on_type(&file, &format::Options::default(), 11, '\n');
/// assert_eq!(edits[0].1, "    ");
/// ```
pub fn on_type(
    file: &File,
    options: &Options,
    offset: u32,
    typed: char,
) -> Vec<(TextRange, String)> {
    let offset = offset.min(file.source().len() as u32);
    let mut edits = Edits::new(file, None);
    if options.continuations == Continuations::Indent && !is_in_quotes(file, offset) {
        if typed == '\n' {
            line_break(file, options, offset, &mut edits);
        } else if typed == file.parse().escape() {
            escape(file, options, offset, &mut edits);
        }
    }
    edits.list
}

/// Tells whether a quote is open in an instruction in front of `offset`: blanks would be part of what it says.
fn is_in_quotes(file: &File, offset: u32) -> bool {
    let nodes = file.parse().nodes();
    let behind = nodes.partition_point(|node| node.range.start < offset);
    let Some(node) = behind.checked_sub(1).map(|last| &nodes[last]) else {
        return false;
    };
    if node.range.end + 1 < offset {
        return false;
    }
    let mut open = None;
    let text = file.text(TextRange::new(node.range.start, offset));
    let mut bytes = text.iter().copied();
    while let Some(byte) = bytes.next() {
        match (open, byte) {
            (None, b'"' | b'\'') => open = Some(byte),
            (Some(quote), byte) if quote == byte => open = None,
            (None | Some(b'"'), b'\\') => {
                bytes.next();
            }
            _ => {}
        }
    }
    open.is_some()
}

fn line_break(file: &File, options: &Options, offset: u32, edits: &mut Edits<'_>) {
    let (line, _) = file.lines().line_column(offset);
    let indentation = indentation(file, line);
    let Some(end_of_line_above) = indentation.start.checked_sub(1) else {
        return;
    };
    if continues_behind(file, end_of_line_above) {
        let above = self::indentation(file, line - 1);
        let first_of_instruction = file
            .parse()
            .nodes()
            .binary_search_by_key(&above.end, |node| node.range.start)
            .is_ok();
        let step = options.step();
        let wanted = file.text(above).to_str_lossy();
        edits.replace(
            indentation,
            if first_of_instruction || above.is_empty() {
                &step
            } else {
                &wanted
            },
        );
    } else if !is_inside_instruction(file, indentation.start) {
        edits.replace(indentation, "");
    }
}

/// Tells whether the line whose line end covers `line_end` draws in the next one.
fn continues_behind(file: &File, line_end: u32) -> bool {
    let Some(token) = file.tree().token_at(line_end) else {
        return false;
    };
    let before = token.range.start.checked_sub(1);
    before
        .and_then(|offset| file.tree().token_at(offset))
        .is_some_and(|token| token.kind == TokenKind::Continuation)
}

fn is_inside_instruction(file: &File, offset: u32) -> bool {
    let behind = file
        .parse()
        .nodes()
        .partition_point(|node| node.range.start < offset);
    behind > 0 && offset <= file.parse().nodes()[behind - 1].range.end
}

fn escape(file: &File, options: &Options, offset: u32, edits: &mut Edits<'_>) {
    let (line, _) = file.lines().line_column(offset);
    if line + 1 >= file.lines().len() || !ends_instruction_line(file, offset, line) {
        return;
    }
    let indentation = indentation(file, line + 1);
    let text = without_line_end(file, file.lines().line_range(line + 2));
    let rest = file.text(TextRange::new(indentation.end, text.end));
    let word = rest
        .split(u8::is_ascii_whitespace)
        .next()
        .unwrap_or_default();
    if !rest.is_empty() && Keyword::find(word).is_none() {
        edits.replace(indentation, &options.step());
    }
}

/// Tells whether `offset` is at the end of a line of an instruction, with nothing behind it but the escape character.
fn ends_instruction_line(file: &File, offset: u32, line: u32) -> bool {
    let text = without_line_end(file, file.lines().line_range(line + 1));
    let behind = file.text(TextRange::new(offset.min(text.end), text.end));
    let escape = [file.parse().escape() as u8];
    let behind = behind.strip_prefix(&escape).unwrap_or(behind);
    let kind = file
        .tree()
        .token_at(indentation(file, line).end)
        .map(|token| token.kind);
    let foreign = matches!(
        kind,
        None | Some(
            TokenKind::Comment
                | TokenKind::DirectiveMark
                | TokenKind::HeredocBody
                | TokenKind::HeredocEnd
                | TokenKind::LineEnd
        )
    );
    !foreign && blanks(behind.iter()) as usize == behind.len()
}

/// Blanks at the start of the line with that number, from 0.
fn indentation(file: &File, line: u32) -> TextRange {
    let range = file.lines().line_range(line + 1);
    TextRange::new(range.start, range.start + blanks(file.text(range).iter()))
}
