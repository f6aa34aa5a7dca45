//! What a build would do: the decision for every step, nothing executed.

use super::cache::CacheStatus;
use cooperage_lang::plan::{Plan, StepId};
use std::sync::Arc;
use std::time::Duration;

/// A forecast: one entry for every step of the plan, in its order.
#[derive(Clone, Debug)]
pub struct Forecast {
    /// The plan it belongs to.
    pub plan: Arc<Plan>,
    /// Index = step id.
    pub steps: Vec<StepForecast>,
}

/// The forecast of one step.
#[derive(Clone, Debug)]
pub struct StepForecast {
    /// The step.
    pub step: StepId,
    /// What the cache says.
    pub status: CacheStatus,
    /// For a step that runs: the time its last run took.
    pub estimate: Option<Duration>,
    /// Bytes of its layer: known for a hit, the last run's otherwise.
    pub size: Option<u64>,
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
