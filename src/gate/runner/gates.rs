//! The gates that a runner holds, and one pass over them.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::{
    GateRunner, Pass,
    attempt::{Attempt, Ended},
    changes::{CheckChanged, Seen},
    look::{Looked, look},
};
use crate::{
    clock::delta,
    gate::{
        clock_guard::{ClockGuard, ClockTrust},
        decide::WindowAnswer,
        source::HostHealth,
    },
    model::{CheckResult, Detail, GateId, GateNote, GateRecord, instant},
    store::{AttemptWrite, AuditFilter, GateStep, GateTransition, LeasedGate},
};

type Error = Box<dyn std::error::Error + Send + Sync>;

/// The gates that a runner holds.
pub(super) struct Gates<'a> {
    runner: &'a GateRunner,
    held: HashMap<GateId, Held>,
    guard: ClockGuard,
    /// Attempts that are over and not recorded yet.
    ended: Vec<Ended>,
}

/// One gate under lease.
pub(super) struct Held {
    pub(super) record: GateRecord,
    pub(super) token: i64,
    pub(super) running: Option<Running>,
    /// Something changed since the last attempt, so that the next one need not wait for the retry.
    pub(super) dirty: bool,
    /// The newest results of this gate's own attempts, which are recorded: a source need not keep them.
    live: Vec<CheckResult>,
    seen: Seen,
}

/// An attempt that is under way.
pub(super) struct Running {
    pub(super) number: u32,
    checks: usize,
    cut: CancellationToken,
}

impl Drop for Running {
    /// Whoever forgets an attempt ends it.
    fn drop(&mut self) {
        self.cut.cancel();
    }
}

impl Held {
    /// Keeps the results of an attempt, as many of each check as a decision can need.
    fn remember(&mut self, results: Vec<CheckResult>, runs: u32) {
        self.live.extend(results);
        let live = std::mem::take(&mut self.live);
        for result in live.into_iter().rev() {
            let kept = self.live.iter().filter(|kept| kept.check_id == result.check_id).count();
            if kept < runs as usize {
                self.live.push(result);
            }
        }
        self.live.reverse();
    }
}

/// What was read of one gate in a pass.
pub(super) struct Read {
    pub(super) window: WindowAnswer,
    pub(super) health: HostHealth,
}

impl<'a> Gates<'a> {
    pub(super) fn new(runner: &'a GateRunner) -> Self {
        Self { runner, held: HashMap::new(), guard: ClockGuard::new(), ended: Vec::new() }
    }

    /// Notes attempts that are over; the next pass records them.
    pub(super) fn over(&mut self, ended: Vec<Ended>) {
        self.ended.extend(ended);
    }

    pub(super) const fn has_ended_attempts(&self) -> bool {
        !self.ended.is_empty()
    }

    /// Looks at every gate once: records what has ended, reads afresh, decides, writes.
    pub(super) async fn pass(&mut self) -> Result<Pass, Error> {
        self.record_ended().await?;
        self.claim().await?;
        if self.held.is_empty() {
            return Ok(Pass { starts: Vec::new(), wait: self.runner.config.tick });
        }
        let mut read = self.read().await?;
        // The clock is read last, together with flags and overrides: what was read before it cannot
        // lie in its future.
        let now = self.renew().await?;
        let trust = self.guard.observe(now, self.runner.clock.monotonic());
        let mut wait = self.runner.config.tick;
        let (mut steps, mut starts) = (Vec::new(), Vec::new());
        let mut order: Vec<(DateTime<Utc>, GateId)> = self
            .held
            .values()
            .map(|held| (held.record.window.closes_at(), held.record.id))
            .collect();
        order.sort_unstable();
        let mut free = self.free_checks();
        for (_, id) in order {
            let (Some(held), Some(mut read)) = (self.held.get_mut(&id), read.remove(&id)) else {
                continue;
            };
            read.health.results.extend_from_slice(&held.live);
            let changes = held.seen.update(&read.health.requirements);
            let mut notes = notes(self.runner, &held.record, changes, now).await;
            held.dirty |= !notes.is_empty();
            if trust == ClockTrust::Recovered && held.record.high_water > now {
                warn!(gate = %id, "the clock was put right: the gate's time goes back to it");
                held.record.high_water = now;
                let text = Detail::new("the clock was put right");
                notes.push(GateNote { at: now, text });
            }
            let looked = look(
                &self.runner.policy,
                self.runner.worker,
                held,
                &read,
                notes,
                now,
                trust == ClockTrust::Suspect,
            );
            wait = wait.min(looked.wait);
            let Looked { step, start, .. } = looked;
            match start {
                // Earliest close first; one that finds no room now is looked at again at the next pass.
                Some(start) if start.run.checks.len() > free && free < self.limit() => {
                    debug!(gate = %id, "no room for an attempt now");
                }
                Some(start) => {
                    free = free.saturating_sub(start.run.checks.len());
                    steps.extend(step);
                    starts.push(start);
                }
                None => steps.extend(step),
            }
        }
        let starts = self.write(steps, starts).await?;
        Ok(Pass { starts, wait })
    }

    /// Hands everything back; attempts that have not ended count as interrupted.
    pub(super) async fn hand_back(&mut self) {
        if let Err(error) = self.record_ended().await {
            warn!(%error, "the last attempts cannot be recorded");
        }
        let gates: Vec<(GateId, i64)> =
            self.held.drain().map(|(id, held)| (id, held.token)).collect();
        if let Err(error) = self.runner.store.release_gates(self.runner.worker, &gates).await {
            warn!(%error, "gates cannot be handed back: their leases expire");
        }
    }

    const fn limit(&self) -> usize {
        self.runner.config.max_concurrent_checks
    }

    fn free_checks(&self) -> usize {
        let running: usize =
            self.held.values().filter_map(|held| held.running.as_ref()).map(|run| run.checks).sum();
        self.limit().saturating_sub(running)
    }

    /// Records attempts that are over, with their results, before anything is decided by them: what
    /// is not stored does not count.
    async fn record_ended(&mut self) -> Result<(), Error> {
        let held = &self.held;
        self.ended.retain(|ended| {
            held.get(&ended.gate_id)
                .and_then(|held| held.running.as_ref())
                .is_some_and(|running| running.number == ended.number)
        });
        if self.ended.is_empty() {
            return Ok(());
        }
        let step = |ended: &Ended| {
            let held = &self.held[&ended.gate_id];
            let finished_at = instant::truncate(ended.started_at + delta(ended.took));
            GateStep {
                attempt: Some(AttemptWrite::End {
                    number: ended.number,
                    finished_at,
                    outcome: ended.outcome,
                    checks: ended.evidence(),
                }),
                results: ended.results.clone(),
                ..unchanged(held)
            }
        };
        let steps = self.ended.iter().map(step).collect();
        let fenced = self.runner.store.settle_gates(self.runner.worker, steps).await?;
        for ended in self.ended.drain(..) {
            if let Some(held) = self.held.get_mut(&ended.gate_id) {
                held.running = None;
                held.remember(ended.results, self.runner.policy.healthy_after);
            }
        }
        self.forget(&fenced);
        Ok(())
    }

    async fn claim(&mut self) -> Result<(), Error> {
        let config = &self.runner.config;
        loop {
            let room = config.max_gates.saturating_sub(self.held.len());
            let limit = config.claim_block.min(u32::try_from(room).unwrap_or(u32::MAX));
            if limit == 0 {
                return Ok(());
            }
            let store = &self.runner.store;
            let claims = store.claim_gates(self.runner.worker, limit, config.lease).await?;
            let full = claims.gates.len() >= limit as usize;
            for LeasedGate { record, token } in claims.gates {
                debug!(gate = %record.id, job = %record.job_id, host = %record.host_id, "gate taken");
                let seen = Seen::default();
                let live = Vec::new();
                let held = Held { record, token, running: None, dirty: false, live, seen };
                self.held.insert(held.record.id, held);
            }
            if !full {
                return Ok(());
            }
        }
    }

    /// Reads the window and the health of every gate's host.
    async fn read(&self) -> Result<HashMap<GateId, Read>, Error> {
        let records: Vec<&GateRecord> = self.held.values().map(|held| &held.record).collect();
        let windows = self.runner.windows.windows(&records).await?;
        let health = self.runner.health.health(&records).await?;
        if windows.len() != records.len() || health.len() != records.len() {
            return Err("a source did not answer for every gate".into());
        }
        let read = windows.into_iter().zip(health).map(|(window, health)| Read { window, health });
        Ok(records.iter().map(|record| record.id).zip(read).collect())
    }

    /// Renews the leases, takes over the newest records, and answers with the store's clock.
    async fn renew(&mut self) -> Result<DateTime<Utc>, Error> {
        let tokens: Vec<(GateId, i64)> =
            self.held.iter().map(|(id, held)| (*id, held.token)).collect();
        let runner = self.runner;
        let claims = runner.store.renew_gates(runner.worker, &tokens, runner.config.lease).await?;
        let mut newest: HashMap<GateId, GateRecord> =
            claims.gates.into_iter().map(|gate| (gate.record.id, gate.record)).collect();
        self.held.retain(|id, held| match newest.remove(id) {
            Some(record) => {
                held.record = record;
                true
            }
            None => {
                debug!(gate = %id, "gate lost to another worker");
                false
            }
        });
        Ok(claims.now)
    }

    /// Writes the steps and answers with the attempts whose start was accepted.
    async fn write(
        &mut self,
        steps: Vec<GateStep>,
        mut starts: Vec<Attempt>,
    ) -> Result<Vec<Attempt>, Error> {
        if steps.is_empty() {
            return Ok(Vec::new());
        }
        let settled: Vec<GateId> = steps
            .iter()
            .filter(|step| {
                matches!(step.transition, Some(GateTransition::Pass(_) | GateTransition::End(_)))
            })
            .map(|step| step.gate_id)
            .collect();
        let fenced = self.runner.store.settle_gates(self.runner.worker, steps).await?;
        self.forget(&fenced);
        self.forget(&settled);
        starts.retain(|start| match self.held.get_mut(&start.gate_id) {
            Some(held) => {
                held.dirty = false;
                held.running = Some(Running {
                    number: start.number,
                    checks: start.run.checks.len(),
                    cut: start.cut.clone(),
                });
                true
            }
            None => false,
        });
        Ok(starts)
    }

    fn forget(&mut self, gates: &[GateId]) {
        for gate in gates {
            self.held.remove(gate);
        }
    }
}

/// A step that changes nothing of a gate yet.
pub(super) fn unchanged(held: &Held) -> GateStep {
    GateStep {
        gate_id: held.record.id,
        token: held.token,
        window: held.record.window,
        high_water: held.record.high_water,
        void_before: None,
        next_attempt_at: held.record.next_attempt_at,
        evidence: None,
        notes: Vec::new(),
        detail: None,
        attempt: None,
        results: Vec::new(),
        transition: None,
    }
}

/// What to note of changed checks, with who changed them where the audit log tells.
async fn notes(
    runner: &GateRunner,
    record: &GateRecord,
    changes: Vec<CheckChanged>,
    now: DateTime<Utc>,
) -> Vec<GateNote> {
    if changes.is_empty() {
        return Vec::new();
    }
    let filter = AuditFilter { hosts: Some(vec![record.host_id]) };
    // Without the audit log the note lacks the actor; the change counts all the same.
    let audit = runner.store.audit_page(&filter, None, AUDIT_LOOK_BACK).await.unwrap_or_default();
    let note = |change: CheckChanged| {
        let actor = audit.iter().find(|entry| entry.check_id == Some(change.check_id));
        let by =
            actor.map(|entry| format!(" by {} at {}", entry.actor, instant::to_text(&entry.at)));
        GateNote { at: now, text: Detail::new(change.text + &by.unwrap_or_default()) }
    };
    changes.into_iter().map(note).collect()
}

/// How many of a host's newest audit records are searched for the author of a change.
const AUDIT_LOOK_BACK: u32 = 20;
