//! What `inspect` and `history` tell of an image, in Docker's shape.

use crate::store::{ImageDetails, ImageError, ImageRecord, LayerError, Store};
use cooperage_lang::model::reference::Reference;
use cooperage_lang::plan::config::ContainerConfig;
use serde::Serialize;
use serde_json::{Value, json};

use crate::units::rfc3339;

/// Why an image could not be described.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InspectError {
    #[error("image {0} is not in the store any more")]
    Gone(String),
    #[error("{0}")]
    Image(#[from] ImageError),
    #[error("{0}")]
    Layer(#[from] LayerError),
}

/// One line of `history`, newest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct HistoryLine {
    /// The image's id for the newest line, `<missing>` for the others.
    pub id: String,
    /// RFC 3339; empty when the config has none.
    pub created: String,
    pub created_by: String,
    /// Bytes of the line's layer.
    pub size: u64,
    pub comment: String,
    /// Names of the image, for the newest line.
    pub tags: Vec<String>,
}

/// The document of `docker image inspect`.
///
/// **Source:** Docker Engine API, `ImageInspect`.
///
/// # Errors
/// See [`InspectError`].
pub fn inspect(store: &Store, record: &ImageRecord) -> Result<Value, InspectError> {
    let details = details(store, record)?;
    let config = &details.config;
    let comment = config
        .history
        .last()
        .map(|h| h.comment.clone())
        .unwrap_or_default();
    let mut out = json!({
        "Id": record.id.as_str(),
        "RepoTags": record.names.iter().filter(|n| n.tag.is_some()).map(Reference::familiar).collect::<Vec<_>>(),
        "RepoDigests": repo_digests(record),
        "Parent": "",
        "Comment": comment,
        "Created": details.created.clone().unwrap_or_default(),
        "DockerVersion": "",
        "Author": config.author,
        "Config": container_config(&config.config),
        "Architecture": details.architecture,
        "Variant": details.variant,
        "Os": details.os,
        "Size": record.size,
        "GraphDriver": { "Data": null, "Name": "overlay2" },
        "RootFS": { "Type": "layers", "Layers": details.diff_ids },
        "Metadata": { "LastTagTime": rfc3339(record.stored) },
    });
    if details.variant.is_empty()
        && let Some(fields) = out.as_object_mut()
    {
        fields.shift_remove("Variant");
    }
    Ok(out)
}

/// The lines of `docker history`.
///
/// # Errors
/// See [`InspectError`].
pub fn history(store: &Store, record: &ImageRecord) -> Result<Vec<HistoryLine>, InspectError> {
    let details = details(store, record)?;
    let mut layers = record.layers.iter();
    let mut lines = Vec::new();
    for entry in &details.config.history {
        let layer = if entry.empty_layer {
            None
        } else {
            layers.next()
        };
        lines.push(HistoryLine {
            id: "<missing>".to_owned(),
            created: entry.created.clone().unwrap_or_default(),
            created_by: entry.created_by.clone(),
            size: layer.map_or(Ok(0), |diff_id| size(store, diff_id))?,
            comment: entry.comment.clone().into_owned(),
            tags: Vec::new(),
        });
    }
    // Layers that no line speaks of (images of other tools) are not hidden.
    for diff_id in layers {
        lines.push(HistoryLine {
            id: "<missing>".to_owned(),
            created: String::new(),
            created_by: String::new(),
            size: size(store, diff_id)?,
            comment: String::new(),
            tags: Vec::new(),
        });
    }
    lines.reverse();
    if let Some(newest) = lines.first_mut() {
        newest.id = record.id.to_string();
        newest.tags = record
            .names
            .iter()
            .filter(|n| n.tag.is_some())
            .map(Reference::familiar)
            .collect();
    }
    Ok(lines)
}

fn details(store: &Store, record: &ImageRecord) -> Result<ImageDetails, InspectError> {
    store
        .image_config(&record.id)?
        .ok_or_else(|| InspectError::Gone(record.id.to_string()))
}

fn size(store: &Store, diff_id: &crate::store::DiffId) -> Result<u64, InspectError> {
    Ok(store.layer(diff_id)?.map_or(0, |layer| layer.size))
}

/// `debian@sha256:…` for every repository the image is named in.
fn repo_digests(record: &ImageRecord) -> Vec<String> {
    let mut digests: Vec<String> = record
        .names
        .iter()
        .filter_map(|name| {
            let digest = name.digest.as_ref().or(record.manifest.as_ref())?;
            Some(format!("{}@{digest}", name.familiar_name()))
        })
        .collect();
    digests.sort();
    digests.dedup();
    digests
}

/// Docker shows unset lists and maps as null, and some fields only when they are set.
fn container_config(config: &ContainerConfig) -> Value {
    let mut out = json!({
        "User": config.user,
        "Env": config.env,
        "Cmd": config.cmd,
        "Image": "",
        "Volumes": if config.volumes.is_empty() { Value::Null } else { json!(config.volumes) },
        "WorkingDir": config.working_dir,
        "Entrypoint": config.entrypoint,
        "OnBuild": if config.on_build.is_empty() { Value::Null } else { json!(config.on_build) },
        "Labels": if config.labels.is_empty() { Value::Null } else { json!(config.labels) },
    });
    let Some(fields) = out.as_object_mut() else {
        return out;
    };
    if !config.exposed_ports.is_empty() {
        fields.insert("ExposedPorts".to_owned(), json!(config.exposed_ports));
    }
    if let Some(check) = &config.healthcheck {
        fields.insert("Healthcheck".to_owned(), json!(check));
    }
    if !config.stop_signal.is_empty() {
        fields.insert("StopSignal".to_owned(), json!(config.stop_signal));
    }
    if !config.shell.is_empty() {
        fields.insert("Shell".to_owned(), json!(config.shell));
    }
    out
}
