//! Hover: what the text means there, and of a step what the next build will do with it.

use crate::jobs::Answer;
use crate::session::Snapshot;
use cooperage_lang::instructions::{self, Instruction};
use cooperage_lang::syntax::Keyword;
use cooperage_lang::text::TextRange;
use cooperage_runtime::build::content::ManifestEntry;
use cooperage_runtime::build::forecast::{Forecast, StepForecast};
use cooperage_runtime::build::tree::Kind;
use cooperage_runtime::build::words;
use lsp_types as lsp;
use std::time::SystemTime;

/// Files of a step that are named.
const NAMED: usize = 12;

/// `textDocument/hover`.
pub(crate) fn answer(snapshot: &Snapshot, params: lsp::HoverParams) -> Answer<Option<lsp::Hover>> {
    let position = params.text_document_position_params.position;
    let offset = snapshot.text.offset(position);
    let Some(instruction) = snapshot.file().instruction_at(offset) else {
        return Ok(None);
    };
    let on_keyword = offset <= instruction.keyword.range.end;
    let mut parts = forecasts(snapshot, instruction);
    if on_keyword && let Some(page) = page(instruction) {
        parts.push(page.to_owned());
    }
    let range = if on_keyword {
        instruction.keyword.range
    } else {
        instruction.range
    };
    Ok(shown(snapshot, parts, range))
}

fn page(instruction: &Instruction) -> Option<&'static str> {
    let keyword = Keyword::find(&instruction.keyword.text)?;
    Some(instructions::spec(keyword).docs)
}

fn shown(snapshot: &Snapshot, parts: Vec<String>, range: TextRange) -> Option<lsp::Hover> {
    (!parts.is_empty()).then(|| lsp::Hover {
        contents: lsp::HoverContents::Markup(lsp::MarkupContent {
            kind: lsp::MarkupKind::Markdown,
            value: parts.join("\n\n---\n\n"),
        }),
        range: Some(snapshot.text.range(range)),
    })
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
    let name = words::title(planned).replace('`', "'");
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
