//! `cooper why`.

use crate::error::CommandError;
use crate::session::Session;
use crate::value::Value;
use std::path::PathBuf;

/// Examples:
///   cooper why            the last build
///   cooper why blog       the last build of the folder blog
///   cooper why --json
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// Folder that was built [default: that of the last build]
    #[arg(value_name = "CONTEXT")]
    pub context: Option<PathBuf>,
}

/// Looks the last build up.
pub fn run(session: &Session, args: Args) -> Result<Value, CommandError> {
    Ok(Value::Why(session.engine()?.why(args.context.as_deref())?))
}
