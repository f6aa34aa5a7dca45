//! Images and their names.

use super::db::{micros, time};
use super::{DiffId, Store, StoreError, lease};
use crate::units;
use cooperage_lang::model::reference::{Digest, Reference};
use cooperage_lang::plan::config::ImageConfig;
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
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
        let details = ImageDetails::parse(config)?;
        if details.diff_ids != layers {
            return Err(ImageError::LayersDiffer {
                layers: layers.len(),
                diff_ids: details.diff_ids.len(),
            });
        }
        let id = sha256(config);
        let manifest_digest = manifest.map(sha256);
        // From here until the row is written the collector must not take a layer.
        let _guard = if self.db().is_read_only() {
            None
        } else {
            Some(lease::lock_shared(self.paths())?)
        };
        let mut size = 0;
        for diff_id in layers {
            let layer = self
                .layer(diff_id)
                .ok()
                .flatten()
                .ok_or(ImageError::MissingLayer(*diff_id))?;
            size += layer.size;
        }
        if let Some(known) = self.image_by_id(&id)?
            && (manifest.is_none() || known.manifest == manifest_digest)
        {
            return Ok(id);
        }
        let created = details
            .created
            .as_deref()
            .and_then(units::parse_rfc3339)
            .map(micros);
        let joined = join(layers);
        self.db().write(|t| {
            t.prepare_cached(
                "INSERT INTO images (id, manifest, created, stored, size, layers) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                 ON CONFLICT (id) DO UPDATE SET manifest = coalesce(excluded.manifest, manifest)",
            )?
            .execute(params![
                id.as_str(),
                manifest_digest.as_ref().map(Digest::as_str),
                created,
                micros(SystemTime::now()),
                size as i64,
                joined
            ])?;
            t.prepare_cached(
                "INSERT INTO image_documents (id, config, manifest) VALUES (?1, ?2, ?3)
                 ON CONFLICT (id) DO UPDATE SET manifest = coalesce(excluded.manifest, manifest)",
            )?
            .execute(params![id.as_str(), config, manifest])
            .map(drop)
        })?;
        Ok(id)
    }

    /// Gives the image a name; another image loses it. Writes nothing when it is so already.
    pub fn tag(&self, name: &Reference, image: &Digest) -> Result<(), ImageError> {
        let name = key(name);
        let current = self.db().read(|c| tagged(c, &name))?;
        if current.as_deref() == Some(image.as_str()) && self.image_by_id(image)?.is_some() {
            return Ok(());
        }
        let done = self.db().write(|t| {
            if !t
                .prepare_cached("SELECT 1 FROM images WHERE id = ?1")?
                .exists([image.as_str()])?
            {
                return Ok(false);
            }
            t.prepare_cached("INSERT OR REPLACE INTO tags (name, image) VALUES (?1, ?2)")?
                .execute(params![name, image.as_str()])?;
            Ok(true)
        })?;
        done.then_some(())
            .ok_or_else(|| ImageError::Missing(image.clone()))
    }

    /// Takes a name away; false when there is no such name. The image stays.
    pub fn untag(&self, name: &Reference) -> Result<bool, ImageError> {
        let name = key(name);
        Ok(self.db().write(|t| {
            Ok(t.prepare_cached("DELETE FROM tags WHERE name = ?1")?
                .execute([name])?
                > 0)
        })?)
    }

    /// The image of that name; a reference with digest matches the manifest's digest or the id.
    pub fn image(&self, name: &Reference) -> Result<Option<ImageRecord>, ImageError> {
        let text = key(name);
        Ok(self.db().read(|c| {
            if let Some(id) = tagged(c, &text)? {
                return one(c, "id = ?1", &id);
            }
            match &name.digest {
                Some(digest) => one(c, "manifest = ?1 OR id = ?1", digest.as_str()),
                None => Ok(None),
            }
        })?)
    }

    /// The image with that id.
    pub fn image_by_id(&self, id: &Digest) -> Result<Option<ImageRecord>, ImageError> {
        Ok(self.db().read(|c| one(c, "id = ?1", id.as_str()))?)
    }

    /// The image whose id starts with `prefix`, hexadecimal with or without `sha256:`.
    pub fn image_by_id_prefix(&self, prefix: &str) -> Result<Option<ImageRecord>, ImageError> {
        let hex = prefix.strip_prefix("sha256:").unwrap_or(prefix);
        if hex.is_empty()
            || hex.len() > 64
            || !hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
        {
            return Ok(None);
        }
        // `g` follows every hexadecimal digit: the half-open range of ids with this beginning.
        let range = (format!("sha256:{hex}"), format!("sha256:{hex}g"));
        let mut found = self.db().read(|c| {
            c.prepare_cached("SELECT * FROM images WHERE id >= ?1 AND id < ?2 LIMIT 2")?
                .query_map(params![range.0, range.1], |row| image_record(c, row))?
                .collect::<rusqlite::Result<Vec<_>>>()
        })?;
        if found.len() > 1 {
            return Err(ImageError::Ambiguous {
                prefix: prefix.to_owned(),
            });
        }
        Ok(found.pop())
    }

    /// All images, newest first.
    pub fn images(&self) -> Result<Vec<ImageRecord>, ImageError> {
        Ok(self.db().read(|c| {
            c.prepare_cached("SELECT * FROM images ORDER BY coalesce(created, stored) DESC, id")?
                .query_map([], |row| image_record(c, row))?
                .collect()
        })?)
    }

    /// Removes an image with all its names. Layers go with the next [`Store::collect`].
    pub fn remove_image(&self, id: &Digest, force: bool) -> Result<(), ImageError> {
        let refused = self.db().write(|t| {
            let Some(image) = one(t, "id = ?1", id.as_str())? else {
                return Ok(Some(ImageError::Missing(id.clone())));
            };
            let owner: Option<String> = t
                .prepare_cached("SELECT owner FROM pins WHERE image = ?1 LIMIT 1")?
                .query_row([id.as_str()], |row| row.get(0))
                .optional()?;
            if !force {
                if let Some(owner) = owner {
                    return Ok(Some(ImageError::InUse {
                        id: id.clone(),
                        owner,
                    }));
                }
                if image.names.len() > 1 {
                    let names = image.names.iter().map(ToString::to_string).collect();
                    return Ok(Some(ImageError::SeveralNames {
                        id: id.clone(),
                        names,
                    }));
                }
            }
            for sql in [
                "DELETE FROM tags WHERE image = ?1",
                "DELETE FROM images WHERE id = ?1",
                "DELETE FROM image_documents WHERE id = ?1",
            ] {
                t.prepare_cached(sql)?.execute([id.as_str()])?;
            }
            Ok(None)
        })?;
        refused.map_or(Ok(()), Err)
    }

    /// The config of an image, read.
    pub fn image_config(&self, id: &Digest) -> Result<Option<ImageDetails>, ImageError> {
        self.image_documents(id)?
            .map(|documents| ImageDetails::parse(&documents.config))
            .transpose()
    }

    /// Config and manifest of an image, byte for byte.
    pub fn image_documents(&self, id: &Digest) -> Result<Option<ImageDocuments>, ImageError> {
        Ok(self.db().read(|c| {
            c.prepare_cached("SELECT config, manifest FROM image_documents WHERE id = ?1")?
                .query_row([id.as_str()], |row| {
                    Ok(ImageDocuments {
                        config: row.get(0)?,
                        manifest: row.get(1)?,
                    })
                })
                .optional()
        })?)
    }

    /// Keeps an image and layers for something that is no image, for example `container/<id>`, until [`Store::unpin`].
    pub fn pin(
        &self,
        owner: &str,
        image: Option<&Digest>,
        layers: &[DiffId],
    ) -> Result<(), ImageError> {
        let _guard = lease::lock_shared(self.paths())?;
        for diff_id in layers {
            self.layer(diff_id)
                .ok()
                .flatten()
                .ok_or(ImageError::MissingLayer(*diff_id))?;
        }
        Ok(self.db().write(|t| {
            t.prepare_cached(
                "INSERT OR REPLACE INTO pins (owner, image, layers) VALUES (?1, ?2, ?3)",
            )?
            .execute(params![owner, image.map(Digest::as_str), join(layers)])
            .map(drop)
        })?)
    }

    /// Ends [`Store::pin`].
    pub fn unpin(&self, owner: &str) -> Result<(), ImageError> {
        Ok(self.db().write(|t| {
            t.prepare_cached("DELETE FROM pins WHERE owner = ?1")?
                .execute([owner])
                .map(drop)
        })?)
    }
}

impl ImageDetails {
    /// Reads a config.
    ///
    /// **Source:** OCI image specification, `config.md`. A missing `config` object, or `null` in the place of a list or
    /// map as Go programs write it, counts as empty.
    pub fn parse(config: &[u8]) -> Result<Self, ImageError> {
        #[derive(Deserialize)]
        struct Outer {
            #[serde(default)]
            architecture: String,
            #[serde(default)]
            os: String,
            #[serde(default)]
            variant: String,
            created: Option<String>,
            rootfs: Option<RootFs>,
        }
        #[derive(Deserialize)]
        struct RootFs {
            diff_ids: Option<Vec<DiffId>>,
        }
        let mut value: serde_json::Value =
            serde_json::from_slice(config).map_err(ImageError::Config)?;
        drop_nulls(&mut value);
        let config = ImageConfig::deserialize(&value).map_err(ImageError::Config)?;
        let outer = Outer::deserialize(&value).map_err(ImageError::Config)?;
        Ok(Self {
            config,
            architecture: outer.architecture,
            os: outer.os,
            variant: outer.variant,
            created: outer.created,
            diff_ids: outer.rootfs.and_then(|r| r.diff_ids).unwrap_or_default(),
        })
    }
}

/// Removes members whose value is `null`: they mean the same as absent ones.
fn drop_nulls(value: &mut serde_json::Value) {
    match value {
        serde_json::Value::Object(members) => {
            members.retain(|_, member| !member.is_null());
            members.values_mut().for_each(drop_nulls);
        }
        serde_json::Value::Array(items) => items.iter_mut().for_each(drop_nulls),
        _ => {}
    }
}

/// A name as the table keeps it: with `latest` where nothing was said.
fn key(name: &Reference) -> String {
    name.clone().with_default_tag().to_string()
}

fn tagged(c: &Connection, name: &str) -> rusqlite::Result<Option<String>> {
    c.prepare_cached("SELECT image FROM tags WHERE name = ?1")?
        .query_row([name], |row| row.get(0))
        .optional()
}

fn one(c: &Connection, condition: &str, value: &str) -> rusqlite::Result<Option<ImageRecord>> {
    c.prepare_cached(&format!("SELECT * FROM images WHERE {condition} LIMIT 1"))?
        .query_row([value], |row| image_record(c, row))
        .optional()
}

fn image_record(c: &Connection, row: &Row<'_>) -> rusqlite::Result<ImageRecord> {
    let id: String = row.get("id")?;
    let names = c
        .prepare_cached("SELECT name FROM tags WHERE image = ?1 ORDER BY name")?
        .query_map([&id], |row| row.get::<_, String>(0))?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    Ok(ImageRecord {
        id: digest(&id)?,
        manifest: row
            .get::<_, Option<String>>("manifest")?
            .map(|m| digest(&m))
            .transpose()?,
        created: row.get::<_, Option<i64>>("created")?.map(time),
        stored: time(row.get("stored")?),
        size: row.get::<_, i64>("size")? as u64,
        layers: split(&row.get::<_, Vec<u8>>("layers")?),
        names: names
            .iter()
            .filter_map(|n| Reference::parse_normalized(n).ok())
            .collect(),
    })
}

/// A digest read back from the database.
pub(super) fn digest(text: &str) -> rusqlite::Result<Digest> {
    text.parse()
        .map_err(|_| rusqlite::Error::InvalidColumnName(format!("digest `{text}`")))
}

fn sha256(bytes: &[u8]) -> Digest {
    Digest::from_sha256(Sha256::digest(bytes).into())
}

fn join(layers: &[DiffId]) -> Vec<u8> {
    layers.iter().flat_map(|l| *l.bytes()).collect()
}

/// Reverse of [`join`].
pub(super) fn split(layers: &[u8]) -> Vec<DiffId> {
    layers
        .as_chunks::<32>()
        .0
        .iter()
        .map(|bytes| DiffId::new(*bytes))
        .collect()
}
