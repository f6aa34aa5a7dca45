//! `cooper fmt`.

use super::lint::{SettingsArgs, read_stdin};
use crate::error::CommandError;
use crate::session::Session;
use crate::value::{FormatView, Formatted, Value};
use cooperage_lang::ide::File;
use cooperage_lang::{format, text};
use cooperage_runtime::dockerfiles::{self, Limits};
use cooperage_runtime::settings::{Finder, Settings};
use std::path::{Path, PathBuf};

/// Only white space and the case of keywords change: what is built stays the same, and every cached step stays cached,
/// unless the settings say `shell-text = "shift"`, which also indents the lines of shell commands.
/// Of a folder all Dockerfiles below it are formatted, as far as .gitignore files and the settings do not exclude them.
///
/// Examples:
///   cooper fmt
///   cooper fmt --check .            exit status 3 when a file is not formatted
///   cooper fmt --diff api/Dockerfile
///   cooper fmt - < Dockerfile
#[derive(Clone, Debug, Default, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// Files and folders; `-` is standard input [default: .]
    #[arg(value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// Tell which files are not formatted, and leave them as they are
    #[arg(long)]
    pub check: bool,
    /// Show what would change, and leave the files as they are
    #[arg(long)]
    pub diff: bool,
    /// Name of the file that standard input stands for
    #[arg(long, value_name = "PATH")]
    pub stdin_filename: Option<PathBuf>,
    #[command(flatten)]
    pub settings: SettingsArgs,
}

/// Formats files, or standard input to standard output.
pub fn run(_: &Session, args: Args) -> Result<Value, CommandError> {
    let finder = args.settings.finder()?;
    let mut view = if args.paths.iter().any(|path| path == Path::new("-")) {
        stdin(&args, &finder)?
    } else {
        paths(&args, &finder)
    };
    view.faulty = super::lint::settings_files(&finder);
    Ok(Value::Formatted(Box::new(view)))
}

/// A text as it is formatted by default; the script function ends here.
pub fn text(source: Vec<u8>) -> Vec<u8> {
    formatted(source, &Settings::default()).1
}

fn stdin(args: &Args, finder: &Finder) -> Result<FormatView, CommandError> {
    if args.paths.len() > 1 {
        let error = "standard input is formatted alone, without other paths";
        return Err(CommandError::usage(error));
    }
    let source = read_stdin()?;
    let path = args.stdin_filename.as_deref();
    let settings = finder.settings(path.unwrap_or(Path::new("Dockerfile")));
    let name = path.map_or_else(|| "<stdin>".to_owned(), |path| path.display().to_string());
    let (before, after) = formatted(source, &settings);
    Ok(FormatView {
        files: vec![Formatted {
            name,
            before,
            after,
        }],
        filter: !args.check && !args.diff,
        ..view(args)
    })
}

fn paths(args: &Args, finder: &Finder) -> FormatView {
    let here = [PathBuf::from(".")];
    let paths = if args.paths.is_empty() {
        &here[..]
    } else {
        &args.paths
    };
    let found = dockerfiles::find(paths, finder, &Limits::default());
    let writes = !args.check && !args.diff;
    let answers = dockerfiles::each(found.files, |path| {
        file(&path, finder, writes).map_err(|error| (path, CommandError::plain(&error)))
    });
    let mut view = view(args);
    let mut failed = found.failed;
    for answer in answers {
        match answer {
            Ok(formatted) => view.files.push(formatted),
            Err(failure) => failed.push(failure),
        }
    }
    view.failed = failed
        .into_iter()
        .map(|(path, error)| (path.display().to_string(), error))
        .collect();
    view.excluded = found.excluded;
    view
}

fn view(args: &Args) -> FormatView {
    FormatView {
        check: args.check,
        diff: args.diff,
        ..FormatView::default()
    }
}

fn file(path: &Path, finder: &Finder, writes: bool) -> std::io::Result<Formatted> {
    let source = std::fs::read(path)?;
    let (before, after) = formatted(source, &finder.settings(path));
    if writes && before != after {
        dockerfiles::replace(path, &after)?;
    }
    Ok(Formatted {
        name: path.display().to_string(),
        before,
        after,
    })
}

/// A text before and after.
fn formatted(source: Vec<u8>, settings: &Settings) -> (Vec<u8>, Vec<u8>) {
    let file = File::new(source);
    let edits = format::edits(&file, &settings.format, None);
    let after = text::apply(file.source(), &edits);
    (file.into_source(), after)
}
