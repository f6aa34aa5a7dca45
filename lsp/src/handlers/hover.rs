//! Hover: what the text means there, and of a step what the next build will do with it.

use crate::around::Around;
use crate::jobs::Answer;
use crate::session::Snapshot;
use cooperage_lang::ide::hover::{Subject, hover};
use cooperage_lang::instructions::Instruction;
use cooperage_runtime::build::content::ManifestEntry;
use cooperage_runtime::build::forecast::{Forecast, StepForecast};
use cooperage_runtime::build::tree::Kind;
use cooperage_runtime::build::words;
use std::time::SystemTime;
use tower_lsp::lsp_types as lsp;

/// Files of a step that are named.
const NAMED: usize = 12;

/// `textDocument/hover`. What is smaller than a step goes before the forecast of the step.
pub(crate) fn answer(snapshot: &Snapshot, params: lsp::HoverParams) -> Answer<Option<lsp::Hover>> {
    let position = params.text_document_position_params.position;
    let offset = snapshot.text.offset(position);
    let file = snapshot.file();
    let found = hover(file, offset, &Around::new(snapshot));
    let instruction = file.instruction_at(offset);
    let forecasts = instruction.map_or_else(Vec::new, |i| forecasts(snapshot, i));
    let (range, parts) = match (found, instruction) {
        (Some(found), _) => {
            let text = found.text.into_owned();
            let parts = match found.subject {
                Subject::Instruction(_) => forecasts.into_iter().chain([text]).collect(),
                _ => vec![text],
            };
            (found.range, parts)
        }
        (None, Some(instruction)) => (instruction.range, forecasts),
        (None, None) => return Ok(None),
    };
    Ok((!parts.is_empty()).then(|| lsp::Hover {
        contents: lsp::HoverContents::Markup(lsp::MarkupContent {
            kind: lsp::MarkupKind::Markdown,
            value: parts.join("\n\n---\n\n"),
        }),
        range: Some(snapshot.text.range(range)),
    }))
}

/// What the forecast says of the steps of an instruction; a `FROM` with triggers has several.
fn forecasts(snapshot: &Snapshot, instruction: &Instruction) -> Vec<String> {
    let Some(forecasted) = &snapshot.forecast else {
        return Vec::new();
    };
    let forecast = &forecasted.forecast;
    forecast
        .numbered()
        .filter(|step| forecast.plan.step(step.step).range == instruction.range)
        .map(|step| of_step(forecast, step))
        .collect()
}

fn of_step(forecast: &Forecast, step: &StepForecast) -> String {
    let planned = forecast.plan.step(step.step);
    let name = words::heading(planned).replace('`', "'");
    let sentence = words::sentence(step, &forecast.plan, SystemTime::now());
    let mut said = format!("**next build:** {sentence}\n\n`{name}`");
    for line in words::detail(step).iter().flat_map(|all| all.lines()) {
        said += &format!("\n- {line}");
    }
    said + &files(step)
}

/// The files that a step takes from the context or another stage.
fn files(step: &StepForecast) -> String {
    let all = || step.inputs.iter().flat_map(|input| input.entries());
    let is_file = |entry: &ManifestEntry<'_>| entry.kind != Kind::Dir;
    let count = all().filter(is_file).count();
    if count == 0 {
        return String::new();
    }
    let plural = if count == 1 { "" } else { "s" };
    let mut said = format!("\n\n{count} file{plural}:");
    for entry in all().filter(is_file).take(NAMED) {
        said += &format!("\n- `{}`", entry.path);
    }
    if count > NAMED {
        said += &format!("\n- and {} more", count - NAMED);
    }
    said
}
