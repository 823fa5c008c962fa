//! When a runner looks at which of its gates.

use std::{collections::HashMap, time::Duration};

use chrono::{DateTime, Utc};

use super::held::HeldGate;
use crate::{clock::ClockTrust, model::GateId};

/// How often the windows of gates that are not open yet are read.
const EARLY: Duration = Duration::from_secs(60);
/// How often nudges can make that happen, at most.
const NUDGED: Duration = Duration::from_secs(5);

/// When a runner looks at which of its gates, by the monotonic clock.
#[derive(Debug, Default)]
pub(super) struct Agenda {
    tick: Duration,
    /// When all open gates are looked at next.
    open_at: Duration,
    /// When all gates that are not open yet were looked at.
    early_at: Option<Duration>,
    nudged: bool,
    /// When half of the lease is over.
    extend_at: Duration,
}

impl Agenda {
    pub(super) fn new(tick: Duration) -> Self {
        Self { tick, ..Self::default() }
    }

    pub(super) const fn nudged(&mut self) {
        self.nudged = true;
    }

    /// The lease was made to last so long from this instant on.
    pub(super) fn extended(&mut self, at: Duration, lease: Duration) {
        self.extend_at = at + lease / 2;
    }

    /// The store may hold gates for this worker that it does not know of.
    pub(super) const fn extend_soon(&mut self) {
        self.extend_at = Duration::ZERO;
    }

    pub(super) fn wants_extension(&self, monotonic: Duration) -> bool {
        self.extend_at <= monotonic
    }

    /// The gates to look at now: those whose own time has come, the open ones at each tick, the others
    /// each minute, and all of them while the clock is in doubt.
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
