//! Images and their names.

use super::{DiffId, Store, StoreError};
use cooperage_lang::model::reference::{Digest, Reference};
use cooperage_lang::plan::config::ImageConfig;
use std::time::SystemTime;

/// An image as lists show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageRecord {
    /// Digest of the config.
    pub id: Digest,
    /// Digest of the manifest, when one is known.
    pub manifest: Option<Digest>,
    /// From the config.
    pub created: Option<SystemTime>,
    /// When it came into this store.
    pub stored: SystemTime,
    /// Sum of its layers' sizes, bytes.
    pub size: u64,
    /// Bottom first.
    pub layers: Vec<DiffId>,
    /// Its names, sorted.
    pub names: Vec<Reference>,
}

/// The documents of an image, byte for byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageDocuments {
    pub config: Vec<u8>,
    pub manifest: Option<Vec<u8>>,
}

/// The config of an image, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageDetails {
    pub config: ImageConfig,
    pub architecture: String,
    pub os: String,
    pub variant: String,
    /// RFC 3339, as in the config.
    pub created: Option<String>,
    /// `rootfs.diff_ids`.
    pub diff_ids: Vec<DiffId>,
}

/// Why an image could not be stored, found or removed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImageError {
    #[error("the image config is not valid: {0}")]
    Config(#[source] serde_json::Error),
    #[error("the image has {layers} layers and its config names {diff_ids}, or others")]
    LayersDiffer { layers: usize, diff_ids: usize },
    #[error("layer {0} of the image is not in the store")]
    MissingLayer(DiffId),
    #[error("no image {0} in the store")]
    Missing(Digest),
    #[error("`{prefix}` is the beginning of several image ids")]
    Ambiguous { prefix: String },
    #[error("image {id} has several names ({}): remove them one by one, or use force", names.join(", "))]
    SeveralNames { id: Digest, names: Vec<String> },
    #[error("image {id} is used by {owner}")]
    InUse { id: Digest, owner: String },
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Store {
    /// Stores an image whose layers are here. Storing the same again changes nothing.
    pub fn put_image(
        &self,
        config: &[u8],
        manifest: Option<&[u8]>,
        layers: &[DiffId],
    ) -> Result<Digest, ImageError> {
        let _ = (config, manifest, layers);
        todo!()
    }

    /// Gives the image a name; another image loses it. Writes nothing when it is so already.
    pub fn tag(&self, name: &Reference, image: &Digest) -> Result<(), ImageError> {
        let _ = (name, image);
        todo!()
    }

    /// Takes a name away; false when there is no such name. The image stays.
    pub fn untag(&self, name: &Reference) -> Result<bool, ImageError> {
        let _ = name;
        todo!()
    }

    /// The image of that name; a reference with digest matches the manifest's digest or the id.
    pub fn image(&self, name: &Reference) -> Result<Option<ImageRecord>, ImageError> {
        let _ = name;
        todo!()
    }

    /// The image with that id.
    pub fn image_by_id(&self, id: &Digest) -> Result<Option<ImageRecord>, ImageError> {
        let _ = id;
        todo!()
    }

    /// The image whose id starts with `prefix`, hexadecimal with or without `sha256:`.
    pub fn image_by_id_prefix(&self, prefix: &str) -> Result<Option<ImageRecord>, ImageError> {
        let _ = prefix;
        todo!()
    }

    /// All images, newest first.
    pub fn images(&self) -> Result<Vec<ImageRecord>, ImageError> {
        todo!()
    }

    /// Removes an image with all its names. Layers go with the next [`Store::collect`].
    pub fn remove_image(&self, id: &Digest, force: bool) -> Result<(), ImageError> {
        let _ = (id, force);
        todo!()
    }

    /// The config of an image, read.
    pub fn image_config(&self, id: &Digest) -> Result<Option<ImageDetails>, ImageError> {
        let _ = id;
        todo!()
    }

    /// Config and manifest of an image, byte for byte.
    pub fn image_documents(&self, id: &Digest) -> Result<Option<ImageDocuments>, ImageError> {
        let _ = id;
        todo!()
    }

    /// Keeps an image and layers for something that is no image, for example `container/<id>`, until [`Store::unpin`].
    pub fn pin(
        &self,
        owner: &str,
        image: Option<&Digest>,
        layers: &[DiffId],
    ) -> Result<(), ImageError> {
        let _ = (owner, image, layers);
        todo!()
    }

    /// Ends [`Store::pin`].
    pub fn unpin(&self, owner: &str) -> Result<(), ImageError> {
        let _ = owner;
        todo!()
    }
}
