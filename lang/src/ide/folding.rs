//! What can be folded: stages, instructions of several lines, here documents, blocks of comments.

use super::File;
use crate::syntax::{self, directive::Directive};
use crate::text::TextRange;
use bstr::ByteSlice;
use std::cmp::Reverse;
use std::collections::HashSet;

/// Lines that can be folded into the first of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fold {
    /// From the end of the first line to the end of the last, without line ends.
    pub range: TextRange,
    /// First line, from 0.
    pub first_line: u32,
    /// Last line, from 0.
    pub last_line: u32,
    /// What it is.
    pub kind: FoldKind,
}

/// What can be folded, in the order in which it is kept when there is too much.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FoldKind {
    /// An instruction of several lines.
    Instruction,
    /// The body of a here document and its last line.
    Heredoc,
    /// Comment lines that follow each other.
    Comment,
    /// From a `FROM` to the last instruction of the stage.
    Stage,
}

/// What the editor can do with folds.
#[derive(Clone, Copy, Debug, Default)]
pub struct FoldOptions {
    /// Most folds it takes.
    pub limit: Option<usize>,
    /// It folds whole lines, so only one fold can begin on a line.
    pub whole_lines: bool,
}

/// The folds of a file, in the order of their first lines, the larger first. Where only one can begin on a line, it is
/// the larger, but a `FROM` of several lines comes before its stage.
///
/// ```
/// use cooperage_lang::ide::{File, folding::{FoldOptions, folds}};
/// let file = File::new(b"FROM a\nRUN b && \\\n  c\n".to_vec());
/// let lines: Vec<_> = folds(&file, FoldOptions::default()).iter().map(|f| (f.first_line, f.last_line)).collect();
/// assert_eq!(lines, [(0, 2), (1, 2)]);
/// ```
pub fn folds(file: &File, options: FoldOptions) -> Vec<Fold> {
    let mut found = Vec::new();
    stages(file, &mut found);
    instructions(file, &mut found);
    comments(file, &mut found);
    let yields = |f: &Fold| options.whole_lines && f.kind == FoldKind::Stage;
    found.sort_by_key(|f| (f.first_line, yields(f), Reverse(f.last_line), f.kind));
    let mut seen = HashSet::new();
    found.retain(|f| {
        let last_line = (!options.whole_lines).then_some(f.last_line);
        seen.insert((f.first_line, last_line))
    });
    if let Some(limit) = options.limit.filter(|limit| *limit < found.len()) {
        found.sort_by_key(|f| f.kind);
        found.truncate(limit);
        found.sort_by_key(|f| (f.first_line, Reverse(f.last_line)));
    }
    found
}

fn stages(file: &File, found: &mut Vec<Fold>) {
    for stage in file.names().stages() {
        found.extend(fold(file, FoldKind::Stage, stage.range));
    }
}

fn instructions(file: &File, found: &mut Vec<Fold>) {
    let parse = file.parse();
    for node in parse.nodes() {
        found.extend(fold(file, FoldKind::Instruction, node.range));
        for heredoc in parse.heredocs(node) {
            // The line in front of the body stays visible.
            let opener = heredoc.body.start.saturating_sub(1);
            let range = TextRange::new(opener, heredoc.terminator.end);
            found.extend(fold(file, FoldKind::Heredoc, range));
        }
    }
}

/// Comments between instructions and between the lines of one; parser directives are none.
fn comments(file: &File, found: &mut Vec<Fold>) {
    let (lines, parse) = (file.lines(), file.parse());
    let documents = parse.nodes().iter().flat_map(|node| parse.heredocs(node));
    let mut documents = documents.peekable();
    let mut block: Option<TextRange> = None;
    for number in first_line_behind(parse.directives())..=lines.len() {
        let line = lines.line_range(number);
        while documents
            .next_if(|document| document.terminator.end <= line.start)
            .is_some()
        {}
        let in_document = documents.peek().is_some_and(|d| d.body.start <= line.start);
        if !in_document && file.text(line).trim_start().starts_with(b"#") {
            block = Some(block.map_or(line, |b| b.cover(line)));
        } else {
            found.extend(block.take().and_then(|b| fold(file, FoldKind::Comment, b)));
        }
    }
    found.extend(block.and_then(|b| fold(file, FoldKind::Comment, b)));
}

/// The first line that is no parser directive, from 1.
fn first_line_behind(directives: &[Directive]) -> u32 {
    directives.last().map_or(1, |d| d.line + 1)
}

/// Folds the lines that `range` touches; `None` for a single line.
fn fold(file: &File, kind: FoldKind, range: TextRange) -> Option<Fold> {
    let lines = file.lines();
    let last = last_offset(file, kind, range);
    let (first_line, _) = lines.line_column(range.start);
    let (last_line, _) = lines.line_column(last);
    (first_line < last_line).then(|| Fold {
        range: TextRange::new(text_end(file, first_line), text_end(file, last_line)),
        first_line,
        last_line,
        kind,
    })
}

/// An offset on the last line; that is the empty one at the end of the text when what is above goes on there.
fn last_offset(file: &File, kind: FoldKind, range: TextRange) -> u32 {
    let source = file.source();
    let behind = &source[range.end as usize..];
    let goes_on = || {
        let mut lines = source.trim_end_with(|c| matches!(c, '\n' | '\r')).lines();
        let last = lines.next_back().unwrap_or_default();
        syntax::continuation(last, file.parse().escape() as u8).is_some()
    };
    let at_end = kind != FoldKind::Comment && matches!(behind, b"" | b"\n" | b"\r\n");
    if at_end && goes_on() {
        return source.len() as u32;
    }
    range.end - u32::from(file.text(range).ends_with(b"\n"))
}

/// End of a line, its line end left out.
fn text_end(file: &File, line: u32) -> u32 {
    let range = file.lines().line_range(line + 1);
    let text = file.text(range).trim_end_with(|c| matches!(c, '\n' | '\r'));
    range.start + text.len() as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str, options: FoldOptions) -> Vec<(u32, u32, FoldKind)> {
        let file = File::new(text.as_bytes().to_vec());
        let folds = folds(&file, options);
        folds
            .iter()
            .map(|f| (f.first_line, f.last_line, f.kind))
            .collect()
    }

    const TEXT: &str = concat!(
        "# syntax=docker/dockerfile:1\n",
        "# one\n",
        "  # two\n",
        "FROM a\n",
        "RUN x && \\\n",
        "  # inside\n",
        "  # of it\n",
        "  cat <<E\n",
        "# no comment\n",
        "E\n",
        "\n",
        "# of the next\n",
        "# stage\n",
        "FROM b\n",
    );

    #[test]
    fn stages_instructions_documents_and_comments_fold() {
        assert_eq!(
            shown(TEXT, FoldOptions::default()),
            [
                (1, 2, FoldKind::Comment),
                (3, 9, FoldKind::Stage),
                (4, 9, FoldKind::Instruction),
                (5, 6, FoldKind::Comment),
                (7, 9, FoldKind::Heredoc),
                (11, 12, FoldKind::Comment),
            ]
        );
    }

    #[test]
    fn stages_go_first_when_there_is_a_limit() {
        for (limit, wanted) in [
            (1, &[(4, 9, FoldKind::Instruction)][..]),
            (
                3,
                &[
                    (1, 2, FoldKind::Comment),
                    (4, 9, FoldKind::Instruction),
                    (7, 9, FoldKind::Heredoc),
                ],
            ),
        ] {
            let options = FoldOptions {
                limit: Some(limit),
                ..FoldOptions::default()
            };
            assert_eq!(shown(TEXT, options), wanted);
        }
    }

    #[test]
    fn one_fold_begins_on_a_line_when_lines_are_folded() {
        let whole_lines = FoldOptions {
            whole_lines: true,
            ..FoldOptions::default()
        };
        let text = "FROM a AS \\\n  b\nUSER x\n";
        assert_eq!(shown(text, whole_lines), [(0, 1, FoldKind::Instruction)]);
        assert_eq!(shown(text, FoldOptions::default()).len(), 2);
        let text = "FROM a\nUSER \\\n";
        assert_eq!(
            shown(text, FoldOptions::default()).last(),
            Some(&(1, 2, FoldKind::Instruction))
        );
        let text = "FROM a\nUSER x\n";
        assert_eq!(shown(text, whole_lines), [(0, 1, FoldKind::Stage)]);
    }
}
