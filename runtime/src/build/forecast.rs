//! What a build would do: the decision for every step, nothing executed.

use super::advice::{self, Litter};
use super::cache::{CacheStatus, CacheView, Decision, State, decide};
use super::content::ContentManifest;
use crate::store::DiffId;
use cooperage_lang::plan::{Plan, Step, StepId};
use std::sync::Arc;
use std::time::Duration;

/// A forecast: one entry for every step of the plan, in its order.
#[derive(Clone, Debug)]
pub struct Forecast {
    /// The plan it belongs to.
    pub plan: Arc<Plan>,
    /// Index = step id.
    pub steps: Vec<StepForecast>,
    /// Where builds before it are remembered; `None` of a plan that belongs to no build.
    pub(crate) past: Option<Past>,
}

/// The names under which builds of the same files are remembered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Past {
    /// That of the context.
    pub(crate) subject: String,
    /// That of the Dockerfile.
    pub(crate) dockerfile: String,
}

/// The forecast of one step.
#[derive(Clone, Debug)]
pub struct StepForecast {
    /// The step.
    pub step: StepId,
    /// What the cache says.
    pub status: CacheStatus,
    /// For a step that runs or may run: the time its last run took.
    pub estimate: Option<Duration>,
    /// Bytes of its layer: known for a hit, the last run's otherwise.
    pub size: Option<u64>,
    /// For content that cannot be read: what the build will say.
    pub problem: Option<String>,
    /// What its sources hold, as far as that is known before the build.
    pub inputs: Vec<Arc<ContentManifest>>,
    /// Its files, layer by layer, when they are here: a hit, or an image of the store.
    pub layers: Option<Arc<[DiffId]>>,
    /// Folders among what it copies of the context that do not belong into an image.
    pub litter: Vec<Litter>,
}

/// Walks the plan and decides about every step; nothing runs.
///
/// Content that cannot be read (a missing COPY source) is a `problem` of its step, and what stands on that step
/// depends on it.
pub fn forecast<V: CacheView<Error: std::fmt::Display>>(plan: &Arc<Plan>, view: &V) -> Forecast {
    let mut states: Vec<State> = Vec::with_capacity(plan.steps.len());
    let mut steps = Vec::with_capacity(plan.steps.len());
    for step in &plan.steps {
        match decide(plan, step, &states, view) {
            Ok(decision) => {
                steps.push(StepForecast::new(plan, step, &decision));
                states.push(decision.state);
            }
            Err(error) => {
                steps.push(StepForecast {
                    step: step.id,
                    status: CacheStatus::Depends { on: step.id },
                    estimate: None,
                    size: None,
                    problem: Some(error.to_string()),
                    inputs: Vec::new(),
                    layers: None,
                    litter: Vec::new(),
                });
                states.push(State::Pending {
                    chain: None,
                    on: step.id,
                });
            }
        }
    }
    Forecast {
        plan: plan.clone(),
        steps,
        past: None,
    }
}

impl StepForecast {
    fn new(plan: &Plan, step: &Step, decision: &Decision) -> Self {
        let last = decision.last.as_deref();
        let size = match &decision.status {
            CacheStatus::Hit(hit) => Some(hit.size),
            _ => last.map(|l| l.size),
        };
        Self {
            step: step.id,
            status: decision.status.clone(),
            estimate: last.map(|l| l.took),
            size,
            problem: None,
            inputs: decision.inputs.clone(),
            layers: match &decision.state {
                State::Ready { snapshot, .. } => Some(snapshot.layers.clone()),
                State::Pending { .. } => None,
            },
            litter: advice::swept(plan, step, &decision.inputs),
        }
    }
}

impl Forecast {
    /// Steps that count: those with a number.
    pub fn numbered(&self) -> impl Iterator<Item = &StepForecast> {
        self.steps
            .iter()
            .filter(|s| self.plan.step(s.step).number.is_some())
    }

    /// Number of numbered steps that are cached.
    pub fn cached(&self) -> usize {
        self.numbered()
            .filter(|s| matches!(s.status, CacheStatus::Hit(_)))
            .count()
    }

    /// Sum of the estimates of all steps that run or may run; `None` when nothing is known of any of them.
    pub fn estimate(&self) -> Option<Duration> {
        let known: Vec<Duration> = self.steps.iter().filter_map(|s| s.estimate).collect();
        (!known.is_empty()).then(|| known.iter().sum())
    }
}
