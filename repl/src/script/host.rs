//! What scripts have of the machine they run on: `args`, and the modules `fs`, `json`, `time` and `host`.

use super::error::{raise, throw};
use super::value::{array, from_json, to_json};
use super::{Outcome, host_of};
use crate::error::{CommandError, Kind};
use crate::units::{Civil, Span, rfc3339};
use rhai::{Dynamic, Engine, EvalAltResult, INT, ImmutableString, Module, NativeCallContext};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Names of all functions, for suggestions and completion.
pub const FUNCTIONS: &[&str] = &[
    "args",
    "base",
    "build",
    "cmd",
    "days",
    "duration",
    "error",
    "exit",
    "format_text",
    "hours",
    "image",
    "image_import",
    "images",
    "layers",
    "lint",
    "load",
    "minutes",
    "plan",
    "print",
    "pull",
    "rmi",
    "run",
    "save",
    "seconds",
    "size",
    "tag",
    "try_image",
    "why",
];

/// Names behind `module::`.
pub const MODULES: &[(&str, &[&str])] = &[
    (
        "fs",
        &[
            "append", "copy", "exists", "list", "mkdir", "read", "remove", "temp_dir", "write",
        ],
    ),
    ("host", &["cwd", "env"]),
    ("json", &["parse", "text"]),
    ("time", &["at", "now"]),
];

/// A point in time.
#[derive(Clone, Copy, PartialEq, PartialOrd)]
pub(crate) struct Time(SystemTime);

pub(super) fn register(engine: &mut Engine) {
    engine.register_fn("args", |context: NativeCallContext<'_>| {
        array(host_of(&context).arguments)
    });
    engine.register_static_module("fs", files().into());
    engine.register_static_module("json", json().into());
    let time = time(engine);
    engine.register_static_module("time", time.into());
    engine.register_static_module("host", host().into());
}

/// `fs::`: files of this machine.
fn files() -> Module {
    let mut module = Module::new();
    fn io<T>(what: &str, path: &str, result: std::io::Result<T>) -> Outcome<T> {
        raise(result.map_err(|error| CommandError::file(what, Path::new(path), &error)))
    }
    module.set_native_fn("read", |path: ImmutableString| {
        io("read", &path, std::fs::read_to_string(path.as_str()))
    });
    module.set_native_fn("write", |path: ImmutableString, text: ImmutableString| {
        io(
            "write",
            &path,
            std::fs::write(path.as_str(), text.as_bytes()),
        )
    });
    module.set_native_fn("append", |path: ImmutableString, text: ImmutableString| {
        use std::io::Write;
        let file = std::fs::OpenOptions::new()
            .append(true)
            .create(true)
            .open(path.as_str());
        io(
            "write",
            &path,
            file.and_then(|mut file| file.write_all(text.as_bytes())),
        )
    });
    module.set_native_fn("exists", |path: ImmutableString| {
        Ok::<_, Box<EvalAltResult>>(Path::new(path.as_str()).exists())
    });
    module.set_native_fn("mkdir", |path: ImmutableString| {
        io("make", &path, std::fs::create_dir_all(path.as_str()))
    });
    module.set_native_fn("list", |path: ImmutableString| {
        let entries = io("read", &path, std::fs::read_dir(path.as_str()))?;
        let mut names: Vec<String> = entries
            .filter_map(|e| Some(e.ok()?.file_name().to_string_lossy().into_owned()))
            .collect();
        names.sort();
        Ok(array(names))
    });
    module.set_native_fn("remove", |path: ImmutableString| {
        let target = Path::new(path.as_str());
        let meta = io("remove", &path, target.symlink_metadata())?;
        io(
            "remove",
            &path,
            if meta.is_dir() {
                std::fs::remove_dir_all(target)
            } else {
                std::fs::remove_file(target)
            },
        )
    });
    module.set_native_fn("copy", |from: ImmutableString, to: ImmutableString| {
        io(
            "copy",
            &from,
            copy(Path::new(from.as_str()), Path::new(to.as_str())),
        )
    });
    module.set_native_fn("temp_dir", || io("make", "a temporary folder", temp_dir()));
    module
}

/// Copies a file or a folder with all below it; modes are kept, links stay links.
fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    let meta = from.symlink_metadata()?;
    if meta.is_symlink() {
        return std::os::unix::fs::symlink(std::fs::read_link(from)?, to);
    }
    if !meta.is_dir() {
        return std::fs::copy(from, to).map(drop);
    }
    std::fs::create_dir_all(to)?;
    std::fs::set_permissions(to, meta.permissions())?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        copy(&entry.path(), &to.join(entry.file_name()))?;
    }
    Ok(())
}

/// A new folder nobody else has.
fn temp_dir() -> std::io::Result<String> {
    for n in 0..10_000 {
        let path = std::env::temp_dir().join(format!("cooper-{}-{n}", std::process::id()));
        match std::fs::create_dir(&path) {
            Ok(()) => return Ok(path.to_string_lossy().into_owned()),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(std::io::ErrorKind::AlreadyExists.into())
}

/// `json::`: texts to values and back.
fn json() -> Module {
    let mut module = Module::new();
    module.set_native_fn("parse", |text: ImmutableString| parse_json(&text));
    module.set_native_fn("text", |value: Dynamic| {
        Ok::<_, Box<EvalAltResult>>(to_json(&value).to_string())
    });
    module
}

/// A JSON text as a value.
pub(super) fn parse_json(text: &str) -> Outcome<Dynamic> {
    match serde_json::from_str(text) {
        Ok(json) => Ok(from_json(&json)),
        Err(error) => Err(throw(CommandError::new(
            Kind::ParseFailed,
            format!("not JSON: {error}"),
        ))),
    }
}

/// `time::` and its type.
fn time(engine: &mut Engine) -> Module {
    engine.register_type_with_name::<Time>("Time");
    engine.register_fn("format", |time: &mut Time, pattern: &str| {
        Civil::of(time.0).format(pattern)
    });
    engine.register_get("unix", |time: &mut Time| {
        time.0
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default()
            .as_secs() as INT
    });
    engine.register_get("age", |time: &mut Time| {
        Span(time.0.elapsed().unwrap_or_default())
    });
    engine.register_fn("-", |a: Time, b: Time| {
        Span(a.0.duration_since(b.0).unwrap_or_default())
    });
    engine.register_fn("+", |a: Time, b: Span| Time(a.0 + b.0));
    engine.register_fn("<", |a: Time, b: Time| a < b);
    engine.register_fn(">", |a: Time, b: Time| a > b);
    for name in ["to_string", "to_debug"] {
        engine.register_fn(name, |time: &mut Time| rfc3339(time.0));
    }
    let mut module = Module::new();
    module.set_native_fn("now", || {
        Ok::<_, Box<EvalAltResult>>(Time(SystemTime::now()))
    });
    module.set_native_fn("at", |seconds: INT| {
        Ok::<_, Box<EvalAltResult>>(Time(
            UNIX_EPOCH + Duration::from_secs(seconds.max(0) as u64),
        ))
    });
    module
}

/// `host::`: this process.
fn host() -> Module {
    let mut module = Module::new();
    module.set_native_fn("env", |name: ImmutableString| {
        Ok::<_, Box<EvalAltResult>>(super::error::option(std::env::var(name.as_str()).ok()))
    });
    module.set_native_fn("cwd", || {
        let folder = std::env::current_dir()
            .map_err(|error| CommandError::file("read", Path::new("."), &error));
        raise(folder).map(|path| path.to_string_lossy().into_owned())
    });
    module
}
