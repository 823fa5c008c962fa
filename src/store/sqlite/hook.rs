//! The application's part of a change.

use std::fmt::Debug;

use async_trait::async_trait;
use sqlx::SqliteConnection;

use crate::store::{Change, Refusal};

/// The application's part of a change, in the same transaction. Typical uses: write the application's own
/// audit log, update its job row when a pass is spent, or check a right again while no one else can write.
///
/// Contract:
/// - Read and write through the given connection, and leave its transaction open: neither commit nor roll
///   back. Savepoints (`connection.begin()`) are fine.
/// - Do not call the store: its only writer is busy with this change, and the call would wait forever.
/// - Be short: every other writer waits, in every process.
/// - A refusal, or an error, rolls back the whole change.
#[async_trait]
pub trait SqliteTxHook: Debug + Send + Sync + 'static {
    /// Runs before a change is committed.
    ///
    /// # Errors
    /// Returns why the change must not happen.
    async fn before_commit(
        &self,
        connection: &mut SqliteConnection,
        change: &Change<'_>,
    ) -> Result<(), Refusal>;
}
