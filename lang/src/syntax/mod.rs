//! Text to nodes and tokens: knows how a Dockerfile is spelled, not what it means.
//!
//! [`parse`] never fails. It keeps places, not text: every accessor that gives text takes the source again, so a
//! [`Parse`] is small and can be kept beside its document.
//!
//! Nodes are exactly those of the official front end, so that everything built on them agrees with it; the
//! lossless [`Tree`] with its tokens is made from them when an editor asks.

pub mod ast;
pub mod directive;
pub mod heredoc;
pub mod json;
mod keyword;
mod parser;
mod spelled;
pub mod token;
pub mod tree;

pub(crate) use parser::{continuation, next_word};

pub use directive::Directive;
pub use keyword::{Form, Keyword};
pub use spelled::Spelled;
pub use tree::Tree;

use crate::diagnostic::{Diagnostic, OfficialError};
use crate::rune;
use crate::text::{LineSpan, TextRange};
use bstr::{BStr, BString};
use std::ops::Range;

/// Most bytes of a physical line without its line end. **Source:** Go `bufio.MaxScanTokenSize` less one.
pub const MAX_LINE: usize = 65_535;

/// Reads a Dockerfile.
///
/// ```
/// let source = b"FROM alpine\nRUN echo \\\n  hi\n";
/// let parse = cooperage_lang::syntax::parse(source);
/// let run = &parse.nodes()[1];
/// assert_eq!(parse.piece_texts(source, &run.args).next().unwrap(), "echo   hi");
/// assert_eq!((run.lines.start, run.lines.end), (2, 3));
/// ```
pub fn parse(source: &[u8]) -> Parse {
    parser::parse(source, b'\\')
}

/// Reads a text whose escape character is already known, such as the trigger of an `ONBUILD`.
pub fn parse_with_escape(source: &[u8], escape: char) -> Parse {
    parser::parse(source, if escape == '`' { b'`' } else { b'\\' })
}

/// Splits a text into words that keep their quotes and escapes. **Source:** `spec` section 6.
///
/// ```
/// let words = cooperage_lang::syntax::split_words(br#"a="b c" d\ e"#, '\\');
/// assert_eq!(words, [r#"a="b c""#, r"d\ e"]);
/// ```
pub fn split_words(text: &[u8], escape: char) -> Vec<BString> {
    let escape = if escape == '`' { b'`' } else { b'\\' };
    let mut at = 0;
    let mut words = Vec::new();
    while let Some(word) = parser::next_word(text, &mut at, text.len(), escape) {
        words.push(rune::to_string(&text[word.start..word.end]).into());
    }
    words
}

/// A parsed file: nodes, directives, warnings and errors. Texts are found with the accessors that take the source.
#[derive(Clone, Debug, Default)]
pub struct Parse {
    escape: u8,
    nodes: Vec<Node>,
    /// Instructions inside `ONBUILD`.
    subs: Vec<Node>,
    /// Flags and arguments of all nodes.
    pieces: Vec<Piece>,
    heredocs: Vec<Heredoc>,
    /// Comments attached to nodes, trimmed.
    comments: Vec<TextRange>,
    directives: Vec<Directive>,
    empty_continuations: Vec<EmptyContinuation>,
    /// Logical lines that had continuations.
    joined: Vec<u8>,
    /// Where the parts of `joined` come from, in order.
    segments: Vec<Segment>,
    /// Arguments that differ from what is written.
    cooked: Vec<u8>,
    errors: Vec<Diagnostic>,
    official_error: Option<OfficialError>,
}

/// One instruction as the official parser sees it.
#[derive(Clone, Debug, Default)]
pub struct Node {
    /// The keyword as written.
    pub keyword: Piece,
    /// The keyword, when it is one.
    pub known: Option<Keyword>,
    /// Indices of its flags, for [`Parse::pieces`].
    pub flags: Range<u32>,
    /// Indices of its arguments, for [`Parse::pieces`].
    pub args: Range<u32>,
    /// The arguments were a JSON array.
    pub json: bool,
    /// The joined logical line, leading space cut.
    pub original: Text,
    /// Everything behind keyword and flags, trimmed.
    pub argument_text: Text,
    /// First to last line, here documents included.
    pub lines: LineSpan,
    /// Bytes of the same, without the last line end.
    pub range: TextRange,
    /// Indices of its here documents, for [`Parse::heredocs`].
    pub heredocs: Range<u32>,
    /// Indices of the comments above it.
    comments: Range<u32>,
    /// Index of the instruction inside an `ONBUILD`.
    sub: Option<u32>,
    /// The official parser stops here; the arguments are not to be used.
    pub broken: bool,
}

/// A flag or argument: its text and the source bytes it was read from (inside the quotes for JSON).
#[derive(Clone, Copy, Debug, Default)]
pub struct Piece {
    /// The text.
    pub text: Text,
    /// Place in the source.
    pub range: TextRange,
}

/// A text somewhere; see [`Parse::text`].
#[derive(Clone, Copy, Debug, Default)]
pub struct Text {
    place: Place,
    start: u32,
    end: u32,
}

impl Text {
    fn source(start: usize, end: usize) -> Self {
        Self {
            place: Place::Source,
            start: start as u32,
            end: end as u32,
        }
    }
}

/// Which bytes a [`Text`] counts in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
    #[default]
    Source,
    Joined,
    Cooked,
}

/// From offset `joined` on, joined text comes from offset `source`.
#[derive(Clone, Copy, Debug)]
struct Segment {
    joined: u32,
    source: u32,
}

/// From offset `text` of a text on, up to the next stretch, the bytes stand in the source from `source` on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// Offset in the text.
    pub text: u32,
    /// Offset in the source.
    pub source: u32,
}

/// A here document of a node.
#[derive(Clone, Debug)]
pub struct Heredoc {
    /// The name, quotes and escapes removed.
    pub name: BString,
    /// File descriptor; 0 when absent.
    pub fd: u32,
    /// False when the name was quoted.
    pub expand: bool,
    /// `<<-`.
    pub chomp: bool,
    /// Bytes of the body.
    pub body: TextRange,
    /// Bytes of the last line, without its line end.
    pub terminator: TextRange,
}

/// The warning about empty lines in a continuation; one for each logical line.
#[derive(Clone, Debug)]
pub struct EmptyContinuation {
    /// The joined line, for [`Parse::text`].
    pub text: Text,
    /// Last line of the logical line, where the warning is reported.
    pub line: u32,
    /// Bytes of each empty line, line ends included; there is one at least.
    pub empty: Vec<TextRange>,
}

impl Parse {
    /// Nodes in file order; those inside `ONBUILD` are found with [`Parse::sub`].
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The instruction inside an `ONBUILD`.
    pub fn sub(&self, node: &Node) -> Option<&Node> {
        node.sub.map(|i| &self.subs[i as usize])
    }

    /// The instruction inside of all `ONBUILD`s; the node itself when it is none.
    pub fn innermost<'a>(&'a self, node: &'a Node) -> &'a Node {
        let mut node = node;
        while let Some(sub) = self.sub(node) {
            node = sub;
        }
        node
    }

    /// Bytes of a text.
    pub fn text<'a>(&'a self, source: &'a [u8], text: Text) -> &'a BStr {
        let from = match text.place {
            Place::Source => source,
            Place::Joined => &self.joined,
            Place::Cooked => &self.cooked,
        };
        BStr::new(&from[text.start as usize..text.end as usize])
    }

    /// Source bytes of a text that was not changed, only perhaps joined.
    pub fn text_range(&self, text: Text) -> TextRange {
        match text.place {
            Place::Source | Place::Cooked => TextRange::new(text.start, text.end),
            Place::Joined => source_range(&self.segments, text.start, text.end),
        }
    }

    /// Where a text that was not changed, only perhaps joined, stands in the source, in order.
    pub fn stretches(&self, text: Text) -> Vec<Stretch> {
        if text.place != Place::Joined {
            let source = text.start;
            return vec![Stretch { text: 0, source }];
        }
        let first = self
            .segments
            .partition_point(|s| s.joined <= text.start)
            .max(1)
            - 1;
        let inside = self.segments[first..]
            .iter()
            .take_while(|s| s.joined < text.end);
        inside
            .map(|s| Stretch {
                text: s.joined.saturating_sub(text.start),
                source: s.source + text.start.saturating_sub(s.joined),
            })
            .collect()
    }

    /// Flags or arguments of a node.
    pub fn pieces(&self, range: &Range<u32>) -> &[Piece] {
        &self.pieces[range.start as usize..range.end as usize]
    }

    /// Texts of flags or arguments of a node.
    pub fn piece_texts<'a>(
        &'a self,
        source: &'a [u8],
        range: &Range<u32>,
    ) -> impl Iterator<Item = &'a BStr> {
        self.pieces(range)
            .iter()
            .map(|piece| self.text(source, piece.text))
    }

    /// Here documents of a node.
    pub fn heredocs(&self, node: &Node) -> &[Heredoc] {
        &self.heredocs[node.heredocs.start as usize..node.heredocs.end as usize]
    }

    /// Places of the comment texts above a node, `#` and space around cut.
    pub fn comments(&self, node: &Node) -> &[TextRange] {
        &self.comments[node.comments.start as usize..node.comments.end as usize]
    }

    /// Directives of the head of the file, in order.
    pub fn directives(&self) -> &[Directive] {
        &self.directives
    }

    /// Warnings about empty lines in continuations, in order.
    pub fn empty_continuations(&self) -> &[EmptyContinuation] {
        &self.empty_continuations
    }

    /// Every error, in source order.
    pub fn errors(&self) -> &[Diagnostic] {
        &self.errors
    }

    /// What the official parser stops at.
    pub fn official_error(&self) -> Option<&OfficialError> {
        self.official_error.as_ref()
    }

    /// The escape character in force after the directives.
    pub fn escape(&self) -> char {
        char::from(self.escape)
    }

    /// The lossless tree of tokens.
    pub fn tree(&self, source: &[u8]) -> Tree {
        Tree::new(source, self)
    }
}

/// Source bytes of the joined text `start..end`.
fn source_range(segments: &[Segment], start: u32, end: u32) -> TextRange {
    let at = |offset: u32| {
        let i = segments.partition_point(|s| s.joined <= offset).max(1) - 1;
        segments
            .get(i)
            .map_or(offset, |s| s.source + (offset - s.joined))
    };
    let from = at(start);
    if end > start {
        TextRange::new(from, at(end - 1) + 1)
    } else {
        TextRange::new(from, from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::instructions;
    use proptest::prelude::*;

    fn printed(source: &[u8]) -> Vec<u8> {
        let tree = parse(source).tree(source);
        let mut at = 0;
        for token in tree.tokens() {
            assert_eq!(token.range.start, at, "tokens leave no gap");
            assert!(!token.range.is_empty(), "no token is empty");
            at = token.range.end;
        }
        source[..at as usize].to_vec()
    }

    /// Every place a parse or a diagnostic names lies in the source.
    fn check_places(source: &[u8]) {
        let len = source.len() as u32;
        let inside = |range: TextRange| {
            assert!(
                range.start <= range.end && range.end <= len,
                "{range:?} of {len}"
            );
        };
        let parse = parse(source);
        parse
            .nodes()
            .iter()
            .chain(&parse.subs)
            .for_each(|n| inside(n.range));
        parse.pieces.iter().for_each(|p| inside(p.range));
        let file = instructions::lower(source, &parse);
        file.diagnostics.iter().for_each(|d| inside(d.range));
        let is_error = |d: &Diagnostic| d.severity == crate::diagnostic::Severity::Error;
        assert_eq!(
            file.official_error.is_some(),
            file.diagnostics.iter().any(is_error)
        );
    }

    /// Fragments that together reach every mode.
    fn fragment() -> impl Strategy<Value = Vec<u8>> {
        let known: &[&[u8]] = &[
            b"FROM a AS b\n",
            b"RUN ",
            b"COPY ",
            b"ONBUILD ",
            b"ENV ",
            b"ARG ",
            b"HEALTHCHECK CMD ",
            b"SHELL ",
            b"\\\n",
            b"\\",
            b"`\n",
            b"# escape=`\n",
            b"# c\n",
            b"#\n",
            b"\n",
            b"\r\n",
            b" ",
            b"\t",
            b"--mount=",
            b"--",
            b"\"",
            b"'",
            b"[\"a\", \"\\n\"]",
            b"<<EOF",
            b"<<-'E'",
            b"EOF\n",
            b"E\n",
            b"=",
            b"a=b",
            b"$x",
            b"${x:-y}",
            b"${",
            b",",
            b"\xff",
            b"\xc2\xa0",
            b"\xef\xbb\xbf",
            b"\0",
            b"x",
            b"AS",
        ];
        prop_oneof![
            prop::sample::select(known).prop_map(<[u8]>::to_vec),
            prop::collection::vec(any::<u8>(), 0..4)
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn any_bytes_are_printed_back(source in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert_eq!(printed(&source), source.clone());
            check_places(&source);
        }

        #[test]
        fn any_mixture_is_printed_back(parts in prop::collection::vec(fragment(), 0..40)) {
            let source = parts.concat();
            prop_assert_eq!(printed(&source), source.clone());
            check_places(&source);
        }
    }

    fn errors(source: &str) -> Vec<(&'static str, String)> {
        let file = instructions::parse(source.as_bytes());
        let text = |d: &Diagnostic| source[d.range.start as usize..d.range.end as usize].to_owned();
        file.diagnostics.iter().map(|d| (d.code, text(d))).collect()
    }

    #[test]
    fn a_bad_line_does_not_hide_the_next() {
        let source = "FROM a\nCMD [\"a\", 1]\nENV a=b c\nRUNN x\nCOPY --form=b c d\nEXPOSE\nFROM x y\nUSER\n";
        let want = [
            ("json-not-strings", "1"),
            ("missing-equals", "c"),
            ("unknown-instruction", "RUNN"),
            ("unknown-flag", "--form=b"),
            ("missing-argument", "EXPOSE"),
            ("bad-from", "x y"),
            ("missing-argument", "USER"),
        ];
        let want: Vec<_> = want.map(|(code, text)| (code, text.to_owned())).into();
        assert_eq!(errors(source), want);
    }

    #[test]
    fn an_open_heredoc_ends_at_the_next_instruction() {
        assert_eq!(
            errors("FROM a\nRUN <<EOF\nls\nCOPY a b\nBAD\n"),
            [
                ("unterminated-heredoc", "RUN <<EOF".to_owned()),
                ("unknown-instruction", "BAD".to_owned()),
            ]
        );
    }

    #[test]
    fn places_are_exact_across_continuations() {
        let source = b"FR\\\nOM a\nENV a=\"b\\\n c\" \\\n  # note\n  d=\\\ne\n";
        let parse = parse(source);
        let text = |r: TextRange| BStr::new(&source[r.start as usize..r.end as usize]);
        assert_eq!(text(parse.nodes()[0].keyword.range), "FR\\\nOM");
        let places: Vec<_> = parse
            .pieces(&parse.nodes()[1].args)
            .iter()
            .map(|p| text(p.range).to_string())
            .collect();
        assert_eq!(places, ["a", "\"b\\\n c\"", "=", "d", "e", "="]);
    }

    #[test]
    fn long_lines_end_the_official_file_only() {
        let long = "x".repeat(MAX_LINE + 1);
        let parse = parse(format!("FROM a\nLABEL a={long}\nRUN b\n").as_bytes());
        assert_eq!(parse.nodes().len(), 3);
        let error = parse
            .official_error()
            .map(|e| (e.message.as_str(), e.at[0].start));
        assert_eq!(
            error,
            Some(("dockerfile line greater than max allowed size of 65535", 1))
        );
    }
}
