//! Collection of what nothing reaches any more.

use super::db::micros;
use super::{DiffId, Store, StoreError, images, lease, tree};
use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

/// What may go besides the unreachable.
#[derive(Clone, Copy, Debug, Default)]
pub struct CollectOptions {
    /// Cache records go, least recently used first, until the store's layers and blobs fit. Bytes.
    pub max_bytes: Option<u64>,
    /// Cache records not used for so long go.
    pub unused_for: Option<Duration>,
    /// Images without a name, used by nothing, go.
    pub unnamed_images: bool,
    /// Count only.
    pub dry_run: bool,
}

/// What was collected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Collected {
    pub images: usize,
    pub records: usize,
    pub layers: usize,
    pub blobs: usize,
    /// Bytes of layers and blobs.
    pub bytes: u64,
}

impl Store {
    /// Deletes what no image, pin, record or living lease reaches.
    ///
    /// Things are chosen and moved aside while everybody else is kept from taking hold of them; the deletion itself, which
    /// can take long, happens afterwards.
    pub fn collect(&self, options: &CollectOptions) -> Result<Collected, StoreError> {
        lease::collect_dead(self.paths())?;
        let lease = self.lease()?;
        let guard = lease::lock_exclusive(self.paths())?;
        let state = self.state()?;
        let choice = state.choose(options, SystemTime::now());
        let collected = choice.count(&state);
        if !options.dry_run {
            self.forget(&choice)?;
            let aside = |from: &Path| match fs::rename(from, lease.new_path("gone")) {
                Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                    Err(StoreError::io("delete", from)(e))
                }
                _ => Ok(()),
            };
            for diff_id in &choice.layers {
                aside(&self.paths().layers().join(diff_id.hex()))?;
            }
            for blob in &choice.blobs {
                aside(&state.blobs[blob].path)?;
            }
        }
        drop(guard);
        tree::remove(lease.path()).map_err(StoreError::io("delete", lease.path()))?;
        Ok(collected)
    }

    /// Rows go before files.
    fn forget(&self, choice: &Choice) -> Result<(), StoreError> {
        if choice.images.is_empty()
            && choice.records.is_empty()
            && choice.layers.is_empty()
            && choice.blobs.is_empty()
        {
            return Ok(());
        }
        self.db().write(|t| {
            let run = |sql: &str, value: &dyn rusqlite::ToSql| {
                t.prepare_cached(sql)?.execute([value]).map(drop)
            };
            for image in &choice.images {
                run("DELETE FROM images WHERE id = ?1", image)?;
                run("DELETE FROM image_documents WHERE id = ?1", image)?;
            }
            for key in &choice.records {
                run("DELETE FROM records WHERE key = ?1", key)?;
                run("DELETE FROM record_manifests WHERE key = ?1", key)?;
            }
            for diff_id in &choice.layers {
                run(
                    "DELETE FROM layer_blobs WHERE diff_id = ?1",
                    diff_id.bytes(),
                )?;
            }
            for blob in &choice.blobs {
                run("DELETE FROM layer_blobs WHERE digest = ?1", blob)?;
            }
            Ok(())
        })
    }

    fn state(&self) -> Result<State, StoreError> {
        let mut state = self.db().read(|c| {
            let mut state = State::default();
            let mut images = c.prepare(
                "SELECT id, layers, EXISTS (SELECT 1 FROM tags WHERE image = id) FROM images",
            )?;
            let rows = images.query_map([], |row| {
                Ok((
                    row.get(0)?,
                    images::split(&row.get::<_, Vec<u8>>(1)?),
                    row.get(2)?,
                ))
            })?;
            state.images = rows.collect::<rusqlite::Result<_>>()?;
            let mut pins = c.prepare("SELECT image, layers FROM pins")?;
            let rows = pins.query_map([], |row| {
                Ok((row.get::<_, Option<String>>(0)?, row.get::<_, Vec<u8>>(1)?))
            })?;
            for row in rows {
                let (image, layers) = row?;
                state.pinned_images.extend(image);
                state.pinned_layers.extend(images::split(&layers));
            }
            let mut records =
                c.prepare("SELECT key, layer, used FROM records ORDER BY used, key")?;
            let rows = records.query_map([], |row| {
                Ok(RecordUse {
                    key: row.get(0)?,
                    layer: row.get::<_, Option<[u8; 32]>>(1)?.map(DiffId::new),
                    used: row.get(2)?,
                })
            })?;
            state.records = rows.collect::<rusqlite::Result<_>>()?;
            let mut blobs = c.prepare("SELECT diff_id, digest FROM layer_blobs")?;
            let rows = blobs.query_map([], |row| Ok((DiffId::new(row.get(0)?), row.get(1)?)))?;
            state.layer_blobs = rows.collect::<rusqlite::Result<_>>()?;
            Ok(state)
        })?;
        state.held = lease::held(self.paths())?;
        for entry in list(&self.paths().layers())? {
            let Some(diff_id) = entry.file_name().to_str().and_then(DiffId::from_hex) else {
                continue;
            };
            // A folder that is no layer takes no part but is deleted.
            let size = self.layer(&diff_id).ok().flatten().map_or(0, |l| l.size);
            state.layers.insert(diff_id, size);
        }
        let sha256 = self.paths().blobs();
        for (algorithm, folder) in [
            ("sha256", sha256.clone()),
            ("sha512", sha256.with_file_name("sha512")),
        ] {
            for entry in list(&folder)? {
                let (Some(hex), Ok(metadata)) = (
                    entry.file_name().to_str().map(str::to_owned),
                    entry.metadata(),
                ) else {
                    continue;
                };
                let file = BlobFile {
                    path: entry.path(),
                    size: metadata.len(),
                    mark: format!("blob-{algorithm}-{hex}"),
                };
                state.blobs.insert(format!("{algorithm}:{hex}"), file);
            }
        }
        Ok(state)
    }
}

/// Everything that matters for the choice, read once.
#[derive(Default)]
struct State {
    /// Id, layers, whether it has a name.
    images: Vec<(String, Vec<DiffId>, bool)>,
    pinned_images: HashSet<String>,
    pinned_layers: HashSet<DiffId>,
    /// Least recently used first.
    records: Vec<RecordUse>,
    layer_blobs: Vec<(DiffId, String)>,
    held: HashSet<String>,
    /// With sizes.
    layers: HashMap<DiffId, u64>,
    blobs: HashMap<String, BlobFile>,
}

struct RecordUse {
    key: [u8; 32],
    layer: Option<DiffId>,
    used: i64,
}

struct BlobFile {
    path: std::path::PathBuf,
    size: u64,
    mark: String,
}

/// What goes.
#[derive(Default)]
struct Choice {
    images: Vec<String>,
    records: Vec<[u8; 32]>,
    layers: Vec<DiffId>,
    blobs: Vec<String>,
}

impl State {
    fn choose(&self, options: &CollectOptions, now: SystemTime) -> Choice {
        let images: Vec<String> = self
            .images
            .iter()
            .filter(|(id, _, named)| {
                options.unnamed_images && !named && !self.pinned_images.contains(id)
            })
            .map(|(id, ..)| id.clone())
            .collect();
        let oldest = options
            .unused_for
            .and_then(|d| now.checked_sub(d))
            .map_or(i64::MIN, micros);
        let old = self.records.partition_point(|r| r.used < oldest);
        let mut rooted = self.pinned_layers.clone();
        rooted.extend(
            self.images
                .iter()
                .filter(|(id, ..)| !images.contains(id))
                .flat_map(|(_, layers, _)| layers),
        );
        rooted.extend(
            self.layers
                .keys()
                .filter(|l| self.held.contains(&lease::layer_mark(l))),
        );
        let gone = old + self.to_evict(&rooted, &self.records[old..], options.max_bytes);
        rooted.extend(self.records[gone..].iter().filter_map(|r| r.layer));
        let kept_blobs: HashSet<&str> = self
            .layer_blobs
            .iter()
            .filter(|(layer, _)| rooted.contains(layer))
            .map(|(_, blob)| blob.as_str())
            .collect();
        let blobs = self.blobs.iter().filter(|(name, file)| {
            !kept_blobs.contains(name.as_str()) && !self.held.contains(&file.mark)
        });
        Choice {
            images,
            records: self.records[..gone].iter().map(|r| r.key).collect(),
            layers: self
                .layers
                .keys()
                .filter(|l| !rooted.contains(l))
                .copied()
                .collect(),
            blobs: blobs.map(|(name, _)| name.clone()).collect(),
        }
    }

    /// How many of `records`, from the first on, have to go for the rest to fit.
    fn to_evict(
        &self,
        rooted: &HashSet<DiffId>,
        records: &[RecordUse],
        max_bytes: Option<u64>,
    ) -> usize {
        let Some(max_bytes) = max_bytes else { return 0 };
        let size = |layer: &DiffId| self.layer_size(layer);
        let mut total: u64 = rooted.iter().map(size).sum();
        let mut uses: HashMap<DiffId, usize> = HashMap::new();
        for layer in records
            .iter()
            .filter_map(|r| r.layer)
            .filter(|l| !rooted.contains(l))
        {
            let count = uses.entry(layer).or_default();
            if *count == 0 {
                total += size(&layer);
            }
            *count += 1;
        }
        let mut gone = 0;
        while total > max_bytes && gone < records.len() {
            if let Some(layer) = records[gone].layer
                && let Some(count) = uses.get_mut(&layer)
            {
                *count -= 1;
                if *count == 0 {
                    total -= size(&layer);
                }
            }
            gone += 1;
        }
        gone
    }

    /// Bytes of a layer with its blobs.
    fn layer_size(&self, layer: &DiffId) -> u64 {
        let blobs = self
            .layer_blobs
            .iter()
            .filter(|(l, _)| l == layer)
            .filter_map(|(_, b)| self.blobs.get(b));
        self.layers.get(layer).copied().unwrap_or(0) + blobs.map(|b| b.size).sum::<u64>()
    }
}

impl Choice {
    fn count(&self, state: &State) -> Collected {
        let layers: u64 = self.layers.iter().map(|l| state.layers[l]).sum();
        let blobs: u64 = self.blobs.iter().map(|b| state.blobs[b].size).sum();
        Collected {
            images: self.images.len(),
            records: self.records.len(),
            layers: self.layers.len(),
            blobs: self.blobs.len(),
            bytes: layers + blobs,
        }
    }
}

fn list(folder: &Path) -> Result<Vec<fs::DirEntry>, StoreError> {
    match fs::read_dir(folder) {
        Ok(entries) => Ok(entries.flatten().collect()),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(e) => Err(StoreError::io("read", folder)(e)),
    }
}
