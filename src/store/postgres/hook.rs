//! The application's part of a change.

use std::fmt::Debug;

use async_trait::async_trait;
use sqlx::PgConnection;

use crate::store::{Change, Refusal};

/// The application's part of a change, in the same transaction: its own audit log, its
/// job row when a pass is spent, a right asked for again with the host's row locked.
///
/// Contract:
/// - Write and read through the connection that is given, and leave its transaction open: neither
///   commit nor roll back. Savepoints (`connection.begin()`) are fine.
/// - Do not call the store: with a pool of one connection it would wait for itself.
/// - Be short: locks on the host's checks, or on the gate, are held meanwhile.
/// - Expect to be asked again for the same change: a transaction that meets a conflict with another
///   one is done anew, up to five times. Return the database's own error as the source of
///   [`Refusal::Failed`], so that such a conflict can be told.
/// - A refusal, or an error, undoes the whole change.
///
/// Where the store has a schema of its own, that comes first in the search path, and the session's
/// own search path after it.
#[async_trait]
pub trait PgTxHook: Debug + Send + Sync + 'static {
    /// Called before a change is committed.
    ///
    /// # Errors
    /// Why the change must not happen.
    async fn before_commit(
        &self,
        connection: &mut PgConnection,
        change: &Change<'_>,
    ) -> Result<(), Refusal>;
}
