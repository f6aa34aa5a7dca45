//! The forecast as an editor shows it: a hint at the end of each step's first line, a lens above each `FROM`.

use crate::convert::Text;
use cooperage_runtime::build::forecast::{Forecast, StepForecast};
use cooperage_runtime::build::words;
use std::sync::Arc;
use std::time::SystemTime;
use tower_lsp::lsp_types as lsp;

/// A forecast with the text it is of.
pub(crate) struct Forecasted {
    pub(crate) text: Arc<Text>,
    pub(crate) forecast: Forecast,
}

/// One hint for each numbered step that stands in the text, in the visible `range`.
pub(crate) fn inlay_hints(
    text: &Text,
    forecast: &Forecast,
    range: lsp::Range,
) -> Vec<lsp::InlayHint> {
    let now = SystemTime::now();
    forecast
        .numbered()
        .map(|step| {
            (
                text.line_end(forecast.plan.step(step.step).range.start),
                step,
            )
        })
        .filter(|(position, _)| {
            range.start.line <= position.line && position.line <= range.end.line
        })
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

/// The same as diagnostics of level hint, for editors without inlay hints.
pub(crate) fn diagnostics<'a>(
    text: &'a Text,
    forecast: &'a Forecast,
) -> impl Iterator<Item = lsp::Diagnostic> + 'a {
    let now = SystemTime::now();
    forecast.numbered().map(move |step| {
        let start = forecast.plan.step(step.step).range.start;
        lsp::Diagnostic {
            range: lsp::Range::new(text.position(start), text.line_end(start)),
            severity: Some(lsp::DiagnosticSeverity::HINT),
            code: Some(lsp::NumberOrString::String("forecast".to_owned())),
            source: Some("cooper".to_owned()),
            message: words::sentence(step, &forecast.plan, now),
            ..lsp::Diagnostic::default()
        }
    })
}

fn tooltip(step: &StepForecast) -> Option<lsp::InlayHintTooltip> {
    let detail = words::detail(step)?;
    Some(lsp::InlayHintTooltip::String(detail))
}

/// A lens above the `FROM` of each stage that the build needs; the last one sums the build up.
pub(crate) fn lenses(text: &Text, forecast: &Forecast) -> Vec<lsp::CodeLens> {
    let plan = &forecast.plan;
    plan.stages
        .iter()
        .filter(|stage| stage.last.is_some())
        .map(|stage| {
            let title = if Some(stage.index) == plan.target {
                format!("next build: {}", words::summary(forecast))
            } else {
                format!(
                    "stage {}: {}",
                    stage.name,
                    words::stage_summary(forecast, stage.index)
                )
            };
            lsp::CodeLens {
                range: text.range(stage.from_range),
                command: Some(lsp::Command {
                    title,
                    command: String::new(),
                    arguments: None,
                }),
                data: None,
            }
        })
        .collect()
}
