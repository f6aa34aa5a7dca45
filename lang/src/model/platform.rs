//! Platforms: `linux/arm64/v8`.

/// Operating system, architecture and variant of an image, normalised.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Platform {
    pub os: String,
    pub architecture: String,
    /// Empty when there is none.
    pub variant: String,
    pub os_version: String,
    pub os_features: Vec<String>,
}
