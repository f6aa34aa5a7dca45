//! What a project wants: `cooperage.toml`, and `.hadolint.yaml` where there is one.
//!
//! [`Finder`] looks for the files that apply to a Dockerfile, from its folder upwards to the root of the repository.
//! [`Project::settings`] is what they say of one Dockerfile. A mistake in a file is a diagnostic of that file; the rest
//! of it is used.

pub mod cooperage;
mod declared;
mod document;
mod find;
mod hadolint;
mod reader;
mod toml;
mod yaml;

pub use cooperage::FailOn;
pub use declared::{Declared, Found, Mistake, declared, may_declare};
pub use find::{Choice, Faulty, Finder, Project};
pub use hadolint::Hadolint;

use crate::build::request::{BuildRequest, ContextSource};
use cooperage::{Build, Cooperage, Lint, Override, Set};
use cooperage_lang::diagnostic::Diagnostic;
use cooperage_lang::format;
use cooperage_lang::lints::Level;
use cooperage_lang::lints::config::Config;
use cooperage_lang::lints::{self, shellcheck};
use cooperage_lang::plan::NamedContext;
use hadolint::Code;
use reader::{ByRule, Loose, Reader, Rule, Setting};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Name of our own settings file.
pub const COOPERAGE: &str = "cooperage.toml";

/// Names of hadolint's settings file; the first one in a folder counts.
pub const HADOLINT: [&str; 4] = [
    ".hadolint.yaml",
    ".hadolint.yml",
    "hadolint.yaml",
    "hadolint.yml",
];

/// Tells by its name whether a file is one of these.
pub fn is_settings_file(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str());
    name.is_some_and(|name| name == COOPERAGE || HADOLINT.contains(&name))
}

/// A settings file as it was read.
#[derive(Clone, Debug, Default)]
pub struct SettingsFile<T> {
    /// Where it is.
    pub path: PathBuf,
    /// Its bytes.
    pub source: Vec<u8>,
    /// What it says.
    pub values: T,
    /// What is wrong with it, in the order it is written.
    pub problems: Vec<Diagnostic>,
}

/// What applies to one Dockerfile.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Settings {
    /// Which rules run, and what they are told.
    pub lint: Config,
    /// Whether ShellCheck is asked too, where somebody says so.
    pub shellcheck: Option<bool>,
    /// What makes a check fail.
    pub fail_on: FailOn,
    /// How it is formatted.
    pub format: format::Options,
    /// What its build is given.
    pub build: BuildDefaults,
}

/// What a build is given unless the command line says otherwise. Folders are absolute when the file's was.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BuildDefaults {
    /// Folder that is copied from.
    pub context: Option<PathBuf>,
    /// Stage to build.
    pub target: Option<String>,
    /// Platform of the result.
    pub platform: Option<String>,
    /// Values of ARG.
    pub args: Vec<(String, String)>,
    /// Other places to copy from.
    pub contexts: Vec<(String, NamedContext)>,
}

impl BuildDefaults {
    /// Puts into a request what it does not say itself. Its context stays as it is.
    pub fn complete(&self, request: &mut BuildRequest) {
        if request.target.is_none() {
            request.target.clone_from(&self.target);
        }
        if request.platform.is_none() {
            request.platform.clone_from(&self.platform);
        }
        for (name, value) in &self.args {
            request
                .build_args
                .entry(name.clone())
                .or_insert_with(|| value.clone());
        }
        for (name, context) in &self.contexts {
            request
                .contexts
                .entry(name.clone())
                .or_insert_with(|| context.clone());
        }
    }

    /// These before others.
    #[must_use]
    pub fn over(self, mut others: Self) -> Self {
        others.context = self.context.or(others.context);
        others.target = self.target.or(others.target);
        others.platform = self.platform.or(others.platform);
        for (name, value) in self.args {
            put(&mut others.args, &name, value);
        }
        for (name, context) in self.contexts {
            put(&mut others.contexts, &name, context);
        }
        others
    }

    /// The context of a Dockerfile in `folder`.
    pub fn context_or(&self, folder: &Path) -> ContextSource {
        ContextSource::Folder(self.context.clone().unwrap_or_else(|| folder.to_owned()))
    }

    /// Takes over what a file in `folder` says.
    fn apply(&mut self, build: &Build, folder: &Path) {
        if let Some(context) = &build.context {
            self.context = Some(folder.join(context));
        }
        replace(&mut self.target, build.target.as_ref());
        replace(
            &mut self.platform,
            build.platform.as_ref().map(|name| &name.0),
        );
        for (name, value) in build.args.iter().flatten() {
            put(&mut self.args, name, value.0.clone());
        }
        for (name, source) in build.contexts.iter().flatten() {
            let context = match &source.0 {
                NamedContext::Local(local) => {
                    NamedContext::Local(folder.join(local).display().to_string())
                }
                other => other.clone(),
            };
            put(&mut self.contexts, name, context);
        }
    }
}

fn replace<T: Clone>(place: &mut Option<T>, by: Option<&T>) {
    if let Some(value) = by {
        *place = Some(value.clone());
    }
}

/// Puts a pair into a list, in place of one of the same name.
fn put<T>(list: &mut Vec<(String, T)>, name: &str, value: T) {
    match list.iter_mut().find(|(known, _)| known == name) {
        Some((_, place)) => *place = value,
        None => list.push((name.to_owned(), value)),
    }
}

impl Settings {
    fn apply_hadolint(&mut self, said: &Hadolint) {
        let lint = &mut self.lint;
        lint.hadolint = true;
        let levels = said.severities.iter().flat_map(|by| {
            [
                (&by.error, Level::Error),
                (&by.warning, Level::Warning),
                (&by.info, Level::Info),
                (&by.style, Level::Hint),
            ]
        });
        for (codes, level) in levels.chain([(&said.ignored, Level::Off)]) {
            for Code(code) in codes.iter().flat_map(|Loose(codes)| codes) {
                lint.set_level(code, level);
            }
        }
        if let Some(Loose(registries)) = &said.trusted_registries {
            lint.trusted_registries.clone_from(registries);
        }
        if let Some(schema) = &said.label_schema {
            lint.label_schema.clone_from(schema);
        }
        lint.strict_labels = said.strict_labels.unwrap_or(lint.strict_labels);
        lint.disable_ignore_pragma = said
            .disable_ignore_pragma
            .unwrap_or(lint.disable_ignore_pragma);
        if let Some(hadolint::Threshold(threshold)) = said.failure_threshold {
            self.fail_on = threshold;
        }
        if said.no_fail == Some(true) {
            self.fail_on = FailOn::Never;
        }
    }

    fn apply_cooperage(&mut self, said: &Cooperage, folder: &Path, below: &Path) {
        self.apply_lint(said.lint.as_ref());
        if let Some(format) = &said.format {
            format.apply(&mut self.format);
        }
        if let Some(build) = &said.build {
            self.build.apply(build, folder);
        }
        let fitting = said
            .overrides
            .iter()
            .flatten()
            .filter(|one| fits(one, below));
        for one in fitting {
            self.apply_lint(one.lint.as_ref());
            if let Some(format) = &one.format {
                format.apply(&mut self.format);
            }
            if let Some(build) = &one.build {
                self.build.apply(build, folder);
            }
        }
    }

    fn apply_lint(&mut self, said: Option<&Lint>) {
        let Some(said) = said else { return };
        let lint = &mut self.lint;
        for set in said.extend.iter().flatten() {
            match set {
                Set::Hadolint => lint.hadolint = true,
            }
        }
        for (Rule(name), level) in said.levels.iter().flat_map(|ByRule(levels)| levels) {
            lint.set_level(name, *level);
        }
        for Rule(name) in said.ignore.iter().flatten() {
            lint.set_level(name, Level::Off);
        }
        if let Some(registries) = &said.trusted_registries {
            lint.trusted_registries.clone_from(registries);
        }
        if let Some(labels) = &said.labels {
            lint.label_schema.clone_from(labels);
        }
        lint.strict_labels = said.strict_labels.unwrap_or(lint.strict_labels);
        lint.disable_ignore_pragma = said.pragmas.map_or(lint.disable_ignore_pragma, |on| !on);
        self.shellcheck = said.shellcheck.or(self.shellcheck);
        self.fail_on = said.fail_on.unwrap_or(self.fail_on);
    }
}

fn fits(one: &Override, below: &Path) -> bool {
    one.files
        .iter()
        .flatten()
        .any(|pattern| pattern.fits(below))
}

/// Reads a text of `cooperage.toml`.
///
/// ```
/// use cooperage_runtime::settings::parse_cooperage;
///
/// let (_, problems) = parse_cooperage("[lint]\nfail-onn = 'error'\n");
/// assert_eq!(problems[0].message, "unknown key `fail-onn`, did you mean `fail-on`?");
/// ```
pub fn parse_cooperage(text: &str) -> (Cooperage, Vec<Diagnostic>) {
    parsed(text, true, toml::read(text))
}

/// Reads a text of `.hadolint.yaml`.
fn parse_hadolint(text: &str) -> (Hadolint, Vec<Diagnostic>) {
    parsed(text, false, yaml::read(text))
}

/// JSON schema of `cooperage.toml`, for editors.
pub fn schema() -> serde_json::Value {
    let mut schema = Cooperage::schema();
    let head = [
        ("$schema", "http://json-schema.org/draft-07/schema#"),
        ("title", COOPERAGE),
        ("description", "Settings of Cooperage"),
    ];
    for (key, value) in head {
        schema[key] = value.into();
    }
    schema
}

fn parsed<T: Setting + Default>(
    text: &str,
    quoted: bool,
    (root, errors): (document::Node, Vec<document::SyntaxError>),
) -> (T, Vec<Diagnostic>) {
    let mut reader = Reader::new(text, quoted);
    for error in errors {
        reader.syntax(error);
    }
    reader.problems.sort_by_key(|problem| problem.range);
    reader
        .problems
        .dedup_by_key(|problem| problem.lines.clone());
    let mut problems = std::mem::take(&mut reader.problems);
    let broken: BTreeSet<u32> = problems.iter().filter_map(line).collect();
    let values = T::read(&root, &mut reader).unwrap_or_default();
    // A mistake of spelling makes others out of what stands beside it.
    let sound = |problem: &Diagnostic| line(problem).is_none_or(|line| !broken.contains(&line));
    problems.extend(reader.problems.into_iter().filter(sound));
    problems.sort_by_key(|problem| problem.range);
    (values, problems)
}

fn line(problem: &Diagnostic) -> Option<u32> {
    problem.lines.first().map(|lines| lines.start)
}

/// Reads a file's bytes; a text that is not UTF-8 says nothing.
fn read_bytes<T: Default>(
    path: PathBuf,
    source: Vec<u8>,
    parse: fn(&str) -> (T, Vec<Diagnostic>),
) -> SettingsFile<T> {
    let (values, problems) = match std::str::from_utf8(&source) {
        Ok(text) => parse(text),
        Err(error) => {
            let mut reader = Reader::new("", false);
            let valid = error.valid_up_to() as u32;
            let at = cooperage_lang::text::TextRange::new(valid, valid);
            reader.problem(
                at,
                "the file is not UTF-8 from here on, and is not used".to_owned(),
            );
            (T::default(), reader.problems)
        }
    };
    SettingsFile {
        path,
        source,
        values,
        problems,
    }
}

/// Levels that a command line gives rules, by name or alias.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RuleChoice {
    /// Only these run.
    pub only: Vec<String>,
    /// These at a level of their own.
    pub levels: Vec<(String, Level)>,
}

impl RuleChoice {
    /// Whether a finding of ShellCheck is among the chosen ones; those of our own rules have levels for that.
    pub fn may_show(&self, code: &str) -> bool {
        let own = lints::find_called(code);
        let is_meant = |name: &String| name == code || own.is_some_and(|own| own.is_called(name));
        self.only.is_empty() || !shellcheck::is_code(code) || self.only.iter().any(is_meant)
    }

    /// Puts these levels above those of the files.
    pub fn apply(&self, config: &mut Config) {
        if !self.only.is_empty() {
            for lint in lints::LINTS {
                let chosen = self.only.iter().any(|name| lint.is_called(name));
                let level = match config.level(lint) {
                    _ if !chosen => Level::Off,
                    Level::Off => on(lint),
                    level => level,
                };
                // By every name: a settings file may have used any of them.
                lint.names().for_each(|name| config.set_level(name, level));
            }
        }
        for (name, level) in &self.levels {
            match lints::find_called(name) {
                Some(lint) => lint.names().for_each(|name| config.set_level(name, *level)),
                None => config.set_level(name, *level),
            }
        }
    }
}

/// The level of a rule that is asked for by name: its own, else hadolint's, else a warning.
pub fn on(lint: &lints::Lint) -> Level {
    [lint.level, lint.hadolint]
        .into_iter()
        .find(|level| *level != Level::Off)
        .unwrap_or(Level::Warning)
}

#[cfg(test)]
mod tests;
