//! From the result of a build to an image and to what `--output` asks for.

use super::error::{BuildError, Problem};
use super::request::{Output, OutputKind};
use crate::image::{ExportFormat, ExportOptions, export};
use crate::store::{DiffId, ImageRecord, Store};
use crate::time::rfc3339;
use cooperage_lang::model::reference::Reference;
use cooperage_lang::plan::Plan;
use cooperage_lang::plan::config::{ContainerConfig, HistoryEntry};
use serde::Serialize;
use std::time::{Duration, SystemTime};

/// An image config as written to the store. **Source:** OCI image specification, `config.md`.
#[derive(Serialize)]
struct Document<'a> {
    created: String,
    #[serde(skip_serializing_if = "str::is_empty")]
    author: &'a str,
    architecture: &'a str,
    os: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    variant: &'a str,
    config: &'a ContainerConfig,
    rootfs: RootFs<'a>,
    history: Vec<HistoryEntry>,
}

#[derive(Serialize)]
struct RootFs<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    diff_ids: &'a [DiffId],
}

/// The config of a plan's image with these layers. Equal layers give equal bytes: an entry's time is that of its
/// layer, or of the layer below for one that has none.
///
/// # Errors
/// A layer is not in the store.
pub fn image_config(
    store: &Store,
    plan: &Plan,
    layers: &[DiffId],
    epoch: Option<i64>,
) -> Result<Vec<u8>, BuildError> {
    let epoch = epoch.map(|s| SystemTime::UNIX_EPOCH + Duration::from_secs(s.max(0) as u64));
    let made = |id: &DiffId| -> Result<SystemTime, BuildError> {
        let layer = store.layer(id).map_err(|e| Problem::Store(e.to_string()))?;
        Ok(layer.map_or(SystemTime::UNIX_EPOCH, |l| l.created))
    };
    let mut history = plan.config.history.clone();
    let with_layer = history.iter().filter(|h| !h.empty_layer).count();
    // A base image may have more layers than history lines.
    let mut layer = layers.len().saturating_sub(with_layer);
    let mut last: Option<String> = None;
    for entry in &mut history {
        let own = if entry.empty_layer {
            None
        } else {
            layer += 1;
            layers.get(layer - 1)
        };
        if entry.created.is_none() {
            entry.created = match (epoch, own) {
                (Some(epoch), _) => Some(rfc3339(epoch)),
                (None, Some(id)) => Some(rfc3339(made(id)?)),
                (None, None) => last.clone().or_else(|| Some(rfc3339(SystemTime::UNIX_EPOCH))),
            };
        }
        last.clone_from(&entry.created);
    }
    let document = Document {
        created: last.unwrap_or_else(|| rfc3339(epoch.unwrap_or(SystemTime::UNIX_EPOCH))),
        author: &plan.config.author,
        architecture: &plan.platform.architecture,
        os: &plan.platform.os,
        variant: &plan.platform.variant,
        config: &plan.config.config,
        rootfs: RootFs { kind: "layers", diff_ids: layers },
        history,
    };
    Ok(serde_json::to_vec(&document).expect("a config has string keys only"))
}

/// What `--metadata-file` gets. **Source:** buildx, `--metadata-file`.
pub fn metadata(record: &ImageRecord, tags: &[String]) -> serde_json::Value {
    let digest = record.manifest.as_ref().unwrap_or(&record.id);
    let mut document = serde_json::json!({
        "containerimage.config.digest": record.id.to_string(),
        "containerimage.digest": digest.to_string(),
    });
    if !tags.is_empty() {
        document["image.name"] = tags.join(",").into();
    }
    document
}

/// Writes one `--output`.
///
/// # Errors
/// The destination cannot be written; what was begun there is removed.
pub fn write(store: &Store, record: &ImageRecord, names: &[Reference], output: &Output) -> Result<(), BuildError> {
    let format = match output.kind {
        OutputKind::Image => return Ok(()),
        OutputKind::Oci if output.tar == Some(false) => ExportFormat::OciFolder,
        OutputKind::Oci => ExportFormat::OciArchive,
        OutputKind::Docker => ExportFormat::DockerArchive,
        OutputKind::Tar => ExportFormat::RootTar,
        OutputKind::Local => ExportFormat::RootFolder,
    };
    let options = ExportOptions { format, compression: output.compression.clone(), names: names.to_vec() };
    export(store, record, output.dest.as_deref(), &options).map_err(|error| {
        let dest = output.dest.as_ref().map_or_else(|| "standard output".to_owned(), |d| d.display().to_string());
        Problem::Output { dest, message: error.to_string() }.into()
    })
}
