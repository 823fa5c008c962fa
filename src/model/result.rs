//! Results of checks, and the status of checks and hosts that follows from them.

use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::{
    check::HealthCheck,
    endpoint::AgentEndpoint,
    epoch::{ClockEpoch, StoreTime},
    ids::{CheckId, HostId},
    instant,
    reason::ReasonCode,
    text::is_deceptive,
};

/// A sentence for people, with at most 500 characters and no control or invisible ones.
///
/// It is never built from a password or the body of a target.
#[derive(Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(from = "String")]
pub struct Detail(String);

impl Detail {
    /// The maximum number of characters.
    pub const MAXIMUM_CHARACTERS: usize = 500;

    /// Creates a detail. It replaces every control and invisible character, and cuts the text at the maximum.
    #[must_use]
    pub fn new(text: impl AsRef<str>) -> Self {
        let clean = |character: char| if is_deceptive(character) { '\u{FFFD}' } else { character };
        Self(text.as_ref().chars().take(Self::MAXIMUM_CHARACTERS).map(clean).collect())
    }

    /// Returns the text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<String> for Detail {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

impl fmt::Display for Detail {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl fmt::Debug for Detail {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, formatter)
    }
}

/// Who ran a check.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "api", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ResultSource {
    /// The poller, on its schedule.
    Poll,
    /// A gate, for one of its attempts.
    Gate,
}

/// The stored result of one run of a check.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct CheckResult {
    /// The check that ran.
    pub check_id: CheckId,
    /// The host of the check.
    pub host_id: HostId,
    /// The revision of the check that ran. A result of an older revision is void.
    pub revision: i64,
    /// The outcome. Only [`ReasonCode::Ok`] is healthy.
    pub reason: ReasonCode,
    /// A sentence for people.
    pub detail: Detail,
    /// The duration of the run in milliseconds.
    pub latency_ms: u32,
    /// The start of the run, by the store's clock.
    #[serde(with = "instant")]
    pub checked_at: DateTime<Utc>,
    /// The epoch of the store's clock at the start of the run. Results are ordered by epoch first.
    #[serde(default)]
    pub epoch: ClockEpoch,
    /// Who ran it.
    pub source: ResultSource,
    /// Whether most hosts became unreachable at once, so that the fault is probably the observer's own.
    pub observer_fault: bool,
    /// The agent that was asked, if any.
    pub endpoint: Option<AgentEndpoint>,
}

impl CheckResult {
    /// Returns whether the check passed.
    #[must_use]
    pub fn healthy(&self) -> bool {
        self.reason == ReasonCode::Ok
    }

    /// Returns the start of the run, by which results are ordered.
    #[must_use]
    pub const fn started(&self) -> StoreTime {
        StoreTime::new(self.epoch, self.checked_at)
    }

    /// Returns whether this result replaces `other`, a result of the same check. The later start wins; of two
    /// results of one run, the worse one.
    #[must_use]
    pub fn outranks(&self, other: &Self) -> bool {
        (self.started(), !self.healthy()) > (other.started(), !other.healthy())
    }

    /// Returns the end of the run, by the store's clock.
    #[must_use]
    pub fn finished_at(&self) -> DateTime<Utc> {
        self.checked_at + TimeDelta::milliseconds(i64::from(self.latency_ms))
    }

    /// Returns the status of the check according to this run alone.
    #[must_use]
    pub fn status(&self) -> CheckStatus {
        if self.healthy() {
            CheckStatus::Healthy
        } else if self.observer_fault || self.reason.is_unknown() {
            CheckStatus::Unknown
        } else {
            CheckStatus::Unhealthy
        }
    }
}

/// The status of a check.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "api", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum CheckStatus {
    /// The last result passed.
    Healthy,
    /// The last result failed.
    Unhealthy,
    /// There is no result since the last change, it is too old, or it says nothing about the target.
    Unknown,
}

/// The status of a host, from its enabled checks.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "api", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum HostStatus {
    /// No check is enabled.
    None,
    /// At least one check is unhealthy.
    Unhealthy,
    /// No check is unhealthy, and at least one is unknown.
    Unknown,
    /// All checks are healthy.
    Healthy,
}

/// The number of consecutive results that change a check's status. By default, a single result does.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Damping {
    /// The number of consecutive failed results that make a healthy check unhealthy: at least 1.
    pub unhealthy_after: u32,
    /// The number of consecutive passed results that make an unhealthy check healthy: at least 1.
    pub healthy_after: u32,
}

impl Default for Damping {
    fn default() -> Self {
        Self { unhealthy_after: 1, healthy_after: 1 }
    }
}

/// The current state of a check, kept apart from its history.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CheckState {
    /// The newest result.
    pub latest: CheckResult,
    /// The damped status.
    pub status: CheckStatus,
    /// The time of the last change of the status.
    pub since: DateTime<Utc>,
    /// The number of consecutive newest results of this revision that agree with the newest one. Healthy ones
    /// all come from one agent.
    pub in_a_row: u32,
}

impl CheckState {
    /// Returns the state after another result.
    ///
    /// A state only moves forward, by epoch and then by time (L5): an older result changes nothing, and of two
    /// results of one run, the worse one stays. Within an epoch, any result replaces one dated after `now`, the
    /// store's clock, which would otherwise hide newer results until its date and then be fresh (F01). A result
    /// of another epoch or revision resets the state. A result that says nothing about the target is never
    /// damped.
    #[must_use]
    pub fn after(
        previous: Option<&Self>,
        result: &CheckResult,
        now: DateTime<Utc>,
        damping: Damping,
    ) -> Self {
        let said = result.status();
        let first = |since| Self { latest: result.clone(), status: said, since, in_a_row: 1 };
        let Some(previous) = previous else { return first(result.checked_at) };
        let latest = &previous.latest;
        let same_epoch = latest.epoch == result.epoch;
        if same_epoch && latest.checked_at > now && result.checked_at <= now {
            return first(result.checked_at);
        }
        if !result.outranks(latest) {
            return previous.clone();
        }
        let same_run = latest.started() == result.started();
        if !same_epoch || latest.revision != result.revision {
            return first(result.checked_at);
        }
        // A result from another agent says nothing about this one (G24).
        let elsewhere = said == CheckStatus::Healthy && latest.endpoint != result.endpoint;
        let same = latest.status() == said && !elsewhere && !same_run;
        let in_a_row = if same { previous.in_a_row.saturating_add(1) } else { 1 };
        let needed = match (previous.status, said) {
            (CheckStatus::Healthy, CheckStatus::Unhealthy) => damping.unhealthy_after,
            (CheckStatus::Unhealthy, CheckStatus::Healthy) => damping.healthy_after,
            _ => 1,
        };
        let turns = said != previous.status && in_a_row >= needed;
        Self {
            latest: result.clone(),
            status: if turns { said } else { previous.status },
            since: if turns { result.checked_at } else { previous.since },
            in_a_row,
        }
    }
}

/// A check with its status and newest result.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CheckView {
    /// The check.
    pub check: HealthCheck,
    /// The status at the time of the query.
    pub status: CheckStatus,
    /// The time of the last change of the status.
    pub since: DateTime<Utc>,
    /// The newest result, even if it is too old to count.
    pub last_result: Option<CheckResult>,
}

impl CheckView {
    /// Returns the view of a check at `now`. Results older than `stale_after` (two intervals) do not count, nor
    /// do results of another epoch or with a future date (F136, F168).
    #[must_use]
    pub fn at(
        check: HealthCheck,
        state: Option<&CheckState>,
        now: StoreTime,
        stale_after: TimeDelta,
    ) -> Self {
        let current = state.filter(|state| state.latest.revision == check.revision);
        let (status, since) = match current {
            None => (CheckStatus::Unknown, check.updated_at),
            Some(state) if state.latest.epoch != now.epoch || state.latest.checked_at > now.at => {
                (CheckStatus::Unknown, state.latest.checked_at.min(now.at))
            }
            Some(state) if now.at - state.latest.checked_at > stale_after => {
                let stale_since = state.latest.checked_at + stale_after;
                let unknown_before = state.status == CheckStatus::Unknown;
                (CheckStatus::Unknown, if unknown_before { state.since } else { stale_since })
            }
            Some(state) => (state.status, state.since),
        };
        Self { check, status, since, last_result: state.map(|state| state.latest.clone()) }
    }
}

/// The number of a host's enabled checks in each status.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "api", derive(utoipa::ToSchema))]
pub struct HostSummary {
    /// The host.
    pub host_id: HostId,
    /// The status of the host.
    pub status: HostStatus,
    /// Healthy checks.
    pub healthy: u32,
    /// Unhealthy checks.
    pub unhealthy: u32,
    /// Checks with unknown status.
    pub unknown: u32,
    /// Enabled checks.
    pub total: u32,
    /// The oldest of the checks' last runs; `None` if a check has no result.
    #[serde(with = "instant::option")]
    #[cfg_attr(feature = "api", schema(required))]
    pub oldest_checked_at: Option<DateTime<Utc>>,
}

impl HostSummary {
    /// Creates the summary of a host's checks, without disabled ones.
    #[must_use]
    pub fn of<'a>(host_id: HostId, checks: impl IntoIterator<Item = &'a CheckView>) -> Self {
        let mut summary = Self {
            host_id,
            status: HostStatus::None,
            healthy: 0,
            unhealthy: 0,
            unknown: 0,
            total: 0,
            oldest_checked_at: None,
        };
        let mut oldest = None;
        for view in checks.into_iter().filter(|view| view.check.definition.enabled) {
            let checked_at = view.last_result.as_ref().map(|result| result.checked_at);
            oldest = if summary.total == 0 { checked_at } else { oldest.min(checked_at) };
            summary.total += 1;
            match view.status {
                CheckStatus::Healthy => summary.healthy += 1,
                CheckStatus::Unhealthy => summary.unhealthy += 1,
                CheckStatus::Unknown => summary.unknown += 1,
            }
        }
        summary.oldest_checked_at = oldest;
        summary.status = match &summary {
            Self { total: 0, .. } => HostStatus::None,
            Self { unhealthy: 1.., .. } => HostStatus::Unhealthy,
            Self { unknown: 1.., .. } => HostStatus::Unknown,
            _ => HostStatus::Healthy,
        };
        summary
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result(second: i64, reason: ReasonCode) -> CheckResult {
        CheckResult {
            check_id: CheckId::from_uuid(uuid::Uuid::from_u128(1)),
            host_id: HostId::from_uuid(uuid::Uuid::from_u128(2)),
            revision: 1,
            reason,
            detail: Detail::default(),
            latency_ms: 1,
            checked_at: DateTime::from_timestamp(second, 0).expect("in range"),
            epoch: ClockEpoch::default(),
            source: ResultSource::Poll,
            observer_fault: false,
            endpoint: None,
        }
    }

    /// Returns the status, its start in seconds and the number of consecutive results, after each result.
    fn run(damping: Damping, reasons: &[ReasonCode]) -> Vec<(CheckStatus, i64, u32)> {
        let mut state: Option<CheckState> = None;
        let numbered = (1..).zip(reasons);
        let step = |(second, reason): (i64, &ReasonCode)| {
            let next = {
                let result = result(second, *reason);
                CheckState::after(state.as_ref(), &result, result.finished_at(), damping)
            };
            let seen = (next.status, next.since.timestamp(), next.in_a_row);
            state = Some(next);
            seen
        };
        numbered.map(step).collect()
    }

    #[test]
    fn a_damped_status_turns_after_so_many_in_a_row() {
        use CheckStatus::{Healthy, Unhealthy, Unknown};
        let (ok, bad, none) = (ReasonCode::Ok, ReasonCode::Status, ReasonCode::Internal);
        let damping = Damping { unhealthy_after: 3, healthy_after: 2 };
        let seen = run(damping, &[ok, bad, bad, ok, bad, bad, bad, ok, ok, none, bad]);
        let expected = [
            (Healthy, 1, 1),
            (Healthy, 1, 1),
            (Healthy, 1, 2),
            (Healthy, 1, 1),
            (Healthy, 1, 1),
            (Healthy, 1, 2),
            (Unhealthy, 7, 3),
            (Unhealthy, 7, 1),
            (Healthy, 9, 2),
            (Unknown, 10, 1),
            (Unhealthy, 11, 1),
        ];
        assert_eq!(seen, expected);
        let seen = run(Damping::default(), &[ok, bad, ok]);
        assert_eq!(seen, [(Healthy, 1, 1), (Unhealthy, 2, 1), (Healthy, 3, 1)]);
    }
}
