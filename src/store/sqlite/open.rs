//! How a file is opened.

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

/// Where the file is, and how it is used.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SqliteOptions {
    /// The file. It is made where it is not there, readable and writable by its owner alone.
    pub path: PathBuf,
    /// How many readers may be at work at once.
    pub readers: u32,
    /// How long a call waits for its turn, for a connection, and for writers of other processes, before it fails
    /// with [`StoreError::Unavailable`]. Nothing of it has happened then.
    pub busy_timeout: Duration,
}

impl SqliteOptions {
    /// This file, four readers, and 5 s of patience.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), readers: 4, busy_timeout: Duration::from_secs(5) }
    }

    /// How each connection to the file is made: write-ahead, fully synchronised, foreign keys held.
    /// For an application that makes pools of its own.
    #[must_use]
    pub fn connect_options(&self) -> SqliteConnectOptions {
        SqliteConnectOptions::new()
            .filename(&self.path)
            .journal_mode(SqliteJournalMode::Wal)
            // NORMAL could lose a commit that has been answered (F60).
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(self.busy_timeout)
            // A page of a list comes over from SQLite's thread at once, not row by row.
            .row_buffer_size(1_024)
    }

    /// The pools of the writer and the readers.
    pub(super) async fn pools(&self) -> Result<(SqlitePool, SqlitePool), StoreError> {
        make_private(&self.path).map_err(StoreError::unavailable)?;
        let pool = |size| {
            SqlitePoolOptions::new()
                .max_connections(size)
                .acquire_timeout(self.busy_timeout.saturating_mul(2))
                // SQLite's connections do not grow stale.
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

/// Makes the file where it is not there, for its owner alone; SQLite gives its companions (`-wal`,
/// `-shm`) the same mode. One that is there keeps its mode.
fn make_private(path: &Path) -> io::Result<()> {
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}
