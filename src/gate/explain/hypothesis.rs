//! The hypothetical input of a gate's decision.

use std::borrow::Cow;

use chrono::{DateTime, Utc};

use super::Change;
use crate::{
    gate::{
        GatePolicy, NoChecks,
        decide::{Condition, GateInput, Times, WindowAnswer},
    },
    model::{CheckResult, Detail, GateRecord, GateState, ReasonCode, ResultSource},
};

/// The input of a decision with hypothetical changes.
pub(super) struct Hypothesis<'a> {
    input: GateInput<'a>,
    gate: Cow<'a, GateRecord>,
    conditions: Cow<'a, [Condition]>,
    observations: Cow<'a, [CheckResult]>,
    policy: Cow<'a, GatePolicy>,
}

impl<'a> Hypothesis<'a> {
    pub(super) fn new(input: &GateInput<'a>) -> Self {
        Self {
            input: *input,
            gate: Cow::Borrowed(input.gate),
            conditions: Cow::Borrowed(input.conditions),
            observations: Cow::Borrowed(input.observations),
            policy: Cow::Borrowed(input.policy),
        }
    }

    pub(super) fn input(&self) -> GateInput<'_> {
        GateInput {
            gate: &self.gate,
            conditions: &self.conditions,
            observations: &self.observations,
            policy: &self.policy,
            ..self.input
        }
    }

    pub(super) const fn now(&self) -> DateTime<Utc> {
        self.input.now
    }

    /// Assumes that the gate's pass has expired: the gate waits again, and earlier results do not count (G16).
    pub(super) fn renew(&mut self) {
        let (now, epoch) = (self.input.now, self.input.epoch);
        let gate = self.gate.to_mut();
        gate.state = GateState::Waiting;
        (gate.void_before, gate.void_epoch) = (Some(now), epoch);
    }

    /// Applies a change. Returns whether it has any effect: if not, nobody can clear the blocker.
    pub(super) fn apply(&mut self, change: &Change) -> bool {
        match change {
            Change::Until(instant) => self.wait_until(*instant),
            Change::ClockTrusted => std::mem::replace(&mut self.input.clock_suspect, false),
            Change::WindowKnown => {
                let known = self.input.window != WindowAnswer::Unknown;
                self.input.window = WindowAnswer::Open(self.gate.window);
                !known
            }
            Change::AttemptEnded => std::mem::replace(&mut self.input.in_flight, false),
            Change::Met(indexes) => {
                let conditions = self.conditions.to_mut();
                indexes.iter().all(|index| !std::mem::replace(&mut conditions[*index].met, true))
            }
            Change::Admitted => self.input.hold.take().is_some(),
            Change::CheckEnabled => {
                let before = self.policy.no_checks;
                self.policy.to_mut().no_checks = NoChecks::Pass;
                before != NoChecks::Pass
            }
            Change::Healthy(indexes) => self.run_healthy(indexes),
        }
    }

    fn wait_until(&mut self, instant: DateTime<Utc>) -> bool {
        let waited = instant - self.input.now;
        self.input.gate_time = Times::of(&self.input()).gate + waited;
        self.input.now = instant;
        // A hold that is over by then holds no gate.
        self.input.hold =
            self.input.hold.filter(|hold| hold.until.is_none_or(|until| instant < until));
        waited > chrono::TimeDelta::zero()
    }

    /// Gives each of these checks one healthy run now, and requires only one.
    fn run_healthy(&mut self, indexes: &[usize]) -> bool {
        let (now, epoch, host_id) = (self.input.now, self.input.epoch, self.gate.host_id);
        let requirements = self.input.requirements;
        let observations = self.observations.to_mut();
        for check in indexes.iter().map(|index| &requirements[*index]) {
            let run = CheckResult {
                check_id: check.check_id,
                host_id,
                revision: check.revision,
                reason: ReasonCode::Ok,
                detail: Detail::default(),
                latency_ms: 0,
                checked_at: now,
                epoch,
                source: ResultSource::Gate,
                observer_fault: false,
                endpoint: check.endpoint.clone(),
            };
            // The run was added before and did not help.
            if observations.contains(&run) {
                return false;
            }
            observations.retain(|result| result.check_id != check.check_id);
            observations.push(run);
        }
        self.policy.to_mut().healthy_after = 1;
        self.input.no_room = false;
        true
    }
}
