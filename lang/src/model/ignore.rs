//! Ignore patterns of `.dockerignore` and `--exclude`.

use bstr::{BStr, BString};

/// A compiled, ordered list of patterns.
#[derive(Clone, Debug, Default)]
pub struct Patterns {
    patterns: Vec<Pattern>,
}

/// One compiled pattern.
#[derive(Clone, Debug)]
pub struct Pattern {
    /// Cleaned, without `!`.
    pub text: BString,
    /// It began with `!`: what it matches is taken back in.
    pub negated: bool,
}

/// Which patterns matched a folder or one of its parents; the state a walk hands down.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ParentMatches {
    matched: Vec<bool>,
}

/// Why a list of patterns is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
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

/// Lines of an ignore file as patterns: comments and empty lines gone, trimmed, cleaned, leading `/` cut.
///
/// # Errors
/// [`IgnoreError::LineTooLong`].
pub fn read_lines(file: &[u8]) -> Result<Vec<BString>, IgnoreError> {
    let _ = file;
    todo!()
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
        let _ = patterns;
        todo!()
    }

    /// Tells whether `path` (relative, `/` between elements) or a parent of it is excluded.
    ///
    /// # Errors
    /// [`IgnoreError::BadPattern`].
    pub fn matches(&self, path: &[u8]) -> Result<bool, IgnoreError> {
        let _ = path;
        todo!()
    }

    /// The pattern that decided the exclusion of `path`; `None` when it is not excluded.
    ///
    /// # Errors
    /// [`IgnoreError::BadPattern`].
    pub fn excluded_by(&self, path: &[u8]) -> Result<Option<&Pattern>, IgnoreError> {
        let _ = path;
        todo!()
    }

    /// State for the entries of the root folder.
    pub fn root(&self) -> ParentMatches {
        ParentMatches::default()
    }

    /// Judges `path`, an entry of the folder whose state is `parent`.
    ///
    /// # Errors
    /// [`IgnoreError::BadPattern`].
    pub fn visit(&self, parent: &ParentMatches, path: &[u8]) -> Result<Verdict, IgnoreError> {
        let _ = (parent, path);
        todo!()
    }

    /// Tells whether an excluded folder may hold something that a `!` line takes back in; if not, a walk skips it.
    pub fn may_reinclude_below(&self, dir: &[u8]) -> bool {
        let _ = dir;
        todo!()
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
    /// The pattern as written, `!` included.
    pub fn written(&self) -> BString {
        let mut s = BString::from(if self.negated { "!" } else { "" });
        s.extend_from_slice(&self.text);
        s
    }

    /// The pattern without `!`.
    pub fn text(&self) -> &BStr {
        self.text.as_ref()
    }
}

impl std::fmt::Display for IgnoreError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::LoneExclamation => "illegal exclusion pattern: \"!\"",
            Self::BadPattern => "syntax error in pattern",
            Self::LineTooLong => "error reading .dockerignore: bufio.Scanner: token too long",
        })
    }
}

impl std::error::Error for IgnoreError {}
