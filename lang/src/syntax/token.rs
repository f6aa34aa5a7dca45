//! Tokens, and one lexer for each way a stretch of text is spelled.
//!
//! The parser knows which stretch is a keyword, a flag, a JSON array or shell text; here each is cut into tokens.
//! A lexer never skips a byte: what no pattern knows becomes a [`TokenKind::Word`].

use logos::Logos;

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TokenKind {
    /// Byte order mark at the start of the file.
    Bom,
    /// LF with the carriage returns in front of it; at the end of the file carriage returns alone.
    LineEnd,
    /// White space inside a line.
    Blank,
    /// `#` and the rest of its line.
    Comment,
    /// `#` of a parser directive.
    DirectiveMark,
    /// Name of a parser directive.
    DirectiveName,
    /// Value of a parser directive.
    DirectiveValue,
    /// Escape character at the end of a line, with the blanks behind it.
    Continuation,
    /// Instruction keyword, or its part on one line.
    Keyword,
    /// `--name`.
    FlagName,
    /// Value of a flag.
    FlagValue,
    /// `=` of a directive, a flag or a pair.
    Equals,
    /// Plain text.
    Word,
    /// A quote character.
    Quote,
    /// Text between quotes.
    QuotedText,
    /// `$name`, `${name}` or the `${name` in front of an operator.
    Variable,
    /// The escape character and what it protects.
    Escape,
    /// `&&`, `|`, `;`, `>` and other characters that mean something to a shell.
    Operator,
    /// `<<` or `<<-`.
    HeredocMark,
    /// `[` or `]` of a JSON array.
    JsonBracket,
    /// `,` of a JSON array.
    JsonComma,
    /// A string of a JSON array with its quotes.
    JsonString,
    /// The lines of a here document.
    HeredocBody,
    /// The line that ends a here document.
    HeredocEnd,
}

/// How a stretch is spelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    Keyword,
    Flag,
    /// Words with quotes, variables and `=`.
    Words,
    /// The same, with the operators of a shell.
    Shell,
    Json,
    /// Between the parts: only white space is expected.
    Gap,
}

/// Words and shell text outside quotes.
#[derive(Logos, Clone, Copy, Debug, PartialEq, Eq)]
#[logos(utf8 = false)]
enum Plain {
    #[regex(b"[ \t\r\x0b\x0c]+")]
    Blank,
    #[token(b"\"")]
    DoubleQuote,
    #[token(b"'")]
    SingleQuote,
    #[regex(b"\\$[A-Za-z_][A-Za-z0-9_]*")]
    #[regex(b"\\$[0-9]+")]
    #[regex(b"\\$[@*#?$!-]")]
    #[regex(b"\\$\\{[A-Za-z_0-9]+\\}?")]
    Variable,
    #[token(b"=")]
    Equals,
    #[regex(b"<<-?")]
    HeredocMark,
    #[regex(b"&&|\\|\\||[|&;<>()]")]
    Operator,
    #[token(b"\\")]
    #[token(b"`")]
    EscapeOrTick,
    #[regex(b"[^ \t\r\x0b\x0c\"'$=<&|;>()\\\\`]+")]
    Word,
}

/// Inside double quotes.
#[derive(Logos, Clone, Copy, Debug, PartialEq, Eq)]
#[logos(utf8 = false)]
enum Double {
    #[token(b"\"")]
    Close,
    #[regex(b"\\$[A-Za-z_][A-Za-z0-9_]*")]
    #[regex(b"\\$[0-9]+")]
    #[regex(b"\\$[@*#?$!-]")]
    #[regex(b"\\$\\{[A-Za-z_0-9]+\\}?")]
    Variable,
    #[token(b"\\")]
    #[token(b"`")]
    EscapeOrTick,
    #[regex(b"[^\"$\\\\`]+")]
    Text,
}

/// Inside single quotes.
#[derive(Logos, Clone, Copy, Debug, PartialEq, Eq)]
#[logos(utf8 = false)]
enum Single {
    #[token(b"'")]
    Close,
    #[regex(b"[^']+")]
    Text,
}

/// A JSON array of strings.
#[derive(Logos, Clone, Copy, Debug, PartialEq, Eq)]
#[logos(utf8 = false)]
enum Json {
    #[regex(b"[ \t\r]+")]
    Blank,
    #[regex(b"[\\[\\]]")]
    Bracket,
    #[token(b",")]
    Comma,
    #[regex(b"\"([^\"\\\\]|\\\\[^\n])*\"?")]
    String,
    #[regex(b"[^ \t\r\\[\\],\"]+")]
    Word,
}

/// `--name=` of a flag.
#[derive(Logos, Clone, Copy, Debug, PartialEq, Eq)]
#[logos(utf8 = false)]
enum Flag {
    #[regex(b"[^=]+")]
    Name,
    #[token(b"=")]
    Equals,
}

/// Cuts stretches of one logical line into tokens; remembers open quotes from one physical line to the next.
pub(super) struct Lexer {
    escape: u8,
    quote: Option<u8>,
    /// The `=` of the current flag was seen.
    in_value: bool,
}

impl Lexer {
    pub(super) fn new(escape: u8) -> Self {
        Self {
            escape,
            quote: None,
            in_value: false,
        }
    }

    /// A new flag or argument begins: nothing is open.
    pub(super) fn begin(&mut self) {
        self.quote = None;
        self.in_value = false;
    }

    /// Cuts `text`, calling `push` with the kind and the length of each token.
    pub(super) fn cut(&mut self, mode: Mode, text: &[u8], push: &mut impl FnMut(TokenKind, usize)) {
        match mode {
            Mode::Keyword => push(TokenKind::Keyword, text.len()),
            Mode::Gap => push(TokenKind::Blank, text.len()),
            Mode::Flag => self.flag(text, push),
            Mode::Json => json(text, push),
            Mode::Words | Mode::Shell => self.words(mode, text, push),
        }
    }

    fn flag(&mut self, text: &[u8], push: &mut impl FnMut(TokenKind, usize)) {
        let mut rest = text;
        if !self.in_value {
            let mut lexer = Flag::lexer(text);
            while let Some(token) = lexer.next() {
                if token == Ok(Flag::Equals) {
                    push(TokenKind::Equals, 1);
                    self.in_value = true;
                    break;
                }
                push(TokenKind::FlagName, lexer.slice().len());
            }
            rest = lexer.remainder();
        }
        // The value is one token, whatever it contains.
        if !rest.is_empty() {
            push(TokenKind::FlagValue, rest.len());
        }
    }

    fn words(&mut self, mode: Mode, text: &[u8], push: &mut impl FnMut(TokenKind, usize)) {
        let mut rest = text;
        while !rest.is_empty() {
            let taken = match self.quote {
                None => self.plain(mode, rest, push),
                Some(b'"') => self.double(rest, push),
                Some(_) => self.single(rest, push),
            };
            rest = &rest[taken..];
        }
    }

    /// Takes tokens up to a quote; gives how many bytes they are.
    fn plain(&mut self, mode: Mode, text: &[u8], push: &mut impl FnMut(TokenKind, usize)) -> usize {
        let mut lexer = Plain::lexer(text);
        while let Some(token) = lexer.next() {
            let kind = match token {
                Ok(Plain::Blank) => TokenKind::Blank,
                Ok(Plain::Variable) => TokenKind::Variable,
                Ok(Plain::Equals) => TokenKind::Equals,
                Ok(Plain::HeredocMark) => TokenKind::HeredocMark,
                Ok(Plain::Operator) if mode == Mode::Shell => TokenKind::Operator,
                Ok(Plain::Word | Plain::Operator) | Err(()) => TokenKind::Word,
                Ok(Plain::EscapeOrTick) => {
                    let more = protected(self.escape, lexer.slice(), lexer.remainder());
                    push(self.escape_kind(lexer.slice()), 1 + more);
                    lexer.bump(more);
                    continue;
                }
                Ok(Plain::DoubleQuote | Plain::SingleQuote) => {
                    push(TokenKind::Quote, 1);
                    self.quote = Some(lexer.slice()[0]);
                    return lexer.span().end;
                }
            };
            push(kind, lexer.slice().len());
        }
        text.len()
    }

    fn double(&mut self, text: &[u8], push: &mut impl FnMut(TokenKind, usize)) -> usize {
        let mut lexer = Double::lexer(text);
        while let Some(token) = lexer.next() {
            let kind = match token {
                Ok(Double::Variable) => TokenKind::Variable,
                Ok(Double::Text) | Err(()) => TokenKind::QuotedText,
                Ok(Double::EscapeOrTick) => {
                    let more = protected(self.escape, lexer.slice(), lexer.remainder());
                    let kind = self.escape_kind(lexer.slice());
                    push(
                        if kind == TokenKind::Word {
                            TokenKind::QuotedText
                        } else {
                            kind
                        },
                        1 + more,
                    );
                    lexer.bump(more);
                    continue;
                }
                Ok(Double::Close) => {
                    push(TokenKind::Quote, 1);
                    self.quote = None;
                    return lexer.span().end;
                }
            };
            push(kind, lexer.slice().len());
        }
        text.len()
    }

    fn single(&mut self, text: &[u8], push: &mut impl FnMut(TokenKind, usize)) -> usize {
        let mut lexer = Single::lexer(text);
        while let Some(token) = lexer.next() {
            if token == Ok(Single::Close) {
                push(TokenKind::Quote, 1);
                self.quote = None;
                return lexer.span().end;
            }
            push(TokenKind::QuotedText, lexer.slice().len());
        }
        text.len()
    }

    fn escape_kind(&self, slice: &[u8]) -> TokenKind {
        if slice == [self.escape] {
            TokenKind::Escape
        } else {
            TokenKind::Word
        }
    }
}

/// Bytes of the character that the escape in front of `rest` protects; none when `slice` is not the escape.
fn protected(escape: u8, slice: &[u8], rest: &[u8]) -> usize {
    if slice == [escape] {
        crate::rune::decode(rest).map_or(0, |(_, n)| n)
    } else {
        0
    }
}

fn json(text: &[u8], push: &mut impl FnMut(TokenKind, usize)) {
    let mut lexer = Json::lexer(text);
    while let Some(token) = lexer.next() {
        let kind = match token {
            Ok(Json::Blank) => TokenKind::Blank,
            Ok(Json::Bracket) => TokenKind::JsonBracket,
            Ok(Json::Comma) => TokenKind::JsonComma,
            Ok(Json::String) => TokenKind::JsonString,
            Ok(Json::Word) | Err(()) => TokenKind::Word,
        };
        push(kind, lexer.slice().len());
    }
}
