//! `cooper history`.

use crate::error::CommandError;
use crate::session::Session;
use crate::value::{HistoryRow, Value};

/// Examples:
///   cooper history blog
///   cooper history --json blog
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// Image
    #[arg(value_name = "IMAGE")]
    pub image: String,
}

/// Reads it from the config; the newest entry comes first.
pub fn run(session: &Session, args: Args) -> Result<Value, CommandError> {
    let image = session.engine()?.image(&args.image)?;
    let mut layers = session.engine()?.layers(&args.image)?.into_iter();
    let mut rows: Vec<HistoryRow> = image
        .config
        .history
        .iter()
        .map(|entry| {
            let size = if entry.empty_layer {
                None
            } else {
                layers.next().map(|layer| layer.size)
            };
            HistoryRow {
                entry: entry.clone(),
                size,
            }
        })
        .collect();
    rows.reverse();
    Ok(Value::History(rows))
}
