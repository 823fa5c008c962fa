//! Looks at hosts after their changes: claims due hosts, runs their checks and writes the results.

use std::{collections::HashSet, sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use tracing::{debug, info};

use super::GateRunner;
use crate::{
    checks::{AgentKey, Capacity, Permit},
    clock::{Clock, ClockGuard, ClockReading, ClockTrust, delta},
    gate::{
        disturbance::Disturbances,
        source::{HealthSource, HostHealth, LiveRun, ask, run_bounded},
        verify::{VerifyAction, VerifyInput, absorb, decide},
    },
    model::{
        CheckId, CheckResult, Detail, GatePass, HostId, JobId, StoreTime, Verification,
        VerificationState,
    },
    observe::{Part, STORE_ERRORS, VERIFICATIONS},
    store::{JobStore, StoreError, StoreEvent, VerificationClaim, VerificationStep},
};

/// The maximum number of hosts that one runner looks at concurrently.
const LOOKS: usize = 64;
/// The maximum time that a look waits for capacity.
const ROOM_PATIENCE: Duration = Duration::from_secs(10);
const ROOM_ASKED_EVERY: Duration = Duration::from_millis(500);
/// The delay of a look that found no capacity.
const PUT_OFF: Duration = Duration::from_secs(5);

/// The time of the runner's next claim of changed hosts, and the number of its running looks.
#[derive(Debug, Default)]
pub(super) struct Verifications {
    /// The time of the next claim, by the monotonic clock.
    asked_next: Duration,
    looks: usize,
}

impl Verifications {
    /// Claims at the next chance.
    pub(super) fn nudged(&mut self) {
        self.asked_next = Duration::ZERO;
    }

    /// Notes the end of a look, and when its host is due again.
    pub(super) fn over(&mut self, monotonic: Duration, due_in: Option<Duration>) {
        self.looks = self.looks.saturating_sub(1);
        if let Some(due_in) = due_in {
            self.asked_next = self.asked_next.min(monotonic.saturating_add(due_in));
        }
    }

    /// Returns the time of the next claim, by the monotonic clock.
    pub(super) const fn asked_next(&self) -> Duration {
        self.asked_next
    }

    /// Claims changed hosts that are due. A failure is counted, and the hosts stay due.
    pub(super) async fn claim(&mut self, runner: &GateRunner, suspect: bool) -> Vec<Look> {
        let asked_at = runner.clock.monotonic();
        let room = LOOKS.saturating_sub(self.looks);
        if asked_at < self.asked_next || room == 0 {
            return Vec::new();
        }
        self.asked_next = asked_at.saturating_add(runner.config.tick * 2);
        let hidden_for = runner.policy.budget() + runner.config.source_timeout * 4 + ROOM_PATIENCE;
        let limit = u32::try_from(room).unwrap_or(u32::MAX);
        match runner.store.claim_verifications(limit, hidden_for).await {
            Ok(claims) => {
                let answered_at = runner.clock.monotonic();
                let reading = ClockReading { wall: claims.time.at, asked_at, answered_at };
                if claims.claims.len() >= room {
                    self.nudged();
                }
                self.looks += claims.claims.len();
                let look = |claim| Look::new(runner, claim, claims.time, reading, suspect);
                claims.claims.into_iter().map(look).collect()
            }
            Err(error) => {
                STORE_ERRORS.add(1, &[("part", Part::Gate.as_str())]);
                debug!(%error, "changed hosts cannot be claimed: they stay due");
                Vec::new()
            }
        }
    }
}

/// One look at one changed host.
pub(super) struct Look {
    store: Arc<dyn JobStore>,
    health: Arc<dyn HealthSource>,
    clock: Arc<dyn Clock>,
    capacity: Capacity,
    budget: Duration,
    source_timeout: Duration,
    claim: VerificationClaim,
    time: StoreTime,
    guard: ClockGuard,
    suspect: bool,
}

/// The data that a look has read for a host.
struct Known {
    health: HostHealth,
    disturbed: HashSet<CheckId>,
}

impl Look {
    fn new(
        runner: &GateRunner,
        claim: VerificationClaim,
        time: StoreTime,
        reading: ClockReading,
        suspect: bool,
    ) -> Self {
        let mut guard = ClockGuard::new();
        guard.observe(&reading);
        Self {
            store: Arc::clone(&runner.store),
            health: Arc::clone(&runner.health),
            clock: Arc::clone(&runner.clock),
            capacity: runner.capacity.clone(),
            budget: runner.policy.budget(),
            source_timeout: runner.config.source_timeout,
            claim,
            time,
            guard,
            suspect,
        }
    }

    pub(super) const fn job(&self) -> JobId {
        self.claim.change.job_id
    }

    pub(super) const fn host(&self) -> HostId {
        self.claim.change.host_id
    }

    /// Looks at the host, and returns the time until it is due again. Returns `None` if its verification has
    /// ended, or if nothing could be written: the host is then due again when its claim expires.
    pub(super) async fn run(mut self) -> Option<Duration> {
        match self.look().await {
            Ok(due_in) => due_in,
            Err(error) => {
                STORE_ERRORS.add(1, &[("part", Part::Gate.as_str())]);
                debug!(host = %self.claim.change.host_id, %error, "a changed host cannot be verified now");
                None
            }
        }
    }

    async fn look(&mut self) -> Result<Option<Duration>, StoreError> {
        let VerificationClaim { change, gate, .. } = &self.claim;
        let (Some(mut verification), Some(pass)) = (change.verification.clone(), gate.pass.clone())
        else {
            return Ok(None);
        };
        let known = self.read().await?;
        let mut results = Vec::new();
        let mut action = decide(&self.input(&pass, &verification, &known));
        if let VerifyAction::Run(run) = &action {
            let checks: Vec<_> =
                run.iter().map(|index| &known.health.requirements[*index]).collect();
            let asked = checks.iter().filter_map(|check| check.endpoint.as_ref());
            let asked: HashSet<AgentKey> = asked.map(AgentKey::from).collect();
            let Some(permit) = self.admit(checks.len(), &asked).await else {
                let until = self.time.at + delta(PUT_OFF);
                return self.settle(verification, VerifyAction::Wait { until }, results).await;
            };
            let started = self.read_clock().await?;
            let checks = checks.iter().map(|check| check.check_id).collect();
            results = self.run_checks(checks, started, permit).await;
            verification = absorb(&self.input(&pass, &verification, &known), started, &results);
            self.read_clock().await?;
            action = decide(&self.input(&pass, &verification, &known));
        }
        self.settle(verification, action, results).await
    }

    fn input<'a>(
        &'a self,
        pass: &'a GatePass,
        verification: &'a Verification,
        known: &'a Known,
    ) -> VerifyInput<'a> {
        VerifyInput {
            now: self.time,
            clock_suspect: self.suspect,
            pass,
            change: &self.claim.change,
            verification,
            requirements: &known.health.requirements,
            disturbed: &known.disturbed,
            host_gone: known.health.host_gone,
            unknown: known.health.unknown.as_ref().map(Detail::as_str),
        }
    }

    /// Reads the host's checks, and finds those that ask a host under change.
    async fn read(&self) -> Result<Known, StoreError> {
        let gate = &self.claim.gate;
        let (clock, time) = (self.clock.as_ref(), self.source_timeout);
        let health = ask(clock, time, "health", 1, self.health.health(&[gate])).await;
        let health = match health {
            Ok(mut health) => health.pop().unwrap_or_default(),
            Err(error) => HostHealth::unknown(error.to_string()),
        };
        let asked = std::iter::once((gate.host_id, &health));
        let disturbances = Disturbances::read(self.store.as_ref(), asked).await?;
        let disturbed = disturbances.disturbed(&health, self.time.at);
        Ok(Known { health, disturbed })
    }

    /// Reads the store's clock, and notes whether it has stepped since the look began.
    async fn read_clock(&mut self) -> Result<StoreTime, StoreError> {
        let asked_at = self.clock.monotonic();
        let time = self.store.read_clock().await?;
        let answered_at = self.clock.monotonic();
        let reading = ClockReading { wall: time.at, asked_at, answered_at };
        self.suspect |= self.guard.observe(&reading) != ClockTrust::Trusted;
        self.suspect |= time.epoch != self.time.epoch;
        self.time = time;
        Ok(time)
    }

    /// Waits for the places of a run.
    async fn admit(&self, checks: usize, asked: &HashSet<AgentKey>) -> Option<Permit> {
        let mut demand = self.capacity.gate_demand();
        let patience = self.clock.monotonic().saturating_add(ROOM_PATIENCE);
        loop {
            if let Ok(places) = self.capacity.agents().admit_gate(asked) {
                if let Some(permit) = self.capacity.admit_gate(checks) {
                    return Some(permit.with_agents(places));
                }
                demand.set(checks);
            }
            if self.clock.monotonic() >= patience {
                return None;
            }
            self.clock.sleep(ROOM_ASKED_EVERY).await;
        }
    }

    async fn run_checks(
        &self,
        checks: Vec<CheckId>,
        started: StoreTime,
        permit: Permit,
    ) -> Vec<CheckResult> {
        let run = LiveRun {
            job_id: self.claim.change.job_id,
            host_id: self.claim.change.host_id,
            checks,
            started_at: started.at,
            epoch: started.epoch,
            time: self.budget,
        };
        let results = run_bounded(self.health.as_ref(), self.clock.as_ref(), run).await;
        drop(permit);
        results
    }

    async fn settle(
        &self,
        mut verification: Verification,
        action: VerifyAction,
        results: Vec<CheckResult>,
    ) -> Result<Option<Duration>, StoreError> {
        let change = &self.claim.change;
        let now = self.time.at;
        let next_at = match action {
            VerifyAction::Wait { until } => Some(until),
            VerifyAction::Run(_) => Some(now),
            VerifyAction::End { state, detail } => {
                verification.end(state, detail, now);
                None
            }
        };
        verification.next_at = next_at;
        let ended = (!verification.is_running()).then_some(verification.state);
        let moved = ended.is_some() || !results.is_empty();
        let (pass_id, token) = (change.pass_id, self.claim.token);
        let step = VerificationStep { pass_id, token, verification, results };
        if !self.store.settle_verification(step).await? {
            debug!(host = %change.host_id, "a look at a changed host came too late");
            return Ok(None);
        }
        if let Some(state) = ended {
            self.tell(state);
        }
        if moved {
            // Readers of the job refresh it. If the announcement fails, they do so a little later.
            let _ = self.store.announce(StoreEvent::of_gate(&self.claim.gate)).await;
        }
        Ok(next_at.map(|next_at: DateTime<Utc>| (next_at - now).to_std().unwrap_or_default()))
    }

    fn tell(&self, state: VerificationState) {
        let change = &self.claim.change;
        info!(job = %change.job_id, host = %change.host_id, ?state, "the verification of a host ended");
        VERIFICATIONS.add(1, &[("state", state.as_str())]);
    }
}
