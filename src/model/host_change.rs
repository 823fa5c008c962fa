//! The change of a host, from the spending of its pass to its end.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::{
    gate::GateRecord,
    ids::{GateId, HostId, JobId, PassId},
    instant,
    verification::{Verification, VerifyPolicy},
};

/// The end of a change, as the application reports it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ChangeEnd {
    /// The change has failed.
    Failed,
    /// The change is done, and the host is not verified.
    Done,
    /// The change is done, and the host is to be verified.
    Verify(VerifyPolicy),
}

/// The outcome of a change, as rollouts count it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeOutcome {
    /// The change is done. If the host was verified, it is as healthy as before.
    Succeeded,
    /// The change failed, its host regressed or stayed unverified, or nobody reported the end in time.
    Failed,
}

/// Whether a change has ended.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HostChangeState {
    /// The pass is spent, and the end is not reported.
    Running,
    /// The application has reported the end, or [`HostChange::LONGEST`] has passed.
    Ended,
}

/// The change of a host by a job.
///
/// It begins when the pass is spent, and ends when the application reports it. Results from before the end
/// prove nothing about the host after it (G35).
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct HostChange {
    /// The pass that was spent.
    pub pass_id: PassId,
    /// The gate that gave the pass.
    pub gate_id: GateId,
    /// The job.
    pub job_id: JobId,
    /// The host.
    pub host_id: HostId,
    /// The stored state. [`HostChange::is_running`] also considers the time.
    pub state: HostChangeState,
    /// The time at which the pass was spent, by the store's clock.
    #[serde(with = "instant")]
    pub started_at: DateTime<Utc>,
    /// The time of the end; `None` until the end is reported.
    #[serde(with = "instant::option")]
    pub ended_at: Option<DateTime<Utc>>,
    /// The verification of the host; `None` if the application did not request it.
    #[serde(default)]
    pub verification: Option<Verification>,
    /// The outcome; `None` while it is unknown. [`HostChange::outcome`] also considers the time.
    #[serde(default)]
    pub outcome: Option<ChangeOutcome>,
    /// The time at which the store learnt the outcome, by its clock.
    #[serde(default, with = "instant::option")]
    pub judged_at: Option<DateTime<Utc>>,
}

impl HostChange {
    /// The time after which a change without a reported end counts as ended.
    pub const LONGEST: TimeDelta = TimeDelta::minutes(30);

    /// Creates the change that begins when a gate's pass is spent. Returns `None` if the gate has no pass.
    #[must_use]
    pub fn begin(gate: &GateRecord, now: DateTime<Utc>) -> Option<Self> {
        Some(Self {
            pass_id: gate.pass.as_ref()?.id,
            gate_id: gate.id,
            job_id: gate.job_id,
            host_id: gate.host_id,
            state: HostChangeState::Running,
            started_at: now,
            ended_at: None,
            verification: None,
            outcome: None,
            judged_at: None,
        })
    }

    /// Returns the time of the end, or the latest possible end.
    #[must_use]
    pub fn ends_at(&self) -> DateTime<Utc> {
        self.ended_at.unwrap_or(self.started_at + Self::LONGEST)
    }

    /// Returns whether the host is being changed at this instant.
    #[must_use]
    pub fn is_running(&self, now: DateTime<Utc>) -> bool {
        self.state == HostChangeState::Running && now < self.ends_at()
    }

    /// Limits its dates to `now`, after the store's clock was corrected: a change began, and an ended one ended,
    /// at `now` or earlier (F173).
    pub fn put_back(&mut self, now: DateTime<Utc>) {
        self.started_at = self.started_at.min(now);
        self.ended_at = self.ended_at.map(|ended_at| ended_at.min(now));
        self.judged_at = self.judged_at.map(|judged_at| judged_at.min(now));
        if let Some(verification) = &mut self.verification {
            verification.next_at = verification.next_at.map(|next_at| next_at.min(now));
        }
    }

    /// Ends the change, and begins a requested verification. Returns whether it had not ended before; a change
    /// that had ended stays as it is.
    ///
    /// If the end is reported later than [`HostChange::LONGEST`], the change has failed.
    pub fn end(&mut self, at: DateTime<Utc>, end: ChangeEnd) -> bool {
        if self.state == HostChangeState::Ended {
            return false;
        }
        if at >= self.ends_at() {
            self.judge(ChangeOutcome::Failed, at);
        }
        self.state = HostChangeState::Ended;
        self.ended_at = Some(at);
        match end {
            ChangeEnd::Failed => self.judge(ChangeOutcome::Failed, at),
            ChangeEnd::Done => self.judge(ChangeOutcome::Succeeded, at),
            ChangeEnd::Verify(policy) => self.verification = Some(Verification::begin(policy, at)),
        }
        true
    }

    /// Sets the verification, and the outcome that follows from it. `now` is the store's clock at the write, not
    /// the time of the look: a rollout's soak begins when the outcome is known (R1).
    pub fn take_verification(&mut self, verification: Verification, now: DateTime<Utc>) {
        if let Some(outcome) = verification.outcome() {
            self.judge(outcome, now);
        }
        self.verification = Some(verification);
    }

    /// Ends the change and its verification because the next change of the host begins at `now`. Returns whether
    /// anything was still running.
    pub fn give_way(&mut self, now: DateTime<Utc>) -> bool {
        if self.state == HostChangeState::Running {
            return self.end(self.ends_at(), ChangeEnd::Failed);
        }
        let Some(running) = self.verification.as_mut().filter(|running| running.is_running())
        else {
            return false;
        };
        running.supersede(now);
        self.judge(ChangeOutcome::Failed, now);
        true
    }

    /// Sets the outcome, unless it is known already.
    fn judge(&mut self, outcome: ChangeOutcome, at: DateTime<Utc>) {
        if self.outcome.is_none() {
            (self.outcome, self.judged_at) = (Some(outcome), Some(at));
        }
    }

    /// Returns the outcome at this instant; `None` while the change or its verification is running.
    #[must_use]
    pub fn outcome(&self, now: DateTime<Utc>) -> Option<ChangeOutcome> {
        match self.outcome {
            None if self.is_running(now) || self.is_being_verified() => None,
            known => Some(known.unwrap_or(ChangeOutcome::Failed)),
        }
    }

    /// Returns the time at which the outcome became known, or the latest possible one.
    #[must_use]
    pub fn settled_at(&self) -> DateTime<Utc> {
        self.judged_at.unwrap_or_else(|| self.ends_at())
    }

    /// Returns whether its verification is running.
    #[must_use]
    pub fn is_being_verified(&self) -> bool {
        self.verification.as_ref().is_some_and(Verification::is_running)
    }
}
