//! The SQLite file: opening, versions, transactions and errors in words.

use super::StoreError;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags, Transaction, TransactionBehavior};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Version of `schema.sql`, kept in `user_version`.
const SCHEMA: i64 = 1;
/// `Coop`: tells our files from other SQLite files.
const APPLICATION: i64 = 0x436f_6f70;
/// Waiting for another process' transaction. Transactions are short; longer means that something is stuck.
const PATIENCE: Duration = Duration::from_secs(10);
/// As [`PATIENCE`], of who only reads: a writer does not keep a reader waiting, so somebody has locked all of it, and an
/// editor's findings are not to wait for that.
const READERS_PATIENCE: Duration = Duration::from_millis(100);
/// A log above this is folded into the database at the end; a smaller one is read by the next process faster than the
/// two syncs of folding it take.
const LARGE_LOG: u64 = 1 << 20;

/// One connection, used by one thread at a time.
pub(super) struct Db {
    connection: Mutex<Connection>,
    path: PathBuf,
    read_only: bool,
    wrote: AtomicBool,
}

impl Db {
    /// Opens or makes the database. `lock` is called to keep other makers away.
    pub(super) fn open<L>(
        path: PathBuf,
        lock: impl FnOnce() -> Result<L, StoreError>,
    ) -> Result<Self, StoreError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let db = Self::connect(path, flags, false)?;
        if db.version()? == 0 {
            let _lock = lock()?;
            if db.version()? == 0 {
                db.create()?;
            }
        }
        Ok(db)
    }

    /// Opens an existing database for reading.
    pub(super) fn open_read_only(path: PathBuf) -> Result<Option<Self>, StoreError> {
        if !path.exists() {
            return Ok(None);
        }
        let db = Self::connect(
            path,
            OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
            true,
        )?;
        Ok((db.version()? != 0).then_some(db))
    }

    /// Whether it was opened for reading.
    pub(super) fn is_read_only(&self) -> bool {
        self.read_only
    }

    /// Runs queries.
    pub(super) fn read<T>(
        &self,
        query: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        query(&self.lock()).map_err(|e| explain(&self.path, e))
    }

    /// Runs one transaction that takes the write lock at its beginning.
    pub(super) fn write<T>(
        &self,
        change: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        if self.read_only {
            return Err(StoreError::ReadOnly {
                path: self.path.clone(),
            });
        }
        self.wrote.store(true, Ordering::Relaxed);
        let mut connection = self.lock();
        let run = |connection: &mut Connection| {
            let transaction =
                connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let result = change(&transaction)?;
            transaction.commit()?;
            Ok(result)
        };
        run(&mut connection).map_err(|e| explain(&self.path, e))
    }

    fn connect(path: PathBuf, flags: OpenFlags, read_only: bool) -> Result<Self, StoreError> {
        let open = || {
            let connection = Connection::open_with_flags(&path, flags)?;
            connection.busy_timeout(if read_only {
                READERS_PATIENCE
            } else {
                PATIENCE
            })?;
            connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
            connection.set_prepared_statement_cache_capacity(64);
            if !read_only {
                connection.pragma_update(None, "synchronous", "NORMAL")?;
                connection.pragma_update(None, "wal_autocheckpoint", 256)?;
            }
            Ok(connection)
        };
        let connection = open().map_err(|e| explain(&path, e))?;
        Ok(Self {
            connection: Mutex::new(connection),
            path,
            read_only,
            wrote: AtomicBool::new(false),
        })
    }

    /// The schema's version; 0 for a new file.
    fn version(&self) -> Result<i64, StoreError> {
        let pragma = |name: &'static str| {
            self.read(move |c| c.pragma_query_value(None, name, |row| row.get::<_, i64>(0)))
        };
        let version = pragma("user_version")?;
        if version != 0 && pragma("application_id")? != APPLICATION {
            return Err(StoreError::Corrupt {
                path: self.path.clone(),
                detail: "another program's file".to_owned(),
            });
        }
        if version > SCHEMA {
            return Err(StoreError::Newer {
                path: self.path.clone(),
                found: version,
                known: SCHEMA,
            });
        }
        Ok(version)
    }

    fn create(&self) -> Result<(), StoreError> {
        self.read(|c| c.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(())))?;
        self.write(|t| {
            t.execute_batch(include_str!("schema.sql"))?;
            t.pragma_update(None, "application_id", APPLICATION)?;
            t.pragma_update(None, "user_version", SCHEMA)
        })
    }

    /// A panic while the lock was held rolled its transaction back: the connection is still good.
    fn lock(&self) -> MutexGuard<'_, Connection> {
        self.connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Db {
    fn drop(&mut self) {
        let mut log = self.path.clone().into_os_string();
        log.push("-wal");
        let large = || std::fs::metadata(log).is_ok_and(|m| m.len() > LARGE_LOG);
        if self.wrote.load(Ordering::Relaxed) && large() {
            // Best effort: the log stays valid without it.
            let _ = self
                .lock()
                .set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false);
        }
    }
}

/// Microseconds since 1970, as the database keeps times.
pub(super) fn micros(time: SystemTime) -> i64 {
    match time.duration_since(UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_micros()).unwrap_or(i64::MAX),
        Err(before) => i64::try_from(before.duration().as_micros()).map_or(i64::MIN, |m| -m),
    }
}

/// Reverse of [`micros`].
pub(super) fn time(micros: i64) -> SystemTime {
    let distance = Duration::from_micros(micros.unsigned_abs());
    let moved = if micros < 0 {
        UNIX_EPOCH.checked_sub(distance)
    } else {
        UNIX_EPOCH.checked_add(distance)
    };
    moved.unwrap_or(UNIX_EPOCH)
}

fn explain(path: &Path, error: rusqlite::Error) -> StoreError {
    let path = path.to_owned();
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => StoreError::Full { path },
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreError::Busy { path },
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => StoreError::Corrupt {
            path,
            detail: error.to_string(),
        },
        Some(ErrorCode::ReadOnly) => StoreError::ReadOnly { path },
        _ => StoreError::Database {
            path,
            source: error,
        },
    }
}
