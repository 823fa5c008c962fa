//! The gates that a runner holds, and one pass over them.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};
use tracing::{debug, warn};

use super::{
    GateRunner, Pass,
    agenda::Agenda,
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
    gate::{
        clock_guard::{ClockGuard, ClockTrust},
        disturbance::Disturbances,
    },
    model::{Detail, EndReason, GateId, GateNote, GateRecord, PassKind, instant},
    observe::{ClockOffset, GATE_OLDEST_WAIT, GATES_WAITING, Level, Part},
    store::{AttemptWrite, GateStep, GateTransition},
};

/// Longer than any gate can wait.
const FAR: TimeDelta = TimeDelta::days(36_500);

pub(super) type Error = Box<dyn std::error::Error + Send + Sync>;

/// The gates that a runner holds.
pub(super) struct Gates<'a> {
    pub(super) runner: &'a GateRunner,
    pub(super) held: HashMap<GateId, HeldGate>,
    pub(super) guard: ClockGuard,
    /// Attempts that are over and not recorded yet.
    ended: Vec<EndedAttempt>,
    /// Gates whose newest step the store may or may not have taken: claimed anew before they go on.
    pub(super) doubtful: HashMap<GateId, HeldGate>,
    pub(super) agenda: Agenda,
    /// What attempts are due and find no room.
    demand: GateDemand,
    /// The agents that they wait for (F165).
    agents: AgentDemand,
    waiting: Level,
    pub(super) offset: ClockOffset,
}

impl<'a> Gates<'a> {
    pub(super) fn new(runner: &'a GateRunner) -> Self {
        let (guard, demand) = (ClockGuard::new(), runner.capacity.gate_demand());
        let agents = runner.capacity.agents().demand();
        let (waiting, offset) = (Level::new(GATES_WAITING), ClockOffset::new(Part::Gate));
        Self {
            runner,
            held: HashMap::new(),
            guard,
            ended: Vec::new(),
            doubtful: HashMap::new(),
            agenda: Agenda::new(runner.config.tick),
            demand,
            agents,
            waiting,
            offset,
        }
    }

    /// Notes attempts that are over; the next pass records them.
    pub(super) fn over(&mut self, ended: Vec<EndedAttempt>) {
        self.ended.extend(ended);
    }

    /// Somebody asks for a look: the next pass also reads the windows of gates that are not open yet.
    pub(super) fn nudged(&mut self) {
        self.agenda.nudged();
    }

    pub(super) const fn has_ended_attempts(&self) -> bool {
        !self.ended.is_empty()
    }

    /// Looks at the gates that are due: records what has ended, reads afresh, decides, writes.
    pub(super) async fn pass(&mut self) -> Result<Pass, Error> {
        let runner = self.runner;
        self.record_ended().await?;
        self.release_doubtful().await?;
        let mut news = self.watch().await?;
        if news.unclaimed.is_some() {
            self.make_room(&news).await?;
            self.claim().await?;
        }
        let oldest = self.held.values().map(|held| held.record.opened_at).min();
        runner.stats.gauge(self.held.len(), oldest);
        self.waiting.set(self.held.len());
        let age = oldest.map_or(0.0, |opened_at| (news.now - opened_at).as_seconds_f64());
        GATE_OLDEST_WAIT.set(age.max(0.0), &[]);
        let monotonic = runner.clock.monotonic();
        let due = self.agenda.due(&self.held, news.now, monotonic, news.trust);
        if due.is_empty() {
            self.demand.set(0);
            self.agents.set(HashSet::new());
            return Ok(Pass { starts: Vec::new(), wait: self.wait(news.now) });
        }
        let rights = rights(runner, due.iter().map(|id| &self.held[id].record)).await;
        let mut read = self.read(&due).await?;
        let asked = read.iter().map(|(id, read)| (self.held[id].record.host_id, &read.health));
        let disturbances = Disturbances::read(runner.store.as_ref(), asked).await?;
        // The clock is read last, together with flags and overrides: what was read before it cannot
        // lie in its future.
        let before = news.trust;
        news = self.watch().await?;
        let trust = if news.trust == ClockTrust::Trusted { before } else { news.trust };
        let now = news.now;
        let (mut steps, mut starts) = (Vec::new(), Vec::new());
        let mut order: Vec<(DateTime<Utc>, GateId)> = due
            .iter()
            .filter_map(|id| self.held.get(id))
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
            let host = held.record.host_id;
            held.undisturbed_since(disturbances.apply(host, &mut read.health, now));
            let notes = happened(runner, held, &read, now, trust).await;
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
            held.look_at = match (read.right, looked.out_of_room) {
                // Asked again at once, and whenever there may be room.
                (Right::TooNew, _) => now,
                (_, 1..) => DateTime::<Utc>::MIN_UTC,
                _ => now.checked_add_signed(delta(looked.wait)).unwrap_or(now + FAR),
            };
            held.no_room = looked.out_of_room > 0 || (held.no_room && looked.start.is_none());
            if looked.out_of_room > 0 {
                debug!(gate = %id, checks = looked.out_of_room, "no room for an attempt now");
                runner.stats.out_of_room();
                wanted += if at_agent { 0 } else { looked.out_of_room };
            }
            steps.extend(looked.step);
            starts.extend(looked.start);
        }
        self.demand.set(wanted);
        self.agents.set(wanted_agents);
        let starts = self.write(steps, starts, now).await?;
        Ok(Pass { starts, wait: self.wait(now) })
    }

    /// How long nothing is due.
    fn wait(&self, now: DateTime<Utc>) -> Duration {
        let until = |held: &HeldGate| {
            // Room comes with the end of an attempt or the next tick.
            let waits_for_room = held.no_room && held.look_at == DateTime::<Utc>::MIN_UTC;
            (!waits_for_room).then(|| (held.look_at - now).to_std().unwrap_or_default())
        };
        let soonest = self.held.values().filter_map(until).min();
        soonest.map_or(self.runner.config.tick, |soonest| soonest.min(self.runner.config.tick))
    }

    /// Hands everything back; attempts that have not ended count as interrupted.
    pub(super) async fn hand_back(&mut self) {
        if let Err(error) = self.record_ended().await {
            warn!(%error, "the last attempts cannot be recorded");
        }
        let held = self.held.drain().chain(self.doubtful.drain());
        let gates: Vec<(GateId, i64)> = held.map(|(id, held)| (id, held.token)).collect();
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
                held.unacknowledged = false;
                held.look_at = DateTime::<Utc>::MIN_UTC;
                held.remember(ended.results, self.runner.policy.healthy_after);
            }
        }
        self.forget(&fenced);
        Ok(())
    }

    /// Reads the windows of these gates and the health of their hosts.
    async fn read(&self, due: &[GateId]) -> Result<HashMap<GateId, Read>, Error> {
        let records: Vec<&GateRecord> = due.iter().map(|id| &self.held[id].record).collect();
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

    /// Writes the steps and answers with the attempts whose start was accepted.
    async fn write(
        &mut self,
        steps: Vec<GateStep>,
        mut starts: Vec<Attempt>,
        now: DateTime<Utc>,
    ) -> Result<Vec<Attempt>, Error> {
        if steps.is_empty() {
            return Ok(Vec::new());
        }
        let worker = self.runner.worker;
        let fenced = match self.runner.store.settle_gates(worker, steps.clone()).await {
            Ok(fenced) => fenced,
            Err(error) => {
                let doubt = |step: &GateStep| self.held.remove_entry(&step.gate_id);
                self.doubtful.extend(steps.iter().filter_map(doubt));
                self.doubtful.values_mut().for_each(|held| held.running = None);
                return Err(error.into());
            }
        };
        self.runner.stats.fenced(fenced.len());
        if !fenced.is_empty() {
            self.agenda.extend_soon();
        }
        for step in steps.iter().filter(|step| !fenced.contains(&step.gate_id)) {
            let transition = Transition::of(step);
            if let Some(transition) = transition {
                transition.count(&self.runner.stats);
            }
            if transition.is_none_or(|transition| transition == Transition::Renewed) {
                if let Some(held) = self.held.get_mut(&step.gate_id) {
                    held.took(step, now);
                }
            } else {
                self.held.remove(&step.gate_id);
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

    pub(super) fn forget(&mut self, gates: &[GateId]) {
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
