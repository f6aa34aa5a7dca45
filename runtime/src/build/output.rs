//! From the result of a build to an image and to what `--output` asks for.

use super::error::{BuildError, Problem};
use super::request::{Output, OutputKind};
use crate::image::config::{document, rfc3339};
use crate::image::rootfs;
use crate::image::save::{SaveFormat, SaveImage, SaveTarget, parse_compression, save};
use crate::store::{DiffId, ImageRecord, Store};
use cooperage_lang::model::reference::Reference;
use cooperage_lang::plan::Plan;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
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

/// Writes one `--output`.
///
/// # Errors
/// The destination cannot be written; an archive that was begun is removed.
pub fn write(
    store: &Store,
    record: &ImageRecord,
    names: &[Reference],
    output: &Output,
    epoch: Option<i64>,
) -> Result<(), BuildError> {
    let shown = output.dest.as_ref().map_or_else(|| "standard output".to_owned(), |d| d.display().to_string());
    let failed = |message: String| BuildError::from(Problem::Output { dest: shown.clone(), message });
    let compression = output.compression.as_deref().map(parse_compression).transpose();
    let compression = compression.map_err(|e| failed(e.to_string()))?;
    let images = [SaveImage { record: record.clone(), names: names.to_vec() }];
    let dest = output.dest.as_deref();
    match (output.kind, dest) {
        (OutputKind::Image, _) => Ok(()),
        (OutputKind::Oci, Some(folder)) if output.tar == Some(false) => {
            save(store, &images, SaveFormat::Oci, compression, SaveTarget::Folder(folder)).map_err(|e| failed(e.to_string()))
        }
        (OutputKind::Oci | OutputKind::Docker, _) => {
            let format = if output.kind == OutputKind::Oci { SaveFormat::Oci } else { SaveFormat::Docker };
            to_file(dest, |out| {
                save(store, &images, format, compression, SaveTarget::Stream(out)).map_err(io::Error::other)
            })
            .map_err(|e| failed(e.to_string()))
        }
        (OutputKind::Local, Some(folder)) if output.tar != Some(true) => {
            rootfs::write_folder(store, &record.layers, epoch, folder).map_err(|e| failed(e.to_string()))?;
            Ok(())
        }
        (OutputKind::Tar | OutputKind::Local, _) => to_file(dest, |out| {
            rootfs::write_tar(store, &record.layers, epoch, out).map_err(io::Error::other)
        })
        .map_err(|e| failed(e.to_string())),
    }
}

/// Runs `write` on a file that appears whole or not at all; on standard output without `dest`.
pub(crate) fn to_file(dest: Option<&Path>, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let Some(dest) = dest else {
        let mut out = BufWriter::with_capacity(1 << 20, io::stdout().lock());
        write(&mut out)?;
        return out.flush();
    };
    // A device or pipe cannot be replaced by a rename.
    if std::fs::metadata(dest).is_ok_and(|m| !m.is_file()) {
        let mut out = BufWriter::with_capacity(1 << 20, File::options().write(true).open(dest)?);
        write(&mut out)?;
        return out.flush();
    }
    let mut name = dest.as_os_str().to_owned();
    name.push(format!(".{}.part", std::process::id()));
    let part = std::path::PathBuf::from(name);
    let written = File::create(&part).and_then(|file| {
        let mut out = BufWriter::with_capacity(1 << 20, file);
        write(&mut out)?;
        out.flush()
    });
    let renamed = written.and_then(|()| std::fs::rename(&part, dest));
    if renamed.is_err() {
        // The first error is the one to tell.
        let _ = std::fs::remove_file(&part);
    }
    renamed
}
