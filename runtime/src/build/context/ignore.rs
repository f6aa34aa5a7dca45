//! Finding and reading the ignore file, and saying which of its lines left a path out.

use super::{ContextError, TreeError};
use cooperage_lang::model::ignore::{IgnoreError, Patterns};
use rustix::fs::{Mode, OFlags};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// An ignore file: its patterns, and its text for messages.
#[derive(Clone, Debug, Default)]
pub struct IgnoreFile {
    name: String,
    text: Vec<u8>,
    patterns: Patterns,
}

/// Names of the file to build, in the order they are tried. `Dockerfile` is BuildKit's default, `Containerfile` podman's.
const DOCKERFILES: [&str; 2] = ["Dockerfile", "Containerfile"];

/// Bytes of an ignore file or a Dockerfile that are still read.
const LIMIT: u64 = 16 << 20;

/// The Dockerfile of a context when none was named.
pub fn default_dockerfile(context: &Path) -> Option<PathBuf> {
    DOCKERFILES
        .iter()
        .map(|name| context.join(name))
        .find(|p| p.is_file())
}

impl IgnoreFile {
    /// No patterns.
    pub fn none() -> Self {
        Self::default()
    }

    /// Patterns from text; `name` is shown in messages.
    ///
    /// # Errors
    /// [`ContextError::Pattern`].
    pub fn parse(name: impl Into<String>, text: Vec<u8>) -> Result<Self, ContextError> {
        let name = name.into();
        match Patterns::parse_file(&text) {
            Ok(patterns) => Ok(Self {
                name,
                text,
                patterns,
            }),
            Err(e) => Err(ContextError::Pattern {
                name,
                message: e.to_string(),
            }),
        }
    }

    /// The ignore file that applies to `context`: the one named after the Dockerfile and beside it, else the context's own.
    /// A named context has no Dockerfile.
    ///
    /// **Source:** BuildKit `frontend/dockerui`; Dockerfile reference, *Filename and location*.
    ///
    /// # Errors
    /// [`ContextError::IgnoreFile`], [`ContextError::Pattern`].
    pub fn find(context: &Path, dockerfile: Option<&Path>) -> Result<Self, ContextError> {
        let beside = dockerfile.and_then(|p| {
            let mut name = p.file_name()?.to_owned();
            name.push(".dockerignore");
            Some(p.with_file_name(name))
        });
        for path in beside.into_iter().chain([context.join(".dockerignore")]) {
            let name = path
                .file_name()
                .map_or_else(String::new, |n| n.to_string_lossy().into_owned());
            match read_small(&path) {
                Ok(text) => return Self::parse(name, text),
                Err(e)
                    if matches!(
                        e.kind(),
                        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
                    ) => {}
                Err(source) => return Err(ContextError::IgnoreFile { path, source }),
            }
        }
        Ok(Self::none())
    }

    /// The patterns.
    pub fn patterns(&self) -> &Patterns {
        &self.patterns
    }

    /// Name of the file; empty when there is none.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// File, line number and text of the line that leaves out `path` (relative), when one does.
    pub fn excluding_line(&self, path: &[u8]) -> Option<(String, usize, String)> {
        let pattern = self.patterns.excluded_by(path).ok()??.written();
        // The last of equal lines decides, as the last match does.
        let lines = self.text.split(|b| *b == b'\n').enumerate();
        let same = |line: &[u8]| {
            Patterns::parse_file(line)
                .is_ok_and(|p| p.patterns().first().is_some_and(|p| p.written() == pattern))
        };
        let (number, line) = lines.filter(|(_, line)| same(line)).last()?;
        Some((
            self.name.clone(),
            number + 1,
            String::from_utf8_lossy(line).trim().to_owned(),
        ))
    }

    pub(super) fn error(&self, e: IgnoreError) -> TreeError {
        TreeError::Ignore {
            ignore_file: self.name.clone(),
            message: e.to_string(),
        }
    }
}

/// Reads a regular file; anything else a hostile folder may hold there (a pipe, a device) is refused without waiting.
fn read_small(path: &Path) -> io::Result<Vec<u8>> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::open(path, flags, Mode::empty())?);
    if !file.metadata()?.is_file() {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "not a regular file",
        ));
    }
    let mut text = Vec::new();
    file.take(LIMIT + 1).read_to_end(&mut text)?;
    if text.len() as u64 > LIMIT {
        return Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            "larger than 16 MiB",
        ));
    }
    Ok(text)
}
