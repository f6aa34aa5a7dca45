//! `cooper inspect`.

use crate::error::CommandError;
use crate::session::Session;
use crate::value::Value;

/// Examples:
///   cooper inspect blog
///   cooper inspect blog | jq '.[].Config.Env'
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// Images
    #[arg(value_name = "IMAGE", required = true)]
    pub images: Vec<String>,
}

/// Looks them up.
pub fn run(session: &Session, args: Args) -> Result<Value, CommandError> {
    let engine = session.engine()?;
    let images = args
        .images
        .iter()
        .map(|name| engine.image(name))
        .collect::<Result<_, _>>()?;
    Ok(Value::Inspect(images))
}
