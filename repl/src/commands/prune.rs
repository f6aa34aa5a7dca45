//! `cooper prune`.

use crate::error::CommandError;
use crate::session::Session;
use crate::value::Value;

/// Removes images without a name, and layers, blobs and cache records that nothing reaches.
///
/// Examples:
///   cooper prune
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// Taken for compatibility: nothing is asked
    #[arg(short, long, hide = true)]
    pub force: bool,
    /// Taken for compatibility: everything that nothing needs is removed anyway
    #[arg(short, long, hide = true)]
    pub all: bool,
}

/// Cleans up.
pub fn run(session: &Session, _: Args) -> Result<Value, CommandError> {
    Ok(Value::Pruned(session.engine()?.prune()?))
}
