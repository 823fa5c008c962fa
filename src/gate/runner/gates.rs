//! The gates that a runner holds, and one pass over all of them.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::{
    GateRunner, Pass,
    agenda::Agenda,
    attempt::{Attempt, EndedAttempt},
    held::{Answered, HeldGate, Read, Right, RunningAttempt},
    look::{Sight, look},
    notice::notice,
    places::Places,
    settle::settle,
    sources::Sources,
    stats::StatsCell,
    turns::{DueAttempt, Turns},
};
use crate::{
    checks::{AgentDemand, AgentKey, GateDemand},
    clock::{ClockGuard, ClockReading, ClockTrust, EpochWatch, delta},
    gate::{
        decide::{Action, Decision},
        disturbance::Disturbances,
    },
    model::{EndReason, GateId, GateRecord, PassKind, StoreTime, instant},
    observe::{ClockOffset, GATE_OLDEST_WAIT, GATES_WAITING, Level, Part},
    store::{AttemptWrite, GateStep, GateTransition},
};

/// A time longer than any gate can wait.
const FAR: TimeDelta = TimeDelta::days(36_500);

/// The time after the end of a gate for which sources may still be asked about it.
const END_PATIENCE: Duration = Duration::from_secs(2);

pub(super) type Error = Box<dyn std::error::Error + Send + Sync>;

/// The gates that a runner holds.
pub(super) struct Gates<'a> {
    pub(super) runner: &'a GateRunner,
    stop: CancellationToken,
    pub(super) held: HashMap<GateId, HeldGate>,
    sources: Sources,
    turns: Turns,
    pub(super) guard: ClockGuard,
    /// The newest reading of the store's clock.
    pub(super) reading: Option<ClockReading>,
    /// Detects that the store's clock went back.
    pub(super) epochs: EpochWatch,
    /// Ended attempts that are not recorded yet.
    ended: Vec<EndedAttempt>,
    /// Gates whose newest step the store may or may not have taken. They are claimed again before their next step.
    pub(super) doubtful: HashMap<GateId, HeldGate>,
    /// Gates with a step that the store has refused.
    unwritable: HashSet<GateId>,
    pub(super) agenda: Agenda,
    /// The demand of due attempts that find no capacity.
    demand: GateDemand,
    /// The agents that these attempts wait for (F165).
    agents: AgentDemand,
    waiting: Level,
    pub(super) offset: ClockOffset,
    /// Whether the newest reading of the store's clock is not trusted.
    pub(super) suspect: bool,
}

impl<'a> Gates<'a> {
    pub(super) fn new(runner: &'a GateRunner, stop: CancellationToken) -> Self {
        Self {
            runner,
            stop,
            held: HashMap::new(),
            sources: Sources::new(),
            turns: Turns::default(),
            guard: ClockGuard::new(),
            reading: None,
            epochs: EpochWatch::default(),
            ended: Vec::new(),
            doubtful: HashMap::new(),
            unwritable: HashSet::new(),
            agenda: Agenda::new(runner.config.tick),
            demand: runner.capacity.gate_demand(),
            agents: runner.capacity.agents().demand(),
            waiting: Level::new(GATES_WAITING),
            offset: ClockOffset::new(Part::Gate),
            suspect: false,
        }
    }

    /// Notes ended attempts; the next pass records them.
    pub(super) fn over(&mut self, ended: Vec<EndedAttempt>) {
        self.ended.extend(ended);
    }

    /// Makes the next pass also read the windows of gates that are not open yet.
    pub(super) fn nudged(&mut self) {
        self.agenda.nudged();
    }

    pub(super) const fn has_ended_attempts(&self) -> bool {
        !self.ended.is_empty()
    }

    /// Returns whether a source did not answer at the last look.
    pub(super) const fn is_blind(&self) -> bool {
        self.sources.are_failing()
    }

    /// Looks at the due gates: records ended attempts, reads, decides and writes.
    pub(super) async fn pass(&mut self) -> Result<Pass, Error> {
        let runner = self.runner;
        self.record_ended().await?;
        self.release_doubtful().await?;
        let mut news = self.watch().await?;
        if news.unclaimed.is_some() {
            self.make_room(&news).await?;
            self.claim().await?;
        }
        self.unwritable.retain(|id| self.held.contains_key(id));
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
        let stop = self.stop.clone();
        let Some((mut read, rights)) = stop.run_until_cancelled(self.read(&due)).await else {
            return Ok(Pass { starts: Vec::new(), wait: Duration::ZERO });
        };
        let asked = read.iter().map(|(id, read)| (self.held[id].record.host_id, &read.health));
        let disturbances = Disturbances::read(runner.store.as_ref(), asked).await?;
        // The clock is read last, together with flags and overrides: nothing read before lies in its future.
        let before = news.trust;
        news = self.watch().await?;
        let trust = if news.trust == ClockTrust::Trusted { before } else { news.trust };
        let (now, time) = (news.now, StoreTime::new(news.epoch, news.now));
        let suspect = trust == ClockTrust::Suspect;
        read.retain(|id, read| {
            let Some(held) = self.held.get_mut(id) else { return false };
            read.right = Right::of(held.record.exception.as_ref(), rights.get(id));
            read.health.results.extend_from_slice(&held.live);
            let host = held.record.host_id;
            held.undisturbed_since(disturbances.apply(host, &mut read.health, time));
            held.gate_time = held.time.read(&held.record, news.reading, !suspect);
            true
        });
        notice(runner, &mut self.held, &read, now, trust).await;
        let store = runner.store.as_ref();
        let mut places = Places::read(store, &mut self.held, &due, time, suspect).await?;
        for (id, read) in &mut read {
            read.hold = self.held.get(id).and_then(|held| places.hold(held));
        }
        let (mut steps, mut starts) = (Vec::new(), Vec::new());
        let mut wanted = 0;
        let mut wanted_agents: HashSet<AgentKey> = HashSet::new();
        for (id, mut decision) in self.decisions(&read, time, suspect) {
            let (Some(held), Some(read)) = (self.held.get_mut(&id), read.get_mut(&id)) else {
                continue;
            };
            if matches!(decision.action, Action::Start { .. } | Action::Pass { .. }) {
                read.hold = places.take(held);
                if read.hold.is_some() {
                    decision = Sight { now: time, suspect, read }.decide(&runner.policy, held);
                }
            }
            // If an attempt finds no capacity, no later one in the order starts before it. A busy agent
            // delays only the attempts that ask it, in the same order.
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
            let sight = Sight { now: time, suspect, read };
            let looked = look(&runner.policy, runner.worker, held, sight, decision, &mut admit);
            held.look_at = match (read.right, looked.out_of_room) {
                // Look again at once, and whenever there may be capacity.
                (Right::TooNew, _) => now,
                (_, 1..) => DateTime::<Utc>::MIN_UTC,
                _ => now.checked_add_signed(delta(looked.wait)).unwrap_or(now + FAR),
            };
            held.no_room = looked.out_of_room > 0 || (held.no_room && looked.start.is_none());
            if looked.out_of_room > 0 {
                debug!(gate = %id, checks = looked.out_of_room, "no capacity for an attempt now");
                runner.stats.out_of_room();
                wanted += if at_agent { 0 } else { looked.out_of_room };
            }
            if looked.start.is_some() {
                self.turns.took(held.record.last_attempt_at.is_some());
            }
            steps.extend(looked.step);
            starts.extend(looked.start);
        }
        self.demand.set(wanted);
        self.agents.set(wanted_agents);
        let starts = self.write(steps, starts, now).await?;
        Ok(Pass { starts, wait: self.wait(now) })
    }

    /// Decides these gates. Those with a due attempt come first, in turns.
    fn decisions(
        &self,
        read: &BTreeMap<GateId, Read>,
        now: StoreTime,
        suspect: bool,
    ) -> Vec<(GateId, Decision)> {
        let (mut due, mut others) = (Vec::new(), Vec::new());
        let mut decisions = HashMap::new();
        for (id, read) in read {
            let Some(held) = self.held.get(id) else { continue };
            let decision = Sight { now, suspect, read }.decide(&self.runner.policy, held);
            if matches!(decision.action, Action::Start { .. }) {
                due.push(DueAttempt {
                    closes_at: held.record.window.closes_at(),
                    due_at: held.record.next_attempt_at.unwrap_or(now.at),
                    gate_id: *id,
                    retry: held.record.last_attempt_at.is_some(),
                });
            } else {
                others.push(*id);
            }
            decisions.insert(*id, decision);
        }
        let order = self.turns.order(due).into_iter().chain(others);
        order.filter_map(|id| decisions.remove_entry(&id)).collect()
    }

    /// Returns the time until the next gate is due.
    fn wait(&self, now: DateTime<Utc>) -> Duration {
        let until = |held: &HeldGate| {
            // Capacity becomes free with the end of an attempt or the next tick.
            let waits_for_room = held.no_room && held.look_at == DateTime::<Utc>::MIN_UTC;
            (!waits_for_room).then(|| (held.look_at - now).to_std().unwrap_or_default())
        };
        let soonest = self.held.values().filter_map(until).min();
        soonest.map_or(self.runner.config.tick, |soonest| soonest.min(self.runner.config.tick))
    }

    /// Hands all gates back. Attempts that have not ended count as interrupted.
    pub(super) async fn hand_back(&mut self) {
        if let Err(error) = self.record_ended().await {
            warn!(%error, "the last attempts cannot be recorded");
        }
        let gates = self.give_up();
        if let Err(error) = self.runner.store.release_gates(self.runner.worker, &gates).await {
            warn!(%error, "gates cannot be handed back: their leases expire");
        }
    }

    /// Forgets every gate, and returns those to hand back.
    fn give_up(&mut self) -> Vec<(GateId, i64)> {
        let held = self.held.drain().chain(self.doubtful.drain());
        held.map(|(id, held)| (id, held.token)).collect()
    }

    /// Records ended attempts with their results, before any decision: results that are not stored do not
    /// count.
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
        let settled = settle(self.runner, steps, &mut self.unwritable).await?;
        for ended in self.ended.drain(..) {
            self.runner.stats.attempt_over(ended.outcome);
            if let Some(held) = self.held.get_mut(&ended.gate_id) {
                held.running = None;
                held.unacknowledged = false;
                held.look_at = DateTime::<Utc>::MIN_UTC;
                // Results that are not stored do not count.
                if settled.has_written_whole(ended.gate_id) {
                    held.remember(ended.results, self.runner.policy.healthy_after);
                }
            }
        }
        self.forget(&settled.fenced);
        Ok(())
    }

    /// Asks the sources about these gates. Their time is limited so that the end of a gate is written in time
    /// (G33).
    async fn read(
        &mut self,
        due: &[GateId],
    ) -> (BTreeMap<GateId, Read>, HashMap<GateId, Answered>) {
        let runner = self.runner;
        // In the store's clock: a gate's own time may be ahead of it (G21).
        let ends = self.held.values().map(|held| {
            let end = runner.policy.end_of(held.record.window, held.record.window_kind);
            end - held.record.clock_offset()
        });
        let now = self.reading.map(|reading| {
            reading.wall + delta(runner.clock.monotonic().saturating_sub(reading.answered_at))
        });
        let left = ends.min().zip(now).map(|(end, now)| (end - now).to_std().unwrap_or_default());
        let bound = left.map_or(Duration::MAX, |left| left.saturating_add(END_PATIENCE));
        let time = bound.min(runner.config.source_timeout);
        let urgent = left.is_some_and(|left| left.is_zero());
        let records: Vec<&GateRecord> = due.iter().map(|id| &self.held[id].record).collect();
        let answers = self.sources.read(runner, &records, time, urgent).await;
        let ids = records.iter().map(|record| record.id);
        (ids.zip(answers.read).collect(), answers.rights.into_iter().collect())
    }

    /// Writes the steps and returns the attempts whose start was accepted.
    async fn write(
        &mut self,
        steps: Vec<GateStep>,
        mut starts: Vec<Attempt>,
        now: DateTime<Utc>,
    ) -> Result<Vec<Attempt>, Error> {
        if steps.is_empty() {
            return Ok(Vec::new());
        }
        let ids: Vec<GateId> = steps.iter().map(|step| step.gate_id).collect();
        let settled = match settle(self.runner, steps, &mut self.unwritable).await {
            Ok(settled) => settled,
            Err(error) => {
                let doubt = |id: &GateId| self.held.remove_entry(id);
                self.doubtful.extend(ids.iter().filter_map(doubt));
                self.doubtful.values_mut().for_each(|held| held.running = None);
                return Err(error.into());
            }
        };
        if !settled.fenced.is_empty() {
            self.agenda.extend_soon();
        }
        for step in settled.written.iter().filter(|step| !settled.fenced.contains(&step.gate_id)) {
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
        self.forget(&settled.fenced);
        starts.retain(|start| !settled.refused.contains(&start.gate_id));
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

/// Hands the gates back when a working runner is dropped, if there is a runtime to do it. Without one, they are
/// free when the lease ends (F167).
impl Drop for Gates<'_> {
    fn drop(&mut self) {
        let gates = self.give_up();
        if gates.is_empty() {
            return;
        }
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let (store, worker) = (Arc::clone(&self.runner.store), self.runner.worker);
        runtime.spawn(async move {
            if let Err(error) = store.release_gates(worker, &gates).await {
                debug!(%error, "the gates of a dropped runner cannot be handed back");
            }
        });
    }
}

/// A change of a gate's state, for the statistics.
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
