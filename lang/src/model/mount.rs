//! `RUN --mount=…`. **Source:** BuildKit `frontend/dockerfile/instructions`, `commands_runmount.go`.

use super::bytes;
use super::url::parse_bool;
use crate::plan::Sharing;
use crate::quote::quote;
use crate::rune;
use std::fmt;

/// One parsed `--mount` value. Paths are as written: the caller joins `target` to the working directory.
///
/// ```
/// use cooperage_lang::model::mount::{MountSpec, MountType};
/// let mut expand = |value: &str| Ok(value.to_owned());
/// let mount = MountSpec::parse(b"type=cache,target=/root/.cache,sharing=locked", &mut expand).unwrap();
/// assert_eq!((mount.kind, mount.target.as_str(), mount.read_only), (MountType::Cache, "/root/.cache", false));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MountSpec {
    /// `type=`.
    pub kind: MountType,
    /// Stage or image name; empty for none.
    pub from: String,
    /// Empty when not given.
    pub source: String,
    /// Empty when not given.
    pub target: String,
    /// Defaults applied: true for bind, secret, ssh unless `rw`.
    pub read_only: bool,
    /// tmpfs, bytes; 0 when not given.
    pub size: i64,
    /// `id=` as given; empty when not.
    pub id: String,
    /// Of a cache; `None` elsewhere and when not given.
    pub sharing: Option<Sharing>,
    /// Secret and ssh: the build fails without it.
    pub required: bool,
    /// Variable of a secret.
    pub env: Option<String>,
    /// Permission bits.
    pub mode: Option<u32>,
    /// Owner.
    pub uid: Option<u32>,
    /// Group.
    pub gid: Option<u32>,
}

/// `type=` of a mount.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum MountType {
    /// Files of the context, a stage or an image.
    #[default]
    Bind,
    /// A folder kept between builds.
    Cache,
    /// Memory.
    Tmpfs,
    /// A secret as file or variable.
    Secret,
    /// An agent socket.
    Ssh,
}

/// Why a value is refused; the official text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MountError {
    /// The text, without a suggestion.
    pub message: String,
    /// The word that is wrong and the words that would have been right, to suggest one.
    pub unknown: Option<(String, &'static [&'static str])>,
}

impl fmt::Display for MountError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for MountError {}

impl From<String> for MountError {
    fn from(message: String) -> Self {
        Self {
            message,
            unknown: None,
        }
    }
}

impl From<MountError> for String {
    fn from(error: MountError) -> Self {
        error.message
    }
}

const TYPES: &[&str] = &["bind", "cache", "tmpfs", "secret", "ssh"];
const SHARINGS: &[&str] = &["shared", "private", "locked"];
/// What an unknown key is compared with; not all that are known, as in the reference.
const KEYS: &[&str] = &[
    "type",
    "from",
    "source",
    "target",
    "readonly",
    "id",
    "sharing",
    "required",
    "mode",
    "uid",
    "gid",
    "src",
    "dst",
    "ro",
    "rw",
    "readwrite",
];

impl MountType {
    /// As written in `type=`.
    pub fn name(self) -> &'static str {
        TYPES[self as usize]
    }

    fn parse(name: &str) -> Option<Self> {
        [
            Self::Bind,
            Self::Cache,
            Self::Tmpfs,
            Self::Secret,
            Self::Ssh,
        ]
        .into_iter()
        .find(|t| t.name() == name)
    }
}

impl fmt::Display for MountType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl MountSpec {
    /// Parses a value, each field's value expanded by `expand`, checked in the order of the fields.
    ///
    /// # Errors
    /// The official text, or what `expand` failed with.
    pub fn parse(
        value: &[u8],
        expand: &mut dyn FnMut(&str) -> Result<String, String>,
    ) -> Result<Self, MountError> {
        let mut mount = Self::default();
        let mut read_only = None;
        for field in split_fields(value)? {
            match field.split_once('=') {
                Some((key, value)) => {
                    let (key, value) = (key.to_lowercase(), expand(value)?);
                    match (key.as_str(), parse_bool(&value)) {
                        ("readonly" | "ro", Some(on)) => read_only = Some(on),
                        ("readwrite" | "rw", Some(on)) => read_only = Some(!on),
                        ("readonly" | "ro" | "readwrite" | "rw", None) => {
                            return Err(bad_value(&key, &value));
                        }
                        _ => mount.set(&key, value, &field)?,
                    }
                }
                None => match field.to_lowercase().as_str() {
                    "readonly" | "ro" => read_only = Some(true),
                    "readwrite" | "rw" => read_only = Some(false),
                    key @ "required" => {
                        mount.allow_required(key)?;
                        mount.required = true;
                    }
                    _ => {
                        return Err(
                            format!("invalid field '{field}' must be a key=value pair").into()
                        );
                    }
                },
            }
        }
        mount.read_only =
            read_only.unwrap_or(!matches!(mount.kind, MountType::Cache | MountType::Tmpfs));
        mount.validate()?;
        Ok(mount)
    }

    /// The check of step 2, on the value as written: `from` must not hold a variable.
    ///
    /// # Errors
    /// The official text.
    pub fn check(value: &[u8]) -> Result<(), MountError> {
        for field in split_fields(value)? {
            let Some((key, value)) = field.split_once('=') else {
                continue;
            };
            // A `$` at the very end is no variable.
            let variable = value.char_indices().any(|(i, c)| {
                c == '$' && !matches!(value[i + 1..].chars().next(), None | Some('\n'))
            });
            if key.to_lowercase() == "from" && variable {
                return Err(
                    "'from' doesn't support variable expansion, define alias stage instead"
                        .to_owned()
                        .into(),
                );
            }
        }
        Ok(())
    }

    fn set(&mut self, key: &str, value: String, field: &str) -> Result<(), MountError> {
        match key {
            "type" => {
                self.kind = MountType::parse(&value.to_lowercase()).ok_or_else(|| MountError {
                    message: format!("unsupported mount type {}", quote(value.as_bytes())),
                    unknown: Some((value, TYPES)),
                })?;
            }
            "from" => self.from = value,
            "source" | "src" => self.source = value,
            "target" | "dst" | "destination" => self.target = value,
            "required" => {
                self.allow_required(key)?;
                self.required = parse_bool(&value).ok_or_else(|| bad_value(key, &value))?;
            }
            "size" => {
                if self.kind != MountType::Tmpfs {
                    return Err(self.unexpected(key));
                }
                self.size = bytes::parse(&value).map_err(|_| bad_value(key, &value))?;
            }
            "id" => self.id = value,
            "sharing" => {
                self.sharing =
                    Some(
                        parse_sharing(&value.to_lowercase()).ok_or_else(|| MountError {
                            message: format!(
                                "unsupported sharing value {}",
                                quote(value.as_bytes())
                            ),
                            unknown: Some((value, SHARINGS)),
                        })?,
                    );
            }
            "mode" => self.mode = Some(parse_number(key, &value, 8)?),
            "uid" => self.uid = Some(parse_number(key, &value, 10)?),
            "gid" => self.gid = Some(parse_number(key, &value, 10)?),
            "env" => self.env = Some(value),
            _ => {
                return Err(MountError {
                    message: format!("unexpected key '{key}' in '{field}'"),
                    unknown: Some((key.to_owned(), KEYS)),
                });
            }
        }
        Ok(())
    }

    fn allow_required(&self, key: &str) -> Result<(), MountError> {
        match self.kind {
            MountType::Secret | MountType::Ssh => Ok(()),
            MountType::Bind | MountType::Cache | MountType::Tmpfs => Err(self.unexpected(key)),
        }
    }

    fn unexpected(&self, key: &str) -> MountError {
        format!("unexpected key '{key}' for mount type '{}'", self.kind).into()
    }

    /// The checks of the whole, in the reference's order.
    fn validate(&self) -> Result<(), MountError> {
        if matches!(self.kind, MountType::Bind | MountType::Tmpfs) {
            let given = [("mode", self.mode), ("uid", self.uid), ("gid", self.gid)];
            if let Some((key, _)) = given.iter().find(|(_, value)| value.is_some()) {
                return Err(format!("{key} not allowed for \"{}\" type mounts", self.kind).into());
            }
        }
        if self.kind == MountType::Secret {
            let refused = if !self.from.is_empty() {
                Some("secret mount should not have a from")
            } else if self.sharing.is_some() {
                Some("secret mount should not define sharing")
            } else if self.source.is_empty() && self.target.is_empty() && self.id.is_empty() {
                Some("invalid secret mount. one of source, target required")
            } else if !self.source.is_empty() && !self.id.is_empty() {
                Some("both source and id can't be set")
            } else {
                None
            };
            if let Some(text) = refused {
                return Err(text.to_owned().into());
            }
        }
        if self.sharing.is_some() && self.kind != MountType::Cache {
            return Err(format!("invalid cache sharing set for {} mount", self.kind).into());
        }
        Ok(())
    }
}

fn bad_value(key: &str, value: &str) -> MountError {
    format!("invalid value for {key}: {value}").into()
}

fn parse_sharing(name: &str) -> Option<Sharing> {
    match name {
        "shared" => Some(Sharing::Shared),
        "private" => Some(Sharing::Private),
        "locked" => Some(Sharing::Locked),
        _ => None,
    }
}

fn parse_number(key: &str, value: &str, radix: u32) -> Result<u32, MountError> {
    // `from_str_radix` would accept a sign.
    let digits = value.bytes().all(|b| b.is_ascii_digit());
    let number = u32::from_str_radix(value, radix).ok().filter(|_| digits);
    number.ok_or_else(|| format!("invalid value {value} for {key}").into())
}

/// Splits a value as one CSV record.
///
/// **Source:** RFC 4180, Go `encoding/csv`, whose messages these are.
pub(crate) fn split_fields(value: &[u8]) -> Result<Vec<String>, String> {
    if value.is_empty() {
        return Err("failed to parse csv mounts: EOF".to_owned());
    }
    let mut fields = Vec::new();
    let mut at = 0;
    loop {
        let (field, end) = if value.get(at) == Some(&b'"') {
            quoted_field(value, at + 1)?
        } else {
            plain_field(value, at)?
        };
        fields.push(rune::to_string(&field));
        at = end;
        if at >= value.len() {
            return Ok(fields);
        }
        at += 1;
    }
}

/// Reads a field without quotes; returns it and the place behind it.
fn plain_field(value: &[u8], start: usize) -> Result<(Vec<u8>, usize), String> {
    let rest = &value[start..];
    let field = &rest[..rest.iter().position(|b| *b == b',').unwrap_or(rest.len())];
    match field.iter().position(|b| *b == b'"') {
        Some(i) => Err(csv_error(start + i + 1, "bare \" in non-quoted field")),
        None => Ok((field.to_vec(), start + field.len())),
    }
}

/// Reads a field behind its opening quote; returns it and the place behind the closing one.
fn quoted_field(value: &[u8], start: usize) -> Result<(Vec<u8>, usize), String> {
    const UNBALANCED: &str = "extraneous or missing \" in quoted-field";
    let (mut field, mut at) = (Vec::new(), start);
    loop {
        let Some(i) = value[at..].iter().position(|b| *b == b'"') else {
            return Err(csv_error(value.len() + 1, UNBALANCED));
        };
        field.extend_from_slice(&value[at..at + i]);
        at += i + 1;
        match value.get(at) {
            Some(b'"') => {
                field.push(b'"');
                at += 1;
            }
            Some(b',') | None => return Ok((field, at)),
            Some(_) => return Err(csv_error(at, UNBALANCED)),
        }
    }
}

/// `column` counts bytes from 1.
fn csv_error(column: usize, what: &str) -> String {
    format!("failed to parse csv mounts: parse error on line 1, column {column}: {what}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(value: &str) -> Result<MountSpec, String> {
        MountSpec::parse(value.as_bytes(), &mut |v| Ok(v.to_owned())).map_err(Into::into)
    }

    #[test]
    fn errors_are_the_official_ones() {
        for (value, error) in [
            ("type=foo", "unsupported mount type \"foo\""),
            ("foo", "invalid field 'foo' must be a key=value pair"),
            ("x=1", "unexpected key 'x' in 'x=1'"),
            ("ro=maybe", "invalid value for ro: maybe"),
            (
                "required,type=secret",
                "unexpected key 'required' for mount type 'bind'",
            ),
            ("size=1g", "unexpected key 'size' for mount type 'bind'"),
            ("type=tmpfs,size=1x", "invalid value for size: 1x"),
            (
                "type=cache,sharing=foo",
                "unsupported sharing value \"foo\"",
            ),
            ("sharing=shared", "invalid cache sharing set for bind mount"),
            ("mode=0755", "mode not allowed for \"bind\" type mounts"),
            ("type=cache,mode=0999", "invalid value 0999 for mode"),
            (
                "type=secret",
                "invalid secret mount. one of source, target required",
            ),
            ("type=secret,id=a,src=b", "both source and id can't be set"),
            (
                "type=secret,id=a,from=b",
                "secret mount should not have a from",
            ),
            (
                "\"a",
                "failed to parse csv mounts: parse error on line 1, column 3: extraneous or missing \" in quoted-field",
            ),
            (
                "a\"b",
                "failed to parse csv mounts: parse error on line 1, column 2: bare \" in non-quoted field",
            ),
        ] {
            assert_eq!(parse(value), Err(error.to_owned()), "{value}");
        }
    }

    #[test]
    fn quotes_protect_commas() {
        let mount = parse("TYPE=bind,\"source=a,b\",dst=/x,rw").unwrap();
        assert_eq!(
            (
                mount.source.as_str(),
                mount.target.as_str(),
                mount.read_only
            ),
            ("a,b", "/x", false)
        );
        assert!(parse("target=/x").unwrap().read_only);
    }

    #[test]
    fn a_variable_in_from_is_refused_early() {
        assert!(MountSpec::check(b"from=$a,target=$b").is_err());
        assert!(MountSpec::check(b"from=a$,target=${b},ro").is_ok());
    }
}
