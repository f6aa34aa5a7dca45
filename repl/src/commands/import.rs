//! `cooper import`.

use crate::error::CommandError;
use crate::session::Session;
use crate::value::Value;
use std::path::PathBuf;

/// Examples:
///   cooper import rootfs.tar mybase:1
///   cooper import rootfs.tar.gz
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// Archive of a root file system
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Name of the image
    #[arg(value_name = "NAME")]
    pub tag: Option<String>,
}

/// Imports.
pub fn run(session: &Session, args: Args) -> Result<Value, CommandError> {
    Ok(Value::Image(Box::new(
        session.engine()?.import(&args.file, args.tag.as_deref())?,
    )))
}
