//! The application's part of a change.

use std::fmt::Debug;

use async_trait::async_trait;
use sqlx::PgConnection;

use crate::store::{Change, Refusal};

/// The application's part of a change, in the same transaction. Typical uses: write the application's own
/// audit log, update its job row when a pass is spent, or check a right again with the host's row locked.
///
/// Contract:
/// - Read and write through the given connection, and leave its transaction open: neither commit nor roll
///   back. Savepoints (`connection.begin()`) are fine.
/// - Do not call the store: with a pool of one connection it would wait for itself.
/// - Be short: the transaction holds locks on the host's checks or on the gate.
/// - Expect repeated calls for the same change: the store repeats a transaction that meets a conflict, up
///   to five times. Return the database's own error as the source of [`Refusal::Failed`], so that the store
///   recognises the conflict.
/// - A refusal, or an error, rolls back the whole change.
///
/// If the store has its own schema, it comes first in the search path, followed by the session's own search
/// path.
#[async_trait]
pub trait PgTxHook: Debug + Send + Sync + 'static {
    /// Runs before a change is committed.
    ///
    /// # Errors
    /// Returns why the change must not happen.
    async fn before_commit(
        &self,
        connection: &mut PgConnection,
        change: &Change<'_>,
    ) -> Result<(), Refusal>;
}
