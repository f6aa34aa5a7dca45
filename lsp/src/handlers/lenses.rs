//! Code lenses: above each stage what the build will do with it, above each step what can be done there.

use super::commands::Action;
use crate::jobs::Answer;
use crate::session::Snapshot;
use cooperage_lang::plan::{Plan, StageInfo};
use cooperage_lang::text::TextRange;
use cooperage_runtime::build::forecast::Forecast;
use cooperage_runtime::build::words;
use serde_json::{Value, json};
use tower_lsp::lsp_types as lsp;

/// `textDocument/codeLens`.
pub(crate) fn answer(
    snapshot: &Snapshot,
    _: lsp::CodeLensParams,
) -> Answer<Option<Vec<lsp::CodeLens>>> {
    let Some(forecasted) = &snapshot.forecast else {
        return Ok(None);
    };
    let mut lenses = stages(snapshot, &forecasted.forecast);
    if snapshot.setup.settings.step_lenses {
        lenses.extend(steps(snapshot, &forecasted.forecast));
    }
    Ok(Some(lenses))
}

/// Above the `FROM` of each stage that the build needs: a summary, and a way to build it.
fn stages(snapshot: &Snapshot, forecast: &Forecast) -> Vec<lsp::CodeLens> {
    let plan = &forecast.plan;
    let needed = plan.stages.iter().filter(|stage| stage.last.is_some());
    needed
        .flat_map(|stage| {
            let summary = if Some(stage.index) == plan.target {
                format!("next build: {}", words::summary(forecast))
            } else {
                let said = words::stage_summary(forecast, stage.index);
                format!("stage {}: {said}", stage.name)
            };
            let place = place(snapshot, stage.from_range);
            let (action, what) = build(snapshot, plan, stage);
            [
                lens(snapshot, stage.from_range, &summary, Action::Explain, place),
                lens(snapshot, stage.from_range, "build", action, what),
            ]
        })
        .collect()
}

/// The command that builds a stage. One without a name can be no target: it is built up to its last step.
fn build(snapshot: &Snapshot, plan: &Plan, stage: &StageInfo) -> (Action, Value) {
    match stage.last {
        _ if Some(stage.index) == plan.target => (Action::Build, json!({})),
        Some(last) if !stage.named => (Action::BuildTo, place(snapshot, plan.step(last).range)),
        _ => (Action::Build, json!({"target": stage.name})),
    }
}

/// Above each step: build to here, a shell here, the files of its layer.
fn steps(snapshot: &Snapshot, forecast: &Forecast) -> Vec<lsp::CodeLens> {
    forecast
        .numbered()
        .flat_map(|step| {
            let range = forecast.plan.step(step.step).range;
            let make = |title, action| lens(snapshot, range, title, action, place(snapshot, range));
            let files = step.layers.as_ref();
            let files = files.map(|_| make("layer files", Action::LayerFiles));
            [
                make("build to here", Action::BuildTo),
                make("shell here", Action::Shell),
            ]
            .into_iter()
            .chain(files)
        })
        .collect()
}

/// The line of a step, as commands take it.
fn place(snapshot: &Snapshot, range: TextRange) -> Value {
    json!({"line": snapshot.text.position(range.start).line})
}

fn lens(
    snapshot: &Snapshot,
    range: TextRange,
    title: &str,
    action: Action,
    more: Value,
) -> lsp::CodeLens {
    let start = snapshot.text.position(range.start);
    lsp::CodeLens {
        range: lsp::Range::new(start, snapshot.text.line_end(range.start)),
        command: Some(action.command(title, &snapshot.uri, more)),
        data: None,
    }
}
