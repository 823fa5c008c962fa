//! The figures that a gate decides by.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use crate::{
    ConfigError,
    checks::{PollerConfig, run_bound},
    clock::delta,
    model::{Window, WindowKind},
};

/// What a gate does for a host without an enabled check.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum NoChecks {
    /// It passes, recorded as `no_checks`.
    #[default]
    Pass,
    /// It blocks until the window closes.
    Block,
}

/// The figures that a gate decides by. [`GatePolicy::default`] fits the poller's defaults, and
/// [`GatePolicy::for_poller`] fits a given poller. [`Gate`](super::Gate) and
/// [`GateRunner`](super::GateRunner) refuse figures that are out of their bounds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GatePolicy {
    /// The time between two attempts: 1 s to 7 days.
    pub retry: Duration,
    /// The total time of one check, 1 to 60 s; the same as the poller's.
    pub timeout: Duration,
    /// The age beyond which a result does not count: at least `timeout`, at most 7 days. The default
    /// is one poll interval and a check's time.
    pub max_age: Duration,
    /// How long a pass can be spent, never beyond the gate's end (G16): 1 s to 1 day.
    pub pass_ttl: Duration,
    /// A gate with a maintenance window ends this long before the window closes: less than 7 days.
    /// The wait of an immediate job has no such margin.
    pub closing_margin: Duration,
    /// What happens without an enabled check.
    pub no_checks: NoChecks,
    /// The number of consecutive healthy results required of each check: 1 to 100.
    pub healthy_after: u32,
    /// Only results from after the gate and its window opened count (G5).
    pub live_only: bool,
    /// The time over which first attempts are spread where a window opens (F37): at most 7 days.
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

/// First attempts of windows shorter than this are not spread.
const SHORTEST_SPREAD_WINDOW: TimeDelta = TimeDelta::minutes(10);

impl GatePolicy {
    /// Creates the default policy with the figures that must agree with a poller: `retry`, `timeout`
    /// and `max_age`.
    #[must_use]
    pub fn for_poller(poller: &PollerConfig) -> Self {
        Self {
            retry: poller.interval,
            timeout: poller.timeout,
            max_age: poller.interval.saturating_add(poller.timeout),
            ..Self::default()
        }
    }

    /// Returns the end of a gate with this window, exclusive (G10): its close less the closing margin,
    /// which an immediate job's wait does not have.
    #[must_use]
    pub fn end_of(&self, window: Window, kind: WindowKind) -> DateTime<Utc> {
        match kind {
            WindowKind::Maintenance => window.end_with_margin(delta(self.closing_margin)),
            WindowKind::Immediate => window.closes_at(),
        }
    }

    /// Returns whether the closing margin leaves nothing of a window, so that no gate could ever pass
    /// in it.
    #[must_use]
    pub fn swallows(&self, window: Window, kind: WindowKind) -> bool {
        self.end_of(window, kind) <= window.opens_at()
    }

    /// B: the longest that an attempt may take.
    #[must_use]
    pub fn budget(&self) -> Duration {
        run_bound(self.timeout)
    }

    /// The shortest time between the starts of two attempts, whatever calls for them (G14).
    #[must_use]
    pub fn min_gap(&self) -> Duration {
        Duration::from_secs(30).min(self.retry / 2)
    }

    /// An attempt with less time than this before the end is not worth starting (G12).
    #[must_use]
    pub fn min_useful(&self) -> Duration {
        Duration::from_secs(2).min(self.timeout)
    }

    /// Returns whether what is left of a maintenance window at `now` has room for a first attempt and a
    /// retry, each with its whole time. Without it a check that fails at the first attempt fails the
    /// job, which is worth a warning before anything is submitted.
    #[must_use]
    pub fn has_room_for_retry(&self, window: Window, now: DateTime<Utc>) -> bool {
        let from = now.max(window.opens_at());
        from + delta(self.retry + self.budget()) <= self.end_of(window, WindowKind::Maintenance)
    }

    /// Over how long first attempts are spread in a window of this length.
    #[must_use]
    pub(super) fn spread_in(&self, window: Window) -> Duration {
        if window.length() < SHORTEST_SPREAD_WINDOW { Duration::ZERO } else { self.spread }
    }

    /// Checks the figures and how they agree with each other.
    ///
    /// # Errors
    /// The first figure that is out of its bounds.
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

    /// Checks the figures against those of the poller whose results the gates judge.
    ///
    /// # Errors
    /// The first figure that does not fit: a `timeout` other than the poller's, or a `max_age` that the
    /// poller's results exceed before the next one is due, so that every gate would run every check
    /// itself. Ask for that with `live_only`.
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

    /// Checks the total time of a check against that of the source that runs the checks, where the
    /// source knows it.
    pub(super) fn validate_with_source(
        &self,
        timeout: Option<Duration>,
    ) -> Result<(), ConfigError> {
        let same = timeout.is_none_or(|timeout| timeout == self.timeout);
        ConfigError::first_broken([("timeout", same, "the same as that of the source of health")])
    }
}
