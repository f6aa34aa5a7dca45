//! The formatter: over real Dockerfiles, and beside the formatter of the npm packages.
//!
//! # What must hold over the corpus
//!
//! Formatting a file leaves every step's definition, the image config and what the official front end says as they
//! are, and formatting the result changes nothing.
//!
//! # How the recorded formatter compares
//!
//! It only touches white space at the start of lines, so a case agrees when every line of our result begins with the
//! white space that the recorded one has there. A case may differ by rule, and is counted apart, where
//!
//! - the recorded answer changes what the file says: it indents text for a shell, or a line that goes on in the middle
//!   of a word;
//! - a carriage return alone ends a line there, which it does not for the official parser.

use crate::plans::{StandIn, options};
use bstr::{BStr, ByteSlice};
use cooperage_lang::format::{self, Continuations, Indent, Options};
use cooperage_lang::ide::File;
use cooperage_lang::instructions;
use cooperage_lang::plan::lower::plan;
use cooperage_lang::plan::{Plan, Step};
use cooperage_lang::syntax;
use cooperage_lang::text::{self, TextRange};
use serde_json::Value;

/// Case files and their checks.
pub(crate) fn kinds() -> Vec<crate::Kind> {
    vec![("corpus/goldens", corpus_file)]
}

fn corpus_file(case: &Value) -> Result<(), String> {
    let source = crate::corpus::source(case)?;
    let once = formatted(&source, &Options::default());
    let twice = formatted(&once, &Options::default());
    if once != twice {
        return Err("formatting twice gives another text".to_owned());
    }
    same_plan(&source, &once)
}

fn formatted(source: &[u8], options: &Options) -> Vec<u8> {
    let file = File::new(source.to_vec());
    text::apply(source, &format::edits(&file, options, None))
}

fn same_plan(before: &[u8], after: &[u8]) -> Result<(), String> {
    let of = |source: &[u8]| {
        let world = StandIn { ignore: None };
        plan(&instructions::parse(source), &options(true), &world)
    };
    let (before, after) = (of(before), of(after));
    let steps = |plan: &Plan| plan.steps.iter().map(definition).collect::<Vec<_>>();
    crate::parser::same("steps", &steps(&after), &steps(&before))?;
    let config = |plan: &Plan| format!("{:?}", plan.config);
    crate::parser::same("config", &config(&after), &config(&before))?;
    // Lines are counted in messages, and empty lines may go.
    let error = |plan: &Plan| plan.official_error.as_ref().map(|e| e.phase);
    crate::parser::same("error", &error(&after), &error(&before))
}

fn definition(step: &Step) -> String {
    step.definition().to_string()
}

/// Prints how many of the recorded answers agree; fails when one differs without a rule.
pub(crate) fn beside_recorded() {
    let Some(shared) = crate::shared() else {
        return;
    };
    let file = shared.join("cases/lint/dockerfile-utils-format.jsonl");
    let Ok(text) = std::fs::read_to_string(file) else {
        return;
    };
    let (mut agreed, mut by_rule, mut other) = (0, 0, Vec::new());
    for line in text.lines() {
        let case: Value = serde_json::from_str(line).expect("a case is JSON");
        match recorded(&case) {
            Ok(()) => agreed += 1,
            Err(_) if differs_by_rule(&case) => by_rule += 1,
            Err(why) => other.push(why),
        }
    }
    let all = agreed + by_rule + other.len();
    tell!("dockerfile-utils-format: {agreed} of {all}, {by_rule} differ by rule");
    assert!(other.is_empty(), "{other:#?}");
}

fn differs_by_rule(case: &Value) -> bool {
    let text = |key: &str| case[key].as_str().unwrap_or_default().as_bytes().to_vec();
    let (before, after) = (text("dockerfile"), text("expect"));
    let lone_return = before.find_byte(b'\r').is_some() && !before.contains_str("\r\n");
    lone_return || words(&before) != words(&after)
}

/// Flags and arguments of all instructions.
fn words(source: &[u8]) -> Vec<Vec<u8>> {
    let parse = syntax::parse(source);
    let pieces = parse.nodes().iter().flat_map(|node| {
        let flags = parse.piece_texts(source, &node.flags);
        flags.chain(parse.piece_texts(source, &node.args))
    });
    pieces.map(|text| text.to_vec()).collect()
}

fn recorded(case: &Value) -> Result<(), String> {
    let source = case["dockerfile"].as_str().unwrap_or_default();
    let file = File::new(source.as_bytes().to_vec());
    let options = recorded_options(&case["options"]);
    let offset = |line: &Value, column: &Value| {
        let line = line.as_u64().unwrap_or_default() as u32;
        let line = file.lines().line_range(line + 1);
        (line.start + column.as_u64().unwrap_or_default() as u32).min(line.end)
    };
    let edits = match case["method"].as_str().unwrap_or_default() {
        "onTypeFormatting" => {
            let at = offset(&case["position"][0], &case["position"][1]);
            let typed = case["ch"].as_str().and_then(|ch| ch.chars().next());
            format::on_type(&file, &options, at, typed.unwrap_or_default())
        }
        "rangeFormatting" => {
            let range = &case["range"];
            let range = TextRange::new(offset(&range[0], &range[1]), offset(&range[2], &range[3]));
            format::edits(&file, &options, Some(range))
        }
        _ => format::edits(&file, &options, None),
    };
    let got = text::apply(source.as_bytes(), &edits);
    let want = case["expect"].as_str().unwrap_or_default();
    let indentations = |text: &[u8]| -> Vec<Vec<u8>> {
        let indentation = |line: &[u8]| line[..line.len() - line.trim_start().len()].to_vec();
        text.lines().map(indentation).collect()
    };
    if indentations(&got) == indentations(want.as_bytes()) {
        Ok(())
    } else {
        Err(format!("{:?}, not {:?}", BStr::new(&got), want))
    }
}

fn recorded_options(options: &Value) -> Options {
    let size = options["tabSize"].as_u64().unwrap_or(4) as u8;
    let spaces = options["insertSpaces"].as_bool().unwrap_or_default();
    let ignored = options["ignoreMultilineInstructions"]
        .as_bool()
        .unwrap_or_default();
    Options {
        indent: Some(if spaces {
            Indent::Spaces(size)
        } else {
            Indent::Tab
        }),
        continuations: if ignored {
            Continuations::Keep
        } else {
            Continuations::Indent
        },
        final_newline: false,
        trim_end: false,
        ..Options::default()
    }
}
