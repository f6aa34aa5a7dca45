//! The keys of `cooperage.toml`.

use super::document::Node;
use super::reader::{ByRule, Number, Reader, Rule, Scalar, Setting, table, words};
use crate::build::request::named_context;
use cooperage_lang::diagnostic::Severity;
use cooperage_lang::format::{Continuations, Indent, Options, ShellText};
use cooperage_lang::lints::Level;
use cooperage_lang::lints::config::LabelKind;
use cooperage_lang::model::platform::Platform;
use cooperage_lang::plan::NamedContext;
use globset::{GlobBuilder, GlobMatcher};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

table! {
    /// A whole file.
    Cooperage {
        /// Dockerfiles that are left alone, as patterns of paths below this file's folder. `*` stays inside one folder, `**` does not.
        "exclude" exclude: Vec<Pattern>,
        /// What is looked for in Dockerfiles.
        "lint" lint: Lint,
        /// How `cooper fmt` and editors format.
        "format" format: Format,
        /// What a build of the Dockerfiles below this folder is given, unless the command line says otherwise.
        "build" build: Build,
        /// Other settings for some files; later ones win.
        "override" overrides: Vec<Override>,
    }
}

table! {
    /// What is looked for in Dockerfiles.
    Lint {
        /// Sets of rules that run besides those that do by default.
        "extend" extend: Vec<Set>,
        /// Levels of single rules, by name or alias.
        "levels" levels: ByRule<Level>,
        /// Rules that never run, by name or alias.
        "ignore" ignore: Vec<Rule>,
        /// The least severity that makes `cooper lint` fail. The default is warning.
        "fail-on" fail_on: FailOn,
        /// Whether comments in a Dockerfile silence rules. The default is true.
        "pragmas" pragmas: bool,
        /// Whether an installed ShellCheck looks at the shell in `RUN` too. By default it does in editors, and in `cooper lint` not: there the same text gets the same answer on every machine.
        "shellcheck" shellcheck: bool,
        /// Registries that images may come from, such as `docker.io` or `*.example.com`. Any when absent.
        "trusted-registries" trusted_registries: Vec<String>,
        /// Labels that an image must have, and what their values look like.
        "labels" labels: BTreeMap<String, LabelKind>,
        /// Whether an image may have no other labels than those. The default is false.
        "strict-labels" strict_labels: bool,
    }
}

table! {
    /// How Dockerfiles are formatted.
    Format {
        /// Blanks that a continued line is indented by. The default is 4.
        "indent" indent: Number<1, 16>,
        /// Whether a tabulator indents instead of blanks. The default is false.
        "tabs" tabs: bool,
        /// Whether continued lines are indented, or stay as they are. The default is `indent`.
        "continuations" continuations: Continuations,
        /// Whether continued lines of shell text stay as they are, or shift together, which makes their steps run again. The default is `keep`.
        "shell-text" shell_text: ShellText,
        /// Most empty lines in a row that stay. The default is 2.
        "empty-lines" empty_lines: Number<0, 100>,
        /// Whether the last line gets a line end. The default is true.
        "final-newline" final_newline: bool,
        /// Whether empty lines at the end of the file go. The default is true.
        "trim-end" trim_end: bool,
    }
}

table! {
    /// What a build is given.
    Build {
        /// Folder that is copied from, below this file's folder. The default is the Dockerfile's own.
        "context" context: String,
        /// Stage to build. The default is the last.
        "target" target: String,
        /// Platform of the result, such as `linux/arm64`.
        "platform" platform: PlatformName,
        /// Values of ARG.
        "args" args: BTreeMap<String, Scalar>,
        /// Other places to copy from: a folder below this file's, `docker-image://`, `oci-layout://`, `target:` or a URL.
        "contexts" contexts: BTreeMap<String, Source>,
    }
}

table! {
    /// Other settings for some files.
    Override {
        /// The files, as patterns of paths below this file's folder.
        "files" files: Vec<Pattern>,
        /// What is looked for in them.
        "lint" lint: Lint,
        /// How they are formatted.
        "format" format: Format,
        /// What their builds are given.
        "build" build: Build,
    }
}

impl Format {
    /// Puts what is said here over what was said before.
    pub(super) fn apply(&self, options: &mut Options) {
        if let Some(Number(blanks)) = self.indent {
            // The bound of the type is below 256.
            options.indent = Some(Indent::Spaces(blanks as u8));
        }
        match self.tabs {
            Some(true) => options.indent = Some(Indent::Tab),
            Some(false) if options.indent == Some(Indent::Tab) => {
                options.indent = None;
            }
            Some(false) | None => {}
        }
        options.continuations = self.continuations.unwrap_or(options.continuations);
        options.shell_text = self.shell_text.unwrap_or(options.shell_text);
        options.empty_lines = self.empty_lines.map_or(options.empty_lines, |most| most.0);
        options.final_newline = self.final_newline.unwrap_or(options.final_newline);
        options.trim_end = self.trim_end.unwrap_or(options.trim_end);
    }
}

/// A set of rules with levels of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Set {
    /// What hadolint looks for, at its levels.
    Hadolint,
}

words!("set of rules", Set { "hadolint" => Self::Hadolint, });

words!("level", Level {
    "off" => Self::Off,
    "hint" => Self::Hint,
    "info" => Self::Info,
    "warning" => Self::Warning,
    "error" => Self::Error,
});

words!("treatment of continued lines", Continuations {
    "indent" => Self::Indent,
    "keep" => Self::Keep,
});

words!("treatment of shell text", ShellText {
    "keep" => Self::Keep,
    "shift" => Self::Shift,
});

words!("kind of label", LabelKind {
    "text" => Self::Text,
    "rfc3339" => Self::Rfc3339,
    "semver" => Self::Semver,
    "url" => Self::Url,
    "hash" => Self::Hash,
    "spdx" => Self::Spdx,
    "email" => Self::Email,
});

/// What makes a check fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailOn {
    /// A finding of this severity or a greater one.
    Least(Severity),
    /// Nothing.
    Never,
}

impl Default for FailOn {
    fn default() -> Self {
        Self::Least(Severity::Warning)
    }
}

impl FailOn {
    /// Tells whether a finding of that severity makes a check fail.
    pub fn fails(self, severity: Severity) -> bool {
        match self {
            // The gravest comes first.
            Self::Least(least) => severity <= least,
            Self::Never => false,
        }
    }
}

words!("severity", FailOn {
    "error" => Self::Least(Severity::Error),
    "warning" => Self::Least(Severity::Warning),
    "info" => Self::Least(Severity::Info),
    "hint" => Self::Least(Severity::Hint),
    "never" => Self::Never,
});

/// A pattern of paths below a folder.
#[derive(Clone, Debug)]
pub struct Pattern(GlobMatcher);

impl Pattern {
    /// Tells whether a path below the folder fits.
    pub(super) fn fits(&self, below: &std::path::Path) -> bool {
        self.0.is_match(below)
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.0.glob() == other.0.glob()
    }
}

impl Setting for Pattern {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        let text = String::read(node, reader)?;
        match GlobBuilder::new(&text).literal_separator(true).build() {
            Ok(glob) => Some(Self(glob.compile_matcher())),
            Err(error) => {
                let message = format!("`{text}` is no pattern of paths: {}", error.kind());
                reader.problem(node.range, message);
                None
            }
        }
    }

    fn schema() -> Json {
        json!({"type": "string", "examples": ["vendor/**", "**/Dockerfile.dev"]})
    }
}

/// A platform as written, which can be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlatformName(pub String);

impl Setting for PlatformName {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        let text = String::read(node, reader)?;
        match Platform::parse(&text, &crate::engine::host_platform()) {
            Ok(_) => Some(Self(text)),
            Err(error) => {
                reader.problem(node.range, error);
                None
            }
        }
    }

    fn schema() -> Json {
        json!({"type": "string", "examples": ["linux/amd64", "linux/arm64/v8"]})
    }
}

/// Where a named context comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source(pub NamedContext);

impl Setting for Source {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        match named_context(&String::read(node, reader)?) {
            Ok(context) => Some(Self(context)),
            Err(error) => {
                reader.problem(node.range, error);
                None
            }
        }
    }

    fn schema() -> Json {
        json!({"type": "string", "examples": ["docker-image://debian:12", "../shared"]})
    }
}
