//! Builds that a project declares for other tools: services of compose files, targets of bake files.
//!
//! Read for what a forecast needs: context, Dockerfile, target, platform, arguments and named contexts.
//!
//! **Source:** Compose specification, *Build*; buildx, *Bake file reference*.

mod bake;
mod compose;
mod evaluate;
mod functions;

use super::BuildDefaults;
use crate::build::request::{is_url, named_context};
use cooperage_lang::plan::NamedContext;
use evaluate::Environment;
use std::fmt;
use std::fs::{File, Metadata};
use std::io::Read;
use std::path::{Component, Path, PathBuf};

/// Bytes of a file that are read at most.
const LIMIT: u64 = 1 << 17;

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

/// What files declare, and what is wrong with them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// The builds, those that are done when nothing is named first.
    pub builds: Vec<Declared>,
    /// Mistakes, each of which leaves out what it is in.
    pub mistakes: Vec<Mistake>,
}

/// A mistake in a file that declares builds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// The file.
    pub file: PathBuf,
    /// Where in it, and what is wrong.
    pub message: String,
}

impl Mistake {
    fn new(file: &Path, message: String) -> Self {
        Self {
            file: file.to_owned(),
            message,
        }
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.file.display(), self.message)
    }
}

/// The builds of the Dockerfile at `path` that files beside it and above it declare, up to the root of the repository.
/// Variables of bake files have the values of this process's environment.
pub fn declared(path: &Path) -> Found {
    declared_in(path, &|name| std::env::var(name).ok())
}

fn declared_in(path: &Path, environment: Environment<'_>) -> Found {
    let mut all = Found::default();
    for folder in path.ancestors().skip(1) {
        for (file, text) in texts_of(folder, &compose::FILES) {
            all.take(compose::read(folder, &file, &text));
        }
        let files = texts_of(folder, &bake::FILES);
        if !files.is_empty() {
            all.take(bake::read(folder, &files, environment));
        }
        if folder.join(".git").exists() {
            break;
        }
    }
    all.builds.retain(|build| build.dockerfile == path);
    all
}

impl Found {
    fn take(&mut self, other: Self) {
        self.builds.extend(other.builds);
        self.mistakes.extend(other.mistakes);
    }
}

/// The files of a folder that are there, of a sensible size, with their text.
fn texts_of(folder: &Path, names: &[&str]) -> Vec<(PathBuf, String)> {
    let files = names.iter().map(|name| folder.join(name));
    files
        .filter_map(|file| Some((file.clone(), read_text(&file)?)))
        .collect()
}

fn read_text(path: &Path) -> Option<String> {
    // A pipe of that name would have us wait for ever.
    std::fs::metadata(path).ok().filter(Metadata::is_file)?;
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
    name.is_some_and(|name| compose::FILES.contains(&name) || bake::FILES.contains(&name))
}

/// What a service or target says of its build, as it is written.
#[derive(Default)]
struct Said {
    context: Option<String>,
    dockerfile: Option<String>,
    target: Option<String>,
    platform: Option<String>,
    args: Vec<(String, String)>,
    contexts: Vec<(String, String)>,
}

impl Said {
    /// The build; `None` when its context is no folder of this machine.
    fn declare(self, name: &str, file: &Path, folder: &Path) -> Option<Declared> {
        let context = self.context.as_deref().unwrap_or(".");
        if is_url(context) || context.starts_with("target:") {
            return None;
        }
        let context = joined(folder, context);
        let dockerfile = self.dockerfile.as_deref().unwrap_or("Dockerfile");
        let mut build = BuildDefaults {
            target: self.target,
            platform: self.platform,
            ..BuildDefaults::default()
        };
        for (name, value) in self.args {
            super::put(&mut build.args, &name, value);
        }
        for (name, source) in &self.contexts {
            // What another target or service makes is no stage of this file, and not known here.
            if source.starts_with("target:") || source.starts_with("service:") {
                continue;
            }
            if let Ok(source) = named_context(source) {
                let source = match source {
                    NamedContext::Local(local) => {
                        NamedContext::Local(joined(folder, &local).display().to_string())
                    }
                    other => other,
                };
                super::put(&mut build.contexts, name, source);
            }
        }
        Some(Declared {
            name: name.to_owned(),
            file: file.to_owned(),
            dockerfile: joined(&context, dockerfile),
            build: BuildDefaults {
                context: Some(context),
                ..build
            },
        })
    }
}

/// A path below a folder without `.` and `..`, so that two ways to write one are the same.
fn joined(folder: &Path, path: &str) -> PathBuf {
    let mut joined = folder.to_owned();
    for part in Path::new(path).components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                joined.pop();
            }
            part => joined.push(part),
        }
    }
    joined
}
