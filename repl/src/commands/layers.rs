//! `cooper layers`.

use crate::error::CommandError;
use crate::session::Session;
use crate::value::Value;

/// Examples:
///   cooper layers blog
///   cooper layers blog --layer 2       the files of layer 2
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// Image
    #[arg(value_name = "IMAGE")]
    pub image: String,
    /// Show the files of this layer
    #[arg(long, value_name = "N")]
    pub layer: Option<usize>,
}

/// Lists.
pub fn run(session: &Session, args: Args) -> Result<Value, CommandError> {
    let engine = session.engine()?;
    Ok(match args.layer {
        Some(layer) => Value::Files(engine.files(&args.image, layer)?),
        None => Value::Layers(engine.layers(&args.image)?),
    })
}
