//! The config document of an image made here.

use crate::store::DiffId;
use crate::units::rfc3339;
use cooperage_lang::model::platform::Platform;
use cooperage_lang::plan::config::ImageConfig;
use serde_json::{Map, Value, json};
use std::time::SystemTime;

/// The config as bytes: the same arguments give the same bytes.
///
/// **Source:** OCI image specification, `config.md`; field order as BuildKit writes it.
pub fn document(
    platform: &Platform,
    config: &ImageConfig,
    created: Option<SystemTime>,
    layers: &[DiffId],
) -> Vec<u8> {
    let mut out = Map::new();
    out.insert("architecture".to_owned(), json!(platform.architecture));
    if !config.author.is_empty() {
        out.insert("author".to_owned(), json!(config.author));
    }
    out.insert("config".to_owned(), json!(config.config));
    if let Some(created) = created {
        out.insert("created".to_owned(), json!(rfc3339(created)));
    }
    if !config.history.is_empty() {
        out.insert("history".to_owned(), json!(config.history));
    }
    out.insert("os".to_owned(), json!(platform.os));
    if !platform.os_version.is_empty() {
        out.insert("os.version".to_owned(), json!(platform.os_version));
    }
    out.insert(
        "rootfs".to_owned(),
        json!({ "type": "layers", "diff_ids": layers }),
    );
    if !platform.variant.is_empty() {
        out.insert("variant".to_owned(), json!(platform.variant));
    }
    serde_json::to_vec(&Value::Object(out)).expect("texts and numbers have a JSON form")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::UNIX_EPOCH;

    #[test]
    fn the_document_has_the_fields_of_the_specification() {
        let bytes = document(
            &Platform::new("linux", "arm64", "v8"),
            &ImageConfig::default(),
            Some(UNIX_EPOCH),
            &[],
        );
        let value: Value = serde_json::from_slice(&bytes).expect("JSON");
        assert_eq!(value["os"], "linux");
        assert_eq!(value["architecture"], "arm64");
        assert_eq!(value["rootfs"], json!({ "type": "layers", "diff_ids": [] }));
        assert_eq!(value["created"], "1970-01-01T00:00:00Z");
    }
}
