//! Calls of a worker on gates: claim, extend, settle and release (L9, L10).

use std::{collections::BTreeMap, time::Duration};

use chrono::{DateTime, Utc};
use sqlx::{FromRow, PgConnection, Row, postgres::PgRow};
use uuid::Uuid;

use super::{
    ATTEMPT, attempts_numbered,
    held::{GateRow, HeldGate, gate_columns},
    running_number,
};
use crate::{
    model::{Attempt, ClockEpoch, GateId, StoreTime, WorkerId, instant},
    store::{
        AttemptWrite, GateClaims, GateStep, GateWatch, LeasedGate, StoreError,
        postgres::{error::OperationError, poll::later, write::Write},
        sql::{to_json, to_word},
        transition,
    },
};
/// The condition for a gate `g` that a claim takes at this instant.
macro_rules! unclaimed {
    ($now:literal) => {
        concat!(
            "g.state in ('waiting', 'passed') and (g.owner is null or g.owner = any(array( \
             select worker from health_gate_leases where lease_until <= ",
            $now,
            "))) and (g.state = 'waiting' or g.cancel_requested or g.pass_valid_until is null \
             or g.pass_valid_until <= ",
            $now,
            ")"
        )
    };
}

impl Write<'_> {
    pub(super) async fn claim_gates(
        &mut self,
        worker: WorkerId,
        limit: u32,
        lease: Duration,
    ) -> Result<GateClaims, OperationError> {
        let StoreTime { at: now, epoch } = self.time_of_claim().await?;
        self.take_gate_lease(worker, now, lease).await?;
        let rows: Vec<GateRow> = sqlx::query_as(concat!(
            "with due as materialized (select g.id from health_gates g where ",
            unclaimed!("$1"),
            " order by g.opens_at > $1, \
                 case when g.opens_at > $1 then g.opens_at else g.closes_at end, g.id \
                 limit $2 for update of g skip locked) \
             update health_gates g set owner = $3, token = nextval('health_tokens'), \
             changes_seen = changes where g.id = any(array(select id from due)) \
             returning ",
            gate_columns!(),
        ))
        .bind(now)
        .bind(i64::from(limit))
        .bind(worker.as_uuid())
        .fetch_all(&mut *self.connection)
        .await?;
        let (readable, mut unreadable): (Vec<HeldGate>, Vec<HeldGate>) =
            rows.into_iter().map(GateRow::open).partition(|gate| gate.readable);
        unreadable.iter_mut().for_each(|gate| gate.end_unreadable(now));
        self.save_gates(unreadable.iter()).await?;
        let mut gates: Vec<LeasedGate> = readable.into_iter().map(HeldGate::into_leased).collect();
        gates.sort_by_key(|gate| (transition::claim_order(&gate.record, now), gate.record.id));
        if !gates.is_empty() {
            sqlx::query(concat!(
                "with cut as (select jsonb_build_object( \
                     'outcome', 'interrupted', 'finished_at', $1::text) as it), \
                 with_rows as (update health_gate_attempts set outcome = 'interrupted', \
                     record = record || it from cut where outcome = 'running' and gate_id = any($2)) \
                 insert into health_gate_attempts (gate_id, attempt, outcome, record) \
                 select id, number, 'interrupted', running || it from ( \
                     select id, running, ",
                running_number!(),
                " as number from health_gates where id = any($2)) begun, cut where number is not null \
                 on conflict (gate_id, attempt) do nothing",
            ))
            .bind(instant::to_text(&now))
            .bind(gates.iter().map(|gate| gate.record.id.as_uuid()).collect::<Vec<_>>())
            .execute(&mut *self.connection)
            .await?;
        }
        Ok(GateClaims { now, epoch, gates })
    }

    /// Begins or extends the worker's lease. A worker whose lease had ended loses its gates.
    async fn take_gate_lease(
        &mut self,
        worker: WorkerId,
        now: DateTime<Utc>,
        lease: Duration,
    ) -> Result<(), OperationError> {
        if self.extend_gate_lease(worker, now, lease).await? {
            return Ok(());
        }
        sqlx::query("update health_gates set owner = null where owner = $1")
            .bind(worker.as_uuid())
            .execute(&mut *self.connection)
            .await?;
        // Other workers' expired leases are deleted once their gates are taken over.
        sqlx::query(
            "delete from health_gate_leases where lease_until <= $1 and not exists \
             (select from health_gates where owner = worker and state in ('waiting', 'passed'))",
        )
        .bind(now)
        .execute(&mut *self.connection)
        .await?;
        sqlx::query(
            "insert into health_gate_leases (worker, lease_until) values ($1, $2) \
             on conflict (worker) do update set lease_until = excluded.lease_until",
        )
        .bind(worker.as_uuid())
        .bind(later(now, lease))
        .execute(&mut *self.connection)
        .await?;
        Ok(())
    }

    /// Extends a lease that has not ended. Returns whether there is one.
    async fn extend_gate_lease(
        &mut self,
        worker: WorkerId,
        now: DateTime<Utc>,
        lease: Duration,
    ) -> Result<bool, OperationError> {
        let extended = sqlx::query(
            "update health_gate_leases set lease_until = $1 where worker = $2 and lease_until > $3",
        )
        .bind(later(now, lease))
        .bind(worker.as_uuid())
        .bind(now)
        .execute(&mut *self.connection)
        .await?;
        Ok(extended.rows_affected() == 1)
    }

    /// Extends a lease that has not ended, frees the gates that the worker does not know of, and returns
    /// the changed ones.
    pub(super) async fn extend_and_watch_gates(
        &mut self,
        worker: WorkerId,
        known: &[Uuid],
        lease: Duration,
    ) -> Result<GateWatch, OperationError> {
        let now = self.now().await?;
        if self.extend_gate_lease(worker, now, lease).await? {
            sqlx::query(
                "update health_gates g set owner = null \
                 where owner = $1 and state in ('waiting', 'passed') \
                 and not exists (select from unnest($2::uuid[]) known (id) where known.id = g.id)",
            )
            .bind(worker.as_uuid())
            .bind(known)
            .execute(&mut *self.connection)
            .await?;
        }
        watch_gates(self.connection, worker).await
    }

    pub(super) async fn settle_gates(
        &mut self,
        worker: WorkerId,
        steps: &[GateStep],
    ) -> Result<Vec<GateId>, OperationError> {
        let mut gates = self.lock_gates(steps.iter().map(|step| step.gate_id)).await?;
        let (now, leased) = self.now_and_gate_lease(worker).await?;
        let (mut fenced, mut results) = (Vec::new(), Vec::new());
        let (mut open_attempts, mut ends) = (Vec::new(), Vec::new());
        for step in steps {
            let held = gates.get_mut(&step.gate_id).filter(|gate| {
                leased
                    && gate.readable
                    && gate.is_held(worker, step.token)
                    && transition::leads(step, gate.record.state)
            });
            let Some(gate) = held else {
                fenced.push(step.gate_id);
                continue;
            };
            let before = (gate.record.clone(), gate.changes_seen);
            gate.changes_seen = gate.changes_seen.max(step.seen);
            if transition::apply(&mut gate.record, step, now) {
                gate.end_lease();
            }
            // The end of an attempt often changes only the attempt.
            gate.changed |= before != (gate.record.clone(), gate.changes_seen);
            match &step.attempt {
                // A running attempt is stored in the gate's own row, which changes anyway.
                Some(start @ AttemptWrite::Start { .. }) => {
                    let begun = transition::write_attempt(None, start);
                    let before = std::mem::replace(&mut gate.running, begun);
                    // An attempt without a recorded end keeps its row.
                    let open = before.filter(|before| before.number != start.number());
                    open_attempts.extend(open.map(|attempt| (step.gate_id, attempt)));
                    gate.changed = true;
                }
                Some(end) => {
                    let is_it = |running: &Attempt| running.number == end.number();
                    ends.push((step.gate_id, gate.running.clone().filter(is_it), end));
                }
                None => {}
            }
            let host = gate.record.host_id;
            results.extend(step.results.iter().map(|result| (host, result)));
        }
        self.save_gates(gates.values()).await?;
        self.keep_attempts(open_attempts, ends).await?;
        let hosts = self.lock_schedules(results.iter().map(|(host, _)| *host)).await?;
        let recorded = self.record(&hosts, &results).await?;
        self.keep_summaries(&recorded.counts).await?;
        Ok(fenced)
    }

    /// Returns the database's clock, and whether the worker's lease is valid by it.
    async fn now_and_gate_lease(
        &mut self,
        worker: WorkerId,
    ) -> Result<(DateTime<Utc>, bool), sqlx::Error> {
        sqlx::query_as(
            "select now, exists (select from health_gate_leases \
             where worker = $1 and lease_until > now) from (select clock_timestamp() as now) t",
        )
        .bind(worker.as_uuid())
        .fetch_one(&mut *self.connection)
        .await
    }

    /// Inserts rows for attempts: for ended ones, each based on its recorded start, and for unfinished ones
    /// that a later attempt has followed and that have no row yet. A worker of schema version 3 has left
    /// rows of the attempts that it began.
    async fn keep_attempts(
        &mut self,
        open: Vec<(GateId, Attempt)>,
        ends: Vec<(GateId, Option<Attempt>, &AttemptWrite)>,
    ) -> Result<(), OperationError> {
        let unknown = ends.iter().filter(|(_, running, _)| running.is_none());
        let (gates, numbers): (Vec<Uuid>, Vec<i32>) =
            unknown.map(|(gate, _, end)| (gate.as_uuid(), whole(end.number()))).unzip();
        let mut stored: BTreeMap<(GateId, u32), Attempt> = BTreeMap::new();
        if !gates.is_empty() {
            let rows = attempts_numbered(self.connection, gates, numbers).await?;
            stored
                .extend(rows.into_iter().map(|(gate, attempt)| ((gate, attempt.number), attempt)));
        }
        let mut written: BTreeMap<(GateId, u32), Attempt> = BTreeMap::new();
        for (gate, running, end) in ends {
            let key = (gate, end.number());
            let begun = running.or_else(|| stored.remove(&key));
            written.extend(transition::write_attempt(begun, end).map(|attempt| (key, attempt)));
        }
        for (gate, attempt) in open {
            written.entry((gate, attempt.number)).or_insert(attempt);
        }
        if written.is_empty() {
            return Ok(());
        }
        let (mut gates, mut numbers, mut outcomes, mut records) = (vec![], vec![], vec![], vec![]);
        for ((gate, number), attempt) in &written {
            gates.push(gate.as_uuid());
            numbers.push(whole(*number));
            outcomes.push(to_word(ATTEMPT, &attempt.outcome)?);
            records.push(to_json(ATTEMPT, attempt)?);
        }
        sqlx::query(
            "insert into health_gate_attempts (gate_id, attempt, outcome, record) \
             select gate_id, attempt, outcome, record::jsonb \
             from unnest($1::uuid[], $2::int[], $3::text[], $4::text[]) \
                  as n (gate_id, attempt, outcome, record) \
             on conflict (gate_id, attempt) \
             do update set outcome = excluded.outcome, record = excluded.record \
             where health_gate_attempts.outcome = 'running'",
        )
        .bind(gates)
        .bind(numbers)
        .bind(outcomes)
        .bind(records)
        .execute(&mut *self.connection)
        .await?;
        Ok(())
    }

    pub(super) async fn release_gates(
        &mut self,
        worker: WorkerId,
        gates: &[(GateId, i64)],
    ) -> Result<(), OperationError> {
        sqlx::query(
            "update health_gates g set owner = null \
             from unnest($1::uuid[], $2::bigint[]) as handed (id, token) \
             where g.id = handed.id and g.token = handed.token and g.owner = $3",
        )
        .bind(gates.iter().map(|(id, _)| id.as_uuid()).collect::<Vec<_>>())
        .bind(gates.iter().map(|(_, token)| *token).collect::<Vec<_>>())
        .bind(worker.as_uuid())
        .execute(&mut *self.connection)
        .await?;
        Ok(())
    }
}

/// Converts a number to its column's type.
fn whole(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

#[derive(FromRow, Debug)]
struct WatchRow {
    now: DateTime<Utc>,
    epoch: i64,
    lease_until: Option<DateTime<Utc>>,
    unclaimed: Option<DateTime<Utc>>,
    #[sqlx(flatten)]
    gate: WatchedGate,
}

/// A changed gate, or nothing if none has changed.
#[derive(Debug)]
struct WatchedGate(Option<GateRow>);

impl<'r> FromRow<'r, PgRow> for WatchedGate {
    fn from_row(row: &'r PgRow) -> Result<Self, sqlx::Error> {
        let token: Option<i64> = row.try_get("token")?;
        Ok(Self(token.map(|_| GateRow::from_row(row)).transpose()?))
    }
}

/// Reads the changes for a worker in one statement.
pub(super) async fn watch_gates(
    connection: &mut PgConnection,
    worker: WorkerId,
) -> Result<GateWatch, OperationError> {
    let rows: Vec<WatchRow> = sqlx::query_as(concat!(
        "with t as materialized (select clock_timestamp() as now) \
         select t.now, (select clock_epoch from health_installation) as epoch, \
         (select lease_until from health_gate_leases where worker = $1) as lease_until, \
         (select min(g.opens_at) from health_gates g where ",
        unclaimed!("(select now from t)"),
        ") as unclaimed, ",
        gate_columns!(),
        " from t left join health_gates g on g.owner = $1 and g.changes <> g.changes_seen \
         and g.state in ('waiting', 'passed')",
    ))
    .bind(worker.as_uuid())
    .fetch_all(connection)
    .await?;
    let Some(first) = rows.first() else { return Err(StoreError::NotFound.into()) };
    let (now, epoch, unclaimed) = (first.now, first.epoch, first.unclaimed);
    let leased = first.lease_until.is_some_and(|until| now < until);
    let gates = rows.into_iter().filter_map(|row| row.gate.0).filter(|_| leased);
    let changed = gates.map(|gate| gate.open().into_leased()).collect();
    let epoch = ClockEpoch::new(epoch);
    Ok(GateWatch { now, epoch, leased, changed, unclaimed })
}
