//! The scripts of a Dockerfile: which instructions hold shell text, who reads it, and where it stands.

use super::nested::{self, Places};
use super::{Dialect, Grammar, Interpreter, Script};
use crate::syntax::{Keyword, Node, Parse, Piece, Stretch, heredoc};
use crate::text::TextRange;
use bstr::{BStr, BString, ByteSlice};
use std::collections::HashMap;
use std::sync::Arc;

/// The shell text of one instruction.
#[derive(Clone, Debug)]
pub struct Snippet {
    /// What it says; shared with later versions of the file while the text stays the same.
    pub script: Arc<Script>,
    /// Index of the instruction in [`Parse::nodes`].
    pub node: usize,
    /// The instruction that runs it: that inside an `ONBUILD`.
    pub keyword: Keyword,
    /// Inside an `ONBUILD`.
    pub trigger: bool,
    /// In JSON form: one command, run without a shell.
    pub exec: bool,
    /// The text stands in a string of JSON.
    pub in_json: bool,
    /// Who reads it.
    pub interpreter: Interpreter,
    /// Counts the `FROM` lines so far: 0 before the first.
    pub stage: usize,
    /// The texts in its commands' arguments that another shell reads.
    pub(crate) nested: Vec<Snippet>,
    /// What it is nested in.
    pub(crate) host: Option<Host>,
    stretches: Vec<Stretch>,
}

/// The command around a nested text.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Host {
    /// Its index in the script around.
    pub(crate) command: usize,
    /// The shell around puts something in before the text is read.
    pub(crate) expanded: bool,
    /// The word of the source that it lies in somewhere, when places in it are not known.
    word: Option<TextRange>,
}

impl Snippet {
    /// Tells whether places in the script are places in the source.
    pub(crate) fn is_exact(&self) -> bool {
        self.host.is_none_or(|host| host.word.is_none())
    }

    /// The texts nested in a script of this one.
    fn nest(&self) -> Vec<Self> {
        let nested = self.script.nested.iter();
        let snippets = nested.map(|nested| {
            let (word, stretches) = match &nested.places {
                Places::Stretches(own) if self.is_exact() => (None, self.through(own)),
                Places::Stretches(_) => (self.host.and_then(|host| host.word), Vec::new()),
                Places::Word(word) => (Some(self.source_range(*word)), Vec::new()),
            };
            let mut snippet = Self {
                script: Arc::clone(&nested.script),
                exec: false,
                interpreter: nested.interpreter,
                nested: Vec::new(),
                host: Some(Host {
                    command: nested.command,
                    expanded: nested.expanded || self.host.is_some_and(|host| host.expanded),
                    word,
                }),
                stretches,
                ..*self
            };
            snippet.nested = snippet.nest();
            snippet
        });
        snippets.collect()
    }

    /// Stretches that lead to this script, through those that lead from it to the source.
    fn through(&self, own: &[Stretch]) -> Vec<Stretch> {
        let mut out = Vec::with_capacity(own.len());
        for (index, stretch) in own.iter().enumerate() {
            out.push(Stretch {
                text: stretch.text,
                source: self.source_offset(stretch.source),
            });
            let end = own.get(index + 1).map_or(u32::MAX, |next| next.text);
            let inside = self
                .stretches
                .partition_point(|around| around.text <= stretch.source);
            let further = self.stretches[inside..].iter().map(|around| Stretch {
                text: stretch.text + (around.text - stretch.source),
                source: around.source,
            });
            out.extend(further.take_while(|further| further.text < end));
        }
        out
    }
    /// Source bytes of a range of the script: from its first byte to its last, whatever the file has between them.
    pub fn source_range(&self, range: TextRange) -> TextRange {
        if let Some(word) = self.host.and_then(|host| host.word) {
            return word;
        }
        let start = self.source_offset(range.start);
        if range.is_empty() {
            return TextRange::new(start, start);
        }
        TextRange::new(start, self.source_offset(range.end - 1) + 1)
    }

    /// Source bytes of a range of the script in pieces, without what the file has between its lines: continuation
    /// characters, line ends, comments.
    pub fn source_pieces(&self, range: TextRange) -> impl Iterator<Item = TextRange> + '_ {
        let first = self
            .stretches
            .partition_point(|s| s.text <= range.start)
            .max(1)
            - 1;
        let from = self.stretches.get(first..).unwrap_or_default();
        let next = from.iter().skip(1).map(|s| s.text).chain([u32::MAX]);
        from.iter()
            .zip(next)
            .take_while(move |(stretch, _)| stretch.text < range.end)
            .map(move |(stretch, next)| {
                let start = range.start.max(stretch.text);
                let end = range.end.min(next).max(start);
                let shift = |offset: u32| stretch.source + (offset - stretch.text);
                TextRange::new(shift(start), shift(end))
            })
            .filter(|piece| !piece.is_empty())
    }

    fn source_offset(&self, offset: u32) -> u32 {
        let i = self.stretches.partition_point(|s| s.text <= offset).max(1) - 1;
        self.stretches
            .get(i)
            .map_or(offset, |s| s.source + (offset - s.text))
    }
}

/// The scripts of a file in order. Those of `known` are taken over where a text is the same.
pub fn snippets(source: &[u8], parse: &Parse, known: &[Arc<Script>]) -> Vec<Snippet> {
    let mut finder = Finder {
        source,
        parse,
        known: Known {
            scripts: known,
            next: 0,
            index: None,
        },
        grammar: None,
        stages: Stages::new(source, parse),
        out: Vec::new(),
    };
    for (index, node) in parse.nodes().iter().enumerate() {
        finder.node(index, node);
    }
    finder.out
}

struct Finder<'a> {
    source: &'a [u8],
    parse: &'a Parse,
    known: Known<'a>,
    /// Made when the first new text is met.
    grammar: Option<Grammar>,
    stages: Stages<'a>,
    out: Vec<Snippet>,
}

/// Scripts that were read before, in the order of that time.
struct Known<'a> {
    scripts: &'a [Arc<Script>],
    /// The one behind the last that was found: most texts follow each other as they did.
    next: usize,
    /// Places by text, made when the order does not help.
    index: Option<HashMap<&'a BStr, usize>>,
}

impl<'a> Known<'a> {
    fn find(&mut self, text: &BStr) -> Option<&'a Arc<Script>> {
        let scripts = self.scripts;
        let is_it = |script: &&Arc<Script>| !script.of_args && script.text() == text;
        let found = match scripts.get(self.next).filter(is_it) {
            Some(_) => self.next,
            None => *self.index().get(text)?,
        };
        self.next = found + 1;
        scripts.get(found)
    }

    fn index(&mut self) -> &HashMap<&'a BStr, usize> {
        let scripts = self.scripts.iter().enumerate();
        let read = scripts.filter(|(_, script)| !script.of_args);
        let index = || read.map(|(place, script)| (script.text(), place)).collect();
        self.index.get_or_insert_with(index)
    }
}

/// A text and where it stands.
struct Place {
    text: BString,
    stretches: Vec<Stretch>,
}

impl<'a> Finder<'a> {
    fn node(&mut self, index: usize, node: &'a Node) {
        self.stages.pass(node);
        let (inner, trigger) = match self.parse.sub(node) {
            Some(sub) => (sub, true),
            None => (node, false),
        };
        let Some(keyword) = inner.known.filter(|_| !node.broken) else {
            return;
        };
        let runs = match keyword {
            Keyword::Run | Keyword::Cmd | Keyword::Entrypoint => true,
            Keyword::Healthcheck => self.is_command_check(inner),
            _ => false,
        };
        if !runs {
            return;
        }
        let snippet = Snippet {
            script: Arc::default(),
            node: index,
            keyword,
            trigger,
            exec: inner.json,
            in_json: inner.json,
            interpreter: self.stages.interpreter,
            stage: self.stages.number,
            nested: Vec::new(),
            host: None,
            stretches: Vec::new(),
        };
        if inner.json {
            self.json(snippet, inner);
        } else {
            self.shell_text(snippet, node, inner);
        }
    }

    /// `HEALTHCHECK CMD`, not `NONE`.
    fn is_command_check(&self, node: &Node) -> bool {
        let kind = self.parse.piece_texts(self.source, &node.args).next();
        kind.is_some_and(|kind| kind.eq_ignore_ascii_case(b"CMD"))
    }

    /// The command of the exec form; of a shell with `-c` its text, when that stands in the file as it is.
    fn json(&mut self, mut snippet: Snippet, node: &Node) {
        let skip = usize::from(snippet.keyword == Keyword::Healthcheck);
        let pieces = self
            .parse
            .pieces(&node.args)
            .get(skip..)
            .unwrap_or_default();
        let text = |piece: &Piece| self.parse.text(self.source, piece.text);
        let args: Vec<&BStr> = pieces.iter().map(text).collect();
        if let Some((interpreter, place)) = shell_argument(pieces, &args) {
            snippet.exec = false;
            snippet.interpreter = interpreter;
            self.push(snippet, place);
            return;
        }
        let written = |p: &Piece| &self.source[p.range.start as usize..p.range.end as usize];
        let both = pieces.iter().map(written).zip(args.iter().copied());
        let mut script = Script::of_args(both);
        if script.commands.iter().any(nested::has_text) {
            let grammar = self.grammar.get_or_insert_with(Grammar::new);
            script.nested = nested::read(None, &script.commands, grammar, 1);
        }
        snippet.script = Arc::new(script);
        let mut at = 0;
        for piece in pieces {
            snippet.stretches.push(Stretch {
                text: at,
                source: piece.range.start,
            });
            at += piece.range.len() + 1;
        }
        snippet.nested = snippet.nest();
        self.out.push(snippet);
    }

    fn shell_text(&mut self, mut snippet: Snippet, node: &Node, inner: &Node) {
        let heredocs = self.parse.heredocs(node);
        let line = self.line(&snippet, inner);
        let place = match heredocs {
            [first, ..] if heredoc::opener(&line.text).is_ok_and(|opener| opener.is_some()) => {
                let body = self.body(first);
                if let Some(rest) = body.text.strip_prefix(b"#!") {
                    let line = rest.lines().next().unwrap_or_default();
                    snippet.interpreter = Interpreter::of_shebang(line);
                }
                body
            }
            [only] => match shell_of_document(&line.text) {
                Some(interpreter) => {
                    snippet.interpreter = interpreter;
                    self.body(only)
                }
                None => self.with_bodies(line, heredocs),
            },
            _ => self.with_bodies(line, heredocs),
        };
        if snippet.interpreter.is_shell() {
            self.push(snippet, place);
        }
    }

    /// The text behind keyword and flags; of a `HEALTHCHECK` behind `CMD`.
    fn line(&self, snippet: &Snippet, node: &Node) -> Place {
        let text = if snippet.keyword == Keyword::Healthcheck {
            match self.parse.pieces(&node.args).get(1) {
                Some(piece) => piece.text,
                None => {
                    return Place {
                        text: BString::default(),
                        stretches: Vec::new(),
                    };
                }
            }
        } else {
            node.argument_text
        };
        Place {
            text: self.parse.text(self.source, text).into(),
            stretches: self.parse.stretches(text),
        }
    }

    fn body(&self, heredoc: &crate::syntax::Heredoc) -> Place {
        let range = heredoc.body;
        Place {
            text: self.source[range.start as usize..range.end as usize].into(),
            stretches: vec![Stretch {
                text: 0,
                source: range.start,
            }],
        }
    }

    /// The builder puts the bodies behind the line, as they stand in the file.
    fn with_bodies(&self, mut place: Place, heredocs: &[crate::syntax::Heredoc]) -> Place {
        for heredoc in heredocs {
            place.text.push(b'\n');
            place.stretches.push(Stretch {
                text: place.text.len() as u32,
                source: heredoc.body.start,
            });
            let end = heredoc.terminator.end as usize;
            place
                .text
                .extend_from_slice(&self.source[heredoc.body.start as usize..end]);
        }
        place
    }

    fn push(&mut self, mut snippet: Snippet, place: Place) {
        snippet.script = if let Some(script) = self.known.find(place.text.as_bstr()) {
            Arc::clone(script)
        } else {
            let grammar = self.grammar.get_or_insert_with(Grammar::new);
            Arc::new(Script::read(&place.text, grammar))
        };
        snippet.stretches = place.stretches;
        snippet.nested = snippet.nest();
        self.out.push(snippet);
    }
}

/// The shell in force while the lines of a file go by.
struct Stages<'a> {
    source: &'a [u8],
    parse: &'a Parse,
    number: usize,
    interpreter: Interpreter,
    /// Name of the stage.
    name: Option<BString>,
    /// Shells at the end of named stages, which those built upon them take over.
    ended: HashMap<BString, Interpreter>,
}

impl<'a> Stages<'a> {
    fn new(source: &'a [u8], parse: &'a Parse) -> Self {
        Self {
            source,
            parse,
            number: 0,
            interpreter: Interpreter::default(),
            name: None,
            ended: HashMap::new(),
        }
    }

    fn pass(&mut self, node: &Node) {
        for comment in self.parse.comments(node) {
            let text = &self.source[comment.start as usize..comment.end as usize];
            if let Some(shell) = pragma(text) {
                self.interpreter = Interpreter::named(shell);
            }
        }
        match node.known {
            Some(Keyword::From) => self.from(node),
            Some(Keyword::Shell) if node.json => {
                let args: Vec<&BStr> = self.parse.piece_texts(self.source, &node.args).collect();
                self.interpreter = Interpreter::new(args);
            }
            _ => {}
        }
    }

    fn from(&mut self, node: &Node) {
        let args: Vec<&BStr> = self.parse.piece_texts(self.source, &node.args).collect();
        if let Some(name) = self.name.take() {
            self.ended.insert(name, self.interpreter);
        }
        self.number += 1;
        let base = args
            .first()
            .map(|base| base.to_ascii_lowercase())
            .unwrap_or_default();
        self.interpreter = match self.ended.get(base.as_bstr()) {
            Some(interpreter) => *interpreter,
            // The other escape character is for paths of Windows.
            None if self.parse.escape() == '`' || is_windows(&base) => Interpreter {
                dialect: Dialect::Foreign,
                ..Interpreter::default()
            },
            None => Interpreter::default(),
        };
        self.name = args.get(2).map(|name| name.to_ascii_lowercase().into());
    }
}

/// The text behind `-c` of a shell, when it stands in the file as it is, without escapes.
fn shell_argument(pieces: &[Piece], args: &[&BStr]) -> Option<(Interpreter, Place)> {
    let is_shell = |arg: &&BStr| Interpreter::named(arg).is_shell();
    let options = args.iter().position(is_shell)? + 1;
    let at = options + Interpreter::text_at(args[options..].iter().copied().map(Some))?;
    let interpreter = Interpreter::new(args[..at].iter().copied());
    let (text, piece) = (args.get(at)?, pieces.get(at)?);
    let as_written = text.len() == piece.range.len() as usize;
    let place = Place {
        text: (*text).into(),
        stretches: vec![Stretch {
            text: 0,
            source: piece.range.start,
        }],
    };
    (interpreter.is_shell() && as_written).then_some((interpreter, place))
}

/// The shell of `<<NAME bash -e` or `bash -e <<NAME`, which reads the document as its script; `None` of any other line.
fn shell_of_document(line: &[u8]) -> Option<Interpreter> {
    let words = || {
        line.split(u8::is_ascii_whitespace)
            .filter(|w| !w.is_empty())
    };
    let opens = |word: &&[u8]| word.starts_with(b"<<");
    let shell = || words().filter(|word| !opens(word)).map(BStr::new);
    let plain = words().all(|w| {
        opens(&w)
            || w.iter()
                .all(|b| b.is_ascii_alphanumeric() || b"/-_".contains(b))
    });
    // Behind the program there are flags only, not a script of its own.
    let named = shell()
        .next()
        .is_some_and(|program| Interpreter::named(program).is_shell());
    let only_flags = shell()
        .skip(1)
        .all(|word| word.starts_with(b"-") || matches!(word.as_bytes(), b"pipefail" | b"errexit"));
    let args: Vec<&BStr> = shell().collect();
    (plain && named && only_flags).then(|| Interpreter::new(args))
}

/// `hadolint shell=NAME`, or tally's. **Source:** hadolint's manual, section "Inline pragmas".
fn pragma(comment: &[u8]) -> Option<&[u8]> {
    let comment = comment.trim_start();
    let rest = comment
        .strip_prefix(b"hadolint")
        .or_else(|| comment.strip_prefix(b"tally"))?;
    let value = rest.trim_start().strip_prefix(b"shell")?.trim_start();
    Some(value.strip_prefix(b"=")?.trim())
}

/// Images of Windows, whose shell is `cmd`, have its name in theirs.
fn is_windows(base: &[u8]) -> bool {
    let marks = ["windows", "nanoserver", "servercore"];
    marks.iter().any(|mark| base.contains_str(mark))
}
