//! The steps of a plan while they are made: sources once each, numbers, what they read.

use super::{Place, Planner, text};
use crate::plan::digest::definition;
use crate::plan::{CopySource, MountKind, Op, Plan, Prefix, Source, Step, StepId, Variable};
use crate::rune;
use std::collections::HashMap;
use std::sync::Arc;

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

    /// Makes room for that many more.
    pub(super) fn reserve(&mut self, steps: usize) {
        self.list.reserve(steps);
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
    pub(super) prefix: Option<Prefix>,
}

impl Label {
    /// What has no number.
    pub(super) fn internal(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            ..Self::default()
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
        let number = (state.index, state.total);
        if trigger {
            text.insert_str(0, "ONBUILD ");
        }
        Label {
            number: Some(number),
            text,
            prefix: Some(Prefix {
                stage: Arc::clone(&state.name),
                number,
            }),
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
        let definition = definition(&op);
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
            prefix: label.prefix,
            variables: Arc::default(),
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
        mut op: Op,
        place: Place,
        label: Label,
        variables: Arc<[Variable]>,
    ) {
        let root = self.states[stage].root;
        let mut inputs = Vec::new();
        for input in reads(&mut op) {
            if !inputs.contains(input) {
                inputs.push(*input);
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
            prefix: label.prefix,
            variables,
        });
        self.states[stage].root = Some(id);
    }

    /// An instruction's text as progress shows it.
    pub(super) fn shown(&self, stage: usize, original: &[u8]) -> String {
        let trimmed = rune::trimmed(original);
        match self
            .lexer
            .word(trimmed, self.states[stage].live.variables.env())
        {
            Ok(expanded) => text::uppercase_first_word(expanded.text),
            Err(_) => text::uppercase_first_word(text::lossy(trimmed)),
        }
    }
}

/// Steps that an op names, in order.
fn reads(op: &mut Op) -> Vec<&mut StepId> {
    match op {
        Op::Source(_) | Op::Mkdir(_) => Vec::new(),
        Op::Exec(exec) => {
            let mounts = exec.mounts.iter_mut();
            let from = mounts.filter_map(|mount| match &mut mount.kind {
                MountKind::Bind { from, .. } => Some(from),
                MountKind::Cache { from, .. } => from.as_mut(),
                MountKind::Tmpfs { .. } | MountKind::Secret { .. } | MountKind::Ssh { .. } => None,
            });
            from.collect()
        }
        Op::Copy(copy) => {
            let sources = copy.sources.iter_mut();
            let from = sources.filter_map(|source| match source {
                CopySource::Path { from, .. }
                | CopySource::Http { from, .. }
                | CopySource::Git { from } => Some(from),
                CopySource::Inline { .. } => None,
            });
            from.collect()
        }
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
        reads(&mut step.op).into_iter().for_each(renumber);
    }
    plan.result.iter_mut().for_each(renumber);
    plan.assumed.retain(|id| needed[id.0 as usize]);
    plan.assumed.iter_mut().for_each(renumber);
    for stage in &mut plan.stages {
        stage.last = stage.last.and_then(|id| new[id.0 as usize]);
    }
}
