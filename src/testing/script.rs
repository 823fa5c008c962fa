//! Answers that are written down beforehand, and when each of them holds.

use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::model::ReasonCode;

/// How a scripted target answers, and after how long.
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
    /// An answer with this reason, after 10 ms.
    #[must_use]
    pub const fn new(reason: ReasonCode) -> Self {
        Self { saying: Saying::Reason(reason), takes: Duration::from_millis(10) }
    }

    /// A healthy one.
    #[must_use]
    pub const fn healthy() -> Self {
        Self::new(ReasonCode::Ok)
    }

    /// A connection that the target refuses, after 10 ms: [`ReasonCode::Connect`], over a network that
    /// works.
    #[must_use]
    pub const fn refused() -> Self {
        Self { saying: Saying::Refused, takes: Duration::from_millis(10) }
    }

    /// Never answers, not even with the failure that a real runner gives at its deadline.
    #[must_use]
    pub const fn never() -> Self {
        Self { saying: Saying::Nothing, takes: Duration::ZERO }
    }

    /// Panics in the code that asks.
    #[must_use]
    pub const fn panic() -> Self {
        Self { saying: Saying::Panic, takes: Duration::ZERO }
    }

    /// Delays the answer by this time, by the script's clock.
    #[must_use]
    pub const fn with_delay(self, takes: Duration) -> Self {
        Self { takes, ..self }
    }

    /// What comes of it within `time`: the reason, and how long it took. Where time runs out first,
    /// that is [`ReasonCode::TimeoutHead`]; `None` where there is no answer, ever.
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
    /// From this instant on, until one that begins later.
    pub(super) fn set(&mut self, from: DateTime<Utc>, answer: Answer) {
        let place = self.0.partition_point(|(start, _)| *start <= from);
        self.0.insert(place, (from, answer));
    }

    /// The answer that holds at an instant.
    pub(super) fn at(&self, instant: DateTime<Utc>) -> Option<Answer> {
        let place = self.0.partition_point(|(start, _)| *start <= instant);
        place.checked_sub(1).map(|index| self.0[index].1)
    }
}
