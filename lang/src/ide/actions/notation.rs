//! The shell form becomes the exec form, and back.

use super::{Action, ActionKind, Cursor};
use crate::instructions::{Instruction, Kind};
use crate::shell::{Script, TokenKind, is_of_the_shell, quoted};
use crate::syntax::{Keyword, Node};
use crate::text::TextRange;
use bstr::ByteSlice;
use std::fmt::Write as _;

pub(super) fn offer(cursor: &Cursor<'_>, out: &mut Vec<Action>) {
    let Some((_, node)) = cursor.node() else {
        return;
    };
    let takes_both = matches!(
        node.known,
        Some(Keyword::Run | Keyword::Cmd | Keyword::Entrypoint | Keyword::Healthcheck)
    );
    if !takes_both || !cursor.file.parse().heredocs(node).is_empty() {
        return;
    }
    if node.json {
        offer_shell_form(cursor, node, out);
    } else {
        offer_exec_form(cursor, out);
    }
}

fn offer_exec_form(cursor: &Cursor<'_>, out: &mut Vec<Action>) {
    let Some(snippet) = cursor.script() else {
        return;
    };
    let text = snippet.script.text();
    let range = snippet.source_range(TextRange::new(0, text.len() as u32));
    if let Some(words) = plain_words(&snippet.script) {
        let edits = vec![(range, json(&words))];
        out.push(Action::new(ActionKind::Rewrite, "use the exec form", edits));
    } else if let (Ok(text), false) = (text.to_str(), snippet.interpreter.chosen) {
        let edits = vec![(range, json(&["/bin/sh", "-c", text]))];
        let title = "use the exec form with /bin/sh";
        out.push(Action::new(ActionKind::Rewrite, title, edits));
    }
}

/// The words of a script that a shell would only pass on.
fn plain_words(script: &Script) -> Option<Vec<&str>> {
    let [command] = script.commands() else {
        return None;
    };
    let only_words = script.tokens().iter().all(|token| match token.kind {
        TokenKind::Command
        | TokenKind::Argument
        | TokenKind::Flag
        | TokenKind::String
        | TokenKind::Number => true,
        TokenKind::Variable
        | TokenKind::Operator
        | TokenKind::Keyword
        | TokenKind::Comment
        | TokenKind::Function
        | TokenKind::Heredoc => false,
    });
    let is_exec = command.words.first().is_some_and(|word| word.is("exec"));
    let no_more = command.assignments.is_empty() && command.redirections.is_empty();
    let mut words = command.words.iter().skip(usize::from(is_exec)).peekable();
    let program = words.peek()?.constant()?;
    let of_the_shell = is_of_the_shell(program) || (is_exec && program.starts_with(b"-"));
    if !only_words || !no_more || of_the_shell {
        return None;
    }
    words
        .map(|word| {
            // Quotes protect what a shell would otherwise replace, such as `*`.
            let written = script.slice(word.range);
            let replaced = written.find_byteset(b"*?[]{}~\\").is_some();
            word.constant().filter(|_| !replaced)?.to_str().ok()
        })
        .collect::<Option<Vec<&str>>>()
        .filter(|words| !words.is_empty())
}

/// A JSON array of strings.
pub(super) fn json(words: &[&str]) -> String {
    let strings: Vec<String> = words.iter().map(|word| json_string(word)).collect();
    format!("[{}]", strings.join(", "))
}

/// A JSON string.
pub(super) fn json_string(text: &str) -> String {
    let mut out = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\t' => out.push_str("\\t"),
            c if c < ' ' => write!(out, "\\u{:04x}", c as u32).expect("a string takes all"),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

fn offer_shell_form(cursor: &Cursor<'_>, node: &Node, out: &mut Vec<Action>) {
    // The words of another shell may be other ones.
    let mut above = cursor
        .file
        .instructions()
        .filter(|i| i.range.start < node.range.start);
    if above.any(|instruction| matches!(instruction.kind, Kind::Shell(_))) {
        return;
    }
    let Some(args) = cursor.instruction().and_then(arguments) else {
        return;
    };
    let Some(text) = shell_text(&args).filter(|text| can_stand_alone(text, cursor, node)) else {
        return;
    };
    let mut range = cursor.file.parse().text_range(node.argument_text);
    if node.known == Some(Keyword::Healthcheck) {
        let Some(kind) = cursor.file.parse().pieces(&node.args).first() else {
            return;
        };
        let behind = cursor.file.text(TextRange::new(kind.range.end, range.end));
        range.start = kind.range.end + crate::rune::leading_space(behind) as u32;
    }
    out.push(Action::new(
        ActionKind::Rewrite,
        "use the shell form",
        vec![(range, text)],
    ));
}

fn arguments(instruction: &Instruction) -> Option<Vec<&str>> {
    match &instruction.kind {
        Kind::Cmd(line) | Kind::Entrypoint(line) => {
            line.args.iter().map(|arg| arg.text.to_str().ok()).collect()
        }
        Kind::Run(run) => run
            .command
            .args
            .iter()
            .map(|arg| arg.text.to_str().ok())
            .collect(),
        Kind::Healthcheck(check) => check.test[1..]
            .iter()
            .map(|arg| arg.to_str().ok())
            .collect(),
        _ => None,
    }
}

/// What a shell has to be told to run the words; the text itself when they are the shell with a text.
fn shell_text(args: &[&str]) -> Option<String> {
    match args {
        [] => None,
        ["/bin/sh", "-c", text] => Some((*text).to_owned()),
        words => Some(
            words
                .iter()
                .map(|word| quoted(word))
                .collect::<Vec<_>>()
                .join(" "),
        ),
    }
}

/// Tells whether a text reads the same behind a keyword as it does in JSON.
fn can_stand_alone(text: &str, cursor: &Cursor<'_>, node: &Node) -> bool {
    let heredoc = node.known.is_some_and(Keyword::takes_heredocs) && text.contains("<<");
    !heredoc
        && !text.is_empty()
        && text == text.trim()
        && !text.contains(['\n', '\r'])
        && !text.ends_with(cursor.file.parse().escape())
        && !text.starts_with("--")
        && !text.starts_with('[')
}

#[cfg(test)]
mod tests {
    use super::super::tests::{check, check_not, check_same_build};

    #[test]
    fn words_that_a_shell_passes_on() {
        check(
            "use the exec form",
            "FROM a\nCMD ‸exec b 'c d' \\\n  -e\n",
            "FROM a\nCMD [\"b\", \"c d\", \"-e\"]\n",
        );
        check(
            "use the exec form",
            "FROM a\nHEALTHCHECK --retries=2 CMD ‸curl x\n",
            "FROM a\nHEALTHCHECK --retries=2 CMD [\"curl\", \"x\"]\n",
        );
    }

    #[test]
    fn a_shell_does_the_rest_and_the_build_is_the_same() {
        check_same_build(
            "use the exec form with /bin/sh",
            "FROM a\nRUN ‸echo \"$x\" | b \\\n  && c\n",
            "FROM a\nRUN [\"/bin/sh\", \"-c\", \"echo \\\"$x\\\" | b   && c\"]\n",
        );
        check_same_build(
            "use the shell form",
            "FROM a\nCMD ‸[\"/bin/sh\", \"-c\", \"a && b\"]\n",
            "FROM a\nCMD a && b\n",
        );
        check_not(
            "use the exec form",
            "FROM a\nSHELL [\"/bin/bash\", \"-c\"]\nRUN ‸a && b\n",
        );
    }

    #[test]
    fn words_become_text() {
        check(
            "use the shell form",
            "FROM a\nENTRYPOINT [‸\"b\", \"it's\", \"\"]\n",
            "FROM a\nENTRYPOINT b 'it'\\''s' ''\n",
        );
        check(
            "use the shell form",
            "FROM a\nHEALTHCHECK CMD [‸\"b\"]\n",
            "FROM a\nHEALTHCHECK CMD b\n",
        );
        check_not(
            "use the shell form",
            "FROM a\nRUN [‸\"/bin/sh\", \"-c\", \"cat <<E\"]\n",
        );
        check_not("use the shell form", "FROM a\nCOPY [‸\"a\", \"b\"]\n");
        check_not(
            "use the shell form",
            "FROM a\nSHELL [\"pwsh\", \"-Command\"]\nRUN [‸\"/bin/sh\", \"-c\", \"a; b\"]\n",
        );
    }
}
