//! Images: lists, names, layers, and moving them in and out of the store.

use super::{Engine, EngineError};
use crate::build::events::Events;
use crate::cancel::Cancel;
use crate::image::export::to_file;
use crate::image::import::{self, ImportOptions, ImportSource};
use crate::image::load::LoadSource;
pub use crate::image::save::SaveFormat;
use crate::image::save::{self, SaveImage, SaveTarget};
use crate::store::{
    CollectOptions, DiffId, EntryKind, ImageDetails, ImageError, ImageRecord, Store,
};
use cooperage_lang::model::platform::Platform;
use cooperage_lang::model::reference::{Digest, Reference};
use cooperage_lang::model::suggest;
use cooperage_lang::plan::config::ImageConfig;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

/// An image of the store.
#[derive(Clone, Debug)]
pub struct Image {
    /// Digest of its config.
    pub id: Digest,
    /// Digest of its manifest; that of the config for an image that never had one.
    pub digest: Digest,
    /// Its names, familiar form.
    pub names: Vec<String>,
    /// From the config.
    pub created: Option<SystemTime>,
    /// Sum of its layers' files, bytes.
    pub size: u64,
    /// `linux`.
    pub os: String,
    /// `amd64`.
    pub architecture: String,
    /// `v8`, or empty.
    pub variant: String,
    /// The whole config.
    pub config: Arc<ImageConfig>,
    /// Diff ids, bottom first.
    pub layers: Vec<String>,
}

/// A layer of an image.
#[derive(Clone, Debug)]
pub struct LayerInfo {
    /// Position, from 0 at the bottom.
    pub index: usize,
    /// Its diff id.
    pub diff_id: String,
    /// Bytes of its files.
    pub size: u64,
    /// Number of entries.
    pub files: usize,
    /// The history line that made it.
    pub created_by: String,
}

/// An entry of a layer.
#[derive(Clone, Debug)]
pub struct FileInfo {
    /// Absolute path.
    pub path: String,
    /// `file`, `dir`, `symlink`, `hardlink`, `char`, `block`, `fifo` or `removed`.
    pub kind: String,
    /// Bytes.
    pub size: u64,
    /// Permission bits.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Text of a link.
    pub link: Option<String>,
}

/// What was removed.
#[derive(Clone, Copy, Debug)]
pub struct Pruned {
    /// Layers.
    pub layers: usize,
    /// Blobs.
    pub blobs: usize,
    /// Cache records.
    pub records: usize,
    /// Bytes of all.
    pub bytes: u64,
}

impl Engine {
    /// All images, newest first.
    pub fn images(&self) -> Result<Vec<Image>, EngineError> {
        let Some(store) = self.store_if_any()? else {
            return Ok(Vec::new());
        };
        store
            .images()?
            .into_iter()
            .map(|record| to_image(store, record))
            .collect()
    }

    /// The image of a name, an id or the beginning of an id.
    pub fn image(&self, name: &str) -> Result<Image, EngineError> {
        let (store, record) = self.find(name)?;
        to_image(store, record)
    }

    /// Gives an image one more name.
    pub fn tag(&self, image: &str, name: &str) -> Result<(), EngineError> {
        let (store, record) = self.find(image)?;
        Ok(store.tag(&parse_name(name)?, &record.id)?)
    }

    /// Takes a name away, and the image with its last name. Returns what was done, one line each.
    pub fn rmi(&self, name: &str, force: bool) -> Result<Vec<String>, EngineError> {
        let (store, record) = self.find(name)?;
        let by_id = !parse_name(name).is_ok_and(|n| record.names.contains(&n.with_default_tag()));
        let mut lines = Vec::new();
        if !by_id && record.names.len() > 1 {
            let reference = parse_name(name)?.with_default_tag();
            store.untag(&reference)?;
            lines.push(format!("Untagged: {}", reference.familiar()));
            return Ok(lines);
        }
        store.remove_image(&record.id, force || !by_id)?;
        lines.extend(
            record
                .names
                .iter()
                .map(|n| format!("Untagged: {}", n.familiar())),
        );
        lines.push(format!("Deleted: {}", record.id));
        store.collect(&CollectOptions::default())?;
        Ok(lines)
    }

    /// Layers of an image, bottom first.
    pub fn layers(&self, image: &str) -> Result<Vec<LayerInfo>, EngineError> {
        let (store, record) = self.find(image)?;
        let history: Vec<String> = store
            .image_config(&record.id)?
            .map(|d| {
                d.config
                    .history
                    .into_iter()
                    .filter(|h| !h.empty_layer)
                    .map(|h| h.created_by)
                    .collect()
            })
            .unwrap_or_default();
        record
            .layers
            .iter()
            .enumerate()
            .map(|(index, diff_id)| {
                let layer = store.layer(diff_id)?;
                Ok(LayerInfo {
                    index,
                    diff_id: diff_id.to_string(),
                    size: layer.as_ref().map_or(0, |l| l.size),
                    files: layer.map_or(Ok(0), |l| l.index().map(|i| i.len()))?,
                    created_by: history.get(index).cloned().unwrap_or_default(),
                })
            })
            .collect()
    }

    /// Entries of one layer, sorted by path.
    pub fn files(&self, image: &str, layer: usize) -> Result<Vec<FileInfo>, EngineError> {
        let (store, record) = self.find(image)?;
        let diff_id = record
            .layers
            .get(layer)
            .ok_or_else(|| EngineError::NoLayer {
                name: image.to_owned(),
                layers: record.layers.len(),
                layer,
            })?;
        files_of(store, diff_id)
    }

    /// Entries of the layer with that diff id, sorted by path.
    pub fn layer_files(&self, diff_id: &DiffId) -> Result<Vec<FileInfo>, EngineError> {
        match self.store_if_any()? {
            Some(store) => files_of(store, diff_id),
            None => Ok(Vec::new()),
        }
    }

    /// Brings an image from its registry.
    pub fn pull(
        &self,
        name: &str,
        platform: Option<&str>,
        events: &dyn Events,
        cancel: &Cancel,
    ) -> Result<Image, EngineError> {
        let reference = parse_name(name)?.with_default_tag();
        let platform = match platform {
            Some(text) => Platform::parse(text, &super::builds::host_platform()).map_err(|e| {
                EngineError::Name {
                    name: text.to_owned(),
                    reason: e.clone(),
                }
            })?,
            None => super::builds::host_platform(),
        };
        let store = self.store()?;
        let record = super::builds::pull_image(self, &reference, &platform, events, cancel)?;
        to_image(store, record)
    }

    /// Reads images from an archive or a layout folder.
    pub fn load(&self, path: &Path) -> Result<Vec<Image>, EngineError> {
        let store = self.store()?;
        let platform = super::builds::host_platform();
        let records = crate::image::load::load(store, LoadSource::Path(path), &platform)?;
        records
            .into_iter()
            .map(|record| to_image(store, record))
            .collect()
    }

    /// Writes images to an archive (`None`: standard output).
    pub fn save(
        &self,
        names: &[String],
        dest: Option<&Path>,
        format: SaveFormat,
    ) -> Result<(), EngineError> {
        let store = self.store()?;
        let mut images = Vec::new();
        for name in names {
            let (_, record) = self.find(name)?;
            let reference = parse_name(name).ok().map(Reference::with_default_tag);
            let names = reference
                .filter(|r| record.names.contains(r))
                .into_iter()
                .collect();
            images.push(SaveImage { record, names });
        }
        let written = to_file(dest, &mut std::io::stdout(), |out| {
            Ok(save::save(
                store,
                &images,
                format,
                None,
                SaveTarget::Stream(out),
            )?)
        });
        Ok(written?)
    }

    /// Makes an image of a root file system's archive.
    pub fn import(&self, path: &Path, tag: Option<&str>) -> Result<Image, EngineError> {
        let store = self.store()?;
        let tag = tag
            .map(parse_name)
            .transpose()?
            .map(Reference::with_default_tag);
        let options = ImportOptions {
            platform: super::builds::host_platform(),
            config: ImageConfig::default(),
            created: Some(SystemTime::now()),
            created_by: String::new(),
            comment: format!("Imported from {}", path.display()),
            names: tag.into_iter().collect(),
        };
        to_image(
            store,
            import::import(store, ImportSource::Path(path), &options)?,
        )
    }

    /// Makes a base image from programs of this host and the libraries they need; a default set when `programs` is empty.
    pub fn base(&self, tag: &str, programs: &[String]) -> Result<Image, EngineError> {
        let store = self.store()?;
        let tag = parse_name(tag)?.with_default_tag();
        let platform = super::builds::host_platform();
        to_image(
            store,
            crate::image::base::assemble_base(store, programs, &platform, vec![tag])?,
        )
    }

    /// Removes what nothing reaches: layers, blobs, records of results that are gone, images without a name.
    pub fn prune(&self) -> Result<Pruned, EngineError> {
        forget_failed(self.store()?, 0)?;
        let collected = self.store()?.collect(&CollectOptions {
            unnamed_images: true,
            ..CollectOptions::default()
        })?;
        Ok(Pruned {
            layers: collected.layers,
            blobs: collected.blobs,
            records: collected.records,
            bytes: collected.bytes,
        })
    }

    /// Finds an image by name, id or beginning of an id.
    pub(crate) fn find(&self, name: &str) -> Result<(&Store, ImageRecord), EngineError> {
        let not_found = |near| EngineError::NotFound {
            name: name.to_owned(),
            near,
        };
        let Some(store) = self.store_if_any()? else {
            return Err(not_found(Vec::new()));
        };
        let parsed = parse_name(name);
        if let Ok(reference) = &parsed
            && let Some(record) = store.image(&reference.clone().with_default_tag())?
        {
            return Ok((store, record));
        }
        let hex = name.strip_prefix("sha256:").unwrap_or(name);
        if hex.len() >= 4
            && hex.bytes().all(|b| b.is_ascii_hexdigit())
            && let Some(record) = store.image_by_id_prefix(hex)?
        {
            return Ok((store, record));
        }
        parsed?;
        let known: Vec<String> = store
            .images()?
            .iter()
            .flat_map(|i| i.names.iter().map(Reference::familiar))
            .collect();
        let near = nearest(name, &known);
        Err(not_found(near.into_iter().collect()))
    }
}

/// Entries of a layer, sorted by path; none for a layer that is not here.
fn files_of(store: &Store, diff_id: &DiffId) -> Result<Vec<FileInfo>, EngineError> {
    let Some(layer) = store.layer(diff_id)? else {
        return Ok(Vec::new());
    };
    let index = layer.index()?;
    Ok(index
        .iter()
        .map(|entry| FileInfo {
            path: format!("/{}", entry.path),
            kind: kind_name(entry.kind).to_owned(),
            size: entry.size,
            mode: entry.mode,
            uid: entry.uid,
            gid: entry.gid,
            link: (!entry.target.is_empty()).then(|| entry.target.to_string()),
        })
        .collect())
}

/// Takes the names `failed:…` away from all but the newest `keep` states of failed steps.
pub(crate) fn forget_failed(store: &Store, keep: usize) -> Result<(), ImageError> {
    let is_failed = |name: &&Reference| name.familiar_name() == "failed";
    let mut states: Vec<_> = store
        .images()?
        .into_iter()
        .filter_map(|image| Some((image.stored, image.names.iter().find(is_failed)?.clone())))
        .collect();
    states.sort_by_key(|(stored, _)| std::cmp::Reverse(*stored));
    for (_, name) in states.iter().skip(keep) {
        store.untag(name)?;
    }
    Ok(())
}

fn parse_name(name: &str) -> Result<Reference, EngineError> {
    Reference::parse_normalized(name).map_err(|e| EngineError::Name {
        name: name.to_owned(),
        reason: e.to_string(),
    })
}

pub(super) fn to_image(store: &Store, record: ImageRecord) -> Result<Image, EngineError> {
    let details = store
        .image_config(&record.id)?
        .unwrap_or_else(|| ImageDetails {
            config: ImageConfig::default(),
            architecture: String::new(),
            os: String::new(),
            variant: String::new(),
            created: None,
            diff_ids: Vec::new(),
        });
    Ok(Image {
        digest: record.manifest.clone().unwrap_or_else(|| record.id.clone()),
        id: record.id,
        names: record.names.iter().map(Reference::familiar).collect(),
        created: record.created,
        size: record.size,
        os: details.os,
        architecture: details.architecture,
        variant: details.variant,
        config: Arc::new(details.config),
        layers: record.layers.iter().map(ToString::to_string).collect(),
    })
}

fn kind_name(kind: EntryKind) -> &'static str {
    match kind {
        EntryKind::File => "file",
        EntryKind::Dir => "dir",
        EntryKind::Symlink => "symlink",
        EntryKind::HardLink => "hardlink",
        EntryKind::Char => "char",
        EntryKind::Block => "block",
        EntryKind::Fifo => "fifo",
        EntryKind::Whiteout => "removed",
    }
}

/// The known name that is nearly `name`.
fn nearest(name: &str, known: &[String]) -> Option<String> {
    let bare = known.iter().map(|k| k.strip_suffix(":latest").unwrap_or(k));
    suggest::closest(
        name.as_bytes(),
        bare.chain(known.iter().map(String::as_str)),
        true,
    )
}
