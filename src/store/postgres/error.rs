//! What Postgres says, as values that a caller can branch on.

use thiserror::Error;

use crate::store::{Refusal, StoreError};

/// The source of a [`StoreError::Unavailable`] of this store.
#[derive(Debug, Error)]
#[error("{fault}")]
pub struct PgUnavailable {
    /// What is wrong.
    pub fault: PgFault,
    #[source]
    source: Option<sqlx::Error>,
}

/// What is wrong with the database, for those who want to tell people.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum PgFault {
    /// It takes no writes: a standby, or in recovery (F54).
    #[error("the database is read-only")]
    ReadOnly,
    /// A table was changed while a statement over it was prepared. It is prepared anew (F224).
    #[error("a table was changed while a statement was prepared")]
    StalePlan,
    /// Its disk is full (F53).
    #[error("the database's disk is full")]
    DiskFull,
    /// It takes no more connections.
    #[error("the database has no connection left")]
    TooManyConnections,
    /// No connection of the pool came free in time (F56).
    #[error("no connection of the pool came free in time")]
    PoolExhausted,
    /// The pool has been closed.
    #[error("the pool is closed")]
    PoolClosed,
    /// A statement, or the operation as a whole, took too long (F55).
    #[error("the database took too long")]
    TooSlow,
    /// A lock was not acquired in time.
    #[error("a database lock was not acquired in time")]
    Locked,
    /// Others wrote the same at the same time, again and again (F58).
    #[error("a concurrent transaction changed the same rows")]
    Contended,
    /// It is starting, stopping, or cannot be reached (F51).
    #[error("the database cannot be reached")]
    Unreachable,
    /// The schema is missing or older than this version needs: call [`PgStore::migrate`](super::PgStore::migrate).
    #[error("the database's schema is not at the version that is needed")]
    NotMigrated,
    /// A newer version of this library has changed the schema (F63).
    #[error("the database's schema is newer than this version knows")]
    Newer,
    /// The session may not do it.
    #[error("the database role lacks a right")]
    Forbidden,
    /// Anything else; the source says what.
    #[error("the database failed")]
    Other,
}

impl PgFault {
    /// The fault behind a store's error, where this store made it.
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

    /// The store's error of this fault.
    pub(super) fn into_error(self) -> StoreError {
        StoreError::unavailable(PgUnavailable { fault: self, source: None })
    }
}

/// Nobody has migrated the database.
pub(super) fn not_migrated(source: Option<sqlx::Error>) -> StoreError {
    let source = source.map(Into::into);
    StoreError::NotMigrated { migrate: "PgStore::migrate", source }
}

/// What work on a connection fails with. It becomes a [`StoreError`] once, where the transaction ends.
#[derive(Debug)]
pub(super) enum OperationError {
    /// The database's error, still to be translated.
    Database(sqlx::Error),
    /// An error that is the store's own already.
    Store(StoreError),
}

impl OperationError {
    /// The error of a statement that writes results or states. A check that an application has deleted by
    /// itself meanwhile, with its host, is gone when the transaction is done again.
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

/// The store's error of a database's. Codes: <https://www.postgresql.org/docs/15/errcodes-appendix.html>.
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

/// Whether doing the whole transaction again may well succeed: also where it was a statement of the
/// application's hook that met the conflict.
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

/// Whether it is the connection that does not serve any more: its prepared statements are of an older form of the
/// tables, or its server takes no writes while another one may (F224).
pub(super) fn is_stale(error: &StoreError) -> bool {
    matches!(PgFault::of(error), Some(PgFault::StalePlan | PgFault::ReadOnly))
}

/// Whether a result lies in a day that has no partition.
pub(super) fn lacks_partition(error: &StoreError) -> bool {
    let StoreError::Unavailable { source } = error else { return false };
    match source.downcast_ref::<PgUnavailable>().and_then(|unavailable| unavailable.source.as_ref())
    {
        // The code is that of a violated constraint, and no constraint is named.
        Some(sqlx::Error::Database(database)) => {
            database.code().as_deref() == Some("23514") && database.constraint().is_none()
        }
        _ => false,
    }
}
