//! How a runner of gates works.

use std::time::Duration;

use crate::ConfigError;

/// How a runner of gates works.
#[derive(Clone, Debug)]
pub struct GateRunnerConfig {
    /// The longest time between two looks at every gate; at most 5 s, so that a shortened window or a
    /// cancellation ends a wait within that (F11, F13).
    pub tick: Duration,
    /// The most gates of one claim.
    pub claim_block: u32,
    /// The most gates that one runner holds.
    pub max_gates: usize,
    /// The most checks that run for gates at the same time; where the runner shares a
    /// [`Capacity`](crate::checks::Capacity), that one's share of gates counts instead.
    pub max_concurrent_checks: usize,
    /// How long a lease lasts where nobody renews it.
    pub lease: Duration,
    /// The longest that a look waits for the answer of a source. Then the source counts as failing, and
    /// gates wait, or end by their last known window (F141).
    pub source_timeout: Duration,
    /// How long attempts may go on after the order to stop.
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
    /// Holds the figures against each other.
    ///
    /// # Errors
    /// The first that is out of its bounds.
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
