//! A script as statements with operators between them, as far as that is all that its top level is.

use crate::shell::{Command, Joint, Scopes, Script, Token, TokenKind};
use crate::text::TextRange;
use bstr::ByteSlice;

/// The statements of a script. Places count in the script's text.
#[derive(Debug)]
pub(super) struct Chain {
    pub(super) parts: Vec<TextRange>,
    /// What stands behind each part; [`Joint::Edge`] behind the last, when nothing does.
    pub(super) joints: Vec<Joint>,
    /// There are lists of commands inside a part: a loop, a group, a substitution of several.
    pub(super) nested: bool,
    /// There are comments.
    pub(super) comments: bool,
}

impl Chain {
    /// Takes a script apart; `None` when it has here documents or does not balance.
    pub(super) fn new(script: &Script) -> Option<Self> {
        let mut reader = Reader {
            script,
            chain: Self {
                parts: Vec::new(),
                joints: Vec::new(),
                nested: false,
                comments: false,
            },
            part: None,
            open: Vec::new(),
        };
        reader.read()?;
        Some(reader.chain)
    }

    /// Tells whether all parts but the last have `joint` behind them, and the last has none.
    pub(super) fn is_joined_by(&self, joint: Joint) -> bool {
        let (last, others) = self.joints.split_last().unwrap_or((&Joint::Edge, &[]));
        *last == Joint::Edge && others.iter().all(|j| *j == joint)
    }
}

struct Reader<'s> {
    script: &'s Script,
    chain: Chain,
    /// Start and end so far of the current part.
    part: Option<TextRange>,
    /// What closes the constructs that are open.
    open: Vec<&'static [u8]>,
}

impl Reader<'_> {
    fn read(&mut self) -> Option<()> {
        let mut at = 0;
        for token in self.script.tokens() {
            let between = self.script.slice(TextRange::new(at, token.range.start));
            at = token.range.end;
            if has_line_end(between) {
                self.joint(Joint::Then);
            }
            match token.kind {
                TokenKind::Heredoc => return None,
                TokenKind::Comment => {
                    self.chain.comments = true;
                    continue;
                }
                TokenKind::Operator | TokenKind::Keyword => {
                    let text = self.script.slice(token.range);
                    if let Some(joint) = joint(text) {
                        self.joint(joint);
                        continue;
                    }
                    self.bracket(text);
                }
                _ => {}
            }
            self.part = Some(
                self.part
                    .map_or(token.range, |part| part.cover(token.range)),
            );
        }
        if let Some(part) = self.part.take() {
            self.chain.parts.push(part);
            self.chain.joints.push(Joint::Edge);
        }
        self.open.is_empty().then_some(())
    }

    fn joint(&mut self, joint: Joint) {
        if !self.open.is_empty() {
            self.chain.nested = true;
        } else if let Some(part) = self.part.take() {
            self.chain.parts.push(part);
            self.chain.joints.push(joint);
        }
    }

    fn bracket(&mut self, text: &[u8]) {
        if self.open.last().is_some_and(|close| *close == text) {
            self.open.pop();
        } else if let Some(close) = closing(text) {
            self.open.push(close);
        }
    }
}

/// Tells whether a line ends here for the shell, too.
fn has_line_end(between: &[u8]) -> bool {
    let mut rest = between;
    while let Some(at) = rest.find_byte(b'\n') {
        if !rest[..at].ends_with(b"\\") {
            return true;
        }
        rest = &rest[at + 1..];
    }
    false
}

fn joint(text: &[u8]) -> Option<Joint> {
    Some(match text {
        b"&&" => Joint::And,
        b"||" => Joint::Or,
        b";" => Joint::Then,
        b"&" => Joint::Background,
        _ => return None,
    })
}

/// What closes a construct.
fn closing(text: &[u8]) -> Option<&'static [u8]> {
    Some(match text {
        b"(" | b"$(" | b"<(" | b">(" => b")",
        b"((" | b"$((" => b"))",
        b"{" => b"}",
        b"[[" => b"]]",
        b"`" => b"`",
        b"if" => b"fi",
        b"case" => b"esac",
        b"for" | b"while" | b"until" | b"select" => b"done",
        _ => return None,
    })
}

/// Tells whether something inside `range` changes the shell that it runs in: a command, a function that is defined, a
/// variable that gets a default.
pub(super) fn changes_shell(script: &Script, range: TextRange) -> bool {
    let inside =
        |command: &&Command| range.start <= command.range.start && command.range.end <= range.end;
    let defines = |token: &Token| {
        let is_inside = range.start <= token.range.start && token.range.end <= range.end;
        is_inside && token.kind == TokenKind::Function
    };
    if script.tokens().iter().any(defines) || script.slice(range).contains_str(":=") {
        return true;
    }
    let own_shell = Scopes::SUBSHELL.with(Scopes::SUBSTITUTION);
    script
        .commands()
        .iter()
        .filter(inside)
        .filter(|command| !command.place.scopes.has(own_shell))
        .any(|command| command.words.is_empty() || command.changes_shell())
}
