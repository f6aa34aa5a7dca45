//! The build cache and the history of steps and builds. What a key means is decided in `build::cache` alone.

use super::db::{micros, time};
use super::{CacheKey, DiffId, Store, StoreError};
use rusqlite::{OptionalExtension, Row, params};
use std::time::{Duration, SystemTime};

/// A record's last use is written again only when the written one is older.
const TOUCH_AFTER: Duration = Duration::from_secs(3600);
/// Builds kept for each subject.
const BUILDS: i64 = 20;
/// Executions kept for each place in a Dockerfile.
const EXECUTIONS: i64 = 50;

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
        self.db().read(|c| {
            c.prepare_cached("SELECT layer, created, took, size, meta FROM records WHERE key = ?1")?
                .query_row([&key.0], |row| {
                    Ok(Record {
                        layer: row.get::<_, Option<[u8; 32]>>(0)?.map(DiffId::new),
                        created: time(row.get(1)?),
                        took: duration(row.get(2)?),
                        size: row.get::<_, i64>(3)? as u64,
                        meta: row.get(4)?,
                    })
                })
                .optional()
        })
    }

    /// The input manifest stored with a record.
    pub fn record_manifest(&self, key: &CacheKey) -> Result<Option<Vec<u8>>, StoreError> {
        self.db().read(|c| {
            c.prepare_cached("SELECT manifest FROM record_manifests WHERE key = ?1")?
                .query_row([&key.0], |row| row.get(0))
                .optional()
        })
    }

    /// Stores a record; one of the same key is replaced, others stay.
    pub fn put_record(&self, key: &CacheKey, record: &NewRecord<'_>) -> Result<(), StoreError> {
        let now = micros(SystemTime::now());
        self.db().write(|t| {
            t.prepare_cached("INSERT OR REPLACE INTO records (key, layer, created, took, size, used, meta) VALUES (?1, ?2, ?3, ?4, ?5, ?3, ?6)")?
                .execute(params![
                    key.0,
                    record.layer.as_ref().map(DiffId::bytes),
                    now,
                    whole_micros(record.took),
                    record.size as i64,
                    record.meta
                ])?;
            t.prepare_cached("INSERT OR REPLACE INTO record_manifests (key, manifest) VALUES (?1, ?2)")?
                .execute(params![key.0, record.manifest])?;
            Ok(())
        })
    }

    /// Notes that records were used, for least-recently-used collection. Written at most once an hour for each.
    pub fn touch_records(&self, keys: &[CacheKey]) -> Result<(), StoreError> {
        let now = SystemTime::now();
        let old = micros(now - TOUCH_AFTER);
        let stale: Vec<CacheKey> = self.db().read(|c| {
            let mut query =
                c.prepare_cached("SELECT 1 FROM records WHERE key = ?1 AND used < ?2")?;
            keys.iter()
                .filter_map(|k| {
                    query
                        .exists(params![k.0, old])
                        .map(|e| e.then_some(*k))
                        .transpose()
                })
                .collect()
        })?;
        if stale.is_empty() {
            return Ok(());
        }
        self.db().write(|t| {
            let mut update = t.prepare_cached("UPDATE records SET used = ?2 WHERE key = ?1")?;
            stale
                .iter()
                .try_for_each(|k| update.execute(params![k.0, micros(now)]).map(drop))
        })
    }

    /// Adds an execution to the history; the last 50 of each place are kept.
    pub fn put_execution(&self, run: &StepRun) -> Result<(), StoreError> {
        self.db().write(|t| {
            t.prepare_cached(
                "INSERT INTO executions (dockerfile, stage, position, instruction, definition, key, started, took, bytes,
                     peak_memory, exit_status, reason) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
            )?
            .execute(params![
                run.dockerfile,
                run.stage,
                run.position,
                run.instruction,
                run.definition,
                run.key.0,
                micros(run.started),
                whole_micros(run.took),
                run.bytes as i64,
                run.peak_memory.map(|m| m as i64),
                run.exit_status,
                run.reason
            ])?;
            t.prepare_cached(
                "DELETE FROM executions WHERE dockerfile = ?1 AND stage = ?2 AND position = ?3 AND id <=
                     (SELECT id FROM executions WHERE dockerfile = ?1 AND stage = ?2 AND position = ?3
                      ORDER BY id DESC LIMIT 1 OFFSET ?4)",
            )?
            .execute(params![run.dockerfile, run.stage, run.position, EXECUTIONS])?;
            Ok(())
        })
    }

    /// Last executions of the same definition, newest first.
    pub fn executions_of(
        &self,
        definition: &[u8; 32],
        limit: usize,
    ) -> Result<Vec<StepRun>, StoreError> {
        self.db().read(|c| {
            c.prepare_cached(
                "SELECT * FROM executions WHERE definition = ?1 ORDER BY id DESC LIMIT ?2",
            )?
            .query_map(params![definition, limit as i64], step_run)?
            .collect()
        })
    }

    /// Last executions at the same place of a Dockerfile, newest first.
    pub fn executions_at(
        &self,
        dockerfile: &str,
        stage: &str,
        position: u32,
        limit: usize,
    ) -> Result<Vec<StepRun>, StoreError> {
        self.db().read(|c| {
            c.prepare_cached(
                "SELECT * FROM executions WHERE dockerfile = ?1 AND stage = ?2 AND position = ?3 ORDER BY id DESC LIMIT ?4",
            )?
            .query_map(params![dockerfile, stage, position, limit as i64], step_run)?
            .collect()
        })
    }

    /// Stores the description of a build of `subject` (context folder and Dockerfile, as the caller names them).
    pub fn put_build(&self, subject: &str, document: &str) -> Result<(), StoreError> {
        self.db().write(|t| {
            t.prepare_cached("INSERT INTO builds (subject, at, document) VALUES (?1, ?2, ?3)")?
                .execute(params![subject, micros(SystemTime::now()), document])?;
            t.prepare_cached(
                "DELETE FROM builds WHERE subject = ?1 AND id <=
                     (SELECT id FROM builds WHERE subject = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)",
            )?
            .execute(params![subject, BUILDS])?;
            Ok(())
        })
    }

    /// The last build of `subject`.
    pub fn last_build(&self, subject: &str) -> Result<Option<BuildDocument>, StoreError> {
        Ok(self.builds(subject, 1)?.pop())
    }

    /// The last builds of `subject`, newest first; 20 are kept.
    pub fn builds(&self, subject: &str, limit: usize) -> Result<Vec<BuildDocument>, StoreError> {
        self.db().read(|c| {
            c.prepare_cached(
                "SELECT at, document FROM builds WHERE subject = ?1 ORDER BY id DESC LIMIT ?2",
            )?
            .query_map(params![subject, limit as i64], |row| {
                Ok(BuildDocument {
                    at: time(row.get(0)?),
                    document: row.get(1)?,
                })
            })?
            .collect()
        })
    }
}

fn step_run(row: &Row<'_>) -> rusqlite::Result<StepRun> {
    Ok(StepRun {
        dockerfile: row.get("dockerfile")?,
        stage: row.get("stage")?,
        position: row.get("position")?,
        instruction: row.get("instruction")?,
        definition: row.get("definition")?,
        key: CacheKey(row.get("key")?),
        started: time(row.get("started")?),
        took: duration(row.get("took")?),
        bytes: row.get::<_, i64>("bytes")? as u64,
        peak_memory: row.get::<_, Option<i64>>("peak_memory")?.map(|m| m as u64),
        exit_status: row.get("exit_status")?,
        reason: row.get("reason")?,
    })
}

fn duration(micros: i64) -> Duration {
    Duration::from_micros(micros.max(0) as u64)
}

fn whole_micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}
