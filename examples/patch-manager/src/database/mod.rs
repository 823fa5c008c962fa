//! The application's own tables, with one set of statements for SQLite and Postgres.
//!
//! Columns use types with the same meaning in both databases and `sqlx`: UUIDs, texts, and 64-bit integers
//! for flags and for instants, which are microseconds since 1970.

mod access;
mod audit_chain;
mod hosts;
mod inventory;
mod job_rows;
mod job_steps;
mod jobs;
mod migrate;
mod rights;
mod tokens;
mod windows;

use std::{path::Path, str::FromStr, time::Duration};

use chrono::{DateTime, Utc};
use healthgate::store::{
    StoreError,
    postgres::{pool_options, session_options},
    sqlite::SqliteOptions,
};
use sqlx::{
    Connection as _, PgConnection, PgPool, SqlitePool, postgres::PgConnectOptions,
    sqlite::SqlitePoolOptions,
};
use thiserror::Error;

pub(crate) use self::{
    access::{User, role},
    audit_chain::{ChainFault, ChainReport},
    hosts::{HostPage, HostQuery, HostRow},
    inventory::lay_in,
    job_rows::{JobHostRow, JobKind, JobRow, JobStatus, NewJob, Stage, WindowChoice},
    job_steps::PatchStart,
    migrate::{is_current, migrate},
    rights::{Right, locks, still_holds},
    tokens::{NewToken, Revoked, new_token, token_hash},
    windows::WindowRow,
};
use crate::config::DatabaseAddress;

/// A pool of connections to either database.
#[derive(Clone, Debug)]
pub(crate) enum Database {
    /// SQLite, in a file.
    Sqlite(SqlitePools),
    /// Postgres.
    Postgres(PgPool),
}

/// The connections to a SQLite file: one writer, shared with the library's store so that writers queue in
/// the process instead of at the file's lock, and some readers.
#[derive(Clone, Debug)]
pub(crate) struct SqlitePools {
    pub(crate) writer: SqlitePool,
    pub(crate) readers: SqlitePool,
}

/// Runs the same code with a pool of either database, for reads.
macro_rules! with_pool {
    ($database:expr, $pool:ident => $body:expr) => {
        match $database {
            $crate::database::Database::Sqlite(pools) => {
                let $pool = &pools.readers;
                $body
            }
            $crate::database::Database::Postgres($pool) => $body,
        }
    };
}

/// Runs the same code with a pool of either database, for a single writing statement.
macro_rules! with_writer {
    ($database:expr, $pool:ident => $body:expr) => {
        match $database {
            $crate::database::Database::Sqlite(pools) => {
                let $pool = &pools.writer;
                $body
            }
            $crate::database::Database::Postgres($pool) => $body,
        }
    };
}

/// Runs the same code in a transaction of either database, and commits it. It runs to its end in its own
/// task, because a dropped caller must not leave a transaction open in the pool. `$log()` returns the
/// library's audit log, which writes records in the same transaction.
macro_rules! in_transaction {
    ($database:expr, $connection:ident => $body:expr) => {
        $crate::database::in_transaction!($database, $connection, _log => $body)
    };
    ($database:expr, $connection:ident, $log:ident => $body:expr) => {
        match $database.clone() {
            $crate::database::Database::Sqlite(pools) => {
                $crate::database::to_its_end(async move {
                    let $log = || {
                        healthgate::store::sqlite::SqliteStore::from_pools(
                            pools.writer.clone(),
                            pools.readers.clone(),
                        )
                    };
                    // A reader that later writes can deadlock with another one.
                    let mut transaction = pools.writer.begin_with("BEGIN IMMEDIATE").await?;
                    let $connection = &mut *transaction;
                    let answer = $body;
                    transaction.commit().await?;
                    Ok(answer)
                })
                .await
            }
            $crate::database::Database::Postgres(pool) => {
                $crate::database::to_its_end(async move {
                    let $log = || healthgate::store::postgres::PgStore::new(pool.clone());
                    let mut transaction = pool.begin().await?;
                    let $connection = &mut *transaction;
                    let answer = $body;
                    transaction.commit().await?;
                    Ok(answer)
                })
                .await
            }
        }
    };
}

pub(crate) use in_transaction;
pub(crate) use with_pool;
pub(crate) use with_writer;

/// The error of the application's tables.
#[derive(Debug, Error)]
#[non_exhaustive]
pub(crate) enum DatabaseError {
    /// The database rejected a statement, or cannot be reached.
    #[error("the database cannot be read or written")]
    Sql(#[from] sqlx::Error),
    /// The audit record of a change cannot be written, so the change has not happened.
    #[error("the audit log cannot be written")]
    Audit(#[from] StoreError),
    /// The actor has lost the right. Nothing has changed.
    #[error("you no longer have the right to do this")]
    RightLost,
    /// A task that used the database ended early.
    #[error("a database task ended early")]
    Task(#[from] tokio::task::JoinError),
    /// A stored record cannot be read.
    #[error("a stored {what} cannot be read")]
    Corrupt {
        /// The kind of record.
        what: &'static str,
    },
}

/// Why a connection failed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub(crate) enum ConnectError {
    /// The URL is malformed.
    #[error("`database_url` is not a Postgres URL")]
    Url,
    /// The folder of the SQLite file cannot be created.
    #[error("the folder of the database {path} cannot be created")]
    Folder {
        /// The file.
        path: String,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// Others can read or write the SQLite file, which contains token hashes and sealed passwords.
    #[error("the database {path} is open to others (mode {mode:03o}): run `chmod 600 {path}`")]
    OpenToOthers {
        /// The file.
        path: String,
        /// Its permissions.
        mode: u32,
    },
    /// Nothing listens at the address.
    #[error(
        "nothing listens on {place}, where the database {name} should be: start Postgres, or correct \
         `database_url`"
    )]
    Refused {
        /// Host and port.
        place: String,
        /// The database's name.
        name: String,
    },
    /// The server does not answer.
    #[error(
        "{place}, where the database {name} should be, does not answer within {} s: check `database_url` and \
         the network",
        PATIENCE.as_secs()
    )]
    Unreachable {
        /// Host and port.
        place: String,
        /// The database's name.
        name: String,
    },
    /// The server does not have this database.
    #[error("the database {name} cannot be opened")]
    Open {
        /// Its path, or its host and name, without any password.
        name: String,
        /// The cause.
        #[source]
        source: sqlx::Error,
    },
}

impl Database {
    /// Connects. Creates a missing SQLite file if `create` is set.
    ///
    /// # Errors
    /// Fails if nothing answers within seconds, if the server does not have this database, or if a SQLite
    /// file is open to others.
    pub(crate) async fn connect(
        address: &DatabaseAddress,
        create: bool,
    ) -> Result<Self, ConnectError> {
        match address {
            DatabaseAddress::Sqlite(path) => Self::sqlite(path, create).await,
            DatabaseAddress::Postgres(url) => Self::postgres(url).await,
        }
    }

    /// Returns the time by the clock that all processes share: the server's, or the machine's for a file. Dates that
    /// are compared with each other come from it, since the clock of one process may be wrong (F294).
    ///
    /// # Errors
    /// Fails if the server does not answer.
    pub(crate) async fn now(&self) -> Result<DateTime<Utc>, DatabaseError> {
        match self {
            Self::Sqlite(_) => Ok(Utc::now()),
            Self::Postgres(pool) => {
                Ok(sqlx::query_scalar("SELECT clock_timestamp()").fetch_one(pool).await?)
            }
        }
    }

    async fn sqlite(path: &Path, create: bool) -> Result<Self, ConnectError> {
        let name = path.display().to_string();
        if let Some(folder) = path.parent().filter(|_| create) {
            std::fs::create_dir_all(folder)
                .map_err(|source| ConnectError::Folder { path: name.clone(), source })?;
        }
        if create {
            make_private(path)
                .map_err(|source| ConnectError::Folder { path: name.clone(), source })?;
        }
        private(path)?;
        let options = SqliteOptions::new(path).connect_options();
        let pool =
            |size| SqlitePoolOptions::new().max_connections(size).acquire_timeout(PATIENCE * 2);
        let writer = pool(1).connect_with(options.clone()).await;
        let writer = writer.map_err(|source| ConnectError::Open { name, source })?;
        let readers = pool(4).connect_lazy_with(options);
        Ok(Self::Sqlite(SqlitePools { writer, readers }))
    }

    async fn postgres(url: &str) -> Result<Self, ConnectError> {
        let options = PgConnectOptions::from_str(url).map_err(|_| ConnectError::Url)?;
        let options = session_options(options.application_name("patch-manager"));
        let database = options.get_database().unwrap_or_default();
        let name = format!("{}/{database}", options.get_host());
        match pool_options(10).acquire_timeout(PATIENCE).connect_with(options.clone()).await {
            Ok(pool) => Ok(Self::Postgres(pool)),
            // The pool retries until its timeout, and then reports only the timeout.
            Err(sqlx::Error::PoolTimedOut) => Err(why_not(&options).await),
            Err(source) => Err(ConnectError::Open { name, source }),
        }
    }

    /// Returns the same database for the workers of this process. In Postgres they have their own pool, so
    /// that users of the web interface never take the connections that renew leases.
    pub(crate) fn for_workers(&self) -> Self {
        match self {
            // Writers queue for one connection. A second one would wait at the file's lock instead.
            Self::Sqlite(pools) => Self::Sqlite(pools.clone()),
            Self::Postgres(pool) => {
                let options = pool.connect_options().as_ref().clone();
                Self::Postgres(pool_options(6).connect_lazy_with(options))
            }
        }
    }

    /// Closes all connections.
    pub(crate) async fn close(&self) {
        match self {
            Self::Sqlite(pools) => {
                pools.readers.close().await;
                pools.writer.close().await;
            }
            Self::Postgres(pool) => pool.close().await,
        }
    }
}

/// Finds out why a connection fails by trying once more.
async fn why_not(options: &PgConnectOptions) -> ConnectError {
    let place = match options.get_socket() {
        Some(socket) => socket.display().to_string(),
        None => format!("{}:{}", options.get_host(), options.get_port()),
    };
    let name = options.get_database().unwrap_or_default().to_owned();
    match tokio::time::timeout(PATIENCE, PgConnection::connect_with(options)).await {
        Err(_) => ConnectError::Unreachable { place, name },
        Ok(Err(sqlx::Error::Io(error)))
            if error.kind() == std::io::ErrorKind::ConnectionRefused =>
        {
            ConnectError::Refused { place, name }
        }
        Ok(Err(source)) => ConnectError::Open { name: format!("{place}/{name}"), source },
        Ok(Ok(_)) => {
            let source = sqlx::Error::PoolTimedOut;
            ConnectError::Open { name: format!("{place}/{name}"), source }
        }
    }
}

/// Refuses a file that others can read or write (F189).
fn private(path: &Path) -> Result<(), ConnectError> {
    use std::os::unix::fs::PermissionsExt as _;
    // If it cannot be inspected, opening it reports why.
    let Ok(found) = std::fs::metadata(path) else { return Ok(()) };
    let mode = found.permissions().mode() & 0o777;
    if mode & 0o007 != 0 {
        return Err(ConnectError::OpenToOthers { path: path.display().to_string(), mode });
    }
    Ok(())
}

/// Creates a missing file with access for its owner only, because SQLite would leave it open to others.
fn make_private(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    let mut options = std::fs::OpenOptions::new();
    match options.write(true).create_new(true).mode(0o600).open(path) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

/// The time limit for a connection.
const PATIENCE: Duration = Duration::from_secs(5);

/// Runs database work to its end, even if the caller is dropped.
pub(crate) async fn to_its_end<T: Send + 'static>(
    work: impl Future<Output = Result<T, DatabaseError>> + Send + 'static,
) -> Result<T, DatabaseError> {
    tokio::spawn(work).await?
}

/// Returns an instant as a column value.
pub(crate) fn micros(instant: DateTime<Utc>) -> i64 {
    instant.timestamp_micros()
}

/// Returns the instant of a column value.
pub(crate) fn instant(micros: i64) -> Result<DateTime<Utc>, DatabaseError> {
    DateTime::from_timestamp_micros(micros).ok_or(DatabaseError::Corrupt { what: "instant" })
}

/// The maximum number of ids in one statement, far below either database's limit.
pub(crate) const IDS_AT_ONCE: usize = 500;
