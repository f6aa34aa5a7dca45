//! Manifests, indexes and image configs as they are on the wire.
//!
//! What comes from outside is judged here once: by declared media type, refusing documents that could be read in two
//! ways (CVE-2021-41190).

use cooperage_lang::model::platform::Platform;
use cooperage_lang::model::reference::Digest;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Media types of the OCI image specification.
pub mod oci {
    pub const INDEX: &str = "application/vnd.oci.image.index.v1+json";
    pub const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
    pub const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
    pub const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";
    pub const LAYER_GZIP: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
    pub const LAYER_ZSTD: &str = "application/vnd.oci.image.layer.v1.tar+zstd";
}

/// Media types of Docker's schema 2.
pub mod docker {
    pub const LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
    pub const MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
    pub const CONFIG: &str = "application/vnd.docker.container.image.v1+json";
    pub const LAYER: &str = "application/vnd.docker.image.rootfs.diff.tar";
    pub const LAYER_GZIP: &str = "application/vnd.docker.image.rootfs.diff.tar.gzip";
    pub const LAYER_ZSTD: &str = "application/vnd.docker.image.rootfs.diff.tar.zstd";
}

/// Largest manifest or index, bytes.
pub const MAX_MANIFEST: u64 = 4 << 20;

/// Largest image config, bytes.
pub const MAX_CONFIG: u64 = 8 << 20;

/// Most layers of one image; the kernel stacks no more than 500, Docker 127.
pub const MAX_LAYERS: usize = 500;

/// Most entries of an index.
const MAX_ENTRIES: usize = 4096;

/// Why a document is not an image we accept.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    #[error("the manifest is not valid JSON (line {line}, column {column})")]
    Syntax { line: usize, column: usize },
    #[error("the manifest can be read as image and as index at once, which is refused")]
    Ambiguous,
    #[error("the manifest says it is `{inside}` but was sent as `{outside}`")]
    TypeDiffers { inside: String, outside: String },
    #[error("media type `{0}` is not an image")]
    NotAnImage(String),
    #[error("the manifest has the old schema 1, which is not supported")]
    Schema1,
    #[error("the manifest has no {0}")]
    Lacks(&'static str),
    #[error("`{0}` is not a digest")]
    BadDigest(String),
    #[error("layer media type `{0}` is not supported")]
    LayerType(String),
    #[error("{count} layers are more than the {MAX_LAYERS} that are supported")]
    TooManyLayers { count: usize },
    #[error("{count} entries are more than an index may have")]
    TooManyEntries { count: usize },
    #[error("the image config is not valid: {0}")]
    Config(String),
    #[error("the config lists {diff_ids} layers, the manifest {layers}")]
    LayerCount { diff_ids: usize, layers: usize },
}

/// A pointer to content.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    #[serde(default)]
    pub media_type: String,
    pub digest: String,
    /// Bytes.
    pub size: u64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub urls: Vec<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<WirePlatform>,
}

impl Descriptor {
    /// A descriptor of `bytes`.
    pub fn of(media_type: &str, bytes: &[u8]) -> Self {
        Self {
            media_type: media_type.to_owned(),
            digest: sha256(bytes).to_string(),
            size: bytes.len() as u64,
            ..Self::default()
        }
    }

    /// The checked digest.
    ///
    /// # Errors
    /// [`ManifestError::BadDigest`].
    pub fn checked_digest(&self) -> Result<Digest, ManifestError> {
        self.digest
            .parse()
            .map_err(|_| ManifestError::BadDigest(short(&self.digest)))
    }

    /// Whether it belongs to an attestation or another thing that is not an image to run.
    fn is_attachment(&self) -> bool {
        self.annotations.contains_key("vnd.docker.reference.type")
            || self
                .platform
                .as_ref()
                .is_some_and(|p| p.os == "unknown" && p.architecture == "unknown")
    }
}

/// A platform on the wire.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WirePlatform {
    #[serde(default)]
    pub architecture: String,
    #[serde(default)]
    pub os: String,
    #[serde(
        default,
        rename = "os.version",
        skip_serializing_if = "String::is_empty"
    )]
    pub os_version: String,
    #[serde(default, rename = "os.features", skip_serializing_if = "Vec::is_empty")]
    pub os_features: Vec<String>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub variant: String,
}

impl From<&WirePlatform> for Platform {
    fn from(wire: &WirePlatform) -> Self {
        let mut platform = Self::new(&wire.os, &wire.architecture, &wire.variant);
        platform.os_version.clone_from(&wire.os_version);
        platform.os_features.clone_from(&wire.os_features);
        platform
    }
}

impl From<&Platform> for WirePlatform {
    fn from(platform: &Platform) -> Self {
        Self {
            architecture: platform.architecture.clone(),
            os: platform.os.clone(),
            os_version: platform.os_version.clone(),
            os_features: platform.os_features.clone(),
            variant: platform.variant.clone(),
        }
    }
}

/// An image manifest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    pub schema_version: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    pub config: Descriptor,
    pub layers: Vec<Descriptor>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

/// An index, or Docker's manifest list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Index {
    pub schema_version: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    pub manifests: Vec<Descriptor>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

/// A document that a name or digest of an image may lead to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::large_enum_variant,
    reason = "one at a time, taken apart at once"
)]
pub enum Document {
    Image(Manifest),
    Index(Index),
}

impl Document {
    /// Reads a document that was sent as `outside`, when the sender said so.
    ///
    /// # Errors
    /// See [`ManifestError`].
    ///
    /// **Source:** OCI image specification, `manifest.md` and `image-index.md`; GHSA-77vh-xpmg-72qh.
    pub fn parse(outside: Option<&str>, bytes: &[u8]) -> Result<Self, ManifestError> {
        let value: serde_json::Value = serde_json::from_slice(bytes).map_err(|e| syntax(&e))?;
        let has = |name: &str| value.get(name).is_some_and(|v| !v.is_null());
        if has("fsLayers")
            || value
                .get("schemaVersion")
                .and_then(serde_json::Value::as_u64)
                == Some(1)
        {
            return Err(ManifestError::Schema1);
        }
        if has("manifests") && (has("layers") || has("config")) {
            return Err(ManifestError::Ambiguous);
        }
        let inside = value
            .get("mediaType")
            .and_then(|v| v.as_str())
            .map(str::to_owned);
        let kind = match (
            inside.as_deref(),
            outside.map(bare_type).filter(|t| is_known(t)),
        ) {
            (Some(inside), Some(outside)) if inside != outside => {
                return Err(ManifestError::TypeDiffers {
                    inside: short(inside),
                    outside: short(outside),
                });
            }
            (Some(t), _) | (None, Some(t)) => t.to_owned(),
            // Older OCI tools write no type at all; the fields then decide, and they are not ambiguous.
            (None, None) if has("manifests") => oci::INDEX.to_owned(),
            (None, None) => oci::MANIFEST.to_owned(),
        };
        match kind.as_str() {
            oci::INDEX | docker::LIST if has("manifests") => Self::index(value),
            oci::INDEX | docker::LIST => Err(ManifestError::Lacks("list of manifests")),
            oci::MANIFEST | docker::MANIFEST if has("config") && has("layers") => {
                Self::image(value)
            }
            oci::MANIFEST | docker::MANIFEST if has("manifests") => Err(ManifestError::Ambiguous),
            oci::MANIFEST | docker::MANIFEST => Err(ManifestError::Lacks("config or layers")),
            other => Err(ManifestError::NotAnImage(short(other))),
        }
    }

    fn index(value: serde_json::Value) -> Result<Self, ManifestError> {
        let index: Index = serde_json::from_value(value).map_err(|e| syntax(&e))?;
        if index.manifests.len() > MAX_ENTRIES {
            return Err(ManifestError::TooManyEntries {
                count: index.manifests.len(),
            });
        }
        index
            .manifests
            .iter()
            .try_for_each(|d| d.checked_digest().map(drop))?;
        Ok(Self::Index(index))
    }

    fn image(value: serde_json::Value) -> Result<Self, ManifestError> {
        let manifest: Manifest = serde_json::from_value(value).map_err(|e| syntax(&e))?;
        if manifest.layers.len() > MAX_LAYERS {
            return Err(ManifestError::TooManyLayers {
                count: manifest.layers.len(),
            });
        }
        if !matches!(
            manifest.config.media_type.as_str(),
            oci::CONFIG | docker::CONFIG
        ) {
            return Err(ManifestError::NotAnImage(short(
                &manifest.config.media_type,
            )));
        }
        manifest.config.checked_digest()?;
        for layer in &manifest.layers {
            layer.checked_digest()?;
            Codec::of_media_type(&layer.media_type)?;
        }
        Ok(Self::Image(manifest))
    }
}

impl Index {
    /// The entry for `platform`, best first: the platform itself, then older variants a machine of it can run.
    pub fn select(&self, platform: &Platform) -> Option<&Descriptor> {
        let offers: Vec<&Descriptor> = self
            .manifests
            .iter()
            .filter(|d| !d.is_attachment())
            .collect();
        for wanted in compatible(platform) {
            let found = offers.iter().find(|d| {
                d.platform
                    .as_ref()
                    .is_some_and(|p| wanted.matches(&Platform::from(p)))
            });
            if let Some(found) = found {
                return Some(found);
            }
        }
        match offers.as_slice() {
            [only] if only.platform.is_none() => Some(only),
            _ => None,
        }
    }

    /// What is offered, for messages.
    pub fn offered(&self) -> String {
        let names: Vec<String> = self
            .manifests
            .iter()
            .filter(|d| !d.is_attachment())
            .filter_map(|d| d.platform.as_ref())
            .map(|p| short(&Platform::from(p).to_string()))
            .take(20)
            .collect();
        if names.is_empty() {
            "nothing".to_owned()
        } else {
            names.join(", ")
        }
    }
}

/// `platform` and what a machine of it also runs.
///
/// **Source:** containerd `platforms`, `platformVector`.
fn compatible(platform: &Platform) -> Vec<Platform> {
    let numbered = |text: &str| text.strip_prefix('v').and_then(|n| n.parse::<u32>().ok());
    let mut all = vec![platform.clone()];
    let mut add = |architecture: &str, variant: String| {
        let mut lower = Platform::new(&platform.os, architecture, &variant);
        lower.os_version.clone_from(&platform.os_version);
        lower.os_features.clone_from(&platform.os_features);
        all.push(lower);
    };
    match (platform.architecture.as_str(), numbered(&platform.variant)) {
        ("amd64", Some(version)) => {
            for lower in (1..version).rev() {
                let variant = if lower == 1 {
                    String::new()
                } else {
                    format!("v{lower}")
                };
                add("amd64", variant);
            }
            add("386", String::new());
        }
        ("amd64", None) => add("386", String::new()),
        ("arm", version) => (5..version.unwrap_or(7))
            .rev()
            .for_each(|v| add("arm", format!("v{v}"))),
        ("arm64", _) => {
            (5..=8).rev().for_each(|v| add("arm", format!("v{v}")));
        }
        _ => {}
    }
    all
}

/// How a layer is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Codec {
    Plain,
    Gzip,
    Zstd,
}

impl Codec {
    /// The packing a media type declares.
    ///
    /// # Errors
    /// [`ManifestError::LayerType`] for encrypted, foreign or unknown layers.
    pub fn of_media_type(media_type: &str) -> Result<Self, ManifestError> {
        match media_type {
            oci::LAYER | docker::LAYER => Ok(Self::Plain),
            oci::LAYER_GZIP | docker::LAYER_GZIP => Ok(Self::Gzip),
            oci::LAYER_ZSTD | docker::LAYER_ZSTD => Ok(Self::Zstd),
            other => Err(ManifestError::LayerType(short(other))),
        }
    }

    /// The OCI media type of a layer packed so.
    pub fn oci_media_type(self) -> &'static str {
        match self {
            Self::Plain => oci::LAYER,
            Self::Gzip => oci::LAYER_GZIP,
            Self::Zstd => oci::LAYER_ZSTD,
        }
    }
}

/// The parts of an image config we decide on; the document itself is kept byte for byte.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct ConfigSummary {
    #[serde(default)]
    pub architecture: String,
    #[serde(default)]
    pub os: String,
    #[serde(default)]
    pub variant: String,
    #[serde(default)]
    pub created: Option<String>,
    pub rootfs: RootFs,
}

/// `rootfs` of a config.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RootFs {
    #[serde(rename = "type")]
    pub kind: String,
    #[serde(default, deserialize_with = "null_is_empty")]
    pub diff_ids: Vec<String>,
}

fn null_is_empty<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<String>, D::Error> {
    Option::<Vec<String>>::deserialize(deserializer).map(Option::unwrap_or_default)
}

impl ConfigSummary {
    /// Reads a config that belongs to an image of `layers` layers.
    ///
    /// # Errors
    /// [`ManifestError::Config`], [`ManifestError::LayerCount`], [`ManifestError::BadDigest`].
    pub fn parse(bytes: &[u8], layers: usize) -> Result<Self, ManifestError> {
        let summary: Self = serde_json::from_slice(bytes).map_err(|e| {
            ManifestError::Config(format!("line {} column {}", e.line(), e.column()))
        })?;
        if summary.rootfs.diff_ids.len() != layers {
            return Err(ManifestError::LayerCount {
                diff_ids: summary.rootfs.diff_ids.len(),
                layers,
            });
        }
        summary.diff_ids()?;
        Ok(summary)
    }

    /// Checked digests of the unpacked layers, lowest first.
    ///
    /// # Errors
    /// [`ManifestError::BadDigest`].
    pub fn diff_ids(&self) -> Result<Vec<Digest>, ManifestError> {
        let parse = |text: &String| {
            text.parse()
                .map_err(|_| ManifestError::BadDigest(short(text)))
        };
        self.rootfs.diff_ids.iter().map(parse).collect()
    }

    /// Its platform.
    pub fn platform(&self) -> Platform {
        Platform::new(&self.os, &self.architecture, &self.variant)
    }
}

/// SHA-256 of `bytes`.
pub fn sha256(bytes: &[u8]) -> Digest {
    use sha2::Digest as _;
    Digest::from_sha256(sha2::Sha256::digest(bytes).into())
}

/// The type without parameters, lower case as types are written.
fn bare_type(text: &str) -> &str {
    text.split(';').next().unwrap_or(text).trim()
}

/// Servers that do not know better send `application/json` or `text/plain`: such a header says nothing.
fn is_known(media_type: &str) -> bool {
    media_type.starts_with("application/vnd.")
}

fn syntax(error: &serde_json::Error) -> ManifestError {
    ManifestError::Syntax {
        line: error.line(),
        column: error.column(),
    }
}

/// Foreign text fit for a message.
fn short(text: &str) -> String {
    crate::registry::transport::printable(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn manifest(extra: &str) -> String {
        format!(
            r#"{{"schemaVersion":2,{extra}"config":{{"mediaType":"{}","digest":"{DIGEST}","size":2}},"layers":[]}}"#,
            oci::CONFIG
        )
    }

    fn index(extra: &str, entries: &[(&str, &str, &str)]) -> String {
        let entries: Vec<String> = entries
            .iter()
            .enumerate()
            .map(|(n, (os, arch, variant))| {
                format!(
                    r#"{{"mediaType":"{}","digest":"{DIGEST}","size":{n},"platform":{{"os":"{os}","architecture":"{arch}","variant":"{variant}"}}}}"#,
                    oci::MANIFEST
                )
            })
            .collect();
        format!(
            r#"{{"schemaVersion":2,{extra}"manifests":[{}]}}"#,
            entries.join(",")
        )
    }

    #[test]
    fn documents_that_can_be_read_in_two_ways_are_refused() {
        let parse = |outside, text: &str| Document::parse(outside, text.as_bytes());
        assert!(matches!(parse(None, &manifest("")), Ok(Document::Image(_))));
        assert!(matches!(
            parse(Some("application/json"), &index("", &[])),
            Ok(Document::Index(_))
        ));
        assert_eq!(
            parse(None, &manifest(r#""manifests":[],"#)),
            Err(ManifestError::Ambiguous)
        );
        assert_eq!(
            parse(None, &index(r#""layers":[],"#, &[])),
            Err(ManifestError::Ambiguous)
        );
        assert!(matches!(
            parse(Some(oci::INDEX), &manifest("")),
            Err(ManifestError::Lacks(_))
        ));
        assert_eq!(
            parse(Some(oci::MANIFEST), &index("", &[])),
            Err(ManifestError::Ambiguous)
        );
        let declared = format!(r#""mediaType":"{}","#, docker::MANIFEST);
        assert!(matches!(
            parse(Some(oci::MANIFEST), &manifest(&declared)),
            Err(ManifestError::TypeDiffers { .. })
        ));
        assert!(matches!(
            parse(Some("application/vnd.other"), &manifest("")),
            Err(ManifestError::NotAnImage(_))
        ));
        assert_eq!(
            parse(None, r#"{"schemaVersion":1,"fsLayers":[]}"#),
            Err(ManifestError::Schema1)
        );
        assert!(matches!(
            parse(None, "{"),
            Err(ManifestError::Syntax { .. })
        ));
        assert!(matches!(parse(None, "[]"), Err(ManifestError::Lacks(_))));
    }

    #[test]
    fn the_entry_of_a_platform() {
        let text = index(
            "",
            &[
                ("unknown", "unknown", ""),
                ("linux", "386", ""),
                ("linux", "arm", "v6"),
                ("linux", "arm", "v7"),
                ("linux", "arm64", "v8"),
                ("linux", "amd64", ""),
            ],
        );
        let Ok(Document::Index(index)) = Document::parse(None, text.as_bytes()) else {
            panic!("an index")
        };
        let pick = |os: &str, arch: &str, variant: &str| {
            index
                .select(&Platform::new(os, arch, variant))
                .map(|d| d.size)
        };
        assert_eq!(pick("linux", "amd64", ""), Some(5));
        assert_eq!(pick("linux", "amd64", "v3"), Some(5));
        assert_eq!(pick("linux", "arm64", ""), Some(4));
        assert_eq!(pick("linux", "arm", "v7"), Some(3));
        assert_eq!(pick("linux", "arm", "v6"), Some(2));
        assert_eq!(pick("linux", "arm", "v5"), None);
        assert_eq!(pick("linux", "s390x", ""), None);
        assert_eq!(pick("windows", "amd64", ""), None);
    }

    #[test]
    fn configs_and_manifests_agree_on_the_number_of_layers() {
        let config =
            r#"{"os":"linux","architecture":"amd64","rootfs":{"type":"layers","diff_ids":null}}"#;
        assert!(ConfigSummary::parse(config.as_bytes(), 0).is_ok());
        assert_eq!(
            ConfigSummary::parse(config.as_bytes(), 1),
            Err(ManifestError::LayerCount {
                diff_ids: 0,
                layers: 1
            })
        );
    }
}
