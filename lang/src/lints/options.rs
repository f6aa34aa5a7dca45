//! `# check=skip=…;experimental=…;error=…`.

use super::Lint;
use crate::quote::quote;
use bstr::{BString, ByteSlice};
use std::borrow::Cow;
use std::collections::BTreeSet;

/// Which rules run, and whether a finding fails the build.
///
/// **Source:** BuildKit `frontend/dockerfile/linter/linter.go`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CheckOptions {
    /// `skip=…`.
    pub skip: Rules,
    /// `experimental=…`.
    pub experimental: Rules,
    /// `error=true`: any finding fails the build.
    pub error: bool,
}

/// Some rules, or all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// `all`.
    pub all: bool,
    /// Names, as written.
    pub names: BTreeSet<String>,
}

impl CheckOptions {
    /// Parses the value of a `check` directive.
    ///
    /// # Errors
    /// The official text, without `failed to parse check options: `.
    pub fn parse(value: &str) -> Result<Self, String> {
        let value = value.trim();
        let mut options = Self::default();
        if value.is_empty() {
            return Ok(options);
        }
        for part in value.splitn(3, ';') {
            let Some((key, value)) = part.split_once('=') else {
                return Err(format!("invalid check option {}", quote(part.as_bytes())));
            };
            match key.trim() {
                "skip" => options.skip = Rules::parse(value),
                "experimental" => options.experimental = Rules::parse(value),
                "error" => options.error = parse_bool(value.trim(), part)?,
                key => return Err(format!("invalid check option {}", quote(key.as_bytes()))),
            }
        }
        Ok(options)
    }

    /// These options and those of a `check` line among an instruction's comments. A bad value changes nothing.
    #[must_use]
    pub fn with_comments(&self, comments: &[BString]) -> Cow<'_, Self> {
        let Some(value) = comments.iter().find_map(|comment| check_line(comment)) else {
            return Cow::Borrowed(self);
        };
        let Ok(more) = Self::parse(&value) else {
            return Cow::Borrowed(self);
        };
        let mut merged = self.clone();
        merged.skip.add(more.skip);
        merged.experimental.add(more.experimental);
        Cow::Owned(merged)
    }

    /// Tells whether a rule runs.
    pub fn runs(&self, lint: &Lint) -> bool {
        if lint.experimental {
            self.experimental.has(lint.name)
        } else {
            !self.skip.has(lint.name)
        }
    }
}

impl Rules {
    fn parse(value: &str) -> Self {
        let value = value.trim();
        if value == "all" {
            return Self {
                all: true,
                names: BTreeSet::new(),
            };
        }
        Self {
            all: false,
            names: value
                .split(',')
                .map(|name| name.trim().to_owned())
                .collect(),
        }
    }

    fn add(&mut self, more: Self) {
        self.all |= more.all;
        self.names.extend(more.names);
    }

    fn has(&self, name: &str) -> bool {
        self.all || self.names.contains(name)
    }
}

/// Value of a comment `check=…` up to the first space; the name in any case.
pub(super) fn check_line(comment: &[u8]) -> Option<String> {
    let (name, value) = comment.split_once_str("=")?;
    let value = value.trim();
    (name.trim().eq_ignore_ascii_case(b"check") && !value.is_empty()).then(|| {
        value
            .split_str(" ")
            .next()
            .unwrap_or_default()
            .to_str_lossy()
            .into_owned()
    })
}

fn parse_bool(value: &str, part: &str) -> Result<bool, String> {
    match value {
        "1" | "t" | "T" | "TRUE" | "true" | "True" => Ok(true),
        "0" | "f" | "F" | "FALSE" | "false" | "False" => Ok(false),
        _ => Err(format!(
            "failed to parse check option {}: strconv.ParseBool: parsing {}: invalid syntax",
            quote(part.as_bytes()),
            quote(value.as_bytes())
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_three_parts() {
        let options = CheckOptions::parse("skip=A, B;error=true;experimental=all").unwrap();
        assert!(options.error && options.experimental.all && !options.skip.all);
        assert_eq!(options.skip.names, ["A", "B"].map(str::to_owned).into());
        assert_eq!(CheckOptions::parse(" ").unwrap(), CheckOptions::default());
    }

    #[test]
    fn refuses_what_the_official_front_end_refuses() {
        for (value, error) in [
            ("skip", "invalid check option \"skip\""),
            ("foo=bar", "invalid check option \"foo\""),
            (
                "error=x",
                "failed to parse check option \"error=x\": strconv.ParseBool: parsing \"x\": invalid syntax",
            ),
        ] {
            assert_eq!(CheckOptions::parse(value).unwrap_err(), error);
        }
    }

    #[test]
    fn a_comment_adds_to_the_file() {
        let file = CheckOptions::parse("skip=A").unwrap();
        let merged = file.with_comments(&[
            "text".into(),
            "CHECK = skip=B and why".into(),
            "check=skip=C".into(),
        ]);
        assert_eq!(merged.skip.names, ["A", "B"].map(str::to_owned).into());
        assert_eq!(*file.with_comments(&["check=nonsense".into()]), file);
    }
}
