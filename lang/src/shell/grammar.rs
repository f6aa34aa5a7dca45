//! The grammar of shell text: the one place that knows the parser library.
//!
//! What the library gives is copied into a flat list in preorder, in which the descendants of a node are the stretch
//! behind it. The rest of the module reads that list and needs neither cursors nor the library's memory.

use crate::text::TextRange;
use bstr::ByteSlice;
use std::borrow::Cow;
use std::ops::ControlFlow;
use std::sync::OnceLock;

/// Most bytes that one parser is given for a file. More is data, not scripts.
const MAX_BYTES: usize = 1024 * 1024;

/// Longest text that is read in one go, in bytes. Error recovery looks far ahead for each byte, so its time grows with
/// the square of the length; the longest script of a thousand Dockerfiles has 5 KB.
const MAX_PIECE: usize = 8 * 1024;

/// Most rounds of the parser (of a hundred steps each) for a text of `len` bytes. Scripts need half as many; what needs
/// more is no script, and each round of it takes long.
const fn max_rounds(len: usize) -> usize {
    8 + len / 50
}

/// After so many texts that took too many rounds a file is not read any further.
const MAX_FAILURES: u32 = 4;

/// What a node of the grammar is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    // Statements.
    Program,
    Command,
    CommandName,
    Declaration,
    Test,
    Assignment,
    Assignments,
    Negated,
    Redirected,
    List,
    Pipeline,
    If,
    Elif,
    Else,
    While,
    For,
    ForArithmetic,
    Do,
    Case,
    CaseItem,
    Function,
    Group,
    Subshell,
    // Parts of words.
    Word,
    Number,
    Concatenation,
    String,
    RawString,
    Variable,
    Expansion,
    CommandSubstitution,
    ProcessSubstitution,
    Arithmetic,
    VariableName,
    Subscript,
    Array,
    Pattern,
    // Redirections.
    FileRedirect,
    HeredocRedirect,
    HereString,
    Descriptor,
    HeredocStart,
    HeredocBody,
    HeredocText,
    HeredocEnd,
    // Inside tests and arithmetic.
    Compound,
    TestOperator,
    // Tokens.
    Keyword,
    And,
    Or,
    Pipe,
    Bang,
    End,
    Background,
    Quote,
    Operator,
    Comment,
    Error,
}

impl Kind {
    fn of(name: &str, named: bool) -> Self {
        if named {
            Self::of_node(name)
        } else {
            Self::of_token(name)
        }
    }

    fn of_node(name: &str) -> Self {
        match name {
            "program" => Self::Program,
            "command" => Self::Command,
            "command_name" => Self::CommandName,
            "declaration_command" | "unset_command" => Self::Declaration,
            "test_command" => Self::Test,
            "variable_assignment" => Self::Assignment,
            "variable_assignments" => Self::Assignments,
            "negated_command" => Self::Negated,
            "redirected_statement" => Self::Redirected,
            "list" => Self::List,
            "pipeline" => Self::Pipeline,
            "if_statement" => Self::If,
            "elif_clause" => Self::Elif,
            "else_clause" => Self::Else,
            "while_statement" => Self::While,
            "for_statement" => Self::For,
            "c_style_for_statement" => Self::ForArithmetic,
            "do_group" => Self::Do,
            "case_statement" => Self::Case,
            "case_item" => Self::CaseItem,
            "function_definition" => Self::Function,
            "compound_statement" => Self::Group,
            "subshell" => Self::Subshell,
            "word" | "string_content" => Self::Word,
            "number" => Self::Number,
            "concatenation" | "brace_expression" => Self::Concatenation,
            "string" | "translated_string" => Self::String,
            "raw_string" | "ansi_c_string" => Self::RawString,
            "simple_expansion" => Self::Variable,
            "expansion" => Self::Expansion,
            "command_substitution" => Self::CommandSubstitution,
            "process_substitution" => Self::ProcessSubstitution,
            "arithmetic_expansion" => Self::Arithmetic,
            "variable_name" | "special_variable_name" => Self::VariableName,
            "subscript" => Self::Subscript,
            "array" => Self::Array,
            "regex" | "extglob_pattern" => Self::Pattern,
            "file_redirect" => Self::FileRedirect,
            "heredoc_redirect" => Self::HeredocRedirect,
            "herestring_redirect" => Self::HereString,
            "file_descriptor" => Self::Descriptor,
            "heredoc_start" => Self::HeredocStart,
            "heredoc_body" => Self::HeredocBody,
            "heredoc_content" => Self::HeredocText,
            "heredoc_end" => Self::HeredocEnd,
            "test_operator" => Self::TestOperator,
            "comment" => Self::Comment,
            "ERROR" => Self::Error,
            _ => Self::Compound,
        }
    }

    fn of_token(name: &str) -> Self {
        match name {
            "if" | "then" | "elif" | "else" | "fi" | "for" | "select" | "in" | "while"
            | "until" | "do" | "done" | "case" | "esac" | "function" | "declare" | "typeset"
            | "export" | "readonly" | "local" | "unset" | "unsetenv" => Self::Keyword,
            "&&" => Self::And,
            "||" => Self::Or,
            "|" | "|&" => Self::Pipe,
            "!" => Self::Bang,
            ";" | "\n" => Self::End,
            "&" => Self::Background,
            "\"" => Self::Quote,
            _ => Self::Operator,
        }
    }

    /// A word of a command, or part of one.
    pub(super) fn is_literal(self) -> bool {
        matches!(
            self,
            Self::Word
                | Self::Number
                | Self::Concatenation
                | Self::String
                | Self::RawString
                | Self::Variable
                | Self::Expansion
                | Self::CommandSubstitution
                | Self::ProcessSubstitution
                | Self::Arithmetic
                | Self::Pattern
        )
    }
}

/// One node.
#[derive(Clone, Copy, Debug)]
pub(super) struct Node {
    pub(super) kind: Kind,
    pub(super) range: TextRange,
    /// Index of the first node that is not a descendant.
    pub(super) behind: u32,
    /// The grammar demanded it and it is not there.
    pub(super) missing: bool,
}

/// The nodes of a text in preorder.
#[derive(Debug, Default)]
pub(super) struct Nodes(Vec<Node>);

impl Nodes {
    pub(super) fn root(&self) -> Option<usize> {
        (!self.0.is_empty()).then_some(0)
    }

    pub(super) fn all(&self) -> &[Node] {
        &self.0
    }

    pub(super) fn get(&self, index: usize) -> &Node {
        &self.0[index]
    }

    /// Indices of the direct children.
    pub(super) fn children(&self, index: usize) -> impl Iterator<Item = usize> + '_ {
        let end = self.0[index].behind as usize;
        let mut next = index + 1;
        std::iter::from_fn(move || {
            let child = (next < end).then_some(next)?;
            next = self.0[child].behind as usize;
            Some(child)
        })
    }

    /// Indices of all descendants, in source order.
    pub(super) fn below(&self, index: usize) -> std::ops::Range<usize> {
        index + 1..self.0[index].behind as usize
    }

    /// Puts the statements of a piece that begins at `start` behind those that are here.
    fn append(&mut self, piece: &Self, start: u32) {
        // The first node is the piece as a whole, the first one here the text as a whole.
        let shift = self.0.len() as u32 - 1;
        self.0.extend(piece.0.iter().skip(1).map(|node| Node {
            range: TextRange::new(node.range.start + start, node.range.end + start),
            behind: node.behind + shift,
            ..*node
        }));
        self.0[0].behind = self.0.len() as u32;
    }

    /// The first direct child of a kind.
    pub(super) fn child(&self, index: usize, kind: Kind) -> Option<usize> {
        self.children(index).find(|i| self.0[*i].kind == kind)
    }
}

/// Kinds by the library's number of a node.
fn kinds() -> &'static [Kind] {
    static KINDS: OnceLock<Vec<Kind>> = OnceLock::new();
    KINDS.get_or_init(|| {
        let language = tree_sitter::Language::new(tree_sitter_bash::LANGUAGE);
        (0..language.node_kind_count() as u16)
            .map(|id| {
                let name = language.node_kind_for_id(id).unwrap_or_default();
                Kind::of(name, language.node_kind_is_named(id))
            })
            .collect()
    })
}

/// Reads the texts of a file one after the other.
pub(super) struct Grammar {
    parser: tree_sitter::Parser,
    bytes_left: usize,
    failures: u32,
}

impl Grammar {
    pub(super) fn new() -> Self {
        let mut parser = tree_sitter::Parser::new();
        let language = tree_sitter::Language::new(tree_sitter_bash::LANGUAGE);
        parser
            .set_language(&language)
            .expect("library and grammar are built for each other");
        Self {
            parser,
            bytes_left: MAX_BYTES,
            failures: 0,
        }
    }

    /// The nodes of a text; none of what is too long or too hard. A long one is cut at line ends, and what stands
    /// across a cut is not understood.
    pub(super) fn read(&mut self, text: &[u8]) -> Nodes {
        if text.len() <= MAX_PIECE {
            return self.piece(text);
        }
        let mut nodes = Nodes(vec![Node {
            kind: Kind::Program,
            range: TextRange::new(0, text.len() as u32),
            behind: 0,
            missing: false,
        }]);
        let mut start = 0;
        while start < text.len() {
            let end = start + piece_len(&text[start..]);
            nodes.append(&self.piece(&text[start..end]), start as u32);
            start = end;
        }
        nodes
    }

    fn piece(&mut self, text: &[u8]) -> Nodes {
        if text.len() > self.bytes_left || self.failures >= MAX_FAILURES {
            return Nodes::default();
        }
        self.bytes_left -= text.len();
        let mut rounds = max_rounds(text.len());
        let mut limit = |_: &tree_sitter::ParseState| match rounds.checked_sub(1) {
            Some(left) => {
                rounds = left;
                ControlFlow::Continue(())
            }
            None => ControlFlow::Break(()),
        };
        let options = tree_sitter::ParseOptions::new().progress_callback(&mut limit);
        let text = without_prefixes(text);
        let mut rest = |at: usize, _| text.get(at..).unwrap_or_default();
        if let Some(tree) = self
            .parser
            .parse_with_options(&mut rest, None, Some(options))
        {
            return flatten(&tree);
        }
        self.parser.reset();
        self.failures += 1;
        Nodes::default()
    }
}

/// What begins a compound command, as a word.
const COMPOUND: &[&[u8]] = &[b"{", b"if", b"for", b"while", b"until", b"case"];

/// The text with blanks for `!` and `time` in front of a compound command, which the grammar does not know there.
fn without_prefixes(text: &[u8]) -> Cow<'_, [u8]> {
    let mut text = Cow::Borrowed(text);
    let mut at = 0;
    while let Some(found) = text[at..].find_byteset(b"!t") {
        let start = at + found;
        at = start + 1;
        let len = match &text[start..] {
            [b'!', ..] => 1,
            rest if rest.starts_with(b"time") => 4,
            _ => continue,
        };
        let is_begin = start == 0 || b" \t\n;&|(".contains(&text[start - 1]);
        let behind = &text[start + len..];
        let blanks = behind.len() - behind.trim_start_with(|c| matches!(c, ' ' | '\t')).len();
        let is_compound = |word: &&&[u8]| {
            let rest = behind[blanks..].strip_prefix(**word);
            rest.is_some_and(|rest| rest.first().is_some_and(u8::is_ascii_whitespace))
        };
        if is_begin && blanks > 0 && COMPOUND.iter().any(|word| is_compound(&word)) {
            text.to_mut()[start..start + len].fill(b' ');
        }
    }
    text
}

/// Length of the first piece of a text: up to its last line end, else its last space.
fn piece_len(text: &[u8]) -> usize {
    let Some(piece) = text.get(..MAX_PIECE) else {
        return text.len();
    };
    let last = |byte: u8| piece.iter().rposition(|b| *b == byte);
    last(b'\n')
        .or_else(|| last(b' '))
        .map_or(MAX_PIECE, |at| at + 1)
}

fn flatten(tree: &tree_sitter::Tree) -> Nodes {
    let kinds = kinds();
    let mut nodes = Vec::new();
    let mut open: Vec<usize> = Vec::new();
    let mut cursor = tree.walk();
    loop {
        let node = cursor.node();
        let kind = if node.is_error() {
            Kind::Error
        } else {
            kinds
                .get(usize::from(node.kind_id()))
                .copied()
                .unwrap_or(Kind::Compound)
        };
        open.push(nodes.len());
        nodes.push(Node {
            kind,
            range: TextRange::new(node.start_byte() as u32, node.end_byte() as u32),
            behind: 0,
            missing: node.is_missing(),
        });
        if cursor.goto_first_child() {
            continue;
        }
        loop {
            let done = open.pop().expect("every node visited was opened");
            nodes[done].behind = nodes.len() as u32;
            if cursor.goto_next_sibling() {
                break;
            }
            if !cursor.goto_parent() {
                return Nodes(nodes);
            }
        }
    }
}
