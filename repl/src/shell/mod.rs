//! The prompt: commands and expressions on one line, their values flowing both ways.

pub mod decision;
pub mod editor;
pub mod input;
pub mod words;

use crate::commands;
use crate::error::{CommandError, Kind};
use crate::render::{self, Paint, Terminal};
use crate::script::{self, Evaluated};
use crate::session::{Globals, Session};
use crate::units::Span;
use crate::value::Value;
use decision::{Language, decide, first_word};
use rhai::{AST, Array, Dynamic, Engine, Scope};
use rustyline::error::ReadlineError;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;
use words::Piece;

/// The prompt until the user leaves. Returns the exit status.
pub fn prompt(mut session: Session) -> u8 {
    session.interactive = true;
    let mut shell = Shell::new(session);
    let mut editor = match editor::Editor::new(shell.session.clone(), Arc::clone(&shell.variables))
    {
        Ok(editor) => editor,
        Err(error) => {
            shell.session.show_error(&CommandError::new(
                Kind::Internal,
                format!("cannot read from the terminal: {error}"),
            ));
            return 1;
        }
    };
    loop {
        match editor.read() {
            Ok(line) => {
                shell.session.begin_line();
                // The window may have another size by now.
                shell.session.terminal = Terminal::detect(shell.session.globals.color);
                match shell.evaluate(&line) {
                    Ok(Reply::Quit) => return 0,
                    Ok(reply) => shell.show(&reply, true),
                    Err(error) => shell.session.show_error(&error),
                }
            }
            // Ctrl-C drops the line.
            Err(ReadlineError::Interrupted) => {}
            Err(ReadlineError::Eof) => return 0,
            Err(error) => {
                shell.session.show_error(&CommandError::new(
                    Kind::Internal,
                    format!("cannot read a line: {error}"),
                ));
                return 1;
            }
        }
    }
}

/// One line of the prompt, as `cooper -c` takes it. Returns the exit status.
pub fn run_line(session: &Session, line: &str) -> u8 {
    let mut shell = Shell::new(session.clone());
    match shell.evaluate(line) {
        Ok(reply) => {
            shell.show(&reply, false);
            match reply {
                Reply::Value(value, _) => value.exit_status(),
                Reply::Exit(code) => code.clamp(0, 255) as u8,
                _ => 0,
            }
        }
        Err(error) => {
            session.show_error(&error);
            error.exit_status()
        }
    }
}

/// What a line answers.
#[derive(Debug)]
pub enum Reply {
    /// Nothing to show.
    Nothing,
    /// A command's answer, and the options it was given.
    Value(Value, Globals),
    /// An expression's value.
    Object(Dynamic),
    /// Text for people.
    Text(String),
    /// `exit(n)`, a host command's status.
    Exit(i32),
    /// `:quit`.
    Quit,
}

/// Names of variables with the types of their values, for completion.
pub type Variables = Arc<Mutex<BTreeMap<String, String>>>;

/// The state between lines.
pub struct Shell {
    session: Session,
    engine: Engine,
    scope: Scope<'static>,
    functions: AST,
    variables: Variables,
}

impl Shell {
    /// A shell without variables.
    pub fn new(session: Session) -> Self {
        let engine = script::engine(&session, Vec::new(), false);
        let mut scope = Scope::new();
        scope.push_dynamic("it", Dynamic::UNIT);
        scope.push_dynamic("out", Dynamic::from_array(Array::new()));
        Self {
            session,
            engine,
            scope,
            functions: AST::empty(),
            variables: Variables::default(),
        }
    }

    /// Runs a line.
    pub fn evaluate(&mut self, line: &str) -> Result<Reply, CommandError> {
        if let Some((name, command)) = let_command(line) {
            let (value, _) = self.command(command, true)?;
            let object = script::to_dynamic(&self.session, value);
            self.bind(name, object.clone());
            self.keep(&object);
            return Ok(Reply::Object(object));
        }
        match self.language(line) {
            Language::Nothing => Ok(Reply::Nothing),
            Language::HostShell => host_shell(line.trim_start().trim_start_matches('!')),
            Language::Help => self.help(line.trim().trim_matches('?').trim()),
            Language::Directive => self.directive(line.trim()),
            Language::Command => {
                let (value, globals) = self.command(line, false)?;
                if !matches!(value, Value::Nothing) {
                    let object = script::to_dynamic(&self.session, value.clone());
                    self.keep(&object);
                }
                Ok(Reply::Value(value, globals))
            }
            Language::Expression => self.expression(line),
        }
    }

    fn language(&self, line: &str) -> Language {
        decide(line, &|word| commands::find(word).is_some(), &|word| {
            self.scope.contains(word)
        })
    }

    /// Runs a command line with its `${…}` evaluated. `quietly` captures what it would print while it runs.
    fn command(&mut self, line: &str, quietly: bool) -> Result<(Value, Globals), CommandError> {
        let pieces = words::pieces(line).map_err(|error| CommandError::usage(error.to_string()))?;
        let mut words = Vec::new();
        for word in pieces {
            self.expand(word, &mut words)?;
        }
        let session = if quietly {
            self.session.for_scripts()
        } else {
            self.session.clone()
        };
        script::run_words(&session, words)
    }

    /// A word's value: exactly one word, or for an array alone one for each item.
    fn expand(&mut self, pieces: Vec<Piece>, words: &mut Vec<String>) -> Result<(), CommandError> {
        let mut word = String::new();
        let alone = pieces.len() == 1;
        for piece in pieces {
            match piece {
                Piece::Text(text) => word += &text,
                Piece::Expression(text) => {
                    let value = match self.eval(&text)? {
                        Evaluated::Value(value) => value,
                        Evaluated::Exit(_) => Dynamic::UNIT,
                    };
                    if alone && let Some(items) = value.read_lock::<Array>() {
                        words.extend(items.iter().map(script::word_of));
                        return Ok(());
                    }
                    word += &script::word_of(&value);
                }
            }
        }
        words.push(word);
        Ok(())
    }

    fn expression(&mut self, line: &str) -> Result<Reply, CommandError> {
        let value = match self.eval(line) {
            Ok(Evaluated::Value(value)) => value,
            Ok(Evaluated::Exit(code)) => {
                return Ok(if self.session.interactive {
                    Reply::Quit
                } else {
                    Reply::Exit(code)
                });
            }
            Err(error) => return Err(suggest_command(line, error)),
        };
        self.remember_variables();
        if line.trim_end().ends_with(';') {
            return Ok(Reply::Nothing);
        }
        // `let` is a statement without value; what it bound is shown, unless something behind it has one.
        let bound = bound_name(line).filter(|_| value.is_unit());
        let value = bound
            .and_then(|name| self.scope.get_value::<Dynamic>(name))
            .unwrap_or(value);
        if value.is_unit() {
            return Ok(Reply::Nothing);
        }
        self.keep(&value);
        Ok(Reply::Object(value))
    }

    fn eval(&mut self, text: &str) -> Result<Evaluated, CommandError> {
        let text = input::underscore_to_it(text);
        let fail = |error: &rhai::EvalAltResult| script::command_error(error, "line", &text);
        let ast = self
            .engine
            .compile_with_scope(&self.scope, &text)
            .map_err(|error| fail(&error.into()))?;
        let ast = self.functions.merge(&ast);
        let result =
            script::run_ast(&self.engine, &mut self.scope, &ast).map_err(|error| fail(&error));
        // Functions stay for the next lines, also those of a line that failed later on.
        self.functions = ast.clone_functions_only();
        result
    }

    fn bind(&mut self, name: &str, value: Dynamic) {
        self.scope.set_value(name.to_owned(), value);
        self.remember_variables();
    }

    /// Keeps the last value as `it` and behind the others in `out`.
    fn keep(&mut self, value: &Dynamic) {
        self.scope.set_value("it", value.clone());
        if let Some(out) = self.scope.get_mut("out")
            && let Some(mut items) = out.write_lock::<Array>()
        {
            items.push(value.clone());
        }
    }

    fn remember_variables(&self) {
        let types = self
            .scope
            .iter_raw()
            .map(|(name, _, value)| (name.to_owned(), type_name(&self.engine, value)));
        *self
            .variables
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = types.collect();
    }

    fn help(&self, word: &str) -> Result<Reply, CommandError> {
        if word.is_empty() {
            return Ok(Reply::Text(format!(
                "{}{DIRECTIVES}",
                commands::help::overview()
            )));
        }
        if let Some(text) = commands::help::brief(word) {
            return Ok(Reply::Text(text));
        }
        if let Some(value) = self.scope.get_value::<Dynamic>(word) {
            let kind = type_name(&self.engine, &value);
            let members = script::members(&kind)
                .iter()
                .map(|member| format!(" .{member}"))
                .collect::<String>();
            return Ok(Reply::Text(format!(
                "{kind} {}\n {members}",
                script::text_of(&self.engine, &value)
            )));
        }
        Err(crate::cli::unknown_command(word, &[]))
    }

    fn directive(&mut self, line: &str) -> Result<Reply, CommandError> {
        let (word, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        match word {
            ":quit" | ":q" | ":exit" => Ok(Reply::Quit),
            ":vars" => {
                let mut text = String::new();
                for (name, _, value) in self.scope.iter_raw() {
                    let shown = render::text::cut(
                        &render::text::one_line(&script::text_of(&self.engine, value)),
                        60,
                    );
                    text += &format!("{name} = {shown} : {}\n", type_name(&self.engine, value));
                }
                Ok(Reply::Text(text))
            }
            ":time" => {
                let began = Instant::now();
                let reply = self.evaluate(rest)?;
                self.session.note(&format!("{}\n", Span(began.elapsed())));
                Ok(reply)
            }
            ":load" => {
                let path = PathBuf::from(rest.trim());
                let text = std::fs::read_to_string(&path)
                    .map_err(|error| CommandError::file("read", &path, &error))?;
                self.expression(&text)
            }
            ":set" => self.set(rest.trim()),
            ":help" => Ok(Reply::Text(DIRECTIVES.to_owned())),
            other => {
                let known = [":quit", ":vars", ":time", ":load", ":set", ":help"];
                let error = CommandError::usage(format!("unknown directive `{other}`"));
                Err(match crate::near::nearest(other, known) {
                    Some(near) => error.hint(format!("did you mean `{near}`?")),
                    None => error.hint(format!("directives are {}", known.join(", "))),
                })
            }
        }
    }

    fn set(&mut self, what: &str) -> Result<Reply, CommandError> {
        match what {
            "json on" => self.session.globals.json = true,
            "json off" => self.session.globals.json = false,
            "quiet on" => self.session.globals.quiet = true,
            "quiet off" => self.session.globals.quiet = false,
            _ => {
                return Err(CommandError::usage(format!("cannot set `{what}`"))
                    .hint(":set json on|off, :set quiet on|off"));
            }
        }
        Ok(Reply::Nothing)
    }

    /// Shows a reply. At the prompt an expression's value stands behind `=>` with its type.
    fn show(&self, reply: &Reply, decorated: bool) {
        match reply {
            Reply::Nothing | Reply::Quit | Reply::Exit(_) => {}
            Reply::Value(value, globals) => {
                if let Value::Exit(exit) = value
                    && decorated
                    && exit.code != 0
                {
                    self.session.note(&format!("exit status {}\n", exit.code));
                }
                self.session.with_globals(globals.clone()).show(value);
            }
            Reply::Text(text) => render::out(&format!("{}\n", text.trim_end())),
            Reply::Object(value) if self.session.globals.json => {
                render::out(&format!("{:#}\n", script::to_json(value)));
            }
            Reply::Object(value) => {
                if let Some(table) = script::as_table(value) {
                    self.session.show(&table);
                } else if decorated {
                    let kind = type_name(&self.engine, value);
                    let shown = if value.is_string() {
                        format!("{:?}", value.to_string())
                    } else {
                        script::text_of(&self.engine, value)
                    };
                    let kind = Paint(self.session.terminal.color_out).dim(&format!(": {kind}"));
                    render::out(&format!("=> {shown} {kind}\n"));
                } else {
                    render::out(&format!("{}\n", script::text_of(&self.engine, value)));
                }
            }
        }
    }
}

const DIRECTIVES: &str = "
At the prompt:
  it, out[n]           The last value, the n-th value
  ${EXPRESSION}        A value as a word of a command
  let x = $ COMMAND    Keep what a command answers
  !COMMAND             A command of this machine
  COMMAND?             Help
  :vars :time LINE :load FILE :set json on|off :quit
";

/// The name of a value's type as scripts know it.
fn type_name(engine: &Engine, value: &Dynamic) -> String {
    match engine.map_type_name(value.type_name()) {
        "i64" => "int".to_owned(),
        "f64" => "float".to_owned(),
        name => name.rsplit("::").next().unwrap_or(name).to_owned(),
    }
}

/// `let NAME = $ COMMAND`.
fn let_command(line: &str) -> Option<(&str, &str)> {
    let rest = line.trim_start().strip_prefix("let ")?.trim_start();
    let name = first_word(rest);
    let command = rest[name.len()..]
        .trim_start()
        .strip_prefix('=')?
        .trim_start()
        .strip_prefix('$')?;
    (!name.is_empty() && command.starts_with(char::is_whitespace)).then(|| (name, command.trim()))
}

/// The name a line binds: `let x = …`.
fn bound_name(line: &str) -> Option<&str> {
    let line = line.trim_start();
    let rest = line
        .strip_prefix("let ")
        .or_else(|| line.strip_prefix("const "))?
        .trim_start();
    Some(first_word(rest)).filter(|name| !name.is_empty())
}

/// A line that is no expression, but nearly a command.
fn suggest_command(line: &str, error: CommandError) -> CommandError {
    let word = first_word(line.trim_start());
    if error.kind != Kind::ParseFailed && error.kind != Kind::Script {
        return error;
    }
    let rest = line.trim_start()[word.len()..].trim_end();
    let looks_like_command = error.kind == Kind::ParseFailed || rest.is_empty();
    match commands::nearest(word) {
        Some(near) if looks_like_command && near != word => {
            CommandError::usage(format!("not a command and not an expression: `{word}`"))
                .hint(format!("did you mean the command `{near}{rest}`?"))
        }
        _ => error,
    }
}

/// Runs a line in the user's shell.
fn host_shell(line: &str) -> Result<Reply, CommandError> {
    let shell = std::env::var_os("SHELL").unwrap_or_else(|| "/bin/sh".into());
    let status = std::process::Command::new(&shell)
        .arg("-c")
        .arg(line)
        .status()
        .map_err(|error| {
            CommandError::new(
                Kind::ExecFailed,
                format!("cannot start {}: {error}", PathBuf::from(&shell).display()),
            )
        })?;
    Ok(match status.code() {
        Some(0) => Reply::Nothing,
        Some(code) => Reply::Exit(code),
        None => {
            Reply::Exit(128 + std::os::unix::process::ExitStatusExt::signal(&status).unwrap_or(0))
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::{Globals, Services};

    fn shell() -> Shell {
        Shell::new(Session::new(
            Globals::default(),
            Services { lsp: |_| Ok(()) },
        ))
    }

    fn object(shell: &mut Shell, line: &str) -> String {
        match shell.evaluate(line) {
            Ok(Reply::Object(value)) => value.to_string(),
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn values_flow_from_line_to_line() {
        let mut shell = shell();
        assert_eq!(object(&mut shell, "let x = 20 + 1"), "21");
        assert_eq!(object(&mut shell, "x * 2"), "42");
        assert_eq!(object(&mut shell, "_ + 1"), "43");
        assert_eq!(object(&mut shell, "out.len()"), "3");
        assert!(matches!(shell.evaluate("let y = 1;"), Ok(Reply::Nothing)));
        assert!(matches!(
            shell.evaluate("fn double(a) { a * 2 }"),
            Ok(Reply::Nothing)
        ));
        assert_eq!(object(&mut shell, "double(y)"), "2");
        assert_eq!(object(&mut shell, "let z = 5; z + 1"), "6");
    }

    #[test]
    fn commands_answer_values_and_take_them() {
        let mut shell = shell();
        assert!(matches!(
            shell.evaluate("version"),
            Ok(Reply::Value(Value::Text(_), _))
        ));
        assert!(object(&mut shell, "it").starts_with("cooper "));
        assert!(object(&mut shell, "let v = $ version").starts_with("cooper "));
        shell.evaluate("let c = \"build\";").unwrap();
        let Ok(Reply::Value(Value::Text(text), _)) = shell.evaluate("help ${c}") else {
            panic!("help")
        };
        assert!(text.contains("--tag"));
    }

    #[test]
    fn a_mistyped_command_is_proposed() {
        let mut shell = shell();
        let error = shell.evaluate("biuld -t blog .").unwrap_err();
        assert_eq!(error.hints, ["did you mean the command `build -t blog .`?"]);
        let error = shell.evaluate("imgaes").unwrap_err();
        assert_eq!(error.hints, ["did you mean the command `images`?"]);
    }

    #[test]
    fn a_command_bound_by_let_is_told_from_an_expression() {
        assert_eq!(
            let_command("let web = $ run -d x"),
            Some(("web", "run -d x"))
        );
        assert_eq!(let_command("let web = 3"), None);
    }
}
