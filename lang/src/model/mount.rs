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

/// A key of `--mount`: the one source for hover, completion and signature help.
#[derive(Debug)]
pub struct MountKey {
    /// Usual spelling.
    pub name: &'static str,
    /// Other spellings.
    pub aliases: &'static [&'static str],
    /// Types that take it.
    pub types: &'static [MountType],
    /// It may stand without a value.
    pub bare: bool,
    /// A usual value, to start from.
    pub example: &'static str,
    /// Every value, when they can be listed, with a sentence each.
    pub choices: &'static [(&'static str, &'static str)],
    /// One sentence, Markdown.
    pub doc: &'static str,
}

const BOOL: &[(&str, &str)] = &[("true", "Yes."), ("false", "No.")];

/// Every key, `type` first, the others in the order in which one writes them.
///
/// **Source:** BuildKit `instructions/commands_runmount.go`; Dockerfile reference, section "RUN --mount".
pub static MOUNT_KEYS: &[MountKey] = &[
    MountKey {
        name: "type",
        aliases: &[],
        types: MountType::ALL,
        bare: false,
        example: "cache",
        choices: &[
            (
                "bind",
                "Files of the context, a stage or an image, without copying them.",
            ),
            (
                "cache",
                "A folder that is kept between builds and is not part of the image.",
            ),
            ("tmpfs", "A folder in memory."),
            (
                "secret",
                "A secret as a file or a variable; it never reaches a layer.",
            ),
            (
                "ssh",
                "The socket of an SSH agent; keys never reach a layer.",
            ),
        ],
        doc: "What is mounted: `bind` when absent. Write it first.",
    },
    MountKey {
        name: "id",
        aliases: &[],
        types: &[MountType::Cache, MountType::Secret, MountType::Ssh],
        bare: false,
        example: "name",
        choices: &[],
        doc: "Name of the cache (its target when absent), the secret or the agent (`default`).",
    },
    MountKey {
        name: "target",
        aliases: &["dst", "destination"],
        types: MountType::ALL,
        bare: false,
        example: "/path",
        choices: &[],
        doc: "Where it appears: absolute, or below the working directory. Of a secret `/run/secrets/` and its id when absent.",
    },
    MountKey {
        name: "source",
        aliases: &["src"],
        types: &[MountType::Bind, MountType::Cache, MountType::Secret],
        bare: false,
        example: "path",
        choices: &[],
        doc: "Path in what `from` names, or in the build context. Of a secret the same as `id`.",
    },
    MountKey {
        name: "from",
        aliases: &[],
        types: &[MountType::Bind, MountType::Cache],
        bare: false,
        example: "stage",
        choices: &[],
        doc: "Stage, image or named context the files come from; of a cache its first content. A number is an image, not a stage, and variables are not expanded.",
    },
    MountKey {
        name: "env",
        aliases: &[],
        types: &[MountType::Secret],
        bare: false,
        example: "NAME",
        choices: &[],
        doc: "Variable that holds the secret; without `target` there is no file then.",
    },
    MountKey {
        name: "sharing",
        aliases: &[],
        types: &[MountType::Cache],
        bare: false,
        example: "locked",
        choices: &[
            ("shared", "Several builds use it at once; the default."),
            (
                "private",
                "Each build that runs at the same time gets one of its own.",
            ),
            (
                "locked",
                "A second build waits for the first; for `apt` and others that lock.",
            ),
        ],
        doc: "What happens when several builds want the cache.",
    },
    MountKey {
        name: "required",
        aliases: &[],
        types: &[MountType::Secret, MountType::Ssh],
        bare: true,
        example: "true",
        choices: BOOL,
        doc: "The build fails when it is not given. Without it the mount is left out.",
    },
    MountKey {
        name: "readonly",
        aliases: &["ro"],
        types: MountType::ALL,
        bare: true,
        example: "true",
        choices: BOOL,
        doc: "Writing is refused; the default for bind, secret and ssh.",
    },
    MountKey {
        name: "readwrite",
        aliases: &["rw"],
        types: MountType::ALL,
        bare: true,
        example: "true",
        choices: BOOL,
        doc: "Writing is allowed; what is written to a bind mount is thrown away.",
    },
    MountKey {
        name: "mode",
        aliases: &[],
        types: &[MountType::Cache, MountType::Secret, MountType::Ssh],
        bare: false,
        example: "0400",
        choices: &[],
        doc: "Permission bits, octal: 0755 for a cache, 0400 for a secret, 0600 for the socket when absent.",
    },
    MountKey {
        name: "uid",
        aliases: &[],
        types: &[MountType::Cache, MountType::Secret, MountType::Ssh],
        bare: false,
        example: "1000",
        choices: &[],
        doc: "Number of the owner; 0 when absent.",
    },
    MountKey {
        name: "gid",
        aliases: &[],
        types: &[MountType::Cache, MountType::Secret, MountType::Ssh],
        bare: false,
        example: "1000",
        choices: &[],
        doc: "Number of the group; 0 when absent.",
    },
    MountKey {
        name: "size",
        aliases: &[],
        types: &[MountType::Tmpfs],
        bare: false,
        example: "64m",
        choices: &[],
        doc: "Most bytes it may hold, with a unit: `64m`, `1g`.",
    },
];

impl MountKey {
    /// The key spelled so, in any case.
    pub fn find(name: &str) -> Option<&'static Self> {
        MOUNT_KEYS.iter().find(|key| key.is_spelled(name))
    }

    /// Tells whether `name` is one of its spellings, in any case.
    pub fn is_spelled(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
            || self.aliases.iter().any(|a| a.eq_ignore_ascii_case(name))
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
    /// Every type.
    pub const ALL: &'static [Self] = &[
        Self::Bind,
        Self::Cache,
        Self::Tmpfs,
        Self::Secret,
        Self::Ssh,
    ];

    /// As written in `type=`.
    pub fn name(self) -> &'static str {
        TYPES[self as usize]
    }

    /// The type called `name`, in lower case.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|t| t.name() == name)
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
    fn the_table_of_keys_is_what_the_parser_takes() {
        for key in MOUNT_KEYS {
            for kind in MountType::ALL {
                let base = match (kind, key.name) {
                    (_, "type") => continue,
                    // A secret needs one of these, and not two of them.
                    (MountType::Secret, "id" | "source" | "target") => "type=secret".to_owned(),
                    (MountType::Secret, _) => "type=secret,id=a".to_owned(),
                    _ => format!("type={kind}"),
                };
                let value = key.choices.first().map_or(key.example, |c| c.0);
                let given = parse(&format!("{base},{}={value}", key.name));
                // What a type does not use is not always refused.
                if key.types.contains(kind) {
                    assert!(given.is_ok(), "{kind} {}: {given:?}", key.name);
                }
                if key.bare && key.types.contains(kind) {
                    assert!(
                        parse(&format!("{base},{}", key.name)).is_ok(),
                        "{}",
                        key.name
                    );
                }
            }
            for alias in key.aliases {
                assert!(
                    parse(&format!("type=cache,{alias}={}", key.example)).is_ok(),
                    "{alias}"
                );
            }
        }
        for key in KEYS {
            assert!(MountKey::find(key).is_some(), "{key}");
        }
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
