//! Variable expansion.

use bstr::BString;
use std::collections::BTreeSet;
use std::fmt;

/// Expands the variables of words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lexer {
    /// `\` or a backquote.
    pub escape: char,
    /// Keep quote characters.
    pub raw_quotes: bool,
    /// Keep escape characters.
    pub raw_escapes: bool,
    /// Quotes are ordinary characters.
    pub skip_process_quotes: bool,
    /// Leave references to unset names as written.
    pub skip_unset: bool,
    /// Compare names without regard to case (Windows).
    pub ignore_case: bool,
}

/// Result of [`Lexer::word`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expanded {
    /// The text with everything replaced.
    pub text: String,
    /// Names asked for that are set.
    pub matched: BTreeSet<String>,
    /// Names asked for that are not set.
    pub unmatched: BTreeSet<String>,
}

/// Result of [`Lexer::words`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExpandedWords {
    /// The words, none empty.
    pub words: Vec<String>,
    /// Names asked for that are set.
    pub matched: BTreeSet<String>,
    /// Names asked for that are not set.
    pub unmatched: BTreeSet<String>,
}

/// Where the values of names come from.
pub trait Env {
    /// Value of `name`, compared exactly.
    fn get(&self, name: &str) -> Option<&str>;
    /// All names that are set, in order.
    fn names(&self) -> Vec<&str>;
}

/// An ordered environment: setting a name again keeps its place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EnvList {
    entries: Vec<(String, String)>,
}

impl EnvList {
    /// An empty environment.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads `NAME=value` entries; one without `=` has the empty value. Later ones win.
    pub fn from_entries<S: AsRef<str>>(entries: impl IntoIterator<Item = S>) -> Self {
        let _ = entries.into_iter();
        todo!()
    }

    /// Sets a name, in its old place when it is there already.
    pub fn set(&mut self, name: impl Into<String>, value: impl Into<String>) {
        let _ = (name.into(), value.into());
        todo!()
    }

    /// Takes a name out.
    pub fn remove(&mut self, name: &str) {
        let _ = name;
        todo!()
    }

    /// Entries in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.entries.iter().map(|(k, v)| (k.as_str(), v.as_str()))
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Tells whether nothing is set.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// `NAME=value` of every entry, in order.
    pub fn to_entries(&self) -> Vec<String> {
        self.iter().map(|(k, v)| format!("{k}={v}")).collect()
    }
}

impl Env for EnvList {
    fn get(&self, name: &str) -> Option<&str> {
        self.iter().find(|(k, _)| *k == name).map(|(_, v)| v)
    }

    fn names(&self) -> Vec<&str> {
        self.iter().map(|(k, _)| k).collect()
    }
}

/// Why a word could not be expanded. Its text is the official one: `failed to process "…": …`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpandError {
    /// The whole word.
    pub word: BString,
    /// What is wrong with it.
    pub reason: String,
}

impl fmt::Display for ExpandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "failed to process {}: {}", super::quote::quote(&self.word), self.reason)
    }
}

impl std::error::Error for ExpandError {}

impl Lexer {
    /// A lexer with everything but the escape character off.
    pub const fn new(escape: char) -> Self {
        Self {
            escape,
            raw_quotes: false,
            raw_escapes: false,
            skip_process_quotes: false,
            skip_unset: false,
            ignore_case: false,
        }
    }

    /// Expands one word into one text.
    ///
    /// # Errors
    /// Unbalanced quotes and braces, unknown operators, bad patterns, `${name?message}`.
    pub fn word(&self, word: &[u8], env: &dyn Env) -> Result<Expanded, ExpandError> {
        let _ = (word, env);
        todo!()
    }

    /// Expands one word into any number of words, split at white space that was neither quoted nor escaped.
    ///
    /// # Errors
    /// As [`Lexer::word`].
    pub fn words(&self, word: &[u8], env: &dyn Env) -> Result<ExpandedWords, ExpandError> {
        let _ = (word, env);
        todo!()
    }
}
