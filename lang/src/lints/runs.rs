//! What the rules about `RUN` share: the commands of a file, what surrounds them, and edits of shell text.

use super::subject::Line;
use super::{Finding, Lint, Subject};
use crate::instructions::Kind;
use crate::shell::{Command, Joint, Scopes, Snippet, TokenKind, Word};
use crate::syntax::Keyword;
use crate::text::{TextRange, Word as TextWord};
use bstr::{BStr, BString, ByteSlice};
use std::collections::{HashMap, HashSet};

/// A replacement in the source.
pub(super) type Edit = (TextRange, String);

impl Finding {
    /// A finding at `range` of a script, without fix.
    pub(super) fn in_script(
        lint: &'static Lint,
        subject: &Subject<'_>,
        snippet: &Snippet,
        range: TextRange,
        message: impl Into<String>,
    ) -> Self {
        Self {
            lint,
            range: snippet.source_range(range),
            lines: subject.file.parse().nodes()[snippet.node].lines,
            message: message.into(),
            fix: None,
        }
    }
}

/// The scripts of `RUN`, those below `ONBUILD` included.
pub(super) fn runs<'a>(subject: &'a Subject<'_>) -> impl Iterator<Item = &'a Snippet> {
    let scripts = subject.file.scripts().iter();
    scripts.filter(|snippet| snippet.keyword == Keyword::Run)
}

/// Every command that `RUN` instructions run.
pub(super) fn commands<'a>(
    subject: &'a Subject<'_>,
) -> impl Iterator<Item = (&'a Snippet, &'a Command)> {
    runs(subject).flat_map(|snippet| {
        let commands = snippet.script.commands().iter();
        commands.map(move |command| (snippet, command))
    })
}

/// Place of a command's name, for findings about the command as a whole.
pub(super) fn name_range(command: &Command) -> TextRange {
    command.name().map_or(command.range, |name| name.range)
}

/// The argument that names what the program is to do, when it is one of `names`.
pub(super) fn subcommand<'c>(command: &'c Command, names: &[&str]) -> Option<&'c Word> {
    let is_one = |word: &&Word| names.iter().any(|name| word.is(name));
    command.args().iter().find(is_one)
}

/// Operands behind the subcommand, without the values of the flags `with_value`.
pub(super) fn operands_behind<'c>(
    command: &'c Command,
    subcommand: &Word,
    with_value: &'c [&str],
) -> impl Iterator<Item = &'c Word> {
    let start = subcommand.range.start;
    let operands = command.operands_beside(with_value);
    operands.filter(move |word| word.range.start > start)
}

/// Reports packages without a version: one finding for a command, at the first of them.
pub(super) fn report_unpinned<'a>(
    lint: &'static Lint,
    subject: &'a Subject<'_>,
    out: &mut Vec<Finding>,
    form: &str,
    unpinned: impl Fn(&'a Snippet, &'a Command) -> Vec<&'a Word>,
) {
    for (snippet, command) in commands(subject) {
        let words = unpinned(snippet, command);
        let Some(first) = words.first() else {
            continue;
        };
        let message = format!("no version for {}, pin it as `{form}`", list(&words));
        out.push(Finding::in_script(
            lint,
            subject,
            snippet,
            first.range,
            message,
        ));
    }
}

/// `a`, `b`, `c` and 2 more.
fn list(words: &[&Word]) -> String {
    const SHOWN: usize = 3;
    let shown = words
        .iter()
        .take(SHOWN)
        .map(|word| format!("`{}`", word.text));
    let mut text = shown.collect::<Vec<_>>().join(", ");
    if words.len() > SHOWN {
        text.push_str(&format!(" and {} more", words.len() - SHOWN));
    }
    text
}

/// Reports commands that wait for an answer which nobody gives: `forgets` gives the word behind which `-y` is to go.
pub(super) fn report_missing_yes<'a>(
    lint: &'static Lint,
    subject: &'a Subject<'_>,
    out: &mut Vec<Finding>,
    forgets: impl Fn(&'a Command) -> Option<&'a Word>,
) {
    for (snippet, command) in commands(subject) {
        let Some(word) = forgets(command) else {
            continue;
        };
        let message = format!(
            "`{} {}` asks before it goes on, add `-y`",
            command.program(),
            word.text
        );
        let range = name_range(command).cover(word.range);
        let finding = Finding::in_script(lint, subject, snippet, range, message);
        out.push(finding.with_fix("add `-y`", vec![insert_behind(snippet, word, "-y")]));
    }
}

/// The edit that puts a word behind another one, in a shell text or in a JSON array.
pub(super) fn insert_behind(snippet: &Snippet, word: &Word, text: &str) -> Edit {
    let end = snippet.source_range(word.range).end;
    let text = if snippet.exec {
        format!("\", \"{text}")
    } else {
        format!(" {text}")
    };
    (TextRange::new(end, end), text)
}

/// The edit that makes a script end with one more command; `None` where that would change what the others mean.
pub(super) fn append_command(
    subject: &Subject<'_>,
    snippet: &Snippet,
    command: &str,
) -> Option<Edit> {
    let script = &snippet.script;
    let last = script.commands().iter().max_by_key(|c| c.range.end)?;
    let open = [
        Scopes::CONDITION,
        Scopes::BRANCH,
        Scopes::LOOP,
        Scopes::FUNCTION,
    ];
    let nested = open.iter().any(|scope| last.place.scopes.has(*scope));
    let token = script.tokens().last()?;
    let at_end = token.range.end <= last.range.end && token.kind != TokenKind::Comment;
    if snippet.exec || nested || !at_end || !script.mistakes().is_empty() {
        return None;
    }
    let end = snippet.source_range(last.range).end;
    let place = TextRange::new(end, end);
    let source = subject.file.source();
    let lines = subject.file.lines();
    let (first_line, _) = lines.line_column(snippet.source_range(TextRange::new(0, 1)).start);
    let (last_line, _) = lines.line_column(end);
    let line = lines.line_range(last_line + 1);
    let line = &source[line.start as usize..line.end as usize];
    let indent: String = line
        .iter()
        .take_while(|b| matches!(b, b' ' | b'\t'))
        .map(|b| char::from(*b))
        .collect();
    if script.text().contains(&b'\n') {
        return Some((place, format!("\n{indent}{command}")));
    }
    let sequence = last.place.before == Joint::Then;
    let text = match (first_line == last_line, sequence) {
        (true, true) => format!("; {command}"),
        (true, false) => format!(" && {command}"),
        (false, true) => format!("; {}\n{indent}{command}", subject.file.parse().escape()),
        (false, false) => {
            let escape = subject.file.parse().escape();
            let sign = if line.trim_start().starts_with(b"&&") {
                "&& "
            } else {
                ""
            };
            let joint = if sign.is_empty() { " &&" } else { "" };
            format!("{joint} {escape}\n{indent}{sign}{command}")
        }
    };
    Some((place, text))
}

/// Tells whether a cache or a file system in memory is mounted at a path that contains `fragment`.
pub(super) fn has_scratch_mount(subject: &Subject<'_>, snippet: &Snippet, fragment: &str) -> bool {
    flags(subject, snippet).iter().any(|flag| {
        let Some(mount) = flag.strip_prefix(b"--mount=") else {
            return false;
        };
        let fields = || {
            mount
                .split(|b| *b == b',')
                .filter_map(|field| field.split_once_str("="))
        };
        let scratch =
            fields().any(|(key, value)| key == b"type" && matches!(value, b"cache" | b"tmpfs"));
        let at = fields().any(|(key, value)| {
            matches!(key, b"target" | b"dst" | b"destination") && value.contains_str(fragment)
        });
        scratch && at
    })
}

/// Flags of the instruction as written.
pub(super) fn flags<'a>(subject: &'a Subject<'_>, snippet: &Snippet) -> Vec<&'a BStr> {
    let parse = subject.file.parse();
    let node = &parse.nodes()[snippet.node];
    let inner = parse.sub(node).unwrap_or(node);
    parse
        .piece_texts(subject.file.source(), &inner.flags)
        .collect()
}

/// The stage that each stage is built upon, where that is one of the file.
pub(super) fn parents(subject: &Subject<'_>) -> HashMap<usize, usize> {
    let mut parents = HashMap::new();
    let mut named: HashMap<BString, usize> = HashMap::new();
    for line in &subject.lines {
        let Kind::From(from) = &line.instruction.kind else {
            continue;
        };
        let base = from.base.text.to_ascii_lowercase();
        if let Some(parent) = named.get(base.as_bstr()) {
            parents.insert(line.stage, *parent);
        }
        if let Some(name) = &from.name {
            named.insert(name.text.clone(), line.stage);
        }
    }
    parents
}

/// Stages whose layers end up in an image that somebody gets: the last one and those that others are built upon.
/// What a trigger does is always in such a one.
pub(super) struct KeptStages(HashSet<usize>);

impl KeptStages {
    pub(super) fn of(subject: &Subject<'_>) -> Self {
        let last = subject.lines.last().map(|line| line.stage);
        let mut kept: HashSet<usize> = parents(subject).into_values().collect();
        kept.extend(last);
        Self(kept)
    }

    pub(super) fn has(&self, snippet: &Snippet) -> bool {
        snippet.trigger || self.0.contains(&snippet.stage)
    }
}

/// The values that `ENV` and `ARG` give, by name and place.
pub(super) struct Variables<'a> {
    set: HashMap<&'a BStr, Vec<Setting<'a>>>,
    /// The stage that each stage is built upon.
    parents: HashMap<usize, usize>,
}

struct Setting<'a> {
    start: u32,
    stage: usize,
    /// `ENV`; else `ARG`.
    env: bool,
    value: &'a BStr,
}

impl<'a> Variables<'a> {
    pub(super) fn of(subject: &'a Subject<'_>) -> Self {
        let mut variables = Self {
            set: HashMap::new(),
            parents: parents(subject),
        };
        for line in &subject.lines {
            match &line.inner().kind {
                Kind::Env(env) => {
                    for (name, value) in &env.pairs {
                        variables.add(line, true, name, Some(value));
                    }
                }
                Kind::Arg(items) => {
                    for item in items {
                        variables.add(line, false, &item.name, item.value.as_ref());
                    }
                }
                _ => {}
            }
        }
        variables
    }

    fn add(&mut self, line: &Line<'_>, env: bool, name: &'a TextWord, value: Option<&'a TextWord>) {
        let setting = Setting {
            start: line.instruction.range.start,
            stage: line.stage,
            env,
            value: value.map_or(BStr::new(""), |value| value.text.as_bstr()),
        };
        self.set
            .entry(name.text.as_bstr())
            .or_default()
            .push(setting);
    }

    /// Every name that is set anywhere.
    pub(super) fn names(&self) -> impl Iterator<Item = &'a BStr> {
        self.set.keys().copied()
    }

    /// Tells whether an `ARG` above, of whatever stage, or an `ENV` in force names a variable.
    pub(super) fn is_declared_above(
        &self,
        name: &BStr,
        subject: &Subject<'_>,
        snippet: &Snippet,
    ) -> bool {
        let start = start(subject, snippet);
        let above = |s: &Setting<'_>| s.start < start && !s.env;
        self.set.get(name).is_some_and(|all| all.iter().any(above))
            || self.env(name, subject, snippet).is_some()
    }

    /// Tells whether a `RUN` sees a variable: an `ARG` or `ENV` above in its stage or in those below it.
    pub(super) fn is_visible(&self, name: &BStr, subject: &Subject<'_>, snippet: &Snippet) -> bool {
        self.last(name, subject, snippet, |_| true).is_some()
    }

    /// The value, as written, that a `RUN` sees; empty for an `ARG` without default.
    pub(super) fn value(
        &self,
        name: &BStr,
        subject: &Subject<'_>,
        snippet: &Snippet,
    ) -> Option<&'a BStr> {
        let setting = self.last(name, subject, snippet, |_| true)?;
        Some(setting.value)
    }

    /// The value, as written, of an `ENV` in force.
    pub(super) fn env(
        &self,
        name: &BStr,
        subject: &Subject<'_>,
        snippet: &Snippet,
    ) -> Option<&'a BStr> {
        let setting = self.last(name, subject, snippet, |s| s.env)?;
        Some(setting.value)
    }

    /// The last setting above, from the stage of `snippet` down to what it is built upon.
    fn last(
        &self,
        name: &BStr,
        subject: &Subject<'_>,
        snippet: &Snippet,
        wanted: impl Fn(&Setting<'a>) -> bool,
    ) -> Option<&Setting<'a>> {
        let all = self.set.get(name)?;
        let start = start(subject, snippet);
        let mut stage = snippet.stage;
        loop {
            let mut here = all
                .iter()
                .rev()
                .filter(|s| s.stage == stage && s.start < start);
            if let Some(found) = here.find(|s| wanted(s)) {
                return Some(found);
            }
            // A stage is built upon one above it, so this ends.
            stage = *self.parents.get(&stage)?;
        }
    }
}

fn start(subject: &Subject<'_>, snippet: &Snippet) -> u32 {
    subject.file.parse().nodes()[snippet.node].range.start
}

/// The last command that `installs` and is followed by none that `cleans`.
pub(super) fn left_uncleaned(
    commands: &[Command],
    installs: impl Fn(&Command) -> bool,
    cleans: impl Fn(&Command) -> bool,
) -> Option<&Command> {
    let (at, command) = commands
        .iter()
        .enumerate()
        .rfind(|(_, command)| installs(command))?;
    let cleaned = commands[at + 1..].iter().any(cleans);
    Some(command).filter(|_| !cleaned)
}

/// Tells whether a command removes one of `folders` or what is in it.
pub(super) fn removes(command: &Command, folders: &[&str]) -> bool {
    let one = |word: &Word| {
        folders
            .iter()
            .any(|folder| word.text.starts_with(folder.as_bytes()))
    };
    let all = |word: &Word| word.is("/var/cache/*") || word.is("/var/cache");
    command.runs("rm")
        && command.has_flag(&["r", "R", "recursive"])
        && command.operands().any(|word| one(word) || all(word))
}

/// Tells whether `set -e` stands above a command.
pub(super) fn exits_on_error(snippet: &Snippet, command: &Command) -> bool {
    let above = snippet.script.commands().iter();
    above
        .take_while(|other| other.range.start < command.range.start)
        .filter(|other| other.runs("set"))
        .any(|set| set.has_flag(&["e"]) || subcommand(set, &["errexit"]).is_some())
}

/// Names that a script gives a value to: by assignment, loop, or a builtin that takes names.
pub(super) fn assigned_in(snippet: &Snippet) -> HashSet<&BStr> {
    let script = &snippet.script;
    let mut names: HashSet<&BStr> = script
        .loop_names()
        .iter()
        .map(|name| name.as_bstr())
        .collect();
    for command in script.commands() {
        names.extend(command.assignments.iter().map(|a| a.name.as_bstr()));
        let takes_names = [
            "read",
            "mapfile",
            "readarray",
            "getopts",
            "printf",
            "local",
            "declare",
            "typeset",
            "export",
        ];
        if takes_names.iter().any(|name| command.runs(name)) {
            names.extend(command.operands().map(|word| word.text.as_bstr()));
        }
    }
    names
}

/// Tells whether the text is to be filled in by another program first.
pub(super) fn is_template(snippet: &Snippet) -> bool {
    snippet.script.text().contains_str("{{")
}
