//! From the result of a build to an image.

use super::error::{BuildError, Problem};
use crate::image::config::document;
use crate::store::{DiffId, ImageRecord, Store};
use crate::units::rfc3339;
use cooperage_lang::plan::Plan;
use std::time::{Duration, SystemTime};

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
    let mut config = plan.config.clone();
    let with_layer = config.history.iter().filter(|h| !h.empty_layer).count();
    // A base image may have more layers than history lines.
    let mut layer = layers.len().saturating_sub(with_layer);
    let mut last: Option<SystemTime> = None;
    for entry in &mut config.history {
        let own = if entry.empty_layer {
            None
        } else {
            layer += 1;
            layers.get(layer - 1)
        };
        let time = match (&entry.created, epoch, own) {
            (Some(_), ..) => None,
            (None, Some(epoch), _) => Some(epoch),
            (None, None, Some(id)) => Some(made(id)?),
            (None, None, None) => Some(last.unwrap_or(SystemTime::UNIX_EPOCH)),
        };
        if let Some(time) = time {
            entry.created = Some(rfc3339(time));
            last = Some(time);
        }
    }
    let created = last.or(epoch).unwrap_or(SystemTime::UNIX_EPOCH);
    Ok(document(&plan.platform, &config, Some(created), layers))
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
