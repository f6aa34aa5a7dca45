//! Platforms: `linux/arm64/v8`.

use std::fmt;

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

impl Platform {
    /// Parses `os[(version[+feature…])][/arch[/variant]]` or one known os or arch; `host` fills what is missing.
    ///
    /// # Errors
    /// The official text.
    pub fn parse(text: &str, host: &Self) -> Result<Self, String> {
        let _ = (text, host);
        todo!()
    }

    /// `linux/arm64` from parts, normalised.
    pub fn new(os: &str, architecture: &str, variant: &str) -> Self {
        let _ = (os, architecture, variant);
        todo!()
    }

    /// The same with aliases resolved (`x86_64`, `aarch64`, `macos`) and default variants taken out.
    #[must_use]
    pub fn normalize(&self) -> Self {
        todo!()
    }

    /// Tells whether an image for `offered` is what this platform asks for (exact os and architecture, default
    /// variants of arm and arm64 filled in).
    pub fn matches(&self, offered: &Self) -> bool {
        let _ = offered;
        todo!()
    }

    /// With os version and features: `windows(10.0.17763)/amd64`.
    pub fn format_all(&self) -> String {
        todo!()
    }
}

/// `os/arch[/variant]`, or `unknown` without an os.
impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let _ = f;
        todo!()
    }
}
