//! Image references: `docker.io/library/debian:12@sha256:…`.

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
