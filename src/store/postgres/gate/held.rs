//! Gates under a lock, and what has become of them.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sqlx::FromRow;
use uuid::Uuid;

use super::GATE;
use crate::{
    model::{GateId, GateRecord, HostId, JobId, WorkerId},
    store::{
        StoreError, StoreEvent,
        postgres::{error::translate, write::Write},
        sql::{from_json, to_json, to_word},
    },
};
/// A gate as it is stored.
#[derive(FromRow, Debug)]
pub(super) struct GateRow {
    token: i64,
    owner: Option<Uuid>,
    lease_until: Option<DateTime<Utc>>,
    record: String,
}

/// A gate under a lock.
#[derive(Debug)]
pub(super) struct HeldGate {
    pub(super) record: GateRecord,
    pub(super) token: i64,
    owner: Option<Uuid>,
    lease_until: Option<DateTime<Utc>>,
    pub(super) changed: bool,
}

impl GateRow {
    pub(super) fn open(self) -> Result<HeldGate, StoreError> {
        let record = from_json(GATE, &self.record)?;
        let (token, owner, lease_until) = (self.token, self.owner, self.lease_until);
        Ok(HeldGate { record, token, owner, lease_until, changed: false })
    }
}

impl HeldGate {
    /// Whether this worker has it under this token, and the lease has not ended (L9, L10).
    pub(super) fn is_held(&self, worker: WorkerId, token: i64, now: DateTime<Utc>) -> bool {
        self.owner == Some(worker.as_uuid())
            && self.token == token
            && self.lease_until.is_some_and(|until| now < until)
    }

    pub(super) fn end_lease(&mut self) {
        (self.owner, self.lease_until) = (None, None);
        self.changed = true;
    }
}

impl Write<'_> {
    /// These gates, locked in one order.
    pub(super) async fn lock_gates(
        &mut self,
        gates: impl Iterator<Item = GateId>,
    ) -> Result<HashMap<GateId, HeldGate>, StoreError> {
        let rows: Vec<GateRow> = sqlx::query_as(
            "select token, owner, lease_until, record::text as record from health_gates \
             where id = any($1) order by id for update",
        )
        .bind(gates.map(|gate| gate.as_uuid()).collect::<Vec<_>>())
        .fetch_all(&mut *self.connection)
        .await
        .map_err(translate)?;
        let open = |row: GateRow| row.open().map(|gate| (gate.record.id, gate));
        rows.into_iter().map(open).collect()
    }

    /// The gate of a job on a host, locked.
    pub(super) async fn lock_gate(
        &mut self,
        job: JobId,
        host: HostId,
    ) -> Result<HeldGate, StoreError> {
        let row: Option<GateRow> = sqlx::query_as(
            "select token, owner, lease_until, record::text as record from health_gates \
             where job_id = $1 and host_id = $2 for update",
        )
        .bind(job.as_uuid())
        .bind(host.as_uuid())
        .fetch_optional(&mut *self.connection)
        .await
        .map_err(translate)?;
        row.ok_or(StoreError::NotFound)?.open()
    }

    /// Writes changed gates, and tells of them.
    pub(super) async fn save_gates<'g>(
        &mut self,
        gates: impl Iterator<Item = &'g HeldGate> + Send,
    ) -> Result<(), StoreError> {
        let (mut ids, mut states, mut closes, mut passes) = (vec![], vec![], vec![], vec![]);
        let (mut cancels, mut owners, mut leases, mut records) = (vec![], vec![], vec![], vec![]);
        for gate in gates.filter(|gate| gate.changed) {
            let record = &gate.record;
            ids.push(record.id.as_uuid());
            states.push(to_word(GATE, &record.state)?);
            closes.push(record.window.closes_at());
            passes.push(record.pass.as_ref().map(|pass| pass.valid_until));
            cancels.push(record.cancel_requested);
            owners.push(gate.owner);
            leases.push(gate.lease_until);
            records.push(to_json(GATE, record)?);
            self.tell(StoreEvent::of_gate(record));
        }
        if ids.is_empty() {
            return Ok(());
        }
        sqlx::query(
            "update health_gates g set state = n.state, closes_at = n.closes_at, \
             pass_valid_until = n.pass_valid_until, cancel_requested = n.cancel_requested, \
             owner = n.owner, lease_until = n.lease_until, record = n.record::jsonb \
             from unnest($1::uuid[], $2::text[], $3::timestamptz[], $4::timestamptz[], $5::bool[], \
             $6::uuid[], $7::timestamptz[], $8::text[]) as n (id, state, closes_at, \
             pass_valid_until, cancel_requested, owner, lease_until, record) where g.id = n.id",
        )
        .bind(ids)
        .bind(states)
        .bind(closes)
        .bind(passes)
        .bind(cancels)
        .bind(owners)
        .bind(leases)
        .bind(records)
        .execute(&mut *self.connection)
        .await
        .map_err(translate)?;
        Ok(())
    }
}
