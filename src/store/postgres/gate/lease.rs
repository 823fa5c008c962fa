//! What a worker does to gates: claims, renews, settles, and hands back (L9, L10).

use std::{collections::BTreeMap, time::Duration};

use uuid::Uuid;

use super::{ATTEMPT, attempts, held::GateRow};
use crate::{
    model::{Attempt, GateId, WorkerId, instant},
    store::{
        AttemptWrite, GateClaims, GateStep, LeasedGate, StoreError,
        postgres::{error::translate, poll::later, write::Write},
        sql::{to_json, to_word},
        transition,
    },
};
impl Write<'_> {
    pub(super) async fn claim_gates(
        &mut self,
        worker: WorkerId,
        limit: u32,
        lease: Duration,
    ) -> Result<GateClaims, StoreError> {
        let now = self.now_under_known_schema().await?;
        let rows: Vec<GateRow> = sqlx::query_as(
            "with due as materialized ( \
                 select id from health_gates where state in ('waiting', 'passed') \
                 and (state = 'waiting' or cancel_requested or pass_valid_until is null \
                      or pass_valid_until <= $1) \
                 and (lease_until is null or lease_until <= $1) \
                 order by closes_at, id limit $2 for update skip locked) \
             update health_gates g set owner = $3, token = nextval('health_tokens'), \
             lease_until = $4 from due where g.id = due.id \
             returning g.token, g.owner, g.lease_until, g.record::text as record",
        )
        .bind(now)
        .bind(i64::from(limit))
        .bind(worker.as_uuid())
        .bind(later(now, lease))
        .fetch_all(&mut *self.connection)
        .await
        .map_err(translate)?;
        let leased = |row: GateRow| {
            row.open().map(|gate| LeasedGate { record: gate.record, token: gate.token })
        };
        let mut gates = rows.into_iter().map(leased).collect::<Result<Vec<_>, _>>()?;
        gates.sort_unstable_by_key(|gate| (gate.record.window.closes_at(), gate.record.id));
        if !gates.is_empty() {
            sqlx::query(
                "update health_gate_attempts set outcome = 'interrupted', record = record \
                 || jsonb_build_object('outcome', 'interrupted', 'finished_at', $1::text) \
                 where outcome = 'running' and gate_id = any($2)",
            )
            .bind(instant::to_text(&now))
            .bind(gates.iter().map(|gate| gate.record.id.as_uuid()).collect::<Vec<_>>())
            .execute(&mut *self.connection)
            .await
            .map_err(translate)?;
        }
        Ok(GateClaims { now, gates })
    }

    pub(super) async fn renew_gates(
        &mut self,
        worker: WorkerId,
        gates: &[(GateId, i64)],
        lease: Duration,
    ) -> Result<GateClaims, StoreError> {
        let mut held = self.lock_gates(gates.iter().map(|(id, _)| *id)).await?;
        let now = self.now().await?;
        let mut renewed = Vec::with_capacity(gates.len());
        for (id, token) in gates {
            if held.get(id).is_some_and(|gate| gate.is_held(worker, *token, now))
                && let Some(gate) = held.remove(id)
            {
                renewed.push(LeasedGate { record: gate.record, token: *token });
            }
        }
        sqlx::query("update health_gates set lease_until = $1 where id = any($2)")
            .bind(later(now, lease))
            .bind(renewed.iter().map(|gate| gate.record.id.as_uuid()).collect::<Vec<_>>())
            .execute(&mut *self.connection)
            .await
            .map_err(translate)?;
        Ok(GateClaims { now, gates: renewed })
    }

    pub(super) async fn settle_gates(
        &mut self,
        worker: WorkerId,
        steps: &[GateStep],
    ) -> Result<Vec<GateId>, StoreError> {
        let mut gates = self.lock_gates(steps.iter().map(|step| step.gate_id)).await?;
        let now = self.now().await?;
        let (mut fenced, mut results, mut writes) = (Vec::new(), Vec::new(), Vec::new());
        for step in steps {
            let held = gates.get_mut(&step.gate_id).filter(|gate| {
                gate.is_held(worker, step.token, now) && transition::leads(step, gate.record.state)
            });
            let Some(gate) = held else {
                fenced.push(step.gate_id);
                continue;
            };
            gate.changed = true;
            if transition::apply(&mut gate.record, step, now) {
                gate.end_lease();
            }
            writes.extend(step.attempt.as_ref().map(|write| (step.gate_id, write)));
            let host = gate.record.host_id;
            results.extend(step.results.iter().map(|result| (host, result)));
        }
        self.save_gates(gates.values()).await?;
        self.write_attempts(&writes).await?;
        let hosts = self.lock_schedules(results.iter().map(|(host, _)| *host)).await?;
        let recorded = self.record(&hosts, &results).await?;
        self.keep_summaries(&recorded.counts).await?;
        Ok(fenced)
    }

    async fn write_attempts(
        &mut self,
        writes: &[(GateId, &AttemptWrite)],
    ) -> Result<(), StoreError> {
        let ended = writes.iter().filter(|(_, write)| matches!(write, AttemptWrite::End { .. }));
        let ended: Vec<Uuid> = ended.map(|(gate, _)| gate.as_uuid()).collect();
        let mut stored: BTreeMap<(GateId, u32), Attempt> = BTreeMap::new();
        if !ended.is_empty() {
            let rows = attempts(self.connection, &ended).await?;
            stored
                .extend(rows.into_iter().map(|(gate, attempt)| ((gate, attempt.number), attempt)));
        }
        let mut written: BTreeMap<(GateId, u32), Attempt> = BTreeMap::new();
        for (gate, write) in writes {
            let key = (*gate, write.number());
            let before = written.remove(&key).or_else(|| stored.remove(&key));
            written.extend(transition::write_attempt(before, write).map(|attempt| (key, attempt)));
        }
        if written.is_empty() {
            return Ok(());
        }
        let (mut gates, mut numbers, mut outcomes, mut records) = (vec![], vec![], vec![], vec![]);
        for ((gate, number), attempt) in &written {
            gates.push(gate.as_uuid());
            numbers.push(i32::try_from(*number).unwrap_or(i32::MAX));
            outcomes.push(to_word(ATTEMPT, &attempt.outcome)?);
            records.push(to_json(ATTEMPT, attempt)?);
        }
        sqlx::query(
            "insert into health_gate_attempts (gate_id, attempt, outcome, record) \
             select gate_id, attempt, outcome, record::jsonb \
             from unnest($1::uuid[], $2::int[], $3::text[], $4::text[]) \
                  as n (gate_id, attempt, outcome, record) \
             on conflict (gate_id, attempt) \
             do update set outcome = excluded.outcome, record = excluded.record",
        )
        .bind(gates)
        .bind(numbers)
        .bind(outcomes)
        .bind(records)
        .execute(&mut *self.connection)
        .await
        .map_err(translate)?;
        Ok(())
    }

    pub(super) async fn release_gates(
        &mut self,
        worker: WorkerId,
        gates: &[(GateId, i64)],
    ) -> Result<(), StoreError> {
        sqlx::query(
            "update health_gates g set owner = null, lease_until = null \
             from unnest($1::uuid[], $2::bigint[]) as handed (id, token) \
             where g.id = handed.id and g.token = handed.token and g.owner = $3 \
             and g.lease_until > clock_timestamp()",
        )
        .bind(gates.iter().map(|(id, _)| id.as_uuid()).collect::<Vec<_>>())
        .bind(gates.iter().map(|(_, token)| *token).collect::<Vec<_>>())
        .bind(worker.as_uuid())
        .execute(&mut *self.connection)
        .await
        .map_err(translate)?;
        Ok(())
    }
}
