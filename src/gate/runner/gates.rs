//! The gates that a runner holds, and one pass over them.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use chrono::{DateTime, Utc};
use tracing::{debug, warn};

use super::{
    GateRunner, Pass,
    attempt::{Attempt, EndedAttempt},
    changes::notes,
    held::{HeldGate, Read, Right, RunningAttempt},
    look::{Sight, look},
    overrides::{refuse, rights},
    stats::StatsCell,
};
use crate::{
    checks::{AgentDemand, AgentKey, GateDemand},
    clock::delta,
    gate::clock_guard::{ClockGuard, ClockTrust},
    model::{Detail, EndReason, GateId, GateNote, GateRecord, PassKind, instant},
    observe::{ClockOffset, GATE_OLDEST_WAIT, GATES_WAITING, Level, Part},
    store::{AttemptWrite, GateStep, GateTransition},
};

type Error = Box<dyn std::error::Error + Send + Sync>;

/// The gates that a runner holds.
pub(super) struct Gates<'a> {
    runner: &'a GateRunner,
    held: HashMap<GateId, HeldGate>,
    guard: ClockGuard,
    /// Attempts that are over and not recorded yet.
    ended: Vec<EndedAttempt>,
    /// What attempts are due and find no room.
    demand: GateDemand,
    /// The agents that they wait for (F165).
    agents: AgentDemand,
    waiting: Level,
    offset: ClockOffset,
}

impl<'a> Gates<'a> {
    pub(super) fn new(runner: &'a GateRunner) -> Self {
        let (guard, demand) = (ClockGuard::new(), runner.capacity.gate_demand());
        let agents = runner.capacity.agents().demand();
        let (waiting, offset) = (Level::new(GATES_WAITING), ClockOffset::new(Part::Gate));
        let (held, ended) = (HashMap::new(), Vec::new());
        Self { runner, held, guard, ended, demand, agents, waiting, offset }
    }

    /// Notes attempts that are over; the next pass records them.
    pub(super) fn over(&mut self, ended: Vec<EndedAttempt>) {
        self.ended.extend(ended);
    }

    pub(super) const fn has_ended_attempts(&self) -> bool {
        !self.ended.is_empty()
    }

    /// Looks at every gate once: records what has ended, reads afresh, decides, writes.
    pub(super) async fn pass(&mut self) -> Result<Pass, Error> {
        self.record_ended().await?;
        let claimed_at = self.claim().await?;
        let oldest = self.held.values().map(|held| held.record.opened_at).min();
        self.runner.stats.gauge(self.held.len(), oldest);
        self.waiting.set(self.held.len());
        if self.held.is_empty() {
            GATE_OLDEST_WAIT.set(0.0, &[]);
            self.demand.set(0);
            self.agents.set(HashSet::new());
            // A step of the clock while there was nothing to do is over by the time there is: seen
            // only then, it would hold up a gate that may have little time.
            if let Some(now) = claimed_at {
                self.guard.observe(now, self.runner.clock.monotonic());
            }
            return Ok(Pass { starts: Vec::new(), wait: self.runner.config.tick });
        }
        let runner = self.runner;
        let rights = rights(runner, self.held.values().map(|held| &held.record)).await;
        let mut read = self.read().await?;
        // The clock is read last, together with flags and overrides: what was read before it cannot
        // lie in its future.
        let now = self.renew().await?;
        let trust = self.guard.observe(now, runner.clock.monotonic());
        let age = oldest.map_or(0.0, |opened_at| (now - opened_at).as_seconds_f64());
        GATE_OLDEST_WAIT.set(age.max(0.0), &[]);
        let mut wait = runner.config.tick;
        let (mut steps, mut starts) = (Vec::new(), Vec::new());
        let mut order: Vec<(DateTime<Utc>, GateId)> = self
            .held
            .values()
            .map(|held| (held.record.window.closes_at(), held.record.id))
            .collect();
        order.sort_unstable();
        let mut wanted = 0;
        let mut wanted_agents: HashSet<AgentKey> = HashSet::new();
        for (_, id) in order {
            let (Some(held), Some(mut read)) = (self.held.get_mut(&id), read.remove(&id)) else {
                continue;
            };
            read.right = Right::of(held.record.exception.as_ref(), rights.get(&id));
            read.health.results.extend_from_slice(&held.live);
            let notes = happened(runner, held, &read, now, trust).await;
            if read.right == Right::TooNew {
                wait = Duration::ZERO;
            }
            // Earliest close first: where one finds no room, none that closes later starts before it.
            // A busy agent holds up the attempts that ask it alone, in the same order.
            let mut at_agent = false;
            let mut admit = |checks, asked: HashSet<AgentKey>| {
                if wanted > 0 {
                    return None;
                }
                let admitted = match asked.is_disjoint(&wanted_agents) {
                    true => runner.capacity.agents().admit_gate(&asked).ok(),
                    false => None,
                };
                let Some(places) = admitted else {
                    at_agent = true;
                    wanted_agents.extend(asked);
                    return None;
                };
                runner.capacity.admit_gate(checks).map(|permit| permit.with_agents(places))
            };
            let sight = Sight { now, suspect: trust == ClockTrust::Suspect, read: &read, notes };
            let looked = look(&runner.policy, runner.worker, held, sight, &mut admit);
            wait = wait.min(looked.wait);
            held.no_room = looked.out_of_room > 0 || (held.no_room && looked.start.is_none());
            if looked.out_of_room > 0 {
                debug!(gate = %id, checks = looked.out_of_room, "no room for an attempt now");
                runner.stats.out_of_room();
                wanted += if at_agent { 0 } else { looked.out_of_room };
            }
            if let Some(step) = &looked.step {
                held.acts_by(step);
            }
            steps.extend(looked.step);
            starts.extend(looked.start);
        }
        self.demand.set(wanted);
        self.agents.set(wanted_agents);
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
        let step = |ended: &EndedAttempt| {
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
                ..held.unchanged()
            }
        };
        let steps = self.ended.iter().map(step).collect();
        let fenced = self.runner.store.settle_gates(self.runner.worker, steps).await?;
        self.runner.stats.fenced(fenced.len());
        for ended in self.ended.drain(..) {
            self.runner.stats.attempt_over(ended.outcome);
            if let Some(held) = self.held.get_mut(&ended.gate_id) {
                held.running = None;
                held.remember(ended.results, self.runner.policy.healthy_after);
            }
        }
        self.forget(&fenced);
        Ok(())
    }

    /// Takes gates as long as there are any and there is room; answers with the store's clock.
    async fn claim(&mut self) -> Result<Option<DateTime<Utc>>, Error> {
        let mut now = None;
        let config = &self.runner.config;
        loop {
            let room = config.max_gates.saturating_sub(self.held.len());
            let limit = config.claim_block.min(u32::try_from(room).unwrap_or(u32::MAX));
            if limit == 0 {
                return Ok(now);
            }
            let store = &self.runner.store;
            let claims = store.claim_gates(self.runner.worker, limit, config.lease).await?;
            let full = claims.gates.len() >= limit as usize;
            self.runner.stats.claimed(claims.gates.len());
            for gate in claims.gates {
                let held = HeldGate::new(gate);
                let record = &held.record;
                debug!(gate = %record.id, job = %record.job_id, host = %record.host_id, "gate taken");
                self.held.insert(held.record.id, held);
            }
            now = Some(claims.now);
            if !full {
                return Ok(now);
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
        let right = Right::None;
        let read =
            windows.into_iter().zip(health).map(|(window, health)| Read { window, health, right });
        Ok(records.iter().map(|record| record.id).zip(read).collect())
    }

    /// Renews the leases, takes over the newest records, and answers with the store's clock.
    async fn renew(&mut self) -> Result<DateTime<Utc>, Error> {
        let tokens: Vec<(GateId, i64)> =
            self.held.iter().map(|(id, held)| (*id, held.token)).collect();
        let runner = self.runner;
        let before = runner.clock.now();
        let claims = runner.store.renew_gates(runner.worker, &tokens, runner.config.lease).await?;
        let offset = self.offset.note(before, claims.now, runner.clock.now());
        runner.cell.note().clock_offset = offset;
        runner.stats.taken(tokens.len().saturating_sub(claims.gates.len()));
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
        let transitions: Vec<(GateId, Transition)> =
            steps.iter().filter_map(|step| Some((step.gate_id, Transition::of(step)?))).collect();
        let fenced = self.runner.store.settle_gates(self.runner.worker, steps).await?;
        self.runner.stats.fenced(fenced.len());
        for (gate, transition) in transitions {
            if !fenced.contains(&gate) {
                transition.count(&self.runner.stats);
            }
            if transition != Transition::Renewed {
                self.held.remove(&gate);
            }
        }
        self.forget(&fenced);
        starts.retain(|start| match self.held.get_mut(&start.gate_id) {
            Some(held) => {
                self.runner.stats.started();
                held.dirty = false;
                held.running =
                    Some(RunningAttempt { number: start.number, cut: start.cut.clone() });
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

/// What has happened to a gate from outside since the last look, for its timeline.
async fn happened(
    runner: &GateRunner,
    held: &mut HeldGate,
    read: &Read,
    now: DateTime<Utc>,
    trust: ClockTrust,
) -> Vec<GateNote> {
    let changes = held.seen.checks(&read.health.requirements);
    held.dirty |= !changes.is_empty();
    let mut notes = notes(runner.store.as_ref(), &held.record, changes, now).await;
    let mut texts = held.seen.conditions(&read.health.conditions);
    texts.extend(held.seen.exception(held.record.exception.as_ref()));
    if trust == ClockTrust::Recovered && held.record.high_water > now {
        warn!(gate = %held.record.id, "the clock was put right: the gate's time goes back to it");
        held.record.high_water = now;
        texts.push("the clock was put right".to_owned());
    }
    notes.extend(texts.into_iter().map(|text| GateNote { at: now, text: Detail::new(text) }));
    if read.right == Right::Refused {
        notes.extend(refuse(runner, held, now).await);
    }
    notes
}

/// A change of a gate's state, for the figures.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Transition {
    Passed(PassKind),
    Renewed,
    Ended(EndReason),
}

impl Transition {
    fn of(step: &GateStep) -> Option<Self> {
        match step.transition.as_ref()? {
            GateTransition::Pass(pass) => Some(Self::Passed(pass.kind)),
            GateTransition::Renew => Some(Self::Renewed),
            GateTransition::End(reason) => Some(Self::Ended(*reason)),
        }
    }

    fn count(self, stats: &StatsCell) {
        match self {
            Self::Passed(kind) => stats.passed(kind),
            Self::Renewed => stats.renewed(),
            Self::Ended(reason) => stats.ended(reason),
        }
    }
}
