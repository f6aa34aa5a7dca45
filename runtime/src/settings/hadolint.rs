//! The keys of `.hadolint.yaml`.
//!
//! **Source:** hadolint 2.15, section *Configure* of its README.

use super::cooperage::FailOn;
use super::document::Node;
use super::reader::{Loose, Reader, Setting, table, words};
use cooperage_lang::diagnostic::Severity;
use cooperage_lang::lints::config::LabelKind;
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

table! {
    /// A whole file.
    Hadolint {
        /// The least severity that makes the program fail.
        "failure-threshold" failure_threshold: Threshold,
        /// Never fail.
        "no-fail" no_fail: bool,
        /// Rules that never run.
        "ignored" ignored: Loose<Code>,
        /// Rules with another severity.
        "override" severities: Severities,
        /// Registries that images may come from.
        "trustedRegistries" trusted_registries: Loose<String>,
        /// Labels that an image must have.
        "label-schema" label_schema: BTreeMap<String, LabelKind>,
        /// No other labels than those.
        "strict-labels" strict_labels: bool,
        /// Comments silence nothing.
        "disable-ignore-pragma" disable_ignore_pragma: bool,
        /// How to show findings: has no effect here, where only the command line decides that.
        "format" format: OutputFormat,
        /// Has no effect here.
        "no-color" no_color: bool,
        /// Has no effect here.
        "verbose" verbose: bool,
    }
}

table! {
    /// Rules by severity.
    Severities {
        /// Rules that are errors.
        "error" error: Loose<Code>,
        /// Rules that are warnings.
        "warning" warning: Loose<Code>,
        /// Rules that inform.
        "info" info: Loose<Code>,
        /// Rules of style.
        "style" style: Loose<Code>,
    }
}

/// `failure-threshold`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Threshold(pub FailOn);

words!("severity", Threshold {
    "error" => Self(FailOn::Least(Severity::Error)),
    "warning" => Self(FailOn::Least(Severity::Warning)),
    "info" => Self(FailOn::Least(Severity::Info)),
    "style" => Self(FailOn::Least(Severity::Hint)),
    "ignore" => Self(FailOn::Least(Severity::Hint)),
    "none" => Self(FailOn::Least(Severity::Hint)),
});

/// `format`, whose words are only looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutputFormat;

words!("format", OutputFormat {
    "tty" => Self,
    "json" => Self,
    "checkstyle" => Self,
    "codeclimate" => Self,
    "gitlab_codeclimate" => Self,
    "gnu" => Self,
    "codacy" => Self,
    "sonarqube" => Self,
    "sarif" => Self,
});

/// The code of one of hadolint's rules, known here or not: versions differ in what they have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Code(pub String);

impl Setting for Code {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        let code = String::read(node, reader)?;
        let digits = code.strip_prefix("DL").or_else(|| code.strip_prefix("SC"));
        if digits.is_some_and(|d| d.len() == 4 && d.bytes().all(|b| b.is_ascii_digit())) {
            return Some(Self(code));
        }
        let message =
            format!("`{code}` is no rule of hadolint: those are DL and SC with four digits");
        reader.problem(node.range, message);
        None
    }

    fn schema() -> Json {
        json!({"type": "string", "pattern": "^(DL|SC)[0-9]{4}$"})
    }
}
