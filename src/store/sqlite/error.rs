//! What SQLite says, as values that a caller can branch on.

use thiserror::Error;

use crate::store::StoreError;

/// The primary code of what is a damaged file (<https://www.sqlite.org/rescode.html>).
const CORRUPT: i64 = 11;
/// The primary code of a file that is no database.
const NOT_A_DATABASE: i64 = 26;

/// The primary code of a value that is beyond a limit of the database.
const TOO_BIG: i64 = 18;

/// Why a schema could not be brought up to date.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum MigrateError {
    /// A newer version of this library has written the file. It is left as it is (F63).
    #[error("the file's schema is at version {found}, and this version knows {known}")]
    Newer {
        /// The file's version.
        found: i64,
        /// The newest that is known.
        known: i64,
    },
    /// The database did not let it.
    #[error("the schema could not be migrated")]
    Database(#[source] sqlx::Error),
}

/// Whether SQLite refused a statement, such as one over a table that is not there.
pub(super) fn is_error_of_sql(source: &(dyn std::error::Error + Send + Sync + 'static)) -> bool {
    let Some(sqlx::Error::Database(database)) = source.downcast_ref() else { return false };
    database.code().is_some_and(|code| code == "1")
}

/// What work on a connection fails with. It becomes a [`StoreError`] once, where the transaction ends.
#[derive(Debug)]
pub(super) enum OperationError {
    /// The database's error, still to be translated.
    Database(sqlx::Error),
    /// An error that is the store's own already.
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

/// The store's error of a database's.
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
