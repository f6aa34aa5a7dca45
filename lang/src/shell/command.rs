//! What a script says, as plain data: commands, their words, assignments and redirections.

use super::packages::Called;
use crate::text::TextRange;
use bstr::{BStr, BString, ByteSlice};

/// A word after quotes and escapes were taken out. Places count in the script's text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Word {
    /// The text; each expansion in it is written `${name}` or, of a command or arithmetic, `$()`.
    pub text: BString,
    /// Bytes it was read from.
    pub range: TextRange,
    /// What the shell puts in, in order; those inside another expansion are not here.
    pub expansions: Vec<Expansion>,
    /// Some of it stood in quotes.
    pub quoted: bool,
}

impl Word {
    /// The text when no expansion changes it.
    pub fn constant(&self) -> Option<&BStr> {
        self.expansions.is_empty().then(|| self.text.as_bstr())
    }

    /// Tells whether this is exactly `text`.
    pub fn is(&self, text: &str) -> bool {
        self.text == text
    }

    /// A word that begins with a dash and is more than a dash.
    pub fn is_flag(&self) -> bool {
        self.text.len() > 1 && self.text[0] == b'-'
    }

    /// Tells whether it is a flag of `with_value`, or letters whose first such one is the last, so that the value is
    /// the next word.
    pub(super) fn takes_next(&self, with_value: &[&str]) -> bool {
        let mut flags = flags_of(self).filter(|_| self.is_flag());
        let valued = flags.find(|flag| with_value.iter().any(|name| flag.name == *name));
        valued.is_some_and(|flag| flag.value.is_none()) && flags.next().is_none()
    }
}

/// `$name`, `${name…}`, `$(…)`, `$((…))` or `<(…)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expansion {
    /// All of it.
    pub range: TextRange,
    /// What it puts in.
    pub value: Value,
    /// In double quotes, where the result is not split into words.
    pub quoted: bool,
}

/// What an expansion puts in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A variable or parameter.
    Variable {
        /// Its name (`x`, `1`, `@`, `?`).
        name: BString,
        /// Bytes of the name.
        name_range: TextRange,
        /// `${…}` does more than to name it: a default, a pattern, a length.
        changed: bool,
    },
    /// The output of commands.
    Command,
    /// A number.
    Arithmetic,
    /// The name of a pipe.
    Process,
}

/// `name=value` in front of a command, alone, or as a word of `export` and its like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// All of it.
    pub range: TextRange,
    /// The name, an index cut off.
    pub name: BString,
    /// Bytes of the name.
    pub name_range: TextRange,
    /// The value; empty for an array.
    pub value: Word,
    /// The value is an array, or one element is set.
    pub array: bool,
}

/// What a redirection does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RedirectionKind {
    /// `<`.
    Read,
    /// `>` and `>|`.
    Write,
    /// `>>`.
    Append,
    /// `&>` and `&>>`.
    WriteBoth,
    /// `<&` and `>&`.
    Duplicate,
    /// `<<` and `<<-`; the target is the body.
    Heredoc,
    /// `<<<`.
    HereString,
}

/// A redirection of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redirection {
    /// All of it.
    pub range: TextRange,
    /// What it does.
    pub kind: RedirectionKind,
    /// The number in front.
    pub descriptor: Option<u32>,
    /// File, descriptor or text.
    pub target: Word,
}

/// An operator between two statements.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Joint {
    /// Nothing: the start or end of a list.
    #[default]
    Edge,
    /// `&&`.
    And,
    /// `||`.
    Or,
    /// `;` or a line end.
    Then,
    /// `&`.
    Background,
}

/// Constructs around a command.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scopes(u8);

impl Scopes {
    /// The condition of an `if`, `while` or `until`, or behind `!`.
    pub const CONDITION: Self = Self(1);
    /// A branch of an `if` or `case`.
    pub const BRANCH: Self = Self(2);
    /// The body of a loop.
    pub const LOOP: Self = Self(4);
    /// `( … )`.
    pub const SUBSHELL: Self = Self(8);
    /// The body of a function.
    pub const FUNCTION: Self = Self(16);
    /// `$( … )`, `` `…` `` or `<( … )`.
    pub const SUBSTITUTION: Self = Self(32);

    /// These and those of `other`.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Tells whether any of `other` is here.
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

/// Where a command stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// Index in [`super::Script::pipelines`].
    pub pipeline: u32,
    /// Its place in the pipeline, from 0.
    pub position: u32,
    /// The operator in front of its pipeline.
    pub before: Joint,
    /// The operator behind its pipeline; of the last one in a group the operator behind the group.
    pub after: Joint,
    /// Constructs around it.
    pub scopes: Scopes,
}

/// One or more commands joined by `|`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pipeline {
    /// All of it.
    pub range: TextRange,
    /// Number of its statements.
    pub len: u32,
}

/// A simple command: words with what stands in front and behind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Command {
    /// From its first assignment or word to its last word or redirection.
    pub range: TextRange,
    /// Words in order; those of programs that run another (`sudo`, `env`) included.
    pub words: Vec<Word>,
    /// Index of the word that names the program.
    pub(super) name: usize,
    /// The package manager that it calls.
    pub(super) called: Option<Called>,
    /// Assignments in front or as arguments.
    pub assignments: Vec<Assignment>,
    /// Redirections anywhere in it.
    pub redirections: Vec<Redirection>,
    /// Where it stands.
    pub place: Place,
}

/// One flag: `-y`, one letter of `-yq`, `--yes` or `--opt=value`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flag<'a> {
    /// Without dashes and value.
    pub name: &'a BStr,
    /// Behind the `=` of a long flag.
    pub value: Option<&'a BStr>,
    /// Bytes of the word.
    pub range: TextRange,
}

/// Commands of a shell that change it: what runs behind them in the same shell depends on them, and most are no programs.
const CHANGING: &[&str] = &[
    ".", "alias", "cd", "declare", "eval", "exec", "exit", "export", "local", "popd", "pushd",
    "read", "readonly", "return", "set", "shopt", "source", "trap", "typeset", "ulimit", "umask",
    "unalias", "unset",
];

/// Others that are no programs.
const BUILT_IN: &[&str] = &[
    ":", "bg", "builtin", "command", "compgen", "complete", "disown", "fg", "getopts", "hash",
    "history", "jobs", "let", "times", "type", "wait",
];

/// Tells whether a name is that of a command that only a shell has.
pub(crate) fn is_of_the_shell(name: &[u8]) -> bool {
    let mut all = CHANGING.iter().chain(BUILT_IN);
    all.any(|known| name == known.as_bytes())
}

impl Command {
    /// Finds the word that names the program, and what that is; to be called when all words are there.
    pub(super) fn find_name(&mut self) {
        self.name = name_index(&self.words);
        self.called = Called::find(self);
    }

    /// The word that names the program, behind `sudo`, `env`, `exec` and their like.
    pub fn name(&self) -> Option<&Word> {
        self.words.get(self.name)
    }

    /// Name of the program without folders; empty when there is none or an expansion gives it.
    pub fn program(&self) -> &BStr {
        let Some(text) = self.name().and_then(Word::constant) else {
            return BStr::new("");
        };
        text.rsplit(|b| *b == b'/').next().unwrap_or(text).as_bstr()
    }

    /// Tells whether the program is `name`.
    pub fn runs(&self, name: &str) -> bool {
        self.program() == name
    }

    /// Tells whether it is a command of the shell itself that changes it.
    pub(crate) fn changes_shell(&self) -> bool {
        let first = self.words.first().and_then(Word::constant);
        first.is_some_and(|name| CHANGING.iter().any(|known| name == *known))
    }

    /// Tells whether it is `[ … ]` or `[[ … ]]`.
    pub fn is_test(&self) -> bool {
        let first = self.words.first();
        first.is_some_and(|word| word.is("[") || word.is("[["))
    }

    /// Words behind the name.
    pub fn args(&self) -> &[Word] {
        self.words.get(self.name + 1..).unwrap_or_default()
    }

    /// Tells whether arguments come through a pipe.
    pub fn is_given_arguments(&self) -> bool {
        self.wrapper().iter().any(|word| word.is("xargs"))
    }

    /// Words in front of the name, such as `sudo -E`.
    pub fn wrapper(&self) -> &[Word] {
        &self.words[..self.name.min(self.words.len())]
    }

    /// Flags up to `--`.
    pub fn flags(&self) -> impl Iterator<Item = Flag<'_>> {
        let words = self.args().iter().take_while(|word| !word.is("--"));
        words.filter(|word| word.is_flag()).flat_map(flags_of)
    }

    /// Tells whether one of `names` is a flag.
    pub fn has_flag(&self, names: &[&str]) -> bool {
        self.flag(names).is_some()
    }

    /// The first flag with one of `names`.
    pub fn flag(&self, names: &[&str]) -> Option<Flag<'_>> {
        self.flags().find(|f| names.iter().any(|n| f.name == *n))
    }

    /// Arguments that are no flags.
    pub fn operands(&self) -> impl Iterator<Item = &Word> {
        operands(self.args().iter(), |_| false)
    }
}

/// Words that are neither flags nor the value of a flag that `takes_next`.
pub(super) fn operands<'c>(
    words: impl Iterator<Item = &'c Word>,
    takes_next: impl Fn(&Word) -> bool,
) -> impl Iterator<Item = &'c Word> {
    let mut value_next = false;
    let mut only_operands = false;
    words.filter(move |word| {
        if std::mem::take(&mut value_next) {
            return false;
        }
        if only_operands || !word.is_flag() {
            return true;
        }
        only_operands = word.is("--");
        value_next = !only_operands && takes_next(word);
        false
    })
}

/// The flags of one word: every letter of `-yq`, or the one of `--yes=…`.
fn flags_of(word: &Word) -> impl Iterator<Item = Flag<'_>> {
    let text = word.text.as_bstr();
    let (long, short) = match text.strip_prefix(b"--") {
        Some(long) => (Some(long), &b""[..]),
        None => (None, text.strip_prefix(b"-").unwrap_or_default()),
    };
    let range = word.range;
    let long = long
        .into_iter()
        .map(move |long| match long.split_once_str("=") {
            Some((name, value)) => Flag {
                name: name.as_bstr(),
                value: Some(value.as_bstr()),
                range,
            },
            None => Flag {
                name: long.as_bstr(),
                value: None,
                range,
            },
        });
    let short = (0..short.len()).map(move |at| Flag {
        name: short[at..=at].as_bstr(),
        value: None,
        range,
    });
    long.chain(short)
}

/// A program that runs the command behind it.
struct Wrapper {
    name: &'static str,
    /// Flags whose value is the next word.
    with_value: &'static [&'static str],
    /// Operands of its own in front of the command: a duration, a user.
    operands: usize,
    /// `NAME=value` may stand in front of the command.
    assigns: bool,
    /// Without this flag it does something else.
    needs: Option<&'static str>,
}

const fn wrapper(name: &'static str, with_value: &'static [&'static str]) -> Wrapper {
    Wrapper {
        name,
        with_value,
        operands: 0,
        assigns: false,
        needs: None,
    }
}

/// A wrapper whose first operand is its own.
const fn with_operand(name: &'static str, with_value: &'static [&'static str]) -> Wrapper {
    Wrapper {
        operands: 1,
        ..wrapper(name, with_value)
    }
}

/// Programs that run the one behind them. **Source:** their manual pages; POSIX `command`, `exec`, `env`, `nice`,
/// `nohup`, `time`, `xargs`.
const WRAPPERS: &[Wrapper] = &[
    Wrapper {
        assigns: true,
        ..wrapper(
            "sudo",
            &[
                "u", "g", "h", "p", "C", "T", "r", "t", "D", "R", "U", "user", "group",
            ],
        )
    },
    Wrapper {
        assigns: true,
        ..wrapper("env", &["u", "C", "unset", "chdir"])
    },
    wrapper("builtin", &[]),
    wrapper("busybox", &[]),
    wrapper("chronic", &[]),
    with_operand("chroot", &["groups", "userspec"]),
    wrapper("command", &[]),
    wrapper("doas", &["C", "u"]),
    wrapper("dumb-init", &[]),
    wrapper("eatmydata", &[]),
    wrapper("exec", &["a"]),
    wrapper("fakeroot", &["b", "i", "l", "s"]),
    with_operand("flock", &["E", "w", "timeout", "wait"]),
    with_operand("gosu", &[]),
    wrapper("ionice", &["c", "n", "p"]),
    wrapper("nice", &["n", "adjustment"]),
    wrapper("nohup", &[]),
    Wrapper {
        needs: Some("u"),
        ..wrapper("runuser", &["G", "g", "u", "group", "supp-group", "user"])
    },
    wrapper("setsid", &[]),
    wrapper("stdbuf", &["i", "o", "e"]),
    with_operand("su-exec", &[]),
    wrapper("time", &["f", "o"]),
    with_operand("timeout", &["k", "s", "kill-after", "signal"]),
    wrapper("tini", &["e", "p"]),
    wrapper(
        "xargs",
        &[
            "E",
            "I",
            "L",
            "P",
            "a",
            "arg-file",
            "d",
            "delimiter",
            "max-args",
            "max-procs",
            "n",
            "s",
        ],
    ),
    wrapper("xvfb-run", &["e", "f", "n", "p", "s", "w"]),
];

/// Index of the word that names the program really run.
fn name_index(words: &[Word]) -> usize {
    let mut at = 0;
    while let Some(inside) = words.get(at..).and_then(behind_wrapper) {
        at += inside;
    }
    at
}

/// When the first of `words` runs another command: the index of that command's name.
fn behind_wrapper(words: &[Word]) -> Option<usize> {
    let name = words.first()?.constant()?;
    let name = name.rsplit(|b| *b == b'/').next().unwrap_or(name);
    let wrapper = WRAPPERS.iter().find(|w| name == w.name.as_bytes())?;
    let mut next = 1;
    let mut lacks = wrapper.needs;
    while let Some(word) = words.get(next) {
        if word.is("--") {
            next += 1;
            break;
        }
        let assigns = wrapper.assigns && word.text.contains(&b'=');
        if !word.is_flag() && !assigns {
            break;
        }
        // `command -v x` only asks for x.
        if wrapper.name == "command" && flags_of(word).any(|f| f.name == "v" || f.name == "V") {
            return None;
        }
        lacks = lacks.filter(|flag| !flags_of(word).any(|f| f.name == *flag));
        next += 1 + usize::from(word.takes_next(wrapper.with_value));
    }
    next += wrapper.operands;
    (next < words.len() && lacks.is_none()).then_some(next)
}
