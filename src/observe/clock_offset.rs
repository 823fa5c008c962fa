//! The offset between a worker's clock and the store's (F04).

use chrono::{DateTime, TimeDelta, Utc};
use tracing::{info, warn};

use super::{CLOCK_OFFSET, Part};

/// The offset above which a worker logs a warning. The offset has no other effect: due times, leases and
/// windows use the store's clock.
const TOLERATED: TimeDelta = TimeDelta::seconds(2);

/// Tracks the offset between a worker's wall clock and the store's.
#[derive(Debug)]
pub(crate) struct ClockOffset {
    part: Part,
    apart: bool,
}

impl ClockOffset {
    pub(crate) const fn new(part: Part) -> Self {
        Self { part, apart: false }
    }

    /// Notes a reading of the store's clock between two readings of the worker's, and returns the offset. It is
    /// positive if the worker is ahead.
    pub(crate) fn note(
        &mut self,
        before: DateTime<Utc>,
        store: DateTime<Utc>,
        after: DateTime<Utc>,
    ) -> TimeDelta {
        let offset = before + (after - before) / 2 - store;
        let seconds = offset.as_seconds_f64();
        CLOCK_OFFSET.set(seconds, &[("part", self.part.as_str())]);
        // The uncertainty of the round trip does not count as an offset.
        let apart = offset.abs() - (after - before).abs() / 2 > TOLERATED;
        if apart && !self.apart {
            warn!(
                seconds,
                part = self.part.as_str(),
                "this machine's clock and the store's differ: the store's counts"
            );
        } else if self.apart && !apart {
            info!(seconds, part = self.part.as_str(), "this machine's clock agrees again");
        }
        self.apart = apart;
        offset
    }
}
