//! What a project wants of the check rules. A value: who reads which file into it is not decided here.

use super::{LINTS, Lint};
use crate::diagnostic::Severity;
use std::collections::BTreeMap;

/// How much the findings of a rule matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// It does not run.
    Off,
    /// Worth knowing; hadolint's `style`.
    Hint,
    /// A convention is not kept.
    Info,
    /// Likely to do harm.
    Warning,
    /// Not to be accepted.
    Error,
}

impl Level {
    /// The level with that name: ours, hadolint's (`style`) or dockerfile-utils' (`ignore`).
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name.to_ascii_lowercase().as_str() {
            "off" | "ignore" | "none" => Self::Off,
            "hint" | "style" => Self::Hint,
            "info" => Self::Info,
            "warning" => Self::Warning,
            "error" => Self::Error,
            _ => return None,
        })
    }

    /// Its name in settings files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Hint => "hint",
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }

    /// Severity of a finding; `None` for a rule that is off.
    pub const fn severity(self) -> Option<Severity> {
        match self {
            Self::Off => None,
            Self::Hint => Some(Severity::Hint),
            Self::Info => Some(Severity::Info),
            Self::Warning => Some(Severity::Warning),
            Self::Error => Some(Severity::Error),
        }
    }
}

/// Which rules run, at which level, and what they are told.
///
/// ```
/// use cooperage_lang::lints::{Config, Level, find};
/// let config = Config { hadolint: true, ..Config::default() }.with_level("DL4000", Level::Off);
/// assert_eq!(config.level(find("MaintainerDeprecated").unwrap()), Level::Off);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Config {
    /// hadolint's rules run, at hadolint's levels.
    pub hadolint: bool,
    /// Levels of single rules; see [`Config::set_level`].
    pub levels: Levels,
    /// Registries an image may come from, `*` in either end stands for anything; any when empty.
    pub trusted_registries: Vec<String>,
    /// Labels an image must have, and what their values look like.
    pub label_schema: BTreeMap<String, LabelKind>,
    /// No labels but those of the schema.
    pub strict_labels: bool,
    /// Comments silence nothing.
    pub disable_ignore_pragma: bool,
}

/// Levels of single rules by name or alias, whatever the case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Levels(BTreeMap<String, Level>);

impl Levels {
    fn get(&self, name: &str) -> Option<Level> {
        self.0.get(&name.to_ascii_lowercase()).copied()
    }
}

/// What the value of a label looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LabelKind {
    /// Anything.
    Text,
    /// A time as in RFC 3339.
    Rfc3339,
    /// A semantic version.
    Semver,
    /// A URL.
    Url,
    /// A commit hash of git.
    Hash,
    /// An SPDX licence identifier.
    Spdx,
    /// An address of electronic mail.
    Email,
}

impl Config {
    /// The same with one rule at a level of its own. `name` may be an alias; unknown names are kept and do nothing.
    #[must_use]
    pub fn with_level(mut self, name: &str, level: Level) -> Self {
        self.set_level(name, level);
        self
    }

    /// Gives one rule, by name or alias, a level of its own.
    pub fn set_level(&mut self, name: &str, level: Level) {
        self.levels.0.insert(name.to_ascii_lowercase(), level);
    }

    /// Experimental rules that were given a level, for [`PlanOptions`](crate::plan::PlanOptions).
    pub fn experimental(&self) -> Vec<&'static str> {
        let rules = LINTS.iter().filter(|lint| lint.experimental);
        let wanted = rules.filter(|lint| {
            let mut levels = lint.names().filter_map(|name| self.levels.get(name));
            levels.any(|level| level != Level::Off)
        });
        wanted.map(|lint| lint.name).collect()
    }

    /// The level that was given to a name itself.
    pub(super) fn said(&self, name: &str) -> Option<Level> {
        self.levels.get(name)
    }

    /// Tells whether the rule of that name was switched off by any of its names.
    pub(super) fn is_off(&self, name: &str) -> bool {
        let lint = Some(name)
            .filter(|_| !self.levels.0.is_empty())
            .and_then(super::find);
        let mut names = lint.into_iter().flat_map(Lint::names);
        names.any(|name| self.levels.get(name) == Some(Level::Off))
    }

    /// Tells whether a rule was switched off, and its twin with it, since that has no level of its own.
    pub(super) fn is_off_with_twin(&self, lint: &Lint) -> bool {
        let twin = lint.twin.and_then(super::find);
        let mut names = twin.into_iter().flat_map(Lint::names);
        self.is_off(lint.name) && !names.any(|name| self.levels.get(name).is_some())
    }

    /// The level of a rule: its own, else that of the set, else the rule's default.
    pub fn level(&self, lint: &Lint) -> Level {
        if !self.levels.0.is_empty()
            && let Some(level) = lint.names().find_map(|name| self.levels.get(name))
        {
            return level;
        }
        if lint.twin.is_some_and(|twin| self.is_off(twin)) {
            return Level::Off;
        }
        if self.hadolint && lint.hadolint != Level::Off {
            lint.hadolint
        } else {
            lint.level
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lints::find;

    #[test]
    fn a_rules_own_level_wins_over_the_set() {
        let lint = find("MaintainerDeprecated").unwrap();
        let mut config = Config::default();
        assert_eq!(config.level(lint), Level::Warning);
        config.hadolint = true;
        assert_eq!(config.level(lint), Level::Error);
        assert!(config.experimental().is_empty());
        config.set_level("InvalidDefinitionDescription", Level::Info);
        assert_eq!(config.experimental(), ["InvalidDefinitionDescription"]);
        config.set_level("dl4000", Level::Hint);
        assert_eq!(config.level(lint), Level::Hint);
    }

    #[test]
    fn levels_have_the_names_of_three_linters() {
        assert_eq!(Level::parse("style"), Some(Level::Hint));
        assert_eq!(Level::parse("Ignore"), Some(Level::Off));
        assert_eq!(Level::parse("fatal"), None);
    }
}
