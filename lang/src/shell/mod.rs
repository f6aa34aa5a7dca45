//! Shell text: the commands of a script, where they stand, and its tokens.
//!
//! A [`Script`] is made from any bytes and knows nothing of the Dockerfile around it; its places count in its own
//! text. [`snippets`] finds the scripts of a file and maps those places to the source. Nothing is run or expanded.

mod command;
mod grammar;
mod interpreter;
mod nested;
pub mod packages;
mod reader;
mod snippet;
#[cfg(test)]
mod tests;
mod tokens;
mod unquote;

pub(crate) use command::is_of_the_shell;
pub use command::{
    Assignment, Command, Expansion, Flag, Joint, Pipeline, Place, Redirection, RedirectionKind,
    Scopes, Value, Word,
};
pub use interpreter::{Dialect, Interpreter};
pub use snippet::{Snippet, snippets};
pub use tokens::{Token, TokenKind};

use crate::text::TextRange;
use bstr::{BStr, BString, ByteSlice};
use grammar::{Grammar, Kind, Node, Nodes};
use nested::Nested;

/// A read script. Always made; what the grammar does not understand is in [`Script::mistakes`] and its commands may
/// be missing.
///
/// ```
/// use cooperage_lang::shell::Script;
/// let script = Script::new(b"set -e; sudo apt-get -yq install 'curl' | tee log");
/// let names: Vec<_> = script.commands().iter().map(|c| c.program().to_string()).collect();
/// assert_eq!(names, ["set", "apt-get", "tee"]);
/// let install = &script.commands()[1];
/// assert!(install.has_flag(&["y", "yes"]) && install.operands().any(|w| w.is("curl")));
/// assert_eq!(script.pipelines()[install.place.pipeline as usize].len, 2);
/// ```
#[derive(Debug, Default)]
pub struct Script {
    text: BString,
    commands: Vec<Command>,
    pipelines: Vec<Pipeline>,
    loop_names: Vec<BString>,
    other_words: Vec<Word>,
    tokens: Vec<Token>,
    mistakes: Vec<Mistake>,
    /// Made of arguments: a shell would read the text differently.
    of_args: bool,
    /// Texts in arguments that another shell reads.
    nested: Vec<Nested>,
}

/// A place where the text is no shell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// Bytes that were not understood; empty where something is missing.
    pub range: TextRange,
    /// Something is missing there, such as `fi`.
    pub missing: bool,
}

impl Script {
    /// Reads a text.
    pub fn new(text: &[u8]) -> Self {
        Self::read(text, &mut Grammar::new())
    }

    fn read(text: &[u8], grammar: &mut Grammar) -> Self {
        Self::read_at(text, grammar, 0)
    }

    /// Reads a text that lies in so many others.
    fn read_at(text: &[u8], grammar: &mut Grammar, depth: u32) -> Self {
        let nodes = grammar.read(text);
        let reading = reader::read(text, &nodes);
        let mut tokens = tokens::tokens(text, &nodes);
        let wrapped = reading.commands.iter().filter(|c| !c.wrapper().is_empty());
        wrapped
            .filter_map(Command::name)
            .for_each(|name| colour_as_command(&mut tokens, name));
        Self {
            text: text.into(),
            nested: nested::read(Some(text), &reading.commands, grammar, depth + 1),
            commands: reading.commands,
            pipelines: reading.pipelines,
            loop_names: reading.loop_names,
            other_words: reading.other_words,
            tokens,
            mistakes: mistakes(&nodes),
            of_args: false,
        }
    }

    /// The one command of an exec form, from its arguments as written and as meant. Its text is the former with a
    /// space between them.
    fn of_args<'a>(args: impl Iterator<Item = (&'a [u8], &'a BStr)>) -> Self {
        let mut command = Command::default();
        let mut text = Vec::new();
        for (written, meant) in args {
            let start = text.len() as u32;
            text.extend_from_slice(written);
            command.words.push(Word {
                text: meant.into(),
                range: TextRange::new(start, text.len() as u32),
                ..Word::default()
            });
            text.push(b' ');
        }
        text.pop();
        command.range.end = text.len() as u32;
        command.find_name();
        let range = command.range;
        Self {
            text: text.into(),
            commands: vec![command],
            pipelines: vec![Pipeline { range, len: 1 }],
            of_args: true,
            ..Self::default()
        }
    }

    /// The text.
    pub fn text(&self) -> &BStr {
        self.text.as_bstr()
    }

    /// Bytes of a range.
    pub fn slice(&self, range: TextRange) -> &BStr {
        self.text[range.start as usize..range.end as usize].as_bstr()
    }

    /// Every simple command in source order, those inside substitutions and functions included.
    pub fn commands(&self) -> &[Command] {
        &self.commands
    }

    /// Every simple command, in place of one that hands a text to another shell (`bash -c "…"`) those of the text.
    pub fn innermost_commands(&self) -> Box<dyn Iterator<Item = &Command> + '_> {
        let mut nested = self.nested.iter().peekable();
        let commands = self.commands.iter().enumerate();
        Box::new(commands.flat_map(move |(index, command)| {
            match nested.next_if(|nested| nested.command == index) {
                Some(nested) => nested.script.innermost_commands(),
                None => Box::new(std::iter::once(command)),
            }
        }))
    }

    /// Every pipeline, those of one command included.
    pub fn pipelines(&self) -> &[Pipeline] {
        &self.pipelines
    }

    /// Tokens in order, for colouring; white space between them.
    pub fn tokens(&self) -> &[Token] {
        &self.tokens
    }

    /// Where the text is no shell, in order.
    pub fn mistakes(&self) -> &[Mistake] {
        &self.mistakes
    }

    /// Every word with expansions: of commands, assignments, redirections, loops.
    pub(crate) fn words(&self) -> impl Iterator<Item = &Word> {
        let inside = self.commands.iter().flat_map(|command| {
            let values = command.assignments.iter().map(|a| &a.value);
            let targets = command.redirections.iter().map(|r| &r.target);
            command.words.iter().chain(values).chain(targets)
        });
        inside.chain(&self.other_words)
    }

    /// Words that are of no command, such as the list of a loop.
    pub(crate) fn other_words(&self) -> &[Word] {
        &self.other_words
    }

    /// Names that loops set.
    pub(crate) fn loop_names(&self) -> &[BString] {
        &self.loop_names
    }

    /// Tells whether a command name belongs at `offset`: in one that is written, or where the next one begins.
    pub fn is_command_place(&self, offset: u32) -> bool {
        let behind = self.tokens.partition_point(|t| t.range.start < offset);
        let Some(token) = behind.checked_sub(1).map(|i| self.tokens[i]) else {
            return true;
        };
        let between = &self.text[token.range.end.min(offset) as usize..offset as usize];
        if between.contains(&b'\n') {
            return true;
        }
        match token.kind {
            TokenKind::Command => offset <= token.range.end,
            TokenKind::Operator => begins_command(self.slice(token.range)),
            TokenKind::Keyword => {
                offset > token.range.end && begins_command(self.slice(token.range))
            }
            _ => false,
        }
    }
}

/// A word as a shell has to be told it, in quotes where it needs them.
pub fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:,@%+=^".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

/// Operators and keywords behind which a command begins.
fn begins_command(token: &[u8]) -> bool {
    matches!(
        token,
        b"&&"
            | b"||"
            | b"|"
            | b"|&"
            | b";"
            | b";;"
            | b"&"
            | b"!"
            | b"("
            | b"{"
            | b"$("
            | b"`"
            | b"<("
            | b">("
            | b"if"
            | b"then"
            | b"elif"
            | b"else"
            | b"while"
            | b"until"
            | b"do"
    )
}

/// The program behind `sudo` and its like is an argument to the grammar.
fn colour_as_command(tokens: &mut [Token], name: &Word) {
    let at = tokens.partition_point(|token| token.range.start < name.range.start);
    if let Some(token) = tokens.get_mut(at).filter(|t| t.range == name.range) {
        token.kind = TokenKind::Command;
    }
}

/// Where the grammar gave up or put something in.
fn mistakes(nodes: &Nodes) -> Vec<Mistake> {
    let wrong = |node: &&Node| node.missing || node.kind == Kind::Error;
    let found = nodes.all().iter().filter(wrong);
    found
        .map(|node| Mistake {
            range: node.range,
            missing: node.missing,
        })
        .collect()
}
