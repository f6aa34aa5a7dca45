//! Parser directives: `# escape=` and its siblings at the head of a file.

use super::json;
use crate::rune;
use crate::text::TextRange;
use bstr::{BString, ByteSlice};

/// The directives that exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Name {
    Syntax,
    Escape,
    Check,
}

/// What a directive is for: the one source for hover, completion and signature help.
#[derive(Debug)]
pub struct Spec {
    /// Which one.
    pub name: Name,
    /// One sentence.
    pub summary: &'static str,
    /// What stands for the value in its form.
    pub value: &'static str,
    /// Usual values with a sentence each, the best first.
    pub values: &'static [(&'static str, &'static str)],
    /// Manual page, Markdown.
    pub docs: &'static str,
}

/// Every directive. **Source:** Dockerfile reference, section "Parser directives".
pub static DIRECTIVES: [Spec; 3] = [
    Spec {
        name: Name::Syntax,
        summary: "Names the front end that reads the file.",
        value: "image",
        values: &[
            (
                "docker/dockerfile:1",
                "The newest stable front end of version 1.",
            ),
            (
                "docker/dockerfile:1-labs",
                "The same with features that are not settled yet.",
            ),
        ],
        docs: include_str!("../../docs/directives/syntax.md"),
    },
    Spec {
        name: Name::Escape,
        summary: "Sets the escape and continuation character.",
        value: "character",
        values: &[
            ("`", "The backquote, for paths of Windows."),
            ("\\", "The backslash, which is the default."),
        ],
        docs: include_str!("../../docs/directives/escape.md"),
    },
    Spec {
        name: Name::Check,
        summary: "Chooses the check rules, and whether a finding fails the build.",
        value: "options",
        values: &[
            (
                "skip=",
                "Rules that do not run, separated by commas, or `all`.",
            ),
            (
                "experimental=",
                "Rules to run that are off by default, separated by commas, or `all`.",
            ),
            ("error=true", "A finding fails the build."),
        ],
        docs: include_str!("../../docs/directives/check.md"),
    },
];

impl Name {
    /// Lower-case spelling.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Syntax => "syntax",
            Self::Escape => "escape",
            Self::Check => "check",
        }
    }

    /// The directive spelled so in any case.
    pub fn find(word: &[u8]) -> Option<Self> {
        DIRECTIVES
            .iter()
            .map(|d| d.name)
            .find(|n| word.eq_ignore_ascii_case(n.text().as_bytes()))
    }

    /// Its row.
    pub fn spec(self) -> &'static Spec {
        &DIRECTIVES[self as usize]
    }
}

/// A directive in the head of the file, with the places of its parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Directive {
    /// Which one.
    pub name: Name,
    /// Place of the name.
    pub name_range: TextRange,
    /// Place of the value.
    pub value_range: TextRange,
    /// 1-based line.
    pub line: u32,
}

/// What the early look-up found. **Source:** `spec` section 2.1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The value up to its first space: the reference of a front end, or the options of `check`.
    pub value: BString,
    /// The whole value.
    pub full: BString,
    /// 1-based line; 0 when the file is a JSON object.
    pub line: u32,
    /// Bytes of the whole value; empty when the file is a JSON object.
    pub range: TextRange,
}

/// Parts of a directive line, as offsets into that line.
pub(super) struct Parts {
    pub(super) name: (usize, usize),
    pub(super) value: (usize, usize),
}

/// Looks a directive up in the raw file, before and independent of parsing. `any_format` also accepts `//` in place
/// of `#` and a JSON object: so it is for `syntax`, not for `check`.
///
/// **Source:** BuildKit `parser/directives.go`, `ParseDirective`.
pub fn detect(source: &[u8], name: Name, any_format: bool) -> Option<Found> {
    let mut start = if source.starts_with(b"\xef\xbb\xbf") {
        3
    } else {
        0
    };
    let mut line = 0;
    if source[start..].starts_with(b"#!") {
        start += source[start..]
            .find_byte(b'\n')
            .map_or(source.len() - start, |n| n + 1);
        line = 1;
    }
    if let Some(found) = detect_marked(source, start, line, b"#", name) {
        return Some(found);
    }
    if !any_format {
        return None;
    }
    detect_marked(source, start, line, b"//", name).or_else(|| {
        let full = json::string_member(&source[start..], name.text())?;
        let value = full.split(' ').next().unwrap_or_default().into();
        Some(Found {
            value,
            full: full.into(),
            line,
            range: TextRange::default(),
        })
    })
}

/// Looks at the lines that begin with `mark` until one is no directive or is one again.
fn detect_marked(
    source: &[u8],
    start: usize,
    lines_before: u32,
    mark: &[u8],
    wanted: Name,
) -> Option<Found> {
    let mut seen: Vec<Name> = Vec::new();
    let mut found = None;
    let mut at = start;
    for (i, line) in source[start..].lines_with_terminator().enumerate() {
        let begin = at;
        at += line.len();
        if is_too_long(line) {
            break;
        }
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let Some(parts) = line_parts(line, mark) else {
            break;
        };
        let Some(name) = Name::find(&line[parts.name.0..parts.name.1]) else {
            break;
        };
        if seen.contains(&name) {
            break;
        }
        seen.push(name);
        if name == wanted {
            let full = &line[parts.value.0..parts.value.1];
            found = Some(Found {
                value: full.split_str(" ").next().unwrap_or_default().into(),
                full: full.into(),
                line: lines_before + 1 + i as u32,
                range: TextRange::new(
                    (begin + parts.value.0) as u32,
                    (begin + parts.value.1) as u32,
                ),
            });
        }
    }
    found
}

/// Tells whether a physical line, line end included, is beyond what the official scanner reads.
pub(super) fn is_too_long(line: &[u8]) -> bool {
    let limit = if line.ends_with(b"\n") {
        super::MAX_LINE + 1
    } else {
        super::MAX_LINE
    };
    line.len() > limit
}

/// Splits `mark name = value`; the line has no line end. `None` when it has another shape.
///
/// Behind the mark any Unicode space is skipped, then the official expression is
/// `^([a-zA-Z][a-zA-Z0-9]*)\s*=\s*(.+?)\s*$`: when only space follows the `=`, its last character is the value.
pub(super) fn line_parts(line: &[u8], mark: &[u8]) -> Option<Parts> {
    let space = |at: usize| {
        line[at..]
            .iter()
            .take_while(|b| is_regex_space(**b))
            .count()
    };
    let rest = line.strip_prefix(mark)?;
    let start = line.len() - rest.len();
    let name_start = start + rune::leading_space(rest);
    let name_len = line[name_start..]
        .iter()
        .take_while(|b| b.is_ascii_alphanumeric())
        .count();
    let name_end = name_start + name_len;
    if name_len == 0 || !line[name_start].is_ascii_alphabetic() {
        return None;
    }
    let equals = name_end + space(name_end);
    if line.get(equals) != Some(&b'=') || equals + 1 == line.len() {
        return None;
    }
    let value_start = equals + 1 + space(equals + 1);
    let value_end = line.len()
        - line
            .iter()
            .rev()
            .take_while(|b| is_regex_space(**b))
            .count();
    let value = if value_start == line.len() {
        (value_start - 1, value_start)
    } else {
        (value_start, value_end)
    };
    Some(Parts {
        name: (name_start, name_end),
        value,
    })
}

/// `\s` of Go's regular expressions.
fn is_regex_space(b: u8) -> bool {
    matches!(b, b'\t' | b'\n' | 0x0c | b'\r' | b' ')
}

/// Trims the text of a comment line behind its first byte; used for the pending comments.
pub(super) fn comment_text(line: &[u8]) -> (usize, usize) {
    let (start, end) = rune::trim(&line[1..]);
    (start + 1, end + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(source: &str, name: Name, any: bool) -> Option<(String, String, u32)> {
        detect(source.as_bytes(), name, any)
            .map(|f| (f.value.to_string(), f.full.to_string(), f.line))
    }

    #[test]
    fn rows_stand_in_the_order_of_their_names() {
        for row in &DIRECTIVES {
            assert_eq!(row.name.spec().name, row.name);
            assert!(row.docs.starts_with(&format!("# {}\n", row.name.text())));
        }
    }

    #[test]
    fn lookup_skips_a_shebang_and_reads_three_forms() {
        assert_eq!(
            found("#!/x\n# Syntax = a b \nFROM x", Name::Syntax, true),
            Some(("a".into(), "a b".into(), 2))
        );
        assert_eq!(
            found("//syntax=a\nFROM x", Name::Syntax, true).map(|f| f.0),
            Some("a".into())
        );
        assert_eq!(found("//check=a\nFROM x", Name::Check, false), None);
        assert_eq!(
            found(r#"{"syntax": "a b"}"#, Name::Syntax, true).map(|f| f.0),
            Some("a".into())
        );
    }

    #[test]
    fn lookup_ends_at_the_first_other_line() {
        assert_eq!(
            found("# escape=`\n# check=skip=all\n", Name::Check, false).map(|f| f.2),
            Some(2)
        );
        assert_eq!(found("\n# check=skip=all\n", Name::Check, false), None);
        assert_eq!(found("# a=b\n# check=skip=all\n", Name::Check, false), None);
        assert_eq!(
            found("# check=a\n# check=b\n", Name::Check, false).map(|f| f.2),
            Some(1)
        );
    }
}
