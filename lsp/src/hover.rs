//! What a step will do, and on a keyword what the instruction is, as a hover.

use crate::convert::Text;
use cooperage_lang::instructions::{self, Instruction};
use cooperage_lang::syntax::Keyword;
use cooperage_runtime::build::forecast::Forecast;
use cooperage_runtime::build::words;
use std::time::SystemTime;
use tower_lsp::lsp_types as lsp;

/// The hover at a position: the forecast of the step there, and on its keyword the manual page.
pub(crate) fn at(
    text: &Text,
    forecast: Option<&Forecast>,
    position: lsp::Position,
) -> Option<lsp::Hover> {
    let offset = text.offset(position) as u32;
    let file = instructions::parse(text.as_str().as_bytes());
    let instruction = file
        .stages
        .iter()
        .flat_map(|stage| std::iter::once(&stage.from).chain(&stage.instructions))
        .chain(&file.global_args)
        .find(|found| found.range.start <= offset && offset <= found.range.end)?;
    let on_keyword = offset <= instruction.keyword.range.end;
    let mut parts: Vec<String> = forecast
        .map(|forecast| forecasts(forecast, instruction))
        .unwrap_or_default();
    if on_keyword && let Some(page) = page(instruction) {
        parts.push(page.to_owned());
    }
    let range = if on_keyword {
        instruction.keyword.range
    } else {
        instruction.range
    };
    (!parts.is_empty()).then(|| lsp::Hover {
        contents: lsp::HoverContents::Markup(lsp::MarkupContent {
            kind: lsp::MarkupKind::Markdown,
            value: parts.join("\n\n---\n\n"),
        }),
        range: Some(text.range(range)),
    })
}

/// What the forecast says of the steps of an instruction; a `FROM` with triggers has several.
fn forecasts(forecast: &Forecast, instruction: &Instruction) -> Vec<String> {
    let now = SystemTime::now();
    forecast
        .numbered()
        .filter(|step| forecast.plan.step(step.step).range == instruction.range)
        .map(|step| {
            let name = words::title(forecast.plan.step(step.step));
            let mut said = format!(
                "**next build:** {}\n\n`{}`",
                words::sentence(step, &forecast.plan, now),
                name.replace('`', "'")
            );
            for line in words::detail(step).iter().flat_map(|all| all.lines()) {
                said += &format!("\n- {line}");
            }
            said
        })
        .collect()
}

fn page(instruction: &Instruction) -> Option<&'static str> {
    let keyword = Keyword::find(&instruction.keyword.text)?;
    Some(instructions::spec(keyword).docs)
}
