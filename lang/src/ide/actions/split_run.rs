//! A `RUN a && b` becomes `RUN a` and `RUN b`: two layers, two cache entries.

use super::chain::{Chain, changes_shell};
use super::{Action, ActionKind, Cursor, comments_in, flags, line_end};
use crate::ide::mount::mounts;
use crate::shell::{Joint, Snippet};
use crate::syntax::{Keyword, Node};
use crate::text::TextRange;
use bstr::ByteSlice;

/// Offers to split everywhere and, when that is something else, in front of the part at the cursor. A part that changes
/// the shell (`cd`, `export`) is not parted from what is behind it.
pub(super) fn offer(cursor: &Cursor<'_>, out: &mut Vec<Action>) {
    let Some((_, node)) = cursor.node_of(Keyword::Run) else {
        return;
    };
    let Some(snippet) = cursor.script() else {
        return;
    };
    let Some(chain) = Chain::new(&snippet.script) else {
        return;
    };
    let is_chain = chain.is_joined_by(Joint::And) && !chain.comments;
    // In front of `&&` shells ignore `-e`, also for a list in brackets.
    let ignored = chain.nested && snippet.interpreter.errexit;
    if chain.parts.len() < 2 || !is_chain || ignored || loses_files(cursor, node) {
        return;
    }
    let split = Split {
        cursor,
        node,
        snippet,
        chain: &chain,
    };
    let all: Vec<usize> = (1..chain.parts.len()).collect();
    if split.is_possible(*all.last().unwrap_or(&0)) {
        let title = format!("split this RUN into {}", chain.parts.len());
        out.push(Action::new(ActionKind::Rewrite, title, split.edits(&all)));
    }
    let here = split.part_at(cursor.request.range.start);
    if chain.parts.len() > 2 && here > 0 && split.is_possible(here) {
        let edits = split.edits(&[here]);
        out.push(Action::new(
            ActionKind::Rewrite,
            "split this RUN here",
            edits,
        ));
    }
}

/// Tells whether a mount has files that the next instruction does not see.
fn loses_files(cursor: &Cursor<'_>, node: &Node) -> bool {
    let parse = cursor.file.parse();
    let flags = parse.piece_texts(cursor.file.source(), &node.flags);
    mounts(flags)
        .flatten()
        .any(|(key, value)| match key.as_str() {
            "type" => value.eq_ignore_ascii_case(b"tmpfs"),
            "rw" | "readwrite" => !value.eq_ignore_ascii_case(b"false"),
            _ => false,
        })
}

struct Split<'a> {
    cursor: &'a Cursor<'a>,
    node: &'a Node,
    snippet: &'a Snippet,
    chain: &'a Chain,
}

impl Split<'_> {
    /// The part that the offset is in or behind.
    fn part_at(&self, offset: u32) -> usize {
        let start = |part: &TextRange| self.snippet.source_range(*part).start;
        let behind = self
            .chain
            .parts
            .partition_point(|part| start(part) <= offset);
        behind.saturating_sub(1)
    }

    /// Nothing in front of the part with that index changes the shell that it needs, or would continue a line.
    fn is_possible(&self, index: usize) -> bool {
        let before = TextRange::new(0, self.chain.parts[index].start);
        let file = self.cursor.file;
        let escape = file.parse().escape() as u8;
        let mut above = self.chain.parts[..index].iter();
        let goes_on = above.any(|part| {
            let written = file.text(self.snippet.source_range(*part));
            written.last() == Some(&escape)
        });
        !goes_on && !changes_shell(&self.snippet.script, before)
    }

    fn edits(&self, parts: &[usize]) -> Vec<(TextRange, String)> {
        parts.iter().map(|part| self.edit(*part)).collect()
    }

    /// Begins a new instruction at a part.
    fn edit(&self, part: usize) -> (TextRange, String) {
        let file = self.cursor.file;
        let parts = &self.chain.parts;
        let gap = TextRange::new(
            self.snippet.source_range(parts[part - 1]).end,
            self.snippet.source_range(parts[part]).start,
        );
        let line_end = line_end(file);
        let mut text = line_end.to_owned();
        for comment in comments_in(file, gap) {
            text += &format!("{comment}{line_end}");
        }
        let keyword = file.text(self.node.keyword.range).to_str_lossy();
        text += &format!("{keyword} {}", flags(file, self.node));
        (gap, text)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{check, check_not};

    #[test]
    fn every_part_or_one() {
        let file = "FROM a\nRUN --network=none b 'x && y' && \\\n # why\n  c | d \\\n    && ‸e\n";
        check(
            "split this RUN into 3",
            file,
            "FROM a\nRUN --network=none b 'x && y'\n# why\nRUN --network=none c | d\nRUN --network=none e\n",
        );
        check(
            "split this RUN here",
            file,
            "FROM a\nRUN --network=none b 'x && y' && \\\n # why\n  c | d\nRUN --network=none e\n",
        );
    }

    #[test]
    fn not_where_it_would_change_what_runs() {
        for line in [
            "cd x && b",
            "A=1 && b",
            "a || b",
            "a && b; c",
            "a",
            "set -e && a && b",
            "f() { a; } && f",
            ": ${X:=1} && echo $X",
            "--mount=type=tmpfs,target=/t a >/t/x && b /t/x",
            "--mount=rw,type=bind,target=/t a >/t/x && b /t/x",
            "[\"sh\", \"-c\", \"a && b\"]",
        ] {
            check_not("split this RUN into", &format!("FROM a\nRUN ‸{line}\n"));
        }
        check_not("split this RUN", "# escape=`\nFROM a\nRUN ‸b `c` && d\n");
        check(
            "split this RUN into",
            "RUN ‸(cd a && b) && c\n",
            "RUN (cd a && b)\nRUN c\n",
        );
    }
}
