//! The times that checks, poller and gates share.

use std::time::Duration;

use super::policy::Policy;
use crate::{
    ConfigError,
    checks::PollerConfig,
    gate::{GatePolicy, GateRunnerConfig},
};

/// The times of a [`Healthgate`](crate::Healthgate), each given once. Poller, gates and tests of checks
/// take theirs from here.
///
/// A result counts for a gate for `interval + timeout`, and its check's status is unknown after two
/// intervals.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Timing {
    /// How often every enabled check runs: 1 s to 6 days. The default is 5 minutes.
    pub interval: Duration,
    /// How often a host runs while one of its checks fails: between `timeout` and `interval`. `None`, the
    /// default, is `interval`.
    pub unhealthy_interval: Option<Duration>,
    /// The total time of one check: 1 s to 60 s, and at most `interval`. The default is 10 s.
    pub timeout: Duration,
    /// The time between two attempts of a gate: 1 s to 7 days. The default is 5 minutes.
    pub retry: Duration,
    /// How often the poller looks for due hosts, and a waiting job at its gate, if nothing calls for it
    /// earlier; gates are looked at every second tick. 10 ms to 2.5 s. The default is 1 s.
    pub tick: Duration,
    /// How long runs may go on after the order to stop. The default is 12 s.
    pub grace: Duration,
    /// How long results are kept: at least `interval`. The default is 4 days.
    pub retention: Duration,
    /// How long ended gates are kept: at least 1 day; `None` keeps them for ever. The default is 90 days.
    pub gate_retention: Option<Duration>,
    /// How long audit records are kept: at least 1 day; `None` keeps them for ever. The default is
    /// 400 days.
    pub audit_retention: Option<Duration>,
}

impl Default for Timing {
    fn default() -> Self {
        let (poller, policy) = (PollerConfig::default(), GatePolicy::default());
        Self {
            interval: poller.interval,
            unhealthy_interval: poller.unhealthy_interval,
            timeout: poller.timeout,
            retry: policy.retry,
            tick: poller.tick,
            grace: poller.grace,
            retention: poller.retention,
            gate_retention: poller.gate_retention,
            audit_retention: poller.audit_retention,
        }
    }
}

/// A result counts for `interval + timeout`, and for 7 days at most.
const LONGEST_INTERVAL: Duration = Duration::from_secs(6 * 24 * 3600);

impl Timing {
    /// Checks the times against each other. [`HealthgateBuilder::build`](super::HealthgateBuilder::build)
    /// does it, too.
    ///
    /// # Errors
    /// The first time that is out of its bounds.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let tick = Duration::from_millis(10)..=Duration::from_millis(2_500);
        ConfigError::first_broken([
            ("interval", self.interval <= LONGEST_INTERVAL, "at most 6 days"),
            ("tick", tick.contains(&self.tick), "between 10 ms and 2.5 s"),
        ])?;
        self.poller().validate()?;
        self.gates().validate()?;
        self.policy(Policy::default()).validate()
    }

    pub(super) fn poller(&self) -> PollerConfig {
        PollerConfig {
            interval: self.interval,
            unhealthy_interval: self.unhealthy_interval,
            timeout: self.timeout,
            tick: self.tick,
            grace: self.grace,
            retention: self.retention,
            gate_retention: self.gate_retention,
            audit_retention: self.audit_retention,
            ..PollerConfig::default()
        }
    }

    pub(super) fn gates(&self) -> GateRunnerConfig {
        GateRunnerConfig {
            tick: self.tick.saturating_mul(2),
            grace: self.grace,
            ..GateRunnerConfig::default()
        }
    }

    /// Returns `policy` with the times that are given here.
    pub(super) fn policy(&self, policy: Policy) -> GatePolicy {
        GatePolicy {
            retry: self.retry,
            timeout: self.timeout,
            max_age: self.interval.saturating_add(self.timeout),
            ..policy.into()
        }
    }
}
