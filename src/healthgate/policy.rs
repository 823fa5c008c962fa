//! What a gate asks for, apart from the times that it shares with the poller.

use std::time::Duration;

use crate::gate::{GatePolicy, NoChecks};

/// What the gates of a [`Healthgate`](crate::Healthgate) ask for. It is a [`GatePolicy`] without the times
/// that must agree with the poller: these are in [`Timing`](crate::Timing).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Policy {
    /// How long a pass can be spent: 1 s to 1 day. The default is 60 s.
    pub pass_ttl: Duration,
    /// A gate with a maintenance window ends this long before the window closes: less than 7 days. The
    /// default is zero.
    pub closing_margin: Duration,
    /// What happens on a host without an enabled check. By default it passes, recorded as `no_checks`.
    pub no_checks: NoChecks,
    /// The number of consecutive healthy results required of each check: 1 to 100. The default is 1.
    pub healthy_after: u32,
    /// Only results from after the gate and its window opened count (G5). Off by default.
    pub live_only: bool,
    /// The time over which first attempts are spread where a window opens (F37): at most 7 days. The
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
    /// Takes the shared times from the default.
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
