//! The formatter: small replacements of white space and of the case of keywords.
//!
//! # What it does
//!
//! - Instruction keywords, `AS` and the `CMD` and `NONE` of a `HEALTHCHECK` are written in capitals.
//! - Instructions and the comments between them begin at the margin; no line ends in blanks.
//! - One blank stands between keyword, flags, arguments and in front of a continuation's escape character; a JSON
//!   array is written `["a", "b"]`.
//! - Continuation lines are indented once, their comments like the line below.
//! - Of several empty lines in a row two stay; the file ends with one line end.
//!
//! # What it never does
//!
//! By default the plan stays the same, so every step stays cached: the text of a `RUN`, `CMD`, `ENTRYPOINT` or `HEALTHCHECK` for
//! the shell is part of what is built, with the white space at the start of its continuation lines, so that stays.
//! With [`ShellText::Shift`] these lines are moved too, and their steps run once more. The trigger of an `ONBUILD` is stored as
//! it is written, so it stays as well. Here documents, line ends, parser directives, the order of everything and lines
//! that cannot be understood are left alone; so is all that follows a here document without end.
//!
//! **Source:** for what counts, BuildKit `frontend/dockerfile/parser` (how lines are joined and split) and the observed
//! behaviour of its step cache.

mod between;
mod instruction;
mod lines;
mod on_type;
mod parts;
#[cfg(test)]
mod tests;

pub(crate) use between::{keep_line_ends, line_end};
pub use on_type::on_type;

use crate::ide::File;
use crate::syntax::{MAX_LINE, Node};
use crate::text::TextRange;
use between::Between;
use bstr::ByteSlice;

/// How much longer a line may become before it would have to be measured.
const ROOM: u32 = 1024;

/// How to format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// One step of indentation; four blanks where nobody has a wish.
    pub indent: Option<Indent>,
    /// What happens to the lines below the first of an instruction.
    pub continuations: Continuations,
    /// What happens to continuation lines inside shell text.
    pub shell_text: ShellText,
    /// Most empty lines in a row that stay.
    pub empty_lines: u32,
    /// A last line without line end gets one.
    pub final_newline: bool,
    /// Empty lines at the end of the file go.
    pub trim_end: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            indent: None,
            continuations: Continuations::Indent,
            shell_text: ShellText::Keep,
            empty_lines: 2,
            final_newline: true,
            trim_end: true,
        }
    }
}

/// One step of indentation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Indent {
    /// That many blanks; none counts as one, since a line's indentation may be what separates two words.
    Spaces(u8),
    /// A tabulator.
    Tab,
}

impl Options {
    fn step(&self) -> String {
        match self.indent.unwrap_or(Indent::Spaces(4)) {
            Indent::Spaces(count) => " ".repeat(usize::from(count.max(1))),
            Indent::Tab => "\t".to_owned(),
        }
    }
}

/// What happens to the lines below the first of an instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Continuations {
    /// They are indented.
    Indent,
    /// They stay as they are.
    Keep,
}

/// What happens to continuation lines inside shell text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShellText {
    /// They stay: their white space is part of the step.
    Keep,
    /// They move together until the leftmost has one step of indentation. The step runs again at the next build.
    Shift,
}

/// Replacements that format `file`, in source order and without overlap; only those on the lines of `range`, when
/// there is one. Each of them leaves the plan as it is, also alone.
///
/// ```
/// use cooperage_lang::{format, ide, text};
/// let file = ide::File::new(b"  from  alpine as a\nexpose 80  \\\n81\n".to_vec());
/// let edits = format::edits(&file, &format::Options::default(), None);
/// let text = text::apply(file.source(), &edits);
/// assert_eq!(text, b"FROM alpine AS a\nEXPOSE 80 \\\n    81\n");
/// ```
pub fn edits(file: &File, options: &Options, range: Option<TextRange>) -> Vec<(TextRange, String)> {
    if has_line_near_the_limit(file) {
        return Vec::new();
    }
    let mut edits = Edits::new(file, range);
    let mut between = Between::new(file, options);
    for (index, node) in file.parse().nodes().iter().enumerate() {
        between.up_to(node.range.start, &mut edits);
        if is_understood(node) {
            edits.replace(between.indentation(node.range.start), "");
            instruction::format(file, options, index, &mut edits);
        } else if may_open_heredoc(file, node) {
            return edits.list;
        }
        between.behind(node);
    }
    between.end_of_file(&mut edits);
    edits.list
}

/// The official scanner refuses a line that is too long, so that its length would be part of what a file means.
fn has_line_near_the_limit(file: &File) -> bool {
    (1..=file.lines().len())
        .any(|line| file.lines().line_range(line).len() > MAX_LINE as u32 - ROOM)
}

fn is_understood(node: &Node) -> bool {
    node.known.is_some() && !node.broken
}

/// Tells whether the lines below a broken instruction may be a here document of it.
fn may_open_heredoc(file: &File, node: &Node) -> bool {
    file.text(node.range).find(b"<<").is_some()
}

/// The replacements found so far.
struct Edits<'f> {
    file: &'f File,
    /// First and last line that may change, from 0.
    lines: Option<(u32, u32)>,
    list: Vec<(TextRange, String)>,
}

impl<'f> Edits<'f> {
    fn new(file: &'f File, range: Option<TextRange>) -> Self {
        let lines = range.map(|range| {
            let (first, _) = file.lines().line_column(range.start);
            let (last, column) = file.lines().line_column(range.end);
            // Where a selection ends in front of a line, that is not selected.
            let behind = column == 0 && first < last;
            (first, last - u32::from(behind))
        });
        Self {
            file,
            lines,
            list: Vec::new(),
        }
    }

    fn replace(&mut self, range: TextRange, text: &str) {
        let wanted = |(first, last): (u32, u32)| {
            let line = self.file.lines().line_column(range.start).0;
            first <= line && line <= last
        };
        if self.file.text(range) != text.as_bytes() && self.lines.is_none_or(wanted) {
            self.list.push((range, text.to_owned()));
        }
    }
}

/// The line without LF and the carriage returns in front of it.
fn without_line_end(file: &File, line: TextRange) -> TextRange {
    let text = file.text(line);
    let ends = text.iter().rev().take_while(|b| matches!(b, b'\n' | b'\r'));
    TextRange::new(line.start, line.end - ends.count() as u32)
}

/// Blanks at the end of a comment. A carriage return among them would be a part of the line end when those behind it go.
fn trailing_blanks(file: &File, range: TextRange) -> TextRange {
    let bytes = file.text(range).iter().rev();
    let blanks = bytes.take_while(|b| matches!(b, b' ' | b'\t' | b'\r'));
    TextRange::new(range.end - blanks.count() as u32, range.end)
}

/// How many blanks and tabulators come first. Other white space may mean something and stays.
fn blanks<'b>(bytes: impl Iterator<Item = &'b u8>) -> u32 {
    bytes.take_while(|b| matches!(b, b' ' | b'\t')).count() as u32
}
