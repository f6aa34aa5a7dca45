//! The variables a shell text sets itself, which then hide those of the Dockerfile: `x=1`, `export x=1`,
//! `for x in …`, `read x`.
//!
//! A scan for words at the places where a command begins, not a grammar: names are looked for at every keystroke.

use std::ops::Range;

/// A variable that is set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Assignment {
    /// The name.
    pub(super) name: Range<usize>,
    /// Where the new value is there: behind the word.
    pub(super) effective: usize,
}

/// Finds the assignments of a shell text, in order.
pub(super) fn assignments(text: &[u8], escape: u8) -> Vec<Assignment> {
    let mut scan = Scan {
        text,
        escape,
        at: 0,
        expects: Expects::Command,
        found: Vec::new(),
    };
    scan.run();
    scan.found
}

/// What the next word is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Expects {
    /// An assignment or a command.
    Command,
    /// An argument.
    Argument,
    /// An argument of `export` and the like: a name, perhaps with a value.
    Declaration,
    /// An argument of `read`: a name.
    Name,
    /// The variable of a loop.
    LoopVariable,
}

struct Scan<'a> {
    text: &'a [u8],
    escape: u8,
    at: usize,
    expects: Expects,
    found: Vec<Assignment>,
}

impl Scan<'_> {
    fn run(&mut self) {
        while let Some(&b) = self.text.get(self.at) {
            match b {
                b' ' | b'\t' | b'\r' | b'<' | b'>' => self.at += 1,
                b'\n' | b';' | b'&' | b'|' | b'(' | b')' | b'`' => {
                    self.at += 1;
                    self.expects = Expects::Command;
                }
                b'#' => self.comment(),
                _ => self.word(),
            }
        }
    }

    fn comment(&mut self) {
        let rest = &self.text[self.at..];
        self.at += rest.iter().position(|b| *b == b'\n').unwrap_or(rest.len());
    }

    fn word(&mut self) {
        let start = self.at;
        let word = start..self.word_end();
        // A word never stands still: what is no separator was taken.
        self.at = word.end.max(start + 1);
        let text = &self.text[word.clone()];
        let name = word.start..word.start + name_len(text);
        let behind = &self.text[name.end..word.end];
        let assigns = !name.is_empty() && (behind.starts_with(b"=") || behind.starts_with(b"+="));
        let only_name = !name.is_empty() && behind.is_empty();
        let sets = match self.expects {
            Expects::Command => assigns,
            Expects::Declaration => assigns || only_name,
            Expects::Name | Expects::LoopVariable => only_name,
            Expects::Argument => false,
        };
        if sets {
            let effective = word.end;
            self.found.push(Assignment { name, effective });
        }
        self.expects = match self.expects {
            Expects::Command if sets => Expects::Command,
            Expects::Command => after_command(text),
            Expects::LoopVariable => Expects::Argument,
            same @ (Expects::Declaration | Expects::Name | Expects::Argument) => same,
        };
    }

    /// End of the word at hand: quotes, escapes and `${…}` hold together what is in them.
    fn word_end(&self) -> usize {
        let mut at = self.at;
        let mut open: Option<u8> = None;
        while let Some(&b) = self.text.get(at) {
            match (open, b) {
                (Some(b'\''), b'\'') => open = None,
                (Some(b'\''), _) => {}
                _ if b == self.escape => at += 1,
                (Some(close), _) if b == close => open = None,
                (None, b'\'' | b'"') => open = Some(b),
                (None, b'$') if self.text.get(at + 1) == Some(&b'{') => open = Some(b'}'),
                (None, b' ' | b'\t' | b'\r' | b'\n' | b';' | b'&' | b'|' | b'(' | b')' | b'`') => {
                    break;
                }
                (None, b'<' | b'>') => break,
                (Some(_) | None, _) => {}
            }
            at += 1;
        }
        at.min(self.text.len())
    }
}

/// What follows the first word of a command.
fn after_command(word: &[u8]) -> Expects {
    match word {
        b"if" | b"then" | b"elif" | b"else" | b"while" | b"until" | b"do" | b"!" | b"{"
        | b"time" => Expects::Command,
        b"export" | b"declare" | b"typeset" | b"local" | b"readonly" => Expects::Declaration,
        b"read" => Expects::Name,
        b"for" | b"select" => Expects::LoopVariable,
        _ => Expects::Argument,
    }
}

/// Length of the shell name at the front.
fn name_len(text: &[u8]) -> usize {
    let first = text
        .first()
        .is_some_and(|b| b.is_ascii_alphabetic() || *b == b'_');
    let is_part = |b: &&u8| b.is_ascii_alphanumeric() || **b == b'_';
    if first {
        text.iter().take_while(is_part).count()
    } else {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_stands_where_a_command_begins_assigns() {
        for (text, expected) in [
            ("x=1 y+=2 make z=3", &["x", "y"][..]),
            ("if x=$(y=1); then z=\"a; b=2\"; fi", &["x", "y", "z"]),
            ("export a b=1; echo c=2", &["a", "b"]),
            ("for f in a b; do g=$f; done", &["f", "g"]),
            ("while read -r line rest; do :; done", &["line", "rest"]),
            ("a='x y' && b=${c:-d e} || d=1", &["a", "b", "d"]),
            ("# a=1\nb=2 # c=3\necho \\\nd=4", &["b"]),
            ("docker build --build-arg A=1 'B=2' 1c=3", &[]),
            ("a=(b c) \"", &["a"]),
        ] {
            let found = assignments(text.as_bytes(), b'\\');
            let names: Vec<_> = found.into_iter().map(|a| &text[a.name]).collect();
            assert_eq!(names, expected, "{text}");
        }
    }
}
