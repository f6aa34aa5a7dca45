//! Characters the way the official front end (a Go program) sees them: one invalid byte is one U+FFFD, space is
//! Unicode white space, letters change case one by one, and quoted text in messages follows Go's `%q`.

use bstr::{BStr, ByteSlice};
use std::fmt::Write;

/// U+FFFD, what an invalid byte turns into.
pub const REPLACEMENT: char = '\u{FFFD}';

/// The first character of `text` and its length in bytes; an invalid byte is one U+FFFD of length 1.
///
/// **Source:** Go `unicode/utf8.DecodeRune`. An empty text gives length 0.
pub fn decode(text: &[u8]) -> (char, usize) {
    match text.first() {
        None => (REPLACEMENT, 0),
        Some(b) if b.is_ascii() => (char::from(*b), 1),
        Some(_) => match bstr::decode_utf8(text) {
            (Some(c), n) => (c, n),
            (None, _) => (REPLACEMENT, 1),
        },
    }
}

/// Iterates over the characters of `text` as [`decode`] sees them.
pub fn runes(text: &[u8]) -> impl Iterator<Item = char> + '_ {
    let mut rest = text;
    std::iter::from_fn(move || {
        let (c, n) = decode(rest);
        rest = &rest[n..];
        (n > 0).then_some(c)
    })
}

/// The text as a string, every invalid byte replaced by U+FFFD.
pub fn to_string(text: &[u8]) -> String {
    match std::str::from_utf8(text) {
        Ok(s) => s.to_owned(),
        Err(_) => runes(text).collect(),
    }
}

/// Tells whether `b` separates words without being more: TAB, VT, FF, CR, SPACE.
pub const fn is_blank(b: u8) -> bool {
    matches!(b, b'\t' | 0x0b | 0x0c | b'\r' | b' ')
}

/// Tells whether the code point of number `b` is white space: the bytewise scan of flags looks at it like this.
pub const fn is_latin1_space(b: u8) -> bool {
    matches!(b, 0x09..=0x0d | b' ' | 0x85 | 0xa0)
}

/// Number of bytes of white space at the start.
pub fn leading_space(text: &[u8]) -> usize {
    let mut at = 0;
    while let Some(&b) = text.get(at) {
        if b.is_ascii() {
            if !is_latin1_space(b) {
                break;
            }
            at += 1;
        } else {
            let (c, n) = decode(&text[at..]);
            if !c.is_whitespace() {
                break;
            }
            at += n;
        }
    }
    at
}

/// Length without white space at the end.
pub fn without_trailing_space(text: &[u8]) -> usize {
    let mut end = text.len();
    while end > 0 {
        let b = text[end - 1];
        if b.is_ascii() {
            if !is_latin1_space(b) {
                break;
            }
            end -= 1;
        } else {
            match bstr::decode_last_utf8(&text[..end]) {
                (Some(c), n) if c.is_whitespace() => end -= n,
                _ => break,
            }
        }
    }
    end
}

/// Start and end of `text` without white space around it.
pub fn trim(text: &[u8]) -> (usize, usize) {
    let start = leading_space(text);
    (start, start + without_trailing_space(&text[start..]))
}

/// `text` without white space around it.
pub fn trimmed(text: &[u8]) -> &[u8] {
    let (start, end) = trim(text);
    &text[start..end]
}

/// Lower case, character by character. **Source:** Go `strings.ToLower`.
pub fn lower(text: &[u8]) -> String {
    if text.is_ascii() {
        return String::from_utf8_lossy(&text.to_ascii_lowercase()).into_owned();
    }
    runes(text)
        .map(|c| c.to_lowercase().next().unwrap_or(c))
        .collect()
}

/// Upper case, character by character. **Source:** Go `strings.ToUpper`.
pub fn upper(text: &[u8]) -> String {
    if text.is_ascii() {
        return String::from_utf8_lossy(&text.to_ascii_uppercase()).into_owned();
    }
    // Letters whose upper case is several characters (ß) stay as they are in Go.
    let one = |c: char| {
        let mut up = c.to_uppercase();
        match (up.next(), up.next()) {
            (Some(u), None) => u,
            _ => c,
        }
    };
    runes(text).map(one).collect()
}

/// Double-quoted text with escapes. **Source:** Go `strconv.Quote`, which `%q` uses.
///
/// ```
/// assert_eq!(cooperage_lang::syntax::rune::quote(b"a\"\xff\n"), r#""a\"\xff\n""#);
/// ```
pub fn quote(text: &[u8]) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    let mut rest = text;
    while !rest.is_empty() {
        let (c, n) = decode(rest);
        if c == REPLACEMENT && n == 1 {
            push_hex(&mut out, "\\x", u32::from(rest[0]), 2);
        } else {
            quote_char(&mut out, c);
        }
        rest = &rest[n..];
    }
    out.push('"');
    out
}

fn quote_char(out: &mut String, c: char) {
    match c {
        '"' | '\\' => {
            out.push('\\');
            out.push(c);
        }
        '\x07' => out.push_str("\\a"),
        '\x08' => out.push_str("\\b"),
        '\x0c' => out.push_str("\\f"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        '\x0b' => out.push_str("\\v"),
        c if is_printable(c) => out.push(c),
        c if c < ' ' || c == '\x7f' => push_hex(out, "\\x", u32::from(c), 2),
        c if u32::from(c) < 0x1_0000 => push_hex(out, "\\u", u32::from(c), 4),
        c => push_hex(out, "\\U", u32::from(c), 8),
    }
}

fn push_hex(out: &mut String, prefix: &str, value: u32, width: usize) {
    // Writing into a string cannot fail.
    let _ = write!(out, "{prefix}{value:0width$x}");
}

/// Letters, marks, numbers, punctuation, symbols and the plain space.
///
/// The debug form of a string escapes exactly the other characters, but also a mark at its start; hence the `x`.
fn is_printable(c: char) -> bool {
    if c.is_ascii() {
        return (' '..='~').contains(&c);
    }
    let mut pair = [0; 5];
    pair[0] = b'x';
    let n = c.encode_utf8(&mut pair[1..]).len();
    let pair = BStr::new(&pair[..=n]);
    pair.to_str().is_ok_and(|s| s.escape_debug().eq(s.chars()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoting_follows_go() {
        assert_eq!(
            quote("é🐳\u{a0}\u{feff}\u{301}".as_bytes()),
            "\"é🐳\\u00a0\\ufeff\u{301}\""
        );
        assert_eq!(quote(b"\0\x7f\xc3"), r#""\x00\x7f\xc3""#);
    }

    #[test]
    fn trimming_knows_unicode_space() {
        assert_eq!(
            trimmed("\u{3000} a\u{a0}b\u{2003}\t".as_bytes()),
            "a\u{a0}b".as_bytes()
        );
        assert_eq!(trimmed(b"\xa0 \x85"), b"\xa0 \x85");
        assert_eq!(trimmed(b"  "), b"");
    }
}
