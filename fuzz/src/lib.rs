//! What must hold for any text: checks that a fuzzer feeds. Each panics when something does not hold.
//!
//! `cargo run -p cooperage-fuzz -- format 60 FOLDER` runs one for a minute on changed pieces of a folder's files;
//! `cargo fuzz run --features libfuzzer format` runs it with a nightly compiler.

mod edits;
mod format;
pub mod mutate;

pub use edits::edits;
pub use format::format;

use bstr::ByteSlice;
use cooperage_lang::model::platform::Platform;
use cooperage_lang::model::reference::{Digest, Reference};
use cooperage_lang::plan::config::ImageConfig;
use cooperage_lang::plan::{Plan, PlanOptions, lower};
use cooperage_lang::world::{Known, World};
use cooperage_lang::{ide, instructions};
use std::sync::Arc;

/// A check of one input.
pub type Target = fn(&[u8]);

/// Every check by name.
pub const TARGETS: &[(&str, Target)] = &[("edits", edits), ("format", format)];

/// Every image exists and is empty.
struct Images;

impl World for Images {
    fn image(&self, _: &Reference, _: &Platform) -> Known<Arc<ImageConfig>> {
        Known::Yes(Arc::new(ImageConfig::default()))
    }

    fn layout_image(&self, _: &str, _: &Platform) -> Known<Arc<ImageConfig>> {
        Known::Unknown
    }
}

impl ide::actions::Images for Images {
    fn digest(&self, _: &Reference) -> Option<Digest> {
        format!("sha256:{}", "0".repeat(64)).parse().ok()
    }
}

fn plan(source: &[u8]) -> Plan {
    let options = PlanOptions {
        build_platform: Platform::new("linux", "amd64", ""),
        all_stages: true,
        ..PlanOptions::default()
    };
    lower::plan(&instructions::parse(source), &options, &Images)
}

/// All tokens together are the source.
fn assert_lossless(file: &ide::File) {
    let mut at = 0;
    for token in file.tree().tokens() {
        assert_eq!(
            token.range.start,
            at,
            "tokens leave no gap in {}",
            file.source().as_bstr()
        );
        at = token.range.end;
    }
    assert_eq!(at as usize, file.source().len(), "tokens reach the end");
}
