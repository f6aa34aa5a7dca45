//! Which mention means what: stages, scopes and inheritance.
//!
//! A stage that continues another one has its variables too, so stages are visited along that tree; a table of the
//! names in force is changed on the way down and restored on the way up. That keeps the work linear.
//!
//! **Source:** `spec` sections 10.1 to 10.5; BuildKit `dockerfile2llb/convert.go`.

use super::mentions::{Mention, MentionKind, Set, mentions};
use super::values::Values;
use super::{Names, Occurrence, OccurrenceId, Role, Stage, Symbol, SymbolId, SymbolKind};
use crate::ide::File;
use crate::model::scope;
use crate::model::stage::StageNames;
use crate::syntax::Keyword;
use crate::text::TextRange;
use bstr::{BString, ByteSlice};
use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap};
use std::ops::Range;

pub(super) fn resolve(file: &File) -> Names {
    let mut resolver = Resolver::new(file);
    resolver.global_scope();
    resolver.bases();
    resolver.walk_stages();
    resolver.other_names();
    resolver.finish()
}

/// What a variable name means at some point.
#[derive(Clone, Copy)]
struct Entry {
    symbol: u32,
    /// The setting in force.
    last: Option<u32>,
    /// An `ARG` declares it, or the builder does.
    declared: bool,
}

struct Resolver<'a> {
    file: &'a File,
    mentions: Vec<Mention>,
    /// Mentions of each node.
    of_node: Vec<Range<usize>>,
    stages: Vec<Stage>,
    symbols: Vec<Symbol>,
    /// Symbols that turned out to be one: the index of an earlier one, or of itself.
    same: Vec<u32>,
    occurrences: Vec<Occurrence>,
    variables: Variables,
    /// What `FROM` lines and `ARG NAME` see.
    globals: Vec<Option<Entry>>,
    /// The walk is in front of the first `FROM`.
    in_preamble: bool,
    named: HashMap<(SymbolKind, BString), u32>,
}

/// The names in force, by number.
#[derive(Default)]
struct Variables {
    numbers: HashMap<BString, usize>,
    table: Vec<Option<Entry>>,
    /// What to restore: number and former entry.
    undo: Vec<(usize, Option<Entry>)>,
}

enum Visit {
    Enter(usize),
    Leave(usize),
}

impl<'a> Resolver<'a> {
    fn new(file: &'a File) -> Self {
        let nodes = file.parse().nodes();
        let mut all = Vec::with_capacity(nodes.len());
        let mut of_node = Vec::with_capacity(nodes.len());
        for node in nodes {
            let start = all.len();
            all.extend(mentions(file.source(), file.parse(), node));
            of_node.push(start..all.len());
        }
        let mut resolver = Self {
            file,
            mentions: all,
            of_node,
            stages: Vec::new(),
            symbols: Vec::new(),
            same: Vec::new(),
            occurrences: Vec::new(),
            variables: Variables::default(),
            globals: Vec::new(),
            in_preamble: true,
            named: HashMap::new(),
        };
        resolver.stages();
        resolver
    }

    /// Cuts the file into stages and names them.
    fn stages(&mut self) {
        let nodes = self.file.parse().nodes();
        for (index, node) in nodes.iter().enumerate() {
            if node.known != Some(Keyword::From) {
                if let Some(stage) = self.stages.last_mut() {
                    stage.nodes.end = index as u32 + 1;
                    stage.range.end = node.range.end;
                }
                continue;
            }
            let stage = self.stages.len();
            let mut named = self.of_node[index].clone();
            let name = named.find(|m| self.mentions[*m].kind == MentionKind::Stage);
            let symbol = match name {
                Some(name) => {
                    let key = self.mentions[name].name.to_ascii_lowercase().into();
                    self.symbol(SymbolKind::Stage, key)
                }
                None => self.new_symbol(SymbolKind::Stage, BString::default()),
            };
            self.symbols[symbol as usize].stage = Some(stage as u32);
            let name = name.map(|m| self.occur(m, index, symbol, Role::Definition, None));
            self.stages.push(Stage {
                symbol: SymbolId(symbol),
                name: name.map(OccurrenceId),
                base: None,
                range: node.range,
                from: node.range,
                nodes: index as u32..index as u32 + 1,
            });
        }
    }

    /// The nodes in front of the first `FROM`, and the `FROM` lines, which see the `ARG`s among them.
    fn global_scope(&mut self) {
        let preamble = self
            .stages
            .first()
            .map_or(self.of_node.len(), |s| s.nodes.start as usize);
        for node in 0..preamble {
            self.variables_of(node);
        }
        let declared = |entry: &&Option<Entry>| entry.is_some_and(|e| e.declared);
        let globals = self.variables.table.iter();
        self.globals = globals
            .map(|e| Some(e).filter(declared).copied().flatten())
            .collect();
        self.variables.restore(0);
        self.in_preamble = false;
        self.globals_in_from_lines();
    }

    fn globals_in_from_lines(&mut self) {
        for stage in 0..self.stages.len() {
            let node = self.stages[stage].nodes.start as usize;
            for mention in self.of_node[node].clone() {
                if self.mentions[mention].kind != MentionKind::Variable {
                    continue;
                }
                let name = self.mentions[mention].name.clone();
                let entry = self.global(&name);
                self.occur(mention, node, entry.symbol, Role::Use, entry.last);
            }
        }
    }

    /// What a global name means; a name nobody declares is a name all the same.
    fn global(&mut self, name: &BString) -> Entry {
        let number = self.variables.number(name);
        if self.globals.len() <= number {
            self.globals.resize(number + 1, None);
        }
        if let Some(entry) = self.globals[number] {
            return entry;
        }
        let entry = Entry {
            symbol: self.new_symbol(SymbolKind::Variable, name.clone()),
            last: None,
            declared: scope::is_predefined(&name.to_str_lossy()),
        };
        self.globals[number] = Some(entry);
        entry
    }

    /// Which stages continue which, as far as the text alone tells: the rest of this crate and the server ask here.
    fn bases(&mut self) {
        let mut earlier = StageNames::default();
        let mut globals = None;
        for index in 0..self.stages.len() {
            let node = self.stages[index].nodes.start as usize;
            let mut base = self.of_node[node].clone();
            let base = base.find(|m| self.mentions[*m].kind == MentionKind::Base);
            if let Some(mention) = base {
                let written = &self.mentions[mention].name;
                // What has to be expanded is not the name itself.
                let (role, candidates) = if written.find_byteset(br#"$'"\`"#).is_some() {
                    let globals = globals.get_or_insert_with(|| self.global_values());
                    (Role::Indirect, globals.expansions(written.as_bstr()))
                } else {
                    (Role::Use, vec![written.clone()])
                };
                let meant: BTreeSet<usize> = candidates
                    .iter()
                    .filter_map(|name| earlier.base(&name.to_str_lossy()))
                    .collect();
                self.stages[index].base = meant.first().map(|base| *base as u32);
                for base in meant {
                    let Stage { symbol, name, .. } = self.stages[base];
                    self.occur(mention, node, symbol.0, role, name.map(|n| n.0));
                }
            }
            if self.stages[index].name.is_some() {
                let symbol = self.stages[index].symbol.0 as usize;
                earlier.declare(&self.symbols[symbol].name.to_str_lossy(), index);
            }
        }
    }

    fn global_values(&self) -> Values<'a> {
        let mut values = Values::new(self.file);
        let is_argument = |o: &&Occurrence| o.set.is_some_and(|s| s.keyword == Keyword::Arg);
        for setting in self.occurrences.iter().filter(is_argument) {
            let name = &self.symbols[setting.symbol.0 as usize].name;
            values.set(name.as_bstr(), setting, None);
        }
        values
    }

    fn walk_stages(&mut self) {
        let mut children = vec![Vec::new(); self.stages.len()];
        let mut todo = Vec::new();
        for (index, stage) in self.stages.iter().enumerate().rev() {
            match stage.base {
                Some(base) => children[base as usize].push(index),
                None => todo.push(Visit::Enter(index)),
            }
        }
        while let Some(visit) = todo.pop() {
            match visit {
                Visit::Leave(mark) => self.variables.restore(mark),
                Visit::Enter(stage) => {
                    todo.push(Visit::Leave(self.variables.undo.len()));
                    let nodes = self.stages[stage].nodes.clone();
                    for node in nodes.start as usize + 1..nodes.end as usize {
                        self.variables_of(node);
                    }
                    todo.extend(children[stage].iter().map(|s| Visit::Enter(*s)));
                }
            }
        }
    }

    fn variables_of(&mut self, node: usize) {
        let mut hidden = Vec::new();
        for mention in self.of_node[node].clone() {
            match self.mentions[mention].kind {
                MentionKind::Variable => {
                    let (_, entry) = self.variable(mention);
                    self.occur(mention, node, entry.symbol, Role::Use, entry.last);
                }
                MentionKind::Set(set) => self.set(mention, node, set),
                MentionKind::Assigned => hidden.push(self.assign(mention, node)),
                _ => {}
            }
        }
        // What a command sets for itself is gone behind it.
        for (number, former) in hidden.into_iter().rev() {
            self.variables.table[number] = former;
        }
    }

    /// Sets a name for the rest of the instruction; gives what it means outside. A name that the Dockerfile sets too
    /// stays the same thing, since what the command does not set it has from there.
    fn assign(&mut self, mention: usize, node: usize) -> (usize, Option<Entry>) {
        let name = &self.mentions[mention].name;
        let number = self.variables.number(name);
        let outside = self.variables.table[number];
        let symbol = match outside.filter(|entry| entry.last.is_some()) {
            Some(entry) => entry.symbol,
            None => self.new_symbol(SymbolKind::Variable, name.clone()),
        };
        let former = outside.and_then(|entry| entry.last);
        let here = self.occur(mention, node, symbol, Role::Definition, former);
        self.variables.table[number] = Some(Entry {
            symbol,
            last: Some(here),
            declared: false,
        });
        (number, outside)
    }

    fn variable(&mut self, mention: usize) -> (usize, Entry) {
        let name = &self.mentions[mention].name;
        let number = self.variables.number(name);
        if let Some(entry) = self.variables.table[number] {
            return (number, entry);
        }
        let name = name.clone();
        let entry = Entry {
            symbol: self.new_symbol(SymbolKind::Variable, name),
            last: None,
            declared: false,
        };
        self.variables.put(number, entry);
        (number, entry)
    }

    fn set(&mut self, mention: usize, node: usize, set: Set) {
        let (number, mut entry) = self.variable(mention);
        let mut former = entry.last;
        if set.keyword == Keyword::Arg && set.value.is_none() && !self.in_preamble {
            let name = self.mentions[mention].name.clone();
            let global = self.declared_global(&name);
            if let Some(global) = global {
                self.unite(entry.symbol, global.symbol);
                former = global.last.or(former);
            }
        }
        let here = self.occur(mention, node, entry.symbol, Role::Definition, former);
        self.occurrences[here as usize].set = Some(set);
        entry.declared |= set.keyword == Keyword::Arg;
        // A trigger sets nothing in the stage that holds it.
        if !set.trigger {
            entry.last = Some(here);
        }
        self.variables.put(number, entry);
    }

    /// The global argument whose value `ARG NAME` takes.
    fn declared_global(&mut self, name: &BString) -> Option<Entry> {
        let number = self.variables.number(name);
        let known = self.globals.get(number).copied().flatten();
        if known.is_none() && scope::is_predefined(&name.to_str_lossy()) {
            return Some(self.global(name));
        }
        known.filter(|entry| entry.declared)
    }

    /// Everything that is no variable.
    fn other_names(&mut self) {
        for node in 0..self.of_node.len() {
            let mut openers = std::collections::VecDeque::new();
            for mention in self.of_node[node].clone() {
                let name = &self.mentions[mention].name;
                match self.mentions[mention].kind {
                    MentionKind::CopyFrom => self.source(mention, node, true),
                    MentionKind::MountFrom => self.source(mention, node, false),
                    MentionKind::Secret => self.id(mention, node, SymbolKind::Secret),
                    MentionKind::Ssh => self.id(mention, node, SymbolKind::Ssh),
                    MentionKind::Cache => self.id(mention, node, SymbolKind::Cache),
                    MentionKind::HeredocOpener => {
                        let symbol = self.new_symbol(SymbolKind::Heredoc, name.clone());
                        let opener = self.occur(mention, node, symbol, Role::Definition, None);
                        openers.push_back((symbol, opener));
                    }
                    MentionKind::HeredocEnd => {
                        if let Some((symbol, opener)) = openers.pop_front() {
                            self.occur(mention, node, symbol, Role::Use, Some(opener));
                        }
                    }
                    MentionKind::Variable
                    | MentionKind::Set(_)
                    | MentionKind::Assigned
                    | MentionKind::Base
                    | MentionKind::Stage => {}
                }
            }
        }
    }

    /// `--from` and `from=`: a position where that counts, else the last stage of that name, else something else.
    fn source(&mut self, mention: usize, node: usize, positions: bool) {
        let name = &self.mentions[mention].name;
        if positions && name.iter().all(u8::is_ascii_digit) {
            let index = name.to_str_lossy().parse::<usize>();
            if let Some(stage) = index.ok().and_then(|i| self.stages.get(i)) {
                let (symbol, meant) = (stage.symbol.0, stage.name.map(|n| n.0));
                self.occur(mention, node, symbol, Role::Indirect, meant);
            }
            return;
        }
        let lower: BString = name.to_ascii_lowercase().into();
        if let Some(&symbol) = self.named.get(&(SymbolKind::Stage, lower)) {
            let last = self.symbols[symbol as usize].stage;
            let meant = last.and_then(|s| self.stages[s as usize].name);
            self.occur(mention, node, symbol, Role::Use, meant.map(|n| n.0));
        } else {
            self.id(mention, node, SymbolKind::Source);
        }
    }

    fn id(&mut self, mention: usize, node: usize, kind: SymbolKind) {
        let symbol = self.symbol(kind, self.mentions[mention].name.clone());
        self.occur(mention, node, symbol, Role::Use, None);
    }

    fn symbol(&mut self, kind: SymbolKind, name: BString) -> u32 {
        if let Some(symbol) = self.named.get(&(kind, name.clone())) {
            return *symbol;
        }
        let symbol = self.new_symbol(kind, name.clone());
        self.named.insert((kind, name), symbol);
        symbol
    }

    fn new_symbol(&mut self, kind: SymbolKind, name: BString) -> u32 {
        let symbol = self.symbols.len() as u32;
        self.symbols.push(Symbol {
            kind,
            name,
            stage: None,
            occurrences: Vec::new(),
        });
        self.same.push(symbol);
        symbol
    }

    fn occur(
        &mut self,
        mention: usize,
        node: usize,
        symbol: u32,
        role: Role,
        former: Option<u32>,
    ) -> u32 {
        let Mention { range, whole, .. } = self.mentions[mention];
        let in_trigger = self.file.parse().nodes()[node].known == Some(Keyword::Onbuild);
        self.occurrences.push(Occurrence {
            range,
            whole,
            symbol: SymbolId(symbol),
            role,
            node: node as u32,
            former: former.map(OccurrenceId),
            around: None,
            set: None,
            in_trigger,
        });
        self.occurrences.len() as u32 - 1
    }

    fn root(&mut self, symbol: u32) -> u32 {
        let mut root = symbol;
        while self.same[root as usize] != root {
            root = self.same[root as usize];
        }
        let mut at = symbol;
        while self.same[at as usize] != root {
            at = std::mem::replace(&mut self.same[at as usize], root);
        }
        root
    }

    fn unite(&mut self, a: u32, b: u32) {
        let (a, b) = (self.root(a), self.root(b));
        self.same[a.max(b) as usize] = a.min(b);
    }

    /// Puts occurrences in the order of the text and lists them at their symbols.
    fn finish(mut self) -> Names {
        let mut order: Vec<u32> = (0..self.occurrences.len() as u32).collect();
        let place = |o: &Occurrence| (o.whole.start, Reverse(o.whole.end));
        order.sort_by_key(|i| place(&self.occurrences[*i as usize]));
        let mut moved = vec![OccurrenceId(0); order.len()];
        for (new, old) in order.iter().enumerate() {
            moved[*old as usize] = OccurrenceId(new as u32);
        }
        let moved = |id: OccurrenceId| moved[id.0 as usize];
        let mut occurrences: Vec<Occurrence> = Vec::with_capacity(order.len());
        let mut outermost: Option<(OccurrenceId, TextRange)> = None;
        for old in order {
            let id = OccurrenceId(occurrences.len() as u32);
            let symbol = self.root(self.occurrences[old as usize].symbol.0);
            let old = &self.occurrences[old as usize];
            let around = outermost.filter(|(_, range)| old.whole.end <= range.end);
            if around.is_none() {
                outermost = Some((id, old.whole));
            }
            self.symbols[symbol as usize].occurrences.push(id);
            occurrences.push(Occurrence {
                symbol: SymbolId(symbol),
                former: old.former.map(moved),
                around: around.map(|(id, _)| id),
                ..old.clone()
            });
        }
        for stage in &mut self.stages {
            stage.name = stage.name.map(moved);
        }
        Names {
            symbols: self.symbols,
            occurrences,
            stages: self.stages,
        }
    }
}

impl Variables {
    fn number(&mut self, name: &BString) -> usize {
        if let Some(number) = self.numbers.get(name) {
            return *number;
        }
        let number = self.table.len();
        self.numbers.insert(name.clone(), number);
        self.table.push(None);
        number
    }

    fn put(&mut self, number: usize, entry: Entry) {
        let former = self.table[number].replace(entry);
        self.undo.push((number, former));
    }

    fn restore(&mut self, mark: usize) {
        for (number, former) in self.undo.drain(mark..).rev() {
            self.table[number] = former;
        }
    }
}
