//! Why a build failed, and where in the Dockerfile.

use crate::build::ops::CopyError;
use crate::build::selection::SelectError;
use crate::container::LaunchError;
use crate::registry::PullError;
use cooperage_lang::model::reference::Reference;
use cooperage_lang::model::suggest;
use cooperage_lang::plan::Plan;
use cooperage_lang::text::{LineIndex, LineSpan, TextRange};
use std::fmt;
use std::path::PathBuf;

/// A failed build.
#[derive(Debug)]
pub struct BuildError {
    /// What went wrong.
    pub problem: Problem,
    /// The instruction, when there is one to blame.
    pub location: Option<Location>,
    /// Last lines of output of a failed step.
    pub log: Vec<String>,
    /// Name under which the state of a failed step was kept: an argument of `cooper run`.
    pub kept: Option<String>,
    /// A stage whose name is nearly that of the image which could not be had.
    pub near_stage: Option<String>,
}

/// What went wrong.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// The Dockerfile is not there or not readable.
    #[error("cannot read {}: {source}", path.display())]
    Dockerfile {
        path: PathBuf,
        source: std::io::Error,
    },
    /// The text is not a Dockerfile that builds; the official words.
    #[error("{0}")]
    Invalid(String),
    /// An option of the build names something that is not there or not valid.
    #[error("{0}")]
    Option(String),
    /// The context folder cannot be used.
    #[error("cannot use the context {}: {source}", path.display())]
    Context {
        path: PathBuf,
        source: std::io::Error,
    },
    /// What a COPY, ADD or mount names cannot be read.
    #[error(transparent)]
    Content(#[from] SelectError),
    /// Files could not be copied.
    #[error(transparent)]
    Copy(#[from] CopyError),
    /// A command ended with a status other than 0.
    #[error("process {command} did not complete successfully: {status}")]
    Exit {
        command: String,
        code: i32,
        status: String,
    },
    /// A command could not be started.
    #[error(transparent)]
    Launch(#[from] LaunchError),
    /// The image of a FROM or COPY --from is not to be had.
    #[error(transparent)]
    Pull(#[from] PullError),
    /// A download or clone failed.
    #[error("{0}")]
    Fetch(String),
    /// A mount of a step cannot be made.
    #[error("{0}")]
    Mount(String),
    /// A consent is missing: `--allow`.
    #[error("{what} is not allowed")]
    NotAllowed { what: String, allow: &'static str },
    /// The store failed.
    #[error("{0}")]
    Store(String),
    /// The result could not be written.
    #[error("cannot write the result to {dest}: {message}")]
    Output { dest: String, message: String },
    /// A fault of this program.
    #[error("internal error: {0}")]
    Internal(String),
    /// The user asked to stop.
    #[error("canceled")]
    Canceled,
}

/// A place in a Dockerfile with the lines around it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    /// Name to show.
    pub file: String,
    /// 1-based line.
    pub line: u32,
    /// 1-based column, in characters.
    pub column: u32,
    /// First and last marked line, 1-based.
    pub marked: LineSpan,
    /// Number and text of the lines to show.
    pub excerpt: Vec<(u32, String)>,
}

impl Location {
    /// The place of `range` in `source`, with two lines of context around it.
    pub fn of_range(file: &str, source: &[u8], range: TextRange) -> Self {
        let index = LineIndex::new(source);
        let (first, column) = index.line_column(range.start);
        let (last, _) = index.line_column(range.end.max(range.start + 1) - 1);
        Self::new(
            file,
            source,
            &index,
            LineSpan::new(first + 1, last + 1),
            column + 1,
        )
    }

    /// The place of whole lines. Line 0, which official errors use for the first directive, shows as line 1.
    pub fn of_lines(file: &str, source: &[u8], lines: LineSpan) -> Self {
        let index = LineIndex::new(source);
        let first = lines.start.max(1);
        Self::new(
            file,
            source,
            &index,
            LineSpan::new(first, lines.end.max(first)),
            1,
        )
    }

    fn new(file: &str, source: &[u8], index: &LineIndex, marked: LineSpan, column: u32) -> Self {
        let around = 2;
        let from = marked.start.saturating_sub(around).max(1);
        let to = (marked.end + around).min(index.len());
        let excerpt = (from..=to)
            .map(|line| {
                let range = index.line_range(line);
                let text = &source[range.start as usize..range.end as usize];
                (
                    line,
                    String::from_utf8_lossy(text)
                        .trim_end_matches(['\n', '\r'])
                        .to_owned(),
                )
            })
            .collect();
        Self {
            file: file.to_owned(),
            line: marked.start,
            column,
            marked,
            excerpt,
        }
    }
}

/// How a front end treats an error: its exit status and tone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The user's input.
    User,
    /// A setting.
    Config,
    /// This machine, or a network.
    Environment,
    /// A thing with that name does not exist.
    NotFound,
    /// A step's command failed with that exit code.
    StepFailed(i32),
    /// Asked to stop.
    Canceled,
    /// A fault of this program.
    Internal,
}

impl BuildError {
    /// An error without a place.
    pub fn new(problem: impl Into<Problem>) -> Self {
        Self {
            problem: problem.into(),
            location: None,
            log: Vec::new(),
            kept: None,
            near_stage: None,
        }
    }

    /// Adds the place of `range`, unless one is known.
    #[must_use]
    pub fn at(mut self, file: &str, source: &[u8], range: TextRange) -> Self {
        self.location
            .get_or_insert_with(|| Location::of_range(file, source, range));
        self
    }

    /// Whether the text itself is wrong, whatever the files and the machine.
    pub fn is_of_text(&self) -> bool {
        matches!(self.problem, Problem::Invalid(_))
    }

    /// Looks for a stage that `reference`, which could not be pulled, may have been meant to name.
    #[must_use]
    pub fn or_stage(mut self, reference: &Reference, plan: &Plan) -> Self {
        let stages = plan
            .stages
            .iter()
            .filter(|s| s.named)
            .map(|s| s.name.as_str());
        self.near_stage = suggest::closest(reference.familiar_name().as_bytes(), stages, true);
        self
    }

    /// How to treat it.
    pub fn kind(&self) -> ErrorKind {
        match &self.problem {
            Problem::Dockerfile { .. }
            | Problem::Invalid(_)
            | Problem::Option(_)
            | Problem::Context { .. }
            | Problem::Content(_)
            | Problem::Copy(_)
            | Problem::NotAllowed { .. }
            | Problem::Mount(_) => ErrorKind::User,
            Problem::Exit { code, .. } => ErrorKind::StepFailed(*code),
            Problem::Launch(_)
            | Problem::Pull(_)
            | Problem::Fetch(_)
            | Problem::Store(_)
            | Problem::Output { .. } => ErrorKind::Environment,
            Problem::Internal(_) => ErrorKind::Internal,
            Problem::Canceled => ErrorKind::Canceled,
        }
    }

    /// What to type or do next.
    pub fn hints(&self) -> Vec<String> {
        let mut hints = Vec::new();
        if let Problem::NotAllowed { allow, .. } = &self.problem {
            hints.push(format!(
                "add `--allow {allow}` if you trust this Dockerfile with it"
            ));
        }
        if let Problem::Pull(error) = &self.problem {
            hints.extend(error.hints());
        }
        if let Problem::Copy(CopyError::Write { source, .. }) = &self.problem
            && source.kind() == std::io::ErrorKind::StorageFull
        {
            hints.push("`cooper prune` removes what nothing needs".to_owned());
        }
        if let Some(stage) = &self.near_stage {
            hints.push(format!("did you mean the stage `{stage}`?"));
        }
        if let Some(kept) = &self.kept {
            hints.push(format!(
                "`cooper run --rm -it {kept} sh` opens a shell in the state as it failed"
            ));
        }
        hints
    }
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.problem)
    }
}

impl std::error::Error for BuildError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.problem)
    }
}

impl From<Problem> for BuildError {
    fn from(problem: Problem) -> Self {
        Self::new(problem)
    }
}

/// The error of a plan whose text does not build, with its place; `None` when it builds.
pub fn official_error(plan: &Plan, file: &str, source: &[u8]) -> Option<BuildError> {
    let official = plan.official_error.as_ref()?;
    let mut error = BuildError::new(Problem::Invalid(official.message.clone()));
    // The exact range of the same finding, else the lines the official front end names.
    let exact = plan.diagnostics.iter().find(|d| {
        official.message.ends_with(&d.message)
            && d.severity == cooperage_lang::diagnostic::Severity::Error
    });
    error.location = match (exact, official.at.first()) {
        (Some(diagnostic), _) => Some(Location::of_range(file, source, diagnostic.range)),
        (None, Some(lines)) => Some(Location::of_lines(file, source, *lines)),
        (None, None) => None,
    };
    Some(error)
}
