//! The gate policy without the times that gates share with the poller.

use std::time::Duration;

use crate::gate::{GatePolicy, NoChecks};

/// The policy of the gates of a [`Healthgate`](crate::Healthgate).
///
/// It is a [`GatePolicy`] without the times that must agree with the poller; those are in
/// [`Timing`](crate::Timing).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Policy {
    /// The lifetime of a pass: 1 s to 1 day. The default is 60 s.
    pub pass_ttl: Duration,
    /// The time before the close of a maintenance window at which the gate ends: less than 7 days. The
    /// default is zero.
    pub closing_margin: Duration,
    /// The treatment of a host without an enabled check. By default it passes, recorded as `no_checks`.
    pub no_checks: NoChecks,
    /// The number of consecutive healthy results required of each check: 1 to 100. The default is 1.
    pub healthy_after: u32,
    /// Whether only results from after the opening of both the gate and its window count (G5). The default
    /// is `false`.
    pub live_only: bool,
    /// The time over which first attempts are spread when a window opens (F37): at most 7 days. The
    /// default is 30 s.
    pub spread: Duration,
}

impl Default for Policy {
    fn default() -> Self {
        let GatePolicy {
            pass_ttl,
            closing_margin,
            no_checks,
            healthy_after,
            live_only,
            spread,
            ..
        } = GatePolicy::default();
        Self { pass_ttl, closing_margin, no_checks, healthy_after, live_only, spread }
    }
}

impl From<Policy> for GatePolicy {
    /// Converts the policy, with the default for the shared times.
    fn from(policy: Policy) -> Self {
        let Policy { pass_ttl, closing_margin, no_checks, healthy_after, live_only, spread } =
            policy;
        Self {
            pass_ttl,
            closing_margin,
            no_checks,
            healthy_after,
            live_only,
            spread,
            ..Self::default()
        }
    }
}
