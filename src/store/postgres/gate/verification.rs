//! `VerificationStore` over Postgres.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use futures_util::FutureExt;
use sqlx::{FromRow, PgConnection};
use uuid::Uuid;

use super::{
    GATE,
    held::{GateRow, gate_columns},
    host_change::{HostChangeRow, change_columns},
};
use crate::{
    clock::delta,
    model::{ClockEpoch, HostChange, HostId, JobId, StoreTime},
    store::{
        StoreError, VerificationClaim, VerificationClaims, VerificationStep, VerificationStore,
        postgres::{
            PgStore,
            error::OperationError,
            write::{Write, read_clock},
        },
        sql::{outcome_word, to_json},
    },
};

#[async_trait]
impl VerificationStore for PgStore {
    async fn changes_of(&self, job: JobId) -> Result<Vec<HostChange>, StoreError> {
        self.read(move |connection| changes_of(connection, job).boxed()).await
    }

    async fn claim_verifications(
        &self,
        limit: u32,
        hidden_for: Duration,
    ) -> Result<VerificationClaims, StoreError> {
        // One statement without writes: this is all that an idle worker costs.
        let idle = self.read(|connection| nothing_due(connection).boxed()).await?;
        match idle {
            Some(time) => Ok(VerificationClaims { time, claims: Vec::new() }),
            None => {
                self.write(move |write| write.claim_verifications(limit, hidden_for).boxed()).await
            }
        }
    }

    async fn settle_verification(&self, step: VerificationStep) -> Result<bool, StoreError> {
        let step = Arc::new(step);
        let days = || step.results.iter().map(|result| result.checked_at);
        self.recording(days, || {
            let step = Arc::clone(&step);
            self.write(move |write| {
                let step = Arc::clone(&step);
                async move { write.settle_verification(&step).await }.boxed()
            })
        })
        .await
    }
}

async fn changes_of(
    connection: &mut PgConnection,
    job: JobId,
) -> Result<Vec<HostChange>, OperationError> {
    let rows: Vec<HostChangeRow> = sqlx::query_as(concat!(
        "select ",
        change_columns!(),
        " from health_changes c where job_id = $1 order by number",
    ))
    .bind(job.as_uuid())
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(HostChangeRow::into_change).collect::<Result<_, _>>()?)
}

/// Returns the store's clock if no verification is due.
async fn nothing_due(connection: &mut PgConnection) -> Result<Option<StoreTime>, OperationError> {
    let (due, epoch, now): (bool, i64, DateTime<Utc>) = sqlx::query_as(
        "select exists (select from health_changes where verify_at <= clock_timestamp()), \
         clock_epoch, clock_timestamp() from health_installation",
    )
    .fetch_one(connection)
    .await?;
    Ok((!due).then(|| StoreTime::new(ClockEpoch::new(epoch), now)))
}

/// A change with the token of its verification's claim.
#[derive(FromRow, Debug)]
struct ClaimedRow {
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
        let time = read_clock(self.connection).await?;
        let rows: Vec<ClaimedRow> = sqlx::query_as(concat!(
            "update health_changes c set verify_token = verify_token + 1, verify_at = $2 \
             where number = any(array(select number from health_changes where verify_at <= $1 \
                 order by verify_at limit $3 for update skip locked)) \
             returning c.verify_token, ",
            change_columns!(),
        ))
        .bind(time.at)
        .bind(time.at + delta(hidden_for))
        .bind(i64::from(limit))
        .fetch_all(&mut *self.connection)
        .await?;
        let mut claims = Vec::new();
        let mut unreadable: Vec<Uuid> = Vec::new();
        for ClaimedRow { verify_token: token, change } in rows {
            let change = change.into_change()?;
            if change.is_being_verified() {
                claims.push((change, token));
            } else {
                unreadable.push(change.pass_id.as_uuid());
            }
        }
        if !unreadable.is_empty() {
            sqlx::query("update health_changes set verify_at = null where pass_id = any($1)")
                .bind(unreadable)
                .execute(&mut *self.connection)
                .await?;
        }
        let passes: Vec<Uuid> = claims.iter().map(|(change, _)| change.pass_id.as_uuid()).collect();
        let gates: Vec<GateRow> = sqlx::query_as(concat!(
            "select ",
            gate_columns!(),
            " from health_gates g where pass_id = any($1)",
        ))
        .bind(passes)
        .fetch_all(&mut *self.connection)
        .await?;
        let gates: Vec<_> = gates.into_iter().map(GateRow::into_record).collect();
        let claims = claims.into_iter().filter_map(|(change, token)| {
            let gate = gates.iter().find(|gate| gate.id == change.gate_id)?.clone();
            Some(VerificationClaim { change, gate, token })
        });
        Ok(VerificationClaims { time, claims: claims.collect() })
    }

    async fn settle_verification(
        &mut self,
        step: &VerificationStep,
    ) -> Result<bool, OperationError> {
        let host: Option<Uuid> = sqlx::query_scalar(
            "update health_changes set verification = $3::jsonb, verify_at = $4, \
             outcome = coalesce(outcome, $5), \
             judged_at = case when $5::text is null then judged_at \
                 else coalesce(judged_at, clock_timestamp()) end \
             where pass_id = $1 and verify_token = $2 and verify_at is not null returning host_id",
        )
        .bind(step.pass_id.as_uuid())
        .bind(step.token)
        .bind(to_json(GATE, &step.verification)?)
        .bind(step.verification.next_at)
        .bind(outcome_word(&step.verification)?)
        .fetch_optional(&mut *self.connection)
        .await?;
        let Some(host) = host.map(HostId::from_uuid) else { return Ok(false) };
        let results: Vec<_> = step.results.iter().map(|result| (host, result)).collect();
        if !results.is_empty() {
            self.record(&[host], &results).await?;
        }
        Ok(true)
    }
}
