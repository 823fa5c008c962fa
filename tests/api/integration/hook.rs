//! The manager's part of the library's transactions: its audit chain, and its job's row.

use async_trait::async_trait;
use healthgate::{
    model::{AuditRecord, GateRecord},
    store::{Change, Refusal, postgres::PgTxHook},
};
use sha2::{Digest, Sha256};
use sqlx::PgConnection;

/// Writes each audit record into the manager's chain, and moves a job's host when its pass is spent:
/// both with the change, or not at all.
#[derive(Debug)]
pub(crate) struct ManagerHook;

#[async_trait]
impl PgTxHook for ManagerHook {
    async fn before_commit(
        &self,
        connection: &mut PgConnection,
        change: &Change<'_>,
    ) -> Result<(), Refusal> {
        match change {
            Change::Audited(record) => chain(connection, record).await,
            Change::PassSpent(gate) => start_patch(connection, gate).await,
            _ => Ok(()),
        }
    }
}

/// One writer at a time: without the lock two of them read the same last row, and the chain forks.
async fn chain(connection: &mut PgConnection, record: &AuditRecord) -> Result<(), Refusal> {
    sqlx::query("select pg_advisory_xact_lock(hashtextextended('audit_log', 0))")
        .execute(&mut *connection)
        .await
        .map_err(failed)?;
    let previous: Option<Vec<u8>> =
        sqlx::query_scalar("select row_hash from audit_log order by id desc limit 1")
            .fetch_optional(&mut *connection)
            .await
            .map_err(failed)?;
    let previous = previous.unwrap_or_default();
    let word =
        serde_json::to_value(record.action).map_err(|error| Refusal::Failed(error.into()))?;
    let details = serde_json::to_string(record).map_err(|error| Refusal::Failed(error.into()))?;
    sqlx::query(
        "insert into audit_log (at, action, username, details, prev_hash, row_hash) \
         values ($1, $2, $3, $4, $5, $6)",
    )
    .bind(record.at)
    .bind(word.as_str())
    .bind(&record.actor)
    .bind(&details)
    .bind(&previous)
    .bind(row_hash(&previous, &details))
    .execute(connection)
    .await
    .map_err(failed)?;
    Ok(())
}

pub(crate) fn row_hash(previous: &[u8], details: &str) -> Vec<u8> {
    Sha256::new().chain_update(previous).chain_update(details).finalize().to_vec()
}

/// The row goes to `running` with the spent pass. One that was cancelled meanwhile is not waiting any
/// more: then the pass is not spent either.
async fn start_patch(connection: &mut PgConnection, gate: &GateRecord) -> Result<(), Refusal> {
    let moved = sqlx::query(
        "update patch_job_hosts set status = 'running', started_at = now(), last_error = null \
         where job_id = $1 and host_id = $2 and status = 'waiting_health_check'",
    )
    .bind(gate.job_id.as_uuid())
    .bind(gate.host_id.as_uuid())
    .execute(connection)
    .await
    .map_err(failed)?;
    if moved.rows_affected() == 1 { Ok(()) } else { Err(Refusal::StateMoved) }
}

/// The database's own error is kept: by it the store knows a conflict, and does the whole anew.
fn failed(error: sqlx::Error) -> Refusal {
    Refusal::Failed(error.into())
}
