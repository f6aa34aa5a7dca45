//! Services of compose files. A value with a variable in it is left out, for what it will be is decided by the environment
//! of whoever builds.
//!
//! **Source:** Compose specification, *Build*.

use super::super::document::{Entry, Node, Value};
use super::super::yaml;
use super::{Declared, Found, Said};
use std::path::Path;

/// Names of compose files.
pub(super) const FILES: [&str; 4] = [
    "compose.yaml",
    "compose.yml",
    "docker-compose.yaml",
    "docker-compose.yml",
];

/// The builds that a compose file declares.
pub(super) fn read(folder: &Path, file: &Path, text: &str) -> Found {
    let (root, _) = yaml::read(text);
    let services = entries(&root.value, "services").iter();
    Found {
        builds: services
            .filter_map(|service| build(service, folder, file))
            .collect(),
        // Whoever uses compose hears of them from it.
        mistakes: Vec::new(),
    }
}

fn build(service: &Entry, folder: &Path, file: &Path) -> Option<Declared> {
    let build = field(&service.value.value, "build")?;
    let context = text(build).or_else(|| text(field(build, "context")?));
    if context
        .as_ref()
        .is_some_and(|context| context.contains('$'))
    {
        return None;
    }
    let value = |key| text(field(build, key)?).filter(|text| !text.contains('$'));
    let platforms = field(build, "platforms").map_or_else(Vec::new, texts);
    let said = Said {
        context,
        dockerfile: value("dockerfile"),
        target: value("target"),
        platform: platforms.into_iter().find(|name| !name.contains('$')),
        args: field(build, "args").map_or_else(Vec::new, pairs),
        contexts: field(build, "additional_contexts").map_or_else(Vec::new, pairs),
    };
    said.declare(&service.key, file, folder)
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
    use cooperage_lang::plan::NamedContext;

    fn builds(text: &str) -> Vec<Declared> {
        read(Path::new("/code"), Path::new("/code/compose.yaml"), text).builds
    }

    #[test]
    fn services_of_a_compose_file() {
        let found = builds(
            "services:\n  db: {image: postgres}\n  web:\n    build: ./web\n  api:\n    build:\n      context: .\n      dockerfile: docker/api.Dockerfile\n      target: run\n      args:\n        - V=1\n        - SECRET=${SECRET}\n        - FROM_ENVIRONMENT\n      additional_contexts:\n        shared: ../shared\n      platforms: [linux/arm64]\n  far: {build: https://example.com/x.git}\n",
        );
        let names: Vec<_> = found.iter().map(|build| build.name.as_str()).collect();
        assert_eq!(names, ["web", "api"]);
        assert_eq!(found[0].dockerfile, Path::new("/code/web/Dockerfile"));
        assert_eq!(
            found[0].build.context.as_deref(),
            Some(Path::new("/code/web"))
        );
        let api = &found[1];
        assert_eq!(api.dockerfile, Path::new("/code/docker/api.Dockerfile"));
        assert_eq!(api.build.target.as_deref(), Some("run"));
        assert_eq!(api.build.platform.as_deref(), Some("linux/arm64"));
        assert_eq!(api.build.args, [("V".to_owned(), "1".to_owned())]);
        let shared = NamedContext::Local("/shared".to_owned());
        assert_eq!(api.build.contexts, [("shared".to_owned(), shared)]);
    }

    #[test]
    fn odd_files_declare_nothing() {
        for text in [
            "",
            "services: 5",
            "services: [a]",
            "services: {a: {build: [1]}}",
            "{",
        ] {
            assert!(builds(text).iter().all(|build| build.name == "a"), "{text}");
        }
        assert_eq!(builds("services: {a: {build: {}}}").len(), 1);
    }
}
