//! Options for opening a file.

use std::{
    fs::OpenOptions,
    io,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

use sqlx::{
    SqlitePool,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

use crate::store::StoreError;

/// The path of a SQLite file, and how the store uses it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SqliteOptions {
    /// The file's path. The store creates a missing file with access for its owner only.
    pub path: PathBuf,
    /// The maximum number of concurrent readers.
    pub readers: u32,
    /// How long a call waits for its turn, for a connection, and for writers of other processes. After that
    /// it fails with [`StoreError::Unavailable`] and has no effect.
    pub busy_timeout: Duration,
}

impl SqliteOptions {
    /// Creates options for this file, with four readers and a busy timeout of 5 s.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), readers: 4, busy_timeout: Duration::from_secs(5) }
    }

    /// Returns the options of each connection: write-ahead logging, full synchronization, enforced foreign
    /// keys. Use them if the application creates its own pools.
    #[must_use]
    pub fn connect_options(&self) -> SqliteConnectOptions {
        SqliteConnectOptions::new()
            .filename(&self.path)
            .journal_mode(SqliteJournalMode::Wal)
            // NORMAL could lose a commit that was already answered (F60).
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(self.busy_timeout)
            // Transfers a page of rows from SQLite's thread at once instead of row by row.
            .row_buffer_size(1_024)
    }

    /// Opens the pools of the writer and the readers.
    pub(super) async fn pools(&self) -> Result<(SqlitePool, SqlitePool), StoreError> {
        make_private(&self.path).map_err(StoreError::unavailable)?;
        let pool = |size| {
            SqlitePoolOptions::new()
                .max_connections(size)
                .acquire_timeout(self.busy_timeout.saturating_mul(2))
                // SQLite connections do not become stale.
                .max_lifetime(None)
                .idle_timeout(None)
                .test_before_acquire(false)
        };
        let options = self.connect_options();
        let writer = pool(1)
            .connect_with(options.clone())
            .await
            .map_err(super::error::OperationError::from)?;
        let readers = pool(self.readers.max(1)).connect_lazy_with(options);
        Ok((writer, readers))
    }
}

/// Creates a missing file with access for its owner only. SQLite gives the companion files (`-wal`, `-shm`)
/// the same mode. An existing file keeps its mode.
fn make_private(path: &Path) -> io::Result<()> {
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}
