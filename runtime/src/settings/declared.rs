//! Builds that a project declares for other tools: services of compose files, targets of `docker-bake.json`.
//!
//! Read for what a forecast needs: context, Dockerfile, target, platform, arguments and named contexts. A value with a
//! variable in it is left out, for what it will be is decided by the environment of whoever builds.
//!
//! **Source:** Compose specification, *Build*; buildx, *Bake file reference*.

use super::document::{Entry, Node, Value};
use super::{BuildDefaults, yaml};
use crate::build::request::{is_url, named_context};
use cooperage_lang::plan::NamedContext;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Names of compose files and bake files.
const FILES: [(&str, Reader); 5] = [
    ("compose.yaml", compose),
    ("compose.yml", compose),
    ("docker-compose.yaml", compose),
    ("docker-compose.yml", compose),
    // JSON is YAML too.
    ("docker-bake.json", bake),
];

/// Targets whose values one target takes over, one from the other.
const GENERATIONS: usize = 8;

/// Bytes of a file that are read at most.
const LIMIT: u64 = 1 << 20;

type Reader = fn(&Value, &Path) -> Vec<Declared>;

/// A build that a file declares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Declared {
    /// Name of the service or target.
    pub name: String,
    /// The file that declares it.
    pub file: PathBuf,
    /// The Dockerfile it builds.
    pub dockerfile: PathBuf,
    /// What it is given.
    pub build: BuildDefaults,
}

/// The builds of the Dockerfile at `path` that files beside it and above it declare, up to the root of the repository.
pub fn declared(path: &Path) -> Vec<Declared> {
    let mut found = Vec::new();
    for folder in path.ancestors().skip(1) {
        for (name, read) in FILES {
            let file = folder.join(name);
            let Some(text) = read_text(&file) else {
                continue;
            };
            let (root, _) = yaml::read(&text);
            let builds = read(&root.value, folder).into_iter();
            found.extend(
                builds
                    .filter(|build| build.dockerfile == path)
                    .map(|build| Declared {
                        file: file.clone(),
                        ..build
                    }),
            );
        }
        if folder.join(".git").exists() {
            break;
        }
    }
    found
}

/// The text of a file of a sensible size; `None` for one that is not there, as most are not.
fn read_text(path: &Path) -> Option<String> {
    let mut bytes = Vec::new();
    File::open(path)
        .ok()?
        .take(LIMIT)
        .read_to_end(&mut bytes)
        .ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// Whether a file may declare builds, by its name.
pub fn may_declare(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str());
    name.is_some_and(|name| FILES.iter().any(|(known, _)| *known == name))
}

fn compose(root: &Value, folder: &Path) -> Vec<Declared> {
    let services = entries(root, "services");
    let build = |service: &Entry| {
        let build = field(&service.value.value, "build")?;
        let context = text(build).or_else(|| text(field(build, "context")?));
        let named = field(build, "additional_contexts");
        declare(&service.key, folder, context.as_deref(), &[build], named)
    };
    services.iter().filter_map(build).collect()
}

fn bake(root: &Value, folder: &Path) -> Vec<Declared> {
    let targets = entries(root, "target");
    let build = |target: &Entry| {
        let mut said = vec![&target.value.value];
        // What is taken over comes behind what is said.
        for generation in 0..GENERATIONS {
            let Some(last) = said.get(generation) else {
                break;
            };
            let parents = field(last, "inherits").map_or_else(Vec::new, texts);
            let known = targets.iter().filter(|other| parents.contains(&other.key));
            said.extend(known.map(|other| &other.value.value));
        }
        let context = first(&said, "context").and_then(text);
        let named = first(&said, "contexts");
        declare(&target.key, folder, context.as_deref(), &said, named)
    };
    targets.iter().filter_map(build).collect()
}

/// A declared build; `None` when its context is no folder of this machine.
fn declare(
    name: &str,
    folder: &Path,
    context: Option<&str>,
    said: &[&Value],
    named: Option<&Value>,
) -> Option<Declared> {
    let context = context.unwrap_or(".");
    if is_url(context) || context.contains('$') {
        return None;
    }
    let context = joined(folder, context);
    let value = |key| {
        first(said, key)
            .and_then(text)
            .filter(|text| !text.contains('$'))
    };
    let dockerfile = value("dockerfile").unwrap_or_else(|| "Dockerfile".to_owned());
    let platforms = first(said, "platforms").map_or_else(Vec::new, texts);
    let args = said.iter().rev().filter_map(|said| field(said, "args"));
    let mut build = BuildDefaults {
        target: value("target"),
        platform: platforms.into_iter().find(|name| !name.contains('$')),
        ..BuildDefaults::default()
    };
    for (name, value) in args.flat_map(pairs) {
        super::put(&mut build.args, &name, value);
    }
    for (name, source) in named.map_or_else(Vec::new, pairs) {
        if let Ok(source) = named_context(&source) {
            let source = match source {
                NamedContext::Local(local) => {
                    NamedContext::Local(joined(folder, &local).display().to_string())
                }
                other => other,
            };
            super::put(&mut build.contexts, &name, source);
        }
    }
    Some(Declared {
        name: name.to_owned(),
        file: PathBuf::new(),
        dockerfile: joined(&context, &dockerfile),
        build: BuildDefaults {
            context: Some(context),
            ..build
        },
    })
}

/// A path below a folder without `.` and `..`, so that two ways to write one are the same.
fn joined(folder: &Path, path: &str) -> PathBuf {
    let mut joined = folder.to_owned();
    for part in Path::new(path).components() {
        match part {
            std::path::Component::CurDir => {}
            std::path::Component::ParentDir => {
                joined.pop();
            }
            part => joined.push(part),
        }
    }
    joined
}

fn entries<'v>(value: &'v Value, key: &str) -> &'v [Entry] {
    match field(value, key) {
        Some(Value::Table(entries)) => entries,
        _ => &[],
    }
}

fn field<'v>(value: &'v Value, key: &str) -> Option<&'v Value> {
    match value {
        Value::Table(entries) => Some(&entries.iter().find(|entry| entry.key == key)?.value.value),
        _ => None,
    }
}

/// The first that says something of `key`.
fn first<'v>(said: &[&'v Value], key: &str) -> Option<&'v Value> {
    said.iter().find_map(|said| field(said, key))
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::Text(text) | Value::Other(text) => Some(text.clone()),
        Value::Integer(number) => Some(number.to_string()),
        Value::Bool(yes) => Some(yes.to_string()),
        Value::Null | Value::List(_) | Value::Table(_) => None,
    }
}

fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::List(items) => items.iter().filter_map(|item| text(&item.value)).collect(),
        _ => Vec::new(),
    }
}

/// `{NAME: value}` or `[NAME=value]`, without those whose value only the environment knows.
fn pairs(value: &Value) -> Vec<(String, String)> {
    let pairs: Vec<(String, String)> = match value {
        Value::Table(entries) => {
            let pair = |entry: &Entry| Some((entry.key.clone(), text(&entry.value.value)?));
            entries.iter().filter_map(pair).collect()
        }
        Value::List(items) => {
            let pair = |item: &Node| {
                let text = text(&item.value)?;
                let (name, value) = text.split_once('=')?;
                Some((name.to_owned(), value.to_owned()))
            };
            items.iter().filter_map(pair).collect()
        }
        _ => Vec::new(),
    };
    pairs
        .into_iter()
        .filter(|(_, value)| !value.contains('$'))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn builds(read: Reader, text: &str) -> Vec<Declared> {
        read(&yaml::read(text).0.value, Path::new("/work"))
    }

    #[test]
    fn services_of_a_compose_file() {
        let found = builds(
            compose,
            "services:\n  db: {image: postgres}\n  web:\n    build: ./web\n  api:\n    build:\n      context: .\n      dockerfile: docker/api.Dockerfile\n      target: run\n      args:\n        - V=1\n        - SECRET=${SECRET}\n        - FROM_ENVIRONMENT\n      additional_contexts:\n        shared: ../shared\n      platforms: [linux/arm64]\n  far: {build: https://example.com/x.git}\n",
        );
        let names: Vec<_> = found.iter().map(|build| build.name.as_str()).collect();
        assert_eq!(names, ["web", "api"]);
        assert_eq!(found[0].dockerfile, Path::new("/work/web/Dockerfile"));
        assert_eq!(
            found[0].build.context.as_deref(),
            Some(Path::new("/work/web"))
        );
        let api = &found[1];
        assert_eq!(api.dockerfile, Path::new("/work/docker/api.Dockerfile"));
        assert_eq!(api.build.target.as_deref(), Some("run"));
        assert_eq!(api.build.platform.as_deref(), Some("linux/arm64"));
        assert_eq!(api.build.args, [("V".to_owned(), "1".to_owned())]);
        let shared = NamedContext::Local("/shared".to_owned());
        assert_eq!(api.build.contexts, [("shared".to_owned(), shared)]);
    }

    #[test]
    fn targets_of_a_bake_file_take_over_from_others() {
        let found = builds(
            bake,
            r#"{"target": {"base": {"context": "app", "args": {"A": "1", "B": "1"}, "inherits": ["web"]}, "web": {"inherits": ["base"], "target": "web", "args": {"A": 2}}}}"#,
        );
        let web = &found[1];
        assert_eq!(web.dockerfile, Path::new("/work/app/Dockerfile"));
        assert_eq!(web.build.target.as_deref(), Some("web"));
        let args = [("A", "2"), ("B", "1")].map(|(n, v)| (n.to_owned(), v.to_owned()));
        assert_eq!(sorted(web.build.args.clone()), args);
    }

    fn sorted(mut args: Vec<(String, String)>) -> Vec<(String, String)> {
        args.sort();
        args
    }

    #[test]
    fn odd_files_declare_nothing() {
        for text in [
            "",
            "services: 5",
            "services: [a]",
            "services: {a: {build: [1]}}",
            "{",
            "target: x",
        ] {
            assert!(builds(bake, text).is_empty(), "{text}");
        }
        assert_eq!(builds(compose, "services: {a: {build: {}}}").len(), 1);
    }
}
