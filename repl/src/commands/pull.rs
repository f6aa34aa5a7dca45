//! `cooper pull`.

use crate::error::CommandError;
use crate::render::progress::{Mode, Progress};
use crate::session::Session;
use crate::value::Value;
use cooperage_runtime::build::events::{BuildEvent, Events};
use cooperage_runtime::engine::Image;

/// Examples:
///   cooper pull alpine:3.20
///   cooper pull --platform linux/arm64 debian:12
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// Name of the image
    #[arg(value_name = "IMAGE")]
    pub image: String,
    /// Platform to bring, when the registry has several
    #[arg(long, value_name = "OS/ARCH[/VARIANT]")]
    pub platform: Option<String>,
    /// How to show progress
    #[arg(long, value_enum, default_value_t)]
    pub progress: Mode,
}

/// Pulls.
pub fn run(session: &Session, args: Args) -> Result<Value, CommandError> {
    let image = execute(
        session,
        &args.image,
        args.platform.as_deref(),
        args.progress,
    )?;
    Ok(Value::Image(Box::new(image)))
}

/// Pulls with progress on standard error; the command and the script function both end here.
pub fn execute(
    session: &Session,
    name: &str,
    platform: Option<&str>,
    mode: Mode,
) -> Result<Image, CommandError> {
    let mode = if session.globals.quiet {
        Mode::None
    } else {
        mode
    };
    let progress = Progress::new(mode, session.terminal);
    let events = |event: BuildEvent| progress.event(event);
    let result = session
        .engine()?
        .pull(name, platform, &events, &session.cancel())
        .map_err(CommandError::from);
    progress.close();
    result
}
