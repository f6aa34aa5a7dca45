//! Execution of a plan: the same walk as the forecast, but what misses is run, in parallel where nothing orders it.
//!
//! Decisions see the records that were there when the build began. What this build itself makes is shared only between
//! steps that have to run anyway, so that no order of completion can contradict the forecast.
//!
//! The scheduler knows nothing of containers or files: a [`Runner`] does the work. The real one is
//! [`super::runner`]; tests bring one in memory.

use super::cache::{
    CacheStatus, CacheView, ContentInput, Decision, LastRun, MissReason, Record, SnapshotId, State,
    after_run, decide, record_root,
};
use super::content::ContentManifest;
use super::events::{BuildEvent, Events};
use crate::cancel::Cancel;
use crate::store::{CacheKey, DiffId};
use cooperage_lang::plan::{Op, Plan, Step, StepId};
use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::Scope;
use std::time::{Duration, Instant, SystemTime};

/// Does the work that a plan asks for.
pub trait Runner: CacheView<Error: Send + std::fmt::Display> + Sync {
    /// Brings a source that is not here: pulls, downloads, clones.
    fn fetch(&self, plan: &Plan, step: &Step, events: &dyn Events) -> Result<State, Self::Error>;

    /// Runs a step whose inputs are all ready, and commits its layer.
    fn run(
        &self,
        plan: &Plan,
        step: &Step,
        states: &[State],
        events: &dyn Events,
    ) -> Result<Ran, Self::Error>;

    /// Keeps the result of a step for later builds.
    fn keep(
        &self,
        plan: &Plan,
        step: &Step,
        key: &CacheKey,
        record: &Record,
        decision: &Decision,
    ) -> Result<(), Self::Error>;

    /// The error of a build that was asked to stop.
    fn canceled(&self) -> Self::Error;

    /// The error of a step whose work panicked with `message`.
    fn panicked(&self, message: String) -> Self::Error;
}

/// What running a step gave.
#[derive(Clone, Debug)]
pub struct Ran {
    /// Its layer.
    pub layer: DiffId,
    /// Bytes of the layer.
    pub size: u64,
    /// Whether the layer is what the step's key stands for; not so when a file changed while it was copied.
    pub cacheable: bool,
}

/// What became of a step.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// Nothing was to be done.
    Cached,
    /// It ran; `reason` is `None` for a source that was fetched or a step that had to run by request.
    Ran {
        reason: Option<MissReason>,
        took: Duration,
        bytes: u64,
    },
    /// Another step of this build with the same key did the work.
    Shared { with: StepId },
    /// It failed.
    Failed {
        reason: Option<MissReason>,
        took: Duration,
    },
    /// It was not reached.
    NotRun,
}

/// A walked plan.
pub struct Executed<E> {
    /// State of every step; `Pending` for those not reached.
    pub states: Vec<State>,
    /// What became of every step.
    pub outcomes: Vec<Outcome>,
    /// The step that failed, and how.
    pub error: Option<(StepId, E)>,
}

/// Executes `plan` to its end, or to the first failure.
pub fn execute<R: Runner>(
    plan: &Plan,
    runner: &R,
    events: &dyn Events,
    cancel: &Cancel,
) -> Executed<R::Error> {
    std::thread::scope(|scope| {
        let (done, finished) = channel();
        Scheduler {
            plan,
            runner,
            before: Before::new(runner),
            events,
            cancel,
            states: plan
                .steps
                .iter()
                .map(|s| State::Pending {
                    chain: None,
                    on: s.id,
                })
                .collect(),
            outcomes: vec![Outcome::NotRun; plan.steps.len()],
            phase: vec![Phase::Waiting; plan.steps.len()],
            by_key: HashMap::new(),
            made: HashMap::new(),
            running: 0,
            error: None,
            done,
        }
        .run(scope, &finished)
    })
}

/// Steps at work at the same time, at most: containers mostly wait, so a little more than there are cores.
fn parallelism() -> usize {
    std::thread::available_parallelism().map_or(4, |n| (n.get() * 2).max(4))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Waiting,
    Running,
    Finished,
}

struct Scheduler<'a, R: Runner> {
    plan: &'a Plan,
    runner: &'a R,
    before: Before<'a, R>,
    events: &'a dyn Events,
    cancel: &'a Cancel,
    states: Vec<State>,
    outcomes: Vec<Outcome>,
    phase: Vec<Phase>,
    /// The step of this build that runs, or ran, under a key on these layers. Equal keys may stand on different layers:
    /// below one of them something was made anew by request.
    by_key: HashMap<(CacheKey, SnapshotId), StepId>,
    /// Layers made in this build.
    made: HashMap<StepId, DiffId>,
    running: usize,
    error: Option<(StepId, R::Error)>,
    done: Sender<Finished<R::Error>>,
}

/// What a worker achieved.
struct Work {
    state: State,
    /// The new layer and its bytes; `None` for sources.
    ran: Option<Ran>,
}

/// Message of a worker.
struct Finished<E> {
    step: StepId,
    reason: Option<MissReason>,
    took: Duration,
    result: Result<Work, E>,
}

impl<'a, R: Runner> Scheduler<'a, R> {
    fn run<'scope>(
        mut self,
        scope: &'scope Scope<'scope, '_>,
        finished: &Receiver<Finished<R::Error>>,
    ) -> Executed<R::Error>
    where
        'a: 'scope,
    {
        loop {
            if self.error.is_none() {
                self.start_what_can_start(scope);
            }
            if self.running == 0 {
                break;
            }
            let message = finished
                .recv()
                .expect("the scheduler holds a sender itself");
            self.finish(message);
        }
        Executed {
            states: self.states,
            outcomes: self.outcomes,
            error: self.error,
        }
    }

    /// Takes up every step whose inputs are ready. Cached steps finish at once and may make others ready, so one pass
    /// in plan order reaches everything that a cached prefix allows.
    fn start_what_can_start<'scope>(&mut self, scope: &'scope Scope<'scope, '_>)
    where
        'a: 'scope,
    {
        for index in 0..self.plan.steps.len() {
            if self.cancel.is_canceled() && self.error.is_none() {
                self.error = Some((StepId(index as u32), self.runner.canceled()));
            }
            if self.error.is_some() || self.running >= parallelism() {
                return;
            }
            let step = &self.plan.steps[index];
            if self.phase[index] == Phase::Waiting && self.inputs_ready(step) {
                self.take_up(step, scope);
            }
        }
    }

    fn inputs_ready(&self, step: &Step) -> bool {
        step.root
            .iter()
            .chain(&step.inputs)
            .all(|id| matches!(self.states[id.0 as usize], State::Ready { .. }))
    }

    fn take_up<'scope>(&mut self, step: &'a Step, scope: &'scope Scope<'scope, '_>)
    where
        'a: 'scope,
    {
        let index = step.id.0 as usize;
        let decision = match decide(self.plan, step, &self.states, &self.before) {
            Ok(decision) => decision,
            Err(error) => {
                self.events.event(BuildEvent::Started { step: step.id });
                self.events.event(BuildEvent::Failed {
                    step: step.id,
                    took: Duration::ZERO,
                    message: error.to_string(),
                });
                self.phase[index] = Phase::Finished;
                self.outcomes[index] = Outcome::Failed {
                    reason: None,
                    took: Duration::ZERO,
                };
                self.error = Some((step.id, error));
                return;
            }
        };
        match &decision.status {
            CacheStatus::Hit(hit) => {
                self.events.event(BuildEvent::Started { step: step.id });
                self.events.event(BuildEvent::Cached {
                    step: step.id,
                    saved: hit.took,
                });
                self.states[index] = decision.state;
                self.outcomes[index] = Outcome::Cached;
                self.phase[index] = Phase::Finished;
            }
            status => {
                if let Some(key) = decision.key {
                    let place = (key, record_root(step, &self.states));
                    if let Some(with) = self.by_key.get(&place).copied() {
                        // The same work under another name: wait for it, then take its layer.
                        if self.phase[with.0 as usize] == Phase::Finished {
                            self.share(step, key, with);
                        }
                        return;
                    }
                    self.by_key.insert(place, step.id);
                    self.before.remember(&key);
                }
                let reason = match status {
                    CacheStatus::Miss(reason) => Some(reason.clone()),
                    _ => None,
                };
                self.phase[index] = Phase::Running;
                self.running += 1;
                self.events.event(BuildEvent::Started { step: step.id });
                self.events.event(BuildEvent::Running {
                    step: step.id,
                    reason: reason.clone(),
                });
                self.spawn(step, decision, reason, scope);
            }
        }
    }

    /// Gives `step` the result of `with`, which has the same key: same definition, same root, same content.
    fn share(&mut self, step: &Step, key: CacheKey, with: StepId) {
        let index = step.id.0 as usize;
        let layer = self.made[&with];
        self.states[index] = after_run(step, &self.states, key, layer);
        self.outcomes[index] = Outcome::Shared { with };
        self.phase[index] = Phase::Finished;
    }

    fn spawn<'scope>(
        &self,
        step: &'a Step,
        decision: Decision,
        reason: Option<MissReason>,
        scope: &'scope Scope<'scope, '_>,
    ) where
        'a: 'scope,
    {
        let (plan, runner, events, done) = (self.plan, self.runner, self.events, self.done.clone());
        let states = self.states.clone();
        scope.spawn(move || {
            let started = Instant::now();
            let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                work(plan, step, &states, &decision, runner, events, started)
            }))
            .unwrap_or_else(|panic| Err(runner.panicked(message_of(panic.as_ref()))));
            // The scheduler waits for every message it expects, so the receiver is there.
            let _ = done.send(Finished {
                step: step.id,
                reason,
                took: started.elapsed(),
                result,
            });
        });
    }

    fn finish(&mut self, message: Finished<R::Error>) {
        let Finished {
            step,
            reason,
            took,
            result,
        } = message;
        let index = step.0 as usize;
        self.running -= 1;
        self.phase[index] = Phase::Finished;
        match result {
            Ok(Work { state, ran }) => {
                self.states[index] = state;
                let bytes = ran.as_ref().map_or(0, |r| r.size);
                if let Some(ran) = ran {
                    self.made.insert(step, ran.layer);
                }
                self.outcomes[index] = Outcome::Ran {
                    reason,
                    took,
                    bytes,
                };
                self.events.event(BuildEvent::Done { step, took, bytes });
            }
            Err(error) if self.error.is_none() => {
                self.outcomes[index] = Outcome::Failed { reason, took };
                self.events.event(BuildEvent::Failed {
                    step,
                    took,
                    message: error.to_string(),
                });
                self.error = Some((step, error));
                // The other steps' work is of no use any more.
                self.cancel.cancel();
            }
            Err(_) => self.events.event(BuildEvent::Canceled { step }),
        }
    }
}

/// The cache as it was before this build: a key is looked up before anything can be kept under it.
struct Before<'a, V> {
    view: &'a V,
    records: RefCell<HashMap<CacheKey, Option<Record>>>,
}

impl<'a, V: CacheView> Before<'a, V> {
    fn new(view: &'a V) -> Self {
        Self {
            view,
            records: RefCell::default(),
        }
    }

    /// Looks a key up ahead of the step that will keep a record under it.
    fn remember(&self, key: &CacheKey) {
        let _ = self.record(key);
    }
}

impl<V: CacheView> CacheView for Before<'_, V> {
    type Error = V::Error;

    fn record(&self, key: &CacheKey) -> Option<Record> {
        let mut records = self.records.borrow_mut();
        let record = records.entry(*key).or_insert_with(|| self.view.record(key));
        record.clone()
    }

    fn content(
        &self,
        plan: &Plan,
        step: &Step,
        input: &ContentInput,
        states: &[State],
    ) -> Result<Arc<ContentManifest>, Self::Error> {
        self.view.content(plan, step, input, states)
    }

    fn source(&self, step: &Step) -> Result<State, Self::Error> {
        self.view.source(step)
    }

    fn last_run(&self, plan: &Plan, step: &Step) -> Option<LastRun> {
        self.view.last_run(plan, step)
    }

    fn base(&self, step: &Step) -> Option<(String, String)> {
        self.view.base(step)
    }

    fn bypass(&self, plan: &Plan, step: &Step) -> bool {
        self.view.bypass(plan, step)
    }
}

fn message_of(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|s| (*s).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a step panicked".to_owned())
}

fn work<R: Runner>(
    plan: &Plan,
    step: &Step,
    states: &[State],
    decision: &Decision,
    runner: &R,
    events: &dyn Events,
    started: Instant,
) -> Result<Work, R::Error> {
    if let Op::Source(_) = step.op {
        return Ok(Work {
            state: runner.fetch(plan, step, events)?,
            ran: None,
        });
    }
    let key = decision
        .key
        .expect("all inputs are ready, so the key is known");
    let ran = runner.run(plan, step, states, events)?;
    let record = Record {
        layer: ran.layer,
        created: SystemTime::now(),
        took: started.elapsed(),
        size: ran.size,
        root: record_root(step, states),
    };
    if ran.cacheable {
        runner.keep(plan, step, &key, &record, decision)?;
    }
    Ok(Work {
        state: after_run(step, states, key, ran.layer),
        ran: Some(ran),
    })
}
