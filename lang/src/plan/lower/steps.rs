//! The steps of a plan while they are made: sources once each, numbers, names, digests.

use super::{Place, Planner, text};
use crate::model::expand::Env as _;
use crate::plan::digest::definition;
use crate::plan::{CopySource, MountKind, Op, Plan, Source, Step, StepId, Variable};
use std::collections::{BTreeSet, HashMap};

/// Steps so far.
#[derive(Debug, Default)]
pub(super) struct Steps {
    list: Vec<Step>,
    /// Sources by their definition, which names what was asked for.
    sources: HashMap<crate::plan::digest::DefinitionDigest, StepId>,
    /// The main context, once it is asked for.
    context: Option<StepId>,
    assumed: Vec<StepId>,
}

impl Steps {
    pub(super) fn finish(self) -> (Vec<Step>, Vec<StepId>) {
        (self.list, self.assumed)
    }

    pub(super) fn assume(&mut self, step: StepId) {
        if !self.assumed.contains(&step) {
            self.assumed.push(step);
        }
    }

    fn push(&mut self, step: Step) -> StepId {
        let id = step.id;
        self.list.push(step);
        id
    }

    fn next(&self) -> StepId {
        StepId(self.list.len() as u32)
    }
}

/// How a step shows in progress output.
#[derive(Clone, Debug, Default)]
pub(super) struct Label {
    pub(super) number: Option<(u32, u32)>,
    pub(super) text: String,
    pub(super) name: String,
}

impl Label {
    /// What has no number.
    pub(super) fn internal(name: impl Into<String>) -> Self {
        let name = name.into();
        Self {
            number: None,
            text: name.clone(),
            name,
        }
    }
}

impl Planner<'_> {
    /// The next number of a stage, and the name it gives: `[build 2/5] RUN make`.
    pub(super) fn label(&mut self, stage: usize, trigger: bool, mut text: String) -> Label {
        let state = &mut self.states[stage];
        if state.total == 0 {
            return Label::internal(text);
        }
        state.index += 1;
        let (index, total) = (state.index, state.total);
        let width = total.ilog10() as usize + 1;
        let space = if state.name.is_empty() { "" } else { " " };
        if trigger {
            text.insert_str(0, "ONBUILD ");
        }
        let name = format!("[{}{space}{index:width$}/{total}] {text}", state.name);
        Label {
            number: Some((index, total)),
            text,
            name,
        }
    }

    /// The step for a source, made when it is first asked for.
    pub(super) fn source(
        &mut self,
        source: Source,
        stage: Option<usize>,
        place: Place,
        label: Label,
    ) -> StepId {
        let op = Op::Source(source);
        let definition = definition(&op, &self.target_platform);
        if let Some(id) = self.steps.sources.get(&definition) {
            let step = &mut self.steps.list[id.0 as usize];
            if step.stage != stage {
                step.stage = None;
            }
            return *id;
        }
        let id = self.steps.next();
        self.steps.sources.insert(definition, id);
        self.steps.push(Step {
            id,
            op,
            root: None,
            inputs: Vec::new(),
            stage,
            range: place.range,
            lines: place.lines,
            number: label.number,
            text: label.text,
            name: label.name,
            definition,
            variables: Vec::new(),
        })
    }

    /// The main context.
    pub(super) fn main_context(&mut self, place: Place) -> StepId {
        if let Some(known) = self.steps.context {
            return known;
        }
        let source = Source::Local {
            name: "context".to_owned(),
        };
        let label = Label::internal("[internal] load build context");
        let id = self.source(source, None, place, label);
        self.steps.context = Some(id);
        id
    }

    /// A step on top of a stage.
    pub(super) fn step(
        &mut self,
        stage: usize,
        op: Op,
        place: Place,
        label: Label,
        variables: Vec<Variable>,
    ) {
        let root = self.states[stage].root;
        let platform = self.states[stage].platform(&self.target_platform);
        let definition = definition(&op, platform);
        let mut inputs = Vec::new();
        for input in reads(&op) {
            if !inputs.contains(&input) {
                inputs.push(input);
            }
        }
        let id = self.steps.next();
        self.steps.push(Step {
            id,
            op,
            root,
            inputs,
            stage: (stage < self.file.stages.len()).then_some(stage),
            range: place.range,
            lines: place.lines,
            number: label.number,
            text: label.text,
            name: label.name,
            definition,
            variables,
        });
        self.states[stage].root = Some(id);
    }

    /// Everything that is set or declared in a stage.
    pub(super) fn all_variables(&self, stage: usize) -> Vec<Variable> {
        let live = &self.states[stage].live;
        let unset = live
            .args
            .iter()
            .filter(|(name, _)| live.env.get(name).is_none())
            .map(|(name, _)| name.as_str());
        let names: Vec<&str> = live.env.iter().map(|(name, _)| name).chain(unset).collect();
        self.variables(stage, names)
    }

    /// The given names with their values.
    pub(super) fn variables<'n>(
        &self,
        stage: usize,
        names: impl IntoIterator<Item = &'n str>,
    ) -> Vec<Variable> {
        let env = &self.states[stage].live.env;
        let mut seen = BTreeSet::new();
        let variable = |name: &str| Variable {
            keyword: env.origin(name).map_or("ARG", |o| o.keyword()),
            name: name.to_owned(),
            value: env.get(name).map(str::to_owned),
        };
        names
            .into_iter()
            .filter(|name| seen.insert(*name))
            .map(variable)
            .collect()
    }

    /// An instruction's text as progress shows it.
    pub(super) fn shown(&self, stage: usize, original: &[u8]) -> String {
        let trimmed = bstr::ByteSlice::trim(original);
        match self.lexer.word(trimmed, &self.states[stage].live.env) {
            Ok(expanded) => text::uppercase_first_word(expanded.text),
            Err(_) => text::uppercase_first_word(text::lossy(trimmed)),
        }
    }
}

/// Steps that an op names, in order.
fn reads(op: &Op) -> Vec<StepId> {
    match op {
        Op::Source(_) | Op::Mkdir(_) => Vec::new(),
        Op::Exec(exec) => exec
            .mounts
            .iter()
            .filter_map(|mount| match &mount.kind {
                MountKind::Bind { from, .. } => Some(*from),
                MountKind::Cache { from, .. } => *from,
                MountKind::Tmpfs { .. } | MountKind::Secret { .. } | MountKind::Ssh { .. } => None,
            })
            .collect(),
        Op::Copy(copy) => copy
            .sources
            .iter()
            .filter_map(|source| match source {
                CopySource::Path { from, .. }
                | CopySource::Http { from, .. }
                | CopySource::Git { from } => Some(*from),
                CopySource::Inline { .. } => None,
            })
            .collect(),
    }
}

/// Takes out the steps that the result does not need, and numbers the others anew.
pub(super) fn prune(plan: &mut Plan) {
    let mut needed = vec![false; plan.steps.len()];
    let mut todo: Vec<StepId> = plan.result.into_iter().collect();
    while let Some(id) = todo.pop() {
        if !std::mem::replace(&mut needed[id.0 as usize], true) {
            let step = plan.step(id);
            todo.extend(step.root.into_iter().chain(step.inputs.iter().copied()));
        }
    }
    let mut next = 0;
    let new: Vec<Option<StepId>> = needed
        .iter()
        .map(|needed| {
            needed.then(|| {
                next += 1;
                StepId(next - 1)
            })
        })
        .collect();
    let renumber =
        |id: &mut StepId| *id = new[id.0 as usize].expect("what a needed step reads is needed");
    plan.steps.retain(|step| needed[step.id.0 as usize]);
    for step in &mut plan.steps {
        renumber(&mut step.id);
        step.root
            .iter_mut()
            .chain(&mut step.inputs)
            .for_each(renumber);
        match &mut step.op {
            Op::Source(_) | Op::Mkdir(_) => {}
            Op::Exec(exec) => exec
                .mounts
                .iter_mut()
                .for_each(|mount| match &mut mount.kind {
                    MountKind::Bind { from, .. } => renumber(from),
                    MountKind::Cache { from, .. } => from.iter_mut().for_each(renumber),
                    MountKind::Tmpfs { .. } | MountKind::Secret { .. } | MountKind::Ssh { .. } => {}
                }),
            Op::Copy(copy) => copy.sources.iter_mut().for_each(|source| match source {
                CopySource::Path { from, .. }
                | CopySource::Http { from, .. }
                | CopySource::Git { from } => {
                    renumber(from);
                }
                CopySource::Inline { .. } => {}
            }),
        }
    }
    plan.result.iter_mut().for_each(renumber);
    plan.assumed.retain(|id| needed[id.0 as usize]);
    plan.assumed.iter_mut().for_each(renumber);
    for stage in &mut plan.stages {
        stage.last = stage.last.and_then(|id| new[id.0 as usize]);
    }
}
