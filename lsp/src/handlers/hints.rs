//! Inlay hints: at the end of each step's first line, what the next build will do with it; at stages that it leaves out,
//! that it does.

use crate::jobs::Answer;
use crate::session::Snapshot;
use cooperage_lang::ide::values::inline_values;
use cooperage_runtime::build::forecast::StepForecast;
use cooperage_runtime::build::words;
use std::time::SystemTime;
use tower_lsp::lsp_types as lsp;

/// `textDocument/inlayHint`.
pub(crate) fn answer(
    snapshot: &Snapshot,
    params: lsp::InlayHintParams,
) -> Answer<Option<Vec<lsp::InlayHint>>> {
    let mut hints = forecasts(snapshot, params.range);
    if snapshot.setup.settings.variable_values {
        hints.extend(values(snapshot, params.range));
    }
    let known = snapshot.forecast.is_some() || !hints.is_empty();
    Ok(known.then_some(hints))
}

/// The value of each variable behind it.
fn values(snapshot: &Snapshot, range: lsp::Range) -> impl Iterator<Item = lsp::InlayHint> {
    let found = inline_values(snapshot.file(), snapshot.text.text_range(range));
    found.into_iter().map(|found| lsp::InlayHint {
        position: snapshot.text.position(found.range.end),
        label: lsp::InlayHintLabel::String(format!("= {}", found.value)),
        kind: Some(lsp::InlayHintKind::PARAMETER),
        text_edits: None,
        tooltip: None,
        padding_left: Some(true),
        padding_right: Some(true),
        data: None,
    })
}

/// One hint for each numbered step that begins in `range`, and for each stage that is not needed.
fn forecasts(snapshot: &Snapshot, range: lsp::Range) -> Vec<lsp::InlayHint> {
    let Some(forecasted) = &snapshot.forecast else {
        return Vec::new();
    };
    let now = SystemTime::now();
    let forecast = &forecasted.forecast;
    let visible = |position: &lsp::Position| {
        range.start.line <= position.line && position.line <= range.end.line
    };
    let end = |start| snapshot.text.line_end(start);
    let steps = forecast.numbered().filter_map(|step| {
        let position = end(forecast.plan.step(step.step).range.start);
        let said = || words::sentence(step, &forecast.plan, now);
        visible(&position).then(|| hint(position, said(), tooltip(step)))
    });
    let spared = forecast.plan.stages.iter().filter(|s| s.last.is_none());
    let spared = spared.map(|stage| end(stage.from_range.start));
    let spared = spared.filter(visible);
    let spared = spared.map(|position| hint(position, "not needed".to_owned(), None));
    steps.chain(spared).collect()
}

fn hint(
    position: lsp::Position,
    label: String,
    tooltip: Option<lsp::InlayHintTooltip>,
) -> lsp::InlayHint {
    lsp::InlayHint {
        position,
        label: lsp::InlayHintLabel::String(label),
        kind: None,
        text_edits: None,
        tooltip,
        padding_left: Some(true),
        padding_right: None,
        data: None,
    }
}

fn tooltip(step: &StepForecast) -> Option<lsp::InlayHintTooltip> {
    words::detail(step).map(lsp::InlayHintTooltip::String)
}
