//! `lint` and `format_text`.

use super::error::raise;
use super::value::from_json;
use super::{Outcome, commands};
use rhai::{Dynamic, Engine, ImmutableString};
use std::path::PathBuf;

pub(super) fn register(engine: &mut Engine) {
    engine.register_fn("lint", lint);
    engine.register_fn("format_text", format_text);
}

/// What is wrong with a Dockerfile, or with all below a folder: an array of maps with `code`, `severity`, `message`,
/// `file`, `line`, `column` and more. Settings files count.
fn lint(path: &str) -> Outcome<Dynamic> {
    let view = raise(commands::lint::lint(vec![PathBuf::from(path)]))?;
    if let Some((path, error)) = view.failed.first() {
        return Err(super::error::throw(crate::error::CommandError::invalid(
            format!("cannot read {path}: {error}"),
        )));
    }
    Ok(from_json(&crate::render::lint::array(&view)))
}

/// A Dockerfile's text as `cooper fmt` would write it without settings.
fn format_text(text: &str) -> ImmutableString {
    let formatted = commands::fmt::text(text.as_bytes().to_vec());
    String::from_utf8_lossy(&formatted).into_owned().into()
}
