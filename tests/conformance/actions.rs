//! Code actions on real Dockerfiles: what is offered at an instruction of a file that the official front end reads
//! leaves a file that it reads, with shell text that is shell text.

use cooperage_lang::ide::File;
use cooperage_lang::ide::actions::{Images, Request, actions};
use cooperage_lang::model::reference::{Digest, Reference};
use cooperage_lang::text::{self, TextRange};
use serde_json::Value;

/// Case files and their checks.
pub(crate) fn kinds() -> Vec<crate::Kind> {
    vec![("corpus/goldens", corpus_file)]
}

/// Every image has the same digest.
struct Pinned;

impl Images for Pinned {
    fn digest(&self, _: &Reference) -> Option<Digest> {
        format!("sha256:{}", "0".repeat(64)).parse().ok()
    }
}

/// One file in eight is enough to see every action many times.
fn corpus_file(case: &Value) -> Result<(), String> {
    let sha = case["sha256"].as_str().unwrap_or_default();
    let file = File::new(crate::corpus::source(case)?);
    if !sha.starts_with(['0', '8']) || file.dockerfile().official_error.is_some() {
        return Ok(());
    }
    let mut starts = file.parse().nodes().iter().map(|node| node.range.start);
    starts.try_for_each(|start| at(&file, start))
}

fn at(file: &File, offset: u32) -> Result<(), String> {
    let request = Request {
        file,
        range: TextRange::new(offset, offset),
        diagnostics: &[],
        named: &[],
        images: &Pinned,
    };
    for action in actions(&request) {
        let after = File::new(text::apply(file.source(), &action.edits));
        let error = after.dockerfile().official_error.as_ref();
        if let Some(error) = error {
            return Err(format!("{:?} at {offset}: {}", action.title, error.message));
        }
        if mistakes(&after) > mistakes(file) {
            return Err(format!("{:?} at {offset}: broken shell text", action.title));
        }
    }
    Ok(())
}

/// How many scripts are not all shell.
fn mistakes(file: &File) -> usize {
    let scripts = file.scripts().iter();
    scripts.filter(|s| !s.script.mistakes().is_empty()).count()
}
