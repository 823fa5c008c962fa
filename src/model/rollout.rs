//! A rollout: a job's hosts in stages, which stops by itself once too many of them have failed (R1 to R6).

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

/// A number of hosts, or a share of a job's hosts in percent, rounded up. As text `5` or `10%`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Amount {
    /// So many hosts.
    Hosts(u32),
    /// So many of a hundred hosts.
    Percent(u32),
}

impl Amount {
    /// Returns the number of hosts, of `hosts` in all.
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

    /// Whether it is a percentage above 100.
    const fn is_too_much(self) -> bool {
        matches!(self, Self::Percent(percent) if percent > 100)
    }

    /// Whether it is no host at all.
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

/// A text that is no [`Amount`].
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
    /// How many hosts may have been changed by its end, those of the stages before included.
    pub up_to: Amount,
    /// How long the next stage waits after the last change of this one has ended. At most 7 days.
    #[serde(with = "seconds", rename = "soak_secs")]
    pub soak: Duration,
}

/// How a job goes over its hosts.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct RolloutPolicy {
    /// The stages. After the last one the hosts that are left follow; without any, all may go at once.
    pub stages: Vec<RolloutStage>,
    /// At most so many hosts are being changed or verified at the same time.
    pub max_in_flight: Amount,
    /// So many changes may fail, end regressed or stay unverified. With one more the rollout halts.
    pub failure_budget: Amount,
}

/// The longest soak of a stage.
const LONGEST_SOAK: Duration = Duration::from_secs(7 * 86_400);

impl RolloutPolicy {
    /// The most stages that a rollout has.
    pub const MAXIMUM_STAGES: usize = 20;

    /// Refuses what makes no sense.
    ///
    /// # Errors
    /// Every violation, by the names `stages`, `stages[N].up_to`, `stages[N].soak_secs`, `max_in_flight`
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

    /// What stands for a policy that a store holds and nobody can read: whoever reads it halts the rollout.
    #[must_use]
    pub const fn unreadable() -> Self {
        Self {
            stages: Vec::new(),
            max_in_flight: Amount::Hosts(1),
            failure_budget: Amount::Hosts(0),
        }
    }

    /// How many of `hosts` may have been changed by the end of a stage, counted from 0.
    #[must_use]
    pub fn admitted(&self, stage: u32, hosts: u32) -> u32 {
        let Some(stages) = self.stages.get(..=stage as usize) else { return hosts };
        let most = stages.iter().map(|stage| stage.up_to.of(hosts)).max();
        most.unwrap_or(hosts).min(hosts)
    }
}

/// Whether a rollout goes on.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "api", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum RolloutState {
    /// Hosts may go, within its limits.
    Running,
    /// More changes have failed than its budget allows: no further host goes until an administrator
    /// resumes it.
    Halted,
    /// Every host of the job has been changed.
    Done,
}

/// The rollout of a job, as it is stored.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rollout {
    /// The job.
    pub job_id: JobId,
    /// How many hosts it has.
    pub hosts: u32,
    /// How it goes over them.
    pub policy: RolloutPolicy,
    /// The present stage, counted from 0. After the last one of the policy it is their number.
    pub stage: u32,
    /// How many failed changes do not count, since an administrator has resumed the rollout after them.
    pub forgiven: u32,
    /// Why it was halted.
    pub halted: Option<String>,
    /// Raised by every change of what stands above.
    pub revision: i64,
    /// When it began, by the store's clock.
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

    /// How many passes may have been spent by the end of the present stage.
    #[must_use]
    pub fn admitted(&self) -> u32 {
        self.policy.admitted(self.stage, self.hosts)
    }

    /// How many hosts may be changed or verified at the same time.
    #[must_use]
    pub fn max_in_flight(&self) -> u32 {
        self.policy.max_in_flight.of(self.hosts).max(1)
    }

    /// How many changes may fail.
    #[must_use]
    pub fn failure_budget(&self) -> u32 {
        self.policy.failure_budget.of(self.hosts)
    }

    /// How much of the budget is used.
    #[must_use]
    pub const fn used(&self, counts: &RolloutCounts) -> u32 {
        counts.failed.saturating_sub(self.forgiven)
    }

    /// Whether no further host may go, also where nobody has noted it yet.
    #[must_use]
    pub fn is_halted(&self, counts: &RolloutCounts) -> bool {
        self.halted.is_some() || self.used(counts) > self.failure_budget()
    }

    /// Why no further host may go, for people; `None` where hosts may.
    #[must_use]
    pub fn halt_reason(&self, counts: &RolloutCounts) -> Option<String> {
        let over = || match (self.used(counts), self.failure_budget()) {
            (1, budget) => format!("1 host failed or stayed unverified, and {budget} may"),
            (used, budget) => format!("{used} hosts failed or stayed unverified, and {budget} may"),
        };
        self.halted.clone().or_else(|| self.is_halted(counts).then(over))
    }

    /// Where it stands.
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

/// What has become of a job's hosts so far.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct RolloutCounts {
    /// Passes that were spent.
    pub spent: u32,
    /// Changes that go on, their verification included.
    pub in_flight: u32,
    /// Changes that failed, regressed or stayed unverified, and those whose end nobody has reported in
    /// time.
    pub failed: u32,
    /// Passes that are given and not spent yet.
    pub passed: u32,
    /// When the last change ended of those that have.
    pub last_end: Option<DateTime<Utc>>,
}

impl RolloutCounts {
    /// Counts a job's changes of hosts, beside `passed` passes that are not spent.
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

/// A rollout and what has become of its hosts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RolloutStatus {
    /// The rollout.
    pub rollout: Rollout,
    /// Its hosts so far.
    pub counts: RolloutCounts,
}

impl RolloutStatus {
    /// Where it stands.
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
        /// Its number, counted from 0.
        stage: u32,
    },
    /// No further host goes.
    Halt {
        /// Why, for people.
        reason: String,
    },
}

/// Why a gate has to wait although its window is open, before its checks are asked (R3).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HoldCause {
    /// For the next stage of its job's rollout.
    Stage,
    /// For another host of its job to be through.
    Slot,
    /// The job's rollout is halted.
    Budget,
    /// For other members of a group that the host belongs to.
    Group,
}

/// What a gate waits for before its checks are asked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Hold {
    /// What for.
    pub cause: HoldCause,
    /// The same in a sentence for people.
    pub detail: String,
    /// When it is over, by the store's clock, where that is known.
    pub until: Option<DateTime<Utc>>,
}
