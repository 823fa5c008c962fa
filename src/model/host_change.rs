//! What a spent pass allows: the change of a host, from the spending until its end.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::{
    gate::GateRecord,
    ids::{GateId, HostId, JobId, PassId},
    instant,
    verification::{Verification, VerifyPolicy},
};

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
        if let Some(verification) = &mut self.verification {
            verification.next_at = verification.next_at.map(|next_at| next_at.min(now));
        }
    }

    /// Ends it, and begins the verification that is asked for. One that has ended stays as it is; returns
    /// whether it has not.
    pub fn end(&mut self, at: DateTime<Utc>, verify: Option<VerifyPolicy>) -> bool {
        if self.state == HostChangeState::Ended {
            return false;
        }
        self.state = HostChangeState::Ended;
        self.ended_at = Some(at);
        self.verification = verify.map(|policy| Verification::begin(policy, at));
        true
    }

    /// Ends what is left of it since the next change of the host begins at `now`. Returns whether anything
    /// was.
    pub fn give_way(&mut self, now: DateTime<Utc>) -> bool {
        if self.state == HostChangeState::Running {
            return self.end(self.ends_at(), None);
        }
        let running = self.verification.as_mut().filter(|verification| verification.is_running());
        running.map(|verification| verification.supersede(now)).is_some()
    }

    /// Whether its verification goes on.
    #[must_use]
    pub fn is_being_verified(&self) -> bool {
        self.verification.as_ref().is_some_and(Verification::is_running)
    }
}
