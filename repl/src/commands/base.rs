//! `cooper base`.

use crate::error::CommandError;
use crate::session::Session;
use crate::value::Value;

/// Copies programs of this machine with the libraries they need into an image, for a first FROM without any network.
///
/// Examples:
///   cooper base --tag host:base sh ls cat grep
///   cooper base --tag host:base          a shell with the usual small programs
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// Name of the image
    #[arg(short, long, value_name = "NAME", default_value = "host:base")]
    pub tag: String,
    /// Programs, by name or path
    #[arg(value_name = "PROGRAM")]
    pub programs: Vec<String>,
}

/// Makes it.
pub fn run(session: &Session, args: Args) -> Result<Value, CommandError> {
    Ok(Value::Image(Box::new(
        session.engine()?.base(&args.tag, &args.programs)?,
    )))
}
