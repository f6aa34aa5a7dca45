//! Errors in scripts: thrown as objects with a kind, caught as such, shown with the script's frames.

use super::Outcome;
use crate::error::{CommandError, Kind, Place};
use rhai::{Dynamic, Engine, EvalAltResult, Map, ParseErrorType, Position};

/// A [`CommandError`] as the error of a script function. The engine adds the position.
#[expect(
    clippy::unnecessary_box_returns,
    reason = "script functions return their errors boxed"
)]
pub(super) fn throw(error: CommandError) -> Box<EvalAltResult> {
    Box::new(EvalAltResult::ErrorRuntime(
        Dynamic::from(error),
        Position::NONE,
    ))
}

/// Turns errors of operations into script errors.
pub(super) fn raise<T, E: Into<CommandError>>(result: Result<T, E>) -> Outcome<T> {
    result.map_err(|error| throw(error.into()))
}

/// Registers `error(e)` and what its objects have.
pub(super) fn register(engine: &mut Engine) {
    engine.register_type_with_name::<CommandError>("Error");
    engine.register_fn("error", of_caught);
    engine.register_get("kind", |e: &mut CommandError| e.kind.name().to_owned());
    engine.register_get("message", |e: &mut CommandError| e.message.clone());
    engine.register_get("hint", |e: &mut CommandError| e.hints.join("\n"));
    engine.register_get("exit_code", |e: &mut CommandError| {
        option(e.exit_code.map(i64::from))
    });
    engine.register_get("file", |e: &mut CommandError| {
        option(place(e).map(|p| p.file.clone()))
    });
    engine.register_get("line", |e: &mut CommandError| {
        option(place(e).map(|p| i64::from(p.line)))
    });
    engine.register_get("column", |e: &mut CommandError| {
        option(place(e).map(|p| i64::from(p.column)))
    });
    engine.register_get("log", |e: &mut CommandError| -> rhai::Array {
        e.log.iter().cloned().map(Dynamic::from).collect()
    });
    engine.register_get("causes", |_: &mut CommandError| rhai::Array::new());
    let text = |e: &mut CommandError| format!("{}: {}", e.kind.name(), e.message);
    engine.register_fn("to_string", text);
    engine.register_fn("to_debug", text);
}

/// `()` for nothing.
pub(super) fn option<T: Into<Dynamic>>(value: Option<T>) -> Dynamic {
    value.map_or(Dynamic::UNIT, Into::into)
}

/// The place an error is best known by: in the Dockerfile, else in the script.
fn place(error: &CommandError) -> Option<&Place> {
    error.place.as_ref().or(error.frames.first())
}

/// Anything a `catch` can hold as an error object: ours, rhai's own map, a thrown text or value.
fn of_caught(caught: Dynamic) -> CommandError {
    if let Some(error) = caught.clone().try_cast::<CommandError>() {
        return error;
    }
    let Some(map) = caught.read_lock::<Map>() else {
        return CommandError::new(Kind::Script, caught.to_string());
    };
    let text = |key: &str| map.get(key).map(ToString::to_string);
    let number = |key: &str| {
        map.get(key)
            .and_then(|value| value.as_int().ok())
            .unwrap_or(0) as u32
    };
    let mut error = CommandError::new(
        Kind::Script,
        text("message")
            .or_else(|| text("error"))
            .unwrap_or_default(),
    );
    if number("line") > 0 {
        let (line, column) = (number("line"), number("position"));
        error.frames.push(Place {
            file: "script".to_owned(),
            line,
            end_line: line,
            column,
            ..Place::default()
        });
    }
    error
}

/// An uncaught error with the frames of the script, innermost first, and the lines they are on.
pub fn command_error(error: &EvalAltResult, file: &str, text: &str) -> CommandError {
    let mut frames = Vec::new();
    let mut inner = error;
    let mut called = None;
    // Outermost frame first on the way in.
    while let EvalAltResult::ErrorInFunctionCall(name, _, next, at) = inner {
        frames.extend(frame(file, text, *at, called.take()));
        called = Some(name.clone());
        inner = next;
    }
    if let EvalAltResult::ErrorInModule(_, next, at) = inner {
        frames.extend(frame(file, text, *at, None));
        inner = next;
    }
    let mut made = innermost(inner);
    frames.extend(frame(file, text, inner.position(), None));
    frames.dedup_by_key(|frame| (frame.line, frame.column));
    frames.reverse();
    for outer in frames.iter_mut().skip(1) {
        outer.note = Some("called from here".to_owned());
    }
    made.frames = frames;
    made
}

fn frame(file: &str, text: &str, at: Position, note: Option<String>) -> Option<Place> {
    let line = at.line()? as u32;
    let excerpt = text
        .lines()
        .nth(line as usize - 1)
        .map(|row| (line, row.to_owned()))
        .into_iter()
        .collect();
    let column = at.position().unwrap_or(0) as u32;
    Some(Place {
        file: file.to_owned(),
        line,
        end_line: line,
        column,
        end_column: 0,
        excerpt,
        note,
    })
}

fn innermost(error: &EvalAltResult) -> CommandError {
    match error {
        EvalAltResult::ErrorRuntime(value, _) | EvalAltResult::ErrorTerminated(value, _) => {
            of_caught(value.clone())
        }
        EvalAltResult::ErrorParsing(parse, _) => {
            CommandError::new(Kind::ParseFailed, parse_message(parse))
        }
        EvalAltResult::ErrorFunctionNotFound(signature, _) => function_not_found(signature),
        EvalAltResult::ErrorVariableNotFound(name, _) => {
            CommandError::new(Kind::Script, format!("variable `{name}` is not known"))
        }
        other => {
            let text = other.to_string();
            let text = text.split(" (line ").next().unwrap_or_default();
            CommandError::new(Kind::Script, lower_first(text))
        }
    }
}

fn parse_message(error: &ParseErrorType) -> String {
    match error {
        ParseErrorType::VariableUndefined(name) => format!("variable `{name}` is not known"),
        other => lower_first(&other.to_string()),
    }
}

/// Names the functions of this program that are near.
fn function_not_found(signature: &str) -> CommandError {
    let name = signature.split(" (").next().unwrap_or(signature);
    let error = CommandError::new(Kind::Script, format!("no function `{signature}`"));
    match crate::near::nearest(name, super::host::FUNCTIONS.iter().copied()) {
        Some(near) if near == name => error.hint(format!("`{name}` takes other arguments")),
        Some(near) => error.hint(format!("did you mean `{near}`?")),
        None => error,
    }
}

fn lower_first(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_lowercase().chain(letters).collect()
    })
}
