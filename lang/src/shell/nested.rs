//! Texts that a command hands to another shell: `bash -c "…"`, `su -c '…'`, `eval "…"`.

use super::command::{Command, Word};
use super::grammar::Grammar;
use super::{Interpreter, Script};
use crate::syntax::Stretch;
use crate::text::TextRange;
use bstr::{BStr, BString, ByteSlice};
use std::sync::Arc;

/// How deep texts in texts are read; each lies in the one around it, so that all together cost a multiple of the text.
pub(super) const MAX_DEPTH: u32 = 4;

/// A text in the argument of a command.
#[derive(Debug)]
pub(super) struct Nested {
    /// Index of the command in that of the text around.
    pub(super) command: usize,
    pub(super) script: Arc<Script>,
    pub(super) interpreter: Interpreter,
    /// The shell around puts something in before the text is read.
    pub(super) expanded: bool,
    pub(super) places: Places,
}

/// Where the text stands in the one around.
#[derive(Debug)]
pub(super) enum Places {
    /// Byte by byte.
    Stretches(Vec<Stretch>),
    /// Escapes hide where: somewhere in this word.
    Word(TextRange),
}

/// Reads the texts in the arguments of commands. `text` is what they stand in, as far as that is shell.
pub(super) fn read(
    text: Option<&[u8]>,
    commands: &[Command],
    grammar: &mut Grammar,
    depth: u32,
) -> Vec<Nested> {
    if depth > MAX_DEPTH {
        return Vec::new();
    }
    let found = commands.iter().enumerate();
    found
        .filter_map(|(index, command)| {
            let (interpreter, word) = argument(command)?;
            let (inside, places) = text
                .and_then(|text| unquoted(text, word))
                .map(|(inside, stretches)| (inside, Places::Stretches(stretches)))
                .or_else(|| Some((word.constant()?.into(), Places::Word(word.range))))?;
            Some(Nested {
                command: index,
                script: Arc::new(Script::read_at(&inside, grammar, depth)),
                interpreter,
                expanded: !word.expansions.is_empty(),
                places,
            })
        })
        .collect()
}

/// Tells whether a command hands a text to another shell.
pub(super) fn has_text(command: &Command) -> bool {
    argument(command).is_some()
}

/// The word that another shell reads, and that shell.
fn argument(command: &Command) -> Option<(Interpreter, &Word)> {
    let program = command.program();
    let args = command.args();
    match program.as_bytes() {
        b"eval" => match args {
            [only] => Some((Interpreter::default(), only)),
            _ => None,
        },
        b"su" | b"runuser" => {
            let at = args
                .iter()
                .position(|word| word.constant().is_some_and(is_command_flag))?;
            Some((Interpreter::default(), args.get(at + 1)?))
        }
        _ => {
            if !Interpreter::named(program).is_shell() {
                return None;
            }
            let at = Interpreter::text_at(args.iter().map(Word::constant))?;
            let word = args.get(at)?;
            let line = [program].into_iter();
            let line = line.chain(args[..at].iter().filter_map(Word::constant));
            let interpreter = Interpreter::new(line.collect::<Vec<&BStr>>());
            Some((interpreter, word))
        }
    }
}

/// `-c`, among other letters too, or the long flag of `su`.
fn is_command_flag(flag: &BStr) -> bool {
    let letters = flag.strip_prefix(b"-").filter(|f| !f.starts_with(b"-"));
    letters.is_some_and(|letters| letters.contains(&b'c')) || flag == "--command"
}

#[derive(Clone, Copy, PartialEq)]
enum Quote {
    None,
    Single,
    Double,
}

/// What a word of `text` says without its quotes, expansions as written, and where that stands; `None` when a place
/// cannot be told.
fn unquoted(text: &[u8], word: &Word) -> Option<(BString, Vec<Stretch>)> {
    let mut out = Pieces::default();
    let mut quote = Quote::None;
    let mut escaped = false;
    let mut expansions = word.expansions.iter().peekable();
    let mut at = word.range.start;
    while at < word.range.end {
        if let Some(expansion) = expansions.next_if(|e| e.range.start == at) {
            out.push(text, expansion.range);
            at = expansion.range.end.max(at + 1);
            continue;
        }
        let next = text.get(at as usize + 1).copied();
        let own = TextRange::new(at, at + 1);
        at += 1;
        if std::mem::take(&mut escaped) {
            out.push(text, own);
            continue;
        }
        match (quote, text.get(own.start as usize)?) {
            (Quote::None, b'$') if next == Some(b'\'') => return None,
            (Quote::None, b'\'') => quote = Quote::Single,
            (Quote::None, b'"') => quote = Quote::Double,
            (Quote::Single, b'\'') | (Quote::Double, b'"') => quote = Quote::None,
            (Quote::None | Quote::Double, b'\\') if next == Some(b'\n') => at += 1,
            (Quote::None, b'\\') => escaped = true,
            (Quote::Double, b'\\') if matches!(next, Some(b'$' | b'`' | b'"' | b'\\')) => {
                escaped = true;
            }
            (Quote::None | Quote::Single | Quote::Double, _) => out.push(text, own),
        }
    }
    Some((out.text, out.stretches))
}

/// A text put together from pieces of another.
#[derive(Default)]
struct Pieces {
    text: BString,
    stretches: Vec<Stretch>,
    /// Where the last piece ended in the other text.
    end: u32,
}

impl Pieces {
    fn push(&mut self, text: &[u8], range: TextRange) {
        let piece = text.get(range.start as usize..range.end as usize);
        let Some(piece) = piece.filter(|piece| !piece.is_empty()) else {
            return;
        };
        if self.stretches.is_empty() || self.end != range.start {
            self.stretches.push(Stretch {
                text: self.text.len() as u32,
                source: range.start,
            });
        }
        self.end = range.end;
        self.text.extend_from_slice(piece);
    }
}
