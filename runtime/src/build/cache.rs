//! The only cache decision.

use cooperage_lang::plan::StepId;
use serde::Serialize;
use std::fmt;
use std::time::{Duration, SystemTime};

/// What the cache says of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CacheStatus {
    /// The result is here.
    Hit(Hit),
    /// It has to run.
    Miss(MissReason),
    /// Known only after that step ran, was pulled or was asked for.
    Depends { on: StepId },
    /// It runs because it was asked to: `--no-cache`, `--no-cache-filter`.
    Never,
}

/// A cached result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hit {
    /// When it was made.
    pub created: SystemTime,
    /// Bytes of its layer.
    pub size: u64,
    /// How long it took to make.
    pub took: Option<Duration>,
}

/// Why a step has to run. `Display` holds the words that every view shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MissReason {
    /// The kind, for programs.
    pub kind: MissKind,
    /// What changed, most telling first.
    pub culprits: Vec<Culprit>,
}

/// Kinds of misses. Names as in scripts (`cache.reason`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum MissKind {
    FirstBuild,
    ParentChanged,
    InstructionChanged,
    ArgChanged,
    EnvChanged,
    FilesChanged,
    BaseMoved,
    MountChanged,
    Evicted,
}

/// One thing that changed: `app/requirements.txt (content)`, `ARG VERSION 1.2 -> 1.3`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Culprit {
    /// The thing.
    pub what: String,
    /// Before, when it can be told in a few words.
    pub before: Option<String>,
    /// After.
    pub after: Option<String>,
}

impl fmt::Display for Culprit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        match (&self.before, &self.after) {
            (Some(b), Some(a)) => write!(f, " {b} -> {a}"),
            (None, Some(a)) => write!(f, " {a}"),
            (Some(b), None) => write!(f, " {b} -> (gone)"),
            (None, None) => Ok(()),
        }
    }
}
