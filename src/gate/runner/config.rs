//! The configuration of a gate runner.

use std::time::Duration;

use crate::ConfigError;

/// The configuration of a gate runner.
#[derive(Clone, Debug)]
pub struct GateRunnerConfig {
    /// The maximum time between two looks at each open gate: 10 ms to 5 s. A shortened window or a
    /// cancellation ends a wait within it (F11, F13).
    pub tick: Duration,
    /// The maximum number of gates in one claim.
    pub claim_block: u32,
    /// The maximum number of gates that one runner holds.
    pub max_gates: usize,
    /// The maximum number of checks in flight for gates. If the runner shares a
    /// [`Capacity`](crate::checks::Capacity), its share for gates counts instead.
    pub max_concurrent_checks: usize,
    /// The duration of a lease that is not renewed.
    pub lease: Duration,
    /// The maximum time that a look waits for a source. After that, the source counts as failing, and gates
    /// wait or end by their last known window (F141).
    pub source_timeout: Duration,
    /// The time for running attempts to finish after a shutdown is requested.
    pub grace: Duration,
}

impl Default for GateRunnerConfig {
    fn default() -> Self {
        Self {
            tick: Duration::from_secs(2),
            claim_block: 1_000,
            max_gates: 20_000,
            max_concurrent_checks: 384,
            lease: Duration::from_secs(60),
            source_timeout: Duration::from_secs(5),
            grace: Duration::from_secs(12),
        }
    }
}

impl GateRunnerConfig {
    /// Validates the values, alone and against each other.
    ///
    /// # Errors
    /// Names the first value that is out of bounds.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let tick = Duration::from_millis(10)..=Duration::from_secs(5);
        let rules = [
            ("tick", tick.contains(&self.tick), "between 10 ms and 5 s"),
            ("claim_block", self.claim_block > 0, "at least 1"),
            ("max_gates", self.max_gates > 0, "at least 1"),
            ("max_concurrent_checks", self.max_concurrent_checks > 0, "at least 1"),
            ("lease", self.lease >= self.tick.saturating_mul(4), "at least four ticks"),
            ("source_timeout", !self.source_timeout.is_zero(), "more than zero"),
            (
                "lease",
                self.lease / 4 >= self.source_timeout,
                "at least four times `source_timeout`",
            ),
        ];
        ConfigError::first_broken(rules)
    }
}
