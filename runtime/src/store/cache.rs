//! The build cache and the history of steps and builds. What a key means is decided in `build::cache` alone.

use super::{CacheKey, DiffId, Store, StoreError};
use std::time::{Duration, SystemTime};

/// A cached result. Its input manifest is read separately: [`Store::record_manifest`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The result; `None` when the step leaves the files as they were.
    pub layer: Option<DiffId>,
    pub created: SystemTime,
    pub took: Duration,
    /// Bytes of the layer.
    pub size: u64,
    /// JSON.
    pub meta: String,
}

/// A record to be stored.
#[derive(Clone, Debug, Default)]
pub struct NewRecord<'a> {
    pub layer: Option<DiffId>,
    pub took: Duration,
    /// Bytes of the layer.
    pub size: u64,
    /// What the step read, for naming what changed later; any bytes.
    pub manifest: &'a [u8],
    /// JSON.
    pub meta: &'a str,
}

/// One execution of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepRun {
    /// Path of the Dockerfile, or another name of it.
    pub dockerfile: String,
    pub stage: String,
    /// Position among the stage's steps.
    pub position: u32,
    /// Instruction text.
    pub instruction: String,
    /// Definition digest.
    pub definition: [u8; 32],
    pub key: CacheKey,
    pub started: SystemTime,
    pub took: Duration,
    /// Bytes of the new layer.
    pub bytes: u64,
    /// Bytes.
    pub peak_memory: Option<u64>,
    /// `None` when it did not run to its end.
    pub exit_status: Option<i32>,
    /// Why it ran: JSON or words.
    pub reason: String,
}

/// A stored description of a build.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuildDocument {
    pub at: SystemTime,
    /// JSON.
    pub document: String,
}

impl Store {
    /// The record of a key. The layer it names may have been lost: ask [`Store::layer`].
    pub fn record(&self, key: &CacheKey) -> Result<Option<Record>, StoreError> {
        let _ = key;
        todo!()
    }

    /// The input manifest stored with a record.
    pub fn record_manifest(&self, key: &CacheKey) -> Result<Option<Vec<u8>>, StoreError> {
        let _ = key;
        todo!()
    }

    /// Stores a record; one of the same key is replaced, others stay.
    pub fn put_record(&self, key: &CacheKey, record: &NewRecord<'_>) -> Result<(), StoreError> {
        let _ = (key, record);
        todo!()
    }

    /// Notes that records were used, for least-recently-used collection. Written at most once an hour for each.
    pub fn touch_records(&self, keys: &[CacheKey]) -> Result<(), StoreError> {
        let _ = keys;
        todo!()
    }

    /// Adds an execution to the history.
    pub fn put_execution(&self, run: &StepRun) -> Result<(), StoreError> {
        let _ = run;
        todo!()
    }

    /// Last executions of the same definition, newest first.
    pub fn executions_of(
        &self,
        definition: &[u8; 32],
        limit: usize,
    ) -> Result<Vec<StepRun>, StoreError> {
        let _ = (definition, limit);
        todo!()
    }

    /// Last executions at the same place of a Dockerfile, newest first.
    pub fn executions_at(
        &self,
        dockerfile: &str,
        stage: &str,
        position: u32,
        limit: usize,
    ) -> Result<Vec<StepRun>, StoreError> {
        let _ = (dockerfile, stage, position, limit);
        todo!()
    }

    /// Stores the description of a build of `subject` (context folder and Dockerfile, as the caller names them).
    pub fn put_build(&self, subject: &str, document: &str) -> Result<(), StoreError> {
        let _ = (subject, document);
        todo!()
    }

    /// The last build of `subject`.
    pub fn last_build(&self, subject: &str) -> Result<Option<BuildDocument>, StoreError> {
        let _ = subject;
        todo!()
    }

    /// The last builds of `subject`, newest first; 20 are kept.
    pub fn builds(&self, subject: &str, limit: usize) -> Result<Vec<BuildDocument>, StoreError> {
        let _ = (subject, limit);
        todo!()
    }

    /// Remembers the digest of what `selection` picks from the file system that `chain` names.
    pub fn put_content_digest(
        &self,
        chain: &CacheKey,
        selection: &str,
        digest: &[u8; 32],
    ) -> Result<(), StoreError> {
        let _ = (chain, selection, digest);
        todo!()
    }

    /// The digest remembered by [`Store::put_content_digest`].
    pub fn content_digest(
        &self,
        chain: &CacheKey,
        selection: &str,
    ) -> Result<Option<[u8; 32]>, StoreError> {
        let _ = (chain, selection);
        todo!()
    }
}
