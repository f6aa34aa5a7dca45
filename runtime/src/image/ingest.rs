//! Brings what arrived from outside into the store: layers are unpacked and compared with what the config promises.

use super::manifest::{Codec, ConfigSummary, ManifestError};
use crate::store::{
    BlobError, DiffId, ImageError, ImageRecord, Layer, LayerError, Lease, Store, StoreError,
    UnpackError, UnpackOptions,
};
use cooperage_lang::model::reference::{Digest, Reference};
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

/// Why an image that is at hand could not be taken into the store.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IngestError {
    #[error("{0}")]
    Manifest(#[from] ManifestError),
    #[error("cannot read `{what}`: {cause}")]
    Read { what: String, cause: io::Error },
    #[error("layer {digest} does not unpack: {cause}")]
    Unpack {
        digest: String,
        cause: Box<LayerError>,
    },
    #[error("unpacked layer is {found}, the image config promises {expected}")]
    WrongLayer { expected: DiffId, found: DiffId },
    #[error("layer {0} has a digest that is not sha256")]
    Algorithm(Digest),
    #[error("{0}")]
    Blob(#[from] BlobError),
    #[error("{0}")]
    Layer(#[from] LayerError),
    #[error("{0}")]
    Image(#[from] ImageError),
    #[error("{0}")]
    Store(#[from] StoreError),
}

/// Unpacks a layer's blob unless the layer is here, checks that it is `expected`, and remembers the blob.
///
/// # Errors
/// [`IngestError::Unpack`], [`IngestError::WrongLayer`].
pub fn ingest_layer(
    store: &Store,
    lease: &Lease,
    (blob, codec): (&Digest, Codec),
    expected: &DiffId,
) -> Result<Layer, IngestError> {
    if let Some(layer) = present_layer(store, lease, expected)? {
        return Ok(layer);
    }
    let unreadable = |cause| IngestError::Read {
        what: blob.to_string(),
        cause,
    };
    let found = store
        .blob(blob)
        .ok_or_else(|| unreadable(io::ErrorKind::NotFound.into()))?;
    let file = File::open(&found.path).map_err(unreadable)?;
    let layer = apply(
        store,
        lease,
        unpacked(codec, file).map_err(unreadable)?,
        blob.as_str(),
    )?;
    check_layer(&layer, expected)?;
    store.set_layer_blob(&layer.diff_id, blob, codec.oci_media_type())?;
    Ok(layer)
}

/// The layer when it is here, kept alive by `lease`.
///
/// # Errors
/// The store cannot be read.
pub fn present_layer(
    store: &Store,
    lease: &Lease,
    diff_id: &DiffId,
) -> Result<Option<Layer>, IngestError> {
    if !lease.hold(diff_id)? {
        return Ok(None);
    }
    Ok(store.layer(diff_id)?)
}

/// The image with that manifest when all its layers are here; they are kept alive by `lease`.
///
/// # Errors
/// The store cannot be read.
pub fn present_image(
    store: &Store,
    lease: &Lease,
    manifest: &Digest,
) -> Result<Option<ImageRecord>, IngestError> {
    // The store looks for the digest alone when no image has this name, and none can: it is not a valid one.
    let by_digest = Reference {
        domain: String::new(),
        path: String::new(),
        tag: None,
        digest: Some(manifest.clone()),
    };
    let Some(found) = store.image(&by_digest)? else {
        return Ok(None);
    };
    for layer in &found.layers {
        if present_layer(store, lease, layer)?.is_none() {
            return Ok(None);
        }
    }
    Ok(Some(found))
}

/// Unpacks a plain layer tar; `name` is for messages.
///
/// # Errors
/// [`IngestError::Unpack`].
pub fn apply(
    store: &Store,
    lease: &Lease,
    tar: impl Read + Send,
    name: &str,
) -> Result<Layer, IngestError> {
    let options = UnpackOptions {
        whiteouts: true,
        ..UnpackOptions::default()
    };
    store
        .apply_layer(lease, tar, &options)
        .map_err(|cause| IngestError::Unpack {
            digest: name.to_owned(),
            cause: Box::new(cause),
        })
}

/// Compares an unpacked layer with what the config promises.
///
/// # Errors
/// [`IngestError::WrongLayer`].
pub fn check_layer(layer: &Layer, expected: &DiffId) -> Result<(), IngestError> {
    if layer.diff_id == *expected {
        return Ok(());
    }
    Err(IngestError::WrongLayer {
        expected: *expected,
        found: layer.diff_id,
    })
}

/// The diff ids of a config as the store names layers.
///
/// # Errors
/// [`IngestError::Algorithm`], [`ManifestError::BadDigest`].
pub fn diff_ids(summary: &ConfigSummary) -> Result<Vec<DiffId>, IngestError> {
    let convert =
        |digest: Digest| DiffId::from_digest(&digest).ok_or(IngestError::Algorithm(digest));
    summary.diff_ids()?.into_iter().map(convert).collect()
}

/// Stores the image's documents under `names`.
///
/// # Errors
/// The store refuses them.
pub fn put(
    store: &Store,
    documents: (&[u8], Option<&[u8]>),
    layers: &[DiffId],
    names: &[Reference],
) -> Result<ImageRecord, IngestError> {
    let id = store.put_image(documents.0, documents.1, layers)?;
    for name in names {
        store.tag(name, &id)?;
    }
    store
        .image_by_id(&id)?
        .ok_or_else(|| ImageError::Missing(id).into())
}

/// A reader of the plain tar in `packed`.
///
/// # Errors
/// The decoder cannot be set up.
pub fn unpacked<'r>(
    codec: Codec,
    packed: impl Read + Send + 'r,
) -> io::Result<Box<dyn Read + Send + 'r>> {
    let packed = BufReader::with_capacity(128 << 10, packed);
    Ok(match codec {
        Codec::Plain => Box::new(packed),
        Codec::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(packed)),
        Codec::Zstd => Box::new(zstd::Decoder::with_buffer(packed)?),
    })
}

/// The packing of a file by its first bytes, where no media type tells it (docker archives, `import`).
///
/// # Errors
/// The file cannot be read.
pub fn sniff(path: &Path) -> io::Result<Option<Packing>> {
    let mut head = [0; 6];
    let mut file = File::open(path)?;
    let mut filled = 0;
    while filled < head.len() {
        match file.read(&mut head[filled..])? {
            0 => break,
            n => filled += n,
        }
    }
    Ok(Packing::of_head(&head[..filled]))
}

/// The plain bytes of a stream that may be packed, told by its first bytes.
///
/// # Errors
/// The stream cannot be read, or the decoder not set up.
pub fn plain<'r>(mut reader: impl Read + Send + 'r) -> io::Result<Box<dyn Read + Send + 'r>> {
    let mut head = Vec::new();
    reader.by_ref().take(6).read_to_end(&mut head)?;
    let packing = Packing::of_head(&head);
    let whole = io::Cursor::new(head).chain(reader);
    match packing {
        Some(packing) => packing.reader(whole),
        None => Ok(Box::new(io::BufReader::with_capacity(128 << 10, whole))),
    }
}

/// Packings recognised by their first bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    Gzip,
    Zstd,
    Bzip2,
    Xz,
}

impl Packing {
    /// **Source:** RFC 1952, RFC 8878, bzip2 and xz file formats.
    pub fn of_head(head: &[u8]) -> Option<Self> {
        match head {
            [0x1f, 0x8b, ..] => Some(Self::Gzip),
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Some(Self::Zstd),
            [b'B', b'Z', b'h', ..] => Some(Self::Bzip2),
            [0xfd, b'7', b'z', b'X', b'Z', 0] => Some(Self::Xz),
            _ => None,
        }
    }

    /// A reader of what is packed.
    ///
    /// # Errors
    /// The decoder cannot be set up.
    pub fn reader<'r>(
        self,
        packed: impl Read + Send + 'r,
    ) -> io::Result<Box<dyn Read + Send + 'r>> {
        Ok(match self {
            Self::Gzip => return unpacked(Codec::Gzip, packed),
            Self::Zstd => return unpacked(Codec::Zstd, packed),
            Self::Bzip2 => Box::new(bzip2::read::MultiBzDecoder::new(packed)),
            Self::Xz => Box::new(liblzma::read::XzDecoder::new_multi_decoder(packed)),
        })
    }
}

impl From<UnpackError> for IngestError {
    fn from(error: UnpackError) -> Self {
        Self::Layer(LayerError::Unpack(error))
    }
}
