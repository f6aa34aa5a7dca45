//! What goes wrong between us and a registry.

use crate::image::ingest::IngestError;
use crate::image::manifest::ManifestError;
use std::time::Duration;

/// Why an image could not be pulled.
#[derive(Debug, thiserror::Error)]
#[error("cannot pull `{name}`: {cause}")]
pub struct PullError {
    /// The image as the user named it.
    pub name: String,
    /// What failed.
    pub cause: RegistryError,
}

impl PullError {
    /// What the user may do next, one line each.
    pub fn hints(&self) -> Vec<String> {
        self.cause.hints()
    }
}

/// Why an exchange with a registry failed.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    #[error("canceled")]
    Canceled,
    #[error("cannot start the network runtime: {0}")]
    Runtime(#[source] std::io::Error),
    #[error("tag not found")]
    TagNotFound,
    #[error("no manifest {digest} in this repository")]
    DigestNotFound { digest: String },
    #[error("repository not found")]
    RepositoryNotFound,
    #[error("blob {digest} is missing in the registry")]
    BlobNotFound { digest: String },
    #[error("{host} is not reachable: {why}")]
    Unreachable { host: String, why: String },
    #[error("{host} refused the connection")]
    Refused { host: String },
    #[error("no TLS connection to {host}: {why}")]
    Tls { host: String, why: String },
    #[error("{host} did not answer in time")]
    TimedOut { host: String },
    #[error("{}", unauthorized_text(host, *had_credentials))]
    Unauthorized { host: String, had_credentials: bool },
    #[error("{host} denied access{}", in_brackets(message))]
    Denied { host: String, message: String },
    #[error("{host} limits the rate of requests; gave up after {waited:?}")]
    TooManyRequests { host: String, waited: Duration },
    #[error("{host} answered {status}{}", in_brackets(message))]
    Status {
        host: String,
        status: u16,
        message: String,
    },
    #[error("{host} names the token server `{realm}`, which must not get credentials: {why}")]
    Realm {
        host: String,
        realm: String,
        why: &'static str,
    },
    #[error("cannot read the token of `{realm}`: {why}")]
    Token { realm: String, why: String },
    #[error("redirect from {from} to `{to}` refused: {why}")]
    Redirect {
        from: String,
        to: String,
        why: &'static str,
    },
    #[error("{what} is larger than {limit} bytes")]
    TooLarge { what: String, limit: u64 },
    #[error("wrong digest: expected {expected}, received {received}")]
    WrongDigest { expected: String, received: String },
    #[error("{digest} should have {expected} bytes but has {received}")]
    WrongSize {
        digest: String,
        expected: u64,
        received: u64,
    },
    #[error("{digest} was cut off after {received} of {expected} bytes")]
    Truncated {
        digest: String,
        expected: u64,
        received: u64,
    },
    #[error("{0}")]
    Manifest(#[from] ManifestError),
    #[error("no image for {wanted}; offered: {offered}")]
    NoPlatform { wanted: String, offered: String },
    #[error("indexes are nested deeper than {depth} levels")]
    IndexTooDeep { depth: usize },
    #[error("layer {digest} is kept outside the registry, which is not supported")]
    ForeignLayer { digest: String },
    #[error("cannot read the credentials in `{file}`: {why}")]
    CredentialFile { file: String, why: String },
    #[error("credential helper `{helper}` failed: {why}")]
    CredentialHelper { helper: String, why: String },
    #[error("cannot write {what}: {cause}")]
    Write { what: String, cause: std::io::Error },
    #[error("{0}")]
    Ingest(#[from] IngestError),
}

impl RegistryError {
    /// What the user may do next, one line each.
    pub fn hints(&self) -> Vec<String> {
        match self {
            Self::Unauthorized {
                host,
                had_credentials: false,
            } => {
                vec![
                    format!("log in with `cooper login {host}`"),
                    "check the spelling of the repository".to_owned(),
                ]
            }
            Self::Unauthorized {
                host,
                had_credentials: true,
            } => {
                vec![format!(
                    "the stored login may be out of date: `cooper login {host}`"
                )]
            }
            Self::Denied { host, .. } => vec![format!(
                "log in with an account that may read it: `cooper login {host}`"
            )],
            Self::Tls { host, .. } => {
                vec![format!(
                    "for a registry with an own authority put its certificate into /etc/docker/certs.d/{host}/ca.crt"
                )]
            }
            Self::TagNotFound | Self::RepositoryNotFound => {
                vec!["check the spelling of name and tag".to_owned()]
            }
            _ => Vec::new(),
        }
    }

    /// Whether another try may help.
    pub(crate) fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::TimedOut { .. } | Self::Truncated { .. } => true,
            Self::Status { status, .. } => matches!(status, 408 | 500 | 502 | 503 | 504),
            _ => false,
        }
    }
}

fn unauthorized_text(host: &str, had_credentials: bool) -> String {
    if had_credentials {
        format!("{host} did not accept the stored credentials")
    } else {
        format!("the repository does not exist or needs a login at {host}")
    }
}

fn in_brackets(message: &str) -> String {
    if message.is_empty() {
        String::new()
    } else {
        format!(" ({message})")
    }
}
