//! Wildcards of COPY sources and lexical path cleaning, as Go's `path` package has them.

use crate::rune;
use std::fmt;

/// A pattern that is not well formed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadPattern;

impl fmt::Display for BadPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("syntax error in pattern")
    }
}

impl std::error::Error for BadPattern {}

/// Tells whether `name` matches the shell pattern as a whole; `*` and `?` do not match `/`, a class may.
///
/// ```
/// use cooperage_lang::model::pattern::glob_match;
/// assert_eq!(glob_match(b"*.[ch]", b"main.c"), Ok(true));
/// assert_eq!(glob_match(b"*", b"a/b"), Ok(false));
/// assert!(glob_match(b"[a", b"b").is_err());
/// ```
/// **Source:** Go `path.Match`.
///
/// # Errors
/// [`BadPattern`] wherever the malformed part is.
pub fn glob_match(pattern: &[u8], name: &[u8]) -> Result<bool, BadPattern> {
    Ok(matches_items(&parse(pattern)?, name))
}

/// Tells whether a COPY source is a pattern: it holds `*`, `?` or `[` that is not escaped.
///
/// **Source:** fsutil `copy.containsWildcards`.
pub fn has_wildcard(text: &[u8]) -> bool {
    let mut bytes = text.iter();
    while let Some(b) = bytes.next() {
        match b {
            b'\\' => {
                bytes.next();
            }
            b'*' | b'?' | b'[' => return true,
            _ => {}
        }
    }
    false
}

/// Shortest equal path by purely lexical means; the empty path becomes `.`.
///
/// ```
/// use cooperage_lang::model::pattern::clean_str;
/// assert_eq!(clean_str("/a/./b//../c/"), "/a/c");
/// assert_eq!(clean_str("../../x/.."), "../..");
/// ```
/// **Source:** Go `path.Clean`.
pub fn clean(path: &[u8]) -> Vec<u8> {
    let rooted = path.first() == Some(&b'/');
    let mut clean = Vec::with_capacity(path.len());
    // Length of the `../..` in front, from which nothing is taken.
    let mut outside = 0;
    for part in path.split(|b| *b == b'/') {
        match part {
            b"" | b"." => {}
            b".." if clean.len() > outside => {
                let last = clean[outside..].iter().rposition(|b| *b == b'/');
                clean.truncate(outside + last.unwrap_or(0));
            }
            b".." if rooted => {}
            _ => {
                if rooted || !clean.is_empty() {
                    clean.push(b'/');
                }
                clean.extend_from_slice(part);
                if part == b".." {
                    outside = clean.len();
                }
            }
        }
    }
    if clean.is_empty() {
        clean.push(if rooted { b'/' } else { b'.' });
    }
    clean
}

/// [`clean`] for text.
pub fn clean_str(path: &str) -> String {
    String::from_utf8(clean(path.as_bytes())).expect("cleaning cuts at `/` only")
}

/// Joins the parts that are not empty with `/` and cleans the result; empty when all are.
///
/// **Source:** Go `path.Join`.
pub fn join(parts: &[&str]) -> String {
    let lengths = parts.iter().map(|part| part.len() + 1);
    let mut joined = String::with_capacity(lengths.sum());
    for part in parts.iter().filter(|part| !part.is_empty()) {
        if joined.ends_with('/') {
            // Cleaning would take the second slash out.
            joined.push_str(part.trim_start_matches('/'));
        } else {
            joined.push_str(if joined.is_empty() { "" } else { "/" });
            joined.push_str(part);
        }
    }
    if joined.is_empty() {
        joined
    } else {
        clean_str(&joined)
    }
}

/// Last element of a path: `.` for the empty path, `/` for the root.
///
/// **Source:** Go `path.Base`.
pub fn base(path: &str) -> &str {
    let trimmed = path.trim_end_matches('/');
    match (path, trimmed) {
        ("", _) => ".",
        (_, "") => "/",
        _ => trimmed.rsplit('/').next().unwrap_or(trimmed),
    }
}

enum Item {
    Star,
    /// One character but `/`.
    Any,
    Byte(u8),
    Class {
        negated: bool,
        ranges: Vec<(char, char)>,
    },
}

fn parse(pattern: &[u8]) -> Result<Vec<Item>, BadPattern> {
    let mut items = Vec::with_capacity(pattern.len());
    let mut rest = pattern;
    while let Some((&b, tail)) = rest.split_first() {
        rest = tail;
        items.push(match b {
            b'*' => Item::Star,
            b'?' => Item::Any,
            b'[' => parse_class(&mut rest)?,
            b'\\' => {
                let (&escaped, tail) = rest.split_first().ok_or(BadPattern)?;
                rest = tail;
                Item::Byte(escaped)
            }
            _ => Item::Byte(b),
        });
    }
    Ok(items)
}

fn parse_class(rest: &mut &[u8]) -> Result<Item, BadPattern> {
    let negated = rest.first() == Some(&b'^');
    if negated {
        *rest = &rest[1..];
    }
    let mut ranges = Vec::new();
    loop {
        if rest.first() == Some(&b']') && !ranges.is_empty() {
            *rest = &rest[1..];
            return Ok(Item::Class { negated, ranges });
        }
        let low = class_char(rest)?;
        let mut high = low;
        if rest.first() == Some(&b'-') {
            *rest = &rest[1..];
            high = class_char(rest)?;
        }
        ranges.push((low, high));
    }
}

/// One character of a class; something must follow it.
fn class_char(rest: &mut &[u8]) -> Result<char, BadPattern> {
    match rest.first() {
        None | Some(b'-' | b']') => return Err(BadPattern),
        Some(b'\\') => *rest = &rest[1..],
        Some(_) => {}
    }
    let (c, width) = rune::decode(rest).ok_or(BadPattern)?;
    if c == char::REPLACEMENT_CHARACTER && width == 1 {
        return Err(BadPattern);
    }
    *rest = &rest[width..];
    if rest.is_empty() {
        Err(BadPattern)
    } else {
        Ok(c)
    }
}

fn matches_items(items: &[Item], name: &[u8]) -> bool {
    let (mut item, mut at) = (0, 0);
    // Item behind the last star, and where the star's run ends so far.
    let mut star: Option<(usize, usize)> = None;
    loop {
        if matches!(items.get(item), Some(Item::Star)) {
            item += 1;
            star = Some((item, at));
            continue;
        }
        let step = match items.get(item) {
            None if at == name.len() => return true,
            None => None,
            Some(expected) => expected.accept(&name[at..]),
        };
        if let Some(width) = step {
            (item, at) = (item + 1, at + width);
            continue;
        }
        // Let the last star take one byte more; an earlier star never needs to.
        match star {
            Some((after, end)) if name.get(end).is_some_and(|b| *b != b'/') => {
                star = Some((after, end + 1));
                (item, at) = (after, end + 1);
            }
            _ => return false,
        }
    }
}

impl Item {
    /// Number of bytes of `rest` the item matches.
    fn accept(&self, rest: &[u8]) -> Option<usize> {
        let (c, width) = rune::decode(rest)?;
        match self {
            Self::Star => None,
            Self::Any => (c != '/').then_some(width),
            Self::Byte(b) => (rest[0] == *b).then_some(1),
            Self::Class { negated, ranges } => {
                let inside = ranges.iter().any(|(low, high)| (*low..=*high).contains(&c));
                (inside != *negated).then_some(width)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Expected results are those of Go's `path.Clean`.
    #[test]
    fn paths_are_cleaned_as_go_does() {
        for (path, expected) in [
            ("", "."),
            ("/", "/"),
            ("//a", "/a"),
            ("a//b/.", "a/b"),
            ("/a/b/../../..", "/"),
            ("/../a", "/a"),
            ("..", ".."),
            ("a/..", "."),
            ("a/../b", "b"),
            ("../a/../..", "../.."),
            ("a/b/../../../c/d/../e", "../c/e"),
            ("/...a/..", "/"),
        ] {
            assert_eq!(clean_str(path), expected, "{path}");
        }
    }

    #[test]
    fn stars_stay_within_an_element() {
        for (pattern, name, expected) in [
            ("a*/b", "ab/b", true),
            ("a*/b", "a/c/b", false),
            ("*x*y", "axbxcy", true),
            ("a*b*c*d*e*/f", "axbxcxdxe/f", true),
            ("", "", true),
            ("*", "", true),
            ("a\\*b", "a*b", true),
            ("a???b", "a☺☺☺b", true),
            ("[^a]", "☺", true),
        ] {
            assert_eq!(
                glob_match(pattern.as_bytes(), name.as_bytes()),
                Ok(expected),
                "{pattern} {name}"
            );
        }
    }

    #[test]
    fn malformed_patterns_are_found_anywhere() {
        for pattern in [
            "[]a]", "[-]", "[x-]", "[a-b-c]", "[", "[^", "a\\", "x[", "b*[-x]",
        ] {
            assert_eq!(
                glob_match(pattern.as_bytes(), b"a"),
                Err(BadPattern),
                "{pattern}"
            );
        }
    }

    #[test]
    fn paths_are_cleaned_lexically() {
        for (path, expected) in [
            ("", "."),
            ("/", "/"),
            ("/..", "/"),
            ("a/..", "."),
            ("./a/", "a"),
            ("//a//b", "/a/b"),
            ("a/../../b", "../b"),
        ] {
            assert_eq!(clean_str(path), expected, "{path}");
        }
        assert_eq!(
            (base(""), base("//"), base("a/b/"), base("c")),
            (".", "/", "b", "c")
        );
        assert_eq!(
            (join(&["", ""]), join(&["a", "", "../b"])),
            (String::new(), "b".to_owned())
        );
    }
}
