//! Patterns of `${name#pattern}`, `${name%pattern}` and `${name/pattern/text}`.

use crate::rune;

/// A parsed pattern: what a regular expression with only `.`, `.*` and literals can say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Glob {
    items: Vec<Item>,
    greedy: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Item {
    /// Any run of characters but LF.
    Star,
    /// Any character but LF.
    Any,
    Literal(char),
}

/// Regular expression (Go syntax) that a pattern stands for.
///
/// `greedy` makes `*` take as much as it can; `anchored` ties the match to the start.
/// **Source:** BuildKit `frontend/dockerfile/shell`, `convertShellPatternToRegex`.
///
/// # Errors
/// `invalid escape '\x'` for an escape before anything but `*`, `?`, `\`, `/` and `}`.
pub fn to_regex(pattern: &str, greedy: bool, anchored: bool) -> Result<String, String> {
    let mut regex = String::from(if anchored { "^" } else { "" });
    for item in parse(pattern)? {
        match item {
            Item::Star => regex.push_str(if greedy { ".*" } else { ".*?" }),
            Item::Any => regex.push('.'),
            Item::Literal(c) => {
                if "*?\\[]{}.+()|^$".contains(c) {
                    regex.push('\\');
                }
                regex.push(c);
            }
        }
    }
    Ok(regex)
}

/// The pattern that matches the reversed texts; an escape stays in front of its character.
///
/// **Source:** BuildKit `frontend/dockerfile/shell`, `reversePattern`.
pub fn reverse(pattern: &str) -> String {
    let chars: Vec<char> = pattern.chars().collect();
    let mut pieces = Vec::with_capacity(chars.len());
    let mut i = 0;
    while i < chars.len() {
        let len = if chars[i] == '\\' && i + 1 < chars.len() {
            2
        } else {
            1
        };
        pieces.push(&chars[i..i + len]);
        i += len;
    }
    pieces.into_iter().rev().flatten().collect()
}

fn parse(pattern: &str) -> Result<Vec<Item>, String> {
    let chars: Vec<char> = rune::scanned(pattern.as_bytes()).chars().collect();
    let mut items = Vec::with_capacity(chars.len());
    let mut i = 0;
    while i < chars.len() {
        let c = chars[i];
        i += 1;
        match c {
            '*' => items.push(Item::Star),
            '?' => items.push(Item::Any),
            // The escape that hid `/` and `}` from the `${}` around is no part of the pattern.
            '\\' if matches!(chars.get(i), Some('}' | '/')) => {}
            '\\' => {
                let escaped = chars.get(i).copied().unwrap_or(char::REPLACEMENT_CHARACTER);
                if !matches!(escaped, '*' | '?' | '\\') {
                    return Err(format!("invalid escape '\\{escaped}'"));
                }
                items.push(Item::Literal(escaped));
                i += 1;
            }
            _ => items.push(Item::Literal(c)),
        }
    }
    Ok(items)
}

impl Glob {
    /// # Errors
    /// As [`to_regex`].
    pub(super) fn new(pattern: &str, greedy: bool) -> Result<Self, String> {
        let mut items = parse(pattern)?;
        // Neighbouring stars cover the same texts as one, in the same order of preference.
        items.dedup_by(|a, b| *a == Item::Star && *b == Item::Star);
        Ok(Self { items, greedy })
    }

    /// Cuts the preferred match at the start of `value`.
    pub(super) fn cut_prefix(&self, value: &str) -> String {
        let chars: Vec<char> = value.chars().collect();
        let end = self.search(&chars).end_from(0).unwrap_or(0);
        chars[end..].iter().collect()
    }

    /// Replaces the first match by `replacement` as it is.
    pub(super) fn replace_first(&self, value: &str, replacement: &str) -> String {
        let chars: Vec<char> = value.chars().collect();
        let Some((start, end)) = self.search(&chars).find(0) else {
            return value.to_owned();
        };
        let mut out: String = chars[..start].iter().collect();
        out.push_str(replacement);
        out.extend(&chars[end..]);
        out
    }

    /// Replaces all matches that do not overlap; `template` may hold `$0` and `${0}` for the match.
    ///
    /// **Source:** Go `regexp.ReplaceAllString`.
    pub(super) fn replace_all(&self, value: &str, template: &str) -> String {
        let chars: Vec<char> = value.chars().collect();
        let mut out = String::with_capacity(value.len());
        let mut search = self.search(&chars);
        let (mut from, mut copied) = (0, 0);
        while from <= chars.len() {
            let Some((start, end)) = search.find(from) else {
                break;
            };
            out.extend(&chars[copied..start]);
            // An empty match right behind another match is none.
            if end > copied || start == 0 {
                push_template(&mut out, template, &chars[start..end]);
            }
            copied = end;
            from = end.max(from + 1);
            search.reset();
        }
        out.extend(&chars[copied.min(chars.len())..]);
        out
    }

    fn search<'a>(&'a self, text: &'a [char]) -> Search<'a> {
        let stars = self.items.iter().filter(|i| **i == Item::Star).count();
        Search {
            glob: self,
            text,
            failed: vec![0; (stars * (text.len() + 1)).div_ceil(64)],
        }
    }
}

/// A backtracking search that never tries the rest of the pattern behind a star twice at one place.
struct Search<'a> {
    glob: &'a Glob,
    text: &'a [char],
    /// One bit for each star and place.
    failed: Vec<u64>,
}

impl Search<'_> {
    fn find(&mut self, from: usize) -> Option<(usize, usize)> {
        (from..=self.text.len()).find_map(|start| self.end_from(start).map(|end| (start, end)))
    }

    fn reset(&mut self) {
        self.failed.fill(0);
    }

    /// End of the preferred match that starts at `start`.
    fn end_from(&mut self, start: usize) -> Option<usize> {
        let items = &self.glob.items;
        // Alternatives not tried yet, the best on top: item, place, number of stars before the item.
        let mut alternatives = vec![(0, start, 0)];
        while let Some((mut item, mut at, mut stars)) = alternatives.pop() {
            loop {
                let next = self.text.get(at).copied();
                match items.get(item) {
                    None => return Some(at),
                    Some(Item::Literal(c)) if next == Some(*c) => (item, at) = (item + 1, at + 1),
                    Some(Item::Any) if next.is_some_and(|c| c != '\n') => {
                        (item, at) = (item + 1, at + 1);
                    }
                    Some(Item::Literal(_) | Item::Any) => break,
                    Some(Item::Star) => {
                        let bit = stars * (self.text.len() + 1) + at;
                        if self.failed[bit / 64] & (1 << (bit % 64)) != 0 {
                            break;
                        }
                        self.failed[bit / 64] |= 1 << (bit % 64);
                        let more = next.is_some_and(|c| c != '\n');
                        if !more {
                            (item, stars) = (item + 1, stars + 1);
                        } else if self.glob.greedy {
                            alternatives.push((item + 1, at, stars + 1));
                            at += 1;
                        } else {
                            alternatives.push((item, at + 1, stars));
                            (item, stars) = (item + 1, stars + 1);
                        }
                    }
                }
            }
        }
        None
    }
}

/// Writes `template` with `$0` and `${0}` replaced by `matched`, other groups by nothing and `$$` by `$`.
///
/// **Source:** Go `regexp.Expand`.
fn push_template(out: &mut String, template: &str, matched: &[char]) {
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('$') {
        out.push_str(before);
        rest = after;
        if let Some(after) = rest.strip_prefix('$') {
            out.push('$');
            rest = after;
        } else if let Some((name, after)) = group_name(rest) {
            if name == "0" {
                out.extend(matched);
            }
            rest = after;
        } else {
            out.push('$');
        }
    }
    out.push_str(rest);
}

/// Splits `name` or `{name}` off; `None` when there is no well-formed one.
fn group_name(text: &str) -> Option<(&str, &str)> {
    let (braced, text) = text.strip_prefix('{').map_or((false, text), |t| (true, t));
    let end = text
        .find(|c| !(rune::is_letter(c) || rune::is_digit(c) || c == '_'))
        .unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    if name.is_empty() {
        return None;
    }
    let rest = if braced {
        rest.strip_prefix('}')?
    } else {
        rest
    };
    Some((name, rest))
}
