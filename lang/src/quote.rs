//! Text in Go's double quotes, as the official messages and the tree dump show it.

use crate::rune;
use std::fmt::Write;

/// Quotes `text` as Go's `%q` does: invalid UTF-8 as `\xff`, unprintable characters as `\u200b`.
///
/// ```
/// use cooperage_lang::quote::quote;
/// assert_eq!(quote(b"a \"b\"\n\xff"), r#""a \"b\"\n\xff""#);
/// ```
/// **Source:** Go `strconv.Quote`.
pub fn quote(text: &[u8]) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    let mut rest = text;
    while let Some((c, width)) = rune::decode(rest) {
        if c == char::REPLACEMENT_CHARACTER && width == 1 {
            let _ = write!(out, "\\x{:02x}", rest[0]);
        } else {
            push_escaped(&mut out, c);
        }
        rest = &rest[width..];
    }
    out.push('"');
    out
}

fn push_escaped(out: &mut String, c: char) {
    // Writing into a String cannot fail.
    let _ = match c {
        '"' | '\\' => write!(out, "\\{c}"),
        '\x07' => write!(out, "\\a"),
        '\x08' => write!(out, "\\b"),
        '\x0c' => write!(out, "\\f"),
        '\n' => write!(out, "\\n"),
        '\r' => write!(out, "\\r"),
        '\t' => write!(out, "\\t"),
        '\x0b' => write!(out, "\\v"),
        _ if is_print(c) => write!(out, "{c}"),
        '\0'..=' ' | '\x7f' => write!(out, "\\x{:02x}", u32::from(c)),
        '\u{80}'..='\u{ffff}' => write!(out, "\\u{:04x}", u32::from(c)),
        _ => write!(out, "\\U{:08x}", u32::from(c)),
    };
}

/// Letters, marks, numbers, punctuation, symbols and the ASCII space. **Source:** Go `strconv.IsPrint`.
fn is_print(c: char) -> bool {
    if c.is_ascii() {
        return (' '..='~').contains(&c);
    }
    // The debug form of a string escapes exactly the other categories, but also a combining mark that comes first;
    // hence the letter in front.
    let mut text = String::from("a");
    text.push(c);
    text.escape_debug().nth(1) == Some(c)
}

#[cfg(test)]
mod tests {
    use super::quote;

    #[test]
    fn follows_go() {
        assert_eq!(
            quote("é🐳\u{200b}\u{a0}\u{301}\u{e000}".as_bytes()),
            "\"é🐳\\u200b\\u00a0\u{301}\\ue000\""
        );
        assert_eq!(quote(b"\x01\x7f\t\\"), r#""\x01\x7f\t\\""#);
        assert_eq!(quote("\u{fffd}".as_bytes()), "\"\u{fffd}\"");
        assert_eq!(quote("\u{e0001}".as_bytes()), "\"\\U000e0001\"");
    }
}
