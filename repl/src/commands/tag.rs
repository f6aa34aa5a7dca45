//! `cooper tag`.

use crate::error::CommandError;
use crate::session::Session;
use crate::value::Value;

/// Examples:
///   cooper tag blog blog:v2
///   cooper tag 9f1c2ab04e51 registry.example/blog
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// Image, by name or id
    #[arg(value_name = "IMAGE")]
    pub image: String,
    /// The other name
    #[arg(value_name = "NAME")]
    pub name: String,
}

/// Tags.
pub fn run(session: &Session, args: Args) -> Result<Value, CommandError> {
    session.engine()?.tag(&args.image, &args.name)?;
    Ok(Value::Nothing)
}
