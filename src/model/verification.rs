//! How a host is judged after its change: by the checks that were healthy before it (V1 to V6).

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

/// How long a host is watched after its change.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct VerifyPolicy {
    /// Nothing counts against the host for so long after its change: it may restart. At most a day.
    #[serde(with = "seconds", rename = "settle_secs")]
    pub settle: Duration,
    /// How long the checks must stay healthy. At most a day.
    #[serde(with = "seconds", rename = "soak_secs")]
    pub soak: Duration,
    /// A host that is not verified so long after its change is not verified any more: more than
    /// `settle` and `soak` together, at most 7 days.
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
    /// The time between two looks at a host that is being verified.
    pub const INTERVAL: Duration = Duration::from_secs(30);

    /// Refuses figures that are out of their bounds, or that leave no time for a look.
    ///
    /// # Errors
    /// Every violation, by the names `settle_secs`, `soak_secs` and `deadline_secs`.
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

/// What is known of a host since its change.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "api", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum VerificationState {
    /// Its checks are being run.
    Verifying,
    /// Every check that counts was healthy for the soak.
    Verified,
    /// At the deadline a check that counts was seen failing.
    Regressed,
    /// At the deadline it could not be told, or another change of the host began before.
    Unverified,
    /// The host has no enabled check.
    NoChecks,
}

impl VerificationState {
    /// The state as it stands in JSON, metrics and databases.
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

/// The verification of a host after its change, as far as it has come.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Verification {
    /// Whether it goes on, or how it ended.
    pub state: VerificationState,
    /// What it goes by.
    pub policy: VerifyPolicy,
    /// When the host is looked at next, by the store's clock; `None` once it has ended.
    #[serde(with = "instant::option")]
    pub next_at: Option<DateTime<Utc>>,
    /// When it ended, by the store's clock.
    #[serde(with = "instant::option")]
    pub ended_at: Option<DateTime<Utc>>,
    /// When the newest run of its checks started, by the store's clock.
    #[serde(with = "instant::option")]
    pub last_run_at: Option<DateTime<Utc>>,
    /// The epoch of the store's clock in that run; nothing of another one is measured against it (F168).
    pub epoch: ClockEpoch,
    /// How often its checks were run.
    pub runs: u32,
    /// Each check of the host after the newest run, and then those of the pass that are no more.
    pub checks: Vec<VerifiedCheck>,
    /// Where it stands, in one line for people.
    pub detail: String,
}

/// One check before and after the change.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "api", derive(utoipa::ToSchema))]
pub struct VerifiedCheck {
    /// What it said when the pass was given, and says now.
    #[serde(flatten)]
    pub seen: Rechecked,
    /// Whether the verdict depends on it.
    pub counted: bool,
    /// The start of the first of its runs that has said since what the newest one says; `None` where it
    /// was not run.
    #[serde(with = "instant::option")]
    #[cfg_attr(feature = "api", schema(required))]
    pub since: Option<DateTime<Utc>>,
}

impl VerifiedCheck {
    /// Whether the newest run found it healthy.
    #[must_use]
    pub fn is_healthy(&self) -> bool {
        self.seen.now.as_ref().is_some_and(|now| now.healthy)
    }

    /// Whether the newest run saw its target fail.
    #[must_use]
    pub fn is_seen_failing(&self) -> bool {
        self.seen.now.as_ref().is_some_and(|now| now.observed && !now.healthy)
    }
}

impl Verification {
    /// Begins the verification of a host whose change has just ended.
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

    /// What stands for a verification that a store holds and nobody can read: it is over, and nothing is
    /// known of it.
    #[must_use]
    pub fn unreadable() -> Self {
        Self {
            state: VerificationState::Unverified,
            next_at: None,
            detail: "what is stored of the verification cannot be read".to_owned(),
            ..Self::begin(VerifyPolicy::default(), DateTime::UNIX_EPOCH)
        }
    }

    /// Whether it goes on.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.state == VerificationState::Verifying
    }

    /// Ends it. One that has ended stays as it is.
    pub fn end(&mut self, state: VerificationState, detail: impl Into<String>, at: DateTime<Utc>) {
        if self.is_running() {
            (self.state, self.detail) = (state, detail.into());
            (self.next_at, self.ended_at) = (None, Some(at));
        }
    }

    /// How the change came out, for a rollout: `None` while the verification goes on.
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

    /// Ends it because the next change of the host begins: from now on the checks tell about that change
    /// (V4).
    pub fn supersede(&mut self, at: DateTime<Utc>) {
        let detail = "another change of the host began before the verification had ended";
        self.end(VerificationState::Unverified, detail, at);
    }
}
