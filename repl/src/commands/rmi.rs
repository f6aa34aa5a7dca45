//! `cooper rmi`.

use crate::error::{CommandError, Kind};
use crate::session::Session;
use crate::value::Value;

/// Examples:
///   cooper rmi blog:old
///   cooper rmi -f 9f1c2ab04e51
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// Images, by name or id
    #[arg(value_name = "IMAGE", required = true)]
    pub images: Vec<String>,
    /// Remove an image with several names by its id; images that are not here are no error
    #[arg(short, long)]
    pub force: bool,
}

/// Removes names, and images that have none left.
pub fn run(session: &Session, args: Args) -> Result<Value, CommandError> {
    let engine = session.engine()?;
    let mut lines = Vec::new();
    for image in &args.images {
        match engine.rmi(image, args.force).map_err(CommandError::from) {
            Ok(removed) => lines.extend(removed),
            Err(error) if args.force && error.kind == Kind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(Value::Lines(lines))
}
