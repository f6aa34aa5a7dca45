//! `RUN a` and `RUN b` become `RUN a && b`: one layer, one cache entry.

use super::chain::{Chain, changes_shell};
use super::{Action, ActionKind, Cursor, INDENT, comments_in, line_break, line_end, script_of};
use crate::ide::File;
use crate::shell::{Joint, Snippet};
use crate::syntax::{Keyword, Node};
use crate::text::TextRange;

/// Offers to merge the `RUN`s that are selected, or the one at the cursor with the one below.
pub(super) fn offer(cursor: &Cursor<'_>, out: &mut Vec<Action>) {
    let Some((first, _)) = cursor.node_of(Keyword::Run) else {
        return;
    };
    let end = cursor.request.range.end;
    let nodes = cursor.file.parse().nodes();
    let selected = nodes[first..]
        .iter()
        .take_while(|n| n.range.start < end)
        .count();
    let last = first + selected.max(2) - 1;
    let runs: Option<Vec<Run<'_>>> = (first..=last).map(|i| Run::new(cursor.file, i)).collect();
    let Some(runs) = runs else { return };
    let same = runs.windows(2).all(|pair| pair[0].has_flags_of(&pair[1]));
    if !same || stops_no_more(&runs) {
        return;
    }
    let title = match runs.len() {
        2 if selected < 2 => "merge with the RUN below".to_owned(),
        count => format!("merge these {count} RUNs"),
    };
    out.push(Action::new(
        ActionKind::Rewrite,
        title,
        edits(cursor.file, &runs),
    ));
}

/// Tells whether a failure would not end a text any more that ends at the first one: in front of `&&` shells ignore
/// `set -e`, in brackets too.
fn stops_no_more(runs: &[Run<'_>]) -> bool {
    let count = runs.len();
    runs.iter().enumerate().any(|(i, run)| {
        let is_list = run.chain.nested || !run.chain.is_joined_by(Joint::And);
        let in_brackets = !run.brackets(i == 0, i + 1 == count).0.is_empty();
        run.stops_at_failures() && is_list && (in_brackets || i + 1 < count)
    })
}

/// A `RUN` that can be part of another.
struct Run<'f> {
    file: &'f File,
    node: &'f Node,
    snippet: &'f Snippet,
    chain: Chain,
}

impl<'f> Run<'f> {
    fn new(file: &'f File, index: usize) -> Option<Self> {
        let node = file.parse().nodes().get(index)?;
        let snippet = script_of(file, index).filter(|_| node.known == Some(Keyword::Run))?;
        let chain = Chain::new(&snippet.script)?;
        let closed = chain.joints.last() == Some(&Joint::Edge);
        let documents = file.parse().heredocs(node);
        (closed && !chain.comments && documents.is_empty()).then_some(Self {
            file,
            node,
            snippet,
            chain,
        })
    }

    fn has_flags_of(&self, other: &Self) -> bool {
        let flags = |run: &Self| {
            let mut flags: Vec<Vec<u8>> = run
                .file
                .parse()
                .piece_texts(run.file.source(), &run.node.flags)
                .map(|flag| flag.to_vec())
                .collect();
            flags.sort_unstable();
            flags
        };
        self.snippet.interpreter == other.snippet.interpreter && flags(self) == flags(other)
    }

    fn stops_at_failures(&self) -> bool {
        let mut commands = self.snippet.script.commands().iter();
        self.snippet.interpreter.errexit || commands.any(|command| command.runs("set"))
    }

    fn range(&self) -> TextRange {
        let text = self.snippet.script.text();
        self.snippet
            .source_range(TextRange::new(0, text.len() as u32))
    }

    /// What has to stand around the text so that it means the same as a part of a chain; `(` keeps a changed shell to
    /// itself, `{` a list together.
    fn brackets(&self, is_first: bool, is_last: bool) -> (&'static str, &'static str) {
        let all = TextRange::new(0, self.snippet.script.text().len() as u32);
        if !is_last && changes_shell(&self.snippet.script, all) {
            ("(", ")")
        } else if !is_first && !self.chain.is_joined_by(Joint::And) {
            ("{ ", "; }")
        } else {
            ("", "")
        }
    }
}

fn edits(file: &File, runs: &[Run<'_>]) -> Vec<(TextRange, String)> {
    let mut edits = Vec::new();
    let brackets = |i: usize| runs[i].brackets(i == 0, i + 1 == runs.len());
    let mut open = |range: TextRange, text: String| {
        if !(range.is_empty() && text.is_empty()) {
            edits.push((range, text));
        }
    };
    let start = runs[0].range().start;
    open(TextRange::new(start, start), brackets(0).0.to_owned());
    for (i, pair) in runs.windows(2).enumerate() {
        let gap = TextRange::new(pair[0].range().end, pair[1].range().start);
        let mut text = format!("{} && {}", brackets(i).1, line_break(file));
        for comment in comments_in(file, gap) {
            text += &format!("{comment}{}{INDENT}", line_end(file));
        }
        text += brackets(i + 1).0;
        open(gap, text);
    }
    let end = runs[runs.len() - 1].range().end;
    open(
        TextRange::new(end, end),
        brackets(runs.len() - 1).1.to_owned(),
    );
    edits
}

#[cfg(test)]
mod tests {
    use super::super::tests::{check, check_not};

    #[test]
    fn two_or_those_selected() {
        check(
            "merge with the RUN below",
            "FROM a\nRUN ‸b\n\n# why\nRUN c \\\n  d\nRUN e\n",
            "FROM a\nRUN b && \\\n    # why\n    c \\\n  d\nRUN e\n",
        );
        check(
            "merge these 3 RUNs",
            "FROM a\n‸RUN b\nRUN c\nRUN d‸\n",
            "FROM a\nRUN b && \\\n    c && \\\n    d\n",
        );
    }

    #[test]
    fn brackets_keep_the_meaning() {
        check(
            "merge with the RUN below",
            "RUN ‸cd x; b\nRUN c || d\n",
            "RUN (cd x; b) && \\\n    { c || d; }\n",
        );
    }

    #[test]
    fn not_what_is_different() {
        for second in [
            "RUN [\"a\"]",
            "RUN --network=none b",
            "RUN <<E\nb\nE",
            "COPY a b",
            "RUN b # c",
        ] {
            check_not("merge with", &format!("RUN ‸a\n{second}\n"));
        }
        check_not("merge with", "RUN ‸a &\nRUN b\n");
        check_not("merge with", "RUN ‸set -ex; a; b\nRUN c\n");
        check_not(
            "merge with",
            "RUN ‸[\"sh\", \"-c\", \"a\"]\nRUN [\"sh\", \"-c\", \"b\"]\n",
        );
        check_not(
            "merge with",
            "FROM a\nSHELL [\"/bin/bash\", \"-ec\"]\nRUN ‸a; b\nRUN c\n",
        );
    }
}
