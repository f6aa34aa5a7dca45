//! The JSON array of strings that several instructions accept, and nothing looser: the official front end hands
//! the text to a strict JSON reader and falls back to plain text when that fails.

use crate::rune;
use bstr::ByteSlice;
use std::ops::Range;

/// What a text is when read as a JSON array.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Array {
    /// A valid array of strings: the ranges inside the quotes.
    Strings(Vec<Range<usize>>),
    /// A valid array with something else in it: the range of its first such element.
    NotStrings(Range<usize>),
    /// Anything else.
    No,
}

/// Deeper nesting is refused. **Source:** Go `encoding/json`, `maxNestingDepth`.
const MAX_DEPTH: usize = 10_000;

/// Reads `text` as a JSON array. **Source:** BuildKit `parser/line_parsers.go`, `parseJSON`.
pub fn array(text: &[u8]) -> Array {
    let start = rune::leading_space(text);
    if text.get(start) != Some(&b'[') {
        return Array::No;
    }
    let mut reader = Reader {
        text,
        at: start + 1,
    };
    reader.elements().unwrap_or(Array::No)
}

/// Value of the string member `key` of the JSON object that `text` is. `None` when it is no such object.
pub fn string_member(text: &[u8], key: &str) -> Option<String> {
    let mut reader = Reader { text, at: 0 };
    reader.space();
    reader.eat(b'{')?;
    reader.space();
    let mut found = None;
    if reader.eat(b'}').is_none() {
        loop {
            reader.space();
            let name = reader.string()?;
            reader.space();
            reader.eat(b':')?;
            reader.space();
            let value_start = reader.at;
            reader.value()?;
            if unescape(&text[name]) == key.as_bytes() {
                let value = &text[value_start..reader.at];
                found = (value.first() == Some(&b'"'))
                    .then(|| rune::to_string(&unescape(&value[1..value.len() - 1])));
            }
            reader.space();
            if reader.eat(b',').is_none() {
                reader.eat(b'}')?;
                break;
            }
        }
    }
    reader.end().then_some(found).flatten()
}

/// Tells whether the inside of a string stands for itself: no escapes and valid UTF-8.
pub fn is_plain(inside: &[u8]) -> bool {
    inside.find_byte(b'\\').is_none() && std::str::from_utf8(inside).is_ok()
}

/// The text that the inside of a valid JSON string stands for; invalid bytes and lone surrogates become U+FFFD.
pub fn unescape(inside: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(inside.len());
    let mut rest = inside;
    while let Some((c, n)) = rune::decode(rest) {
        if c == '\\' {
            rest = unescape_one(rest, &mut out);
        } else {
            push(&mut out, c);
            rest = &rest[n..];
        }
    }
    out
}

/// The same text with the offset at which each of its bytes was written.
pub(super) fn unescape_with_places(inside: &[u8]) -> (Vec<u8>, Vec<u32>) {
    let (mut text, mut places) = (Vec::with_capacity(inside.len()), Vec::new());
    let mut rest = inside;
    while let Some((c, n)) = rune::decode(rest) {
        let at = (inside.len() - rest.len()) as u32;
        if c == '\\' {
            rest = unescape_one(rest, &mut text);
        } else {
            push(&mut text, c);
            rest = &rest[n..];
        }
        // An escape is one place; what was written byte by byte keeps its bytes apart.
        let last = if c == '\\' { 0 } else { n as u32 - 1 };
        let added = (text.len() - places.len()) as u32;
        places.extend((0..added).map(|i| at + i.min(last)));
    }
    (text, places)
}

/// Takes one escape off the front of `rest`; the reader has checked that it is valid.
fn unescape_one<'a>(rest: &'a [u8], out: &mut Vec<u8>) -> &'a [u8] {
    let plain = match rest.get(1) {
        Some(b'u') => return unescape_unicode(rest, out),
        Some(b'b') => 0x08,
        Some(b'f') => 0x0c,
        Some(b'n') => b'\n',
        Some(b'r') => b'\r',
        Some(b't') => b'\t',
        Some(&other) => other,
        None => return &[],
    };
    out.push(plain);
    &rest[2..]
}

fn unescape_unicode<'a>(rest: &'a [u8], out: &mut Vec<u8>) -> &'a [u8] {
    let high = code_unit(rest).unwrap_or(0xfffd);
    let rest = rest.get(6..).unwrap_or_default();
    if (0xd800..0xdc00).contains(&high)
        && let Some(low @ 0xdc00..0xe000) = code_unit(rest)
    {
        let code = 0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00);
        push(out, char::from_u32(code).unwrap_or(rune::REPLACEMENT));
        return &rest[6..];
    }
    push(out, char::from_u32(high).unwrap_or(rune::REPLACEMENT));
    rest
}

/// Value of the `\uXXXX` at the front.
fn code_unit(text: &[u8]) -> Option<u32> {
    let digits = text.strip_prefix(b"\\u")?.get(..4)?;
    u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

fn push(out: &mut Vec<u8>, c: char) {
    out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
}

/// Strict reader. Every method gives `None` for invalid JSON.
struct Reader<'t> {
    text: &'t [u8],
    at: usize,
}

impl Reader<'_> {
    /// Elements up to the closing bracket of the outermost array, and nothing but space behind it.
    fn elements(&mut self) -> Option<Array> {
        let mut strings = Vec::new();
        let mut other = None;
        self.space();
        if self.eat(b']').is_none() {
            loop {
                self.space();
                let start = self.at;
                if self.peek() == Some(b'"') {
                    strings.push(self.string()?);
                } else {
                    self.value()?;
                    other.get_or_insert(start..self.at);
                }
                self.space();
                if self.eat(b',').is_none() {
                    self.eat(b']')?;
                    break;
                }
            }
        }
        self.end().then_some(match other {
            Some(range) => Array::NotStrings(range),
            None => Array::Strings(strings),
        })
    }

    /// Any value. Keeps its own stack, since the nesting comes from the user.
    fn value(&mut self) -> Option<()> {
        let mut open: Vec<u8> = Vec::new();
        loop {
            self.space();
            let closed_at_once = match self.peek()? {
                b'{' => {
                    self.at += 1;
                    open.push(b'}');
                    self.space();
                    self.peek() == Some(b'}')
                }
                b'[' => {
                    self.at += 1;
                    open.push(b']');
                    self.space();
                    self.peek() == Some(b']')
                }
                _ => {
                    self.scalar()?;
                    true
                }
            };
            // The outermost array counts too.
            if open.len() >= MAX_DEPTH {
                return None;
            }
            if closed_at_once {
                self.close(&mut open)?;
                if open.is_empty() {
                    return Some(());
                }
            }
            if open.last() == Some(&b'}') {
                self.space();
                self.string()?;
                self.space();
                self.eat(b':')?;
            }
        }
    }

    /// Behind a complete value: closes what closes here, or takes the comma before the next value.
    fn close(&mut self, open: &mut Vec<u8>) -> Option<()> {
        while let Some(&closer) = open.last() {
            self.space();
            if self.eat(b',').is_some() {
                return Some(());
            }
            self.eat(closer)?;
            open.pop();
        }
        Some(())
    }

    fn scalar(&mut self) -> Option<()> {
        match self.peek()? {
            b'"' => self.string().map(drop),
            b't' => self.word(b"true"),
            b'f' => self.word(b"false"),
            b'n' => self.word(b"null"),
            _ => self.number(),
        }
    }

    /// A string; gives the range inside the quotes.
    fn string(&mut self) -> Option<Range<usize>> {
        self.eat(b'"')?;
        let start = self.at;
        loop {
            match self.next()? {
                b'"' => return Some(start..self.at - 1),
                b'\\' => match self.next()? {
                    b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => {}
                    b'u' => {
                        for _ in 0..4 {
                            if !self.next()?.is_ascii_hexdigit() {
                                return None;
                            }
                        }
                    }
                    _ => return None,
                },
                0..0x20 => return None,
                _ => {}
            }
        }
    }

    fn number(&mut self) -> Option<()> {
        let start = self.at;
        let _ = self.eat(b'-');
        if self.eat(b'0').is_none() {
            self.digits()?;
        }
        if self.eat(b'.').is_some() {
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        // Go refuses numbers that no float64 holds.
        let text = std::str::from_utf8(&self.text[start..self.at]).ok()?;
        text.parse::<f64>().ok()?.is_finite().then_some(())
    }

    fn digits(&mut self) -> Option<()> {
        let start = self.at;
        while self.peek().is_some_and(|b| b.is_ascii_digit()) {
            self.at += 1;
        }
        (self.at > start).then_some(())
    }

    fn word(&mut self, word: &[u8]) -> Option<()> {
        self.text[self.at..]
            .starts_with(word)
            .then(|| self.at += word.len())
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }

    /// Tells whether only space is left.
    fn end(&mut self) -> bool {
        self.space();
        self.at == self.text.len()
    }

    fn eat(&mut self, byte: u8) -> Option<()> {
        (self.peek() == Some(byte)).then(|| self.at += 1)
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strings(text: &str) -> Option<Vec<String>> {
        match array(text.as_bytes()) {
            Array::Strings(ranges) => {
                let text = text.as_bytes();
                Some(
                    ranges
                        .into_iter()
                        .map(|r| rune::to_string(&unescape(&text[r])))
                        .collect(),
                )
            }
            _ => None,
        }
    }

    #[test]
    fn only_strict_arrays_are_json() {
        assert_eq!(
            strings(r#" [ "a" , "b" ] "#),
            Some(vec!["a".into(), "b".into()])
        );
        assert_eq!(strings("[]"), Some(vec![]));
        for text in [
            "['a']",
            r#"["a",]"#,
            r#"["a"] x"#,
            r#"["a""#,
            r#"["\q"]"#,
            "[\"\t\"]",
            "[,]",
            "[1e999]",
            "a",
        ] {
            assert_eq!(array(text.as_bytes()), Array::No, "{text}");
        }
    }

    #[test]
    fn other_elements_are_found() {
        for text in [
            "[1]",
            "[true]",
            "[null]",
            "[[]]",
            "[{}]",
            r#"["a",{"b":[1,{"c":null}]}]"#,
            "[-0.5e+3]",
        ] {
            assert!(
                matches!(array(text.as_bytes()), Array::NotStrings(_)),
                "{text}"
            );
        }
    }

    #[test]
    fn escapes_are_undone() {
        assert_eq!(
            strings(r#"["\u0041\ud83d\udc33\ud83d\n\/"]"#),
            Some(vec!["A🐳\u{fffd}\n/".into()])
        );
    }

    #[test]
    fn deep_nesting_does_not_overflow() {
        assert_eq!(array("[".repeat(1_000_000).as_bytes()), Array::No);
    }

    #[test]
    fn members_of_objects() {
        assert_eq!(
            string_member(br#"{"a": [1], "syntax": "x y"}"#, "syntax"),
            Some("x y".into())
        );
        assert_eq!(string_member(br#"{"syntax": "x""#, "syntax"), None);
    }
}
