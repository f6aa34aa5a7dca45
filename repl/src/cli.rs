//! The program's command line: options for all commands, then one command, or none for the prompt.

use crate::commands::{self, Command, Touches};
use crate::error::{CommandError, Kind};
use crate::near::nearest;
use crate::render::ColorChoice;
use crate::session::{Globals, Services, Session};
use crate::value::Value;
use clap::{Arg, ArgAction, ArgMatches, ValueEnum};
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

/// Runs the program with its arguments, the program's name excluded, and returns its exit status.
pub fn main(arguments: impl Iterator<Item = OsString>, services: Services) -> u8 {
    let arguments: Vec<OsString> = arguments.collect();
    let line = match Line::parse(&arguments) {
        Ok(line) => line,
        Err(error) => {
            Session::new(Globals::default(), services).show_error(&error);
            return error.exit_status();
        }
    };
    if line.what.touches() == Touches::Files
        && let Err(error) = cooperage_runtime::idmap::enter_user_namespace_if_needed()
    {
        let error = CommandError::new(Kind::Permission, error.to_string());
        Session::new(line.globals, services).show_error(&error);
        return error.exit_status();
    }
    let session = Session::new(line.globals, services);
    match line.what {
        What::Prompt if session.terminal.stdin => crate::shell::prompt(session),
        What::Prompt => crate::script::run_stdin(&session),
        What::PromptLine(text) => crate::shell::run_line(&session, &text),
        What::Help => finish(&session, Ok(Value::Text(commands::help::overview()))),
        What::Version => finish(&session, Ok(Value::Text(commands::version::line()))),
        What::Command(command, rest) => run_command(&session, command, rest),
    }
}

/// Runs a command and shows what it answers.
fn run_command(session: &Session, command: &'static Command, arguments: &[OsString]) -> u8 {
    match parse(command, arguments, &session.globals) {
        Ok(Parsed::Help(text)) => finish(session, Ok(Value::Text(text))),
        Ok(Parsed::Run(matches, globals)) => {
            let session = session.with_globals(globals);
            let answer = (command.run)(&session, &matches);
            finish(&session, answer)
        }
        Err(error) => finish(session, Err(error)),
    }
}

fn finish(session: &Session, answer: Result<Value, CommandError>) -> u8 {
    match answer {
        Ok(value) => {
            session.show(&value);
            value.exit_status()
        }
        Err(error) => {
            session.show_error(&error);
            error.exit_status()
        }
    }
}

/// A command line with its options for all commands taken out.
struct Line<'a> {
    globals: Globals,
    what: What<'a>,
}

enum What<'a> {
    Prompt,
    PromptLine(String),
    Help,
    Version,
    Command(&'static Command, &'a [OsString]),
}

impl What<'_> {
    /// A prompt or script may come to do anything.
    fn touches(&self) -> Touches {
        match self {
            Self::Prompt | Self::PromptLine(_) => Touches::Files,
            Self::Help | Self::Version => Touches::Facts,
            Self::Command(command, arguments) => {
                let asks_help = arguments.iter().any(|a| a == "--help" || a == "-h");
                if asks_help {
                    Touches::Facts
                } else {
                    command.touches
                }
            }
        }
    }
}

impl<'a> Line<'a> {
    /// Looks at the arguments up to the command's name only; the command's own table reads the rest.
    fn parse(arguments: &'a [OsString]) -> Result<Self, CommandError> {
        let mut globals = Globals::default();
        let mut at = 0;
        while let Some(argument) = arguments.get(at) {
            at += 1;
            let text = argument.to_string_lossy();
            let (name, inline) = match text.split_once('=') {
                Some((name, value)) if name.starts_with("--") => {
                    (name.to_owned(), Some(OsString::from(value)))
                }
                _ => (text.clone().into_owned(), None),
            };
            let mut value = || {
                let value = inline.clone().or_else(|| {
                    at += 1;
                    arguments.get(at - 1).cloned()
                });
                value.ok_or_else(|| CommandError::usage(format!("`{name}` needs a value")))
            };
            match name.as_str() {
                "--root" => globals.root = Some(value()?.into()),
                "--color" => globals.color = color(&value()?)?,
                "--log-level" => set_log_level(&value()?.to_string_lossy())?,
                "--json" => globals.json = true,
                "-q" | "--quiet" => globals.quiet = true,
                "-c" => {
                    let text = value()?.to_string_lossy().into_owned();
                    return Ok(Self {
                        globals,
                        what: What::PromptLine(text),
                    });
                }
                "-h" | "--help" => {
                    return Ok(Self {
                        globals,
                        what: What::Help,
                    });
                }
                "-V" | "--version" => {
                    return Ok(Self {
                        globals,
                        what: What::Version,
                    });
                }
                option if option.starts_with('-') => return Err(unknown_option(option)),
                // Docker's `builder prune`, `image ls`: the second word is the command.
                "builder" | "container" | "image" | "system"
                    if names_command(arguments.get(at)) => {}
                word => {
                    let command = commands::find(word)
                        .ok_or_else(|| unknown_command(word, &arguments[at..]))?;
                    return Ok(Self {
                        globals,
                        what: What::Command(command, &arguments[at..]),
                    });
                }
            }
        }
        Ok(Self {
            globals,
            what: What::Prompt,
        })
    }
}

fn names_command(word: Option<&OsString>) -> bool {
    word.is_some_and(|word| commands::find(&word.to_string_lossy()).is_some())
}

fn color(value: &OsStr) -> Result<ColorChoice, CommandError> {
    let text = value.to_string_lossy();
    ColorChoice::from_str(&text, true).map_err(|_| {
        CommandError::usage(format!("--color `{text}` is none of auto, always, never"))
    })
}

fn unknown_option(option: &str) -> CommandError {
    let known = [
        "--root",
        "--json",
        "--quiet",
        "--color",
        "--log-level",
        "--help",
        "--version",
    ];
    let error = CommandError::usage(format!("unknown option `{option}`"));
    match nearest(option, known) {
        Some(near) => error.hint(format!("did you mean `{near}`?")),
        None => error.hint("options of a command stand behind its name: `cooper build --help`"),
    }
}

/// The error for a command nobody knows, with the line that was probably meant.
pub fn unknown_command(word: &str, rest: &[OsString]) -> CommandError {
    let error = CommandError::usage(format!("unknown command `{word}`"));
    match commands::nearest(word) {
        Some(near) => {
            let rest: String = rest
                .iter()
                .map(|part| format!(" {}", part.to_string_lossy()))
                .collect();
            error.hint(format!("did you mean `cooper {near}{rest}`?"))
        }
        None => error.hint("`cooper help` lists the commands"),
    }
}

/// Arguments of a command, understood.
pub enum Parsed {
    /// `--help`: its text.
    Help(String),
    /// What to run it with.
    Run(ArgMatches, Globals),
}

/// Reads the arguments of a command by its table row. Options for all commands are taken from `globals` and from the
/// arguments.
pub fn parse(
    command: &Command,
    arguments: &[OsString],
    globals: &Globals,
) -> Result<Parsed, CommandError> {
    let table = with_globals((command.clap)());
    let full = std::iter::once(OsString::from(command.name)).chain(arguments.iter().cloned());
    match table.try_get_matches_from(full) {
        Ok(matches) => {
            let mut globals = globals.clone();
            globals.json |= matches.get_flag("json");
            globals.quiet |= matches.get_flag("quiet");
            if let Some(root) = matches.get_one::<PathBuf>("root") {
                globals.root = Some(root.clone());
            }
            if let Some(color) = matches.get_one::<ColorChoice>("color") {
                globals.color = *color;
            }
            if let Some(level) = matches.get_one::<String>("log-level") {
                set_log_level(level)?;
            }
            Ok(Parsed::Run(matches, globals))
        }
        Err(error) if error.kind() == clap::error::ErrorKind::DisplayHelp => {
            Ok(Parsed::Help(error.render().to_string()))
        }
        Err(error) => {
            let mut error = CommandError::from(error);
            // `run` leaves the low statuses to the container. Source: Docker's `run` reference, exit status.
            if command.name == "run" {
                error.kind = Kind::RunUsage;
            }
            Err(error.hint(format!("`cooper {} --help` tells all", command.name)))
        }
    }
}

/// The options every command takes.
pub fn with_globals(command: clap::Command) -> clap::Command {
    let global = |name: &'static str| {
        Arg::new(name)
            .long(name)
            .help_heading("Options of all commands")
    };
    let name = format!("cooper {}", command.get_name());
    command
        .bin_name(name)
        .disable_help_flag(true)
        .arg(
            global("json")
                .action(ArgAction::SetTrue)
                .help("Answer as JSON"),
        )
        .arg(
            global("quiet")
                .short('q')
                .action(ArgAction::SetTrue)
                .help("Answer with ids only"),
        )
        .arg(
            global("root")
                .value_name("DIR")
                .value_parser(clap::value_parser!(PathBuf))
                .help("Folder of the store [env: COOPERAGE_ROOT]"),
        )
        .arg(
            global("color")
                .value_name("WHEN")
                .value_parser(clap::value_parser!(ColorChoice))
                .help("When to use colours"),
        )
        .arg(
            global("log-level")
                .value_name("LEVEL")
                .help("What to log on standard error: error, warn, info, debug, trace"),
        )
        .arg(
            global("help")
                .short('h')
                .action(ArgAction::Help)
                .help("Print help"),
        )
}

/// Starts logging when it is asked for; without it nothing is set up at all.
fn set_log_level(level: &str) -> Result<(), CommandError> {
    let level: tracing::level_filters::LevelFilter = level.parse().map_err(|_| {
        CommandError::usage(format!(
            "--log-level `{level}` is none of off, error, warn, info, debug, trace"
        ))
    })?;
    // A second call keeps the first subscriber: the level of a process is set once.
    let _ = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(std::io::stderr)
        .try_init();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<OsString> {
        line.split_whitespace().map(OsString::from).collect()
    }

    #[test]
    fn options_before_the_command_belong_to_all_of_them() {
        let arguments = words("--root /tmp/x --json images -q");
        let line = Line::parse(&arguments).unwrap();
        assert_eq!(line.globals.root, Some("/tmp/x".into()));
        assert!(line.globals.json);
        let What::Command(command, rest) = line.what else {
            panic!("a command")
        };
        assert_eq!((command.name, rest.len()), ("images", 1));
    }

    #[test]
    fn mistyped_commands_and_options_name_the_nearest() {
        let of = |line: &str| Line::parse(&words(line)).err().unwrap();
        assert_eq!(
            of("biuld -t blog .").hints,
            ["did you mean `cooper build -t blog .`?"]
        );
        assert_eq!(of("--jsno images").hints, ["did you mean `--json`?"]);
        assert_eq!(of("biuld").exit_status(), 2);
    }

    #[test]
    fn words_that_group_commands_are_skipped() {
        let arguments = words("builder prune -af");
        let What::Command(command, rest) = Line::parse(&arguments).unwrap().what else {
            panic!("a command")
        };
        assert_eq!(command.name, "prune");
        assert!(parse(command, rest, &Globals::default()).is_ok());
    }

    #[test]
    fn wrong_usage_of_run_ends_with_125() {
        let run = commands::find("run").unwrap();
        let error = parse(run, &words("--no-such-option x"), &Globals::default())
            .err()
            .unwrap();
        assert_eq!(error.exit_status(), 125);
        let build = commands::find("build").unwrap();
        let error = parse(build, &words("--tagg x ."), &Globals::default())
            .err()
            .unwrap();
        assert_eq!(error.exit_status(), 2);
        assert!(
            error.hints.iter().any(|hint| hint.contains("--tag")),
            "{error:?}"
        );
    }

    #[test]
    fn arguments_of_a_container_are_its_own() {
        let run = commands::find("run").unwrap();
        let Ok(Parsed::Run(_, globals)) = parse(
            run,
            &words("--rm busybox ls -q --json"),
            &Globals::default(),
        ) else {
            panic!("valid")
        };
        assert!(!globals.json && !globals.quiet);
    }
}
