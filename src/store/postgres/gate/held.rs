//! Gates under a lock, and their changes.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sqlx::FromRow;
use uuid::Uuid;

use super::{ATTEMPT, GATE};
use crate::{
    model::{Attempt, EndReason, GateId, GateRecord, HostId, JobId, PassId, WorkerId},
    store::{
        LeasedGate, StoreError, StoreEvent,
        postgres::{error::OperationError, write::Write},
        sql::{GateColumns, GateTimes, StoredGate, from_json, readable, to_json, to_word},
        transition,
    },
};
/// The columns of [`GateRow`], for a gate with alias `g`.
macro_rules! gate_columns {
    () => {
        "g.id, g.job_id, g.host_id, g.generation, g.exempt, g.state, g.cancel_requested, g.opens_at, \
         g.closes_at, g.ended_at, g.record::text as record, g.token, g.owner, g.changes, \
         g.changes_seen, g.running::text as running"
    };
}
pub(super) use gate_columns;

/// A stored gate.
#[derive(FromRow, Debug)]
pub(super) struct GateRow {
    token: i64,
    owner: Option<Uuid>,
    changes: i64,
    changes_seen: i64,
    running: Option<String>,
    opens_at: DateTime<Utc>,
    closes_at: DateTime<Utc>,
    ended_at: Option<DateTime<Utc>>,
    #[sqlx(flatten)]
    columns: GateColumns,
}

/// A locked gate.
#[derive(Debug)]
pub(super) struct HeldGate {
    pub(super) record: GateRecord,
    /// Whether the record was readable. Otherwise it was rebuilt from the other columns.
    pub(super) readable: bool,
    pub(super) token: i64,
    owner: Option<Uuid>,
    pub(super) changes: i64,
    pub(super) changes_seen: i64,
    /// The attempt that was begun last. It gets its own row once it has ended.
    pub(super) running: Option<Attempt>,
    /// Whether the gate has to be written.
    pub(super) changed: bool,
}

impl GateRow {
    pub(super) fn open(self) -> HeldGate {
        let running = self.running.as_deref();
        let running = running.and_then(|running| readable(from_json(ATTEMPT, running)));
        let StoredGate { record, readable } = self.gate();
        let Self { token, owner, changes, changes_seen, .. } = self;
        let changed = false;
        HeldGate { record, readable, token, owner, changes, changes_seen, running, changed }
    }

    pub(super) fn into_record(self) -> GateRecord {
        self.gate().record
    }

    fn gate(&self) -> StoredGate {
        let Self { opens_at, closes_at, ended_at, .. } = *self;
        self.columns.gate(GateTimes { opens_at, closes_at, ended_at })
    }
}

impl HeldGate {
    /// Returns the gate for its holder.
    pub(super) fn into_leased(self) -> LeasedGate {
        LeasedGate { record: self.record, token: self.token, changes: self.changes }
    }

    /// Ends an unreadable gate, because its history is unknown (F221).
    pub(super) fn end_unreadable(&mut self, now: DateTime<Utc>) {
        transition::end(&mut self.record, EndReason::RecordUnreadable, now);
        self.end_lease();
    }

    /// Returns whether this worker, with a valid lease, holds it under this token (L9, L10).
    pub(super) fn is_held(&self, worker: WorkerId, token: i64) -> bool {
        self.owner == Some(worker.as_uuid()) && self.token == token
    }

    pub(super) fn end_lease(&mut self) {
        self.owner = None;
        self.changed = true;
    }

    /// Counts a change that the holder did not make.
    pub(super) fn change(&mut self) {
        self.changes += 1;
        self.changed = true;
    }
}

impl Write<'_> {
    /// Locks these gates in a fixed order.
    pub(super) async fn lock_gates(
        &mut self,
        gates: impl Iterator<Item = GateId>,
    ) -> Result<HashMap<GateId, HeldGate>, OperationError> {
        let rows: Vec<GateRow> = sqlx::query_as(concat!(
            "select ",
            gate_columns!(),
            " from health_gates g where id = any($1) order by id for update",
        ))
        .bind(gates.map(|gate| gate.as_uuid()).collect::<Vec<_>>())
        .fetch_all(&mut *self.connection)
        .await?;
        let open = |row: GateRow| {
            let gate = row.open();
            (gate.record.id, gate)
        };
        Ok(rows.into_iter().map(open).collect())
    }

    /// Locks and returns a job's gate on a host.
    pub(super) async fn lock_gate(
        &mut self,
        job: JobId,
        host: HostId,
    ) -> Result<HeldGate, OperationError> {
        let row: Option<GateRow> = sqlx::query_as(concat!(
            "select ",
            gate_columns!(),
            " from health_gates g where job_id = $1 and host_id = $2 \
             order by generation desc limit 1 for update",
        ))
        .bind(job.as_uuid())
        .bind(host.as_uuid())
        .fetch_optional(&mut *self.connection)
        .await?;
        row.map(GateRow::open).ok_or(StoreError::NotFound.into())
    }

    /// Locks and returns the gate whose newest pass has this id.
    pub(super) async fn lock_gate_of_pass(
        &mut self,
        pass: PassId,
    ) -> Result<Option<HeldGate>, OperationError> {
        let row: Option<GateRow> = sqlx::query_as(concat!(
            "select ",
            gate_columns!(),
            " from health_gates g where pass_id = $1 for update",
        ))
        .bind(pass.as_uuid())
        .fetch_optional(&mut *self.connection)
        .await?;
        Ok(row.map(GateRow::open))
    }

    /// Writes changed gates and publishes their events.
    pub(super) async fn save_gates<'g>(
        &mut self,
        gates: impl Iterator<Item = &'g HeldGate> + Send,
    ) -> Result<(), OperationError> {
        let (mut ids, mut states, mut opens, mut closes) = (vec![], vec![], vec![], vec![]);
        let (mut passes, mut pass_ids, mut ended) = (vec![], vec![], vec![]);
        let (mut cancels, mut owners) = (vec![], vec![]);
        let (mut changes, mut changes_seen, mut records) = (vec![], vec![], vec![]);
        let mut running = vec![];
        for gate in gates.filter(|gate| gate.changed) {
            let record = &gate.record;
            ids.push(record.id.as_uuid());
            states.push(to_word(GATE, &record.state)?);
            opens.push(record.window.opens_at());
            closes.push(record.window.closes_at());
            passes.push(record.pass.as_ref().map(|pass| pass.valid_until));
            ended.push(record.ended_at);
            pass_ids.push(record.pass.as_ref().map(|pass| pass.id.as_uuid()));
            cancels.push(record.cancel_requested);
            owners.push(gate.owner);
            changes.push(gate.changes);
            changes_seen.push(gate.changes_seen);
            records.push(to_json(GATE, record)?);
            running
                .push(gate.running.as_ref().map(|attempt| to_json(ATTEMPT, attempt)).transpose()?);
            self.tell(StoreEvent::of_gate(record));
        }
        if ids.is_empty() {
            return Ok(());
        }
        sqlx::query(
            "update health_gates g set state = n.state, opens_at = n.opens_at, \
             closes_at = n.closes_at, pass_valid_until = n.pass_valid_until, \
             cancel_requested = n.cancel_requested, owner = n.owner, changes = n.changes, \
             changes_seen = n.changes_seen, record = n.record::jsonb, pass_id = n.pass_id, \
             ended_at = n.ended_at, running = n.running::jsonb \
             from unnest($1::uuid[], $2::text[], $3::timestamptz[], $4::timestamptz[], \
             $5::timestamptz[], $6::bool[], $7::uuid[], $8::bigint[], $9::bigint[], $10::text[], \
             $11::uuid[], $12::timestamptz[], $13::text[]) as n (id, state, opens_at, closes_at, \
             pass_valid_until, cancel_requested, owner, changes, changes_seen, record, pass_id, ended_at, \
             running) where g.id = n.id",
        )
        .bind(ids)
        .bind(states)
        .bind(opens)
        .bind(closes)
        .bind(passes)
        .bind(cancels)
        .bind(owners)
        .bind(changes)
        .bind(changes_seen)
        .bind(records)
        .bind(pass_ids)
        .bind(ended)
        .bind(running)
        .execute(&mut *self.connection)
        .await?;
        Ok(())
    }
}
