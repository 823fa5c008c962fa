//! The verification of a host after its change, by the checks that were healthy before it (V1 to V6).

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{
    epoch::ClockEpoch,
    host_change::ChangeOutcome,
    instant,
    recheck::Rechecked,
    seconds,
    violation::{ViolationCode, Violations},
};

/// The times of a verification.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct VerifyPolicy {
    /// The time after the change in which no check runs, because the host may restart: at most 1 day.
    #[serde(with = "seconds", rename = "settle_secs")]
    pub settle: Duration,
    /// The time for which the checks must stay healthy: at most 1 day.
    #[serde(with = "seconds", rename = "soak_secs")]
    pub soak: Duration,
    /// The time after the change by which the host must be verified: more than `settle` and `soak` together, at
    /// most 7 days.
    #[serde(with = "seconds", rename = "deadline_secs")]
    pub deadline: Duration,
}

impl Default for VerifyPolicy {
    fn default() -> Self {
        Self {
            settle: Duration::from_secs(60),
            soak: Duration::ZERO,
            deadline: Duration::from_secs(900),
        }
    }
}

/// A day, in seconds.
const DAY: u64 = 86_400;

impl VerifyPolicy {
    /// The interval between two looks at a host that is being verified.
    pub const INTERVAL: Duration = Duration::from_secs(30);

    /// Validates the policy. The deadline must leave time for a look.
    ///
    /// # Errors
    /// Names every violation, under `settle_secs`, `soak_secs` and `deadline_secs`.
    pub fn validate(&self) -> Result<(), Violations> {
        let mut found = Violations::new();
        for (field, value) in [("settle_secs", self.settle), ("soak_secs", self.soak)] {
            if value > Duration::from_secs(DAY) {
                found.push(field, ViolationCode::OutOfRange, "at most 86400 seconds");
            }
        }
        let least = self.settle.saturating_add(self.soak);
        if self.deadline <= least || self.deadline > Duration::from_secs(7 * DAY) {
            let words = "more than settle_secs and soak_secs together, and at most 604800 seconds";
            found.push("deadline_secs", ViolationCode::OutOfRange, words);
        }
        found.or_ok(Some(()))
    }
}

/// The state of a host's verification.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "api", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum VerificationState {
    /// The host's checks are running.
    Verifying,
    /// Every check that counts was healthy for the soak.
    Verified,
    /// At the deadline, a check that counts was seen failing.
    Regressed,
    /// At the deadline, the health was unknown, or another change of the host began before it.
    Unverified,
    /// The host has no enabled check.
    NoChecks,
}

impl VerificationState {
    /// Returns the state as written in JSON, metrics and databases.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Verifying => "verifying",
            Self::Verified => "verified",
            Self::Regressed => "regressed",
            Self::Unverified => "unverified",
            Self::NoChecks => "no_checks",
        }
    }
}

/// The verification of a host after its change, with its progress.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Verification {
    /// The state: running, or the verdict.
    pub state: VerificationState,
    /// The policy.
    pub policy: VerifyPolicy,
    /// The time of the next look, by the store's clock; `None` once it has ended.
    #[serde(with = "instant::option")]
    pub next_at: Option<DateTime<Utc>>,
    /// The time of the end, by the store's clock.
    #[serde(with = "instant::option")]
    pub ended_at: Option<DateTime<Utc>>,
    /// The start of the newest run of its checks, by the store's clock.
    #[serde(with = "instant::option")]
    pub last_run_at: Option<DateTime<Utc>>,
    /// The epoch of the store's clock in that run. Times of another epoch are not compared with it (F168).
    pub epoch: ClockEpoch,
    /// The number of runs of its checks.
    pub runs: u32,
    /// Each check of the host after the newest run, followed by those of the pass that no longer exist.
    pub checks: Vec<VerifiedCheck>,
    /// The progress or verdict, in one line for people.
    pub detail: String,
}

/// One check before and after the change.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "api", derive(utoipa::ToSchema))]
pub struct VerifiedCheck {
    /// The check when the pass was given, and now.
    #[serde(flatten)]
    pub seen: Rechecked,
    /// Whether the verdict depends on it.
    pub counted: bool,
    /// The start of the first of its consecutive runs with the newest outcome; `None` if it has not run.
    #[serde(with = "instant::option")]
    #[cfg_attr(feature = "api", schema(required))]
    pub since: Option<DateTime<Utc>>,
}

impl VerifiedCheck {
    /// Returns whether the newest run found the check healthy.
    #[must_use]
    pub fn is_healthy(&self) -> bool {
        self.seen.now.as_ref().is_some_and(|now| now.healthy)
    }

    /// Returns whether the newest run saw the target fail.
    #[must_use]
    pub fn is_seen_failing(&self) -> bool {
        self.seen.now.as_ref().is_some_and(|now| now.observed && !now.healthy)
    }
}

impl Verification {
    /// Creates the verification of a host whose change has just ended.
    #[must_use]
    pub fn begin(policy: VerifyPolicy, now: DateTime<Utc>) -> Self {
        Self {
            state: VerificationState::Verifying,
            policy,
            next_at: Some(now),
            ended_at: None,
            last_run_at: None,
            epoch: ClockEpoch::default(),
            runs: 0,
            checks: Vec::new(),
            detail: "waiting for the first look after the change".to_owned(),
        }
    }

    /// Returns the stand-in for a stored verification that cannot be read. It has ended as unverified.
    #[must_use]
    pub fn unreadable() -> Self {
        Self {
            state: VerificationState::Unverified,
            next_at: None,
            detail: "the stored verification cannot be read".to_owned(),
            ..Self::begin(VerifyPolicy::default(), DateTime::UNIX_EPOCH)
        }
    }

    /// Returns whether the verification is running.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.state == VerificationState::Verifying
    }

    /// Ends the verification, unless it has ended before.
    pub fn end(&mut self, state: VerificationState, detail: impl Into<String>, at: DateTime<Utc>) {
        if self.is_running() {
            (self.state, self.detail) = (state, detail.into());
            (self.next_at, self.ended_at) = (None, Some(at));
        }
    }

    /// Returns the outcome of the change for a rollout; `None` while the verification is running.
    #[must_use]
    pub const fn outcome(&self) -> Option<ChangeOutcome> {
        match self.state {
            VerificationState::Verifying => None,
            VerificationState::Verified | VerificationState::NoChecks => {
                Some(ChangeOutcome::Succeeded)
            }
            VerificationState::Regressed | VerificationState::Unverified => {
                Some(ChangeOutcome::Failed)
            }
        }
    }

    /// Ends the verification because the next change of the host begins: from now on, the checks show the effect
    /// of that change (V4).
    pub fn supersede(&mut self, at: DateTime<Utc>) {
        let detail = "another change of the host began before the verification had ended";
        self.end(VerificationState::Unverified, detail, at);
    }
}
