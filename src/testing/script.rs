//! Scripted answers and their times.

use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::model::ReasonCode;

/// The answer of a scripted target, with its delay.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Answer {
    pub(super) saying: Saying,
    pub(super) takes: Duration,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Saying {
    Reason(ReasonCode),
    Refused,
    Nothing,
    Panic,
}

impl Answer {
    /// Creates an answer with this reason, after 10 ms.
    #[must_use]
    pub const fn new(reason: ReasonCode) -> Self {
        Self { saying: Saying::Reason(reason), takes: Duration::from_millis(10) }
    }

    /// Creates a healthy answer.
    #[must_use]
    pub const fn healthy() -> Self {
        Self::new(ReasonCode::Ok)
    }

    /// Creates the answer of a target that refuses the connection, after 10 ms: [`ReasonCode::Connect`] over a
    /// working network.
    #[must_use]
    pub const fn refused() -> Self {
        Self { saying: Saying::Refused, takes: Duration::from_millis(10) }
    }

    /// Creates a target that never answers, not even with the failure of a real runner at its deadline.
    #[must_use]
    pub const fn never() -> Self {
        Self { saying: Saying::Nothing, takes: Duration::ZERO }
    }

    /// Creates an answer that panics in the code that asks.
    #[must_use]
    pub const fn panic() -> Self {
        Self { saying: Saying::Panic, takes: Duration::ZERO }
    }

    /// Sets the delay of the answer, by the script's clock.
    #[must_use]
    pub const fn with_delay(self, takes: Duration) -> Self {
        Self { takes, ..self }
    }

    /// Returns the outcome within `time`: the reason and the duration. After a timeout, the reason is
    /// [`ReasonCode::TimeoutHead`]; `None` if there is never an answer.
    pub(super) fn within(self, time: Duration) -> Option<(ReasonCode, Duration)> {
        match self.saying {
            Saying::Nothing => None,
            Saying::Panic => panic!("scripted"),
            _ if self.takes > time => Some((ReasonCode::TimeoutHead, time)),
            Saying::Reason(reason) => Some((reason, self.takes)),
            Saying::Refused => Some((ReasonCode::Connect, self.takes)),
        }
    }
}

/// The answers of one target over time.
#[derive(Clone, Debug, Default)]
pub(super) struct Timeline(Vec<(DateTime<Utc>, Answer)>);

impl Timeline {
    /// Sets the answer from this instant on, until the next one.
    pub(super) fn set(&mut self, from: DateTime<Utc>, answer: Answer) {
        let place = self.0.partition_point(|(start, _)| *start <= from);
        self.0.insert(place, (from, answer));
    }

    /// Returns the answer that is valid at an instant.
    pub(super) fn at(&self, instant: DateTime<Utc>) -> Option<Answer> {
        let place = self.0.partition_point(|(start, _)| *start <= instant);
        place.checked_sub(1).map(|index| self.0[index].1)
    }
}
