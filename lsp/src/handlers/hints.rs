//! Inlay hints: at the end of each step's first line, what the next build will do with it.

use crate::jobs::Answer;
use crate::session::Snapshot;
use cooperage_runtime::build::forecast::StepForecast;
use cooperage_runtime::build::words;
use lsp_types as lsp;
use std::time::SystemTime;

/// `textDocument/inlayHint`.
pub(crate) fn answer(
    snapshot: &Snapshot,
    params: lsp::InlayHintParams,
) -> Answer<Option<Vec<lsp::InlayHint>>> {
    Ok(snapshot
        .forecast
        .as_ref()
        .map(|_| forecasts(snapshot, params.range)))
}

/// One hint for each numbered step that begins in `range`.
fn forecasts(snapshot: &Snapshot, range: lsp::Range) -> Vec<lsp::InlayHint> {
    let Some(forecasted) = &snapshot.forecast else {
        return Vec::new();
    };
    let now = SystemTime::now();
    let forecast = &forecasted.forecast;
    let visible = |position: &lsp::Position| {
        range.start.line <= position.line && position.line <= range.end.line
    };
    forecast
        .numbered()
        .map(|step| {
            let start = forecast.plan.step(step.step).range.start;
            (snapshot.text.line_end(start), step)
        })
        .filter(|(position, _)| visible(position))
        .map(|(position, step)| lsp::InlayHint {
            position,
            label: lsp::InlayHintLabel::String(words::sentence(step, &forecast.plan, now)),
            kind: None,
            text_edits: None,
            tooltip: tooltip(step),
            padding_left: Some(true),
            padding_right: None,
            data: None,
        })
        .collect()
}

fn tooltip(step: &StepForecast) -> Option<lsp::InlayHintTooltip> {
    words::detail(step).map(lsp::InlayHintTooltip::String)
}
