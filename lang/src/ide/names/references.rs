//! Where a text refers to variables: `$name`, `${name}`, `${name:-$other}`; on Windows `$env:name` and `%name%`.
//!
//! Two readers look at an instruction. The builder expands what [`expand`](crate::model::expand) describes; a shell
//! sees the rest, with the same variables in its environment. Both are read here for places only: values and errors
//! are the business of the expansion.

use crate::rune;
use std::ops::Range;

/// Who reads a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reader {
    /// The builder: single quotes protect, the escape character too.
    Builder { escape: u8 },
    /// The builder, or a shell, in a here document that is no script: quotes mean nothing, the escape character is
    /// always the backslash.
    Document,
    /// A shell. Single quotes do not hide a name: the text in them is often meant for another shell
    /// (`sh -c 'echo $x'`), which has the same environment.
    Shell { escape: u8 },
}

/// A reference: offsets in the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reference {
    /// The name.
    pub(super) name: Range<usize>,
    /// From the dollar sign to the end of the name, or to the brace right behind it.
    pub(super) whole: Range<usize>,
}

/// Finds the references of a text, in order.
pub(super) fn references(text: &[u8], reader: Reader) -> Vec<Reference> {
    let mut scan = Scan {
        text,
        at: 0,
        open: Vec::new(),
        found: Vec::new(),
    };
    scan.run(reader);
    scan.found
}

struct Scan<'a> {
    text: &'a [u8],
    at: usize,
    /// What has to be closed: `"` or `}`.
    open: Vec<u8>,
    found: Vec<Reference>,
}

impl Scan<'_> {
    fn run(&mut self, reader: Reader) {
        let (escape, quotes) = match reader {
            Reader::Builder { escape } => (escape, true),
            Reader::Document => (b'\\', false),
            Reader::Shell { escape } => (escape, false),
        };
        while let Some(&b) = self.text.get(self.at) {
            let quoted = self.open.last() == Some(&b'"');
            match b {
                b'$' => self.dollar(reader),
                b'%' if reader == WINDOWS => self.percent(),
                _ if b == escape => self.at += 2,
                _ if self.open.last() == Some(&b) => {
                    self.open.pop();
                    self.at += 1;
                }
                b'"' if quotes && !quoted => {
                    self.open.push(b'"');
                    self.at += 1;
                }
                b'\'' if quotes && !quoted => self.single_quoted(),
                _ => self.at += 1,
            }
        }
    }

    fn single_quoted(&mut self) {
        let rest = &self.text[self.at + 1..];
        let len = rest.iter().position(|b| *b == b'\'');
        self.at += len.map_or(rest.len() + 1, |n| n + 2);
    }

    /// `%name%`, as `cmd` writes it.
    fn percent(&mut self) {
        let start = self.at;
        let end = start + 1 + name_len(&self.text[start + 1..]);
        self.at = end;
        if end > start + 1 && self.text.get(end) == Some(&b'%') {
            self.at += 1;
            self.found.push(Reference {
                name: start + 1..end,
                whole: start..self.at,
            });
        }
    }

    fn dollar(&mut self, reader: Reader) {
        let start = self.at;
        let brace = self.text.get(start + 1) == Some(&b'{');
        let mut name_start = start + 1 + usize::from(brace);
        if matches!(reader, Reader::Shell { .. }) {
            name_start += environment_prefix(&self.text[name_start..]);
        }
        let name_end = name_start + name_len(&self.text[name_start..]);
        self.at = name_end;
        if name_end == name_start {
            // A special parameter such as `$$` is no name; what follows it is text.
            self.at += usize::from(!brace && self.text.get(name_end) == Some(&b'$'));
            return;
        }
        let closed = brace && self.text.get(name_end) == Some(&b'}');
        if brace && !closed {
            self.open.push(b'}');
        }
        self.at += usize::from(closed);
        self.found.push(Reference {
            name: name_start..name_end,
            whole: start..self.at,
        });
    }
}

/// The shells of Windows read files that have the backquote as escape character.
const WINDOWS: Reader = Reader::Shell { escape: b'`' };

/// Length of the `env:` with which PowerShell begins names of the environment.
fn environment_prefix(text: &[u8]) -> usize {
    match text.get(..4) {
        Some(prefix) if prefix.eq_ignore_ascii_case(b"env:") => 4,
        _ => 0,
    }
}

/// Length of the name at the front: letters, digits and `_`, no digit first.
fn name_len(text: &[u8]) -> usize {
    let mut at = 0;
    while let Some((c, n)) = rune::decode(&text[at..]) {
        let fits = rune::is_letter(c) || c == '_' || (at > 0 && rune::is_digit(c));
        if !fits {
            break;
        }
        at += n;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str, reader: Reader) -> Vec<&str> {
        let found = references(text.as_bytes(), reader);
        found.into_iter().map(|r| &text[r.name]).collect()
    }

    #[test]
    fn the_builder_respects_quotes_and_escapes() {
        let builder = Reader::Builder { escape: b'\\' };
        for (text, expected) in [
            ("$a${b}${c:-$d}", &["a", "b", "c", "d"][..]),
            (r"\$a \\$b", &["b"]),
            ("'$a' \"'$b'\" \"$c\"", &["b", "c"]),
            ("\"${a:-'$b'}\"", &["a"]),
            ("$1 $@ $$x ${#y} $", &[]),
            ("'$a", &[]),
            ("\\", &[]),
            ("${a/x/$b}'$c'", &["a", "b"]),
        ] {
            assert_eq!(names(text, builder), expected, "{text}");
        }
    }

    #[test]
    fn a_shell_hides_nothing_but_what_is_escaped() {
        let shell = Reader::Shell { escape: b'\\' };
        assert_eq!(names("sh -c 'echo $a' \\$b $$c", shell), ["a"]);
        assert_eq!(names("'$a' \"$b\"", Reader::Document), ["a", "b"]);
        assert_eq!(names("$env:a ${Env:b} %c%", shell), ["a", "b"]);
        assert_eq!(names("%a% 5%b % %c%d%%", WINDOWS), ["a", "c"]);
    }
}
