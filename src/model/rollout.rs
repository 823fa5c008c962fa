//! Rollouts: a job changes its hosts in stages, and stops by itself after too many failures (R1 to R6).

use std::{fmt, str::FromStr, time::Duration};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{
    host_change::{ChangeOutcome, HostChange},
    ids::JobId,
    seconds,
    violation::{ViolationCode, Violations},
};

/// A number of hosts, or a percentage of a job's hosts, rounded up. The text form is `5` or `10%`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Amount {
    /// A number of hosts.
    Hosts(u32),
    /// A percentage of a job's hosts.
    Percent(u32),
}

impl Amount {
    /// Returns the amount as a number of hosts, out of `hosts` in total.
    #[must_use]
    pub fn of(self, hosts: u32) -> u32 {
        match self {
            Self::Hosts(count) => count,
            Self::Percent(percent) => {
                let share = (u64::from(percent) * u64::from(hosts)).div_ceil(100);
                u32::try_from(share).unwrap_or(u32::MAX)
            }
        }
    }

    /// Returns whether the amount is a percentage above 100.
    const fn is_too_much(self) -> bool {
        matches!(self, Self::Percent(percent) if percent > 100)
    }

    /// Returns whether the amount is zero.
    const fn is_zero(self) -> bool {
        matches!(self, Self::Hosts(0) | Self::Percent(0))
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hosts(count) => write!(formatter, "{count}"),
            Self::Percent(percent) => write!(formatter, "{percent}%"),
        }
    }
}

/// The error of a text that is not an [`Amount`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[error("give a number of hosts, such as 5, or a percentage, such as 10%")]
pub struct AmountError;

impl FromStr for Amount {
    type Err = AmountError;

    fn from_str(text: &str) -> Result<Self, AmountError> {
        let digits = |text: &str| match text.bytes().all(|byte| byte.is_ascii_digit()) {
            true => text.parse().map_err(|_| AmountError),
            false => Err(AmountError),
        };
        match text.strip_suffix('%') {
            Some(percent) => digits(percent).map(Self::Percent),
            None => digits(text).map(Self::Hosts),
        }
    }
}

impl TryFrom<String> for Amount {
    type Error = AmountError;

    fn try_from(text: String) -> Result<Self, AmountError> {
        text.parse()
    }
}

impl From<Amount> for String {
    fn from(amount: Amount) -> Self {
        amount.to_string()
    }
}

/// One stage of a rollout.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct RolloutStage {
    /// The number of hosts that may have been changed by its end, including those of earlier stages.
    pub up_to: Amount,
    /// The wait between the end of this stage's last change and the next stage: at most 7 days.
    #[serde(with = "seconds", rename = "soak_secs")]
    pub soak: Duration,
}

/// The stages and limits of a rollout.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct RolloutPolicy {
    /// The stages. The remaining hosts follow after the last one. Without stages, all hosts may be changed at
    /// once.
    pub stages: Vec<RolloutStage>,
    /// The maximum number of hosts that are changed or verified at the same time.
    pub max_in_flight: Amount,
    /// The number of changes that may fail, regress or stay unverified. One more halts the rollout.
    pub failure_budget: Amount,
}

/// The maximum soak of a stage.
const LONGEST_SOAK: Duration = Duration::from_secs(7 * 86_400);

impl RolloutPolicy {
    /// The maximum number of stages.
    pub const MAXIMUM_STAGES: usize = 20;

    /// Validates the policy.
    ///
    /// # Errors
    /// Names every violation, under `stages`, `stages[N].up_to`, `stages[N].soak_secs`, `max_in_flight`
    /// and `failure_budget`.
    pub fn validate(&self) -> Result<(), Violations> {
        let mut found = Violations::new();
        if self.stages.len() > Self::MAXIMUM_STAGES {
            found.push("stages", ViolationCode::OutOfRange, "at most 20 stages");
        }
        for (index, stage) in self.stages.iter().take(Self::MAXIMUM_STAGES).enumerate() {
            if stage.up_to.is_zero() || stage.up_to.is_too_much() {
                let words = "at least one host, and at most 100%";
                found.push(&format!("stages[{index}].up_to"), ViolationCode::OutOfRange, words);
            }
            if stage.soak > LONGEST_SOAK {
                let words = "at most 604800 seconds";
                found.push(&format!("stages[{index}].soak_secs"), ViolationCode::OutOfRange, words);
            }
        }
        if self.max_in_flight.is_zero() || self.max_in_flight.is_too_much() {
            let words = "at least one host, and at most 100%";
            found.push("max_in_flight", ViolationCode::OutOfRange, words);
        }
        if self.failure_budget.is_too_much() {
            found.push("failure_budget", ViolationCode::OutOfRange, "at most 100%");
        }
        found.or_ok(Some(()))
    }

    /// Returns the stand-in for a stored policy that cannot be read. It halts the rollout.
    #[must_use]
    pub const fn unreadable() -> Self {
        Self {
            stages: Vec::new(),
            max_in_flight: Amount::Hosts(1),
            failure_budget: Amount::Hosts(0),
        }
    }

    /// Returns how many of `hosts` may have been changed by the end of a stage, counted from 0.
    #[must_use]
    pub fn admitted(&self, stage: u32, hosts: u32) -> u32 {
        let Some(stages) = self.stages.get(..=stage as usize) else { return hosts };
        let most = stages.iter().map(|stage| stage.up_to.of(hosts)).max();
        most.unwrap_or(hosts).min(hosts)
    }
}

/// The state of a rollout.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "api", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum RolloutState {
    /// Hosts may be changed, within its limits.
    Running,
    /// More changes have failed than its budget allows: no further host is changed until an administrator
    /// resumes it.
    Halted,
    /// Every host of the job has been changed.
    Done,
}

/// The stored rollout of a job.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rollout {
    /// The job.
    pub job_id: JobId,
    /// The number of the job's hosts.
    pub hosts: u32,
    /// The policy.
    pub policy: RolloutPolicy,
    /// The present stage, counted from 0. After the last stage of the policy it is the number of stages.
    pub stage: u32,
    /// The number of failed changes that no longer count, because an administrator has resumed the rollout.
    pub forgiven: u32,
    /// The reason for the halt, if it is halted.
    pub halted: Option<String>,
    /// The revision, which every change of the fields above raises.
    pub revision: i64,
    /// The time of its creation, by the store's clock.
    pub opened_at: DateTime<Utc>,
}

impl Rollout {
    /// Creates the rollout of a job over `hosts` hosts.
    #[must_use]
    pub const fn open(
        job_id: JobId,
        hosts: u32,
        policy: RolloutPolicy,
        now: DateTime<Utc>,
    ) -> Self {
        Self {
            job_id,
            hosts,
            policy,
            stage: 0,
            forgiven: 0,
            halted: None,
            revision: 0,
            opened_at: now,
        }
    }

    /// Returns how many passes may have been spent by the end of the present stage.
    #[must_use]
    pub fn admitted(&self) -> u32 {
        self.policy.admitted(self.stage, self.hosts)
    }

    /// Returns how many hosts may be changed or verified at the same time.
    #[must_use]
    pub fn max_in_flight(&self) -> u32 {
        self.policy.max_in_flight.of(self.hosts).max(1)
    }

    /// Returns how many changes may fail.
    #[must_use]
    pub fn failure_budget(&self) -> u32 {
        self.policy.failure_budget.of(self.hosts)
    }

    /// Returns how much of the failure budget is used.
    #[must_use]
    pub const fn used(&self, counts: &RolloutCounts) -> u32 {
        counts.failed.saturating_sub(self.forgiven)
    }

    /// Returns whether no further host may be changed, even if no worker has noted the halt yet.
    #[must_use]
    pub fn is_halted(&self, counts: &RolloutCounts) -> bool {
        self.halted.is_some() || self.used(counts) > self.failure_budget()
    }

    /// Returns the reason for a halt in words for people; `None` if the rollout is not halted.
    #[must_use]
    pub fn halt_reason(&self, counts: &RolloutCounts) -> Option<String> {
        let over = || match (self.used(counts), self.failure_budget()) {
            (1, budget) => format!("1 host failed or stayed unverified; the budget is {budget}"),
            (used, budget) => {
                format!("{used} hosts failed or stayed unverified; the budget is {budget}")
            }
        };
        self.halted.clone().or_else(|| self.is_halted(counts).then(over))
    }

    /// Returns the state.
    #[must_use]
    pub fn state(&self, counts: &RolloutCounts) -> RolloutState {
        if self.is_halted(counts) {
            RolloutState::Halted
        } else if counts.spent >= self.hosts && counts.in_flight == 0 {
            RolloutState::Done
        } else {
            RolloutState::Running
        }
    }
}

/// The counts of a job's changes.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct RolloutCounts {
    /// The number of spent passes.
    pub spent: u32,
    /// The number of running changes, including those under verification.
    pub in_flight: u32,
    /// The number of changes that failed, regressed, stayed unverified, or whose end nobody reported in time.
    pub failed: u32,
    /// The number of unspent passes.
    pub passed: u32,
    /// The end of the change that ended last.
    pub last_end: Option<DateTime<Utc>>,
}

impl RolloutCounts {
    /// Counts a job's changes. `passed` is the number of unspent passes.
    #[must_use]
    pub fn of<'a>(
        changes: impl IntoIterator<Item = &'a HostChange>,
        passed: u32,
        now: DateTime<Utc>,
    ) -> Self {
        let mut counts = Self { passed, ..Self::default() };
        for change in changes {
            counts.spent += 1;
            match change.outcome(now) {
                None => {
                    counts.in_flight += 1;
                    continue;
                }
                Some(ChangeOutcome::Failed) => counts.failed += 1,
                Some(ChangeOutcome::Succeeded) => {}
            }
            counts.last_end = counts.last_end.max(Some(change.settled_at()));
        }
        counts
    }
}

/// A rollout with its counts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RolloutStatus {
    /// The rollout.
    pub rollout: Rollout,
    /// The counts.
    pub counts: RolloutCounts,
}

impl RolloutStatus {
    /// Returns the state.
    #[must_use]
    pub fn state(&self) -> RolloutState {
        self.rollout.state(&self.counts)
    }
}

/// One step of a rollout.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum RolloutStep {
    /// The next stage begins.
    Advance {
        /// The number of the stage, counted from 0.
        stage: u32,
    },
    /// The rollout halts.
    Halt {
        /// The reason, in words for people.
        reason: String,
    },
}

/// The reason why a gate is held in its open window before its checks are judged (R3).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HoldCause {
    /// The next stage of its job's rollout has not begun.
    Stage,
    /// Other hosts of its job have taken all places.
    Slot,
    /// The job's rollout is halted.
    Budget,
    /// Other members of the host's group are unavailable.
    Group,
}

/// The limit that holds a gate before its checks are judged.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Hold {
    /// The cause.
    pub cause: HoldCause,
    /// The cause in a sentence for people.
    pub detail: String,
    /// The end of the hold by the store's clock, if known.
    pub until: Option<DateTime<Utc>>,
}
