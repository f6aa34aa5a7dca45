//! Characters the way the official front end (a Go program) sees them: one invalid byte is one U+FFFD, space is
//! Unicode white space, letters change case one by one.

use std::borrow::Cow;

/// U+FFFD, what an invalid byte turns into.
pub const REPLACEMENT: char = '\u{FFFD}';

/// The first character of `text` and its length in bytes; an invalid byte is one U+FFFD of length 1. `None` at the end.
///
/// Unlike [`String::from_utf8_lossy`], every byte of a broken sequence counts on its own.
/// **Source:** Go `unicode/utf8.DecodeRune`.
pub fn decode(text: &[u8]) -> Option<(char, usize)> {
    let first = *text.first()?;
    if first.is_ascii() {
        return Some((char::from(first), 1));
    }
    Some(match bstr::decode_utf8(text) {
        (Some(c), n) => (c, n),
        (None, _) => (REPLACEMENT, 1),
    })
}

/// Iterates over the characters of `text` as [`decode`] sees them.
pub fn runes(text: &[u8]) -> impl Iterator<Item = char> + '_ {
    let mut rest = text;
    std::iter::from_fn(move || {
        let (c, n) = decode(rest)?;
        rest = &rest[n..];
        Some(c)
    })
}

/// The text as a string, every invalid byte replaced by U+FFFD.
pub fn to_string(text: &[u8]) -> String {
    to_str(text).into_owned()
}

/// The same without a copy where nothing is replaced.
pub fn to_str(text: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(text) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => Cow::Owned(runes(text).collect()),
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
            match decode(&text[at..]) {
                Some((c, n)) if c.is_whitespace() => at += n,
                _ => break,
            }
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

/// The text as [`to_string`] has it, without a byte order mark at the head. **Source:** Go `text/scanner.Peek`.
pub fn scanned(text: &[u8]) -> Cow<'_, str> {
    to_str(text.strip_prefix("\u{feff}".as_bytes()).unwrap_or(text))
}

/// Lower case, character by character. **Source:** Go `strings.ToLower`.
pub fn lower(text: &[u8]) -> String {
    if text.is_ascii() {
        return String::from_utf8(text.to_ascii_lowercase()).expect("ASCII is UTF-8");
    }
    runes(text)
        .map(|c| c.to_lowercase().next().unwrap_or(c))
        .collect()
}

/// Upper case, character by character. **Source:** Go `strings.ToUpper`.
pub fn upper(text: &[u8]) -> String {
    if text.is_ascii() {
        return String::from_utf8(text.to_ascii_uppercase()).expect("ASCII is UTF-8");
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

/// Unicode category L. **Source:** Go `unicode.IsLetter`.
pub fn is_letter(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_alphabetic();
    }
    c.is_alphabetic() && !contains(ALPHABETIC_NOT_LETTER, c)
}

/// Unicode category Nd. **Source:** Go `unicode.IsDigit`.
pub fn is_digit(c: char) -> bool {
    c.is_ascii_digit() || (!c.is_ascii() && contains(DECIMAL_DIGITS, c))
}

fn contains(ranges: &[(u32, u32)], c: char) -> bool {
    let c = u32::from(c);
    let at = ranges.partition_point(|(_, end)| *end < c);
    ranges.get(at).is_some_and(|(start, _)| *start <= c)
}

/// Ranges that hold every alphabetic character outside category L (marks, letter numbers, circled letters), and no
/// letter. Unicode 14.
#[rustfmt::skip]
const ALPHABETIC_NOT_LETTER: &[(u32, u32)] = &[
    (0x300, 0x36F), (0x483, 0x489), (0x591, 0x5C7), (0x610, 0x61A), (0x64B, 0x65F), (0x670, 0x670),
    (0x6D6, 0x6E4), (0x6E7, 0x6ED), (0x711, 0x711), (0x730, 0x74A), (0x7A6, 0x7B0), (0x7EB, 0x7F3),
    (0x7FD, 0x7FD), (0x816, 0x819), (0x81B, 0x823), (0x825, 0x827), (0x829, 0x82D), (0x859, 0x85B),
    (0x898, 0x89F), (0x8CA, 0x903), (0x93A, 0x93C), (0x93E, 0x94F), (0x951, 0x957), (0x962, 0x963),
    (0x981, 0x983), (0x9BC, 0x9BC), (0x9BE, 0x9CD), (0x9D7, 0x9D7), (0x9E2, 0x9E3), (0x9FE, 0xA03),
    (0xA3C, 0xA51), (0xA70, 0xA71), (0xA75, 0xA83), (0xABC, 0xABC), (0xABE, 0xACD), (0xAE2, 0xAE3),
    (0xAFA, 0xB03), (0xB3C, 0xB3C), (0xB3E, 0xB57), (0xB62, 0xB63), (0xB82, 0xB82), (0xBBE, 0xBCD),
    (0xBD7, 0xC04), (0xC3C, 0xC3C), (0xC3E, 0xC56), (0xC62, 0xC63), (0xC81, 0xC83), (0xCBC, 0xCBC),
    (0xCBE, 0xCD6), (0xCE2, 0xCE3), (0xD00, 0xD03), (0xD3B, 0xD3C), (0xD3E, 0xD4D), (0xD57, 0xD57),
    (0xD62, 0xD63), (0xD81, 0xD83), (0xDCA, 0xDF3), (0xE31, 0xE31), (0xE34, 0xE3A), (0xE47, 0xE4E),
    (0xEB1, 0xEB1), (0xEB4, 0xEBC), (0xEC8, 0xECD), (0xF18, 0xF3F), (0xF71, 0xF87), (0xF8D, 0xFC6),
    (0x102B, 0x103E), (0x1056, 0x1059), (0x105E, 0x1060), (0x1062, 0x1064), (0x1067, 0x106D), (0x1071, 0x1074),
    (0x1082, 0x108D), (0x108F, 0x109D), (0x135D, 0x135F), (0x16EE, 0x16F0), (0x1712, 0x1715), (0x1732, 0x1734),
    (0x1752, 0x1753), (0x1772, 0x1773), (0x17B4, 0x17D3), (0x17DD, 0x180F), (0x1885, 0x1886), (0x18A9, 0x18A9),
    (0x1920, 0x193B), (0x1A17, 0x1A1B), (0x1A55, 0x1A7F), (0x1AB0, 0x1B04), (0x1B34, 0x1B44), (0x1B6B, 0x1B82),
    (0x1BA1, 0x1BAD), (0x1BE6, 0x1BF3), (0x1C24, 0x1C37), (0x1CD0, 0x1CE8), (0x1CED, 0x1CED), (0x1CF4, 0x1CF4),
    (0x1CF7, 0x1CF9), (0x1DC0, 0x1DFF), (0x20D0, 0x20F0), (0x2160, 0x2182), (0x2185, 0x24E9), (0x2CEF, 0x2CF1),
    (0x2D7F, 0x2D7F), (0x2DE0, 0x2DFF), (0x3007, 0x302F), (0x3038, 0x303A), (0x3099, 0x309A), (0xA66F, 0xA67D),
    (0xA69E, 0xA69F), (0xA6E6, 0xA6F1), (0xA802, 0xA802), (0xA806, 0xA806), (0xA80B, 0xA80B), (0xA823, 0xA82C),
    (0xA880, 0xA881), (0xA8B4, 0xA8F1), (0xA8FF, 0xA8FF), (0xA926, 0xA92D), (0xA947, 0xA953), (0xA980, 0xA983),
    (0xA9B3, 0xA9C0), (0xA9E5, 0xA9E5), (0xAA29, 0xAA36), (0xAA43, 0xAA43), (0xAA4C, 0xAA4D), (0xAA7B, 0xAA7D),
    (0xAAB0, 0xAAB0), (0xAAB2, 0xAAB4), (0xAAB7, 0xAAB8), (0xAABE, 0xAABF), (0xAAC1, 0xAAC1), (0xAAEB, 0xAAEF),
    (0xAAF5, 0xAAF6), (0xABE3, 0xABED), (0xFB1E, 0xFB1E), (0xFE00, 0xFE2F), (0x10140, 0x101FD), (0x102E0, 0x102E0),
    (0x10341, 0x10341), (0x1034A, 0x1034A), (0x10376, 0x1037A), (0x103D1, 0x103D5), (0x10A01, 0x10A0F), (0x10A38, 0x10A3F),
    (0x10AE5, 0x10AE6), (0x10D24, 0x10D27), (0x10EAB, 0x10EAC), (0x10F46, 0x10F50), (0x10F82, 0x10F85), (0x11000, 0x11002),
    (0x11038, 0x11070), (0x11073, 0x11074), (0x1107F, 0x11082), (0x110B0, 0x110C2), (0x11100, 0x11102), (0x11127, 0x11134),
    (0x11145, 0x11146), (0x11173, 0x11173), (0x11180, 0x11182), (0x111B3, 0x111C0), (0x111C9, 0x111CF), (0x1122C, 0x1123E),
    (0x112DF, 0x11303), (0x1133B, 0x1133C), (0x1133E, 0x1134D), (0x11357, 0x11357), (0x11362, 0x11374), (0x11435, 0x11446),
    (0x1145E, 0x1145E), (0x114B0, 0x114C3), (0x115AF, 0x115C0), (0x115DC, 0x115DD), (0x11630, 0x11640), (0x116AB, 0x116B7),
    (0x1171D, 0x1172B), (0x1182C, 0x1183A), (0x11930, 0x1193E), (0x11940, 0x11940), (0x11942, 0x11943), (0x119D1, 0x119E0),
    (0x119E4, 0x119E4), (0x11A01, 0x11A0A), (0x11A33, 0x11A39), (0x11A3B, 0x11A47), (0x11A51, 0x11A5B), (0x11A8A, 0x11A99),
    (0x11C2F, 0x11C3F), (0x11C92, 0x11CB6), (0x11D31, 0x11D45), (0x11D47, 0x11D47), (0x11D8A, 0x11D97), (0x11EF3, 0x11EF6),
    (0x12400, 0x1246E), (0x16AF0, 0x16AF4), (0x16B30, 0x16B36), (0x16F4F, 0x16F4F), (0x16F51, 0x16F92), (0x16FE4, 0x16FF1),
    (0x1BC9D, 0x1D244), (0x1DA00, 0x1DAAF), (0x1E000, 0x1E02A), (0x1E130, 0x1E136), (0x1E2AE, 0x1E2AE), (0x1E2EC, 0x1E2EF),
    (0x1E8D0, 0x1E8D6), (0x1E944, 0x1E94A), (0x1F130, 0x1F189), (0xE0100, 0xE01EF),
];

/// Category Nd, Unicode 14.
#[rustfmt::skip]
const DECIMAL_DIGITS: &[(u32, u32)] = &[
    (0x30, 0x39), (0x660, 0x669), (0x6F0, 0x6F9), (0x7C0, 0x7C9), (0x966, 0x96F), (0x9E6, 0x9EF),
    (0xA66, 0xA6F), (0xAE6, 0xAEF), (0xB66, 0xB6F), (0xBE6, 0xBEF), (0xC66, 0xC6F), (0xCE6, 0xCEF),
    (0xD66, 0xD6F), (0xDE6, 0xDEF), (0xE50, 0xE59), (0xED0, 0xED9), (0xF20, 0xF29), (0x1040, 0x1049),
    (0x1090, 0x1099), (0x17E0, 0x17E9), (0x1810, 0x1819), (0x1946, 0x194F), (0x19D0, 0x19D9), (0x1A80, 0x1A89),
    (0x1A90, 0x1A99), (0x1B50, 0x1B59), (0x1BB0, 0x1BB9), (0x1C40, 0x1C49), (0x1C50, 0x1C59), (0xA620, 0xA629),
    (0xA8D0, 0xA8D9), (0xA900, 0xA909), (0xA9D0, 0xA9D9), (0xA9F0, 0xA9F9), (0xAA50, 0xAA59), (0xABF0, 0xABF9),
    (0xFF10, 0xFF19), (0x104A0, 0x104A9), (0x10D30, 0x10D39), (0x11066, 0x1106F), (0x110F0, 0x110F9), (0x11136, 0x1113F),
    (0x111D0, 0x111D9), (0x112F0, 0x112F9), (0x11450, 0x11459), (0x114D0, 0x114D9), (0x11650, 0x11659), (0x116C0, 0x116C9),
    (0x11730, 0x11739), (0x118E0, 0x118E9), (0x11950, 0x11959), (0x11C50, 0x11C59), (0x11D50, 0x11D59), (0x11DA0, 0x11DA9),
    (0x16A60, 0x16A69), (0x16AC0, 0x16AC9), (0x16B50, 0x16B59), (0x1D7CE, 0x1D7FF), (0x1E140, 0x1E149), (0x1E2F0, 0x1E2F9),
    (0x1E950, 0x1E959), (0x1FBF0, 0x1FBF9),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trimming_knows_unicode_space() {
        assert_eq!(
            trimmed("\u{3000} a\u{a0}b\u{2003}\t".as_bytes()),
            "a\u{a0}b".as_bytes()
        );
        assert_eq!(trimmed(b"\xa0 \x85"), b"\xa0 \x85");
        assert_eq!(trimmed(b"  "), b"");
    }

    #[test]
    fn every_byte_of_a_broken_sequence_counts() {
        assert_eq!(
            to_string(b"a\xe2\x82b\xf0\x9f\x90\xb3\xff"),
            "a\u{fffd}\u{fffd}b\u{1f433}\u{fffd}"
        );
        assert_eq!(scanned("\u{feff}x".as_bytes()), "x");
    }

    #[test]
    fn letters_and_digits_follow_the_categories() {
        for letter in ['a', 'Z', '\u{e9}', '\u{d55c}', '\u{5d0}'] {
            assert!(is_letter(letter), "{letter}");
        }
        for other in ['1', '_', '\u{2160}', '\u{24b6}', '\u{345}', '\u{93e}'] {
            assert!(!is_letter(other), "{other}");
        }
        assert!(
            is_digit('7') && is_digit('\u{0663}') && !is_digit('\u{bd}') && !is_digit('\u{2460}')
        );
    }
}
