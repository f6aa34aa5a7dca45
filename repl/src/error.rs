//! What goes wrong, as the user sees it: whose problem it is, where it is and what to type next.

use cooperage_runtime::engine::{BuildError, EngineError, ErrorKind, Location, RunError};
use std::fmt;

/// An error of a command, a script or the prompt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandError {
    /// The kind: decides the exit status, and scripts read it as `e.kind`.
    pub kind: Kind,
    /// One sentence, lower case, no full stop.
    pub message: String,
    /// What to do or to type next.
    pub hints: Vec<String>,
    /// The place in a Dockerfile.
    pub place: Option<Place>,
    /// The place in a script, innermost frame first.
    pub frames: Vec<Place>,
    /// Last lines a failed step wrote.
    pub log: Vec<String>,
    /// Status of the process that failed.
    pub exit_code: Option<i32>,
}

/// A place in a file with the lines to show.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Place {
    /// The file as the user named it.
    pub file: String,
    /// First marked line, 1-based; 0 when unknown.
    pub line: u32,
    /// Last marked line.
    pub end_line: u32,
    /// 1-based column of the first character; 0 marks whole lines.
    pub column: u32,
    /// Column behind the last marked character; 0 marks the word at `column`.
    pub end_column: u32,
    /// Number and text of the lines to show, the marked ones among them.
    pub excerpt: Vec<(u32, String)>,
    /// What happened here: `called from here: ship("site")`.
    pub note: Option<String>,
}

/// Kinds of errors, named as scripts see them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The command line makes no sense.
    Usage,
    /// The same for `run`, which leaves the low statuses to the container.
    RunUsage,
    InvalidArgument,
    NotFound,
    Conflict,
    ParseFailed,
    BuildFailed,
    StepFailed,
    PullFailed,
    ExecFailed,
    /// It worked, and the answer is no.
    CheckFailed,
    Cancelled,
    Permission,
    Unsupported,
    Storage,
    /// An error of a script itself.
    Script,
    Internal,
}

impl Kind {
    /// The name scripts compare with.
    pub fn name(self) -> &'static str {
        match self {
            Self::Usage | Self::RunUsage | Self::InvalidArgument => "InvalidArgument",
            Self::NotFound => "NotFound",
            Self::Conflict => "Conflict",
            Self::ParseFailed => "ParseFailed",
            Self::BuildFailed => "BuildFailed",
            Self::StepFailed => "StepFailed",
            Self::PullFailed => "PullFailed",
            Self::ExecFailed => "ExecFailed",
            Self::CheckFailed => "CheckFailed",
            Self::Cancelled => "Cancelled",
            Self::Permission => "Permission",
            Self::Unsupported => "Unsupported",
            Self::Storage => "Storage",
            Self::Script => "Script",
            Self::Internal => "Internal",
        }
    }

    /// Exit status of the program when such an error ends it.
    pub fn exit_status(self) -> u8 {
        match self {
            Self::Usage => 2,
            Self::CheckFailed => 3,
            Self::RunUsage | Self::ExecFailed => 125,
            Self::Cancelled => 130,
            _ => 1,
        }
    }
}

impl CommandError {
    /// An error without place and hints.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            hints: Vec::new(),
            place: None,
            frames: Vec::new(),
            log: Vec::new(),
            exit_code: None,
        }
    }

    /// A wrong command line.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Kind::Usage, message)
    }

    /// An argument that cannot be used.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(Kind::InvalidArgument, message)
    }

    /// A file of the host that cannot be read or written.
    pub fn file(what: &str, path: &std::path::Path, error: &std::io::Error) -> Self {
        let kind = match error.kind() {
            std::io::ErrorKind::NotFound => Kind::NotFound,
            std::io::ErrorKind::PermissionDenied => Kind::Permission,
            _ => Kind::Storage,
        };
        Self::new(
            kind,
            format!("cannot {what} {}: {}", path.display(), Self::plain(error)),
        )
    }

    /// The system's words without the number behind them.
    pub fn plain(error: &std::io::Error) -> String {
        let text = error.to_string();
        let text = text.split(" (os error").next().unwrap_or(&text);
        let mut letters = text.chars();
        letters.next().map_or_else(String::new, |first| {
            first.to_lowercase().chain(letters).collect()
        })
    }

    /// Adds a hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Exit status of the program when this ends it.
    pub fn exit_status(&self) -> u8 {
        match (self.kind, self.exit_code) {
            // A container that could not start tells by its status why: 125, 126 or 127.
            (Kind::ExecFailed, Some(code @ 125..=127)) => code as u8,
            (kind, _) => kind.exit_status(),
        }
    }
}

impl fmt::Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for CommandError {}

impl From<Location> for Place {
    fn from(at: Location) -> Self {
        // A column of 1 says no more than the line does: the whole line is marked.
        let column = if at.column > 1 { at.column } else { 0 };
        let (line, end_line) = (at.marked.start, at.marked.end);
        Self {
            file: at.file,
            line,
            end_line,
            column,
            end_column: 0,
            excerpt: at.excerpt,
            note: None,
        }
    }
}

/// What an operation's kind means when nothing more is known.
fn kind_of(kind: ErrorKind, environment: Kind) -> Kind {
    match kind {
        ErrorKind::User | ErrorKind::Config => Kind::InvalidArgument,
        ErrorKind::Environment => environment,
        ErrorKind::Internal => Kind::Internal,
        ErrorKind::NotFound => Kind::NotFound,
        ErrorKind::Canceled => Kind::Cancelled,
        ErrorKind::StepFailed(_) => Kind::StepFailed,
    }
}

impl From<EngineError> for CommandError {
    fn from(error: EngineError) -> Self {
        let mut made = Self::new(kind_of(error.kind(), Kind::Storage), error.to_string());
        made.hints = error.hints();
        made
    }
}

impl From<BuildError> for CommandError {
    fn from(error: BuildError) -> Self {
        let place = error.location.clone().map(Place::from);
        let kind = match kind_of(error.kind(), Kind::BuildFailed) {
            Kind::InvalidArgument if error.is_of_text() => Kind::ParseFailed,
            Kind::InvalidArgument if place.is_some() => Kind::BuildFailed,
            kind => kind,
        };
        let message = match (kind, &place) {
            (Kind::Cancelled, Some(_)) => "cancelled while this step ran".to_owned(),
            (Kind::Cancelled, None) => "cancelled".to_owned(),
            _ => error.to_string(),
        };
        let mut made = Self::new(kind, message);
        made.hints = error.hints();
        made.log.clone_from(&error.log);
        made.place = place;
        if let ErrorKind::StepFailed(code) = error.kind() {
            made.exit_code = Some(code);
        }
        made
    }
}

impl From<RunError> for CommandError {
    fn from(error: RunError) -> Self {
        let kind = match kind_of(error.kind(), Kind::ExecFailed) {
            Kind::Cancelled => Kind::Cancelled,
            _ => Kind::ExecFailed,
        };
        let mut made = Self::new(kind, error.to_string());
        made.hints = error.hints();
        made.exit_code = Some(error.exit_code());
        made
    }
}

impl From<clap::Error> for CommandError {
    /// Takes clap's finding apart: its first paragraph is the message, its tips become hints.
    fn from(error: clap::Error) -> Self {
        let text = error.render().to_string();
        let mut lines = text.lines();
        let first = lines
            .next()
            .unwrap_or("wrong arguments")
            .trim_start_matches("error: ");
        let mut message = first.to_owned();
        let mut hints = Vec::new();
        for line in lines {
            let line = line.trim();
            if let Some(tip) = line.strip_prefix("tip: ") {
                hints.push(tip.to_owned());
            } else if let Some(usage) = line.strip_prefix("Usage: ") {
                hints.push(format!("usage: {usage}"));
            } else if !line.is_empty() && !line.starts_with("For more information") {
                message += " ";
                message += line;
            }
        }
        Self {
            hints,
            ..Self::usage(message)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_statuses_follow_the_table() {
        let of = |kind: Kind| kind.exit_status();
        assert_eq!(of(Kind::StepFailed), 1);
        assert_eq!(of(Kind::NotFound), 1);
        assert_eq!(of(Kind::Usage), 2);
        assert_eq!(of(Kind::RunUsage), 125);
        assert_eq!(of(Kind::CheckFailed), 3);
        assert_eq!(of(Kind::Cancelled), 130);
    }
}
