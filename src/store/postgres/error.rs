//! Errors of Postgres, as values that a caller can branch on.

use thiserror::Error;

use crate::store::{Refusal, StoreError};

/// The source of a [`StoreError::Unavailable`] of this store.
#[derive(Debug, Error)]
#[error("{fault}")]
pub struct PgUnavailable {
    /// The kind of fault.
    pub fault: PgFault,
    #[source]
    source: Option<sqlx::Error>,
}

/// What is wrong with the database, for alerts and messages.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum PgFault {
    /// The database takes no writes: it is a standby, or in recovery (F54).
    #[error("the database is read-only")]
    ReadOnly,
    /// A table changed after a statement on it was prepared. The store prepares it again (F224).
    #[error("a table was changed while a statement was prepared")]
    StalePlan,
    /// The database's disk is full (F53).
    #[error("the database's disk is full")]
    DiskFull,
    /// The server accepts no more connections.
    #[error("the database has no connection left")]
    TooManyConnections,
    /// No connection of the pool came free in time (F56).
    #[error("no connection of the pool came free in time")]
    PoolExhausted,
    /// The pool has been closed.
    #[error("the pool is closed")]
    PoolClosed,
    /// A statement, or the operation as a whole, took too long (F55).
    #[error("the database operation timed out")]
    TooSlow,
    /// A lock was not acquired in time.
    #[error("a database lock was not acquired in time")]
    Locked,
    /// Concurrent transactions kept changing the same rows (F58).
    #[error("a concurrent transaction changed the same rows")]
    Contended,
    /// The database is starting, stopping, or cannot be reached (F51).
    #[error("the database cannot be reached")]
    Unreachable,
    /// The schema is missing or older than this version needs. Call
    /// [`PgStore::migrate`](super::PgStore::migrate).
    #[error("the database's schema is missing or too old")]
    NotMigrated,
    /// A newer version of this library has changed the schema (F63).
    #[error("the database's schema is newer than this version knows")]
    Newer,
    /// The role lacks a privilege.
    #[error("the database role lacks a privilege")]
    Forbidden,
    /// Any other error. The source has the details.
    #[error("the database failed")]
    Other,
}

impl PgFault {
    /// Returns the fault behind a store error, if this store created it.
    #[must_use]
    pub fn of(error: &StoreError) -> Option<Self> {
        match error {
            StoreError::Unavailable { source } => {
                source.downcast_ref::<PgUnavailable>().map(|unavailable| unavailable.fault)
            }
            StoreError::NotMigrated { .. } => Some(Self::NotMigrated),
            _ => None,
        }
    }

    /// Returns the store error of this fault.
    pub(super) fn into_error(self) -> StoreError {
        StoreError::unavailable(PgUnavailable { fault: self, source: None })
    }
}

/// Returns the error for a database that nobody has migrated.
pub(super) fn not_migrated(source: Option<sqlx::Error>) -> StoreError {
    let source = source.map(Into::into);
    StoreError::NotMigrated { migrate: "PgStore::migrate", source }
}

/// Why work on a connection failed. It becomes a [`StoreError`] once, where the transaction ends.
#[derive(Debug)]
pub(super) enum OperationError {
    /// A database error that still has to be translated.
    Database(sqlx::Error),
    /// A store error.
    Store(StoreError),
}

impl OperationError {
    /// Creates the error of a statement that writes results or states. If the application deleted the check
    /// with its host meanwhile, the repeated transaction no longer finds the check.
    pub(super) fn of_recording(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Database(database) if database.is_foreign_key_violation() => {
                let (fault, source) = (PgFault::Contended, Some(error));
                Self::Store(StoreError::unavailable(PgUnavailable { fault, source }))
            }
            _ => Self::Database(error),
        }
    }
}

impl From<sqlx::Error> for OperationError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error)
    }
}

impl From<StoreError> for OperationError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<OperationError> for StoreError {
    fn from(error: OperationError) -> Self {
        match error {
            OperationError::Database(error) => translate(error),
            OperationError::Store(error) => error,
        }
    }
}

/// Translates a database error into a store error. Codes:
/// <https://www.postgresql.org/docs/15/errcodes-appendix.html>.
fn translate(error: sqlx::Error) -> StoreError {
    let fault = match &error {
        sqlx::Error::Database(database) => match database.code().as_deref().unwrap_or_default() {
            "25006" => PgFault::ReadOnly,
            "53100" => PgFault::DiskFull,
            "53300" | "53400" => PgFault::TooManyConnections,
            "57014" | "25P03" => PgFault::TooSlow,
            "55P03" => PgFault::Locked,
            "40001" | "40P01" => PgFault::Contended,
            "57P01" | "57P02" | "57P03" | "08000" | "08003" | "08006" => PgFault::Unreachable,
            "0A000" => PgFault::StalePlan,
            "42P01" | "42703" | "42883" | "3F000" => return not_migrated(Some(error)),
            "42501" => PgFault::Forbidden,
            "XX001" | "XX002" => return StoreError::corrupt("page", error),
            // A data exception, such as a text with a NUL, or a value beyond a limit of the database.
            code if code.starts_with("22") || code.starts_with("54") => {
                return StoreError::rejected(error);
            }
            _ => PgFault::Other,
        },
        sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => {
            return StoreError::corrupt("row", error);
        }
        sqlx::Error::PoolTimedOut => PgFault::PoolExhausted,
        sqlx::Error::PoolClosed => PgFault::PoolClosed,
        sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::Protocol(_) => PgFault::Unreachable,
        _ => PgFault::Other,
    };
    StoreError::unavailable(PgUnavailable { fault, source: Some(error) })
}

/// Returns whether repeating the whole transaction may succeed. This includes conflicts in a statement of
/// the application's hook.
pub(super) fn is_contended(error: &StoreError) -> bool {
    match error {
        StoreError::Refused(Refusal::Failed(source)) => match source.downcast_ref() {
            Some(sqlx::Error::Database(database)) => {
                matches!(database.code().as_deref(), Some("40001" | "40P01"))
            }
            _ => false,
        },
        error => PgFault::of(error) == Some(PgFault::Contended),
    }
}

/// Returns whether the connection is unusable: its prepared statements refer to an older form of the
/// tables, or its server takes no writes while another one may (F224).
pub(super) fn is_stale(error: &StoreError) -> bool {
    matches!(PgFault::of(error), Some(PgFault::StalePlan | PgFault::ReadOnly))
}

/// Returns whether a result belongs to a day without a partition.
pub(super) fn lacks_partition(error: &StoreError) -> bool {
    let StoreError::Unavailable { source } = error else { return false };
    match source.downcast_ref::<PgUnavailable>().and_then(|unavailable| unavailable.source.as_ref())
    {
        // Postgres uses the code of a constraint violation, without a constraint's name.
        Some(sqlx::Error::Database(database)) => {
            database.code().as_deref() == Some("23514") && database.constraint().is_none()
        }
        _ => false,
    }
}
