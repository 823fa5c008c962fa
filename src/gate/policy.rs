//! The figures that a gate decides by.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use thiserror::Error;

use crate::{checks::run_bound, clock::delta, model::Window};

/// What a gate does for a host without an enabled check.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum NoChecks {
    /// It passes, recorded as `no_checks`.
    #[default]
    Pass,
    /// It blocks until the window closes.
    Block,
}

/// The figures that a gate decides by. [`GatePolicy::default`] fits the poller's defaults.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GatePolicy {
    /// The time between two attempts. At least 1 s.
    pub retry: Duration,
    /// The total time of one check, 1 to 60 s; the same as the poller's.
    pub timeout: Duration,
    /// A result older than this does not count: one poll interval and a check's time.
    pub max_age: Duration,
    /// How long a pass can be spent, never beyond the gate's end (G16).
    pub pass_ttl: Duration,
    /// The gate ends so long before the window closes.
    pub closing_margin: Duration,
    /// What happens without an enabled check.
    pub no_checks: NoChecks,
    /// So many of a check's newest results in a row must be healthy. At least 1.
    pub healthy_after: u32,
    /// Only results from after the gate and its window opened count (G5).
    pub live_only: bool,
    /// First attempts are spread over so long where a window opens (F37).
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
    /// The end of a gate with this window: its close less the closing margin, exclusive (G10).
    #[must_use]
    pub fn end_of(&self, window: Window) -> DateTime<Utc> {
        window.end_with_margin(delta(self.closing_margin))
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

    /// Whether what is left of a window at `now` has room for a first attempt and a retry, each with its
    /// whole time. Without it a check that fails at the first attempt fails the job, which is worth a
    /// warning before anything is submitted.
    #[must_use]
    pub fn has_room_for_retry(&self, window: Window, now: DateTime<Utc>) -> bool {
        let from = now.max(window.opens_at());
        from + delta(self.retry + self.budget()) <= self.end_of(window)
    }

    /// Over how long first attempts are spread in a window of this length.
    #[must_use]
    pub(super) fn spread_in(&self, window: Window) -> Duration {
        if window.length() < SHORTEST_SPREAD_WINDOW { Duration::ZERO } else { self.spread }
    }

    /// Holds the figures against each other.
    ///
    /// # Errors
    /// The first that is out of its bounds.
    pub fn validate(&self) -> Result<(), GatePolicyError> {
        let second = Duration::from_secs(1);
        let minute = Duration::from_secs(60);
        let rules = [
            ("retry", self.retry >= second, "at least 1 s"),
            ("timeout", (second..=minute).contains(&self.timeout), "between 1 s and 60 s"),
            ("max_age", self.max_age >= self.timeout, "at least `timeout`"),
            ("pass_ttl", self.pass_ttl >= second, "at least 1 s"),
            ("healthy_after", self.healthy_after >= 1, "at least 1"),
        ];
        match rules.into_iter().find(|(_, holds, _)| !holds) {
            None => Ok(()),
            Some((field, _, rule)) => Err(GatePolicyError { field, rule }),
        }
    }
}

/// A figure of a policy that is out of its bounds.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[error("`{field}` must be {rule}")]
pub struct GatePolicyError {
    /// The field.
    pub field: &'static str,
    /// What holds for it.
    pub rule: &'static str,
}
