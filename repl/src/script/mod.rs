//! Scripts: the rhai engine with the functions and types of this program. One file an area; a function's doc comment is its
//! documentation.

mod builds;
mod dockerfiles;
mod error;
mod host;
mod images;
mod members;
mod options;
mod units;
mod value;

pub use error::command_error;
pub use host::{FUNCTIONS, MODULES};
pub use members::{members, type_of};
pub use value::{as_table, text_of, to_dynamic, to_json, word_of};

use crate::commands;
use crate::error::{CommandError, Kind};
use crate::session::{Globals, Session};
use crate::value::Value;
use rhai::{AST, Dynamic, Engine, EvalAltResult, ImmutableString, NativeCallContext, Scope};
use std::ffi::OsString;
use std::path::Path;

/// What a script function returns.
type Outcome<T> = Result<T, Box<EvalAltResult>>;

/// What functions find in the engine's tag.
#[derive(Clone)]
pub(crate) struct Host {
    session: Session,
    arguments: Vec<String>,
}

/// An engine with everything registered. `strict` refuses variables nobody declared: for files, not for the prompt.
pub fn engine(session: &Session, arguments: Vec<String>, strict: bool) -> Engine {
    let mut engine = Engine::new();
    engine.set_strict_variables(strict);
    engine.set_max_expr_depths(256, 128);
    let token = session.clone();
    engine.on_progress(move |operations| {
        // Looking at the token takes a lock; once in some operations is soon enough for a person.
        (operations % 1024 == 0 && token.interrupted())
            .then(|| Dynamic::from(CommandError::new(Kind::Cancelled, "cancelled by Ctrl-C")))
    });
    engine.on_print(|text| crate::render::out(&format!("{text}\n")));
    engine.on_debug(|text, _, at| crate::render::err(&format!("{at:?}: {text}\n")));
    engine.set_default_tag(Dynamic::from(Host {
        session: session.for_scripts(),
        arguments,
    }));
    register_exit(&mut engine);
    units::register(&mut engine);
    error::register(&mut engine);
    images::register(&mut engine);
    builds::register(&mut engine);
    dockerfiles::register(&mut engine);
    host::register(&mut engine);
    engine.register_fn(
        "cmd",
        |context: NativeCallContext<'_>, line: ImmutableString| -> Outcome<Dynamic> {
            let words = crate::shell::words::split(&line)
                .map_err(|e| error::throw(CommandError::usage(e.to_string())))?;
            call(&context, words)
        },
    );
    engine.register_fn(
        "cmd",
        |context: NativeCallContext<'_>, words: rhai::Array| -> Outcome<Dynamic> {
            call(&context, words.iter().map(ToString::to_string).collect())
        },
    );
    engine
}

/// The session of the script that calls.
fn session(context: &NativeCallContext<'_>) -> Session {
    host_of(context).session
}

fn host_of(context: &NativeCallContext<'_>) -> Host {
    let tag = context
        .tag()
        .and_then(|tag| tag.read_lock::<Host>().map(|host| host.clone()));
    tag.unwrap_or_else(|| {
        context
            .engine()
            .default_tag()
            .read_lock::<Host>()
            .expect("every engine is made with its host")
            .clone()
    })
}

/// `cmd(...)`: a command line as a call.
fn call(context: &NativeCallContext<'_>, words: Vec<String>) -> Outcome<Dynamic> {
    let session = session(context);
    run_words(&session, words)
        .map(|(value, _)| to_dynamic(&session, value))
        .map_err(error::throw)
}

/// Runs a command given as words. Also tells the options in force for it, which its answer is to be shown by.
pub fn run_words(session: &Session, words: Vec<String>) -> Result<(Value, Globals), CommandError> {
    let mut words = words.into_iter();
    let name = words
        .next()
        .ok_or_else(|| CommandError::usage("no command is given"))?;
    let arguments: Vec<OsString> = words.map(OsString::from).collect();
    let command =
        commands::find(&name).ok_or_else(|| crate::cli::unknown_command(&name, &arguments))?;
    match crate::cli::parse(command, &arguments, &session.globals)? {
        crate::cli::Parsed::Help(text) => Ok((Value::Text(text), session.globals.clone())),
        crate::cli::Parsed::Run(matches, globals) => {
            let value = (command.run)(&session.with_globals(globals.clone()), &matches)?;
            Ok((value, globals))
        }
    }
}

/// Runs a file.
pub fn run_file(
    session: &Session,
    path: &Path,
    arguments: Vec<String>,
) -> Result<Value, CommandError> {
    let read = if path == Path::new("-") {
        std::io::read_to_string(std::io::stdin())
    } else {
        std::fs::read_to_string(path)
    };
    let text = read.map_err(|error| CommandError::file("read", path, &error))?;
    run_text(session, &text, &path.display().to_string(), arguments)
}

/// Standard input as a script: the program without arguments and without a terminal.
pub fn run_stdin(session: &Session) -> u8 {
    let text = match std::io::read_to_string(std::io::stdin()) {
        Ok(text) => text,
        Err(error) => {
            session.show_error(&CommandError::file(
                "read",
                Path::new("standard input"),
                &error,
            ));
            return 1;
        }
    };
    match run_text(session, &text, "standard input", Vec::new()) {
        Ok(value) => value.exit_status(),
        Err(error) => {
            session.show_error(&error);
            error.exit_status()
        }
    }
}

/// Runs a script's text. Answers nothing, or the status of `exit(n)`.
pub fn run_text(
    session: &Session,
    text: &str,
    name: &str,
    arguments: Vec<String>,
) -> Result<Value, CommandError> {
    let mut engine = engine(session, arguments, true);
    if let Some(folder) = Path::new(name).parent() {
        engine.set_module_resolver(rhai::module_resolvers::FileModuleResolver::new_with_path(
            folder,
        ));
    }
    let text = without_shebang(text);
    let ast = engine
        .compile(&text)
        .map_err(|error| command_error(&error.into(), name, &text))?;
    // From here on an interrupt cancels the script in an orderly way.
    session.cancel();
    match run_ast(&engine, &mut Scope::new(), &ast) {
        Ok(Evaluated::Exit(code)) => Ok(Value::Exit(cooperage_runtime::engine::RunExit {
            code,
            stdout: Vec::new(),
            stderr: Vec::new(),
        })),
        Ok(Evaluated::Value(_)) => Ok(Value::Nothing),
        Err(error) => Err(command_error(&error, name, &text)),
    }
}

/// How an evaluation ended well.
pub enum Evaluated {
    /// With a value.
    Value(Dynamic),
    /// By `exit(n)`.
    Exit(i32),
}

/// Evaluates, and tells `exit` from an error.
pub fn run_ast(engine: &Engine, scope: &mut Scope<'_>, ast: &AST) -> Outcome<Evaluated> {
    match engine.eval_ast_with_scope::<Dynamic>(scope, ast) {
        Ok(value) => Ok(Evaluated::Value(value)),
        Err(error) => match exit_status(&error) {
            Some(code) => Ok(Evaluated::Exit(code)),
            None => Err(error),
        },
    }
}

/// What `exit` throws. rhai's own `exit` cannot be told from a script that ends with a value.
#[derive(Clone, Copy)]
struct ExitStatus(i32);

/// Registers `exit` in the place of rhai's; no `catch` stops it.
fn register_exit(engine: &mut Engine) {
    fn exit(code: i64) -> Outcome<()> {
        let status = Dynamic::from(ExitStatus(code as i32));
        Err(EvalAltResult::ErrorTerminated(status, rhai::Position::NONE).into())
    }
    engine.register_fn("exit", exit);
    engine.register_fn("exit", || exit(0));
}

/// The status when the "error" is a call of `exit`, however deep.
fn exit_status(error: &EvalAltResult) -> Option<i32> {
    match error {
        EvalAltResult::ErrorTerminated(value, _) => {
            value.read_lock::<ExitStatus>().map(|status| status.0)
        }
        EvalAltResult::ErrorInFunctionCall(_, _, inner, _)
        | EvalAltResult::ErrorInModule(_, inner, _) => exit_status(inner),
        _ => None,
    }
}

/// Makes the first line `#!…` a comment; lines keep their numbers.
fn without_shebang(text: &str) -> String {
    if text.starts_with("#!") {
        format!("//{text}")
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::{Globals, Services};

    fn test_session() -> Session {
        Session::new(Globals::default(), Services { lsp: |_| Ok(()) })
    }

    fn eval(text: &str) -> Result<Dynamic, CommandError> {
        let engine = engine(&test_session(), vec!["a".into(), "b".into()], false);
        engine
            .eval::<Dynamic>(text)
            .map_err(|error| command_error(&error, "test", text))
    }

    #[test]
    fn sizes_and_durations_compare_with_numbers_and_texts() {
        for text in [
            r#"size("100MB") == 100000000"#,
            r#"size("61.4 MB") < "100MB""#,
            r#"size("1 GB") > size("1 MB")"#,
            r#"(size("1 MB") + "5MB").bytes == 6000000"#,
            r#"size(61400000).to_string() == "61.4 MB""#,
            r#"seconds(90) > "1 min""#,
            "hours(2).seconds == 7200.0",
            r#"`${duration("3100ms")}` == "3.1 s""#,
        ] {
            assert!(eval(text).unwrap().as_bool().unwrap(), "{text}");
        }
    }

    #[test]
    fn unknown_option_keys_name_the_nearest() {
        let error = eval(r#"build(".", #{ tga: "x" })"#).unwrap_err();
        assert_eq!(error.kind, Kind::InvalidArgument);
        assert!(error.message.contains("`tga`"), "{error}");
        assert!(
            error.hints.iter().any(|hint| hint.contains("`tag`")),
            "{error:?}"
        );
    }

    #[test]
    fn caught_errors_carry_their_kind() {
        let text =
            r#"let k = ""; try { build("no/such/folder"); } catch (e) { k = error(e).kind; } k"#;
        assert_eq!(eval(text).unwrap().to_string(), "NotFound");
        assert_eq!(
            eval(r#"let k = ""; try { throw "x"; } catch (e) { k = error(e).message; } k"#)
                .unwrap()
                .to_string(),
            "x"
        );
        let text = "let k = 0; try { 1 / 0; } catch (e) { k = error(e).line; } k";
        assert_eq!(eval(text).unwrap().as_int().unwrap(), 1);
    }

    #[test]
    fn uncaught_errors_show_where_the_script_was() {
        let text = "fn ship(x) {\n  build(x)\n}\nship(\"no/such/folder\");";
        let error = run_text(&test_session(), text, "deploy.rhai", vec![]).unwrap_err();
        let lines: Vec<u32> = error.frames.iter().map(|frame| frame.line).collect();
        assert_eq!((error.kind, lines), (Kind::NotFound, vec![2, 4]));
        let error = run_text(&test_session(), "let x = ;", "deploy.rhai", vec![]).unwrap_err();
        assert_eq!(
            (error.kind, error.frames[0].line, error.frames[0].column),
            (Kind::ParseFailed, 1, 9)
        );
    }

    #[test]
    fn exit_is_the_status_and_arguments_arrive() {
        let value = run_text(
            &test_session(),
            "fn f() { exit(7); } if args().len() == 0 { f(); }",
            "x",
            vec![],
        )
        .unwrap();
        assert_eq!(value.exit_status(), 7);
        assert_eq!(eval("args().len()").unwrap().as_int().unwrap(), 2);
    }

    #[test]
    fn files_json_and_time_are_at_hand() {
        let folder = std::env::temp_dir().join(format!("cooper-script-{}", std::process::id()));
        let text = format!(
            r#"let d = "{}"; fs::mkdir(d); fs::write(d + "/a.json", json::text(#{{ n: 1 }}));
               let n = json::parse(fs::read(d + "/a.json")).n; let e = fs::exists(d); fs::remove(d); [n, e, fs::exists(d)].to_string()"#,
            folder.display()
        );
        assert_eq!(eval(&text).unwrap().to_string(), "[1, true, false]");
        assert_eq!(
            eval(r#"time::at(1577934245).format("%F")"#)
                .unwrap()
                .to_string(),
            "2020-01-02"
        );
    }

    #[test]
    fn commands_can_be_called_as_lines_and_as_words() {
        assert!(
            eval(r#"cmd("version")"#)
                .unwrap()
                .to_string()
                .starts_with("cooper ")
        );
        assert!(
            eval(r#"cmd(["version"])"#)
                .unwrap()
                .to_string()
                .starts_with("cooper ")
        );
        assert_eq!(
            eval(r#"cmd("verison")"#).unwrap_err().hints,
            ["did you mean `cooper version`?"]
        );
    }

    #[test]
    fn a_shebang_is_a_comment() {
        run_text(
            &test_session(),
            "#!/usr/bin/env -S cooper script\nlet x = 1;",
            "x",
            vec![],
        )
        .unwrap();
    }
}
