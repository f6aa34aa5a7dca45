//! Variable expansion: quotes, escapes, `$name` and `${name…}`.
//!
//! One lexer serves every instruction; its options say what the instruction leaves alone. It works on characters of a
//! word at a time and keeps the quirks of the reference, because users' files depend on the results.
//! **Source:** BuildKit `frontend/dockerfile/shell`, Dockerfile reference section "Environment replacement".

mod glob;

pub use glob::{reverse as reverse_pattern, to_regex as pattern_to_regex};

use crate::rune;
use glob::Glob;

use bstr::BString;
use std::collections::BTreeSet;
use std::fmt;

/// Expands the variables of words.
///
/// ```
/// use cooperage_lang::model::expand::{EnvList, Lexer};
/// let env = EnvList::from_entries(["TAG=12-slim", "EMPTY="]);
/// let lexer = Lexer::new('\\');
/// assert_eq!(lexer.word(b"debian:${TAG%-*}${EMPTY:-!}", &env).unwrap().text, "debian:12!");
/// assert_eq!(lexer.words(b"\"a b\" c", &env).unwrap().words, ["a b", "c"]);
/// let error = lexer.word(b"${TAG", &env).unwrap_err();
/// assert_eq!(error.to_string(), "failed to process \"${TAG\": unsupported modifier (\u{fffd}) in substitution");
/// ```
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
        let mut list = Self::new();
        for entry in entries {
            let entry = entry.as_ref();
            let (name, value) = entry.split_once('=').unwrap_or((entry, ""));
            list.set(name, value);
        }
        list
    }

    /// Sets a name, in its old place when it is there already.
    pub fn set(&mut self, name: impl Into<String>, value: impl Into<String>) {
        let (name, value) = (name.into(), value.into());
        match self.entries.iter_mut().find(|(k, _)| *k == name) {
            Some(entry) => entry.1 = value,
            None => self.entries.push((name, value)),
        }
    }

    /// Takes a name out.
    pub fn remove(&mut self, name: &str) {
        self.entries.retain(|(k, _)| k != name);
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
    /// Names asked for before the failure that are not set.
    pub unmatched: BTreeSet<String>,
}

impl fmt::Display for ExpandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "failed to process {}: {}",
            crate::quote::quote(&self.word),
            self.reason
        )
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
        let text = rune::scanned(word);
        if !text.bytes().any(|b| self.means(b)) {
            return Ok(Expanded {
                text: text.into_owned(),
                ..Expanded::default()
            });
        }
        let mut run = Run::new(self, &text, env);
        let (text, _) = run.run().map_err(|reason| run.failed(word, reason))?;
        Ok(Expanded {
            text,
            matched: run.matched,
            unmatched: run.unmatched,
        })
    }

    /// Tells whether a byte of a word may be more than itself. All that are, are ASCII.
    fn means(&self, b: u8) -> bool {
        matches!(b, b'$' | b'"' | b'\'') || char::from(b) == self.escape
    }

    /// Expands one word into any number of words, split at white space that was neither quoted nor escaped.
    ///
    /// # Errors
    /// As [`Lexer::word`].
    pub fn words(&self, word: &[u8], env: &dyn Env) -> Result<ExpandedWords, ExpandError> {
        let text = rune::scanned(word);
        let mut run = Run::new(self, &text, env);
        run.splits = true;
        let (_, words) = run.run().map_err(|reason| run.failed(word, reason))?;
        Ok(ExpandedWords {
            words,
            matched: run.matched,
            unmatched: run.unmatched,
        })
    }
}

/// One pass over a word. Nesting (`${a:-"${b}"}`) lives in `frames`, not on the call stack, so that no input can
/// exhaust it.
struct Run<'a> {
    lexer: &'a Lexer,
    env: &'a dyn Env,
    text: &'a str,
    at: usize,
    frames: Vec<Frame>,
    /// Words are wanted, not only the text.
    splits: bool,
    /// The word being collected in words mode. One for all frames: a frame that opens throws away what the frame
    /// around it had collected, which is the reference's behaviour.
    pending: String,
    matched: BTreeSet<String>,
    unmatched: BTreeSet<String>,
}

/// A piece of text being collected.
struct Frame {
    kind: FrameKind,
    text: String,
    words: Vec<String>,
    in_word: bool,
    raw_escapes: bool,
}

enum FrameKind {
    /// The whole word.
    Root,
    /// Between double quotes.
    DoubleQuote,
    /// The word behind an operator, up to `}`.
    Operand { name: String, operator: Operator },
    /// The pattern of a replacement, up to `/`.
    Pattern { name: String, all: bool },
    /// The text of a replacement, up to `}`.
    Replacement {
        name: String,
        all: bool,
        pattern: String,
    },
}

struct Operator {
    /// As written: `-`, `:-`, `#`.
    text: String,
    /// Without the colon.
    symbol: char,
    /// With the colon: an empty value counts as unset.
    empty_is_unset: bool,
}

/// What a `$` leads to.
enum Dollar {
    Value(String),
    Open(FrameKind),
}

impl Frame {
    fn new(kind: FrameKind, raw_escapes: bool) -> Self {
        Self {
            kind,
            text: String::new(),
            words: Vec::new(),
            in_word: false,
            raw_escapes,
        }
    }

    /// The character that ends the frame.
    fn stop(&self) -> Option<char> {
        match self.kind {
            FrameKind::Root => None,
            FrameKind::DoubleQuote => Some('"'),
            FrameKind::Operand { .. } | FrameKind::Replacement { .. } => Some('}'),
            FrameKind::Pattern { .. } => Some('/'),
        }
    }

    /// What the reference says when the text ends inside the frame. The outermost `${` has the last word.
    fn unclosed(&self) -> Option<&'static str> {
        match self.kind {
            FrameKind::Root => None,
            FrameKind::DoubleQuote => {
                Some("unexpected end of statement while looking for matching double-quote")
            }
            FrameKind::Operand { .. } | FrameKind::Replacement { .. } => {
                Some("syntax error: missing '}'")
            }
            FrameKind::Pattern { .. } => Some("syntax error: missing '/' in ${}"),
        }
    }

    fn is_substitution(&self) -> bool {
        !matches!(self.kind, FrameKind::Root | FrameKind::DoubleQuote)
    }
}

impl<'a> Run<'a> {
    fn new(lexer: &'a Lexer, text: &'a str, env: &'a dyn Env) -> Self {
        let mut root = Frame::new(FrameKind::Root, lexer.raw_escapes);
        root.text.reserve(text.len());
        Self {
            lexer,
            env,
            text,
            at: 0,
            frames: vec![root],
            splits: false,
            pending: String::new(),
            matched: BTreeSet::new(),
            unmatched: BTreeSet::new(),
        }
    }

    /// Expands everything; in case of an error says which one the reference reports.
    fn run(&mut self) -> Result<(String, Vec<String>), String> {
        let result = self.steps();
        result.map_err(|reason| {
            // Errors found at the end of the text are taken for a missing end by each `${` around.
            let outermost = self
                .frames
                .iter()
                .find(|f| f.is_substitution())
                .and_then(Frame::unclosed);
            outermost
                .filter(|_| self.at >= self.text.len())
                .map_or(reason, str::to_owned)
        })
    }

    fn failed(&self, word: &[u8], reason: String) -> ExpandError {
        ExpandError {
            word: word.into(),
            reason,
            unmatched: self.unmatched.clone(),
        }
    }

    fn steps(&mut self) -> Result<(String, Vec<String>), String> {
        loop {
            let frame = self.top();
            let (stop, quoted, raw_escapes) = (
                frame.stop(),
                matches!(frame.kind, FrameKind::DoubleQuote),
                frame.raw_escapes,
            );
            let plain = self.plain(stop);
            self.push_value(plain);
            let Some(c) = self.next() else {
                if let Some(unclosed) = self.top().unclosed() {
                    return Err(unclosed.to_owned());
                }
                self.end_word();
                let root = self.pop();
                return Ok((root.text, root.words));
            };
            match c {
                _ if stop == Some(c) => self.close()?,
                '$' => match self.dollar()? {
                    Dollar::Value(value) => self.push_value(&value),
                    Dollar::Open(kind) => self.open(kind),
                },
                '\'' if !quoted && !self.lexer.skip_process_quotes => self.single_quote()?,
                '"' if !quoted && !self.lexer.skip_process_quotes => {
                    let mut frame = Frame::new(FrameKind::DoubleQuote, raw_escapes);
                    frame.text.extend(self.lexer.raw_quotes.then_some('"'));
                    self.frames.push(frame);
                }
                _ if c == self.lexer.escape && quoted => self.quoted_escape(c, raw_escapes),
                _ if c == self.lexer.escape => {
                    if raw_escapes {
                        self.push_char(c, true);
                    }
                    if let Some(escaped) = self.next() {
                        self.push_char(escaped, true);
                    }
                }
                _ => self.push_char(c, false),
            }
        }
    }

    fn quoted_escape(&mut self, escape: char, raw_escapes: bool) {
        let text = &mut self
            .frames
            .last_mut()
            .expect("the root frame stays until the end")
            .text;
        if raw_escapes {
            text.push(escape);
        }
        match self.text[self.at..].chars().next() {
            None => {}
            Some(c) if c == '"' || c == '$' || c == escape => {
                self.at += c.len_utf8();
                text.push(c);
            }
            Some(_) => text.push(escape),
        }
    }

    /// Takes everything up to the next character that may mean something.
    fn plain(&mut self, stop: Option<char>) -> &'a str {
        let rest = &self.text[self.at..];
        let means = |b: u8| self.lexer.means(b) || stop.is_some_and(|stop| char::from(b) == stop);
        let plain = &rest[..rest.bytes().position(means).unwrap_or(rest.len())];
        self.at += plain.len();
        plain
    }

    fn single_quote(&mut self) -> Result<(), String> {
        let rest = &self.text[self.at..];
        let Some(len) = rest.find('\'') else {
            self.at = self.text.len();
            return Err(
                "unexpected end of statement while looking for matching single-quote".to_owned(),
            );
        };
        self.at += len + 1;
        if self.lexer.raw_quotes {
            self.push_quoted(&format!("'{}'", &rest[..len]));
        } else {
            self.push_quoted(&rest[..len]);
        }
        Ok(())
    }

    fn open(&mut self, kind: FrameKind) {
        let raw_escapes = match &kind {
            FrameKind::Operand { operator, .. } => matches!(operator.symbol, '#' | '%'),
            _ => true,
        };
        self.pending.clear();
        self.frames.push(Frame::new(kind, raw_escapes));
    }

    /// The frame's stop character was read.
    fn close(&mut self) -> Result<(), String> {
        if matches!(self.top().kind, FrameKind::DoubleQuote) {
            let mut text = self.pop().text;
            text.extend(self.lexer.raw_quotes.then_some('"'));
            self.push_quoted(&text);
            return Ok(());
        }
        self.end_word();
        let Frame { kind, text, .. } = self.pop();
        let value = match kind {
            FrameKind::Operand { name, operator } => self.operate(&name, &operator, text)?,
            FrameKind::Pattern { name, all } => {
                self.open(FrameKind::Replacement {
                    name,
                    all,
                    pattern: text,
                });
                return Ok(());
            }
            FrameKind::Replacement { name, all, pattern } => {
                self.replace(&name, all, &pattern, &text)?
            }
            FrameKind::Root | FrameKind::DoubleQuote => text,
        };
        self.push_value(&value);
        Ok(())
    }

    /// Reads what follows a `$`.
    fn dollar(&mut self) -> Result<Dollar, String> {
        if self.peek() != Some('{') {
            let name = self.name();
            if name.is_empty() {
                return Ok(Dollar::Value("$".to_owned()));
            }
            return Ok(Dollar::Value(
                self.value_or(&name, |name| format!("${name}")),
            ));
        }
        self.at += 1;
        match self.peek() {
            None => return Err("syntax error: missing '}'".to_owned()),
            Some('{' | '}' | ':') => return Err("syntax error: bad substitution".to_owned()),
            Some(_) => {}
        }
        let name = self.name();
        // The end of the text reads as U+FFFD, in the message too.
        let mut symbol = self.next().unwrap_or(char::REPLACEMENT_CHARACTER);
        let mut text = String::from(symbol);
        let empty_is_unset = symbol == ':';
        match symbol {
            '}' => {
                return Ok(Dollar::Value(
                    self.value_or(&name, |name| format!("${{{name}}}")),
                ));
            }
            ':' => {
                symbol = self.next().unwrap_or(char::REPLACEMENT_CHARACTER);
                text.push(symbol);
                if matches!(symbol, '#' | '%') {
                    return Err(unsupported(&text));
                }
            }
            '+' | '-' | '?' | '#' | '%' => {}
            '/' => {
                let all = self.peek() == Some('/');
                self.at += usize::from(all);
                return Ok(Dollar::Open(FrameKind::Pattern { name, all }));
            }
            _ => return Err(unsupported(&text)),
        }
        Ok(Dollar::Open(FrameKind::Operand {
            name,
            operator: Operator {
                text,
                symbol,
                empty_is_unset,
            },
        }))
    }

    fn operate(&mut self, name: &str, operator: &Operator, word: String) -> Result<String, String> {
        let value = self.get(name);
        if value.is_none() && self.lexer.skip_unset {
            return Ok(format!("${{{name}{}{word}}}", operator.text));
        }
        let present = value
            .as_deref()
            .is_some_and(|v| !(operator.empty_is_unset && v.is_empty()));
        let why = if value.is_none() { "unset" } else { "empty" };
        let value = value.unwrap_or_default();
        match operator.symbol {
            '-' => Ok(if present { value } else { word }),
            '+' => Ok(if present { word } else { String::new() }),
            '?' if present => Ok(value),
            '?' if word.is_empty() => Err(format!("{name}: is not allowed to be {why}")),
            '?' => Err(format!("{name}: {word}")),
            '#' | '%' => trim(operator.symbol, &word, &value),
            _ => Err(unsupported(&operator.text)),
        }
    }

    fn replace(
        &mut self,
        name: &str,
        all: bool,
        pattern: &str,
        replacement: &str,
    ) -> Result<String, String> {
        let value = self.get(name);
        if value.is_none() && self.lexer.skip_unset {
            return Ok(format!("${{{name}/{pattern}/{replacement}}}"));
        }
        let glob = Glob::new(pattern, true).map_err(|e| invalid_pattern(pattern, &e))?;
        let value = value.unwrap_or_default();
        Ok(if all {
            glob.replace_all(&value, replacement)
        } else {
            glob.replace_first(&value, replacement)
        })
    }

    /// Reads a name: letters, digits and `_`; a run of digits; or one special character. May be empty.
    fn name(&mut self) -> String {
        let start = self.at;
        match self.peek() {
            Some(c) if rune::is_digit(c) => self.skip_while(rune::is_digit),
            Some('@' | '*' | '#' | '?' | '-' | '$' | '!') => self.at += 1,
            _ => self.skip_while(|c| rune::is_letter(c) || rune::is_digit(c) || c == '_'),
        }
        self.text[start..self.at].to_owned()
    }

    fn skip_while(&mut self, accept: impl Fn(char) -> bool) {
        while let Some(c) = self.peek().filter(|c| accept(*c)) {
            self.at += c.len_utf8();
        }
    }

    /// Value of `name`; when unset, nothing or the reference as `written`.
    fn value_or(&mut self, name: &str, written: impl Fn(&str) -> String) -> String {
        let skip_unset = self.lexer.skip_unset;
        self.get(name).unwrap_or_else(|| {
            if skip_unset {
                written(name)
            } else {
                String::new()
            }
        })
    }

    fn get(&mut self, name: &str) -> Option<String> {
        let value = if self.lexer.ignore_case {
            let upper = name.to_uppercase();
            let names = self.env.names();
            names
                .into_iter()
                .rev()
                .find(|n| n.to_uppercase() == upper)
                .and_then(|n| self.env.get(n))
        } else {
            self.env.get(name)
        };
        let names = if value.is_some() {
            &mut self.matched
        } else {
            &mut self.unmatched
        };
        names.insert(name.to_owned());
        value.map(str::to_owned)
    }

    /// Adds text that may be split into words.
    fn push_value(&mut self, value: &str) {
        if !self.splits || matches!(self.top().kind, FrameKind::DoubleQuote) {
            self.top_mut().text.push_str(value);
        } else {
            value.chars().for_each(|c| self.push_char(c, false));
        }
    }

    /// Adds text that stays together.
    fn push_quoted(&mut self, text: &str) {
        let splits = self.splits;
        let frame = self.top_mut();
        frame.text.push_str(text);
        frame.in_word = true;
        if splits {
            self.pending.push_str(text);
        }
    }

    fn push_char(&mut self, c: char, quoted: bool) {
        let frame = self
            .frames
            .last_mut()
            .expect("the root frame stays until the end");
        frame.text.push(c);
        if !self.splits || matches!(frame.kind, FrameKind::DoubleQuote) {
            return;
        }
        if quoted || !c.is_whitespace() {
            self.pending.push(c);
            frame.in_word = true;
        } else if frame.in_word && !self.pending.is_empty() {
            frame.words.push(std::mem::take(&mut self.pending));
            frame.in_word = false;
        }
    }

    fn end_word(&mut self) {
        if !self.pending.is_empty() {
            let word = std::mem::take(&mut self.pending);
            let frame = self.top_mut();
            frame.words.push(word);
            frame.in_word = false;
        }
    }

    fn peek(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        Some(c)
    }

    fn top(&self) -> &Frame {
        self.frames
            .last()
            .expect("the root frame stays until the end")
    }

    fn top_mut(&mut self) -> &mut Frame {
        self.frames
            .last_mut()
            .expect("the root frame stays until the end")
    }

    fn pop(&mut self) -> Frame {
        self.frames
            .pop()
            .expect("the root frame stays until the end")
    }
}

/// Cuts the prefix (`#`) or suffix (`%`) that `word` describes; a doubled operator takes the longest.
fn trim(symbol: char, word: &str, value: &str) -> Result<String, String> {
    let (greedy, pattern) = word
        .strip_prefix(symbol)
        .map_or((false, word), |rest| (true, rest));
    if symbol == '#' {
        let glob = Glob::new(pattern, greedy).map_err(|e| invalid_pattern(pattern, &e))?;
        return Ok(glob.cut_prefix(value));
    }
    // The shortest match at the end is the shortest at the start of everything reversed.
    let pattern = reverse_pattern(pattern);
    let glob = Glob::new(&pattern, greedy).map_err(|e| invalid_pattern(&pattern, &e))?;
    let reversed: String = value.chars().rev().collect();
    Ok(glob.cut_prefix(&reversed).chars().rev().collect())
}

fn unsupported(operator: &str) -> String {
    format!("unsupported modifier ({operator}) in substitution")
}

fn invalid_pattern(pattern: &str, error: &str) -> String {
    format!("invalid pattern ({pattern}) in substitution: {error}")
}
