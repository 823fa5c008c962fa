//! The application's part of a change.

use std::fmt::Debug;

use async_trait::async_trait;
use sqlx::SqliteConnection;

use crate::store::{Change, Refusal};

/// The application's part of a change, in the same transaction: its own audit log, its
/// job row when a pass is spent, a right asked for again now that nobody else can write.
///
/// Contract:
/// - Write and read through the connection that is given, and leave its transaction open: neither
///   commit nor roll back. Savepoints (`connection.begin()`) are fine.
/// - Do not call the store: its one writer is busy with this change, and the call would wait for ever.
/// - Be short: every other writer waits, in every process.
/// - A refusal, or an error, undoes the whole change.
#[async_trait]
pub trait SqliteTxHook: Debug + Send + Sync + 'static {
    /// Called before a change is committed.
    ///
    /// # Errors
    /// Why the change must not happen.
    async fn before_commit(
        &self,
        connection: &mut SqliteConnection,
        change: &Change<'_>,
    ) -> Result<(), Refusal>;
}
