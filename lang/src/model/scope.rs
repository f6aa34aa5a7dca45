//! What names mean at a line: the environment of a stage and the global arguments before the first `FROM`.

use super::expand::Env;
use super::platform::Platform;
use std::collections::BTreeMap;

/// Names of arguments that are settings of the builder and never join the environment.
///
/// **Source:** BuildKit `dockerfile2llb/convert.go`, `nonEnvArgs`.
const SETTINGS: [&str; 2] = ["BUILDKIT_SBOM_SCAN_CONTEXT", "BUILDKIT_SBOM_SCAN_STAGE"];

/// Names of the global arguments that every file starts with, in their order.
///
/// **Source:** BuildKit `dockerfile2llb/platform.go`, `defaultArgs`.
const PREDEFINED: [&str; 11] = [
    "BUILDPLATFORM",
    "BUILDOS",
    "BUILDOSVERSION",
    "BUILDARCH",
    "BUILDVARIANT",
    "TARGETPLATFORM",
    "TARGETOS",
    "TARGETOSVERSION",
    "TARGETARCH",
    "TARGETVARIANT",
    "TARGETSTAGE",
];

/// Tells whether the builder gives the global argument `name` a value without being asked.
pub fn is_predefined(name: &str) -> bool {
    PREDEFINED.contains(&name)
}

/// Tells whether the argument `name` is a setting of the builder: it never joins the environment.
pub fn is_setting(name: &str) -> bool {
    SETTINGS.contains(&name)
}

/// Which instruction gave a name its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// `ENV`, of this file or of the base image.
    Env,
    /// `ARG`, or a build argument.
    Arg,
}

impl Origin {
    /// The instruction's keyword.
    pub const fn keyword(self) -> &'static str {
        match self {
            Self::Env => "ENV",
            Self::Arg => "ARG",
        }
    }
}

/// An environment in which setting a name again moves it to the end.
///
/// **Source:** BuildKit `client/llb/meta.go`, `EnvList`: the order a command sees is that of the last assignments.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    entries: Vec<Entry>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    name: String,
    value: String,
    origin: Origin,
}

impl Scope {
    /// The global arguments every file starts with; a build argument of the same name replaces the value.
    ///
    /// `target` is the name of the wanted stage, or that of the last one; empty when neither has a name.
    pub fn predefined(
        build: &Platform,
        wanted: &Platform,
        target: &str,
        build_args: &BTreeMap<String, String>,
    ) -> Self {
        let target = if target.is_empty() { "default" } else { target };
        let defaults = [
            build.to_string(),
            build.os.clone(),
            build.os_version.clone(),
            build.architecture.clone(),
            build.variant.clone(),
            wanted.format_all(),
            wanted.os.clone(),
            wanted.os_version.clone(),
            wanted.architecture.clone(),
            wanted.variant.clone(),
            target.to_owned(),
        ];
        let mut scope = Self::default();
        for (name, default) in PREDEFINED.into_iter().zip(&defaults) {
            scope.set(name, build_args.get(name).unwrap_or(default), Origin::Arg);
        }
        scope
    }

    /// Sets a name; it becomes the last entry.
    pub fn set(&mut self, name: &str, value: &str, origin: Origin) {
        self.entries.retain(|e| e.name != name);
        self.entries.push(Entry {
            name: name.to_owned(),
            value: value.to_owned(),
            origin,
        });
    }

    /// Names and values in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.entries
            .iter()
            .map(|e| (e.name.as_str(), e.value.as_str()))
    }

    /// Where the value of `name` comes from; `None` when it is not set.
    pub fn origin(&self, name: &str) -> Option<Origin> {
        self.entries
            .iter()
            .find(|e| e.name == name)
            .map(|e| e.origin)
    }
}

impl Env for Scope {
    fn get(&self, name: &str) -> Option<&str> {
        self.entries
            .iter()
            .find(|e| e.name == name)
            .map(|e| e.value.as_str())
    }

    fn names(&self) -> Vec<&str> {
        self.entries.iter().map(|e| e.name.as_str()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_set_again_moves_to_the_end() {
        let mut scope = Scope::default();
        for (name, value) in [("A", "1"), ("B", "2"), ("A", "3")] {
            scope.set(name, value, Origin::Env);
        }
        assert_eq!(scope.iter().collect::<Vec<_>>(), [("B", "2"), ("A", "3")]);
    }

    #[test]
    fn a_build_argument_replaces_a_predefined_one() {
        let linux = Platform {
            os: "linux".into(),
            architecture: "amd64".into(),
            ..Platform::default()
        };
        let args = BTreeMap::from([("TARGETARCH".to_owned(), "riscv64".to_owned())]);
        let scope = Scope::predefined(&linux, &linux, "", &args);
        assert_eq!(scope.get("TARGETARCH"), Some("riscv64"));
        assert_eq!(scope.get("BUILDARCH"), Some("amd64"));
        assert_eq!(scope.get("TARGETSTAGE"), Some("default"));
    }
}
