//! `cooper help`.

use super::{COMMANDS, Group};
use crate::error::CommandError;
use crate::session::Session;
use crate::value::Value;

/// Examples:
///   cooper help
///   cooper help build
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// Command
    #[arg(value_name = "COMMAND")]
    pub command: Option<String>,
}

/// Explains one command, or names all.
pub fn run(_: &Session, args: Args) -> Result<Value, CommandError> {
    match args.command {
        None => Ok(Value::Text(overview())),
        Some(word) => of(&word)
            .map(Value::Text)
            .ok_or_else(|| crate::cli::unknown_command(&word, &[])),
    }
}

/// The help of one command.
pub fn of(word: &str) -> Option<String> {
    let command = super::find(word)?;
    Some(
        crate::cli::with_globals((command.clap)())
            .render_long_help()
            .to_string(),
    )
}

/// The help of one command on a screen: a line for each option.
pub fn brief(word: &str) -> Option<String> {
    let command = super::find(word)?;
    Some(
        crate::cli::with_globals((command.clap)())
            .render_help()
            .to_string(),
    )
}

/// All commands with a line each.
pub fn overview() -> String {
    let mut text = "cooper tells what a Dockerfile will do before it is built; then builds it, runs it and looks inside.\n\n\
        Usage: cooper [OPTIONS] COMMAND [ARGUMENTS]\n       cooper                 the prompt; a script from standard input\n       \
        cooper -c 'LINE'       one line of the prompt\n"
        .to_owned();
    for group in Group::ALL {
        text += &format!("\n{}:\n", group.title());
        for command in COMMANDS.iter().filter(|command| command.group == group) {
            text += &format!("  {:<10}{}\n", command.name, command.about);
        }
    }
    text += "\nOptions of all commands:\n  \
        --json               Answer as JSON\n  \
        -q, --quiet          Answer with ids only\n  \
        --root DIR           Folder of the store [env: COOPERAGE_ROOT]\n  \
        --color WHEN         auto, always or never\n  \
        --log-level LEVEL    What to log on standard error\n\n\
        `cooper help COMMAND` explains a command.\n";
    text
}
