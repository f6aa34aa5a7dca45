//! Comments that silence check rules, of six linters.
//!
//! | comment | silences | where |
//! |---|---|---|
//! | `# check=skip=Name,Name` | the named rules, or `all` | at the head of the file: the file; above an instruction: that one |
//! | `# hadolint ignore=DL3006,SC2086` | the named rules | the instruction below |
//! | `# hadolint stage ignore=DL3011` | the named rules | the stage below |
//! | `# hadolint global ignore=DL3006` | the named rules | the file |
//! | `# tally ignore=name,name;reason=…` | the named rules, or `all` | the instruction below |
//! | `# tally global ignore=name` | the named rules, or `all` | the file |
//! | `# shellcheck disable=SC2086` | the named rules | the instruction below |
//! | `# dockerfile-utils: ignore` | everything, errors too | the instruction below |
//!
//! A rule may be named by its name or any alias, in any case, whichever linter the comment is of, with or without
//! tally's namespace (`buildkit/`). "Below" reaches over further comments, tally's over empty lines too. What planning
//! raises has seen `# check=` already.

use super::options::{self, CheckOptions};
use super::{Config, Lint};
use crate::diagnostic::{Diagnostic, Fix};
use crate::ide::File;
use crate::rune;
use crate::syntax::{Keyword, Node};
use crate::text::TextRange;
use bstr::ByteSlice;

/// What the comments of a file say to the rules.
#[derive(Clone, Debug, Default)]
pub struct Pragmas {
    file: Silenced,
    /// Each in source order and without overlap.
    stages: Vec<(TextRange, Silenced)>,
    instructions: Vec<(TextRange, Silenced)>,
    ignoring: Vec<TextRange>,
}

/// Some rules, or all, or errors as well.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Silenced {
    names: Vec<String>,
    all: bool,
    errors: bool,
}

/// One comment that says something.
enum Pragma<'t> {
    Ignore(&'static Ignoring, &'t str),
    Everything,
}

/// A comment that silences the rules it names.
pub(crate) struct Ignoring {
    /// What it begins with, up to the names.
    pub(crate) head: &'static str,
    /// What it does, for people.
    pub(crate) doc: &'static str,
    /// Its linter has names of its own for rules, and `all`.
    pub(crate) any_name: bool,
    scope: Scope,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Scope {
    Instruction,
    /// The instruction below, wherever it comes.
    Next,
    Stage,
    File,
}

/// **Source:** the documentation of hadolint, tally and ShellCheck.
pub(crate) const IGNORING: &[Ignoring] = &[
    of_codes("hadolint ignore=", Scope::Instruction, BELOW),
    of_codes("hadolint global ignore=", Scope::File, FILE),
    of_codes(
        "hadolint stage ignore=",
        Scope::Stage,
        "Switches rules off in the stage below.",
    ),
    of_names("tally ignore=", Scope::Next, BELOW),
    of_names("tally global ignore=", Scope::File, FILE),
    of_codes("shellcheck disable=", Scope::Instruction, BELOW),
];

const BELOW: &str = "Switches rules off for the instruction below.";
const FILE: &str = "Switches rules off in the whole file.";

const fn of_codes(head: &'static str, scope: Scope, doc: &'static str) -> Ignoring {
    Ignoring {
        head,
        doc,
        any_name: false,
        scope,
    }
}

const fn of_names(head: &'static str, scope: Scope, doc: &'static str) -> Ignoring {
    Ignoring {
        any_name: true,
        ..of_codes(head, scope, doc)
    }
}

impl Pragmas {
    /// Reads the comments of a file. Where `config` wants them ignored, none silences anything.
    pub fn read(file: &File, config: &Config) -> Self {
        let mut pragmas = Self::default();
        if let Some(check) = &file.dockerfile().check
            && let Ok(options) = CheckOptions::parse(&check.to_str_lossy())
        {
            pragmas.file.add_rules(&options);
        }
        let mut at = 0;
        for node in file.parse().nodes() {
            let above = Above::read(file, at, node.range.start);
            pragmas.add(above, Some(node));
            at = node.range.end;
        }
        let end = file.source().len() as u32;
        pragmas.add(Above::read(file, at, end), None);
        pragmas.close_stage(end);
        if config.disable_ignore_pragma {
            pragmas.file = Silenced::default();
            pragmas.stages.clear();
            pragmas.instructions.clear();
        }
        pragmas
    }

    /// Tells whether findings of `lint` at an offset are silenced.
    pub fn silence(&self, lint: &Lint, at: u32) -> bool {
        self.any_at(at, |silenced| silenced.has(lint))
    }

    /// Tells whether a finding of another program is silenced, by its code or as one of the rule that has the same.
    pub fn silence_code(&self, found: &Diagnostic) -> bool {
        let lint = super::find_called(found.code);
        self.any_at(found.range.start, |silenced| {
            silenced.has_name(found.code) || lint.is_some_and(|lint| silenced.has(lint))
        })
    }

    fn any_at(&self, at: u32, has: impl Fn(&Silenced) -> bool) -> bool {
        let scopes = [covering(&self.stages, at), covering(&self.instructions, at)];
        has(&self.file) || scopes.into_iter().flatten().any(has)
    }

    /// Tells whether even an error at `offset` is not to be shown.
    pub fn silence_errors(&self, offset: u32) -> bool {
        covering(&self.instructions, offset).is_some_and(|silenced| silenced.errors)
    }

    /// Places of comments that silence rules for one instruction.
    pub fn ignoring(&self) -> &[TextRange] {
        &self.ignoring
    }

    fn add(&mut self, above: Above, node: Option<&Node>) {
        self.file.add(above.file);
        self.ignoring.extend(above.ignoring);
        let Some(node) = node else { return };
        if node.known == Some(Keyword::From) {
            self.close_stage(node.range.start);
            self.stages.push((node.range, above.stage));
        }
        if above.instruction != Silenced::default() {
            self.instructions.push((node.range, above.instruction));
        }
    }

    /// The stage that is open reaches up to `end`.
    fn close_stage(&mut self, end: u32) {
        if let Some((range, _)) = self.stages.last_mut() {
            range.end = end;
        }
    }
}

fn covering(list: &[(TextRange, Silenced)], at: u32) -> Option<&Silenced> {
    let behind = list.partition_point(|(range, _)| range.start <= at);
    let (range, silenced) = list.get(behind.checked_sub(1)?)?;
    (at <= range.end).then_some(silenced)
}

impl Silenced {
    fn has(&self, lint: &Lint) -> bool {
        self.all || self.names.iter().any(|name| lint.or_twin_is_called(name))
    }

    fn has_name(&self, code: &str) -> bool {
        self.all
            || self
                .names
                .iter()
                .any(|name| name.eq_ignore_ascii_case(code))
    }

    fn add(&mut self, more: Self) {
        self.names.extend(more.names);
        self.all |= more.all;
        self.errors |= more.errors;
    }

    fn add_rules(&mut self, options: &CheckOptions) {
        self.all |= options.skip.all;
        self.names.extend(options.skip.names.iter().cloned());
    }

    /// Adds `A, B`, up to what explains them: behind a `#` or `;`.
    fn add_list(&mut self, list: &str) {
        let list = list.split(['#', ';']).next().unwrap_or_default();
        for name in list.split(',').filter_map(|n| n.split_whitespace().next()) {
            let name = name.rsplit('/').next().unwrap_or(name);
            if name.eq_ignore_ascii_case("all") {
                self.all = true;
            } else {
                self.names.push(name.to_owned());
            }
        }
    }
}

/// What the comments between two instructions say.
#[derive(Default)]
struct Above {
    file: Silenced,
    stage: Silenced,
    instruction: Silenced,
    /// What an empty line does not part from the instruction.
    next: Silenced,
    ignoring: Vec<TextRange>,
}

impl Above {
    fn read(file: &File, start: u32, end: u32) -> Self {
        let mut above = Self::default();
        let text = file.text(TextRange::new(start, end));
        let Some(behind_last_line) = text.rfind_byte(b'\n') else {
            return above;
        };
        if text.find_byte(b'#').is_none() {
            return above;
        }
        let mut at = start;
        for line in text[..=behind_last_line].lines_with_terminator() {
            above.line(at, line);
            at += line.len() as u32;
        }
        let next = std::mem::take(&mut above.next);
        above.instruction.add(next);
        above
    }

    fn line(&mut self, at: u32, line: &[u8]) {
        let line = rune::trimmed(line);
        let Some(comment) = line.strip_prefix(b"#") else {
            // An empty line parts a comment from what is below.
            self.stage = Silenced::default();
            self.instruction = Silenced::default();
            return;
        };
        if let Some(value) = options::check_line(rune::trimmed(comment)) {
            if let Ok(options) = CheckOptions::parse(&value) {
                self.instruction.add_rules(&options);
            }
            return;
        }
        let Some(pragma) = comment.to_str().ok().and_then(pragma) else {
            return;
        };
        match pragma {
            Pragma::Ignore(kind, names) => {
                if kind.head == "hadolint ignore=" {
                    self.ignoring
                        .push(TextRange::new(at, at + line.len() as u32));
                }
                let silenced = match kind.scope {
                    Scope::Instruction => &mut self.instruction,
                    Scope::Next => &mut self.next,
                    Scope::Stage => &mut self.stage,
                    Scope::File => &mut self.file,
                };
                silenced.add_list(names);
            }
            Pragma::Everything => {
                self.instruction.all = true;
                self.instruction.errors = true;
            }
        }
    }
}

/// Reads the text of a comment behind its `#`.
fn pragma(comment: &str) -> Option<Pragma<'_>> {
    let comment = comment.trim();
    if comment == "dockerfile-utils: ignore" {
        return Some(Pragma::Everything);
    }
    let (head, value) = comment.split_once('=')?;
    let head = head.to_ascii_lowercase();
    let is_it = |known: &&Ignoring| {
        let words = known.head.trim_end_matches('=').split(' ');
        words.eq(head.split_whitespace())
    };
    Some(Pragma::Ignore(IGNORING.iter().find(is_it)?, value))
}

/// How far a comment reaches that is to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// The instruction that the finding is at.
    Instruction,
    /// The whole file.
    File,
}

/// The edit that silences a rule by `# check=skip=`, which the official front end understands too; `None` when there
/// is no instruction at `offset`.
///
/// ```
/// use cooperage_lang::{ide::File, lints::pragma::{Reach, suppress}};
/// let file = File::new(b"FROM a\n# check=skip=A\nWORKDIR b\n".to_vec());
/// let fix = suppress(&file, "B", 23, Reach::Instruction).unwrap();
/// assert_eq!(fix.edits[0].1, ",B");
/// ```
pub fn suppress(file: &File, name: &str, offset: u32, reach: Reach) -> Option<Fix> {
    let (title, edit) = match reach {
        Reach::File => (format!("silence {name} in this file"), in_file(file, name)),
        Reach::Instruction => (format!("silence {name} here"), here(file, name, offset)?),
    };
    Some(Fix {
        title,
        edits: vec![edit],
    })
}

fn in_file(file: &File, name: &str) -> (TextRange, String) {
    if let Some(check) = &file.dockerfile().check {
        return longer(check.range, &check.to_str_lossy(), name);
    }
    let source = file.source();
    let behind = match file.parse().directives().last() {
        Some(last) => file.lines().line_range(last.line).end,
        None if source.starts_with(b"#!") => file.lines().line_range(1).end,
        None if source.starts_with(b"\xef\xbb\xbf") => 3,
        None => 0,
    };
    let open = behind > 0 && !matches!(source[behind as usize - 1], b'\n' | 0xbf);
    let before = if open { "\n" } else { "" };
    (
        TextRange::new(behind, behind),
        format!("{before}# check=skip={name}\n"),
    )
}

fn here(file: &File, name: &str, offset: u32) -> Option<(TextRange, String)> {
    let nodes = file.parse().nodes();
    let behind = nodes.partition_point(|node| node.range.start <= offset);
    let node = nodes.get(behind.checked_sub(1)?)?;
    let value = file.parse().comments(node).iter().find_map(|range| {
        let text = file.text(*range);
        let value = options::check_line(text)?;
        let start = range.start + text.find(value.as_bytes())? as u32;
        Some((TextRange::new(start, start + value.len() as u32), value))
    });
    if let Some((range, value)) = value {
        return Some(longer(range, &value, name));
    }
    let line = file.lines().line_range(node.lines.start).start;
    // At the head of a file the comment would be a directive and count for all of it.
    let head = file.text(TextRange::new(0, line)).trim();
    let is_head = head.lines().count() == file.parse().directives().len();
    let first = if is_head { "#\n" } else { "" };
    // Never indented: the official front end would not see it.
    Some((
        TextRange::new(line, line),
        format!("{first}# check=skip={name}\n"),
    ))
}

/// The edit that adds a name to the `skip=` of check options at `range`.
fn longer(range: TextRange, value: &str, name: &str) -> (TextRange, String) {
    let place = value.find("skip=").map(|at| {
        let list = &value[at..];
        at + list.find(';').unwrap_or(list.len())
    });
    match place {
        Some(at) => {
            let at = range.start + at as u32;
            (TextRange::new(at, at), format!(",{name}"))
        }
        None => (
            TextRange::new(range.start, range.start),
            format!("skip={name};"),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lints::{Config, find_called};

    /// The line a finding of `lint` stands on, of those where it is not silenced.
    fn loud(source: &str, lint: &str) -> Vec<u32> {
        let file = File::new(source.as_bytes().to_vec());
        let pragmas = Pragmas::read(&file, &Config::default());
        let lint = find_called(lint).unwrap();
        let nodes = file.parse().nodes().iter();
        nodes
            .filter(|node| !pragmas.silence(lint, node.range.start))
            .map(|node| node.lines.start)
            .collect()
    }

    #[test]
    fn comments_of_every_linter_are_understood() {
        for above in [
            "# hadolint ignore=DL4000",
            "#hadolint ignore = DL3001 , DL4000 # why",
            "# tally ignore=MaintainerDeprecated;reason=old",
            "# tally ignore=all",
            "# TALLY Ignore = buildkit/MaintainerDeprecated, x\n\n# more\n",
            "# dockerfile-utils: ignore",
            "# check=skip=MaintainerDeprecated",
            "# CHECK = skip=all",
            "# check=skip=dl4000",
            "# hadolint ignore=DL4000\n# another comment",
        ] {
            let source = format!("FROM a\n{above}\nUSER a\nUSER b\n");
            let last = source.lines().count() as u32;
            assert_eq!(loud(&source, "DL4000"), [1, last], "{above}");
        }
    }

    #[test]
    fn comments_reach_as_far_as_they_say() {
        let stages = "FROM a\nUSER a\n# hadolint stage ignore=DL4000\nFROM b\nUSER b\nFROM c\n";
        assert_eq!(loud(stages, "DL4000"), [1, 2, 6]);
        let global = "FROM a\nUSER a\n# hadolint global ignore=DL4000\n";
        assert_eq!(loud(global, "DL4000"), [] as [u32; 0]);
        let directive = "# check=skip=MaintainerDeprecated\n\nFROM a\nUSER a\n";
        assert_eq!(loud(directive, "DL4000"), [] as [u32; 0]);
        let parted = "FROM a\n# hadolint ignore=DL4000\n\nUSER a\n";
        assert_eq!(loud(parted, "DL4000"), [1, 4]);
        let inside = "FROM a\nRUN <<E\n# hadolint global ignore=DL4000\nE\n";
        assert_eq!(loud(inside, "DL4000"), [1, 2]);
    }

    #[test]
    fn what_is_silenced_stays_silent() {
        for (source, offset, reach, want) in [
            (
                "FROM a\nUSER b\n",
                7,
                Reach::Instruction,
                "FROM a\n# check=skip=X\nUSER b\n",
            ),
            (
                "FROM a\n",
                0,
                Reach::Instruction,
                "#\n# check=skip=X\nFROM a\n",
            ),
            (
                "# syntax=a\nFROM a\n",
                11,
                Reach::File,
                "# syntax=a\n# check=skip=X\nFROM a\n",
            ),
            (
                "#!x\nFROM a\n",
                4,
                Reach::File,
                "#!x\n# check=skip=X\nFROM a\n",
            ),
            (
                "# check=error=true\nFROM a\n",
                19,
                Reach::File,
                "# check=skip=X;error=true\nFROM a\n",
            ),
            (
                "# check=skip=A;error=true\nFROM a\n",
                26,
                Reach::File,
                "# check=skip=A,X;error=true\nFROM a\n",
            ),
            (
                "FROM a\n# check=skip=A\n  USER b\n",
                26,
                Reach::Instruction,
                "FROM a\n# check=skip=A,X\n  USER b\n",
            ),
        ] {
            let file = File::new(source.as_bytes().to_vec());
            let fix = suppress(&file, "X", offset, reach).unwrap();
            let mut text = source.to_owned();
            let (range, new) = &fix.edits[0];
            text.replace_range(range.start as usize..range.end as usize, new);
            assert_eq!(text, want);
        }
    }
}
