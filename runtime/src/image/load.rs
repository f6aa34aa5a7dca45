//! Reads images from OCI layouts and from archives of `docker save`, and ingests the layout behind a named context.

use super::archive::{Archive, ArchiveError};
use super::ingest::{self, IngestError, Packing};
use super::manifest::{
    Codec, ConfigSummary, Descriptor, Document, Index, MAX_CONFIG, MAX_MANIFEST, Manifest,
    ManifestError, oci, sha256,
};
use crate::store::{BlobWriter, DiffId, ImageRecord, Lease, Store};
use cooperage_lang::model::platform::Platform;
use cooperage_lang::model::reference::{Digest, Reference};
use serde::Deserialize;
use std::io::{self, Read, Write};
use std::path::Path;

/// Indexes on the way to an image.
const MAX_DEPTH: usize = 4;

/// Largest `manifest.json` of a docker archive, bytes.
const MAX_DOCKER_MANIFEST: u64 = 16 << 20;

/// Annotation with the whole name of an image in a layout.
pub(super) const IMAGE_NAME: &str = "io.containerd.image.name";

/// Annotation with the tag, or the name, of an image in a layout.
pub(super) const REF_NAME: &str = "org.opencontainers.image.ref.name";

/// Why images could not be loaded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    #[error("{0}")]
    Archive(#[from] ArchiveError),
    #[error("cannot load `{name}`: {cause}")]
    Ingest {
        name: String,
        cause: Box<IngestError>,
    },
    #[error("`{name}` holds neither an OCI layout nor an archive of `docker save`")]
    Unknown { name: String },
    #[error("`{name}` was written by a Docker older than 1.10, which is not supported")]
    TooOld { name: String },
    #[error("`{name}` holds no image for {wanted}; offered: {offered}")]
    NoPlatform {
        name: String,
        wanted: String,
        offered: String,
    },
    #[error("no image `{wanted}` in `{name}`; it has: {}", if has.is_empty() { "nothing".to_owned() } else { has.join(", ") })]
    NoImage {
        name: String,
        wanted: String,
        has: Vec<String>,
    },
    #[error("`{name}` holds several images, none of them tagged `latest`: add `:TAG` or `@DIGEST`")]
    Several { name: String },
    #[error("`{0}` is not a layout path with an optional tag and digest")]
    Layout(String),
    #[error("indexes in `{name}` are nested deeper than {MAX_DEPTH} levels")]
    IndexTooDeep { name: String },
    #[error("`{entry}` of `{name}` is {found}, expected {expected}")]
    WrongContent {
        name: String,
        entry: String,
        expected: String,
        found: String,
    },
}

/// Where images are loaded from.
pub enum LoadSource<'a> {
    /// A folder or file.
    Path(&'a Path),
    /// A stream: standard input.
    Reader(&'a mut (dyn Read + Send)),
}

/// Loads every image of an archive: of each index the image for `platform`. Names come with them.
///
/// # Errors
/// See [`LoadError`]; nothing of a broken archive stays.
pub fn load(
    store: &Store,
    source: LoadSource<'_>,
    platform: &Platform,
) -> Result<Vec<ImageRecord>, LoadError> {
    let loader = Loader::new(store, source)?;
    let records = if loader.archive.has("index.json") && loader.archive.has("oci-layout") {
        loader.layout_images(platform)?
    } else if loader.archive.has("manifest.json") {
        loader.docker_images()?
    } else if loader.archive.has("repositories") {
        return Err(LoadError::TooOld {
            name: loader.archive.name().to_owned(),
        });
    } else {
        return Err(LoadError::Unknown {
            name: loader.archive.name().to_owned(),
        });
    };
    Ok(records)
}

/// Brings the image of an OCI layout named context (`PATH[:TAG][@DIGEST]`) into the store, without giving it a name.
/// When it is here already, only the layout's indexes are read.
///
/// # Errors
/// See [`LoadError`].
pub fn ingest_layout(
    store: &Store,
    layout: &str,
    platform: &Platform,
) -> Result<ImageRecord, LoadError> {
    let wanted = LayoutName::parse(layout)?;
    let loader = Loader::new(store, LoadSource::Path(Path::new(&wanted.path)))?;
    let index = loader.top_index()?;
    let descriptor = wanted.choose(&index, loader.archive.name())?;
    let (descriptor, manifest) = loader.image_of(descriptor.clone(), platform)?;
    loader.ingest(&descriptor, &manifest, &[])
}

/// Manifest digest that a layout named context has for `platform` now; reads only the layout's indexes.
///
/// # Errors
/// See [`LoadError`].
pub fn layout_digest(layout: &str, platform: &Platform) -> Result<Digest, LoadError> {
    let wanted = LayoutName::parse(layout)?;
    let archive = Archive::open(Path::new(&wanted.path), &std::env::temp_dir())?;
    let index = top_index(&archive)?;
    let descriptor = wanted.choose(&index, archive.name())?.clone();
    let (descriptor, _) = image_of(&archive, descriptor, platform)?;
    checked(&archive, &descriptor)
}

/// Config of the image a layout named context has for `platform`, byte for byte.
///
/// # Errors
/// See [`LoadError`].
pub fn layout_config(layout: &str, platform: &Platform) -> Result<Vec<u8>, LoadError> {
    let wanted = LayoutName::parse(layout)?;
    let archive = Archive::open(Path::new(&wanted.path), &std::env::temp_dir())?;
    let index = top_index(&archive)?;
    let descriptor = wanted.choose(&index, archive.name())?.clone();
    let (_, manifest) = image_of(&archive, descriptor, platform)?;
    read_blob(&archive, &manifest.config, MAX_CONFIG)
}

/// The text behind `oci-layout://`, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
struct LayoutName {
    path: String,
    tag: Option<String>,
    digest: Option<Digest>,
}

impl LayoutName {
    fn parse(text: &str) -> Result<Self, LoadError> {
        let bad = || LoadError::Layout(text.to_owned());
        let (rest, digest) = match text.rfind("@sha") {
            Some(at) => (
                &text[..at],
                Some(text[at + 1..].parse().map_err(|_| bad())?),
            ),
            None => (text, None),
        };
        let (path, tag) = match rest.rfind(':') {
            // The whole text may be a path with a colon in it.
            Some(at) if !rest[at..].contains('/') && !Path::new(rest).exists() => {
                (&rest[..at], Some(rest[at + 1..].to_owned()))
            }
            _ => (rest, None),
        };
        if path.is_empty() {
            return Err(bad());
        }
        Ok(Self {
            path: path.to_owned(),
            tag,
            digest,
        })
    }

    fn choose<'i>(&self, index: &'i Index, name: &str) -> Result<&'i Descriptor, LoadError> {
        if let Some(digest) = &self.digest {
            let found = index.manifests.iter().find(|d| d.digest == digest.as_str());
            return found.ok_or_else(|| no_image(name, digest.as_str(), index));
        }
        let tag = self.tag.as_deref().unwrap_or("latest");
        if let Some(found) = index.manifests.iter().find(|d| has_tag(d, tag)) {
            return Ok(found);
        }
        match (self.tag.as_deref(), index.manifests.as_slice()) {
            (None, [only]) => Ok(only),
            (None, [_, _, ..]) => Err(LoadError::Several {
                name: name.to_owned(),
            }),
            _ => Err(no_image(name, tag, index)),
        }
    }
}

fn has_tag(descriptor: &Descriptor, tag: &str) -> bool {
    let ends = |name: &String| {
        name == tag
            || name
                .strip_suffix(tag)
                .is_some_and(|rest| rest.ends_with(':'))
    };
    [REF_NAME, IMAGE_NAME]
        .iter()
        .filter_map(|key| descriptor.annotations.get(*key))
        .any(ends)
}

fn no_image(name: &str, wanted: &str, index: &Index) -> LoadError {
    let label = |d: &Descriptor| {
        d.annotations
            .get(REF_NAME)
            .cloned()
            .unwrap_or_else(|| d.digest.clone())
    };
    let has = index.manifests.iter().map(label).take(20).collect();
    LoadError::NoImage {
        name: name.to_owned(),
        wanted: wanted.to_owned(),
        has,
    }
}

struct Loader {
    store: Store,
    lease: Lease,
    archive: Archive,
}

impl Loader {
    fn new(store: &Store, source: LoadSource<'_>) -> Result<Self, LoadError> {
        let failed = |cause: crate::store::StoreError| LoadError::Ingest {
            name: "the archive".to_owned(),
            cause: Box::new(cause.into()),
        };
        let lease = store.lease().map_err(failed)?;
        let scratch = lease.folder("load").map_err(failed)?;
        let archive = match source {
            LoadSource::Path(path) => Archive::open(path, &scratch)?,
            LoadSource::Reader(reader) => Archive::from_reader(reader, &scratch)?,
        };
        Ok(Self {
            store: store.clone(),
            lease,
            archive,
        })
    }

    fn ingest_error(&self, cause: impl Into<IngestError>) -> LoadError {
        LoadError::Ingest {
            name: self.archive.name().to_owned(),
            cause: Box::new(cause.into()),
        }
    }

    fn top_index(&self) -> Result<Index, LoadError> {
        top_index(&self.archive)
    }

    fn image_of(
        &self,
        descriptor: Descriptor,
        platform: &Platform,
    ) -> Result<(Descriptor, Manifest), LoadError> {
        image_of(&self.archive, descriptor, platform)
    }

    fn layout_images(&self, platform: &Platform) -> Result<Vec<ImageRecord>, LoadError> {
        let index = self.top_index()?;
        let docker_names = self.docker_names();
        // Entries that differ only in platform are one multi-platform image; of those the best is taken.
        let mut groups: Vec<(Vec<Reference>, Vec<Descriptor>)> = Vec::new();
        for descriptor in &index.manifests {
            let names = layout_names(descriptor);
            match groups
                .iter_mut()
                .find(|(known, _)| !names.is_empty() && *known == names)
            {
                Some((_, members)) => members.push(descriptor.clone()),
                None => groups.push((names, vec![descriptor.clone()])),
            }
        }
        let mut records: Vec<ImageRecord> = Vec::new();
        for (mut names, members) in groups {
            let group = Index {
                manifests: members,
                ..index.clone()
            };
            let descriptor = match group.manifests.as_slice() {
                [only] => only,
                _ => group
                    .select(platform)
                    .ok_or_else(|| self.no_platform(platform, &group))?,
            };
            let (descriptor, manifest) = self.image_of(descriptor.clone(), platform)?;
            if names.is_empty() {
                names = docker_names
                    .iter()
                    .filter(|(c, _)| *c == manifest.config.digest)
                    .map(|(_, n)| n.clone())
                    .collect();
            }
            let record = self.ingest(&descriptor, &manifest, &names)?;
            records.retain(|r| r.id != record.id);
            records.push(record);
        }
        Ok(records)
    }

    fn no_platform(&self, platform: &Platform, index: &Index) -> LoadError {
        LoadError::NoPlatform {
            name: self.archive.name().to_owned(),
            wanted: platform.to_string(),
            offered: index.offered(),
        }
    }

    /// Config digest and name of every image in the `manifest.json` that newer Dockers write beside the layout.
    fn docker_names(&self) -> Vec<(String, Reference)> {
        let Ok(entries) = self.docker_entries() else {
            return Vec::new();
        };
        let digest = |config: &str| {
            format!(
                "sha256:{}",
                config
                    .rsplit('/')
                    .next()
                    .unwrap_or(config)
                    .trim_end_matches(".json")
            )
        };
        entries
            .iter()
            .flat_map(|e| e.names().into_iter().map(|n| (digest(&e.config), n)))
            .collect()
    }

    /// Takes one image of a layout.
    fn ingest(
        &self,
        descriptor: &Descriptor,
        manifest: &Manifest,
        names: &[Reference],
    ) -> Result<ImageRecord, LoadError> {
        let digest = checked(&self.archive, descriptor)?;
        if let Some(record) = self
            .present(&digest, names)
            .map_err(|e| self.ingest_error(e))?
        {
            return Ok(record);
        }
        let document = read_blob(&self.archive, descriptor, MAX_MANIFEST)?;
        let config = read_blob(&self.archive, &manifest.config, MAX_CONFIG)?;
        let summary = ConfigSummary::parse(&config, manifest.layers.len())
            .map_err(|e| self.ingest_error(e))?;
        let diff_ids = ingest::diff_ids(&summary).map_err(|e| self.ingest_error(e))?;
        for (layer, diff_id) in manifest.layers.iter().zip(&diff_ids) {
            let codec =
                Codec::of_media_type(&layer.media_type).map_err(|e| self.ingest_error(e))?;
            self.layer(
                &blob_path(layer),
                codec,
                Some((&checked(&self.archive, layer)?, layer.size)),
                diff_id,
            )?;
        }
        ingest::put(&self.store, (&config, Some(&document)), &diff_ids, names)
            .map_err(|e| self.ingest_error(e))
    }

    /// The image of that manifest when the store has it whole.
    fn present(
        &self,
        manifest: &Digest,
        names: &[Reference],
    ) -> Result<Option<ImageRecord>, IngestError> {
        let Some(found) = ingest::present_image(&self.store, &self.lease, manifest)? else {
            return Ok(None);
        };
        for name in names {
            self.store.tag(name, &found.id)?;
        }
        Ok(self.store.image_by_id(&found.id)?)
    }

    /// Unpacks a layer while its blob is copied into the store; both are checked before anything refers to them.
    fn layer(
        &self,
        entry: &str,
        codec: Codec,
        expected: Option<(&Digest, u64)>,
        diff_id: &DiffId,
    ) -> Result<(), LoadError> {
        let fail = |cause: IngestError| self.ingest_error(cause);
        if ingest::present_layer(&self.store, &self.lease, diff_id)
            .map_err(fail)?
            .is_some()
        {
            return Ok(());
        }
        let (part, size) = self.archive.part(entry)?;
        if let Some((digest, wanted)) = expected
            && wanted != size
        {
            return Err(self.wrong_content(
                entry,
                &format!("{digest} of {wanted} bytes"),
                &format!("{size} bytes long"),
            ));
        }
        let writer = self
            .store
            .blob_writer(&self.lease)
            .map_err(|e| fail(e.into()))?;
        let mut tee = Tee {
            reader: part,
            writer,
        };
        let unreadable = |cause| IngestError::Read {
            what: entry.to_owned(),
            cause,
        };
        let plain = ingest::unpacked(codec, &mut tee).map_err(|e| fail(unreadable(e)))?;
        let layer = ingest::apply(&self.store, &self.lease, plain, entry).map_err(fail)?;
        io::copy(&mut tee, &mut io::sink()).map_err(|e| fail(unreadable(e)))?;
        let (blob, _) = tee.writer.commit(expected).map_err(|e| fail(e.into()))?;
        ingest::check_layer(&layer, diff_id).map_err(fail)?;
        let remembered = self
            .store
            .set_layer_blob(diff_id, &blob, codec.oci_media_type());
        remembered.map_err(|e| fail(e.into()))
    }

    fn wrong_content(&self, entry: &str, expected: &str, found: &str) -> LoadError {
        LoadError::WrongContent {
            name: self.archive.name().to_owned(),
            entry: entry.to_owned(),
            expected: expected.to_owned(),
            found: found.to_owned(),
        }
    }

    fn docker_entries(&self) -> Result<Vec<DockerEntry>, LoadError> {
        let bytes = self.archive.read("manifest.json", MAX_DOCKER_MANIFEST)?;
        serde_json::from_slice(&bytes).map_err(|e| {
            self.ingest_error(ManifestError::Syntax {
                line: e.line(),
                column: e.column(),
            })
        })
    }

    fn docker_images(&self) -> Result<Vec<ImageRecord>, LoadError> {
        self.docker_entries()?
            .iter()
            .map(|entry| self.docker_image(entry))
            .collect()
    }

    /// **Source:** moby `image/tarexport`, `manifest.json`.
    fn docker_image(&self, entry: &DockerEntry) -> Result<ImageRecord, LoadError> {
        let config = self.archive.read(&entry.config, MAX_CONFIG)?;
        let stem = entry
            .config
            .rsplit('/')
            .next()
            .unwrap_or(&entry.config)
            .trim_end_matches(".json");
        let found = sha256(&config);
        if stem.len() == 64 && stem.bytes().all(|b| b.is_ascii_hexdigit()) && found.hex() != stem {
            return Err(self.wrong_content(
                &entry.config,
                &format!("sha256:{stem}"),
                found.as_str(),
            ));
        }
        let summary =
            ConfigSummary::parse(&config, entry.layers.len()).map_err(|e| self.ingest_error(e))?;
        let diff_ids = ingest::diff_ids(&summary).map_err(|e| self.ingest_error(e))?;
        for (layer, diff_id) in entry.layers.iter().zip(&diff_ids) {
            let codec = self.sniff(layer)?;
            self.layer(layer, codec, None, diff_id)?;
        }
        let names = entry.names();
        ingest::put(&self.store, (&config, None), &diff_ids, &names)
            .map_err(|e| self.ingest_error(e))
    }

    fn sniff(&self, entry: &str) -> Result<Codec, LoadError> {
        let (part, _) = self.archive.part(entry)?;
        let mut head = Vec::new();
        let read = part.take(6).read_to_end(&mut head);
        read.map_err(|cause| {
            self.ingest_error(IngestError::Read {
                what: entry.to_owned(),
                cause,
            })
        })?;
        match Packing::of_head(&head) {
            None => Ok(Codec::Plain),
            Some(Packing::Gzip) => Ok(Codec::Gzip),
            Some(Packing::Zstd) => Ok(Codec::Zstd),
            Some(other) => Err(self.ingest_error(ManifestError::LayerType(format!("{other:?}")))),
        }
    }
}

/// An entry of `manifest.json` in a docker archive.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DockerEntry {
    config: String,
    #[serde(default)]
    repo_tags: Option<Vec<String>>,
    #[serde(default)]
    layers: Vec<String>,
}

impl DockerEntry {
    fn names(&self) -> Vec<Reference> {
        let tags = self.repo_tags.iter().flatten();
        tags.filter_map(|tag| Reference::parse_normalized(tag).ok())
            .map(Reference::with_default_tag)
            .collect()
    }
}

/// Names that a layout gives an image: whole ones only, a bare tag names nothing outside its layout.
fn layout_names(descriptor: &Descriptor) -> Vec<Reference> {
    let name = descriptor.annotations.get(IMAGE_NAME).or_else(|| {
        descriptor
            .annotations
            .get(REF_NAME)
            .filter(|name| name.contains(['/', ':']))
    });
    name.and_then(|n| Reference::parse_normalized(n).ok())
        .map(Reference::with_default_tag)
        .into_iter()
        .collect()
}

fn top_index(archive: &Archive) -> Result<Index, LoadError> {
    let bytes = archive.read("index.json", MAX_MANIFEST)?;
    match Document::parse(Some(oci::INDEX), &bytes) {
        Ok(Document::Index(index)) => Ok(index),
        Ok(Document::Image(_)) => Err(bad_document(
            archive,
            ManifestError::Lacks("list of manifests"),
        )),
        Err(error) => Err(bad_document(archive, error)),
    }
}

/// Follows indexes to the image for `platform`.
fn image_of(
    archive: &Archive,
    mut descriptor: Descriptor,
    platform: &Platform,
) -> Result<(Descriptor, Manifest), LoadError> {
    for _ in 0..MAX_DEPTH {
        let bytes = read_blob(archive, &descriptor, MAX_MANIFEST)?;
        let declared = Some(descriptor.media_type.as_str()).filter(|t| !t.is_empty());
        let index = match Document::parse(declared, &bytes).map_err(|e| bad_document(archive, e))? {
            Document::Image(manifest) => return Ok((descriptor, manifest)),
            Document::Index(index) => index,
        };
        let chosen = index.select(platform).cloned();
        descriptor = chosen.ok_or_else(|| LoadError::NoPlatform {
            name: archive.name().to_owned(),
            wanted: platform.to_string(),
            offered: index.offered(),
        })?;
    }
    Err(LoadError::IndexTooDeep {
        name: archive.name().to_owned(),
    })
}

/// A small blob of a layout, verified.
fn read_blob(archive: &Archive, descriptor: &Descriptor, limit: u64) -> Result<Vec<u8>, LoadError> {
    let digest = checked(archive, descriptor)?;
    let entry = blob_path(descriptor);
    let bytes = archive.read(&entry, limit)?;
    let wrong = |found: String| LoadError::WrongContent {
        name: archive.name().to_owned(),
        entry: entry.clone(),
        expected: format!("{digest} of {} bytes", descriptor.size),
        found,
    };
    if bytes.len() as u64 != descriptor.size {
        return Err(wrong(format!("{} bytes long", bytes.len())));
    }
    crate::registry::client::verify(&digest, &bytes).map_err(|e| wrong(e.to_string()))?;
    Ok(bytes)
}

fn checked(archive: &Archive, descriptor: &Descriptor) -> Result<Digest, LoadError> {
    descriptor
        .checked_digest()
        .map_err(|e| bad_document(archive, e))
}

/// `blobs/sha256/<hex>`; only called with checked digests, so the name has no other parts.
fn blob_path(descriptor: &Descriptor) -> String {
    format!("blobs/{}", descriptor.digest.replacen(':', "/", 1))
}

fn bad_document(archive: &Archive, cause: ManifestError) -> LoadError {
    LoadError::Ingest {
        name: archive.name().to_owned(),
        cause: Box::new(cause.into()),
    }
}

/// Reads and copies what is read.
struct Tee<R> {
    reader: R,
    writer: BlobWriter,
}

impl<R: Read> Read for Tee<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.reader.read(buffer)?;
        self.writer.write_all(&buffer[..n])?;
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_layouts() {
        let digest = format!("sha256:{}", "a".repeat(64));
        let parse = |text: &str| LayoutName::parse(text).expect("a name");
        assert_eq!(
            parse("/x/y"),
            LayoutName {
                path: "/x/y".to_owned(),
                tag: None,
                digest: None
            }
        );
        assert_eq!(parse("/x/y:1.0").tag.as_deref(), Some("1.0"));
        let both = parse(&format!("/x/y:1.0@{digest}"));
        assert_eq!(
            (both.path.as_str(), both.digest.map(|d| d.to_string())),
            ("/x/y", Some(digest))
        );
        assert_eq!(parse("/a:b/y").path, "/a:b/y");
        assert!(LayoutName::parse("/x@sha256:12").is_err());
        assert!(LayoutName::parse(":tag").is_err());
    }
}
