//! Writes images as OCI layout or in the form of `docker save`, as folder or archive. The same images give the same bytes.

use super::load::{IMAGE_NAME, REF_NAME};
use super::manifest::{Codec, Descriptor, Document, Index, Manifest, WirePlatform, oci, sha256};
use super::tarball::{Item, Kind, TarWriter};
use crate::store::{
    BlobError, DiffId, ImageError, ImageRecord, LayerError, Lease, Store, StoreError,
};
use cooperage_lang::model::platform::Platform;
use cooperage_lang::model::reference::Reference;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// What is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SaveFormat {
    /// OCI image layout.
    Oci,
    /// What `docker load` of any version since 1.10 reads: an OCI layout with plain layers and a `manifest.json`.
    Docker,
}

/// Where it is written.
pub enum SaveTarget<'a> {
    /// A folder, made when it is not there; other files in it stay.
    Folder(&'a Path),
    /// A tar stream.
    Stream(&'a mut dyn Write),
}

/// An image and the names it is written under.
#[derive(Clone, Debug)]
pub struct SaveImage {
    pub record: ImageRecord,
    pub names: Vec<Reference>,
}

/// Why images could not be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SaveError {
    #[error("cannot write `{}`: {cause}", path.display())]
    Write { path: PathBuf, cause: io::Error },
    #[error("cannot write the archive: {0}")]
    Stream(io::Error),
    #[error("`{0}` is not a compression: uncompressed, gzip or zstd")]
    Compression(String),
    #[error("image {0} is not in the store any more")]
    Gone(String),
    #[error("{0}")]
    Blob(#[from] BlobError),
    #[error("{0}")]
    Layer(#[from] LayerError),
    #[error("{0}")]
    Image(#[from] ImageError),
    #[error("{0}")]
    Store(#[from] StoreError),
}

/// The packing that `compression=` names.
///
/// # Errors
/// [`SaveError::Compression`].
pub fn parse_compression(text: &str) -> Result<Codec, SaveError> {
    match text {
        "uncompressed" => Ok(Codec::Plain),
        "gzip" => Ok(Codec::Gzip),
        "zstd" => Ok(Codec::Zstd),
        other => Err(SaveError::Compression(other.to_owned())),
    }
}

/// Writes `images`. Without `compression` a layer is written as it came (a pulled image keeps its digest), and plain when
/// it was made here; docker archives always hold plain layers.
///
/// # Errors
/// See [`SaveError`].
pub fn save(
    store: &Store,
    images: &[SaveImage],
    format: SaveFormat,
    compression: Option<Codec>,
    target: SaveTarget<'_>,
) -> Result<(), SaveError> {
    let mut gathering = Gathering::new(store, format, compression)?;
    for image in images {
        gathering.image(image)?;
    }
    gathering.finish(format)?;
    match target {
        SaveTarget::Folder(folder) => gathering.write_folder(folder),
        SaveTarget::Stream(out) => gathering.write_tar(out),
    }
}

/// A file of the result.
enum Content {
    Bytes(Vec<u8>),
    File { path: PathBuf, size: u64 },
}

struct Gathering {
    store: Store,
    lease: Lease,
    scratch: PathBuf,
    compression: Option<Codec>,
    /// By path in the result: the order in which they are written.
    files: BTreeMap<String, Content>,
    manifests: Vec<Descriptor>,
    docker: Vec<DockerEntry>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct DockerEntry {
    config: String,
    repo_tags: Vec<String>,
    layers: Vec<String>,
}

impl Gathering {
    fn new(
        store: &Store,
        format: SaveFormat,
        compression: Option<Codec>,
    ) -> Result<Self, SaveError> {
        let lease = store.lease()?;
        let scratch = lease.folder("save")?;
        Ok(Self {
            store: store.clone(),
            lease,
            scratch,
            compression: if format == SaveFormat::Docker {
                Some(Codec::Plain)
            } else {
                compression
            },
            files: BTreeMap::new(),
            manifests: Vec::new(),
            docker: Vec::new(),
        })
    }

    fn image(&mut self, image: &SaveImage) -> Result<(), SaveError> {
        let id = &image.record.id;
        let gone = || SaveError::Gone(id.to_string());
        let documents = self.store.image_documents(id)?.ok_or_else(gone)?;
        let details = self.store.image_config(id)?.ok_or_else(gone)?;
        let mut layers = Vec::new();
        for diff_id in &image.record.layers {
            layers.push(self.layer(diff_id)?);
        }
        let config = self.bytes(oci::CONFIG, documents.config);
        self.docker.push(DockerEntry {
            config: blob_path(&config.digest),
            repo_tags: image
                .names
                .iter()
                .filter(|n| n.tag.is_some())
                .map(Reference::familiar)
                .collect(),
            layers: layers.iter().map(|l| blob_path(&l.digest)).collect(),
        });
        let document = match documents
            .manifest
            .filter(|bytes| is_manifest_of(bytes, &config, &layers))
        {
            Some(original) => original,
            None => manifest(&config, layers),
        };
        let media_type = declared_type(&document);
        let mut descriptor = self.bytes(&media_type, document);
        descriptor.platform = Some(WirePlatform::from(&Platform::new(
            &details.os,
            &details.architecture,
            &details.variant,
        )));
        if image.names.is_empty() {
            self.manifests.push(descriptor.clone());
        }
        for name in &image.names {
            let mut named = descriptor.clone();
            named
                .annotations
                .insert(IMAGE_NAME.to_owned(), name.to_string());
            if let Some(tag) = &name.tag {
                named.annotations.insert(REF_NAME.to_owned(), tag.clone());
            }
            self.manifests.push(named);
        }
        Ok(())
    }

    /// A layer in the wanted packing, made when the store does not have it so.
    fn layer(&mut self, diff_id: &DiffId) -> Result<Descriptor, SaveError> {
        let known = self.store.layer_blobs(diff_id)?;
        for blob in known {
            let Ok(codec) = Codec::of_media_type(&blob.media_type) else {
                continue;
            };
            if self.compression.is_some_and(|wanted| wanted != codec) {
                continue;
            }
            // A collection in another process may have been faster.
            if !self.lease.hold_blob(&blob.digest)? {
                continue;
            }
            if let Some(found) = self.store.blob(&blob.digest) {
                return Ok(self.add_file(codec, blob.digest.as_str(), found.path, blob.size));
            }
        }
        let (path, digest, size, codec) = match self.compression.unwrap_or(Codec::Plain) {
            // The layer's files are the plain form already; keeping it as blob too would double it.
            Codec::Plain => {
                let path = self.scratch.join(diff_id.hex());
                let failed = |cause| SaveError::Write {
                    path: path.clone(),
                    cause,
                };
                let mut file =
                    io::BufWriter::with_capacity(1 << 20, File::create(&path).map_err(failed)?);
                self.store.write_layer_tar(diff_id, &mut file)?;
                let file = file.into_inner().map_err(|e| failed(e.into_error()))?;
                let size = file.metadata().map_err(failed)?.len();
                (path.clone(), diff_id.digest(), size, Codec::Plain)
            }
            codec => {
                let (digest, size) = self.pack(diff_id, codec)?;
                let blob = self
                    .store
                    .blob(&digest)
                    .ok_or_else(|| SaveError::Gone(digest.to_string()))?;
                (blob.path, digest, size, codec)
            }
        };
        Ok(self.add_file(codec, digest.as_str(), path, size))
    }

    /// Packs a layer into a blob that stays, so that it happens once.
    fn pack(
        &self,
        diff_id: &DiffId,
        codec: Codec,
    ) -> Result<(cooperage_lang::model::reference::Digest, u64), SaveError> {
        let writer = self.store.blob_writer(&self.lease)?;
        let failed = |e: io::Error| SaveError::Stream(e);
        let writer = match codec {
            Codec::Gzip => {
                // No name, no time: the same layer gives the same bytes.
                let mut packer = flate2::write::GzEncoder::new(writer, flate2::Compression::new(6));
                self.store.write_layer_tar(diff_id, &mut packer)?;
                packer.finish().map_err(failed)?
            }
            Codec::Zstd => {
                let mut packer = zstd::Encoder::new(writer, 3).map_err(failed)?;
                self.store.write_layer_tar(diff_id, &mut packer)?;
                packer.finish().map_err(failed)?
            }
            Codec::Plain => {
                let mut writer = writer;
                self.store.write_layer_tar(diff_id, &mut writer)?;
                writer
            }
        };
        let (digest, size) = writer.commit(None)?;
        self.store
            .set_layer_blob(diff_id, &digest, codec.oci_media_type())?;
        Ok((digest, size))
    }

    fn add_file(&mut self, codec: Codec, digest: &str, path: PathBuf, size: u64) -> Descriptor {
        self.files
            .insert(blob_path(digest), Content::File { path, size });
        Descriptor {
            media_type: codec.oci_media_type().to_owned(),
            digest: digest.to_owned(),
            size,
            ..Descriptor::default()
        }
    }

    fn bytes(&mut self, media_type: &str, bytes: Vec<u8>) -> Descriptor {
        let descriptor = Descriptor::of(media_type, &bytes);
        self.files
            .insert(blob_path(&descriptor.digest), Content::Bytes(bytes));
        descriptor
    }

    fn finish(&mut self, format: SaveFormat) -> Result<(), SaveError> {
        let index = Index {
            schema_version: 2,
            media_type: Some(oci::INDEX.to_owned()),
            manifests: std::mem::take(&mut self.manifests),
            annotations: BTreeMap::new(),
        };
        self.add_json("index.json", &index)?;
        self.files.insert(
            "oci-layout".to_owned(),
            Content::Bytes(br#"{"imageLayoutVersion":"1.0.0"}"#.to_vec()),
        );
        if format == SaveFormat::Docker {
            let entries = std::mem::take(&mut self.docker);
            self.add_json("manifest.json", &entries)?;
        }
        Ok(())
    }

    fn add_json(&mut self, name: &str, value: &impl Serialize) -> Result<(), SaveError> {
        let bytes = serde_json::to_vec(value).map_err(|e| SaveError::Stream(e.into()))?;
        self.files.insert(name.to_owned(), Content::Bytes(bytes));
        Ok(())
    }

    fn write_tar(&self, out: &mut dyn Write) -> Result<(), SaveError> {
        let mut tar = TarWriter::new(io::BufWriter::with_capacity(1 << 20, out));
        let mut write = || -> io::Result<()> {
            tar.dir("blobs", 0o755, 0)?;
            tar.dir("blobs/sha256", 0o755, 0)?;
            for (name, content) in &self.files {
                match content {
                    Content::Bytes(bytes) => tar.file(name, 0o644, 0, bytes)?,
                    Content::File { path, size } => {
                        let item = Item::new(name.as_bytes(), Kind::File(*size), 0o644);
                        tar.append(&item, &mut File::open(path)?)?;
                    }
                }
            }
            Ok(())
        };
        write().map_err(SaveError::Stream)?;
        tar.finish().map_err(SaveError::Stream)?;
        Ok(())
    }

    /// Blobs first, the index last and by renaming: a reader never sees a name whose content is not there.
    fn write_folder(&self, folder: &Path) -> Result<(), SaveError> {
        let blobs = folder.join("blobs/sha256");
        std::fs::create_dir_all(&blobs).map_err(|cause| SaveError::Write { path: blobs, cause })?;
        let (index, rest): (Vec<_>, Vec<_>) = self
            .files
            .iter()
            .partition(|(name, _)| *name == "index.json");
        for (name, content) in rest.into_iter().chain(index) {
            let path = folder.join(name);
            put_file(&path, content).map_err(|cause| SaveError::Write { path, cause })?;
        }
        Ok(())
    }
}

fn put_file(path: &Path, content: &Content) -> io::Result<()> {
    if let (Content::File { size, .. }, Ok(meta)) = (content, std::fs::symlink_metadata(path))
        && meta.is_file()
        && meta.len() == *size
    {
        // Named by its digest and of the right length: written by us or by someone who meant the same.
        return Ok(());
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let temporary = path.with_file_name(format!(".{name}.{}", std::process::id()));
    let result = (|| {
        let mut out = File::options()
            .write(true)
            .create_new(true)
            .open(&temporary)?;
        match content {
            Content::Bytes(bytes) => out.write_all(bytes)?,
            Content::File { path, .. } => {
                io::copy(&mut File::open(path)?, &mut out)?;
            }
        }
        std::fs::rename(&temporary, path)
    })();
    if result.is_err() {
        let _ = std::fs::remove_file(&temporary);
    }
    result
}

/// Whether the stored manifest describes exactly what is written: then it, and its digest, are kept.
fn is_manifest_of(bytes: &[u8], config: &Descriptor, layers: &[Descriptor]) -> bool {
    let Ok(Document::Image(manifest)) = Document::parse(None, bytes) else {
        return false;
    };
    manifest.config.digest == config.digest
        && manifest
            .layers
            .iter()
            .map(|l| &l.digest)
            .eq(layers.iter().map(|l| &l.digest))
}

fn declared_type(document: &[u8]) -> String {
    match Document::parse(None, document) {
        Ok(Document::Image(Manifest {
            media_type: Some(declared),
            ..
        })) => declared,
        _ => oci::MANIFEST.to_owned(),
    }
}

/// The manifest of a config and layers, as bytes that depend on nothing else.
pub fn manifest(config: &Descriptor, layers: Vec<Descriptor>) -> Vec<u8> {
    let manifest = Manifest {
        schema_version: 2,
        media_type: Some(oci::MANIFEST.to_owned()),
        config: config.clone(),
        layers,
        annotations: BTreeMap::new(),
    };
    serde_json::to_vec(&manifest).expect("texts and numbers have a JSON form")
}

/// Digest of the manifest that describes an image with plain layers of the given sizes: what a build reports as the
/// image's digest before anything is packed.
pub fn plain_manifest(config: &[u8], layers: &[(DiffId, u64)]) -> Vec<u8> {
    let layers = layers.iter().map(|(diff_id, size)| Descriptor {
        media_type: oci::LAYER.to_owned(),
        digest: diff_id.to_string(),
        size: *size,
        ..Descriptor::default()
    });
    let config = Descriptor {
        digest: sha256(config).to_string(),
        ..Descriptor::of(oci::CONFIG, config)
    };
    manifest(&config, layers.collect())
}

fn blob_path(digest: &str) -> String {
    format!("blobs/{}", digest.replacen(':', "/", 1))
}
