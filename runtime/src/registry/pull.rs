//! Pulling: from a name to an image in the store.

use super::blob::{DownloadLock, download};
use super::client::{Client, FetchedManifest, Repository, manifest_name};
use super::error::{PullError, RegistryError};
use crate::image::ingest::{self, IngestError};
use crate::image::manifest::{Codec, ConfigSummary, Descriptor, Document, MAX_CONFIG, Manifest};
use crate::store::{BlobError, DiffId, ImageRecord, Lease, Store};
use cooperage_lang::model::platform::Platform;
use cooperage_lang::model::reference::{Digest, Reference};
use std::io::Write;
use std::sync::Arc;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// Downloads at once.
const PARALLEL: usize = 4;

/// Indexes on the way from a name to an image.
const MAX_DEPTH: usize = 4;

/// What happens during a pull.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PullEvent {
    /// The name leads to this manifest or index.
    Resolved { digest: Digest },
    /// Something about a layer, named by the digest in the manifest.
    Layer {
        digest: Digest,
        state: LayerState,
        done: u64,
        total: u64,
    },
}

/// How far a layer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LayerState {
    /// It is in the store.
    Present,
    /// Another process is loading it.
    Waiting,
    /// Bytes arrive.
    Loading,
    /// Everything has arrived and is right; files are written.
    Unpacking,
    /// It is in the store now.
    Done,
}

/// Hears of progress, from several threads.
pub type Progress = Arc<dyn Fn(PullEvent) + Send + Sync>;

/// Digest of the manifest or index that `reference` names now. One request without a body where the server allows.
///
/// # Errors
/// [`PullError`] with the reference as users write it.
pub async fn resolve(client: &Client, reference: &Reference) -> Result<Digest, PullError> {
    named(reference, async {
        let repository = client.repository(reference).await?;
        let name = manifest_name(reference);
        match client.head_manifest(&repository, &name).await? {
            Some(digest) => Ok(digest),
            None => Ok(client.manifest(&repository, &name).await?.digest),
        }
    })
    .await
}

/// Brings the image that `reference` names for `platform` into the store, under that name. Layers that are here are not
/// loaded; an image that is here costs one or two small requests.
///
/// # Errors
/// [`PullError`] with the reference as users write it. Nothing half-made stays.
pub async fn pull(
    client: &Client,
    store: &Store,
    reference: &Reference,
    platform: &Platform,
    progress: Progress,
) -> Result<ImageRecord, PullError> {
    named(reference, async {
        let repository = client.repository(reference).await?;
        let lease = Arc::new(store.lease().map_err(IngestError::from)?);
        let job = Job {
            client: client.clone(),
            store: store.clone(),
            repository,
            lease,
            progress,
        };
        job.pull(reference, platform).await
    })
    .await
}

async fn named<T>(
    reference: &Reference,
    work: impl Future<Output = Result<T, RegistryError>>,
) -> Result<T, PullError> {
    work.await.map_err(|cause| PullError {
        name: reference.familiar(),
        cause,
    })
}

#[derive(Clone)]
struct Job {
    client: Client,
    store: Store,
    repository: Repository,
    lease: Arc<Lease>,
    progress: Progress,
}

impl Job {
    async fn pull(
        &self,
        reference: &Reference,
        platform: &Platform,
    ) -> Result<ImageRecord, RegistryError> {
        let name = manifest_name(reference);
        // HEAD first: Docker Hub counts only GET against the limit of pulls.
        let known = self.client.head_manifest(&self.repository, &name).await?;
        let top = self
            .document(known.as_ref().map_or(name.as_str(), Digest::as_str))
            .await?;
        (self.progress)(PullEvent::Resolved {
            digest: top.digest.clone(),
        });
        let (fetched, manifest) = self.image_of(top, platform).await?;
        if let Some(record) = self.present(&fetched.digest, reference)? {
            for layer in &manifest.layers {
                self.tell(
                    &layer.checked_digest()?,
                    LayerState::Present,
                    layer.size,
                    layer.size,
                );
            }
            return Ok(record);
        }
        let config = self.config(&manifest.config).await?;
        let summary = ConfigSummary::parse(&config, manifest.layers.len())?;
        let diff_ids = ingest::diff_ids(&summary)?;
        self.layers(&manifest, &diff_ids).await?;
        let mut names = vec![reference.clone()];
        names.retain(|n| n.tag.is_some() || n.digest.is_some());
        Ok(ingest::put(
            &self.store,
            (&config, Some(&fetched.bytes)),
            &diff_ids,
            &names,
        )?)
    }

    /// A manifest or index, from the store when its digest is known and here.
    async fn document(&self, name: &str) -> Result<FetchedManifest, RegistryError> {
        if let Ok(digest) = name.parse::<Digest>()
            && let Some(blob) = self.store.blob(&digest)
            && let Ok(bytes) = std::fs::read(&blob.path)
            && super::client::verify(&digest, &bytes).is_ok()
        {
            return Ok(FetchedManifest {
                digest,
                media_type: None,
                bytes,
            });
        }
        let fetched = self.client.manifest(&self.repository, name).await?;
        self.keep(&fetched)?;
        Ok(fetched)
    }

    fn keep(&self, fetched: &FetchedManifest) -> Result<(), RegistryError> {
        let mut writer = self
            .store
            .blob_writer(&self.lease)
            .map_err(IngestError::from)?;
        let what = || fetched.digest.to_string();
        writer
            .write_all(&fetched.bytes)
            .map_err(|cause| RegistryError::Write {
                what: what(),
                cause,
            })?;
        writer.commit(None).map_err(IngestError::from)?;
        Ok(())
    }

    /// Follows indexes to the image for `platform`.
    async fn image_of(
        &self,
        top: FetchedManifest,
        platform: &Platform,
    ) -> Result<(FetchedManifest, Manifest), RegistryError> {
        let mut seen = vec![top.digest.clone()];
        let mut fetched = top;
        let mut declared: Option<String> = None;
        loop {
            let outside = declared.as_deref().or(fetched.media_type.as_deref());
            let index = match Document::parse(outside, &fetched.bytes)? {
                Document::Image(manifest) => return Ok((fetched, manifest)),
                Document::Index(index) => index,
            };
            let entry = index
                .select(platform)
                .ok_or_else(|| RegistryError::NoPlatform {
                    wanted: platform.to_string(),
                    offered: index.offered(),
                })?;
            let digest = entry.checked_digest()?;
            if seen.len() >= MAX_DEPTH || seen.contains(&digest) {
                return Err(RegistryError::IndexTooDeep { depth: seen.len() });
            }
            declared = Some(entry.media_type.clone()).filter(|t| !t.is_empty());
            let expected = entry.size;
            fetched = self.document(digest.as_str()).await?;
            if fetched.bytes.len() as u64 != expected {
                return Err(wrong_size(&digest, expected, fetched.bytes.len() as u64));
            }
            seen.push(digest);
        }
    }

    /// The image of this manifest when it is here whole; it then gets the name.
    fn present(
        &self,
        manifest: &Digest,
        reference: &Reference,
    ) -> Result<Option<ImageRecord>, RegistryError> {
        let Some(found) = ingest::present_image(&self.store, &self.lease, manifest)? else {
            return Ok(None);
        };
        if !found.names.contains(reference) {
            self.store
                .tag(reference, &found.id)
                .map_err(IngestError::from)?;
        }
        Ok(self
            .store
            .image_by_id(&found.id)
            .map_err(IngestError::from)?)
    }

    async fn config(&self, descriptor: &Descriptor) -> Result<Vec<u8>, RegistryError> {
        if descriptor.size > MAX_CONFIG {
            return Err(RegistryError::TooLarge {
                what: "the image config".to_owned(),
                limit: MAX_CONFIG,
            });
        }
        let digest = descriptor.checked_digest()?;
        download(
            &self.client,
            &self.repository,
            (&digest, descriptor.size),
            Vec::new(),
            |_| {},
        )
        .await
    }

    /// Loads and unpacks what is missing, several layers at once. The first failure stops the others.
    async fn layers(&self, manifest: &Manifest, diff_ids: &[DiffId]) -> Result<(), RegistryError> {
        let loading = Arc::new(Semaphore::new(PARALLEL));
        let unpacking = Arc::new(Semaphore::new(
            std::thread::available_parallelism().map_or(2, usize::from),
        ));
        let mut tasks = JoinSet::new();
        let mut taken = Vec::new();
        for (layer, diff_id) in manifest.layers.iter().zip(diff_ids) {
            // The same layer may be listed twice.
            if taken.contains(diff_id) {
                continue;
            }
            taken.push(*diff_id);
            let (job, layer, diff_id) = (self.clone(), layer.clone(), *diff_id);
            let limits = (Arc::clone(&loading), Arc::clone(&unpacking));
            tasks.spawn(async move { job.layer(&layer, &diff_id, limits).await });
        }
        while let Some(finished) = tasks.join_next().await {
            finished.unwrap_or_else(|e| std::panic::resume_unwind(e.into_panic()))?;
        }
        Ok(())
    }

    async fn layer(
        &self,
        layer: &Descriptor,
        diff_id: &DiffId,
        (loading, unpacking): (Arc<Semaphore>, Arc<Semaphore>),
    ) -> Result<(), RegistryError> {
        let digest = layer.checked_digest()?;
        if ingest::present_layer(&self.store, &self.lease, diff_id)?.is_some() {
            self.tell(&digest, LayerState::Present, layer.size, layer.size);
            return Ok(());
        }
        let codec = Codec::of_media_type(&layer.media_type)?;
        let turn = loading
            .acquire()
            .await
            .expect("the semaphore is never closed");
        let folder = self.store.paths().scratch_cache().join("downloads");
        let tell_waiting = || self.tell(&digest, LayerState::Waiting, 0, layer.size);
        let lock = DownloadLock::take(&folder, &digest, tell_waiting).await?;
        if ingest::present_layer(&self.store, &self.lease, diff_id)?.is_some() {
            self.tell(&digest, LayerState::Present, layer.size, layer.size);
            return Ok(());
        }
        let blob = self.blob(layer, &digest).await?;
        drop(turn);
        let _turn = unpacking
            .acquire()
            .await
            .expect("the semaphore is never closed");
        self.tell(&digest, LayerState::Unpacking, layer.size, layer.size);
        let (store, lease, diff_id) = (self.store.clone(), Arc::clone(&self.lease), *diff_id);
        let work = move || ingest::ingest_layer(&store, &lease, (&blob, codec), &diff_id).map(drop);
        let unpacked = tokio::task::spawn_blocking(work).await;
        unpacked.unwrap_or_else(|e| std::panic::resume_unwind(e.into_panic()))?;
        self.tell(&digest, LayerState::Done, layer.size, layer.size);
        // Held until the layer is in place: who waits must find it.
        drop(lock);
        Ok(())
    }

    /// The blob in the store, loaded when it is not there. The digest it has there is returned: a sha512 blob is kept
    /// under its sha256.
    async fn blob(&self, layer: &Descriptor, digest: &Digest) -> Result<Digest, RegistryError> {
        if self.lease.hold_blob(digest).map_err(IngestError::from)? {
            return Ok(digest.clone());
        }
        let writer = self
            .store
            .blob_writer(&self.lease)
            .map_err(IngestError::from)?;
        self.tell(digest, LayerState::Loading, 0, layer.size);
        let step = (layer.size / 200).max(64 << 10);
        let told = std::sync::atomic::AtomicU64::new(0);
        let progress = |done: u64| {
            use std::sync::atomic::Ordering::Relaxed;
            if done == layer.size || done - told.load(Relaxed) >= step {
                told.store(done, Relaxed);
                self.tell(digest, LayerState::Loading, done, layer.size);
            }
        };
        let what = (digest, layer.size);
        let result = download(&self.client, &self.repository, what, writer, progress).await;
        let writer = match result {
            // Some images keep a layer at another place; we do not go there.
            Err(RegistryError::BlobNotFound { .. }) if !layer.urls.is_empty() => {
                return Err(RegistryError::ForeignLayer {
                    digest: digest.to_string(),
                });
            }
            other => other?,
        };
        let (expected, size) = (digest.clone(), layer.size);
        let commit = move || {
            let expected = (expected.algorithm() == "sha256").then_some((&expected, size));
            writer.commit(expected).map(|(digest, _)| digest)
        };
        let committed: Result<Digest, BlobError> = tokio::task::spawn_blocking(commit)
            .await
            .unwrap_or_else(|e| std::panic::resume_unwind(e.into_panic()));
        Ok(committed.map_err(IngestError::from)?)
    }

    fn tell(&self, digest: &Digest, state: LayerState, done: u64, total: u64) {
        (self.progress)(PullEvent::Layer {
            digest: digest.clone(),
            state,
            done,
            total,
        });
    }
}

fn wrong_size(digest: &Digest, expected: u64, received: u64) -> RegistryError {
    RegistryError::WrongSize {
        digest: digest.to_string(),
        expected,
        received,
    }
}
