//! Corrections of what the language does not allow, where it is plain what was meant.

use super::{Action, ActionKind, Cursor, notation};
use crate::diagnostic::Diagnostic;
use crate::instructions::{INSTRUCTIONS, spec};
use crate::model::suggest;
use crate::syntax::{Node, heredoc};
use crate::text::TextRange;
use bstr::ByteSlice;

type Edits = Vec<(TextRange, String)>;

pub(super) fn offer(cursor: &Cursor<'_>, out: &mut Vec<Action>) {
    for (index, found) in cursor.findings() {
        if found.fix.is_some() {
            continue;
        }
        let corrections = Corrector { cursor, found }.corrections();
        let preferred = corrections.len() == 1;
        out.extend(corrections.into_iter().map(|(title, edits)| Action {
            diagnostic: Some(index),
            preferred,
            ..Action::new(ActionKind::QuickFix, title, edits)
        }));
    }
}

/// An error, and where it is.
struct Corrector<'a> {
    cursor: &'a Cursor<'a>,
    found: &'a Diagnostic,
}

impl Corrector<'_> {
    /// What can be done about the error: menu entries and replacements.
    fn corrections(&self) -> Vec<(String, Edits)> {
        match self.found.code {
            "unknown-instruction" => self.keyword().into_iter().collect(),
            "unknown-flag" => self.flag().into_iter().collect(),
            "duplicate-flag" => vec![self.without("remove this flag", self.found.range)],
            "duplicate-directive" => {
                vec![self.without(
                    "remove this directive",
                    self.cursor.file.whole_lines(self.found.range),
                )]
            }
            "healthcheck-none" => vec![self.without("remove the arguments", self.rest())],
            "bad-escape" => self.choices(&["\\", "`"]),
            "bad-network" => self.choices(&["default", "none", "host"]),
            "bad-security" => self.choices(&["sandbox", "insecure"]),
            "bad-stage-name" => self.stage_name().into_iter().collect(),
            "bad-from" => self.stage_keyword().into_iter().collect(),
            "missing-value" | "missing-equals" => vec![self.equals()],
            "json-not-strings" => self.json_string().into_iter().collect(),
            "shell-not-json" => self.json_array().into_iter().collect(),
            "unterminated-heredoc" => self.terminator().into_iter().collect(),
            _ => Vec::new(),
        }
    }

    fn text(&self) -> &[u8] {
        self.cursor.file.text(self.found.range)
    }

    fn node(&self) -> Option<&Node> {
        let nodes = self.cursor.file.parse().nodes();
        let behind = nodes.partition_point(|node| node.range.start <= self.found.range.start);
        nodes.get(behind.checked_sub(1)?)
    }

    fn instead(&self, text: &str) -> (String, Edits) {
        let edits = vec![(self.found.range, text.to_owned())];
        (format!("write `{text}`"), edits)
    }

    fn choices(&self, texts: &[&str]) -> Vec<(String, Edits)> {
        texts.iter().map(|text| self.instead(text)).collect()
    }

    /// Takes a range out, with the blanks in front of it.
    fn without(&self, title: &str, range: TextRange) -> (String, Edits) {
        let before = self.cursor.file.text(TextRange::new(0, range.start));
        let blanks = before
            .iter()
            .rev()
            .take_while(|b| matches!(b, b' ' | b'\t'))
            .count();
        let range = TextRange::new(range.start - blanks as u32, range.end);
        (title.to_owned(), vec![(range, String::new())])
    }

    /// From the error to the end of its instruction.
    fn rest(&self) -> TextRange {
        let end = self.node().map_or(self.found.range.end, |node| {
            self.cursor.file.parse().text_range(node.argument_text).end
        });
        TextRange::new(self.found.range.start, end.max(self.found.range.end))
    }

    fn keyword(&self) -> Option<(String, Edits)> {
        let keywords = INSTRUCTIONS.iter().map(|spec| spec.keyword.upper());
        let meant = suggest::closest(self.text(), keywords, false)?;
        Some(self.instead(&meant))
    }

    fn flag(&self) -> Option<(String, Edits)> {
        let name = self.text().strip_prefix(b"--")?;
        let name = name.split_str("=").next()?;
        let inner = std::iter::successors(self.node(), |node| self.cursor.file.parse().sub(node));
        let flags = spec(inner.last()?.known?).flags;
        let meant = suggest::closest(name, flags.iter().map(|flag| flag.name), true)?;
        let start = self.found.range.start + 2;
        let range = TextRange::new(start, start + name.len() as u32);
        Some((format!("write `--{meant}`"), vec![(range, meant)]))
    }

    fn stage_name(&self) -> Option<(String, Edits)> {
        let lower = crate::rune::lower(self.text());
        let valid = |c: char| {
            if c.is_ascii_alphanumeric() || "-_.".contains(c) {
                c
            } else {
                '-'
            }
        };
        let name: String = lower.chars().map(valid).collect();
        let start = name.find(|c: char| c.is_ascii_lowercase())?;
        Some(self.instead(&name[start..]))
    }

    /// `FROM a b` was to be `FROM a AS b`.
    fn stage_keyword(&self) -> Option<(String, Edits)> {
        let [_, name] = self.cursor.file.parse().pieces(&self.node()?.args) else {
            return None;
        };
        let written = self.cursor.file.text(name.range);
        let is_name = written.first()?.is_ascii_lowercase()
            && written
                .iter()
                .all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(b));
        let start = TextRange::new(name.range.start, name.range.start);
        (is_name && !written.eq_ignore_ascii_case(b"as")).then(|| {
            (
                "name the stage with `AS`".to_owned(),
                vec![(start, "AS ".to_owned())],
            )
        })
    }

    fn equals(&self) -> (String, Edits) {
        let end = TextRange::new(self.found.range.end, self.found.range.end);
        (
            "give it an empty value".to_owned(),
            vec![(end, "=".to_owned())],
        )
    }

    /// A number or word of an array gets quotes.
    fn json_string(&self) -> Option<(String, Edits)> {
        let plain = |b: &u8| b.is_ascii_alphanumeric() || b"+-._".contains(b);
        let text = self.text().to_str().ok()?;
        let is_plain = !text.is_empty() && text.bytes().all(|b| plain(&b));
        is_plain.then(|| self.instead(&notation::json_string(text)))
    }

    /// The words of a `SHELL` become an array.
    fn json_array(&self) -> Option<(String, Edits)> {
        let range = self
            .cursor
            .file
            .parse()
            .text_range(self.node()?.argument_text);
        let text = self.cursor.file.text(range).to_str().ok()?;
        let plain = !text.contains(['"', '\'', '\\', '`', '[', '\n']);
        let words: Vec<&str> = text.split_whitespace().collect();
        let array = notation::json(&words);
        plain.then(|| (format!("write `{array}`"), vec![(range, array)]))
    }

    /// The missing last line of a here document, in front of the next instruction.
    fn terminator(&self) -> Option<(String, Edits)> {
        let file = self.cursor.file;
        let node = self.node()?;
        let line = file.parse().text(file.source(), node.original);
        let openers = heredoc::openers(line).ok()?;
        let opener = openers.get(file.parse().heredocs(node).len())?;
        let nodes = file.parse().nodes();
        let next = nodes.partition_point(|other| other.range.start <= node.range.start);
        let end = file.source().len() as u32;
        let at = nodes
            .get(next)
            .map_or(end, |next| file.whole_lines(next.range).start);
        let line_end = super::line_end(file);
        let open_line = !file.text(TextRange::new(0, at)).ends_with(b"\n");
        let before = if open_line { line_end } else { "" };
        let name = opener.name.to_str().ok()?;
        let text = format!("{before}{name}{line_end}");
        Some((
            format!("end the document with `{name}`"),
            vec![(TextRange::new(at, at), text)],
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{check, check_not};

    #[test]
    fn words_that_were_meant() {
        check("write `COPY`", "FROM a\nCOPPY‸ a b\n", "FROM a\nCOPY a b\n");
        check(
            "write `--from`",
            "FROM a\nCOPY --form‸=b c d\n",
            "FROM a\nCOPY --from=b c d\n",
        );
        check(
            "write `host`",
            "FROM a\nRUN --network=‸hots b\n",
            "FROM a\nRUN --network=host b\n",
        );
        check("write ```", "# escape=‸x\nFROM a\n", "# escape=`\nFROM a\n");
        check("write `a-b`", "FROM a AS ‸1A/b\n", "FROM a AS a-b\n");
        check_not("write", "FROM a\nSOMETHING‸ a\n");
    }

    #[test]
    fn what_is_missing_or_too_much() {
        check("name the stage", "FROM a ‸b\n", "FROM a AS b\n");
        check(
            "give it an empty value",
            "FROM a\nENV ‸A\n",
            "FROM a\nENV A=\n",
        );
        check(
            "remove this flag",
            "FROM a\nCOPY --from=b --from=‸c d e\n",
            "FROM a\nCOPY --from=b d e\n",
        );
        check(
            "remove the arguments",
            "FROM a\nHEALTHCHECK NONE ‸b c\n",
            "FROM a\nHEALTHCHECK NONE\n",
        );
        check(
            "remove this directive",
            "# escape=\\\n# ‸escape=\\\nFROM a\n",
            "# escape=\\\nFROM a\n",
        );
        check(
            "write `\"1\"`",
            "FROM a\nCMD [\"a\", ‸1]\n",
            "FROM a\nCMD [\"a\", \"1\"]\n",
        );
        check(
            "write `[\"b\", \"-c\"]`",
            "FROM a\nSHELL ‸b -c\n",
            "FROM a\nSHELL [\"b\", \"-c\"]\n",
        );
    }

    #[test]
    fn documents_get_their_end() {
        check(
            "end the document with `E`",
            "FROM a\nRUN ‸<<E\nb\nRUN c\n",
            "FROM a\nRUN <<E\nb\nE\nRUN c\n",
        );
        check(
            "end the document",
            "FROM a\nCOPY ‸<<A <<B /\nA\nb",
            "FROM a\nCOPY <<A <<B /\nA\nb\nB\n",
        );
    }
}
