//! Whether an input is finished, and what of it goes into the history file.

use super::decision::{self, Language};
use super::words::{self, WordError};
use rhai::{Engine, LexError, ParseErrorType};

/// Tells whether an input needs another line.
pub fn is_unfinished(text: &str, language: Language, parser: &Engine) -> bool {
    // An empty line ends whatever was begun; its error is shown then.
    if text.contains('\n')
        && text
            .rsplit('\n')
            .next()
            .is_some_and(|last| last.trim().is_empty())
    {
        return false;
    }
    match language {
        Language::Command => {
            ends_in_backslash(text)
                || matches!(
                    words::pieces(text),
                    Err(WordError::OpenQuote | WordError::OpenExpression)
                )
        }
        Language::HostShell => ends_in_backslash(text),
        Language::Expression => expression_is_unfinished(text, parser),
        Language::Nothing | Language::Help | Language::Directive => false,
    }
}

fn ends_in_backslash(text: &str) -> bool {
    text.chars()
        .rev()
        .take_while(|letter| *letter == '\\')
        .count()
        % 2
        == 1
}

fn expression_is_unfinished(text: &str, parser: &Engine) -> bool {
    if open_comment_or_backquote(text) {
        return true;
    }
    // The folder of a mistyped command (`biuld .`), not a member yet to come.
    if text.trim_end().ends_with(" .") {
        return false;
    }
    let Err(error) = parser.compile(text) else {
        // A closure without body is accepted by the parser: `items.map(|i|` is caught by its parenthesis, `let f = |x|` here.
        return closure_head_at_end(text);
    };
    match error.err_type() {
        ParseErrorType::UnexpectedEOF => true,
        ParseErrorType::BadInput(LexError::UnterminatedString) => false,
        _ => {
            let at = error.position();
            let lines: Vec<&str> = text.trim_end().lines().collect();
            at.is_none() || at.line() > Some(lines.len()) || {
                let last = lines.last().map_or(0, |line| line.chars().count());
                at.line() == Some(lines.len()) && at.position() > Some(last)
            }
        }
    }
}

/// Looks for a comment or a backquoted text that is not closed.
fn open_comment_or_backquote(text: &str) -> bool {
    let mut letters = text.chars().peekable();
    let mut depth = 0;
    let mut quote = None;
    while let Some(letter) = letters.next() {
        match (letter, quote) {
            ('/', None) if letters.next_if_eq(&'*').is_some() => depth += 1,
            ('*', None) if depth > 0 && letters.next_if_eq(&'/').is_some() => depth -= 1,
            _ if depth > 0 => {}
            ('/', None) if letters.next_if_eq(&'/').is_some() => {
                while letters.next_if(|c| *c != '\n').is_some() {}
            }
            ('"' | '`' | '\'', None) => quote = Some(letter),
            ('\\', Some('"' | '\'')) => {
                letters.next();
            }
            ('\n', Some('"' | '\'')) => quote = None,
            (letter, Some(open)) if letter == open => quote = None,
            _ => {}
        }
    }
    depth > 0 || quote == Some('`')
}

/// `|x, y|` at the end, where a closure can begin.
fn closure_head_at_end(text: &str) -> bool {
    let Some(head) = text.trim_end().strip_suffix('|') else {
        return false;
    };
    let Some(start) = head.rfind('|') else {
        return false;
    };
    let names = head[start + 1..]
        .chars()
        .all(|c| c.is_alphanumeric() || matches!(c, '_' | ',' | ' '));
    let before = head[..start].trim_end();
    names && (before.is_empty() || before.ends_with(['=', '(', ',', '[', '{', ';']))
}

/// The line with secrets replaced by `***`: what may be kept.
pub fn without_secrets(line: &str) -> String {
    const OPTIONS: [&str; 4] = ["--password", "--secret", "--token", "--registry-token"];
    let mut kept = String::with_capacity(line.len());
    let mut mask_next = false;
    for part in line.split_inclusive(char::is_whitespace) {
        let word = part.trim_end();
        let blank = &part[word.len()..];
        if word.is_empty() {
            kept.push_str(part);
            continue;
        }
        if mask_next {
            kept.push_str("***");
        } else {
            match word.split_once('=') {
                Some((option, _)) if OPTIONS.contains(&option) => {
                    kept.push_str(&format!("{option}=***"));
                }
                _ => kept.push_str(&mask_token(word)),
            }
        }
        kept.push_str(blank);
        mask_next = OPTIONS.contains(&word);
    }
    kept
}

/// Words that look like tokens of registries.
fn mask_token(word: &str) -> String {
    const HEADS: [&str; 6] = ["ghp_", "gho_", "ghs_", "glpat-", "dckr_pat_", "github_pat_"];
    match HEADS.iter().find_map(|head| word.find(head)) {
        Some(at) => format!("{}***", &word[..at]),
        None => word.to_owned(),
    }
}

/// Writes `it` for the name `_` in an expression; as default arm of a `switch` it stays.
pub fn underscore_to_it(text: &str) -> String {
    let letters: Vec<char> = text.chars().collect();
    let is_name = |at: usize| {
        letters
            .get(at)
            .is_some_and(|c: &char| c.is_alphanumeric() || *c == '_')
    };
    let mut changed = String::with_capacity(text.len());
    let mut quote = None;
    let mut at = 0;
    while at < letters.len() {
        let letter = letters[at];
        match quote {
            Some(open) => {
                if letter == '\\' && open != '`' {
                    changed.push(letter);
                    at += 1;
                } else if letter == open {
                    quote = None;
                }
            }
            None if matches!(letter, '"' | '`' | '\'') => quote = Some(letter),
            None if letter == '_' && !is_name(at + 1) && (at == 0 || !is_name(at - 1)) => {
                let rest: String = letters[at + 1..].iter().collect();
                let rest = rest.trim_start();
                let default_arm = rest.starts_with("=>") || decision::first_word(rest) == "if";
                changed.push_str(if default_arm { "_" } else { "it" });
                at += 1;
                continue;
            }
            None => {}
        }
        if let Some(letter) = letters.get(at) {
            changed.push(*letter);
        }
        at += 1;
    }
    changed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unfinished_inputs_ask_for_another_line() {
        let parser = Engine::new_raw();
        for (text, unfinished) in [
            ("let x = ", true),
            ("fn f(a) {", true),
            ("if a { 1 } else {", true),
            ("images().map(|i|", true),
            ("images().map(|i| {", true),
            ("let f = |x|", true),
            ("[1, 2,", true),
            ("#{ a: 1,", true),
            ("f(1,", true),
            ("`text", true),
            ("/* comment", true),
            ("1 +", true),
            ("x.", true),
            ("plna .", false),
            ("1 + 1", false),
            ("\"open", false),
            ("let x = 3;", false),
            ("a |", true),
            ("`a` + 1", false),
            ("/* a */ 1", false),
            ("// `", false),
            ("\"`\"", false),
            ("1 + ) 2", false),
            ("fn f() {\n\n", false),
        ] {
            assert_eq!(
                is_unfinished(text, Language::Expression, &parser),
                unfinished,
                "{text:?}"
            );
        }
        for (text, unfinished) in [
            ("run 'a", true),
            ("run a \\", true),
            ("run a \\\\", false),
            ("tag ${x", true),
            ("build .", false),
        ] {
            assert_eq!(
                is_unfinished(text, Language::Command, &parser),
                unfinished,
                "{text:?}"
            );
        }
    }

    #[test]
    fn secrets_stay_out_of_the_history() {
        for (line, kept) in [
            ("login --password hunter2 host", "login --password *** host"),
            ("build --secret id=a,src=b .", "build --secret *** ."),
            ("build --secret=id=a .", "build --secret=*** ."),
            ("x ghp_0123abc", "x ***"),
            ("build -t blog .", "build -t blog ."),
        ] {
            assert_eq!(without_secrets(line), kept);
        }
    }

    #[test]
    fn the_underscore_is_the_last_value() {
        for (text, changed) in [
            ("_ + 1", "it + 1"),
            ("_.len()", "it.len()"),
            ("a_b + _x", "a_b + _x"),
            (
                "switch x { 1 => 2, _ => _ }",
                "switch x { 1 => 2, _ => it }",
            ),
            ("\"_\" + _", "\"_\" + it"),
        ] {
            assert_eq!(underscore_to_it(text), changed);
        }
    }
}
