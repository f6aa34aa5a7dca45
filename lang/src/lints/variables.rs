//! Which variables a script sees, and which it sets.

use super::Subject;
use super::stages::parents;
use super::subject::Line;
use crate::instructions::Kind;
use crate::shell::Snippet;
use crate::text::Word as TextWord;
use bstr::{BStr, ByteSlice};
use std::collections::{HashMap, HashSet};

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
    /// By a trigger, for the stages that are built upon this one.
    trigger: bool,
    value: &'a BStr,
}

impl<'a> Variables<'a> {
    pub(super) fn of(subject: &'a Subject<'_>) -> Self {
        let mut variables = Self {
            set: HashMap::new(),
            parents: parents(subject.file),
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
            trigger: line.trigger.is_some(),
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
            let is_own = stage == snippet.stage && !snippet.trigger;
            let mut here = all
                .iter()
                .rev()
                .filter(|s| s.stage == stage && s.start < start && !(is_own && s.trigger));
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
