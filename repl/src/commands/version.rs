//! `cooper version`.

use crate::error::CommandError;
use crate::session::Session;
use crate::value::Value;

/// Examples:
///   cooper version
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {}

/// Tells it.
pub fn run(_: &Session, _: Args) -> Result<Value, CommandError> {
    Ok(Value::Text(line()))
}

/// `cooper 0.1.0`.
pub fn line() -> String {
    format!("cooper {}", env!("CARGO_PKG_VERSION"))
}
