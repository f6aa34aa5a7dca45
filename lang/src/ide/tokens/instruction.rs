//! Tokens of one instruction.

use super::{Modifiers, TokenType, Tokens, Variables, foreign, script};
use crate::ide::File;
use crate::ide::names::SymbolKind;
use crate::syntax::token::TokenKind;
use crate::syntax::tree::Token;
use crate::syntax::{Keyword, Node};
use crate::text::TextRange;
use bstr::ByteSlice;

/// What an argument is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Plain,
    Keyword,
    Image,
    Stage,
    /// `name=value`, or a name alone; what the name is.
    Pair(TokenType),
    /// Name of the old form `name value`.
    Name(TokenType),
    Port,
}

/// Paints one instruction.
pub(super) struct Painter<'f, 'o> {
    file: &'f File,
    index: usize,
    out: &'o mut Tokens<'f>,
    /// Arguments with what they are, in order.
    roles: Vec<(TextRange, Role)>,
    next_role: usize,
    /// The `=` of the current pair was seen.
    in_value: bool,
    in_quotes: bool,
    /// Between `${name` and `}`, which a quote between them hides.
    in_braces: bool,
    hidden_brace: bool,
    /// A `$name` ended at the end of its line, so the name may go on.
    in_name: bool,
    /// The arguments are a JSON array.
    json: bool,
    flag: TextRange,
    after_heredoc_mark: bool,
    /// Variables in the here documents.
    replaced: Variables,
}

impl<'f, 'o> Painter<'f, 'o> {
    pub(super) fn new(file: &'f File, index: usize, out: &'o mut Tokens<'f>) -> Self {
        Self {
            file,
            index,
            out,
            roles: Vec::new(),
            next_role: 0,
            in_value: false,
            in_quotes: false,
            in_braces: false,
            hidden_brace: false,
            in_name: false,
            json: false,
            flag: TextRange::default(),
            after_heredoc_mark: false,
            replaced: Vec::new().into_iter().peekable(),
        }
    }

    pub(super) fn paint(mut self) {
        let node = &self.file.parse().nodes()[self.index];
        let inner = inner(self.file, node);
        self.roles = roles(self.file, inner);
        self.json = inner.json;
        self.replaced = replaced(self.file, node, inner).into_iter().peekable();
        let mut shell = script::Script::new(self.file, self.index);
        let mut documents = foreign::documents(self.file, node).into_iter().peekable();
        for token in self.file.tree().instruction_tokens(self.index) {
            // A token of the shell may begin in front of a document and reach into it.
            if let Some(document) = documents.next_if(|d| d.body.start <= token.range.start) {
                shell.up_to(token.range.start, self.out);
                document.paint(self.out, &mut self.replaced);
            }
            if token.kind == TokenKind::Continuation || token.kind == TokenKind::Comment {
                shell.up_to(token.range.start, self.out);
                self.line_part(token);
            } else if !shell.covers(token.range) {
                shell.up_to(token.range.start, self.out);
                self.token(token);
            }
        }
        shell.up_to(u32::MAX, self.out);
    }

    fn line_part(&mut self, token: Token) {
        let kind = if token.kind == TokenKind::Comment {
            TokenType::Comment
        } else {
            TokenType::Macro
        };
        let end = if token.kind == TokenKind::Continuation {
            token.range.start + 1
        } else {
            token.range.end
        };
        self.out.push(kind, TextRange::new(token.range.start, end));
    }

    fn token(&mut self, token: Token) {
        let range = token.range;
        let after_mark = std::mem::take(&mut self.after_heredoc_mark);
        let in_name = self.in_name && token.kind == TokenKind::LineEnd;
        match token.kind {
            TokenKind::Keyword => self.keyword(range),
            TokenKind::FlagName => {
                self.flag = range;
                self.out.push(TokenType::Parameter, range);
            }
            TokenKind::FlagValue => self.flag_value(range),
            TokenKind::Equals => self.equals(range),
            TokenKind::Word if self.in_name => self.rest_of_name(range),
            TokenKind::Word if after_mark => self.out.push(TokenType::Label, range),
            TokenKind::Quote => self.quote(range),
            TokenKind::Escape if self.in_quotes => self.braced(range, Self::quoted),
            TokenKind::Word | TokenKind::Escape => self.braced(range, Self::plain),
            TokenKind::QuotedText => self.braced(range, Self::quoted),
            TokenKind::Variable => self.variable(range),
            TokenKind::Operator | TokenKind::JsonBracket | TokenKind::JsonComma => {
                self.out.push(TokenType::Operator, range);
            }
            TokenKind::HeredocMark => {
                self.out.push(TokenType::Operator, range);
                self.after_heredoc_mark = true;
            }
            TokenKind::JsonString => self.json_string(range),
            TokenKind::HeredocBody => {
                let kind = Some(TokenType::String);
                self.out.push_around(kind, range, &mut self.replaced);
            }
            // Between the parts there is white space, or the `--` that ends the flags.
            TokenKind::Blank => self
                .out
                .push(TokenType::Parameter, trimmed(self.file, range)),
            TokenKind::HeredocEnd => self.out.push(TokenType::Label, range),
            TokenKind::Bom
            | TokenKind::LineEnd
            | TokenKind::Comment
            | TokenKind::DirectiveMark
            | TokenKind::DirectiveName
            | TokenKind::DirectiveValue
            | TokenKind::Continuation => {}
        }
        self.in_name = in_name || (token.kind == TokenKind::Variable && !self.is_whole(range));
    }

    /// Tells whether `$name` or `${name}` cannot go on.
    fn is_whole(&self, range: TextRange) -> bool {
        self.file.text(range).ends_with(b"}")
    }

    /// A word behind a variable at the end of the line above: the name goes on.
    fn rest_of_name(&mut self, range: TextRange) {
        let text = self.file.text(range);
        let name = text
            .iter()
            .take_while(|b| b.is_ascii_alphanumeric() || **b == b'_')
            .count();
        self.out.push(TokenType::Variable, slice(range, 0, name));
        let rest = slice(range, name, text.len());
        if !rest.is_empty() {
            self.braced(rest, Self::plain);
        }
    }

    /// A string of an array; variables are replaced in those of some instructions only.
    fn json_string(&mut self, range: TextRange) {
        let node = inner(self.file, &self.file.parse().nodes()[self.index]);
        let expanded = matches!(
            node.known,
            Some(Keyword::Add | Keyword::Copy | Keyword::Volume)
        );
        if expanded {
            self.with_variables(TokenType::String, range);
        } else {
            self.out.push(TokenType::String, range);
        }
    }

    fn keyword(&mut self, range: TextRange) {
        let deprecated = Keyword::find(self.file.text(range)) == Some(Keyword::Maintainer);
        let modifiers = if deprecated {
            Modifiers::DEPRECATED
        } else {
            Modifiers::default()
        };
        self.out.push_with(TokenType::Keyword, modifiers, range);
    }

    /// The value of a flag; of a mount its options.
    fn flag_value(&mut self, range: TextRange) {
        match self.file.text(self.flag).trim_start_with(|c| c == '-') {
            b"mount" | b"device" => {
                let mut at = range.start;
                for option in self.file.text(range).split(|b| *b == b',') {
                    self.option(TextRange::new(at, at + option.len() as u32));
                    at += option.len() as u32 + 1;
                }
            }
            b"from" => self.with_variables(TokenType::Class, range),
            _ => self.with_variables(TokenType::Property, range),
        }
    }

    fn option(&mut self, range: TextRange) {
        let Some(equals) = self.file.text(range).find_byte(b'=') else {
            return self.out.push(TokenType::Parameter, range);
        };
        let equals = range.start + equals as u32;
        let name = TextRange::new(range.start, equals);
        let kind = if self.file.text(name) == b"from" {
            TokenType::Class
        } else {
            TokenType::Property
        };
        self.out.push(TokenType::Parameter, name);
        self.out
            .push(TokenType::Operator, TextRange::new(equals, equals + 1));
        self.with_variables(kind, TextRange::new(equals + 1, range.end));
    }

    /// A text that is `kind` but for `$name` and `${…}` in it.
    fn with_variables(&mut self, kind: TokenType, range: TextRange) {
        let text = self.file.text(range);
        let mut at = 0;
        while let Some(dollar) = text[at..].find_byte(b'$') {
            let dollar = at + dollar;
            let end = dollar + variable_len(&text[dollar..]);
            self.out.push(kind, slice(range, at, dollar));
            self.out
                .push(TokenType::Variable, slice(range, dollar, end));
            at = end;
        }
        self.out.push(kind, slice(range, at, text.len()));
    }

    fn role(&mut self, offset: u32) -> Role {
        while self
            .roles
            .get(self.next_role)
            .is_some_and(|r| r.0.end <= offset)
        {
            self.next_role += 1;
            self.in_value = false;
            self.in_quotes = false;
            self.in_braces = false;
        }
        match self.roles.get(self.next_role) {
            Some((range, role)) if range.start <= offset => *role,
            _ => Role::Plain,
        }
    }

    fn is_argument(&self, offset: u32) -> bool {
        let argument = self.roles.get(self.next_role);
        argument.is_some_and(|(range, _)| range.start <= offset && offset < range.end)
    }

    fn equals(&mut self, range: TextRange) {
        // The first one parts name and value; others are text.
        match self.role(range.start) {
            Role::Pair(_) if !self.in_value => {
                self.in_value = true;
                self.out.push(TokenType::Operator, range);
            }
            _ if self
                .out
                .list
                .last()
                .is_some_and(|t| t.range.start == self.flag.start) =>
            {
                self.out.push(TokenType::Operator, range);
            }
            _ => self.out.push(TokenType::Parameter, range),
        }
    }

    fn quote(&mut self, range: TextRange) {
        self.role(range.start);
        self.in_quotes = !self.in_quotes;
        self.hidden_brace = self.in_braces && !self.hidden_brace;
        self.quoted(range);
    }

    fn plain(&mut self, range: TextRange) {
        let declared = |out: &mut Tokens<'_>, kind| {
            out.push_with(kind, Modifiers::DECLARATION, range);
        };
        match self.role(range.start) {
            Role::Keyword => self.out.push(TokenType::Keyword, range),
            Role::Image => self.image(range),
            Role::Stage => declared(self.out, TokenType::Class),
            Role::Pair(kind) if !self.in_value => declared(self.out, kind),
            Role::Name(kind) => declared(self.out, kind),
            Role::Port => self.port(range),
            // A string of an array that goes on from the line above.
            Role::Plain | Role::Pair(_) if self.json && self.is_argument(range.start) => {
                self.out.push(TokenType::String, range);
            }
            Role::Plain | Role::Pair(_) => self.out.push(TokenType::Parameter, range),
        }
    }

    fn quoted(&mut self, range: TextRange) {
        self.out.push(TokenType::String, range);
    }

    fn port(&mut self, range: TextRange) {
        let digits = self
            .file
            .text(range)
            .iter()
            .take_while(|b| b.is_ascii_digit());
        let digits = digits.count();
        self.out.push(TokenType::Number, slice(range, 0, digits));
        self.out.push(
            TokenType::Property,
            slice(range, digits, range.len() as usize),
        );
    }

    /// `registry/path/name:tag@digest`; a piece of it when variables are in it.
    fn image(&mut self, range: TextRange) {
        let text = self.file.text(range);
        let name_start = text.rfind_byte(b'/').map_or(0, |at| at + 1);
        let digest = text.find_byte(b'@').unwrap_or(text.len());
        let tag = text[name_start.min(digest)..digest].find_byte(b':');
        let tag = tag.map_or(digest, |at| name_start + at);
        self.out
            .push(TokenType::Namespace, slice(range, 0, name_start.min(tag)));
        self.out
            .push(TokenType::Class, slice(range, name_start.min(tag), tag));
        for (start, end) in [(tag, digest), (digest, text.len())] {
            self.out
                .push(TokenType::Property, slice(range, (start + 1).min(end), end));
        }
    }

    fn variable(&mut self, range: TextRange) {
        let text = self.file.text(range);
        self.role(range.start);
        self.in_braces = text.starts_with(b"${") && !text.ends_with(b"}");
        self.hidden_brace = false;
        self.out.push(TokenType::Variable, range);
    }

    /// Text that may end the `${…}` that is open: its operator, the word behind that, and the brace.
    fn braced(&mut self, range: TextRange, outside: fn(&mut Self, TextRange)) {
        self.role(range.start);
        if !self.in_braces || self.hidden_brace {
            return outside(self, range);
        }
        let text = self.file.text(range);
        let opened = self
            .out
            .list
            .last()
            .is_some_and(|t| t.kind == TokenType::Variable && t.range.end == range.start);
        let operator = if opened {
            text.iter()
                .take_while(|b| b":-+?#%/".contains(b))
                .count()
                .min(2)
        } else {
            0
        };
        let brace = text[operator..].find_byte(b'}').map(|at| operator + at);
        let word_end = brace.unwrap_or(text.len());
        self.out
            .push(TokenType::Operator, slice(range, 0, operator));
        self.out
            .push(TokenType::String, slice(range, operator, word_end));
        if brace.is_some() {
            self.in_braces = false;
            self.out
                .push(TokenType::Variable, slice(range, word_end, word_end + 1));
            let rest = slice(range, word_end + 1, text.len());
            if !rest.is_empty() {
                outside(self, rest);
            }
        }
    }
}

/// The part `start..end` of a range.
fn slice(range: TextRange, start: usize, end: usize) -> TextRange {
    TextRange::new(range.start + start as u32, range.start + end as u32)
}

/// A range without white space around it.
fn trimmed(file: &File, range: TextRange) -> TextRange {
    let (start, end) = crate::rune::trim(file.text(range));
    slice(range, start, end.max(start))
}

/// Length of `$name` or `${…}` at the start of a text; of the sign alone when no name follows.
fn variable_len(text: &[u8]) -> usize {
    if text.get(1) == Some(&b'{') {
        return text.find_byte(b'}').map_or(text.len(), |at| at + 1);
    }
    let name = text[1..]
        .iter()
        .take_while(|b| b.is_ascii_alphanumeric() || **b == b'_');
    1 + name.count()
}

/// The instruction whose arguments count: that inside an `ONBUILD`.
pub(super) fn inner<'f>(file: &'f File, node: &'f Node) -> &'f Node {
    std::iter::successors(Some(node), |node| file.parse().sub(node))
        .last()
        .unwrap_or(node)
}

/// The variables that the builder replaces in the files that are written out in the instruction, in order.
fn replaced(file: &File, node: &Node, inner: &Node) -> Vec<TextRange> {
    if !matches!(inner.known, Some(Keyword::Copy | Keyword::Add)) {
        return Vec::new();
    }
    let documents = file.parse().heredocs(node).iter();
    documents
        .filter(|document| document.expand)
        .flat_map(|document| variables_in(file, document.body))
        .collect()
}

fn variables_in(file: &File, body: TextRange) -> impl Iterator<Item = TextRange> {
    let names = file.names();
    let all = names.occurrences();
    let from = all.partition_point(|o| o.whole.start < body.start);
    all[from..]
        .iter()
        .take_while(move |o| o.whole.start < body.end)
        .filter(|o| names.symbol_of(o).kind == SymbolKind::Variable)
        .map(move |o| {
            let rest = TextRange::new(o.whole.start, body.end);
            slice(rest, 0, variable_len(file.text(rest)))
        })
}

fn roles(file: &File, node: &Node) -> Vec<(TextRange, Role)> {
    let args = file.parse().pieces(&node.args);
    let role = |at: usize| match node.known {
        Some(Keyword::From) => match (at, args.len()) {
            (0, _) => Role::Image,
            (1, _) if file.text(args[1].range).eq_ignore_ascii_case(b"as") => Role::Keyword,
            (2, 3) => Role::Stage,
            _ => Role::Plain,
        },
        Some(Keyword::Arg) => Role::Pair(TokenType::Variable),
        Some(Keyword::Healthcheck) if at == 0 => Role::Keyword,
        Some(Keyword::Expose) => Role::Port,
        _ => Role::Plain,
    };
    match node.known {
        Some(Keyword::Env) => pair_roles(args, TokenType::Variable),
        Some(Keyword::Label) => pair_roles(args, TokenType::Property),
        _ => args
            .iter()
            .enumerate()
            .map(|(at, arg)| (arg.range, role(at)))
            .collect(),
    }
}

fn pair_roles(args: &[crate::syntax::Piece], kind: TokenType) -> Vec<(TextRange, Role)> {
    let pair = |pair: &[crate::syntax::Piece]| {
        let [name, value, separator] = [pair[0].range, pair[1].range, pair[2].range];
        if separator.is_empty() {
            [(name, Role::Name(kind)), (value, Role::Plain)]
        } else {
            let all = name.cover(separator).cover(value);
            let none = TextRange::new(all.end, all.end);
            [(all, Role::Pair(kind)), (none, Role::Plain)]
        }
    };
    args.chunks_exact(3).flat_map(pair).collect()
}
