//! The times that checks, poller and gates share.

use std::time::Duration;

use super::policy::Policy;
use crate::{
    ConfigError,
    checks::PollerConfig,
    gate::{GatePolicy, GateRunnerConfig},
};

/// The times of a [`Healthgate`](crate::Healthgate), each given once for the poller, the gates and the
/// tests of checks.
///
/// A result counts for a gate for `interval + timeout`. The status of a check becomes unknown two
/// intervals after its newest result.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Timing {
    /// The interval at which every enabled check runs: 1 s to 6 days. The default is 5 minutes.
    pub interval: Duration,
    /// The interval at which a host's checks run while one of them fails: between `timeout` and `interval`.
    /// The default, `None`, means `interval`.
    pub unhealthy_interval: Option<Duration>,
    /// The deadline for one run of a check: 1 s to 60 s, and at most `interval`. The default is 10 s.
    pub timeout: Duration,
    /// The time between two attempts of a gate: 1 s to 7 days. The default is 5 minutes.
    pub retry: Duration,
    /// The interval of looking without being woken: 10 ms to 2.5 s. The default is 1 s.
    ///
    /// The poller looks for due hosts, and a waiting job looks at its gate, once a tick. The gate runner
    /// looks for due gates every second tick.
    pub tick: Duration,
    /// The time for running checks to finish after a shutdown is requested. The default is 12 s.
    pub grace: Duration,
    /// The retention of results: at least `interval`. The default is 4 days.
    pub retention: Duration,
    /// The retention of ended gates: at least 1 day. `None` keeps them forever. The default is 90 days.
    pub gate_retention: Option<Duration>,
    /// The retention of audit records: at least 1 day. `None` keeps them forever. The default is 400 days.
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

/// Keeps `interval + timeout` below the maximum age of a result, which is 7 days.
const LONGEST_INTERVAL: Duration = Duration::from_secs(6 * 24 * 3600);

impl Timing {
    /// Validates the times, alone and against each other.
    ///
    /// [`HealthgateBuilder::build`](super::HealthgateBuilder::build) calls it, too.
    ///
    /// # Errors
    /// Names the first time that is out of bounds.
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

    /// Returns `policy` with the times of `self`.
    pub(super) fn policy(&self, policy: Policy) -> GatePolicy {
        GatePolicy {
            retry: self.retry,
            timeout: self.timeout,
            max_age: self.interval.saturating_add(self.timeout),
            ..policy.into()
        }
    }
}
