//! The commands: one file and one row of [`COMMANDS`] each. Command line, prompt, scripts, completion and help all read
//! this table.

use crate::error::CommandError;
use crate::session::Session;
use crate::value::Value;
use clap::{ArgMatches, Args as _, FromArgMatches as _};

/// A row of the table.
pub struct Command {
    /// The word that calls it.
    pub name: &'static str,
    /// Other words for it.
    pub aliases: &'static [&'static str],
    /// The heading it stands under in the overview.
    pub group: Group,
    /// What it touches.
    pub touches: Touches,
    /// One line about it.
    pub about: &'static str,
    /// Its arguments; made when they are needed, for making all of them would take longer than most commands.
    pub clap: fn() -> clap::Command,
    /// Runs it.
    pub run: fn(&Session, &ArgMatches) -> Result<Value, CommandError>,
}

/// What a command touches. Who is not root handles an image's files inside a user namespace only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Touches {
    /// Files of images, or containers.
    Files,
    /// What the database and the Dockerfile tell.
    Facts,
}

/// Headings of the overview.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    Builds,
    Images,
    Containers,
    Program,
}

impl Group {
    /// All, in the order of the overview.
    pub const ALL: [Self; 4] = [Self::Builds, Self::Images, Self::Containers, Self::Program];

    /// The heading.
    pub fn title(self) -> &'static str {
        match self {
            Self::Builds => "Builds",
            Self::Images => "Images",
            Self::Containers => "Containers",
            Self::Program => "Program",
        }
    }
}

/// Puts the line of the table above what the doc comment of the arguments says.
fn described(about: &'static str, table: clap::Command) -> clap::Command {
    let more = table
        .get_long_about()
        .or_else(|| table.get_about())
        .map(ToString::to_string)
        .unwrap_or_default();
    table.about(about).long_about(format!("{about}\n\n{more}"))
}

macro_rules! commands {
    ($($module:ident, $name:literal, [$($alias:literal),*], $group:ident, $touches:ident, $about:literal;)*) => {
        $(pub mod $module;)*

        /// All commands, in the order of the overview.
        pub static COMMANDS: &[Command] = &[$(Command {
            name: $name,
            aliases: &[$($alias),*],
            group: Group::$group,
            touches: Touches::$touches,
            about: $about,
            clap: || described($about, $module::Args::augment_args(clap::Command::new($name))),
            run: |session, matches| $module::run(session, $module::Args::from_arg_matches(matches)?),
        }),*];
    };
}

commands! {
    build, "build", ["b"], Builds, Files, "Build an image from a Dockerfile";
    plan, "plan", ["forecast"], Builds, Facts, "Tell what a build would do, and why, without doing it";
    why, "why", [], Builds, Facts, "Tell what the last build did, and why";
    lint, "lint", [], Builds, Facts, "Look for mistakes in Dockerfiles, and mend them";
    fmt, "fmt", ["format"], Builds, Facts, "Format Dockerfiles";
    images, "images", ["ls"], Images, Facts, "List images";
    pull, "pull", [], Images, Files, "Bring an image from its registry";
    tag, "tag", [], Images, Facts, "Give an image another name";
    rmi, "rmi", [], Images, Files, "Remove images";
    inspect, "inspect", [], Images, Facts, "Show everything known of an image";
    history, "history", [], Images, Facts, "Show how an image was made";
    layers, "layers", [], Images, Facts, "Show the layers of an image, and the files of a layer";
    save, "save", [], Images, Files, "Write images to an archive";
    load, "load", [], Images, Files, "Read images from an archive or a layout folder";
    import, "import", [], Images, Files, "Make an image of a root file system's archive";
    base, "base", [], Images, Files, "Make a base image of programs of this machine";
    prune, "prune", [], Images, Files, "Remove what nothing needs";
    run, "run", [], Containers, Files, "Run a command in a new container";
    script, "script", [], Program, Files, "Run a script";
    lsp, "lsp", [], Program, Facts, "Serve editors by the language server protocol";
    version, "version", [], Program, Facts, "Tell the version";
    help, "help", [], Program, Facts, "Explain the commands";
}

/// The command a word calls.
pub fn find(word: &str) -> Option<&'static Command> {
    COMMANDS
        .iter()
        .find(|command| command.name == word || command.aliases.contains(&word))
}

/// The command a mistyped word was meant to call.
pub fn nearest(word: &str) -> Option<&'static str> {
    crate::near::nearest(word, COMMANDS.iter().map(|command| command.name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_a_valid_command_with_help_and_examples() {
        for command in COMMANDS {
            let table = crate::cli::with_globals((command.clap)());
            table.clone().debug_assert();
            let help = table.clone().render_long_help().to_string();
            assert!(
                help.contains("Examples:"),
                "`{}` has no examples",
                command.name
            );
            assert!(
                help.starts_with(command.about),
                "`{}`: {help}",
                command.name
            );
        }
    }

    #[test]
    fn no_word_calls_two_commands() {
        let mut words: Vec<&str> = COMMANDS
            .iter()
            .flat_map(|c| c.aliases.iter().copied().chain([c.name]))
            .collect();
        words.sort_unstable();
        let all = words.len();
        words.dedup();
        assert_eq!(words.len(), all);
    }
}
