//! Ignore patterns of `.dockerignore` and `--exclude`.
//!
//! [`Patterns::matches`] answers for one path. A walk over many files starts with [`Patterns::root`], calls
//! [`Patterns::visit`] for each entry with the state of its folder, and leaves out a whole excluded folder when
//! [`Patterns::may_reinclude_below`] says that nothing in it can come back.
//!
//! **Source:** `moby/patternmatcher`, Docker documentation of `.dockerignore`.

mod regex;

use super::pattern;
use crate::rune;
use bstr::{BStr, BString, ByteSlice};
use regex::Regex;
use std::fmt;

/// A compiled, ordered list of patterns.
///
/// ```
/// use cooperage_lang::model::ignore::Patterns;
/// let patterns = Patterns::parse_file(b"# docs\n/docs\n!docs/*.md\n**/*.log\n").unwrap();
/// assert_eq!(patterns.matches(b"docs/a.html"), Ok(true));
/// assert_eq!(patterns.matches(b"docs/a.md"), Ok(false));
/// assert_eq!(patterns.matches(b"x/y.log"), Ok(true));
/// assert!(patterns.may_reinclude_below(b"docs") && !patterns.may_reinclude_below(b"src"));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Patterns {
    patterns: Vec<Pattern>,
}

/// One compiled pattern.
#[derive(Clone, Debug)]
pub struct Pattern {
    text: BString,
    negated: bool,
    matcher: Matcher,
    /// The expression, where there is one.
    regex_text: String,
}

/// How a pattern is compared. The names are those of the reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MatchKind {
    /// The path is the pattern.
    Exact,
    /// `dir/**`: the path begins with the text before the stars.
    Prefix,
    /// `**/name`: the path ends with the text behind the stars, or is it.
    Suffix,
    /// Everything else.
    Regex,
}

#[derive(Clone, Debug)]
enum Matcher {
    Exact,
    Prefix,
    Suffix,
    Regex(Regex),
    /// Accepted as a pattern, refused when it is used.
    Bad,
}

/// Which patterns matched a folder or one of its parents; the state a walk hands down.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ParentMatches {
    /// One flag for each pattern; empty above the root's entries.
    matched: Vec<bool>,
}

/// Why a list of patterns is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IgnoreError {
    /// A line that is only `!`.
    LoneExclamation,
    /// A malformed pattern.
    BadPattern,
    /// A line of 64 KiB or more.
    LineTooLong,
}

/// What a walk does with an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The entry is left out.
    pub excluded: bool,
    /// For the entries below it.
    pub matches: ParentMatches,
}

/// Longest line of an ignore file, bytes. **Source:** Go `bufio.MaxScanTokenSize`.
const MAX_LINE: usize = 64 * 1024;

/// Lines of an ignore file as patterns: comments and empty lines gone, trimmed, cleaned, leading `/` cut.
///
/// **Source:** `moby/patternmatcher/ignorefile.ReadAll`.
///
/// # Errors
/// [`IgnoreError::LineTooLong`].
pub fn read_lines(file: &[u8]) -> Result<Vec<BString>, IgnoreError> {
    let file = file.strip_prefix(b"\xef\xbb\xbf").unwrap_or(file);
    let mut patterns = Vec::new();
    for line in file.split(|b| *b == b'\n') {
        if line.len() >= MAX_LINE {
            return Err(IgnoreError::LineTooLong);
        }
        if line.first() == Some(&b'#') {
            continue;
        }
        let line = line.trim();
        let (negated, body) = line
            .strip_prefix(b"!")
            .map_or((false, line), |rest| (true, rest.trim()));
        if line.is_empty() {
            continue;
        }
        let mut written = BString::from(if negated { "!" } else { "" });
        if !body.is_empty() {
            let cleaned = pattern::clean(body);
            let from = usize::from(cleaned.len() > 1 && cleaned[0] == b'/');
            written.extend_from_slice(&cleaned[from..]);
        }
        patterns.push(written);
    }
    Ok(patterns)
}

impl Patterns {
    /// Reads an ignore file.
    ///
    /// # Errors
    /// See [`IgnoreError`].
    pub fn parse_file(file: &[u8]) -> Result<Self, IgnoreError> {
        Self::new(&read_lines(file)?)
    }

    /// Compiles patterns, `!` in front negates.
    ///
    /// # Errors
    /// See [`IgnoreError`].
    pub fn new<S: AsRef<[u8]>>(patterns: &[S]) -> Result<Self, IgnoreError> {
        let written = patterns
            .iter()
            .map(|p| p.as_ref().trim())
            .filter(|p| !p.is_empty());
        Ok(Self {
            patterns: written.map(Pattern::new).collect::<Result<_, _>>()?,
        })
    }

    /// Tells whether `path` (relative, `/` between elements) or a parent of it is excluded, as the reference judges
    /// one path on its own. A walk may judge differently, see [`Patterns::excluded_in_walk`].
    ///
    /// # Errors
    /// [`IgnoreError::BadPattern`].
    pub fn matches(&self, path: &[u8]) -> Result<bool, IgnoreError> {
        Ok(self.excluded_by(path)?.is_some())
    }

    /// The pattern that decided the exclusion of `path`; `None` when it is not excluded.
    ///
    /// # Errors
    /// [`IgnoreError::BadPattern`].
    pub fn excluded_by(&self, path: &[u8]) -> Result<Option<&Pattern>, IgnoreError> {
        let parents = parents(path);
        let mut decided: Option<&Pattern> = None;
        for pattern in &self.patterns {
            // A pattern that would change nothing is not even looked at; it may be a bad one.
            if pattern.negated == decided.is_some()
                && (pattern.matches(path)?
                    || parents.iter().any(|p| pattern.matches(p).unwrap_or(false)))
            {
                decided = (!pattern.negated).then_some(pattern);
            }
        }
        Ok(decided)
    }

    /// State for the entries of the root folder.
    pub fn root(&self) -> ParentMatches {
        ParentMatches::default()
    }

    /// Judges `path`, an entry of the folder whose state is `parent`.
    ///
    /// **Source:** `moby/patternmatcher`, `MatchesUsingParentResults`.
    ///
    /// # Errors
    /// [`IgnoreError::BadPattern`].
    pub fn visit(&self, parent: &ParentMatches, path: &[u8]) -> Result<Verdict, IgnoreError> {
        let mut excluded = false;
        let mut matched = vec![false; self.patterns.len()];
        for (i, pattern) in self.patterns.iter().enumerate() {
            let inherited = parent.matched.get(i).copied().unwrap_or(false);
            matched[i] = inherited || (pattern.negated == excluded && pattern.matches(path)?);
            if matched[i] {
                excluded = !pattern.negated;
            }
        }
        Ok(Verdict {
            excluded,
            matches: ParentMatches { matched },
        })
    }

    /// Judges `path` as a walk from the root does. Differs from [`Patterns::matches`] where a later `!` line names a
    /// parent folder that nothing had excluded (`a/b` then `!a` keeps `a/b` out of a walk).
    ///
    /// # Errors
    /// [`IgnoreError::BadPattern`].
    pub fn excluded_in_walk(&self, path: &[u8]) -> Result<bool, IgnoreError> {
        let mut state = self.root();
        for (i, _) in path.iter().enumerate().filter(|(_, b)| **b == b'/') {
            state = self.visit(&state, &path[..i])?.matches;
        }
        Ok(self.visit(&state, path)?.excluded)
    }

    /// Tells whether an excluded folder may hold something that a `!` line takes back in; if not, a walk skips it.
    pub fn may_reinclude_below(&self, dir: &[u8]) -> bool {
        let mut start = BString::from(dir);
        start.push(b'/');
        self.patterns
            .iter()
            .any(|p| p.negated && p.may_match_below(&start))
    }

    /// Tells whether any line is negated.
    pub fn has_negations(&self) -> bool {
        self.patterns.iter().any(|p| p.negated)
    }

    /// The patterns in order.
    pub fn patterns(&self) -> &[Pattern] {
        &self.patterns
    }

    /// Tells whether there is none.
    pub fn is_empty(&self) -> bool {
        self.patterns.is_empty()
    }
}

impl Pattern {
    fn new(written: &[u8]) -> Result<Self, IgnoreError> {
        let cleaned = pattern::clean(written);
        let (negated, text) = cleaned
            .strip_prefix(b"!")
            .map_or((false, cleaned.as_slice()), |rest| (true, rest));
        if negated && text.is_empty() {
            return Err(IgnoreError::LoneExclamation);
        }
        pattern::glob_match(text, b".").map_err(|_| IgnoreError::BadPattern)?;
        let (kind, regex_text) = translate(text);
        let matcher = match kind {
            MatchKind::Exact => Matcher::Exact,
            MatchKind::Prefix => Matcher::Prefix,
            MatchKind::Suffix => Matcher::Suffix,
            MatchKind::Regex => regex::compile(&regex_text).map_or(Matcher::Bad, Matcher::Regex),
        };
        Ok(Self {
            text: text.into(),
            negated,
            matcher,
            regex_text,
        })
    }

    /// It began with `!`: what it matches is taken back in.
    pub fn is_negated(&self) -> bool {
        self.negated
    }

    /// The cleaned pattern without `!`.
    pub fn text(&self) -> &BStr {
        self.text.as_ref()
    }

    /// The cleaned pattern, `!` included.
    pub fn written(&self) -> BString {
        let mut written = BString::from(if self.negated { "!" } else { "" });
        written.extend_from_slice(&self.text);
        written
    }

    /// How it is compared.
    pub fn kind(&self) -> MatchKind {
        match self.matcher {
            Matcher::Exact => MatchKind::Exact,
            Matcher::Prefix => MatchKind::Prefix,
            Matcher::Suffix => MatchKind::Suffix,
            Matcher::Regex(_) | Matcher::Bad => MatchKind::Regex,
        }
    }

    /// The regular expression (Go syntax) it stands for; empty for the other kinds.
    pub fn regex(&self) -> &str {
        if self.kind() == MatchKind::Regex {
            &self.regex_text
        } else {
            ""
        }
    }

    fn matches(&self, path: &[u8]) -> Result<bool, IgnoreError> {
        match &self.matcher {
            Matcher::Exact => Ok(path == self.text),
            Matcher::Prefix => Ok(path.starts_with(self.prefix())),
            Matcher::Suffix => {
                let suffix = self.suffix();
                Ok(path.ends_with(suffix) || suffix.strip_prefix(b"/") == Some(path))
            }
            Matcher::Regex(regex) => Ok(regex.is_match(path)),
            Matcher::Bad => Err(IgnoreError::BadPattern),
        }
    }

    /// Tells whether a path that begins with `start` may match.
    fn may_match_below(&self, start: &[u8]) -> bool {
        match &self.matcher {
            Matcher::Exact => self.text.starts_with(start),
            Matcher::Prefix => self.prefix().starts_with(start) || start.starts_with(self.prefix()),
            // Looking at an entry reports the error of a bad pattern.
            Matcher::Suffix | Matcher::Bad => true,
            Matcher::Regex(regex) => regex.may_match_below(start),
        }
    }

    fn prefix(&self) -> &[u8] {
        &self.text[..self.text.len() - 2]
    }

    fn suffix(&self) -> &[u8] {
        &self.text[2..]
    }
}

/// Rewrites a pattern the way the reference does. **Source:** `moby/patternmatcher`, `Pattern.compile`.
fn translate(text: &[u8]) -> (MatchKind, String) {
    let chars: Vec<char> = rune::scanned(text).chars().collect();
    let mut regex = String::from("^");
    let mut kind = MatchKind::Exact;
    let mut i = 0;
    while i < chars.len() {
        let (c, at) = (chars[i], i);
        i += 1;
        match c {
            '*' if chars.get(i) == Some(&'*') => {
                i += 1;
                if chars.get(i) == Some(&'/') {
                    i += 1;
                }
                if i < chars.len() {
                    regex.push_str("(.*/)?");
                    kind = MatchKind::Regex;
                } else if kind == MatchKind::Exact {
                    kind = MatchKind::Prefix;
                } else {
                    regex.push_str(".*");
                    kind = MatchKind::Regex;
                }
                if at == 0 {
                    kind = MatchKind::Suffix;
                }
            }
            '*' | '?' => {
                regex.push_str(if c == '*' { "[^/]*" } else { "[^/]" });
                kind = MatchKind::Regex;
            }
            '\\' => {
                regex.push('\\');
                if let Some(escaped) = chars.get(i) {
                    regex.push(*escaped);
                    kind = MatchKind::Regex;
                    i += 1;
                }
            }
            '[' | ']' => {
                regex.push(c);
                kind = MatchKind::Regex;
            }
            _ => {
                if ".+()|{}$".contains(c) {
                    regex.push('\\');
                }
                regex.push(c);
            }
        }
    }
    if kind == MatchKind::Regex {
        regex.push('$');
    }
    (kind, regex)
}

/// The folders a path lies in, outermost first. **Source:** Go `path.Dir`.
fn parents(path: &[u8]) -> Vec<Vec<u8>> {
    let Some(slash) = path.iter().rposition(|b| *b == b'/') else {
        return Vec::new();
    };
    let dir = pattern::clean(&path[..=slash]);
    if dir == b"." {
        return Vec::new();
    }
    let ends = (0..dir.len())
        .filter(|i| dir[*i] == b'/')
        .chain([dir.len()]);
    ends.map(|end| dir[..end].to_vec()).collect()
}

impl fmt::Display for IgnoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::LoneExclamation => "illegal exclusion pattern: \"!\"",
            Self::BadPattern => "syntax error in pattern",
            Self::LineTooLong => "bufio.Scanner: token too long",
        })
    }
}

impl std::error::Error for IgnoreError {}
