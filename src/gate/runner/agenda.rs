//! The schedule of a runner's looks at its gates.

use std::{collections::HashMap, time::Duration};

use chrono::{DateTime, Utc};

use super::held::HeldGate;
use crate::{clock::ClockTrust, model::GateId};

/// The interval at which the windows of gates that are not open yet are read.
const EARLY: Duration = Duration::from_secs(60);
/// The minimum interval at which nudges cause such a read.
const NUDGED: Duration = Duration::from_secs(5);

/// The schedule of a runner's looks at its gates, by the monotonic clock.
#[derive(Debug, Default)]
pub(super) struct Agenda {
    tick: Duration,
    /// The time of the next look at all open gates.
    open_at: Duration,
    /// The time of the last look at all gates that are not open yet.
    early_at: Option<Duration>,
    nudged: bool,
    /// The time at which half of the lease is over.
    extend_at: Duration,
}

impl Agenda {
    pub(super) fn new(tick: Duration) -> Self {
        Self { tick, ..Self::default() }
    }

    pub(super) const fn nudged(&mut self) {
        self.nudged = true;
    }

    /// Notes that the lease was extended by `lease` from this instant on.
    pub(super) fn extended(&mut self, at: Duration, lease: Duration) {
        self.extend_at = at + lease / 2;
    }

    /// Extends the lease at the next chance. The store may hold gates for this worker that it does not know of.
    pub(super) const fn extend_soon(&mut self) {
        self.extend_at = Duration::ZERO;
    }

    pub(super) fn wants_extension(&self, monotonic: Duration) -> bool {
        self.extend_at <= monotonic
    }

    /// Returns the gates to look at now: those that are due, the open ones at each tick, the others every
    /// minute, and all of them while the clock is suspect.
    pub(super) fn due(
        &mut self,
        held: &HashMap<GateId, HeldGate>,
        now: DateTime<Utc>,
        monotonic: Duration,
        trust: ClockTrust,
    ) -> Vec<GateId> {
        let all = trust != ClockTrust::Trusted;
        let open = all || self.nudged || self.open_at <= monotonic;
        let every = if self.nudged { NUDGED } else { EARLY };
        let early = all || self.early_at.is_none_or(|looked| looked + every <= monotonic);
        if open {
            self.open_at = monotonic + self.tick;
        }
        if early {
            self.early_at = Some(monotonic);
            self.nudged = false;
        }
        let due =
            |held: &&HeldGate| held.look_at <= now || if held.is_early(now) { early } else { open };
        held.values().filter(due).map(|held| held.record.id).collect()
    }
}
