//! Image references: `docker.io/library/debian:12@sha256:…`.
//!
//! [`Reference`] is the normal form everything else works with. [`RawReference`] is the grammar alone, without
//! Docker's defaults. **Source:** `distribution/reference`, `opencontainers/go-digest`.

use super::pattern::{BadPattern, glob_match};
use std::fmt;
use std::str::FromStr;

/// Registry of names without one.
pub const DEFAULT_DOMAIN: &str = "docker.io";

const LEGACY_DEFAULT_DOMAIN: &str = "index.docker.io";
const OFFICIAL_PREFIX: &str = "library/";
const DEFAULT_TAG: &str = "latest";

/// Longest path, bytes.
const MAX_PATH: usize = 255;

/// A checked content digest, `sha256:<64 hex>` (or sha384, sha512 with their lengths).
///
/// ```
/// use cooperage_lang::model::reference::{Digest, DigestError};
/// let digest = Digest::from_sha256([0xab; 32]);
/// assert_eq!((digest.algorithm(), digest.hex().len()), ("sha256", 64));
/// assert_eq!("sha256:ab".parse::<Digest>(), Err(DigestError::InvalidLength));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest(String);

/// A normalised image reference: domain, path, tag and digest.
///
/// ```
/// use cooperage_lang::model::reference::Reference;
/// let debian = Reference::parse_normalized("debian:12").unwrap();
/// assert_eq!(debian.to_string(), "docker.io/library/debian:12");
/// assert_eq!(debian.familiar(), "debian:12");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Reference {
    /// `docker.io`.
    pub domain: String,
    /// `library/debian`.
    pub path: String,
    /// `12`.
    pub tag: Option<String>,
    /// `sha256:…`.
    pub digest: Option<Digest>,
}

/// A reference as the grammar reads it: `debian` has no domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawReference {
    /// First component when it can be a host; else empty.
    pub domain: String,
    /// The other components.
    pub path: String,
    /// Behind `:`.
    pub tag: Option<String>,
    /// Behind `@`.
    pub digest: Option<Digest>,
}

/// The parts of a reference by the grammar; the digest is not checked yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parts<'a> {
    /// Domain and path.
    pub name: &'a str,
    /// Behind `:`, or empty.
    pub tag: &'a str,
    /// Behind `@`, or empty.
    pub digest: &'a str,
}

/// Why a text is not a reference. The texts are the official ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReferenceError {
    /// It does not fit the grammar.
    InvalidFormat,
    /// It would fit in lower case.
    NameContainsUppercase,
    /// It is empty.
    NameEmpty,
    /// The path has more than 255 bytes.
    NameTooLong,
    /// It is not in normal form where only that is accepted.
    NameNotCanonical,
    /// The name has upper-case letters; holds the offending part.
    MustBeLowercase(String),
    /// 64 hexadecimal digits are an identifier, not a name.
    Identifier(String),
    /// The digest is wrong.
    Digest(DigestError),
}

/// Why a text is not a digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DigestError {
    /// Not `algorithm:hex`.
    InvalidFormat,
    /// Not the algorithm's number of digits.
    InvalidLength,
    /// An algorithm nobody knows.
    Unsupported,
}

/// What [`AnyReference::parse`] finds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AnyReference {
    /// `sha256:…` or 64 hexadecimal digits.
    Digest(Digest),
    /// Anything else.
    Named(Reference),
}

impl Digest {
    /// The digest of these 32 bytes.
    pub fn from_sha256(bytes: [u8; 32]) -> Self {
        let mut text = String::from("sha256:");
        for byte in bytes {
            for digit in [byte >> 4, byte & 15] {
                text.push(
                    char::from_digit(u32::from(digit), 16)
                        .expect("four bits are a hexadecimal digit"),
                );
            }
        }
        Self(text)
    }

    /// `sha256`.
    pub fn algorithm(&self) -> &str {
        self.parts().0
    }

    /// The hexadecimal part.
    pub fn hex(&self) -> &str {
        self.parts().1
    }

    /// `sha256:<hex>`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn parts(&self) -> (&str, &str) {
        self.0.split_once(':').expect("checked when made")
    }
}

impl FromStr for Digest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        let (algorithm, hex) = text.split_once(':').ok_or(DigestError::InvalidFormat)?;
        if algorithm.is_empty() || hex.is_empty() {
            return Err(DigestError::InvalidFormat);
        }
        let digits = match algorithm {
            "sha256" => 64,
            "sha384" => 96,
            "sha512" => 128,
            _ if is_digest_shape(algorithm, hex) => return Err(DigestError::Unsupported),
            _ => return Err(DigestError::InvalidFormat),
        };
        if hex.len() != digits {
            return Err(DigestError::InvalidLength);
        }
        if !hex.bytes().all(is_lower_hex) {
            return Err(DigestError::InvalidFormat);
        }
        Ok(Self(text.to_owned()))
    }
}

/// `[a-z0-9]+([.+_-][a-z0-9]+)*` and `[a-zA-Z0-9=_-]+`.
fn is_digest_shape(algorithm: &str, encoded: &str) -> bool {
    let word = |w: &str| {
        !w.is_empty()
            && w.bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
    };
    algorithm.split(['.', '+', '_', '-']).all(word)
        && encoded
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"=_-".contains(&b))
}

fn is_lower_hex(b: u8) -> bool {
    matches!(b, b'0'..=b'9' | b'a'..=b'f')
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Reference {
    /// Parses a name as users write it: `debian` is `docker.io/library/debian`. No tag is added.
    ///
    /// # Errors
    /// See [`ReferenceError`].
    pub fn parse_normalized(text: &str) -> Result<Self, ReferenceError> {
        if is_identifier(text) {
            return Err(ReferenceError::Identifier(text.to_owned()));
        }
        let (domain, remainder) = split_domain(text);
        let remote = remainder.split(':').next().unwrap_or_default();
        if remote.to_lowercase() != remote {
            return Err(ReferenceError::MustBeLowercase(remote.to_owned()));
        }
        let RawReference {
            domain,
            path,
            tag,
            digest,
        } = RawReference::parse(&format!("{domain}/{remainder}"))?;
        Ok(Self {
            domain,
            path,
            tag,
            digest,
        })
    }

    /// Parses as [`Reference::parse_normalized`], then drops the tag when there is a digest and adds `latest` when
    /// there is neither.
    ///
    /// # Errors
    /// See [`ReferenceError`].
    pub fn parse_docker(text: &str) -> Result<Self, ReferenceError> {
        let mut reference = Self::parse_normalized(text)?;
        if reference.digest.is_some() {
            reference.tag = None;
        }
        Ok(reference.with_default_tag())
    }

    /// Parses only what is already in normal form.
    ///
    /// # Errors
    /// [`ReferenceError::NameNotCanonical`] when it is not.
    pub fn parse_canonical(text: &str) -> Result<Self, ReferenceError> {
        let reference = Self::parse_normalized(text)?;
        if reference.to_string() == text {
            Ok(reference)
        } else {
            Err(ReferenceError::NameNotCanonical)
        }
    }

    /// `docker.io/library/debian`.
    pub fn name(&self) -> String {
        format!("{}/{}", self.domain, self.path)
    }

    /// `debian`, without tag and digest.
    pub fn familiar_name(&self) -> String {
        if self.domain != DEFAULT_DOMAIN {
            return self.name();
        }
        let official = self
            .path
            .strip_prefix(OFFICIAL_PREFIX)
            .filter(|rest| !rest.contains('/'));
        official.unwrap_or(&self.path).to_owned()
    }

    /// `debian:12`, as users write it.
    pub fn familiar(&self) -> String {
        self.familiar_name() + &self.suffix()
    }

    /// With `latest` when there is neither tag nor digest.
    #[must_use]
    pub fn with_default_tag(mut self) -> Self {
        if self.tag.is_none() && self.digest.is_none() {
            self.tag = Some(DEFAULT_TAG.to_owned());
        }
        self
    }

    /// Tells whether the familiar form, with or without tag, matches a shell pattern.
    ///
    /// # Errors
    /// A malformed pattern.
    pub fn matches(&self, pattern: &str) -> Result<bool, BadPattern> {
        let pattern = pattern.as_bytes();
        Ok(glob_match(pattern, self.familiar().as_bytes())?
            || glob_match(pattern, self.familiar_name().as_bytes()).unwrap_or(false))
    }

    /// `:tag@digest`, what there is of it.
    fn suffix(&self) -> String {
        let tag = self
            .tag
            .as_ref()
            .map(|t| format!(":{t}"))
            .unwrap_or_default();
        let digest = self
            .digest
            .as_ref()
            .map(|d| format!("@{d}"))
            .unwrap_or_default();
        tag + &digest
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}{}", self.domain, self.path, self.suffix())
    }
}

impl FromStr for Reference {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        Self::parse_normalized(text)
    }
}

/// Finds the registry: the first component when it looks like a host, else Docker Hub.
fn split_domain(text: &str) -> (&str, String) {
    let Some((first, rest)) = text.split_once('/') else {
        return (DEFAULT_DOMAIN, format!("{OFFICIAL_PREFIX}{text}"));
    };
    let (domain, path) = match first {
        LEGACY_DEFAULT_DOMAIN => (DEFAULT_DOMAIN, rest),
        "localhost" => (first, rest),
        _ if first.contains(['.', ':']) || first.to_lowercase() != first => (first, rest),
        _ => (DEFAULT_DOMAIN, text),
    };
    if domain == DEFAULT_DOMAIN && !path.contains('/') {
        return (domain, format!("{OFFICIAL_PREFIX}{path}"));
    }
    (domain, path.to_owned())
}

impl RawReference {
    /// Parses by the grammar alone.
    ///
    /// # Errors
    /// See [`ReferenceError`].
    pub fn parse(text: &str) -> Result<Self, ReferenceError> {
        let Some(parts) = split_reference(text) else {
            return Err(match text {
                "" => ReferenceError::NameEmpty,
                _ if split_reference(&text.to_lowercase()).is_some() => {
                    ReferenceError::NameContainsUppercase
                }
                _ => ReferenceError::InvalidFormat,
            });
        };
        let (domain, path) = split_name(parts.name).unwrap_or(("", parts.name));
        if path.len() > MAX_PATH {
            return Err(ReferenceError::NameTooLong);
        }
        let digest = match parts.digest {
            "" => None,
            digest => Some(digest.parse().map_err(ReferenceError::Digest)?),
        };
        let tag = Some(parts.tag).filter(|t| !t.is_empty()).map(str::to_owned);
        Ok(Self {
            domain: domain.to_owned(),
            path: path.to_owned(),
            tag,
            digest,
        })
    }

    /// Domain and path.
    pub fn name(&self) -> String {
        if self.domain.is_empty() {
            self.path.clone()
        } else {
            format!("{}/{}", self.domain, self.path)
        }
    }
}

/// Splits a reference into name, tag and digest; `None` when it does not fit the grammar.
///
/// **Source:** `distribution/reference`, `ReferenceRegexp`.
pub fn split_reference(text: &str) -> Option<Parts<'_>> {
    // Neither name nor tag can hold `@`, and behind the last `/` only a tag can begin with `:`.
    let (rest, digest) = match text.split_once('@') {
        Some((rest, digest)) if is_reference_digest(digest) => (rest, digest),
        Some(_) => return None,
        None => (text, ""),
    };
    let last = rest.rfind('/').map_or(0, |i| i + 1);
    let (name, tag) = match rest[last..].find(':') {
        Some(colon) if is_tag(&rest[last + colon + 1..]) => {
            (&rest[..last + colon], &rest[last + colon + 1..])
        }
        Some(_) => return None,
        None => (rest, ""),
    };
    split_name(name)?;
    Some(Parts { name, tag, digest })
}

/// Splits a name into domain (may be empty) and path; `None` when it does not fit the grammar.
///
/// **Source:** `distribution/reference`, `NameRegexp`.
pub fn split_name(name: &str) -> Option<(&str, &str)> {
    let is_path = |path: &str| path.split('/').all(is_path_component);
    match name.split_once('/') {
        Some((domain, path)) if is_domain(domain) => is_path(path).then_some((domain, path)),
        _ => is_path(name).then_some(("", name)),
    }
}

/// Tells whether `text` is `host[:port]`. **Source:** `distribution/reference`, `DomainRegexp`.
pub fn is_domain(text: &str) -> bool {
    let label = |l: &str| {
        !l.is_empty()
            && !l.starts_with('-')
            && !l.ends_with('-')
            && l.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    let port = |p: &str| !p.is_empty() && p.bytes().all(|b| b.is_ascii_digit());
    let Some(v6) = text.strip_prefix('[') else {
        let (host, rest) = text
            .split_once(':')
            .map_or((text, None), |(host, p)| (host, Some(p)));
        return host.split('.').all(label) && rest.is_none_or(port);
    };
    let Some((address, rest)) = v6.split_once(']') else {
        return false;
    };
    !address.is_empty()
        && address.bytes().all(|b| b.is_ascii_hexdigit() || b == b':')
        && (rest.is_empty() || rest.strip_prefix(':').is_some_and(port))
}

/// Tells whether `text` is an image identifier: 64 lower-case hexadecimal digits.
pub fn is_identifier(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(is_lower_hex)
}

/// `[a-z0-9]+` joined by `.`, `_`, `__` or any number of `-`.
fn is_path_component(text: &str) -> bool {
    let alphanumeric = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let bytes = text.as_bytes();
    let edges = bytes.first().is_some_and(alphanumeric) && bytes.last().is_some_and(alphanumeric);
    edges
        && bytes.split(alphanumeric).all(|separator| match separator {
            [] | [b'.' | b'_'] | [b'_', b'_'] => true,
            _ => separator.iter().all(|b| *b == b'-'),
        })
}

/// `\w[\w.-]{0,127}`.
fn is_tag(text: &str) -> bool {
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    text.len() <= 128
        && text.bytes().next().is_some_and(word)
        && text.bytes().all(|b| word(b) || b == b'.' || b == b'-')
}

/// `[A-Za-z][A-Za-z0-9]*([-_+.][A-Za-z][A-Za-z0-9]*)*:[[:xdigit:]]{32,}`.
fn is_reference_digest(text: &str) -> bool {
    let word = |w: &str| {
        w.bytes().next().is_some_and(|b| b.is_ascii_alphabetic())
            && w.bytes().all(|b| b.is_ascii_alphanumeric())
    };
    text.split_once(':').is_some_and(|(algorithm, hex)| {
        algorithm.split(['-', '_', '+', '.']).all(word)
            && hex.len() >= 32
            && hex.bytes().all(|b| b.is_ascii_hexdigit())
    })
}

impl AnyReference {
    /// Parses a digest, an identifier or a name.
    ///
    /// # Errors
    /// See [`ReferenceError`].
    pub fn parse(text: &str) -> Result<Self, ReferenceError> {
        if is_identifier(text) {
            return Ok(Self::Digest(Digest(format!("sha256:{text}"))));
        }
        match text.parse() {
            Ok(digest) => Ok(Self::Digest(digest)),
            Err(_) => Reference::parse_normalized(text).map(Self::Named),
        }
    }
}

impl fmt::Display for AnyReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Digest(digest) => digest.fmt(f),
            Self::Named(reference) => reference.fmt(f),
        }
    }
}

impl fmt::Display for ReferenceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidFormat => f.write_str("invalid reference format"),
            Self::NameContainsUppercase => f.write_str("repository name must be lowercase"),
            Self::NameEmpty => f.write_str("repository name must have at least one component"),
            Self::NameTooLong => write!(
                f,
                "repository name must not be more than {MAX_PATH} characters"
            ),
            Self::NameNotCanonical => f.write_str("repository name must be canonical"),
            Self::MustBeLowercase(name) => {
                write!(
                    f,
                    "invalid reference format: repository name ({name}) must be lowercase"
                )
            }
            Self::Identifier(name) => {
                write!(
                    f,
                    "invalid repository name ({name}), cannot specify 64-byte hexadecimal strings"
                )
            }
            Self::Digest(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for ReferenceError {}

impl fmt::Display for DigestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::InvalidFormat => "invalid checksum digest format",
            Self::InvalidLength => "invalid checksum digest length",
            Self::Unsupported => "unsupported digest algorithm",
        })
    }
}

impl std::error::Error for DigestError {}
