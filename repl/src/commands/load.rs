//! `cooper load`.

use crate::error::{CommandError, Kind};
use crate::session::Session;
use crate::value::Value;
use std::path::{Path, PathBuf};

/// Examples:
///   cooper load -i blog.tar
///   cooper load oci-layout-folder
///   docker save blog | cooper load
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// Archive or layout folder; `-` or nothing reads standard input
    #[arg(short, long, value_name = "PATH", conflicts_with = "path")]
    pub input: Option<PathBuf>,
    /// The same
    #[arg(value_name = "PATH")]
    pub path: Option<PathBuf>,
}

/// Loads.
pub fn run(session: &Session, args: Args) -> Result<Value, CommandError> {
    let path = args
        .input
        .or(args.path)
        .filter(|path| path != Path::new("-"));
    let images = match path {
        Some(path) => session.engine()?.load(&path)?,
        None if session.terminal.stdin => {
            return Err(CommandError::usage("no archive is given").hint("`cooper load -i FILE`"));
        }
        None => {
            let path = keep_stdin()?;
            let loaded = session.engine()?.load(&path);
            let _ = std::fs::remove_file(&path);
            loaded?
        }
    };
    Ok(Value::Images(images))
}

/// Archives are read by position, so standard input goes to a file first.
fn keep_stdin() -> Result<PathBuf, CommandError> {
    let path = std::env::temp_dir().join(format!("cooper-load-{}.tar", std::process::id()));
    let copied = std::fs::File::create(&path)
        .and_then(|mut file| std::io::copy(&mut std::io::stdin().lock(), &mut file));
    match copied {
        Ok(_) => Ok(path),
        Err(error) => Err(CommandError::new(
            Kind::Storage,
            format!("cannot keep standard input: {error}"),
        )),
    }
}
