//! A chain of commands becomes a here document, and back.

use super::chain::Chain;
use super::{Action, ActionKind, Cursor, INDENT, comments_in, flags, line_break, line_end};
use crate::shell::{Joint, Snippet};
use crate::syntax::{Heredoc, Keyword, Node};
use crate::text::TextRange;
use bstr::ByteSlice;

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
    let runs = Runs {
        cursor,
        node,
        snippet,
        chain: &chain,
    };
    let offer = match cursor.file.parse().heredocs(node) {
        [] => runs.as_document().map(|edit| ("use a here document", edit)),
        [document] => runs
            .as_chain(document)
            .map(|edit| ("use a chain of &&", edit)),
        _ => None,
    };
    out.extend(offer.map(|(title, edit)| Action::new(ActionKind::Rewrite, title, vec![edit])));
}

struct Runs<'a> {
    cursor: &'a Cursor<'a>,
    node: &'a Node,
    snippet: &'a Snippet,
    chain: &'a Chain,
}

impl Runs<'_> {
    /// `a && b` is `set -e`, `a`, `b`; unless lists inside a part would end with their first failure, or `!` hides it.
    fn as_document(&self) -> Option<(TextRange, String)> {
        let chain = self.chain;
        let stops = chain.is_joined_by(Joint::And);
        let may = chain.parts.len() > 1
            && !chain.comments
            && (chain.is_joined_by(Joint::Then) || (stops && !chain.nested))
            && !self.hides_failures();
        if !may {
            return None;
        }
        let file = self.cursor.file;
        let mut lines = Vec::new();
        if stops && !self.snippet.interpreter.errexit {
            lines.push("set -e".to_owned());
        }
        let mut at = self.source(chain.parts[0]).start;
        for part in &chain.parts {
            let range = self.source(*part);
            lines.extend(comments_in(file, TextRange::new(at, range.start)));
            lines.push(self.part_text(*part));
            at = range.end;
        }
        let name = delimiter(&lines)?;
        let end = line_end(file);
        let text = format!(
            "{}<<{name}{end}{}{end}{name}",
            flags(file, self.node),
            lines.join(end)
        );
        let start = self.node.keyword.range.end + 1;
        Some((TextRange::new(start, self.node.range.end), text))
    }

    /// A part begins with `!`, or says with `set` how failures count.
    fn hides_failures(&self) -> bool {
        let script = &self.snippet.script;
        let mut parts = self.chain.parts.iter();
        let mut sets = script.commands().iter().filter(|c| c.runs("set"));
        parts.any(|part| script.slice(*part).starts_with(b"!"))
            || sets.any(|set| set.args().iter().any(|word| word.text.starts_with(b"+")))
    }

    fn source(&self, part: TextRange) -> TextRange {
        self.snippet.source_range(part)
    }

    /// A part as it is written when a shell reads its line ends as the builder does, else joined.
    fn part_text(&self, part: TextRange) -> String {
        let file = self.cursor.file;
        let range = self.source(part);
        let written = file.text(range);
        let same = file.parse().escape() == '\\' && comments_in(file, range).is_empty();
        let mut lines = written.lines().rev().skip(1);
        // Between single quotes a backslash is one.
        let as_shells_do = lines.all(|line| line.ends_with(b"\\")) && !written.contains(&b'\'');
        let joined = self.snippet.script.slice(part).as_bytes();
        let text = if (same && as_shells_do) || !written.contains(&b'\n') {
            written
        } else {
            joined
        };
        text.to_str_lossy().into_owned()
    }

    /// The lines of a document with `set -e` at its head.
    fn as_chain(&self, document: &Heredoc) -> Option<(TextRange, String)> {
        let file = self.cursor.file;
        let chain = self.chain;
        let body = file.text(document.body);
        let (first, parts) = chain.parts.split_first()?;
        let only_lines = chain
            .joints
            .iter()
            .all(|j| matches!(j, Joint::Then | Joint::Edge));
        let may = self.snippet.script.text() == body
            && !body.starts_with(b"#!")
            && self.snippet.script.slice(*first) == "set -e"
            && only_lines
            && !chain.nested
            && !self.hides_failures()
            && !parts.is_empty();
        if !may {
            return None;
        }
        let break_line = line_break(file);
        let mut text = flags(file, self.node);
        let mut at = self.source(*first).end;
        for (number, part) in parts.iter().enumerate() {
            let range = self.source(*part);
            let written = file.text(range);
            let comments = self.comments(TextRange::new(at, range.start))?;
            if number > 0 {
                text += &format!(" && {break_line}");
            } else if !comments.is_empty() {
                text += &break_line;
            }
            for comment in comments {
                text += &format!("{comment}{}{INDENT}", line_end(file));
            }
            text += continued(written, &break_line)?.as_str();
            at = range.end;
        }
        let behind = self.comments(TextRange::new(at, document.body.end))?;
        let start = self.node.keyword.range.end + 1;
        behind
            .is_empty()
            .then_some((TextRange::new(start, self.node.range.end), text))
    }

    /// Comments between two statements of a document; `None` when one stands behind a command, since a chain has no
    /// place for it.
    fn comments(&self, range: TextRange) -> Option<Vec<String>> {
        let mut lines = self.cursor.file.text(range).lines();
        let behind = lines.next().unwrap_or_default().trim();
        let alone = behind.is_empty() || behind == b";";
        let comments = lines.map(ByteSlice::trim).filter(|line| !line.is_empty());
        alone.then(|| {
            comments
                .map(|line| line.to_str_lossy().into_owned())
                .collect()
        })
    }
}

/// A statement whose lines all end in a backslash behind a word, with the escape character in its place; none with
/// quotes, whose text would get the blanks.
fn continued(written: &[u8], break_line: &str) -> Option<String> {
    if written.contains(&b'\n') && written.find_byteset(b"'\"`").is_some() {
        return None;
    }
    let mut lines = Vec::new();
    let mut rest = written.lines().peekable();
    while let Some(line) = rest.next() {
        let line = match rest.peek() {
            Some(_) => line.strip_suffix(b"\\").filter(|l| l.ends_with(b" "))?,
            None => line,
        };
        lines.push(line.to_str().ok()?.trim_start().to_owned());
    }
    Some(lines.join(break_line))
}

/// A name for the document that is none of its lines.
fn delimiter(lines: &[String]) -> Option<String> {
    let names = std::iter::once("EOF".to_owned()).chain((2..10).map(|n| format!("EOF{n}")));
    let mut names = names.filter(|name| !lines.iter().any(|line| line.lines().any(|l| l == *name)));
    names.next()
}

#[cfg(test)]
mod tests {
    use super::super::tests::{check, check_not};

    #[test]
    fn a_chain_becomes_a_document() {
        check(
            "use a here document",
            "FROM a\nRUN --network=none ‸b && \\\n  # why\n  c \\\n    d && \\\n  e\n",
            "FROM a\nRUN --network=none <<EOF\nset -e\nb\n# why\nc \\\n    d\ne\nEOF\n",
        );
        check(
            "use a here document",
            "RUN ‸a; b\n",
            "RUN <<EOF\na\nb\nEOF\n",
        );
    }

    #[test]
    fn what_a_shell_reads_otherwise_is_joined() {
        check(
            "use a here document",
            "RUN ‸a && sh -c 'b \\\n c' && d \\  \n e\n",
            "RUN <<EOF\nset -e\na\nsh -c 'b  c'\nd  e\nEOF\n",
        );
    }

    #[test]
    fn not_where_failures_would_count_differently() {
        for line in [
            "a || b",
            "a && b; c",
            "(a; b) && c",
            "! a && b",
            "a",
            "if a; then b; fi && c",
            "set +e && a && b",
        ] {
            check_not("use a here document", &format!("RUN ‸{line}\n"));
        }
    }

    #[test]
    fn a_document_becomes_a_chain() {
        check(
            "use a chain of &&",
            "FROM a\nRUN ‸<<EOF\nset -e\nb\n\n  # why\nc \\\n  d\nEOF\nRUN e\n",
            "FROM a\nRUN b && \\\n    # why\n    c \\\n    d\nRUN e\n",
        );
        for body in [
            "b\nc",
            "set -e\nb || c\nd",
            "set -e\nif a; then\nb\nfi",
            "set -e\na # c\nb",
            "set -e\n! a\nb",
            "set -e\na\\\nb\nc",
            "set -e\na \"\\\n b\"\nc",
        ] {
            check_not("use a chain", &format!("RUN ‸<<EOF\n{body}\nEOF\n"));
        }
    }
}
