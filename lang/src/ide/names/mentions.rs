//! Every name an instruction mentions, in the order in which the builder looks at them: what is read comes before
//! what is set, since an instruction sees the environment as it was in front of it.
//!
//! Works on parsed nodes, not on typed instructions, so that a line that is being typed has names too.

use super::assignments::assignments;
use super::references::{Reader, references};
use crate::ide::mount;
use crate::syntax::{self, Heredoc, Keyword, Node, Parse, Piece, Spelled, heredoc};
use crate::text::TextRange;
use bstr::{BString, ByteSlice};
use std::ops::Range;

/// A name in an instruction.
#[derive(Clone, Debug)]
pub(super) struct Mention {
    pub(super) kind: MentionKind,
    /// The name as the language reads it.
    pub(super) name: BString,
    /// Where it stands, without what surrounds it.
    pub(super) range: TextRange,
    /// The same with the signs that belong to it: `${name}`.
    pub(super) whole: TextRange,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MentionKind {
    /// `$name`.
    Variable,
    /// The name an `ARG` or `ENV` sets.
    Set(Set),
    /// A name that a command sets for itself: in its shell text, or as `env=` of a secret.
    Assigned,
    /// The base of a `FROM`.
    Base,
    /// The name behind `AS`.
    Stage,
    /// `COPY --from`; a number is a position.
    CopyFrom,
    /// `from=` of a mount, where a number is a name.
    MountFrom,
    /// `id=` of a secret, or `source=` which means the same.
    Secret,
    /// `id=` of an agent socket.
    Ssh,
    /// `id=` of a cache.
    Cache,
    /// `<<NAME`.
    HeredocOpener,
    /// The line that ends a here document.
    HeredocEnd,
}

/// How a variable is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Set {
    /// `ARG` or `ENV`.
    pub(super) keyword: Keyword,
    /// Where the value is written; none for `ARG NAME`.
    pub(super) value: Option<TextRange>,
    /// Index of the argument that holds the value: all of an `ENV`'s, what is behind the `=` of an `ARG`'s.
    pub(super) piece: Option<u32>,
    /// Part of a trigger, which acts in other builds.
    pub(super) trigger: bool,
}

/// Collects the mentions of one node.
pub(super) fn mentions(source: &[u8], parse: &Parse, node: &Node) -> Vec<Mention> {
    let mut collector = Collector {
        source,
        parse,
        node,
        trigger: false,
        found: Vec::new(),
        sets: Vec::new(),
    };
    collector.instruction();
    collector.found
}

struct Collector<'a> {
    source: &'a [u8],
    parse: &'a Parse,
    /// The instruction, or the one inside an `ONBUILD`.
    node: &'a Node,
    trigger: bool,
    found: Vec<Mention>,
    /// Those that take effect behind the instruction.
    sets: Vec<Mention>,
}

impl<'a> Collector<'a> {
    fn instruction(&mut self) {
        let outer = self.node;
        self.node = self.parse.innermost(outer);
        self.trigger = outer.known == Some(Keyword::Onbuild);
        let Some(keyword) = self.node.known else {
            return self.unknown();
        };
        match keyword {
            Keyword::From => self.from(),
            Keyword::Arg => self.arg(),
            Keyword::Env => self.env(),
            Keyword::Copy | Keyword::Add => self.copy(),
            Keyword::Run => {
                self.flags(|name| name == b"mount", Self::mount);
                self.arguments(self.shell());
            }
            Keyword::Cmd | Keyword::Entrypoint | Keyword::Healthcheck => {
                self.arguments(self.shell());
            }
            Keyword::Expose
            | Keyword::Label
            | Keyword::Stopsignal
            | Keyword::User
            | Keyword::Volume
            | Keyword::Workdir => self.arguments(self.builder()),
            Keyword::Maintainer | Keyword::Onbuild | Keyword::Shell => {}
        }
        self.heredocs(outer, keyword);
        self.found.append(&mut self.sets);
    }

    fn builder(&self) -> Reader {
        Reader::Builder {
            escape: self.parse.escape() as u8,
        }
    }

    fn shell(&self) -> Reader {
        Reader::Shell {
            escape: self.parse.escape() as u8,
        }
    }

    /// What an instruction refers to whose keyword is not typed to its end.
    fn unknown(&mut self) {
        let text = self.parse.spelled(self.source, self.node.argument_text);
        self.references(&text, self.builder());
    }

    fn from(&mut self) {
        self.flags(|name| name == b"platform", Self::expanded_flag);
        let args = self.parse.pieces(&self.node.args);
        if let Some(base) = args.first() {
            let text = self.argument(base);
            self.push(MentionKind::Base, &text, 0..text.bytes().len());
            self.references(&text, self.builder());
        }
        if let [_, between, name, ..] = args
            && self.argument(between).bytes().eq_ignore_ascii_case(b"as")
        {
            let text = self.argument(name);
            self.plain_name(MentionKind::Stage, &text, 0..text.bytes().len());
        }
    }

    /// An `ARG` sees those in front of it on its own line.
    fn arg(&mut self) {
        for index in self.node.args.clone() {
            let text = self.argument(&self.parse.pieces(&(index..index + 1))[0]);
            let bytes = text.bytes();
            let equals = bytes.find_byte(b'=');
            if let Some(at) = equals {
                self.references_in(&text, at + 1..bytes.len(), self.builder());
            }
            let set = Set {
                keyword: Keyword::Arg,
                value: equals.map(|at| text.range(at + 1..bytes.len())),
                piece: equals.map(|_| index),
                trigger: self.trigger,
            };
            self.push(
                MentionKind::Set(set),
                &text,
                0..equals.unwrap_or(bytes.len()),
            );
        }
    }

    fn env(&mut self) {
        let args = self.node.args.clone();
        for index in args.clone().step_by(3) {
            let [name, value, ..] = self.parse.pieces(&(index..args.end)) else {
                return;
            };
            let (name, value) = (self.argument(name), self.argument(value));
            self.references(&name, self.builder());
            self.references(&value, self.builder());
            let set = Set {
                keyword: Keyword::Env,
                value: Some(value.range(0..value.bytes().len())),
                piece: Some(index + 1),
                trigger: self.trigger,
            };
            let all = 0..name.bytes().len();
            self.set(set, &name, all);
        }
        if self.node.broken {
            self.unfinished_env(args.len() / 3);
        }
    }

    /// `ENV name` or `ENV name=value name`, before the last value is typed: the words behind the pairs that were read.
    fn unfinished_env(&mut self, pairs: usize) {
        let text = self.parse.spelled(self.source, self.node.argument_text);
        let (bytes, escape) = (text.bytes(), self.parse.escape() as u8);
        let mut at = 0;
        let words = std::iter::from_fn(|| syntax::next_word(bytes, &mut at, bytes.len(), escape));
        for word in words.skip(pairs) {
            let word = word.start..word.end;
            let equals = bytes[word.clone()].find_byte(b'=');
            let name = word.start..equals.map_or(word.end, |n| word.start + n);
            let value = equals.map(|_| name.end + 1..word.end);
            self.references_in(&text, word, self.builder());
            let set = Set {
                keyword: Keyword::Env,
                value: value.map(|value| text.range(value)),
                piece: None,
                trigger: self.trigger,
            };
            self.set(set, &text, name);
        }
    }

    /// Sets a name that is written plainly or between quotes. One that holds variables has no place of its own.
    fn set(&mut self, set: Set, text: &Spelled<'_>, name: Range<usize>) {
        let bytes = text.bytes();
        let inner = match &bytes[name.clone()] {
            [open @ (b'"' | b'\''), .., close] if open == close => name.start + 1..name.end - 1,
            _ => name,
        };
        let plain = |b: &u8| !matches!(b, b'$' | b'"' | b'\'' | b'\\' | b'`');
        if !inner.is_empty() && bytes[inner.clone()].iter().all(plain) {
            let mention = mention(MentionKind::Set(set), text, inner);
            self.sets.push(mention);
        }
    }

    fn copy(&mut self) {
        self.flags(|name| name == b"from", Self::copy_from);
        self.flags(
            |name| matches!(name, b"chown" | b"chmod" | b"checksum"),
            Self::expanded_flag,
        );
        self.arguments(self.builder());
    }

    fn copy_from(&mut self, text: &Spelled<'_>, value: Range<usize>) {
        self.plain_name(MentionKind::CopyFrom, text, value);
    }

    /// A name that has to be written out; one with variables is an error of its own, but they are meant.
    fn plain_name(&mut self, kind: MentionKind, text: &Spelled<'_>, value: Range<usize>) {
        if text.bytes()[value.clone()].find_byte(b'$').is_none() {
            self.push(kind, text, value);
        } else {
            self.references_in(text, value, self.builder());
        }
    }

    fn expanded_flag(&mut self, text: &Spelled<'_>, value: Range<usize>) {
        self.references_in(text, value, self.builder());
    }

    /// The fields of a mount: each value is expanded on its own.
    fn mount(&mut self, text: &Spelled<'_>, value: Range<usize>) {
        let fields = mount::fields(text.bytes(), value);
        let kind = fields.iter().rev().find(|f| f.key == "type");
        let kind = kind.and_then(|f| f.value.clone());
        let kind = kind.map_or(&b""[..], |value| &text.bytes()[value]);
        let id = match kind.to_ascii_lowercase().as_slice() {
            b"secret" => Some(MentionKind::Secret),
            b"ssh" => Some(MentionKind::Ssh),
            b"cache" => Some(MentionKind::Cache),
            _ => None,
        };
        for field in fields {
            let Some(value) = field.value else { continue };
            match (field.key.as_str(), id) {
                ("from", _) => self.plain_name(MentionKind::MountFrom, text, value),
                ("id", Some(id)) => self.plain_name(id, text, value),
                ("env", Some(MentionKind::Secret)) => {
                    self.plain_name(MentionKind::Assigned, text, value);
                }
                ("source" | "src", Some(MentionKind::Secret)) => {
                    self.plain_name(MentionKind::Secret, text, value);
                }
                _ => self.references_in(text, value, self.builder()),
            }
        }
    }

    /// The opener and the last line of each here document, and what their bodies refer to.
    fn heredocs(&mut self, outer: &Node, keyword: Keyword) {
        if !keyword.takes_heredocs() || self.node.json {
            return;
        }
        let line = self.parse.spelled(self.source, outer.original);
        if line.bytes().find(b"<<").is_none() {
            return;
        }
        let mut documents = self.parse.heredocs(outer).iter();
        for opener in heredoc::openers(line.bytes()).unwrap_or_default() {
            self.opener(&line, &opener);
            if let Some(document) = documents.next() {
                self.body(document, &opener, keyword);
                self.end(document);
            }
        }
    }

    /// What a document refers to: a script is read by its shell; elsewhere the shell, or for files the builder, only
    /// expands.
    fn body(&mut self, document: &Heredoc, opener: &heredoc::Opener, keyword: Keyword) {
        let body = self.parse.spelled_source(self.source, document.body);
        if keyword == Keyword::Run && self.is_one_document() {
            if is_shell_script(body.bytes()) {
                self.references(&body, Reader::Shell { escape: b'\\' });
            }
        } else if opener.expand {
            self.references(&body, Reader::Document);
        }
    }

    fn end(&mut self, document: &Heredoc) {
        let end = document.terminator.end;
        let start = end - (document.name.len() as u32).min(document.terminator.len());
        let range = TextRange::new(start, end);
        self.found.push(Mention {
            kind: MentionKind::HeredocEnd,
            name: document.name.clone(),
            range,
            whole: range,
        });
    }

    fn opener(&mut self, line: &Spelled<'_>, opener: &heredoc::Opener) {
        let written = opener.written.clone();
        let bytes = &line.bytes()[written.clone()];
        // Inside the quotes, when those are all that was added.
        let name = match bytes.find(&opener.name) {
            Some(at) => written.start + at..written.start + at + opener.name.len(),
            None => written,
        };
        self.found.push(Mention {
            kind: MentionKind::HeredocOpener,
            name: opener.name.clone(),
            ..mention(MentionKind::HeredocOpener, line, name)
        });
    }

    /// Tells whether the text of a `RUN` is nothing but a here document, which is then the script.
    fn is_one_document(&self) -> bool {
        let text = self.parse.text(self.source, self.node.argument_text);
        self.node.known == Some(Keyword::Run) && matches!(heredoc::opener(text), Ok(Some(_)))
    }

    fn argument(&self, piece: &Piece) -> Spelled<'a> {
        self.parse.spelled_argument(self.source, self.node, piece)
    }

    fn arguments(&mut self, reader: Reader) {
        for piece in self.parse.pieces(&self.node.args) {
            let text = self.argument(piece);
            self.references(&text, reader);
        }
    }

    /// Calls `take` with each wanted flag and the place of its value.
    fn flags(
        &mut self,
        wanted: impl Fn(&[u8]) -> bool,
        take: fn(&mut Self, &Spelled<'_>, Range<usize>),
    ) {
        for piece in self.parse.pieces(&self.node.flags) {
            let text = self.parse.spelled_flag(self.source, self.node, piece);
            let Some(equals) = text.bytes().find_byte(b'=') else {
                continue;
            };
            if text.bytes()[..equals]
                .strip_prefix(b"--")
                .is_some_and(&wanted)
            {
                let value = equals + 1..text.bytes().len();
                take(self, &text, value);
            }
        }
    }

    fn references(&mut self, text: &Spelled<'_>, reader: Reader) {
        self.references_in(text, 0..text.bytes().len(), reader);
    }

    fn references_in(&mut self, text: &Spelled<'_>, part: Range<usize>, reader: Reader) {
        let bytes = &text.bytes()[part.clone()];
        if bytes.find_byteset(b"$=%").is_none() {
            return;
        }
        let shift = |r: Range<usize>| r.start + part.start..r.end + part.start;
        let mut assigned = match reader {
            // One word of an exec form is no script.
            Reader::Shell { .. } if self.node.json && !bytes.contains(&b' ') => Vec::new(),
            Reader::Shell { escape } => assignments(bytes, escape),
            Reader::Builder { .. } | Reader::Document => Vec::new(),
        }
        .into_iter()
        .peekable();
        for found in references(bytes, reader) {
            while let Some(set) = assigned.next_if(|set| set.effective <= found.whole.start) {
                self.push(MentionKind::Assigned, text, shift(set.name));
            }
            let whole = text.range(shift(found.whole));
            let mention = mention(MentionKind::Variable, text, shift(found.name));
            self.found.push(Mention { whole, ..mention });
        }
        for set in assigned {
            self.push(MentionKind::Assigned, text, shift(set.name));
        }
    }

    fn push(&mut self, kind: MentionKind, text: &Spelled<'_>, part: Range<usize>) {
        if !part.is_empty() {
            self.found.push(mention(kind, text, part));
        }
    }
}

fn mention(kind: MentionKind, text: &Spelled<'_>, part: Range<usize>) -> Mention {
    let range = text.range(part.clone());
    Mention {
        kind,
        name: text.bytes()[part].into(),
        range,
        whole: range,
    }
}

/// A script without a first line that names another interpreter is read by the shell.
fn is_shell_script(body: &[u8]) -> bool {
    let first = body.lines().next().unwrap_or_default();
    let Some(interpreter) = first.strip_prefix(b"#!") else {
        return true;
    };
    interpreter
        .fields_with(|c| c == ' ' || c == '/' || c == '\t')
        .any(|word| matches!(word, b"sh" | b"bash" | b"dash" | b"ash" | b"zsh" | b"ksh"))
}
