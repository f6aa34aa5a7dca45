//! A JSON array of strings that is being typed: where the cursor is in it.
//!
//! Unlike [`syntax::json`](crate::syntax::json) it reads arrays that are not finished.

use super::cursor::{Line, Span};
use crate::rune;

/// Where the cursor is in an array.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Spot {
    /// How many commas are in front of it.
    pub(super) index: usize,
    /// Start of the string it is in, behind the quote; `None` outside strings.
    pub(super) string: Option<usize>,
    /// No string follows behind its element.
    pub(super) is_last: bool,
    /// It is behind the closing bracket.
    pub(super) closed: bool,
}

/// The place in the array that the arguments of a line are; `None` when they are none or the cursor is in front of it.
pub(super) fn at_cursor(line: &Line<'_>) -> Option<Spot> {
    in_span(line, &line.arguments)
}

/// The same for an array in a part of the line.
pub(super) fn in_span(line: &Line<'_>, span: &Span) -> Option<Spot> {
    let text = &line.all()[..span.end];
    let open = span.start + rune::leading_space(&text[span.start..]);
    if text.get(open) != Some(&b'[') || !looks_like_array(&text[open + 1..]) {
        return None;
    }
    let mut scan = Scan::default();
    let mut before: Option<Spot> = None;
    for (at, b) in text.iter().enumerate().skip(open) {
        if at == line.cursor {
            before = Some(scan.spot());
        }
        scan.take(at, *b);
    }
    if line.cursor <= open {
        return None;
    }
    let strings_before = |spot: Spot| Spot {
        // The element at the cursor is the last one when no string begins in a later one.
        is_last: scan.last_string.is_none_or(|index| index <= spot.index),
        ..spot
    };
    Some(strings_before(before.unwrap_or_else(|| scan.spot())))
}

/// Behind a `[` of an array comes a string, the end, or nothing yet; anything else is a test of the shell.
fn looks_like_array(text: &[u8]) -> bool {
    let behind = text.get(rune::leading_space(text));
    matches!(behind, None | Some(b'"' | b']'))
}

#[derive(Default)]
struct Scan {
    commas: usize,
    /// Start of the open string.
    string: Option<usize>,
    escaped: bool,
    closed: bool,
    /// Index of the last element that has a string.
    last_string: Option<usize>,
}

impl Scan {
    fn spot(&self) -> Spot {
        Spot {
            index: self.commas,
            string: self.string,
            is_last: true,
            closed: self.closed,
        }
    }

    fn take(&mut self, at: usize, b: u8) {
        if self.string.is_some() {
            match b {
                _ if self.escaped => self.escaped = false,
                b'\\' => self.escaped = true,
                b'"' => self.string = None,
                _ => {}
            }
            return;
        }
        match b {
            b'"' => {
                self.string = Some(at + 1);
                self.last_string = Some(self.commas);
            }
            b',' => self.commas += 1,
            b']' => self.closed = true,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ide::File;
    use crate::ide::cursor::{self, Place};

    fn at(marked: &str) -> Option<(usize, bool, bool, bool)> {
        let offset = marked.find('|').unwrap();
        let file = File::new(marked.replacen('|', "", 1).into_bytes());
        let Place::Line(line) = cursor::find(&file, offset as u32) else {
            panic!("an instruction is a line")
        };
        at_cursor(&line).map(|s| (s.index, s.string.is_some(), s.is_last, s.closed))
    }

    #[test]
    fn unfinished_arrays_are_read() {
        assert_eq!(at("COPY |[\"a\"]"), None);
        assert_eq!(at("COPY [|"), Some((0, false, true, false)));
        assert_eq!(at("COPY [\"a|\", \"b\"]"), Some((0, true, false, false)));
        assert_eq!(at("COPY [\"a\", |"), Some((1, false, true, false)));
        assert_eq!(at("COPY [\"a\", \"b\"|,"), Some((1, false, true, false)));
        assert_eq!(at("COPY [\"a\\\"|\"]"), Some((0, true, true, false)));
        assert_eq!(at("COPY [\"a\"]|"), Some((0, false, true, true)));
        assert_eq!(at("RUN [ -f a| ]"), None);
    }
}
