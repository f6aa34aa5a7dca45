//! `cooper save`.

use crate::error::CommandError;
use crate::session::Session;
use crate::value::Value;
use cooperage_runtime::engine::SaveFormat;
use std::path::PathBuf;

/// Examples:
///   cooper save -o blog.tar blog
///   cooper save --format oci blog other > both.tar
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// Images
    #[arg(value_name = "IMAGE", required = true)]
    pub images: Vec<String>,
    /// Archive to write [default: standard output]
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// What to write
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// `--format`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// What `docker load` reads
    #[default]
    #[value(alias = "docker-archive")]
    Docker,
    /// An OCI layout
    #[value(alias = "oci-archive")]
    Oci,
}

/// Saves.
pub fn run(session: &Session, args: Args) -> Result<Value, CommandError> {
    let format = match args.format {
        Format::Docker => SaveFormat::Docker,
        Format::Oci => SaveFormat::Oci,
    };
    if args.output.is_none() && session.terminal.stdout {
        return Err(CommandError::usage("an archive is not for a terminal")
            .hint("`cooper save -o FILE IMAGE`"));
    }
    session
        .engine()?
        .save(&args.images, args.output.as_deref(), format)?;
    Ok(Value::Nothing)
}
