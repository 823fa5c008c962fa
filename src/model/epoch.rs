//! Instants of a store's clock, which may step. They are ordered by epoch first, then by time.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// A period in which the store's clock has not gone back, counted from 0.
///
/// Instants of one epoch are in the order of their readings. A step back begins the next epoch, so a date
/// from a clock that was ahead is never newer than what came afterwards (F168).
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct ClockEpoch(i64);

impl ClockEpoch {
    /// Creates the epoch with this number.
    #[must_use]
    pub const fn new(number: i64) -> Self {
        Self(number)
    }

    /// Returns the number of the epoch.
    #[must_use]
    pub const fn number(self) -> i64 {
        self.0
    }

    /// Returns the epoch after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for ClockEpoch {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// An instant of a store's clock, with the epoch of its reading.
///
/// The order is that of the readings: a later epoch comes later, regardless of the clock.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct StoreTime {
    /// The epoch.
    pub epoch: ClockEpoch,
    /// The instant that the clock showed.
    pub at: DateTime<Utc>,
}

impl StoreTime {
    /// Creates an instant of an epoch.
    #[must_use]
    pub const fn new(epoch: ClockEpoch, at: DateTime<Utc>) -> Self {
        Self { epoch, at }
    }
}
