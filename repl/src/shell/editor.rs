//! The line editor: completion, hints, colours, unfinished input and the history file.

use super::decision::{Language, decide, first_word};
use super::{Variables, input};
use crate::commands::{self, COMMANDS};
use crate::render::Paint;
use crate::script;
use crate::session::Session;
use cooperage_runtime::build::request::{BuildRequest, ContextSource, DockerfileSource};
use rustyline::completion::{Completer, FilenameCompleter, Pair};
use rustyline::error::ReadlineError;
use rustyline::highlight::{CmdKind, Highlighter};
use rustyline::hint::{Hinter, HistoryHinter};
use rustyline::history::DefaultHistory;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{
    Cmd, CompletionType, Config, Context, Event, Helper, KeyCode, KeyEvent, Modifiers,
};
use std::borrow::Cow;
use std::path::PathBuf;
use std::sync::PoisonError;

/// Lines kept in the history file.
const HISTORY: usize = 10_000;

/// A line editor with its history.
pub struct Editor {
    editor: rustyline::Editor<Assistant, DefaultHistory>,
    history: Option<PathBuf>,
}

impl Editor {
    /// An editor on the terminal. The history is read from `$XDG_STATE_HOME/cooperage/history`.
    pub fn new(session: Session, variables: Variables) -> Result<Self, ReadlineError> {
        let config = Config::builder()
            .max_history_size(HISTORY)?
            .history_ignore_dups(true)?
            .history_ignore_space(true)
            .completion_type(CompletionType::List)
            .bracketed_paste(true)
            .auto_add_history(false)
            .build();
        let mut editor = rustyline::Editor::with_config(config)?;
        editor.set_helper(Some(Assistant {
            session,
            variables,
            parser: rhai::Engine::new_raw(),
            files: FilenameCompleter::new(),
            past: HistoryHinter::new(),
        }));
        editor.bind_sequence(
            Event::from(KeyEvent(KeyCode::Enter, Modifiers::ALT)),
            Cmd::Newline,
        );
        let history = history_file();
        if let Some(path) = &history {
            // The first session has none yet.
            let _ = editor.load_history(path);
        }
        Ok(Self { editor, history })
    }

    /// Reads one input and keeps it, secrets excepted.
    pub fn read(&mut self) -> Result<String, ReadlineError> {
        let line = self.editor.readline("cooper> ")?;
        self.editor
            .add_history_entry(input::without_secrets(&line))?;
        if let Some(path) = &self.history {
            // A history that cannot be written is not worth a word at every line.
            let _ = self.editor.append_history(path);
        }
        Ok(line)
    }
}

fn history_file() -> Option<PathBuf> {
    let state = std::env::var_os("XDG_STATE_HOME")
        .filter(|folder| !folder.is_empty())
        .map(PathBuf::from);
    let state =
        state.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".local/state")))?;
    let folder = state.join("cooperage");
    std::fs::create_dir_all(&folder).ok()?;
    Some(folder.join("history"))
}

/// What helps while a line is typed.
struct Assistant {
    session: Session,
    variables: Variables,
    parser: rhai::Engine,
    files: FilenameCompleter,
    past: HistoryHinter,
}

impl Helper for Assistant {}

impl Assistant {
    fn language(&self, line: &str) -> Language {
        let variables = self
            .variables
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        decide(line, &|word| commands::find(word).is_some(), &|word| {
            variables.contains_key(word)
        })
    }

    /// Candidates for the word that ends the line, and where it starts.
    fn candidates(&self, before: &str) -> Option<(usize, Vec<String>)> {
        let start = before
            .rfind(|c: char| c.is_whitespace() || c == '=')
            .map_or(0, |at| at + 1);
        let word = &before[start..];
        let trimmed = before.trim_start();
        if trimmed == first_word(trimmed) {
            let names = COMMANDS
                .iter()
                .map(|command| command.name)
                .chain(script::FUNCTIONS.iter().copied());
            let mut all: Vec<String> = names.map(str::to_owned).collect();
            all.extend(
                self.variables
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .keys()
                    .cloned(),
            );
            return Some((before.len() - trimmed.len(), all));
        }
        match self.language(before) {
            Language::Command => self
                .command_candidates(before, word)
                .map(|all| (start, all)),
            Language::Expression => self.member_candidates(before),
            _ => None,
        }
    }

    fn command_candidates(&self, before: &str, word: &str) -> Option<Vec<String>> {
        let command = commands::find(first_word(before.trim_start()))?;
        let table = crate::cli::with_globals((command.clap)());
        let previous = before[..before.len() - word.len()]
            .trim_end_matches('=')
            .split_whitespace()
            .next_back()?;
        if let Some(values) = self.option_values(&table, previous, before) {
            return Some(values);
        }
        if word.starts_with('-') {
            let visible = table
                .get_arguments()
                .filter(|argument| !argument.is_hide_set());
            return Some(
                visible
                    .filter_map(|argument| Some(format!("--{}", argument.get_long()?)))
                    .collect(),
            );
        }
        let takes_images = table.get_positionals().any(|argument| {
            argument
                .get_value_names()
                .is_some_and(|names| names.iter().any(|name| name.as_str() == "IMAGE"))
        });
        takes_images.then(|| self.image_names())
    }

    /// Whether nothing but a blank can follow a completed word of a command line.
    fn ends_word(&self, before: &str, start: usize, word: &str) -> bool {
        if before[..start].trim().is_empty() {
            commands::find(word).is_some()
        } else {
            self.language(before) == Language::Command
        }
    }

    /// Values an option takes, when they can be told.
    fn option_values(
        &self,
        table: &clap::Command,
        option: &str,
        before: &str,
    ) -> Option<Vec<String>> {
        match option {
            "--target" | "--no-cache-filter" => Some(self.stages(before)),
            "--network" => Some(["default", "none", "host"].map(str::to_owned).to_vec()),
            "--rule" | "--ignore" | "--only" | "--explain" => Some(rules()),
            _ => {
                let long = option.strip_prefix("--")?;
                let argument = table
                    .get_arguments()
                    .find(|argument| argument.get_long() == Some(long))?;
                let values: Vec<String> = argument
                    .get_possible_values()
                    .iter()
                    .map(|value| value.get_name().to_owned())
                    .collect();
                (!values.is_empty() && argument.get_action().takes_values()).then_some(values)
            }
        }
    }

    fn image_names(&self) -> Vec<String> {
        let images = self
            .session
            .engine()
            .ok()
            .and_then(|engine| engine.images().ok())
            .unwrap_or_default();
        images.into_iter().flat_map(|image| image.names).collect()
    }

    /// Stages of the Dockerfile the line names, or of the one here.
    fn stages(&self, before: &str) -> Vec<String> {
        let words: Vec<&str> = before.split_whitespace().collect();
        let file = words
            .windows(2)
            .find(|pair| matches!(pair[0], "-f" | "--file"))
            .map(|pair| PathBuf::from(pair[1]));
        let request = BuildRequest {
            context: ContextSource::Folder(PathBuf::from(".")),
            dockerfile: file.map_or(DockerfileSource::Default, DockerfileSource::Path),
            ..BuildRequest::default()
        };
        let loaded = self
            .session
            .engine()
            .ok()
            .and_then(|engine| engine.read(&request).ok());
        let Some(loaded) = loaded else {
            return Vec::new();
        };
        let stages = loaded.dockerfile.stages.iter();
        stages
            .filter_map(|stage| match &stage.from.kind {
                cooperage_lang::instructions::Kind::From(from) => {
                    Some(from.name.as_ref()?.to_str_lossy().into_owned())
                }
                _ => None,
            })
            .collect()
    }

    /// Members behind a dot by the type of what stands before it, names behind `::`, else functions and variables.
    fn member_candidates(&self, before: &str) -> Option<(usize, Vec<String>)> {
        let start = before
            .rfind(|c: char| !(c.is_alphanumeric() || c == '_'))
            .map_or(0, |at| at + 1);
        let owner = &before[..start];
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        if let Some(module) = owner.strip_suffix("::") {
            let module = module.rsplit(|c: char| !c.is_alphanumeric()).next()?;
            let names = script::MODULES.iter().find(|(name, _)| *name == module)?.1;
            return Some((start, owned(names)));
        }
        if let Some(object) = owner.strip_suffix('.') {
            let variables = self
                .variables
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            let kind = script::type_of(object, &|name| variables.get(name).cloned());
            return Some((
                start,
                owned(script::members(kind.as_deref().unwrap_or_default())),
            ));
        }
        let mut all: Vec<String> = owned(script::FUNCTIONS);
        all.extend(
            self.variables
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .keys()
                .cloned(),
        );
        Some((start, all))
    }
}

/// Names and aliases of the check rules.
fn rules() -> Vec<String> {
    let names = cooperage_lang::lints::LINTS
        .iter()
        .flat_map(cooperage_lang::lints::Lint::names);
    names.map(str::to_owned).collect()
}

impl Completer for Assistant {
    type Candidate = Pair;

    fn complete(
        &self,
        line: &str,
        at: usize,
        context: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<Pair>)> {
        let before = &line[..at];
        if let Some((start, mut all)) = self.candidates(before) {
            all.retain(|candidate| candidate.starts_with(&before[start..]));
            all.sort();
            all.dedup();
            if let [only] = &mut all[..]
                && self.ends_word(before, start, only)
            {
                only.push(' ');
            }
            if !all.is_empty() {
                let pairs = all.into_iter().map(|text| Pair {
                    display: text.trim_end().to_owned(),
                    replacement: text,
                });
                return Ok((start, pairs.collect()));
            }
        }
        match self.language(line) {
            Language::Command | Language::HostShell => self.files.complete(line, at, context),
            _ => Ok((at, Vec::new())),
        }
    }
}

impl Hinter for Assistant {
    type Hint = String;

    fn hint(&self, line: &str, at: usize, context: &Context<'_>) -> Option<String> {
        if line.is_empty() || at < line.len() {
            return None;
        }
        if let Some(past) = self.past.hint(line, at, context) {
            return Some(past);
        }
        // `build ` shows what still has to come.
        let command = commands::find(line.trim())?;
        let table = (command.clap)();
        let names = table
            .get_positionals()
            .filter_map(|argument| argument.get_value_names()?.first().map(ToString::to_string));
        let names: Vec<String> = names.collect();
        (line.ends_with(' ') && !names.is_empty()).then(|| names.join(" "))
    }
}

impl Highlighter for Assistant {
    fn highlight<'l>(&self, line: &'l str, _: usize) -> Cow<'l, str> {
        if !self.session.terminal.color_out {
            return Cow::Borrowed(line);
        }
        match self.language(line) {
            Language::Command => Cow::Owned(color_command(line)),
            Language::Expression => Cow::Owned(color_expression(line)),
            _ => Cow::Borrowed(line),
        }
    }

    fn highlight_hint<'h>(&self, hint: &'h str) -> Cow<'h, str> {
        Cow::Owned(Paint(self.session.terminal.color_out).dim(hint))
    }

    fn highlight_char(&self, _: &str, _: usize, kind: CmdKind) -> bool {
        kind != CmdKind::MoveCursor && self.session.terminal.color_out
    }
}

impl Validator for Assistant {
    fn validate(&self, context: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        let text = context.input();
        Ok(
            if input::is_unfinished(text, self.language(text), &self.parser) {
                ValidationResult::Incomplete
            } else {
                ValidationResult::Valid(None)
            },
        )
    }
}

/// The verb bold, options blue, unknown options underlined, quoted words green.
fn color_command(line: &str) -> String {
    let paint = Paint(true);
    let verb = first_word(line.trim_start());
    let known = commands::find(verb).map(|command| crate::cli::with_globals((command.clap)()));
    let is_known = |word: &str| {
        let name = word.split('=').next().unwrap_or(word);
        known.as_ref().is_some_and(|table| {
            table.get_arguments().any(|argument| {
                name.strip_prefix("--")
                    .is_some_and(|long| argument.get_long() == Some(long))
                    || !name.starts_with("--")
                        && name[1..]
                            .chars()
                            .all(|c| table.get_arguments().any(|a| a.get_short() == Some(c)))
            })
        })
    };
    let mut colored = String::new();
    for (i, part) in line.split_inclusive(char::is_whitespace).enumerate() {
        let word = part.trim_end();
        let blank = &part[word.len()..];
        colored += &match word {
            verb if i == 0 => paint.bold(verb),
            option if option.len() > 1 && option.starts_with('-') && is_known(option) => {
                paint.blue(option)
            }
            option if option.len() > 1 && option.starts_with('-') => {
                format!("\x1b[4m{option}\x1b[0m")
            }
            quoted if quoted.starts_with(['"', '\'']) || quoted.starts_with("${") => {
                paint.green(quoted)
            }
            other => other.to_owned(),
        };
        colored += blank;
    }
    colored
}

const KEYWORDS: &[&str] = &[
    "let", "const", "fn", "if", "else", "for", "in", "while", "loop", "return", "throw", "try",
    "catch", "switch", "break", "continue", "true", "false", "import", "as", "private", "do",
    "until",
];

/// Keywords bold, texts green, numbers yellow.
fn color_expression(line: &str) -> String {
    let paint = Paint(true);
    let mut colored = String::new();
    let mut rest = line;
    while let Some(letter) = rest.chars().next() {
        let end = match letter {
            '"' | '`' => {
                let close = rest[1..].find(letter).map_or(rest.len(), |at| at + 2);
                colored += &paint.green(&rest[..close]);
                close
            }
            c if c.is_alphabetic() || c == '_' => {
                let word = first_word(rest);
                colored += &if KEYWORDS.contains(&word) {
                    paint.bold(word)
                } else {
                    word.to_owned()
                };
                word.len()
            }
            c if c.is_ascii_digit() => {
                let end = rest
                    .find(|c: char| !(c.is_ascii_digit() || c == '.'))
                    .unwrap_or(rest.len());
                colored += &paint.yellow(&rest[..end]);
                end
            }
            c => {
                colored.push(c);
                c.len_utf8()
            }
        };
        rest = &rest[end..];
    }
    colored
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::text;
    use crate::session::{Globals, Services};

    fn assistant() -> Assistant {
        let variables = Variables::default();
        variables
            .lock()
            .unwrap()
            .insert("site".into(), "Image".into());
        Assistant {
            session: Session::new(Globals::default(), Services { lsp: |_| Ok(()) }),
            variables,
            parser: rhai::Engine::new_raw(),
            files: FilenameCompleter::new(),
            past: HistoryHinter::new(),
        }
    }

    fn complete(line: &str) -> Vec<String> {
        let assistant = assistant();
        let Some((start, mut all)) = assistant.candidates(line) else {
            return Vec::new();
        };
        all.retain(|candidate| candidate.starts_with(&line[start..]));
        all
    }

    #[test]
    fn verbs_options_values_and_members_are_completed() {
        assert_eq!(complete("bui"), ["build", "build"]);
        assert!(complete("build --ta").contains(&"--tag".to_owned()));
        assert!(complete("build --ta").contains(&"--target".to_owned()));
        assert_eq!(complete("build --network h"), ["host"]);
        assert_eq!(complete("build --progress pl"), ["plain"]);
        assert!(complete("site.ent").contains(&"entrypoint".to_owned()));
        assert!(complete("plan(\".\").mis").contains(&"missed".to_owned()));
        assert!(complete("fs::re").contains(&"read".to_owned()));
    }

    #[test]
    fn colours_change_nothing_but_colours() {
        for line in ["build -t \"a b\" --nope .", "  run -it x"] {
            assert_eq!(text::strip(&color_command(line)), line);
        }
        for line in [
            "let x = \"a\" + `b` + 12.5;",
            "images().map(|i| i.size)",
            "\"open",
        ] {
            assert_eq!(text::strip(&color_expression(line)), line);
        }
        assert!(color_command("build --nope .").contains("\x1b[4m--nope"));
    }
}
