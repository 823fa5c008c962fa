//! The application's part of the library's transactions: a spent pass moves the job's host
//! in the same transaction, and an operator's right is asked for again where they write.

use async_trait::async_trait;
use chrono::Utc;
use healthgate::{
    model::{AuditAction, AuditOutcome, AuditRecord, Role, WorkerId},
    store::{Change, Refusal, postgres::PgTxHook, sqlite::SqliteTxHook},
};
use sqlx::{PgConnection, SqliteConnection};

use crate::database::PatchStart;

/// The hook of a store.
#[derive(Clone, Copy, Debug)]
pub(crate) struct JobHook {
    worker: WorkerId,
}

impl JobHook {
    /// The hook of a process; hosts whose pass is spent through its store are patched by `worker`.
    pub(crate) const fn new(worker: WorkerId) -> Self {
        Self { worker }
    }
}

/// Whether a host shares a group with a user.
const SHARED: &str = "SELECT COUNT(*) FROM host_groups h JOIN user_groups u \
    ON u.group_name = h.group_name WHERE h.host_id = $1 AND u.user_name = $2";

/// Keeps the host's groups as they are until the transaction ends.
const LOCK_HOST: &str = "SELECT id FROM hosts WHERE id = $1 FOR SHARE";

/// The host and user of a write whose right is asked for again.
fn asked_again(record: &AuditRecord) -> Option<(uuid::Uuid, &str)> {
    let writes = matches!(
        record.action,
        AuditAction::HealthCheckCreated
            | AuditAction::HealthCheckUpdated
            | AuditAction::HealthCheckDeleted
    );
    let by_right_of_a_group = record.role == Role::Operator;
    (writes && by_right_of_a_group && record.outcome == AuditOutcome::Allowed)
        .then_some((record.host_id?.as_uuid(), record.actor.as_str()))
}

fn failed(error: sqlx::Error) -> Refusal {
    Refusal::Failed(error.into())
}

#[async_trait]
impl SqliteTxHook for JobHook {
    async fn before_commit(
        &self,
        connection: &mut SqliteConnection,
        change: &Change<'_>,
    ) -> Result<(), Refusal> {
        match change {
            Change::PassSpent(record) => {
                let start = PatchStart::of(record, self.worker, Utc::now());
                let taken = start.take(connection).await.map_err(failed)?;
                if taken { Ok(()) } else { Err(Refusal::StateMoved) }
            }
            Change::Audited(record) => match asked_again(record) {
                None => Ok(()),
                Some((host, user)) => {
                    let shared = sqlx::query_scalar(SHARED).bind(host).bind(user);
                    let shared: i64 = shared.fetch_one(connection).await.map_err(failed)?;
                    if shared > 0 { Ok(()) } else { Err(Refusal::Forbidden) }
                }
            },
            _ => Ok(()),
        }
    }
}

#[async_trait]
impl PgTxHook for JobHook {
    async fn before_commit(
        &self,
        connection: &mut PgConnection,
        change: &Change<'_>,
    ) -> Result<(), Refusal> {
        match change {
            Change::PassSpent(record) => {
                let start = PatchStart::of(record, self.worker, Utc::now());
                let taken = start.take(connection).await.map_err(failed)?;
                if taken { Ok(()) } else { Err(Refusal::StateMoved) }
            }
            Change::Audited(record) => match asked_again(record) {
                None => Ok(()),
                Some((host, user)) => {
                    sqlx::query(LOCK_HOST)
                        .bind(host)
                        .execute(&mut *connection)
                        .await
                        .map_err(failed)?;
                    let shared = sqlx::query_scalar(SHARED).bind(host).bind(user);
                    let shared: i64 = shared.fetch_one(connection).await.map_err(failed)?;
                    if shared > 0 { Ok(()) } else { Err(Refusal::Forbidden) }
                }
            },
            _ => Ok(()),
        }
    }
}
