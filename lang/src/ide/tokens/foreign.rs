//! Colours of other languages in here documents: comments, strings, numbers and keywords, no more.
//!
//! The language is told by the ending of the name that the document has, or gets, as a file.

use super::{TokenType, Tokens, Variables};
use crate::ide::{File, embedded};
use crate::syntax::Node;
use crate::text::TextRange;
use bstr::ByteSlice;
use logos::Logos;

/// What has to be known of a language to colour it.
struct Language {
    /// Of its files.
    endings: &'static [&'static str],
    /// Begins a comment up to the end of the line.
    comments: &'static [&'static str],
    /// Begins and ends a comment of any length.
    block: Option<(&'static str, &'static str)>,
    /// Characters around strings; those of backquotes may span lines, as may tripled ones.
    quotes: &'static str,
    keywords: &'static [&'static str],
}

static LANGUAGES: &[Language] = &[
    Language {
        endings: &["py"],
        comments: &["#"],
        block: None,
        quotes: "\"'",
        keywords: &[
            "False", "None", "True", "and", "as", "assert", "async", "await", "break", "class",
            "continue", "def", "del", "elif", "else", "except", "finally", "for", "from", "global",
            "if", "import", "in", "is", "lambda", "nonlocal", "not", "or", "pass", "raise",
            "return", "try", "while", "with", "yield",
        ],
    },
    Language {
        endings: &["js", "mjs", "cjs", "ts"],
        comments: &["//"],
        block: Some(("/*", "*/")),
        quotes: "\"'`",
        keywords: &[
            "async",
            "await",
            "break",
            "case",
            "catch",
            "class",
            "const",
            "continue",
            "debugger",
            "default",
            "delete",
            "do",
            "else",
            "export",
            "extends",
            "false",
            "finally",
            "for",
            "function",
            "if",
            "import",
            "in",
            "instanceof",
            "let",
            "new",
            "null",
            "of",
            "return",
            "static",
            "super",
            "switch",
            "this",
            "throw",
            "true",
            "try",
            "typeof",
            "undefined",
            "var",
            "void",
            "while",
            "yield",
        ],
    },
    Language {
        endings: &["pl"],
        comments: &["#"],
        block: None,
        quotes: "\"'`",
        keywords: &[
            "and", "cmp", "die", "do", "else", "elsif", "eq", "for", "foreach", "ge", "gt", "if",
            "last", "le", "local", "lt", "my", "ne", "next", "no", "not", "or", "our", "package",
            "print", "redo", "require", "return", "sub", "unless", "until", "use", "while", "xor",
        ],
    },
    Language {
        endings: &["rb"],
        comments: &["#"],
        block: None,
        quotes: "\"'`",
        keywords: &[
            "alias", "and", "begin", "break", "case", "class", "def", "defined", "do", "else",
            "elsif", "end", "ensure", "false", "for", "if", "in", "module", "next", "nil", "not",
            "or", "redo", "require", "rescue", "retry", "return", "self", "super", "then", "true",
            "undef", "unless", "until", "when", "while", "yield",
        ],
    },
    Language {
        endings: &["php"],
        comments: &["//", "#"],
        block: Some(("/*", "*/")),
        quotes: "\"'`",
        keywords: &[
            "abstract",
            "array",
            "as",
            "break",
            "case",
            "catch",
            "class",
            "const",
            "continue",
            "default",
            "do",
            "echo",
            "else",
            "elseif",
            "extends",
            "false",
            "final",
            "finally",
            "fn",
            "for",
            "foreach",
            "function",
            "if",
            "implements",
            "interface",
            "namespace",
            "new",
            "null",
            "private",
            "protected",
            "public",
            "return",
            "static",
            "switch",
            "throw",
            "true",
            "try",
            "use",
            "var",
            "while",
        ],
    },
    Language {
        endings: &["json"],
        comments: &[],
        block: None,
        quotes: "\"",
        keywords: &["false", "null", "true"],
    },
    Language {
        endings: &["toml", "yaml", "yml"],
        comments: &["#"],
        block: None,
        quotes: "\"'",
        keywords: &["false", "null", "true"],
    },
];

/// A here document in another language than that of a shell.
pub(super) struct Document {
    pub(super) body: TextRange,
    language: &'static Language,
}

/// The documents of an instruction whose language is known, in order.
pub(super) fn documents(file: &File, node: &Node) -> Vec<Document> {
    let heredocs = file.parse().heredocs(node);
    let document = |number: usize| {
        Some(Document {
            body: heredocs[number].body,
            language: language(file, node, number)?,
        })
    };
    (0..heredocs.len()).filter_map(document).collect()
}

fn language(file: &File, node: &Node, number: usize) -> Option<&'static Language> {
    let name = embedded::name(file, node, number);
    let (_, ending) = name.rsplit_once('.')?;
    let is_this = |language: &&Language| language.endings.contains(&ending);
    LANGUAGES.iter().find(is_this)
}

/// Shapes that most languages share.
#[derive(Logos, Clone, Copy, Debug, PartialEq, Eq)]
#[logos(utf8 = false)]
enum Shape {
    #[regex(b"[$@%]?[A-Za-z_][A-Za-z0-9_]*")]
    Name,
    #[regex(b"[0-9][0-9A-Za-z_.]*")]
    Number,
    #[token(b"\"")]
    #[token(b"'")]
    #[token(b"`")]
    Quote,
    #[token(b"#")]
    #[token(b"//")]
    Comment,
    #[token(b"/*")]
    Block,
    #[regex(b"[ \t\r\n]+")]
    Blank,
}

impl Document {
    /// Paints the document and the variables in it.
    pub(super) fn paint(&self, out: &mut Tokens<'_>, variables: &mut Variables) {
        let file = out.file;
        let text = file.text(self.body);
        let mut lexer = Shape::lexer(text);
        while let Some(shape) = lexer.next() {
            let more = match shape {
                Ok(Shape::Quote) => self.string_len(lexer.slice()[0], lexer.remainder()),
                Ok(Shape::Comment) => self.comment_len(lexer.slice(), lexer.remainder()),
                Ok(Shape::Block) => self.block_len(lexer.remainder()),
                _ => None,
            };
            lexer.bump(more.unwrap_or(0));
            let kind = match shape {
                Ok(Shape::Quote) if more.is_some() => Some(TokenType::String),
                Ok(Shape::Comment | Shape::Block) if more.is_some() => Some(TokenType::Comment),
                Ok(Shape::Number) => Some(TokenType::Number),
                Ok(Shape::Name) if self.is_keyword(lexer.slice()) => Some(TokenType::Keyword),
                _ => None,
            };
            let span = lexer.span();
            let start = self.body.start;
            let range = TextRange::new(start + span.start as u32, start + span.end as u32);
            out.push_around(kind, range, variables);
        }
        out.done_up_to(self.body.end);
    }

    fn is_keyword(&self, word: &[u8]) -> bool {
        self.language.keywords.iter().any(|k| k.as_bytes() == word)
    }

    /// Bytes of a string behind its opening quote; `None` when the language has no such strings. Three quotes open one
    /// that ends with three.
    fn string_len(&self, quote: u8, rest: &[u8]) -> Option<usize> {
        if !self.language.quotes.as_bytes().contains(&quote) {
            return None;
        }
        if quote != b'`' && rest.starts_with(&[quote, quote]) {
            let end = rest[2..].find([quote; 3]).map_or(rest.len(), |at| at + 5);
            return Some(end);
        }
        let mut at = 0;
        while let Some(&byte) = rest.get(at) {
            match byte {
                b'\\' => at += 1,
                b'\n' if quote != b'`' => return Some(at),
                _ if byte == quote => return Some(at + 1),
                _ => {}
            }
            at += 1;
        }
        Some(rest.len())
    }

    fn comment_len(&self, mark: &[u8], rest: &[u8]) -> Option<usize> {
        let known = self.language.comments.iter().any(|c| c.as_bytes() == mark);
        known.then(|| rest.find_byte(b'\n').unwrap_or(rest.len()))
    }

    fn block_len(&self, rest: &[u8]) -> Option<usize> {
        let (_, end) = self.language.block?;
        Some(rest.find(end).map_or(rest.len(), |at| at + end.len()))
    }
}
