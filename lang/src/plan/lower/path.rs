//! Paths of instructions: relative ones joined to the working directory, Windows ones without their drive.
//!
//! **Source:** BuildKit `util/system/path.go`; `client/llb/fileop.go`, `normalizePath`.

use crate::model::pattern;
use std::borrow::Cow;

/// Rules for the paths of one operating system.
#[derive(Clone, Copy, Debug)]
pub(super) struct Paths {
    windows: bool,
}

impl Paths {
    pub(super) fn of(os: &str) -> Self {
        Self {
            windows: os == "windows",
        }
    }

    pub(super) fn is_absolute(self, path: &str) -> bool {
        self.without_drive(path, false)
            .is_ok_and(|p| p.starts_with('/'))
    }

    /// `path` below `parent` unless it is absolute, with forward slashes. An absolute path stays as written; a joined
    /// one is cleaned, and with `keep_slash` keeps a trailing `/` or `/.`.
    ///
    /// # Errors
    /// The official text for Windows paths of another drive.
    pub(super) fn normalize(
        self,
        parent: &str,
        path: &str,
        keep_slash: bool,
    ) -> Result<String, String> {
        let path = self.to_slash(path);
        let parent = self.to_slash(parent);
        let parent = if parent.is_empty() {
            Cow::Borrowed("/")
        } else {
            self.without_drive(&parent, keep_slash)?
        };
        let parent = if parent.starts_with('/') {
            parent
        } else {
            Cow::Owned(pattern::join(&["/", &parent]))
        };
        let new = if path.is_empty() {
            parent.clone()
        } else {
            self.without_drive(&path, keep_slash)?
        };
        let mut new = if new.starts_with('/') {
            new.into_owned()
        } else {
            pattern::join(&[&parent, &new])
        };
        if keep_slash {
            keep_ending(&path, &mut new);
        }
        Ok(if self.windows {
            self.to_slash(&new).into_owned()
        } else {
            new
        })
    }

    /// The working directory after `WORKDIR path`, in the spelling of the image config.
    ///
    /// # Errors
    /// As [`Paths::normalize`].
    pub(super) fn working_directory(self, current: &str, path: &str) -> Result<String, String> {
        let path = self
            .normalize(current, path, false)
            .map_err(|e| format!("normalizing workdir: normalizing working directory: {e}"))?;
        Ok(if self.windows {
            path.replace('/', "\\")
        } else {
            path
        })
    }

    /// Destination of a copy, as the image config's paths have it.
    ///
    /// # Errors
    /// As [`Paths::normalize`].
    pub(super) fn destination(self, working_directory: &str, path: &str) -> Result<String, String> {
        let path = self
            .without_drive(path, true)
            .map_err(|e| format!("removing drive letter: {e}"))?;
        if self.is_absolute(&path) {
            return self.normalize("/", &path, true);
        }
        let path = match &*path {
            "" | "." => "./",
            path => path,
        };
        self.normalize(working_directory, path, true)
    }

    pub(super) fn to_slash(self, path: &str) -> Cow<'_, str> {
        if self.windows {
            Cow::Owned(path.replace('\\', "/"))
        } else {
            Cow::Borrowed(path)
        }
    }

    /// # Errors
    /// The official text: only the system drive can be named.
    pub(super) fn without_drive(
        self,
        path: &str,
        keep_slash: bool,
    ) -> Result<Cow<'_, str>, String> {
        if !self.windows {
            return Ok(Cow::Borrowed(path));
        }
        if path.len() == 2 && path.ends_with(':') {
            return Err(format!(
                "removing drive letter: No relative path specified in {}",
                crate::quote::quote(path.as_bytes())
            ));
        }
        if path.get(..2).is_some_and(|p| self.to_slash(p) == "//") {
            return Err("removing drive letter: UNC paths are not supported".to_owned());
        }
        let path = match path.split_once(':') {
            Some((drive, path)) if drive.eq_ignore_ascii_case("c") => path,
            Some(_) => {
                return Err(
                    "removing drive letter: The specified path is not on the system drive (C:)"
                        .to_owned(),
                );
            }
            None => path,
        };
        let slashed = self.to_slash(path);
        let mut clean = pattern::clean_str(&slashed);
        if keep_slash && clean.len() > 1 && slashed.ends_with('/') {
            clean.push('/');
        }
        Ok(Cow::Owned(clean))
    }
}

/// A path of Windows with its drive, maybe in quotes: `C:\app`.
pub(super) fn has_drive(path: &[u8]) -> bool {
    let path = path.strip_prefix(b"\"").unwrap_or(path);
    matches!(path, [letter, b':', b'\\' | b'/', ..] if letter.is_ascii_alphabetic())
}

/// An absolute path as a file operation has it: cleaned, a trailing `/` or `/.` kept with `keep_slash`.
pub(super) fn absolute(path: &str, keep_slash: bool) -> String {
    let mut clean = pattern::join(&["/", path]);
    if keep_slash {
        keep_ending(path, &mut clean);
    }
    clean
}

fn keep_ending(written: &str, path: &mut String) {
    if written.ends_with('/') && !path.ends_with('/') {
        path.push('/');
    } else if written.ends_with("/.") {
        if path != "/" {
            path.push('/');
        }
        path.push('.');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn linux_paths() {
        let linux = Paths::of("linux");
        for (current, path, expect) in [
            ("/", "a/../b", "/b"),
            ("/a", "b/", "/a/b"),
            ("/a", "/x/../b//", "/x/../b//"),
            ("", "", "/"),
        ] {
            assert_eq!(linux.working_directory(current, path).unwrap(), expect);
        }
        for (path, expect) in [
            (".", "/w/"),
            ("./", "/w/"),
            ("", "/w/"),
            ("a/.", "/w/a/."),
            ("/", "/"),
            ("/a/", "/a/"),
        ] {
            assert_eq!(
                absolute(&linux.destination("/w", path).unwrap(), true),
                expect,
                "{path}"
            );
        }
    }

    #[test]
    fn windows_paths() {
        let windows = Paths::of("windows");
        assert_eq!(
            windows.working_directory("", r"C:\go\src\..").unwrap(),
            r"\go"
        );
        assert_eq!(
            windows.working_directory(r"\go", "src").unwrap(),
            r"\go\src"
        );
        assert!(windows.is_absolute(r"c:\x") && !windows.is_absolute("x"));
        assert!(windows.working_directory("", r"D:\x").is_err());
    }
}
