//! Inlay hints: at the end of each step's first line, what the next build will do with it.

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
