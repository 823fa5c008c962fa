//! What a spent pass allows: the change of a host, from the spending until its end.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::{
    gate::GateRecord,
    ids::{GateId, HostId, JobId, PassId},
    instant,
    verification::{Verification, VerifyPolicy},
};

/// How the application says that a change has ended.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ChangeEnd {
    /// It has failed.
    Failed,
    /// It is done, and the host is not verified.
    Done,
    /// It is done, and the host is to be verified.
    Verify(VerifyPolicy),
}

/// How a change came out, as rollouts count it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeOutcome {
    /// It is done; where it was verified, the host was found as healthy as before.
    Succeeded,
    /// It failed, its host regressed or stayed unverified, or nobody reported its end in time.
    Failed,
}

/// Whether a host is being changed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HostChangeState {
    /// The pass is spent, and no end is known.
    Running,
    /// The application has reported the end, or [`HostChange::LONGEST`] has passed.
    Ended,
}

/// The change of a host by a job: it begins when the pass is spent, and ends when the application says
/// so. What checks said before its end proves nothing about the host after it (G35).
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct HostChange {
    /// The pass that was spent.
    pub pass_id: PassId,
    /// The gate that gave the pass.
    pub gate_id: GateId,
    /// For this job.
    pub job_id: JobId,
    /// The host.
    pub host_id: HostId,
    /// As it is stored. [`HostChange::is_running`] also asks the clock.
    pub state: HostChangeState,
    /// When the pass was spent, by the store's clock.
    #[serde(with = "instant")]
    pub started_at: DateTime<Utc>,
    /// When it ended; `None` while no end is known.
    #[serde(with = "instant::option")]
    pub ended_at: Option<DateTime<Utc>>,
    /// What is known of the host since; `None` where it was not asked for.
    #[serde(default)]
    pub verification: Option<Verification>,
    /// How it came out; `None` while that is not known. [`HostChange::outcome`] also asks the clock.
    #[serde(default)]
    pub outcome: Option<ChangeOutcome>,
    /// When that was known, by the store's clock.
    #[serde(default, with = "instant::option")]
    pub judged_at: Option<DateTime<Utc>>,
}

impl HostChange {
    /// A change without a reported end counts as ended after this time.
    pub const LONGEST: TimeDelta = TimeDelta::minutes(30);

    /// The change that begins with the spending of a gate's pass. `None` if the gate has no pass.
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

    /// When it ended, or ends at the latest.
    #[must_use]
    pub fn ends_at(&self) -> DateTime<Utc> {
        self.ended_at.unwrap_or(self.started_at + Self::LONGEST)
    }

    /// Whether the host is being changed at this instant.
    #[must_use]
    pub fn is_running(&self, now: DateTime<Utc>) -> bool {
        self.state == HostChangeState::Running && now < self.ends_at()
    }

    /// Puts dates back to `now` that lie ahead of it, since the store's clock was put right: it began,
    /// and ended if it has, before now (F173).
    pub fn put_back(&mut self, now: DateTime<Utc>) {
        self.started_at = self.started_at.min(now);
        self.ended_at = self.ended_at.map(|ended_at| ended_at.min(now));
        self.judged_at = self.judged_at.map(|judged_at| judged_at.min(now));
        if let Some(verification) = &mut self.verification {
            verification.next_at = verification.next_at.map(|next_at| next_at.min(now));
        }
    }

    /// Ends it, and begins the verification that is asked for. One that has ended stays as it is; returns
    /// whether it has not. An end that is reported later than [`HostChange::LONGEST`] comes too late: the
    /// change has failed.
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

    /// Takes over how its verification stands, and how the change came out by that.
    pub fn take_verification(&mut self, verification: Verification) {
        if let (Some(outcome), Some(at)) = (verification.outcome(), verification.ended_at) {
            self.judge(outcome, at);
        }
        self.verification = Some(verification);
    }

    /// Ends what is left of it since the next change of the host begins at `now`. Returns whether anything
    /// was.
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

    /// Notes how it came out. What is known already stays.
    fn judge(&mut self, outcome: ChangeOutcome, at: DateTime<Utc>) {
        if self.outcome.is_none() {
            (self.outcome, self.judged_at) = (Some(outcome), Some(at));
        }
    }

    /// How it has come out by this instant; `None` while it goes on, its verification included.
    #[must_use]
    pub fn outcome(&self, now: DateTime<Utc>) -> Option<ChangeOutcome> {
        match self.outcome {
            None if self.is_running(now) || self.is_being_verified() => None,
            known => Some(known.unwrap_or(ChangeOutcome::Failed)),
        }
    }

    /// When it was known how it came out, or is at the latest.
    #[must_use]
    pub fn settled_at(&self) -> DateTime<Utc> {
        self.judged_at.unwrap_or_else(|| self.ends_at())
    }

    /// Whether its verification goes on.
    #[must_use]
    pub fn is_being_verified(&self) -> bool {
        self.verification.as_ref().is_some_and(Verification::is_running)
    }
}
