//! What variables are worth at a place, as far as the text alone tells: the defaults of arguments, the values of
//! `ENV`, and what is made of them. The base image and the command line are not known here.

use super::{Names, Occurrence, OccurrenceId, Role, SymbolKind};
use crate::ide::File;
use crate::model::expand::{Env, EnvList, Lexer};
use crate::model::platform;
use crate::syntax::{Keyword, Node};
use crate::text::TextRange;
use bstr::{BStr, BString, ByteSlice};
use std::collections::HashMap;

/// A variable that can be used at a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// Its value; references to variables that only the build knows stay as written. `None` when only the build
    /// knows it at all.
    pub value: Option<String>,
    /// False when the value holds references that only the build can replace.
    pub complete: bool,
    /// `ARG` or `ENV`.
    pub keyword: Keyword,
    /// Where it was set last.
    pub set: OccurrenceId,
}

impl Names {
    /// The variables the builder knows at `offset`, in the order in which they were first set.
    ///
    /// In a `FROM` line these are the global arguments; in a stage the settings in front of the instruction, those of
    /// the stage it continues included. The arguments that every build has are not among them, see
    /// [`is_predefined`](crate::model::scope::is_predefined).
    ///
    /// ```
    /// use cooperage_lang::ide::File;
    /// let file = File::new(b"FROM a AS b\nENV A=1\nFROM b\nARG B=$A-$C\nRUN echo \n".to_vec());
    /// let known = file.names().variables(&file, 45);
    /// let values: Vec<_> = known.iter().map(|v| (v.name.as_str(), v.value.as_deref())).collect();
    /// assert_eq!(values, [("A", Some("1")), ("B", Some("1-$C"))]);
    /// ```
    pub fn variables(&self, file: &File, offset: u32) -> Vec<Variable> {
        Walk::new(self, file).at(offset).list.clone()
    }

    /// The variable that the definition at `id` sets, with the value given there.
    pub fn defined(&self, file: &File, id: OccurrenceId) -> Option<Variable> {
        let setting = self.get(id);
        setting.set?;
        let mut walk = Walk::new(self, file);
        walk.at(setting.whole.start);
        let name = self.symbol_of(setting).name.as_bstr();
        walk.values.set(name, setting, walk.globals.as_ref());
        walk.values.placed(id);
        walk.values.pending.pop()
    }

    /// The text with the values that variables have at `offset`; `None` when the file does not tell them all.
    pub(in crate::ide) fn expanded(&self, file: &File, text: &[u8], offset: u32) -> Option<String> {
        if !text.contains(&b'$') {
            return Some(text.to_str_lossy().into_owned());
        }
        let mut env = EnvList::new();
        let known = self.variables(file, offset).into_iter();
        for variable in known.filter(|variable| variable.complete) {
            env.set(variable.name, variable.value?);
        }
        let lexer = Lexer::new(file.parse().escape());
        let expanded = lexer.word(text, &env).ok()?;
        expanded.unmatched.is_empty().then_some(expanded.text)
    }

    /// The uses of variables in `range` whose value the text alone tells, with that value.
    pub(in crate::ide) fn known_values(
        &self,
        file: &File,
        range: TextRange,
    ) -> Vec<(OccurrenceId, String)> {
        let nodes = file.parse().nodes();
        let mut found = Vec::new();
        let mut walk = Walk::new(self, file);
        let in_front = |o: &Occurrence| nodes[o.node as usize].range.end < range.start;
        let from = self.occurrences.partition_point(in_front);
        for (index, used) in self.occurrences.iter().enumerate().skip(from) {
            if used.whole.start > range.end {
                break;
            }
            if used.whole.end < range.start || !self.takes_value(used) {
                continue;
            }
            let name = &self.symbol_of(used).name;
            let known = walk.at(used.whole.start).find(&name.to_str_lossy());
            let node = file.parse().innermost(&nodes[used.node as usize]);
            let known = known.filter(|v| v.complete && is_seen_by(v, node));
            if let Some(value) = known.and_then(|variable| variable.value.clone()) {
                found.push((OccurrenceId(index as u32), value));
            }
        }
        found
    }

    /// Tells whether a use is one of a variable of the Dockerfile, not of one that the command sets.
    fn takes_value(&self, used: &Occurrence) -> bool {
        let is_variable = self.symbol_of(used).kind == SymbolKind::Variable;
        let hidden = used.former.is_some_and(|f| self.get(f).set.is_none());
        is_variable && used.role != Role::Definition && !hidden
    }

    /// The global arguments as `FROM` lines see them.
    pub(in crate::ide) fn globals<'a>(&'a self, file: &'a File) -> Values<'a> {
        let mut walk = Walk::new(self, file);
        walk.read_to(self.preamble_end());
        let mut globals = Values::new(file);
        // An `ENV` in front of the first stage is an error and no argument.
        let arguments = walk
            .values
            .list
            .into_iter()
            .filter(|v| v.keyword == Keyword::Arg);
        globals.pending = arguments.collect();
        globals.settle();
        globals
    }

    /// Where the first stage begins.
    fn preamble_end(&self) -> u32 {
        self.stages.first().map_or(u32::MAX, |s| s.from.start)
    }

    /// Where the lines of a stage end and the next stage begins.
    fn stage_end(&self, stage: usize) -> u32 {
        self.stages
            .get(stage + 1)
            .map_or(u32::MAX, |s| s.from.start)
    }
}

/// Tells whether what reads the text of an instruction has the variable: containers have no arguments, and nobody
/// expands an exec form.
fn is_seen_by(variable: &Variable, node: &Node) -> bool {
    match node.known {
        Some(Keyword::Run) => !node.json,
        Some(Keyword::Cmd | Keyword::Entrypoint | Keyword::Healthcheck) => {
            !node.json && variable.keyword == Keyword::Env
        }
        _ => true,
    }
}

/// Reads settings from the front of a file on, so that asking at growing offsets costs each setting once.
struct Walk<'a> {
    names: &'a Names,
    file: &'a File,
    globals: Option<Values<'a>>,
    values: Values<'a>,
    /// What the values are those of: the global arguments, or a stage.
    scope: Option<usize>,
    /// The next occurrence to look at.
    next: usize,
}

impl<'a> Walk<'a> {
    fn new(names: &'a Names, file: &'a File) -> Self {
        Self {
            names,
            file,
            globals: None,
            values: Values::new(file),
            scope: None,
            next: 0,
        }
    }

    /// The values in force at `offset`, which is not in front of the one asked for before, unless in a `FROM` line.
    fn at(&mut self, offset: u32) -> &Values<'a> {
        let stages = &self.names.stages;
        let stage = self.names.stage_at(offset);
        let Some(stage) = stage.filter(|s| stages[*s].from.end < offset) else {
            return self.globals_at(offset);
        };
        if self.scope != Some(stage) {
            self.enter(stage);
        }
        self.read_to(offset.min(self.names.stage_end(stage)));
        &self.values
    }

    fn globals_at(&mut self, offset: u32) -> &Values<'a> {
        if self.scope.is_none() && offset < self.names.preamble_end() {
            self.read_to(offset);
            return &self.values;
        }
        self.globals
            .get_or_insert_with(|| self.names.globals(self.file))
    }

    /// Begins a stage with all that those it continues have set.
    fn enter(&mut self, stage: usize) {
        let stages = &self.names.stages;
        if self.globals.is_none() {
            self.globals = Some(self.names.globals(self.file));
        }
        let base_of = |stage: usize| stages[stage].base.map(|base| base as usize);
        let at_hand = |base: &Option<usize>| base.is_some() && *base == self.scope;
        let mut chain = vec![stage];
        let mut base = base_of(stage);
        while let Some(part) = base.filter(|_| !at_hand(&base)) {
            chain.push(part);
            base = base_of(part);
        }
        // The values of the base are at hand when the stages of a chain are asked for one after the other.
        match base {
            Some(base) => self.read_to(self.names.stage_end(base)),
            None => self.values = Values::new(self.file),
        }
        self.scope = Some(stage);
        for part in chain.into_iter().rev() {
            self.start_at(stages[part].range.start);
            if part != stage {
                self.read_to(self.names.stage_end(part));
            }
        }
    }

    fn start_at(&mut self, offset: u32) {
        let occurrences = &self.names.occurrences;
        self.next = occurrences.partition_point(|o| o.whole.start < offset);
    }

    /// Takes the settings in front of `end` into account.
    fn read_to(&mut self, end: u32) {
        let nodes = self.file.parse().nodes();
        while let Some(setting) = self.names.occurrences.get(self.next) {
            if let Some(set) = setting.set.filter(|set| !set.trigger) {
                let in_force_from = match set.keyword {
                    // Those in front on the same line count.
                    Keyword::Arg => set.value.unwrap_or(setting.range).end,
                    _ => nodes[setting.node as usize].range.end,
                };
                if in_force_from >= end {
                    break;
                }
                let name = self.names.symbol_of(setting).name.as_bstr();
                self.values.set(name, setting, self.globals.as_ref());
                self.values.placed(OccurrenceId(self.next as u32));
            } else if setting.whole.start >= end {
                break;
            }
            self.next += 1;
        }
        self.values.settle();
    }
}

/// Values in the making.
pub(in crate::ide) struct Values<'a> {
    file: &'a File,
    lexer: Lexer,
    numbers: HashMap<String, usize>,
    list: Vec<Variable>,
    /// Settings of the current instruction, which does not see them itself.
    pending: Vec<Variable>,
    node: u32,
}

impl<'a> Values<'a> {
    pub(super) fn new(file: &'a File) -> Self {
        let lexer = Lexer {
            skip_unset: true,
            ..Lexer::new(file.parse().escape())
        };
        Self {
            file,
            lexer,
            numbers: HashMap::new(),
            list: Vec::new(),
            pending: Vec::new(),
            node: u32::MAX,
        }
    }

    /// Takes a setting into account; `globals` are what `ARG NAME` takes its value from.
    pub(super) fn set(&mut self, name: &BStr, setting: &Occurrence, globals: Option<&Values<'_>>) {
        let Some(set) = setting.set else { return };
        if set.keyword == Keyword::Arg || setting.node != self.node {
            self.settle();
        }
        self.node = setting.node;
        let name = name.to_str_lossy().into_owned();
        let (value, complete) = if let Some(range) = set.value {
            self.value(set.piece, range)
        } else {
            let global = globals.and_then(|g| g.find(&name));
            let known = global.or_else(|| self.find(&name));
            known.map_or((None, false), |v| (v.value.clone(), v.complete))
        };
        self.pending.push(Variable {
            name,
            value,
            complete,
            keyword: set.keyword,
            set: OccurrenceId(0),
        });
    }

    /// Tells which occurrence the last setting is.
    fn placed(&mut self, id: OccurrenceId) {
        if let Some(variable) = self.pending.last_mut() {
            variable.set = id;
        }
    }

    /// The word with everything replaced; `None` when something is not known.
    pub(in crate::ide) fn expand(&mut self, word: &BStr) -> Option<BString> {
        self.settle();
        let (text, complete) = self.expanded(word);
        text.filter(|_| complete).map(BString::from)
    }

    /// Every text the word may stand for: what only the platform of a build tells takes each value it can have.
    /// Nothing when anything else is not known.
    pub(super) fn expansions(&mut self, word: &BStr) -> Vec<BString> {
        self.settle();
        let Ok(expanded) = self.lexer.word(word, self) else {
            return Vec::new();
        };
        let complete = |name: &String| self.find(name).is_some_and(|v| v.complete);
        if !expanded.matched.iter().all(complete) {
            return Vec::new();
        }
        let mut choices: Vec<Vec<(&str, &str)>> = vec![Vec::new()];
        for name in &expanded.unmatched {
            let values = platform_words(name);
            let longer = choices.iter().flat_map(|choice| {
                let with = |value: &&'static str| {
                    let mut choice = choice.clone();
                    choice.push((name, *value));
                    choice
                };
                values.iter().map(with)
            });
            choices = longer.take(MOST_CHOICES).collect();
        }
        let expand = |choice: &Vec<(&str, &str)>| {
            let env = Chosen {
                values: self,
                choice,
            };
            let text = self.lexer.word(word, &env).ok()?.text;
            Some(BString::from(text))
        };
        choices.iter().filter_map(expand).collect()
    }

    fn value(&self, piece: Option<u32>, range: TextRange) -> (Option<String>, bool) {
        let parse = self.file.parse();
        let Some(piece) = piece else {
            return self.expanded(self.file.text(range).as_bstr());
        };
        let piece = &parse.pieces(&(piece..piece + 1))[0];
        let text = parse.text(self.file.source(), piece.text);
        let is_behind_equals = range.start > piece.range.start;
        let value = text.split_once_str("=").filter(|_| is_behind_equals);
        let text = value.map_or(text, |(_, value)| value.as_bstr());
        self.expanded(text)
    }

    fn expanded(&self, word: &BStr) -> (Option<String>, bool) {
        match self.lexer.word(word, self) {
            Ok(expanded) => {
                let known = |name: &String| self.find(name).is_some_and(|v| v.complete);
                let complete = expanded.unmatched.is_empty() && expanded.matched.iter().all(known);
                (Some(expanded.text), complete)
            }
            Err(_) => (None, false),
        }
    }

    fn find(&self, name: &str) -> Option<&Variable> {
        self.numbers.get(name).map(|i| &self.list[*i])
    }

    fn settle(&mut self) {
        for variable in self.pending.drain(..) {
            if let Some(known) = self.numbers.get(&variable.name) {
                self.list[*known] = variable;
            } else {
                self.numbers.insert(variable.name.clone(), self.list.len());
                self.list.push(variable);
            }
        }
    }
}

/// Most texts that are tried for one word.
const MOST_CHOICES: usize = 1_000;

/// The values that an argument about a platform can have; none for other names.
fn platform_words(name: &str) -> &'static [&'static str] {
    match name {
        "BUILDOS" | "TARGETOS" => platform::KNOWN_OS,
        "BUILDARCH" | "TARGETARCH" => platform::KNOWN_ARCHITECTURES,
        "BUILDVARIANT" | "TARGETVARIANT" => &["", "v5", "v6", "v7", "v8"],
        _ => &[],
    }
}

/// Values with some more that were chosen.
struct Chosen<'a> {
    values: &'a Values<'a>,
    choice: &'a [(&'a str, &'a str)],
}

impl Env for Chosen<'_> {
    fn get(&self, name: &str) -> Option<&str> {
        let chosen = self.choice.iter().find(|(n, _)| *n == name);
        chosen
            .map(|(_, value)| *value)
            .or_else(|| self.values.get(name))
    }

    fn names(&self) -> Vec<&str> {
        self.values.names()
    }
}

impl Env for Values<'_> {
    fn get(&self, name: &str) -> Option<&str> {
        self.find(name).and_then(|v| v.value.as_deref())
    }

    fn names(&self) -> Vec<&str> {
        self.list.iter().map(|v| v.name.as_str()).collect()
    }
}
