//! The configuration of a poller.

use std::time::Duration;

use super::observer::ObserverRule;
use crate::{ConfigError, checks::host_run::run_bound};

/// The configuration of a poller. [`PollerConfig::default`] polls every 5 minutes and keeps results for 4
/// days.
#[derive(Clone, Debug)]
pub struct PollerConfig {
    /// How often every enabled check runs. At least 1 s.
    pub interval: Duration,
    /// How often a host runs while one of its checks fails, between `timeout` and `interval`. `None` runs
    /// it as often as other hosts. Results flagged as the manager's own fault do not count.
    pub unhealthy_interval: Option<Duration>,
    /// The total time of one check, 1 to 60 s and at most `interval` (L3).
    pub timeout: Duration,
    /// Accepts a `timeout` above the interval. A host whose run outlasts its interval skips the slots
    /// that it misses (F44).
    pub allow_missed_slots: bool,
    /// The maximum number of checks in flight. Ignored if the poller shares a
    /// [`Capacity`](crate::checks::Capacity).
    pub max_concurrent_checks: usize,
    /// The maximum number of hosts with concurrent runs at one agent. Ignored if the poller shares a
    /// [`Capacity`](crate::checks::Capacity).
    pub max_runs_per_agent: usize,
    /// How often to ask for due hosts, unless an event requires it earlier.
    pub tick: Duration,
    /// The maximum number of hosts in one claim.
    pub claim_block: u32,
    /// The number of finished hosts after which results are written. While writing lags behind, a batch has
    /// up to 16 times as many.
    pub flush_hosts: usize,
    /// The maximum time that a result waits to be written.
    pub flush_after: Duration,
    /// The maximum number of hosts whose results are buffered while the store cannot be written.
    pub buffered_hosts: usize,
    /// How long results are kept.
    pub retention: Duration,
    /// How long ended gates are kept, with their attempts. `None` keeps them forever. At least a day.
    pub gate_retention: Option<Duration>,
    /// How long audit records are kept. `None` keeps them forever. At least a day.
    pub audit_retention: Option<Duration>,
    /// How often old results, gates and audit records are pruned.
    pub prune_every: Duration,
    /// How long running checks may take to finish after the poller is told to stop (F48).
    pub grace: Duration,
    /// The number of consecutive lost leases after which a host is quarantined (F68). At least 2.
    pub quarantine_after: u32,
    /// The duration of a quarantine. A change of the host's checks ends it early.
    pub quarantine: Duration,
    /// When unreachable hosts are attributed to the manager's own network. `None` disables this.
    pub observer: Option<ObserverRule>,
}

const DAY: Duration = Duration::from_secs(24 * 3600);

impl Default for PollerConfig {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(300),
            unhealthy_interval: None,
            timeout: Duration::from_secs(10),
            allow_missed_slots: false,
            max_concurrent_checks: 512,
            max_runs_per_agent: 2,
            tick: Duration::from_secs(1),
            claim_block: 200,
            flush_hosts: 200,
            flush_after: Duration::from_millis(500),
            buffered_hosts: 10_000,
            retention: Duration::from_secs(4 * 24 * 3600),
            gate_retention: Some(DAY * 90),
            audit_retention: Some(DAY * 400),
            prune_every: Duration::from_secs(60),
            grace: Duration::from_secs(12),
            quarantine_after: 3,
            quarantine: Duration::from_secs(3600),
            observer: Some(ObserverRule::default()),
        }
    }
}

impl PollerConfig {
    /// Returns the duration of a lease: the longer of 60 s and four times the bound of a run (L3).
    #[must_use]
    pub fn lease(&self) -> Duration {
        Duration::from_secs(60).max(run_bound(self.timeout).saturating_mul(4))
    }

    /// Returns the age after which a result no longer counts: two intervals.
    #[must_use]
    pub fn stale_after(&self) -> Duration {
        self.interval.saturating_mul(2)
    }

    /// Checks the fields and their relations.
    ///
    /// # Errors
    /// Returns the first field that is out of its bounds.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let second = Duration::from_secs(1);
        let shorter = self.unhealthy_interval.unwrap_or(self.interval);
        let shortest = if self.allow_missed_slots { second } else { self.timeout };
        let observer = self.observer.unwrap_or_default();
        let rules = [
            ("interval", self.interval >= second, "at least 1 s"),
            (
                "timeout",
                (second..=Duration::from_secs(60)).contains(&self.timeout),
                "between 1 s and 60 s",
            ),
            // Otherwise a check that times out would still be running when its next run is due.
            ("timeout", shortest <= self.interval, "at most `interval`"),
            (
                "unhealthy_interval",
                (shortest..=self.interval).contains(&shorter),
                "between `timeout` and `interval`",
            ),
            ("max_concurrent_checks", self.max_concurrent_checks > 0, "at least 1"),
            ("max_runs_per_agent", self.max_runs_per_agent > 0, "at least 1"),
            ("tick", self.tick >= Duration::from_millis(10), "at least 10 ms"),
            ("claim_block", self.claim_block > 0, "at least 1"),
            ("flush_hosts", self.flush_hosts > 0, "at least 1"),
            ("flush_after", self.flush_after < self.lease() / 4, "well within a lease"),
            ("buffered_hosts", self.buffered_hosts >= self.flush_hosts, "at least `flush_hosts`"),
            ("retention", self.retention >= self.interval, "at least one interval"),
            (
                "gate_retention",
                self.gate_retention.is_none_or(|keep| keep >= DAY),
                "at least 1 day",
            ),
            (
                "audit_retention",
                self.audit_retention.is_none_or(|keep| keep >= DAY),
                "at least 1 day",
            ),
            ("prune_every", self.prune_every >= second, "at least 1 s"),
            ("quarantine_after", self.quarantine_after >= 2, "at least 2"),
            ("quarantine", self.quarantine >= second, "at least 1 s"),
            ("observer.hosts", observer.hosts > 0, "at least 1"),
            ("observer.percent", observer.percent < 100, "less than 100"),
            ("observer.within", observer.within >= second, "at least 1 s"),
        ];
        ConfigError::first_broken(rules)
    }
}
