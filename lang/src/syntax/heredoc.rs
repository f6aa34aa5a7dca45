//! Which words of a line open a here document.
//!
//! The official front end runs its expansion lexer over the line with every variable unknown. What that leaves
//! (words with raw quotes and escapes, references as written) is small enough for a scanner of its own here:
//! unlike expansion it has no values, no operators to apply and no messages, only "fails or not".

use crate::rune;
use bstr::{BString, ByteSlice};
use std::ops::Range;

/// `<<NAME` as a word of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opener {
    /// The name, quotes and escapes removed.
    pub name: BString,
    /// File descriptor in front; 0 when absent.
    pub fd: u32,
    /// False when part of the name is quoted.
    pub expand: bool,
    /// `<<-`.
    pub chomp: bool,
    /// Bytes of the name as written, quotes and escapes included, in the text that was read.
    pub written: Range<usize>,
}

/// A quote of a here document's name is not closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unbalanced;

/// The here documents that a logical line opens, in order. A line whose quotes do not balance opens none.
///
/// # Errors
/// [`Unbalanced`] when the name of one cannot be read.
///
/// **Source:** BuildKit `parser/parser.go`, `heredocsFromLine`.
pub fn openers(line: &[u8]) -> Result<Vec<Opener>, Unbalanced> {
    let Ok(words) = Lexer::words(line, true) else {
        return Ok(Vec::new());
    };
    let mut offsets = Offsets::new(line);
    words
        .iter()
        .filter_map(|word| {
            let mut opener = opener(word.text.as_bytes()).transpose()?;
            if let Ok(opener) = &mut opener {
                let end = offsets.of(word.end);
                opener.written = end.saturating_sub(opener.written.len())..end;
            }
            Some(opener)
        })
        .collect()
}

/// Byte offsets of characters of a line that was read by [`Lexer::words`], asked for in order.
struct Offsets<'a> {
    line: &'a [u8],
    index: usize,
    at: usize,
}

impl<'a> Offsets<'a> {
    fn new(line: &'a [u8]) -> Self {
        let at = if line.starts_with(BOM) { BOM.len() } else { 0 };
        Self { line, index: 0, at }
    }

    fn of(&mut self, index: usize) -> usize {
        while self.index < index {
            self.at += rune::decode(&self.line[self.at..]).map_or(0, |(_, n)| n);
            self.index += 1;
        }
        self.at
    }
}

/// A byte order mark.
const BOM: &[u8] = b"\xef\xbb\xbf";

/// Reads one word as the opening of a here document; `None` when it is none.
///
/// # Errors
/// [`Unbalanced`] when a quote in the name is not closed.
///
/// **Source:** BuildKit `parser/parser.go`, `ParseHeredoc`.
pub fn opener(word: &[u8]) -> Result<Option<Opener>, Unbalanced> {
    let digits = word.iter().take_while(|b| b.is_ascii_digit()).count();
    let Some(rest) = word[digits..].strip_prefix(b"<<") else {
        return Ok(None);
    };
    let (chomp, rest) = match rest.strip_prefix(b"-") {
        Some(rest) => (true, rest),
        None => (false, rest),
    };
    let space = rest
        .iter()
        .take_while(|b| matches!(b, b'\t' | b'\n' | 0x0c | b'\r' | b' '))
        .count();
    let rest = &rest[space..];
    if rest.is_empty() || rest.find_byte(b'<').is_some() {
        return Ok(None);
    }
    let plain = Lexer::words(rest, false)?;
    let raw = Lexer::words(rest, true)?;
    let ([name], [raw]) = (plain.as_slice(), raw.as_slice()) else {
        return Ok(None);
    };
    let (name, raw) = (&name.text, &raw.text);
    let quotes = |text: &str, quote: char| text.matches(quote).count();
    let expand = ['\'', '"']
        .iter()
        .all(|q| quotes(name, *q) == quotes(raw, *q));
    let fd = word[..digits].iter().fold(0_u32, |n, d| {
        n.saturating_mul(10).saturating_add(u32::from(d - b'0'))
    });
    Ok(Some(Opener {
        name: BString::from(name.as_str()),
        fd,
        expand,
        chomp,
        written: word.len() - rest.len()..word.len(),
    }))
}

/// The body of a `<<-` document as it is used: leading TABs of every line cut.
pub fn chomp(body: &[u8]) -> BString {
    let mut out = Vec::with_capacity(body.len());
    for line in body.lines_with_terminator() {
        let tabs = line.iter().take_while(|b| **b == b'\t').count();
        out.extend_from_slice(&line[tabs..]);
    }
    out.into()
}

/// Splits a text into words with every variable unknown and left as written.
struct Lexer {
    text: Vec<char>,
    at: usize,
    raw: bool,
    /// Set when the word of a `${name OP word}` was read: the official lexer then forgets the unfinished word
    /// in front of the reference (`a${X:-b}` splits into `${X:-b}` alone).
    forget: bool,
}

/// A word, and the character behind it.
struct Word {
    text: String,
    end: usize,
}

/// Words under construction, as in the official `wordsStruct`.
#[derive(Default)]
struct Words {
    done: Vec<Word>,
    word: String,
    /// Where the unfinished word ends so far.
    end: usize,
}

impl Words {
    /// A character that separates words when it is space.
    fn plain(&mut self, c: char) {
        if c.is_whitespace() {
            self.finish();
        } else {
            self.word.push(c);
        }
    }

    fn finish(&mut self) {
        if !self.word.is_empty() {
            let text = std::mem::take(&mut self.word);
            self.done.push(Word {
                text,
                end: self.end,
            });
        }
    }
}

impl Lexer {
    /// `raw` keeps quotes and escapes.
    fn words(text: &[u8], raw: bool) -> Result<Vec<Word>, Unbalanced> {
        // The scanner below the official lexer skips one byte order mark at the very start.
        let mut chars: Vec<char> = rune::runes(text).collect();
        if chars.first() == Some(&'\u{feff}') {
            chars.remove(0);
        }
        let mut lexer = Self {
            text: chars,
            at: 0,
            raw,
            forget: false,
        };
        let mut words = Words::default();
        lexer.until(None, raw, &mut String::new(), &mut words)?;
        words.finish();
        Ok(words.done)
    }

    /// Reads up to `stop` (or the end), into the flat `result` and, at the outermost level, into `words`.
    fn until(
        &mut self,
        stop: Option<char>,
        raw_escapes: bool,
        result: &mut String,
        words: &mut Words,
    ) -> Result<(), Unbalanced> {
        while let Some(c) = self.peek() {
            if Some(c) == stop {
                self.at += 1;
                return Ok(());
            }
            let from = result.len();
            self.forget = false;
            match c {
                '\'' => {
                    self.single_quoted(result)?;
                    words.word.push_str(&result[from..]);
                }
                '"' => {
                    self.double_quoted(raw_escapes, result)?;
                    self.forget_unfinished(words);
                    words.word.push_str(&result[from..]);
                }
                '<' => {
                    self.less_than(result);
                    words.word.push_str(&result[from..]);
                }
                '$' => {
                    self.dollar(result)?;
                    self.forget_unfinished(words);
                    result[from..].chars().for_each(|c| words.plain(c));
                }
                '\\' => {
                    self.at += 1;
                    if raw_escapes {
                        result.push(c);
                        words.word.push(c);
                    }
                    let Some(escaped) = self.next() else {
                        words.end = self.at;
                        break;
                    };
                    result.push(escaped);
                    words.word.push(escaped);
                }
                c => {
                    self.at += 1;
                    result.push(c);
                    words.plain(c);
                }
            }
            words.end = self.at;
        }
        if stop.is_some() {
            Err(Unbalanced)
        } else {
            Ok(())
        }
    }

    fn forget_unfinished(&self, words: &mut Words) {
        if self.forget {
            words.word.clear();
        }
    }

    fn single_quoted(&mut self, out: &mut String) -> Result<(), Unbalanced> {
        self.quote(out);
        loop {
            match self.peek().ok_or(Unbalanced)? {
                '\'' => {
                    self.quote(out);
                    return Ok(());
                }
                c => {
                    self.at += 1;
                    out.push(c);
                }
            }
        }
    }

    fn double_quoted(&mut self, raw_escapes: bool, out: &mut String) -> Result<(), Unbalanced> {
        self.quote(out);
        loop {
            match self.peek().ok_or(Unbalanced)? {
                '"' => {
                    self.quote(out);
                    return Ok(());
                }
                '$' => self.dollar(out)?,
                '\\' => {
                    self.at += 1;
                    if raw_escapes {
                        out.push('\\');
                    }
                    match self.peek() {
                        Some(c @ ('"' | '$' | '\\')) => {
                            self.at += 1;
                            out.push(c);
                        }
                        // The official lexer writes the escape a second time here; reading the name undoes it.
                        Some(_) => out.push('\\'),
                        None => {}
                    }
                }
                c => {
                    self.at += 1;
                    out.push(c);
                }
            }
        }
    }

    /// Takes a quote character and keeps it when quotes are raw.
    fn quote(&mut self, out: &mut String) {
        if self.raw {
            out.extend(self.peek());
        }
        self.at += 1;
    }

    /// `<`, or `<<` with the white space behind it.
    fn less_than(&mut self, out: &mut String) {
        self.at += 1;
        out.push('<');
        if self.peek() == Some('<') {
            self.at += 1;
            out.push('<');
            while let Some(c @ ('\t' | '\r' | ' ')) = self.peek() {
                self.at += 1;
                out.push(c);
            }
        }
    }

    /// A reference, left as written.
    fn dollar(&mut self, out: &mut String) -> Result<(), Unbalanced> {
        self.at += 1;
        out.push('$');
        if self.peek() != Some('{') {
            out.push_str(&self.name());
            return Ok(());
        }
        self.at += 1;
        out.push('{');
        if matches!(self.peek(), None | Some('{' | '}' | ':')) {
            return Err(Unbalanced);
        }
        out.push_str(&self.name());
        match self.next().ok_or(Unbalanced)? {
            '}' => out.push('}'),
            ':' => {
                let operator = self.next().ok_or(Unbalanced)?;
                if matches!(operator, '#' | '%') {
                    return Err(Unbalanced);
                }
                out.push(':');
                out.push(operator);
                self.word_of_reference('}', false, out)?;
            }
            operator @ ('+' | '-' | '?') => {
                out.push(operator);
                self.word_of_reference('}', false, out)?;
            }
            operator @ ('#' | '%') => {
                out.push(operator);
                self.word_of_reference('}', true, out)?;
            }
            '/' => {
                out.push('/');
                if self.peek() == Some('/') {
                    self.at += 1;
                    out.push('/');
                }
                self.word_of_reference('/', true, out)?;
                self.word_of_reference('}', true, out)?;
            }
            _ => return Err(Unbalanced),
        }
        Ok(())
    }

    /// The word or pattern inside `${…}` up to `stop`, which is kept.
    fn word_of_reference(
        &mut self,
        stop: char,
        raw_escapes: bool,
        out: &mut String,
    ) -> Result<(), Unbalanced> {
        self.until(Some(stop), raw_escapes, out, &mut Words::default())?;
        self.forget = true;
        out.push(stop);
        Ok(())
    }

    /// A name, a run of digits, or one special character; may be empty.
    fn name(&mut self) -> String {
        let start = self.at;
        match self.peek() {
            Some('0'..='9') => {
                while self.peek().is_some_and(|c| c.is_ascii_digit()) {
                    self.at += 1;
                }
            }
            Some('@' | '*' | '#' | '?' | '-' | '$' | '!') => self.at += 1,
            _ => {
                while self.peek().is_some_and(|c| c.is_alphanumeric() || c == '_') {
                    self.at += 1;
                }
            }
        }
        self.text[start..self.at].iter().collect()
    }

    fn peek(&self) -> Option<char> {
        self.text.get(self.at).copied()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += 1;
        Some(c)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(line: &str) -> Vec<String> {
        let found = openers(line.as_bytes()).expect("quotes balance");
        found.into_iter().map(|o| o.name.to_string()).collect()
    }

    #[test]
    fn only_whole_words_open_documents() {
        assert_eq!(names("RUN cat <<EOF <<-'B' 3<<C"), ["EOF", "B", "C"]);
        assert_eq!(names("RUN cat << EOF"), ["EOF"]);
        for line in [
            "RUN a<<b",
            "RUN \"<<EOF\"",
            "RUN $((1<<2))",
            "RUN cat <<<x",
            "RUN <<''",
            "RUN <<EOF ' ",
        ] {
            assert!(names(line).is_empty(), "{line}");
        }
    }

    #[test]
    fn names_are_found_where_they_stand() {
        for (line, written) in [
            ("RUN cat <<EOF 3<<-'B' x", vec!["EOF", "'B'"]),
            ("COPY << EOF /x", vec!["EOF"]),
            ("\u{feff}RUN é <<e\\'f", vec!["e\\'f"]),
        ] {
            let found = openers(line.as_bytes()).expect("quotes balance");
            let texts: Vec<_> = found.into_iter().map(|o| &line[o.written]).collect();
            assert_eq!(texts, written);
        }
    }

    #[test]
    fn quotes_make_a_document_literal() {
        let expand =
            |word: &str| opener(word.as_bytes()).map(|o| o.map(|o| (o.name.to_string(), o.expand)));
        assert_eq!(expand("<<\\EOF"), Ok(Some(("EOF".into(), true))));
        assert_eq!(expand("<<eo\\'f"), Ok(Some(("eo'f".into(), true))));
        assert_eq!(expand("<<'e'o\\'f"), Ok(Some(("eo'f".into(), false))));
        assert_eq!(expand("<<$X"), Ok(Some(("$X".into(), true))));
        assert_eq!(expand("<<'X"), Err(Unbalanced));
    }

    #[test]
    fn chomping_cuts_tabs_of_every_line() {
        assert_eq!(chomp(b"\ta\n\t\t b\nc\t"), "a\n b\nc\t");
    }
}
