//! `cooper lsp`.

use crate::error::{CommandError, Kind};
use crate::session::Session;
use crate::value::Value;

/// Editors start this; it speaks the language server protocol on standard input and output.
///
/// Examples:
///   cooper lsp
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// Taken for compatibility: standard input and output are all there is
    #[arg(long, hide = true)]
    pub stdio: bool,
}

/// Serves until the client leaves.
pub fn run(session: &Session, _: Args) -> Result<Value, CommandError> {
    match (session.services().lsp)(session.globals.root.clone()) {
        Ok(()) => Ok(Value::Nothing),
        Err(error) => Err(CommandError::new(
            Kind::Internal,
            format!("the language server ended: {error:#}"),
        )),
    }
}
