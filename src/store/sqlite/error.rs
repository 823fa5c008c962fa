//! Errors of SQLite, as values that a caller can branch on.

use thiserror::Error;

use crate::store::StoreError;

/// The primary result code for a damaged file (<https://www.sqlite.org/rescode.html>).
const CORRUPT: i64 = 11;
/// The primary result code for a file that is not a database.
const NOT_A_DATABASE: i64 = 26;

/// The primary result code for a value beyond a limit of the database.
const TOO_BIG: i64 = 18;

/// Why a migration failed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum MigrateError {
    /// A newer version of this library has written the file. The migration leaves it unchanged (F63).
    #[error(
        "the file's schema is at version {found}, but this version of healthgate knows at most {known}"
    )]
    Newer {
        /// The file's version.
        found: i64,
        /// The newest version that this library knows.
        known: i64,
    },
    /// The database failed.
    #[error("the schema could not be migrated")]
    Database(#[source] sqlx::Error),
}

/// Returns whether SQLite rejected a statement, for example because a table is missing.
pub(super) fn is_error_of_sql(source: &(dyn std::error::Error + Send + Sync + 'static)) -> bool {
    let Some(sqlx::Error::Database(database)) = source.downcast_ref() else { return false };
    database.code().is_some_and(|code| code == "1")
}

/// Why work on a connection failed. It becomes a [`StoreError`] once, where the transaction ends.
#[derive(Debug)]
pub(super) enum OperationError {
    /// A database error that still has to be translated.
    Database(sqlx::Error),
    /// A store error.
    Store(StoreError),
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

/// Translates a database error into a store error.
fn translate(error: sqlx::Error) -> StoreError {
    let code = match &error {
        sqlx::Error::Database(database) => {
            database.code().and_then(|code| code.parse::<i64>().ok()).map(|code| code & 0xff)
        }
        _ => None,
    };
    match (&error, code) {
        (_, Some(CORRUPT | NOT_A_DATABASE)) => StoreError::corrupt("database file", error),
        (_, Some(TOO_BIG)) => StoreError::rejected(error),
        (sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_), _) => {
            StoreError::corrupt("row", error)
        }
        _ => StoreError::unavailable(error),
    }
}
