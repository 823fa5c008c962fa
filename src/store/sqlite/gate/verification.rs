//! `VerificationStore` over SQLite.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use futures_util::FutureExt;
use sqlx::{FromRow, SqliteConnection};
use uuid::Uuid;

use super::{GATE, host_change::HostChangeRow, row::find_by_pass};
use crate::{
    clock::{Clock, delta},
    model::{HostChange, HostId, JobId, StoreTime},
    store::{
        StoreError, VerificationClaim, VerificationClaims, VerificationStep, VerificationStore,
        sql::{outcome_word, to_json},
        sqlite::{
            SqliteStore,
            error::OperationError,
            record::{instant, later, micros},
            write::{Write, kept_clock, read_time},
        },
    },
};

#[async_trait]
impl VerificationStore for SqliteStore {
    async fn changes_of(&self, job: JobId) -> Result<Vec<HostChange>, StoreError> {
        self.read(move |connection| changes_of(connection, job).boxed()).await
    }

    async fn claim_verifications(
        &self,
        limit: u32,
        hidden_for: Duration,
    ) -> Result<VerificationClaims, StoreError> {
        // A worker without work does not take the writer's turn.
        let clock = Arc::clone(&self.inner.clock);
        let idle = self
            .read(move |connection| {
                async move { nothing_due(connection, clock.as_ref()).await }.boxed()
            })
            .await?;
        match idle {
            Some(time) => Ok(VerificationClaims { time, claims: Vec::new() }),
            None => {
                self.write(move |write| write.claim_verifications(limit, hidden_for).boxed()).await
            }
        }
    }

    async fn settle_verification(&self, step: VerificationStep) -> Result<bool, StoreError> {
        self.write(move |write| write.settle_verification(step).boxed()).await
    }
}

async fn changes_of(
    connection: &mut SqliteConnection,
    job: JobId,
) -> Result<Vec<HostChange>, OperationError> {
    let rows: Vec<HostChangeRow> =
        sqlx::query_as("select * from health_changes where job_id = ? order by number")
            .bind(job.as_uuid())
            .fetch_all(connection)
            .await?;
    Ok(rows.into_iter().map(HostChangeRow::into_change).collect::<Result<_, _>>()?)
}

/// Returns the store's clock if no verification is due.
async fn nothing_due(
    connection: &mut SqliteConnection,
    clock: &dyn Clock,
) -> Result<Option<StoreTime>, OperationError> {
    let time = read_time(connection, clock).await?;
    let due: bool =
        sqlx::query_scalar("select exists (select 1 from health_changes where verify_at <= ?)")
            .bind(micros(time.at))
            .fetch_one(connection)
            .await?;
    Ok((!due).then_some(time))
}

/// A change with the token of its verification's claim.
#[derive(FromRow, Debug)]
struct ClaimedRow {
    number: i64,
    verify_token: i64,
    #[sqlx(flatten)]
    change: HostChangeRow,
}

impl Write<'_> {
    async fn claim_verifications(
        &mut self,
        limit: u32,
        hidden_for: Duration,
    ) -> Result<VerificationClaims, OperationError> {
        let epoch = kept_clock(self.connection).await?.epoch;
        let time = StoreTime::new(epoch, self.now);
        let rows: Vec<ClaimedRow> = sqlx::query_as(
            "select * from health_changes where verify_at <= ? order by verify_at limit ?",
        )
        .bind(self.now_micros())
        .bind(i64::from(limit))
        .fetch_all(&mut *self.connection)
        .await?;
        let mut claims = Vec::new();
        for ClaimedRow { number, verify_token, change } in rows {
            let token = verify_token + 1;
            let mut change = change.into_change()?;
            let hidden_until =
                change.is_being_verified().then(|| later(self.now, delta(hidden_for)));
            sqlx::query(
                "update health_changes set verify_token = ?, verify_at = ? where number = ?",
            )
            .bind(token)
            .bind(hidden_until)
            .bind(number)
            .execute(&mut *self.connection)
            .await?;
            let gate = find_by_pass(self.connection, change.pass_id).await?;
            let (Some(gate), Some(until)) = (gate, hidden_until) else { continue };
            if let Some(verification) = &mut change.verification {
                verification.next_at = Some(instant(until)?);
            }
            claims.push(VerificationClaim { change, gate: gate.record(), token });
        }
        Ok(VerificationClaims { time, claims })
    }

    async fn settle_verification(
        &mut self,
        step: VerificationStep,
    ) -> Result<bool, OperationError> {
        let outcome = outcome_word(&step.verification)?;
        let judged_at = outcome.as_ref().map(|_| self.now_micros());
        let host: Option<Uuid> = sqlx::query_scalar(
            "update health_changes set verification = ?, verify_at = ?, \
             outcome = coalesce(outcome, ?), judged_at = coalesce(judged_at, ?) \
             where pass_id = ? and verify_token = ? and verify_at is not null returning host_id",
        )
        .bind(to_json(GATE, &step.verification)?)
        .bind(step.verification.next_at.map(micros))
        .bind(outcome)
        .bind(judged_at)
        .bind(step.pass_id.as_uuid())
        .bind(step.token)
        .fetch_optional(&mut *self.connection)
        .await?;
        let Some(host) = host.map(HostId::from_uuid) else { return Ok(false) };
        self.record(step.results.into_iter().map(|result| (host, result)).collect()).await?;
        Ok(true)
    }
}
