//! What a forecast says of a step, in one sentence.

use super::cache::{CacheStatus, Culprit, MissKind};
use super::forecast::{Forecast, StepForecast};
use crate::units::{Size, Span, ago};
use cooperage_lang::plan::{Op, Plan, Step, StepId};
use std::borrow::Cow;
use std::time::{Duration, SystemTime};

/// `cached 2 h ago, 38.0 MB`; `reruns: app/requirements.txt (content), last took 42 s`; `depends on stage deps`.
pub fn sentence(step: &StepForecast, plan: &Plan, now: SystemTime) -> String {
    let said = outcome(step, plan, now);
    match last_took(step) {
        Some(took) => format!("{said}, last took {}", Span(took)),
        None => said,
    }
}

/// The time the last run of a step took that runs now, or may run.
pub fn last_took(step: &StepForecast) -> Option<Duration> {
    let may_run = match &step.status {
        CacheStatus::Hit(_) => false,
        CacheStatus::Depends { on } => *on != step.step,
        CacheStatus::Miss(_) | CacheStatus::Never => true,
    };
    step.estimate.filter(|_| may_run && step.problem.is_none())
}

/// As [`sentence`], without the time.
pub fn outcome(step: &StepForecast, plan: &Plan, now: SystemTime) -> String {
    if let Some(problem) = &step.problem {
        return format!("fails: {problem}");
    }
    match &step.status {
        CacheStatus::Hit(_) if matches!(plan.step(step.step).op, Op::Source(_)) => {
            "in the store".to_owned()
        }
        CacheStatus::Depends { on } if *on == step.step => {
            "not here yet: a build brings it first".to_owned()
        }
        CacheStatus::Hit(hit) => {
            let size = if hit.size > 0 {
                format!(", {}", Size(hit.size))
            } else {
                String::new()
            };
            format!("cached {}{size}", ago(hit.created, now))
        }
        CacheStatus::Miss(reason) if reason.kind == MissKind::FirstBuild => {
            format!("runs: {reason}")
        }
        CacheStatus::Miss(reason) => format!("reruns: {reason}"),
        CacheStatus::Depends { on } => format!("depends on {}", dependency(plan, step.step, *on)),
        CacheStatus::Never => "reruns: the cache is switched off for it".to_owned(),
    }
}

/// The thing a step waits for: another stage by name, else the step by its line, which is short and stands above.
fn dependency(plan: &Plan, step: StepId, on: StepId) -> String {
    let (step, on) = (plan.step(step), plan.step(on));
    match on.stage {
        Some(stage) if on.stage != step.stage => format!("stage {}", plan.stages[stage].name),
        _ => format!("line {}", on.lines.start),
    }
}

/// The text of a step in one row.
pub fn title(step: &Step) -> String {
    let text = match step.number {
        Some(_) => Cow::Borrowed(step.text.as_str()),
        None => step.name().into(),
    };
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// As [`title`], cut to what a heading can hold.
pub fn heading(step: &Step) -> String {
    const LONGEST: usize = 120;
    let title = title(step);
    match title.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &title[..end]),
        None => title,
    }
}

/// The last line of a forecast: `9 of 12 cached, about 51 s`.
pub fn summary(forecast: &Forecast) -> String {
    let (cached, steps) = (forecast.cached(), forecast.numbered().count());
    let mut said = format!("{cached} of {steps} cached");
    if cached < steps {
        match forecast.estimate() {
            Some(time) => said += &format!(", about {}", Span(time)),
            None => said += ", time not known yet",
        }
    }
    said
}

/// The word programs read: `hit`, `miss`, `unknown`, `never`.
pub fn state(status: &CacheStatus) -> &'static str {
    match status {
        CacheStatus::Hit(_) => "hit",
        CacheStatus::Miss(_) => "miss",
        CacheStatus::Depends { .. } => "unknown",
        CacheStatus::Never => "never",
    }
}

/// The reason as programs read it: `files-changed`; `no-cache-flag` for a step that runs because it was asked to.
pub fn reason(status: &CacheStatus) -> Option<String> {
    match status {
        CacheStatus::Miss(reason) => Some(
            serde_json::to_value(reason.kind)
                .ok()
                .and_then(|v| v.as_str().map(str::to_owned))
                .unwrap_or_default(),
        ),
        CacheStatus::Never => Some("no-cache-flag".to_owned()),
        CacheStatus::Hit(_) | CacheStatus::Depends { .. } => None,
    }
}

/// As [`summary`], of the steps of one stage.
pub fn stage_summary(forecast: &Forecast, stage: usize) -> String {
    let steps: Vec<_> = forecast
        .numbered()
        .filter(|s| forecast.plan.step(s.step).stage == Some(stage))
        .collect();
    let cached = steps
        .iter()
        .filter(|s| matches!(s.status, CacheStatus::Hit(_)))
        .count();
    format!("{cached} of {} cached", steps.len())
}

/// All culprits of a step that misses, one a line; nothing when the sentence says it all.
pub fn detail(step: &StepForecast) -> Option<String> {
    match &step.status {
        CacheStatus::Miss(reason)
            if reason.culprits.len() > 1 || reason.culprits.iter().any(Culprit::is_instruction) =>
        {
            Some(
                reason
                    .culprits
                    .iter()
                    .map(ToString::to_string)
                    .collect::<Vec<_>>()
                    .join("\n"),
            )
        }
        _ => None,
    }
}
