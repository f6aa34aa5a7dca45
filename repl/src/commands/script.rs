//! `cooper script`.

use crate::error::CommandError;
use crate::session::Session;
use crate::value::Value;
use std::path::PathBuf;

/// A file may start with `#!/usr/bin/env -S cooper script`.
///
/// Examples:
///   cooper script deploy.rhai production
///   cooper script examples/tour.rhai
///   cooper -c 'images().map(|i| i.size)'
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// Script; `-` reads it from standard input
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// What `args()` returns in the script
    #[arg(
        value_name = "ARGUMENT",
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    pub arguments: Vec<String>,
}

/// Runs it; `exit(n)` in it becomes the exit status.
pub fn run(session: &Session, args: Args) -> Result<Value, CommandError> {
    crate::script::run_file(session, &args.file, args.arguments)
}
