//! Image references: `docker.io/library/debian:12@sha256:…`.

use std::fmt;
use std::str::FromStr;

/// A checked content digest, `sha256:<64 hex>` or `sha512:<128 hex>`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest(String);

/// A normalised image reference: domain, path, tag and digest.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Reference {
    /// `docker.io`.
    pub domain: String,
    /// `library/debian`.
    pub path: String,
    pub tag: Option<String>,
    pub digest: Option<Digest>,
}

/// Why a text is not a reference. The texts are the official ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReferenceError {
    InvalidFormat,
    NameContainsUppercase,
    NameEmpty,
    NameTooLong,
    NameNotCanonical,
    /// The name has upper-case letters; holds the offending part.
    MustBeLowercase(String),
    /// 64 hexadecimal digits are an identifier, not a name.
    Identifier(String),
    Digest(DigestError),
}

/// Why a text is not a digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DigestError {
    InvalidFormat,
    InvalidLength,
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
        let _ = bytes;
        todo!()
    }

    /// `sha256`.
    pub fn algorithm(&self) -> &str {
        todo!()
    }

    /// The hexadecimal part.
    pub fn hex(&self) -> &str {
        todo!()
    }

    /// `sha256:<hex>`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Digest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        let _ = text;
        todo!()
    }
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
        let _ = text;
        todo!()
    }

    /// Parses as [`Reference::parse_normalized`], then drops the tag when there is a digest and adds `latest` when
    /// there is neither.
    ///
    /// # Errors
    /// See [`ReferenceError`].
    pub fn parse_docker(text: &str) -> Result<Self, ReferenceError> {
        let _ = text;
        todo!()
    }

    /// Parses only what is already in normal form.
    ///
    /// # Errors
    /// [`ReferenceError::NameNotCanonical`] when it is not.
    pub fn parse_canonical(text: &str) -> Result<Self, ReferenceError> {
        let _ = text;
        todo!()
    }

    /// `docker.io/library/debian`.
    pub fn name(&self) -> String {
        format!("{}/{}", self.domain, self.path)
    }

    /// `debian`, without tag and digest.
    pub fn familiar_name(&self) -> String {
        todo!()
    }

    /// `debian:12`, as users write it.
    pub fn familiar(&self) -> String {
        todo!()
    }

    /// With `latest` when there is neither tag nor digest.
    #[must_use]
    pub fn with_default_tag(self) -> Self {
        todo!()
    }

    /// Tells whether the familiar form, with or without tag, matches a shell pattern.
    ///
    /// # Errors
    /// A malformed pattern.
    pub fn matches(&self, pattern: &str) -> Result<bool, super::pattern::BadPattern> {
        let _ = pattern;
        todo!()
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let _ = f;
        todo!()
    }
}

impl AnyReference {
    /// Parses a digest, an identifier or a name.
    ///
    /// # Errors
    /// See [`ReferenceError`].
    pub fn parse(text: &str) -> Result<Self, ReferenceError> {
        let _ = text;
        todo!()
    }
}

impl fmt::Display for ReferenceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let _ = f;
        todo!()
    }
}

impl std::error::Error for ReferenceError {}

impl fmt::Display for DigestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let _ = f;
        todo!()
    }
}

impl std::error::Error for DigestError {}
