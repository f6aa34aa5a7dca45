//! `cooper run`.

use crate::error::CommandError;
use crate::session::Session;
use crate::value::Value;
use cooperage_runtime::cancel::Cancel;
use cooperage_runtime::engine::{RunNetwork, RunRequest};
use std::path::{Path, PathBuf};

/// Examples:
///   cooper run --rm blog
///   cooper run --rm -it blog sh
///   cooper run --rm -v "$PWD:/src:ro" -w /src -e DEBUG=1 tools make test
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// Remove the container when it ends
    #[arg(long)]
    pub rm: bool,
    /// Pass standard input on
    #[arg(short, long)]
    pub interactive: bool,
    /// Give it a terminal
    #[arg(short, long)]
    pub tty: bool,
    /// A variable; a name alone takes it from the environment (repeatable)
    #[arg(short, long = "env", value_name = "NAME[=VALUE]")]
    pub env: Vec<String>,
    /// Variables from a file, one a line (repeatable)
    #[arg(long = "env-file", value_name = "FILE")]
    pub env_files: Vec<PathBuf>,
    /// A folder of this machine inside the container (repeatable)
    #[arg(short, long = "volume", value_name = "SOURCE:TARGET[:ro]")]
    pub volumes: Vec<String>,
    /// Working directory
    #[arg(short, long, value_name = "DIR")]
    pub workdir: Option<String>,
    /// User and group, by name or number
    #[arg(short, long, value_name = "USER[:GROUP]")]
    pub user: Option<String>,
    /// Program instead of the image's ENTRYPOINT
    #[arg(long, value_name = "PROGRAM")]
    pub entrypoint: Option<String>,
    /// Name of the container
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// host or none
    #[arg(
        long,
        visible_alias = "net",
        value_name = "MODE",
        default_value = "host"
    )]
    pub network: String,
    /// Image
    #[arg(value_name = "IMAGE")]
    pub image: String,
    /// Command and its arguments, instead of the image's CMD
    #[arg(
        value_name = "COMMAND",
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    pub command: Vec<String>,
}

/// Runs it and answers with its exit status.
pub fn run(session: &Session, args: Args) -> Result<Value, CommandError> {
    let mut request = request(&args)?;
    request.capture = session.scripted;
    // A plain command passes every signal on to the container; only a prompt or script has to outlive Ctrl-C.
    let outlives = session.scripted || session.at_prompt();
    let cancel = if outlives {
        session.cancel()
    } else {
        Cancel::new()
    };
    let exit = session.engine()?.run(&request, &cancel)?;
    Ok(Value::Exit(exit))
}

fn request(args: &Args) -> Result<RunRequest, CommandError> {
    let mut env = Vec::new();
    for file in &args.env_files {
        env.extend(env_file(file)?);
    }
    env.extend(args.env.iter().filter_map(|text| variable(text)));
    Ok(RunRequest {
        image: args.image.clone(),
        args: args.command.clone(),
        env,
        volumes: args
            .volumes
            .iter()
            .map(|text| volume(text))
            .collect::<Result<_, _>>()?,
        workdir: args.workdir.clone(),
        user: args.user.clone(),
        // An empty program switches the image's entry point off. Source: Docker's `run --entrypoint`.
        entrypoint: args.entrypoint.as_ref().map(|program| {
            if program.is_empty() {
                Vec::new()
            } else {
                vec![program.clone()]
            }
        }),
        name: args.name.clone(),
        network: network(&args.network)?,
        interactive: args.interactive,
        tty: args.tty,
        rm: args.rm,
        capture: false,
    })
}

/// `host` or `none`.
pub fn network(text: &str) -> Result<RunNetwork, CommandError> {
    match text {
        "host" => Ok(RunNetwork::Host),
        "none" => Ok(RunNetwork::None),
        other => Err(CommandError {
            kind: crate::error::Kind::RunUsage,
            ..CommandError::usage(format!("--network `{other}` is neither host nor none"))
        }),
    }
}

/// `NAME=value`, or `NAME` with the value of the environment; a name nobody set is left out.
fn variable(text: &str) -> Option<(String, String)> {
    match text.split_once('=') {
        Some((name, value)) => Some((name.to_owned(), value.to_owned())),
        None => Some((text.to_owned(), std::env::var(text).ok()?)),
    }
}

/// Reads an `--env-file`: `#` starts a comment line, values are literal.
fn env_file(path: &Path) -> Result<Vec<(String, String)>, CommandError> {
    let text =
        std::fs::read_to_string(path).map_err(|error| CommandError::file("read", path, &error))?;
    let lines = text
        .lines()
        .map(str::trim_start)
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    Ok(lines.filter_map(variable).collect())
}

/// `SOURCE:TARGET[:OPTIONS]`, a source that is a path made absolute; a plain name is that of a volume.
pub fn volume(text: &str) -> Result<String, CommandError> {
    let wrong = || CommandError {
        kind: crate::error::Kind::RunUsage,
        ..CommandError::usage(format!("`-v {text}` should be -v SOURCE:TARGET[:ro]"))
    };
    let (source, target) = text
        .split_once(':')
        .filter(|(source, target)| !source.is_empty() && target.starts_with('/'))
        .ok_or_else(wrong)?;
    if !source.contains('/') && source != "." && source != ".." {
        return Ok(text.to_owned());
    }
    let absolute = std::path::absolute(source).map_err(|_| wrong())?;
    Ok(format!("{}:{target}", absolute.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn volumes_and_variables_are_read() {
        assert_eq!(volume("/a:/b:ro").unwrap(), "/a:/b:ro");
        assert!(volume("./x:/b").unwrap().ends_with("/x:/b"));
        assert_eq!(volume("data:/b").unwrap(), "data:/b");
        assert_eq!(volume("/a").unwrap_err().exit_status(), 125);
        assert_eq!(variable("A=b=c"), Some(("A".into(), "b=c".into())));
        assert_eq!(variable("COOPER_NOT_SET_ANYWHERE"), None);
    }
}
