//! The policy of a gate.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use crate::{
    ConfigError,
    checks::{PollerConfig, run_bound},
    clock::delta,
    model::{Window, WindowKind},
};

/// The treatment of a host without an enabled check.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum NoChecks {
    /// The gate passes, recorded as `no_checks`.
    #[default]
    Pass,
    /// The gate blocks until the window closes.
    Block,
}

/// The durations and requirements by which a gate decides.
///
/// [`GatePolicy::default`] fits the poller's defaults, and [`GatePolicy::for_poller`] fits a given poller.
/// [`Gate`](super::Gate) and [`GateRunner`](super::GateRunner) refuse values that are out of bounds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GatePolicy {
    /// The time between two attempts: 1 s to 7 days.
    pub retry: Duration,
    /// The deadline for one run of a check: 1 s to 60 s, and the same as the poller's.
    pub timeout: Duration,
    /// The age beyond which a result does not count: at least `timeout`, at most 7 days. The default
    /// is one poll interval plus `timeout`.
    pub max_age: Duration,
    /// The lifetime of a pass, which never extends beyond the gate's end (G16): 1 s to 1 day.
    pub pass_ttl: Duration,
    /// The time before the close of a maintenance window at which the gate ends: less than 7 days.
    /// The wait of an immediate job has no such margin.
    pub closing_margin: Duration,
    /// The treatment of a host without an enabled check.
    pub no_checks: NoChecks,
    /// The number of consecutive healthy results required of each check: 1 to 100.
    pub healthy_after: u32,
    /// Whether only results from after the opening of both the gate and its window count (G5).
    pub live_only: bool,
    /// The time over which first attempts are spread when a window opens (F37): at most 7 days.
    pub spread: Duration,
}

impl Default for GatePolicy {
    fn default() -> Self {
        Self {
            retry: Duration::from_secs(300),
            timeout: Duration::from_secs(10),
            max_age: Duration::from_secs(310),
            pass_ttl: Duration::from_secs(60),
            closing_margin: Duration::ZERO,
            no_checks: NoChecks::Pass,
            healthy_after: 1,
            live_only: false,
            spread: Duration::from_secs(30),
        }
    }
}

/// The length below which a window's first attempts are not spread.
const SHORTEST_SPREAD_WINDOW: TimeDelta = TimeDelta::minutes(10);

impl GatePolicy {
    /// Creates the default policy, with `retry`, `timeout` and `max_age` taken from a poller.
    #[must_use]
    pub fn for_poller(poller: &PollerConfig) -> Self {
        Self {
            retry: poller.interval,
            timeout: poller.timeout,
            max_age: poller.interval.saturating_add(poller.timeout),
            ..Self::default()
        }
    }

    /// Returns the end of a gate with this window, exclusive (G10).
    ///
    /// It is the close of a maintenance window minus the closing margin, or the close of an immediate
    /// job's wait.
    #[must_use]
    pub fn end_of(&self, window: Window, kind: WindowKind) -> DateTime<Utc> {
        match kind {
            WindowKind::Maintenance => window.end_with_margin(delta(self.closing_margin)),
            WindowKind::Immediate => window.closes_at(),
        }
    }

    /// Returns whether the closing margin leaves nothing of a window, so that no gate can pass in it.
    #[must_use]
    pub fn swallows(&self, window: Window, kind: WindowKind) -> bool {
        self.end_of(window, kind) <= window.opens_at()
    }

    /// Returns the maximum duration of an attempt.
    #[must_use]
    pub fn budget(&self) -> Duration {
        run_bound(self.timeout)
    }

    /// Returns the minimum time between the starts of two attempts, whatever triggers them (G14).
    #[must_use]
    pub fn min_gap(&self) -> Duration {
        Duration::from_secs(30).min(self.retry / 2)
    }

    /// Returns the minimum time that must be left before the end for an attempt to start (G12).
    #[must_use]
    pub fn min_useful(&self) -> Duration {
        Duration::from_secs(2).min(self.timeout)
    }

    /// Returns whether the rest of a maintenance window at `now` has room for a first attempt and a full
    /// retry.
    ///
    /// Without that room, a check that fails at the first attempt fails the job. Warn people before they
    /// submit such a job.
    #[must_use]
    pub fn has_room_for_retry(&self, window: Window, now: DateTime<Utc>) -> bool {
        let from = now.max(window.opens_at());
        from + delta(self.retry + self.budget()) <= self.end_of(window, WindowKind::Maintenance)
    }

    /// Returns the time over which first attempts are spread in this window.
    #[must_use]
    pub(super) fn spread_in(&self, window: Window) -> Duration {
        if window.length() < SHORTEST_SPREAD_WINDOW { Duration::ZERO } else { self.spread }
    }

    /// Validates the values, alone and against each other.
    ///
    /// # Errors
    /// Names the first value that is out of bounds.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let second = Duration::from_secs(1);
        let minute = Duration::from_secs(60);
        let day = Duration::from_secs(86_400);
        let rules = [
            ("retry", (second..=day * 7).contains(&self.retry), "between 1 s and 7 days"),
            ("timeout", (second..=minute).contains(&self.timeout), "between 1 s and 60 s"),
            (
                "max_age",
                (self.timeout..=day * 7).contains(&self.max_age),
                "between `timeout` and 7 days",
            ),
            ("pass_ttl", (second..=day).contains(&self.pass_ttl), "between 1 s and 1 day"),
            ("closing_margin", self.closing_margin < day * 7, "less than 7 days"),
            ("healthy_after", (1..=100).contains(&self.healthy_after), "between 1 and 100"),
            ("spread", self.spread <= day * 7, "at most 7 days"),
        ];
        ConfigError::first_broken(rules)
    }

    /// Validates the values against the configuration of the poller whose results the gates judge.
    ///
    /// # Errors
    /// Names the first value that does not fit: a `timeout` that differs from the poller's, or a `max_age`
    /// so short that results become stale before the poller's next run. Every gate would then run every
    /// check itself; if you want that, set `live_only`.
    pub fn validate_with_poller(&self, poller: &PollerConfig) -> Result<(), ConfigError> {
        let longest = poller.interval.saturating_add(poller.timeout);
        ConfigError::first_broken([
            ("timeout", self.timeout == poller.timeout, "the same as the poller's"),
            (
                "max_age",
                self.live_only || self.max_age >= longest,
                "at least the poller's interval and timeout together",
            ),
        ])
    }

    /// Validates `timeout` against that of the source that runs the checks, if the source knows it.
    pub(super) fn validate_with_source(
        &self,
        timeout: Option<Duration>,
    ) -> Result<(), ConfigError> {
        let same = timeout.is_none_or(|timeout| timeout == self.timeout);
        ConfigError::first_broken([("timeout", same, "the same as that of the source of health")])
    }
}
