//! The stretch of time in which a host may be touched.

use std::{
    cmp::Ordering,
    hash::{Hash, Hasher},
};

use chrono::{DateTime, Datelike, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::model::{TimeZoneName, instant};

/// From `opens_at` (inside) to `closes_at` (outside): two instants, so no time zone can move it afterwards.
///
/// It lasts at least one microsecond and at most [`Window::MAXIMUM_LENGTH`]; anything else cannot be built or read.
/// Both ends are whole microseconds of the years 0 to 9999, so that every window survives being written and read.
/// Windows sort by opening, then by close.
///
/// A window may know the time zone to show it in ([`Window::with_time_zone`]). That is for people alone: it moves
/// neither end, and two windows with the same ends are equal whatever their zones.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(try_from = "RawWindow")]
pub struct Window {
    #[serde(with = "instant")]
    opens_at: DateTime<Utc>,
    #[serde(with = "instant")]
    closes_at: DateTime<Utc>,
    #[serde(skip_serializing_if = "Option::is_none")]
    time_zone: Option<TimeZoneName>,
}

/// Why two instants are not a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WindowError {
    /// Both ends are the same microsecond.
    #[error("a window that opens and closes at {at} has no length")]
    Empty {
        /// The instant of both ends.
        at: DateTime<Utc>,
    },
    /// The close lies before the opening.
    #[error("a window cannot close at {closes_at}, before it opens at {opens_at}")]
    Reversed {
        /// The opening as given.
        opens_at: DateTime<Utc>,
        /// The close as given.
        closes_at: DateTime<Utc>,
    },
    /// Longer than [`Window::MAXIMUM_LENGTH`].
    #[error("a window from {opens_at} to {closes_at} is longer than 7 days")]
    TooLong {
        /// The opening as given.
        opens_at: DateTime<Utc>,
        /// The close as given.
        closes_at: DateTime<Utc>,
    },
    /// An end that RFC 3339 cannot write: outside the years 0 to 9999.
    #[error("the end of a window must lie in the years 0 to 9999")]
    OutOfRange,
}

impl Window {
    /// The longest window: 7 days of elapsed time.
    pub const MAXIMUM_LENGTH: TimeDelta = TimeDelta::days(7);

    /// A window between two instants; what is finer than a microsecond is dropped first.
    ///
    /// # Errors
    /// [`WindowError`] if it would be empty, reversed, longer than 7 days or not writable.
    pub fn new(opens_at: DateTime<Utc>, closes_at: DateTime<Utc>) -> Result<Self, WindowError> {
        let (opens_at, closes_at) = (instant::truncate(opens_at), instant::truncate(closes_at));
        if [opens_at, closes_at].iter().any(|end| !(0..=9999).contains(&end.year())) {
            return Err(WindowError::OutOfRange);
        }
        if closes_at == opens_at {
            return Err(WindowError::Empty { at: opens_at });
        }
        if closes_at < opens_at {
            return Err(WindowError::Reversed { opens_at, closes_at });
        }
        if closes_at - opens_at > Self::MAXIMUM_LENGTH {
            return Err(WindowError::TooLong { opens_at, closes_at });
        }
        Ok(Self { opens_at, closes_at, time_zone: None })
    }

    /// The window `[opens_at, opens_at + length)`, which also bounds the wait of a job that has no maintenance
    /// window.
    ///
    /// # Errors
    /// As [`Window::new`].
    pub fn lasting(opens_at: DateTime<Utc>, length: TimeDelta) -> Result<Self, WindowError> {
        let opens_at = instant::truncate(opens_at);
        let closes_at = opens_at.checked_add_signed(length).ok_or(WindowError::OutOfRange)?;
        Self::new(opens_at, closes_at)
    }

    /// The same window, to be shown in this zone: that of the calendar that it comes from.
    #[must_use]
    pub fn with_time_zone(self, time_zone: TimeZoneName) -> Self {
        Self { time_zone: Some(time_zone), ..self }
    }

    /// The zone to show it in; `None` for a window that comes from no calendar.
    #[must_use]
    pub fn time_zone(&self) -> Option<TimeZoneName> {
        self.time_zone
    }

    /// The first instant inside.
    #[must_use]
    pub fn opens_at(&self) -> DateTime<Utc> {
        self.opens_at
    }

    /// The first instant after the window.
    #[must_use]
    pub fn closes_at(&self) -> DateTime<Utc> {
        self.closes_at
    }

    /// Whether the instant lies inside; the close does not.
    #[must_use]
    pub fn contains(&self, instant: DateTime<Utc>) -> bool {
        self.opens_at <= instant && instant < self.closes_at
    }

    /// Elapsed time between opening and close.
    #[must_use]
    pub fn length(&self) -> TimeDelta {
        self.closes_at - self.opens_at
    }

    /// The end that counts when `closing_margin` before the close is too late to start anything.
    ///
    /// Never before the opening, never after the close: a negative margin cannot lengthen a window.
    #[must_use]
    pub fn end_with_margin(&self, closing_margin: TimeDelta) -> DateTime<Utc> {
        self.closes_at - closing_margin.clamp(TimeDelta::zero(), self.length())
    }

    /// Whether `instant` lies inside and before the end that [`Window::end_with_margin`] names.
    #[must_use]
    pub fn contains_with_margin(&self, instant: DateTime<Utc>, closing_margin: TimeDelta) -> bool {
        self.opens_at <= instant && instant < self.end_with_margin(closing_margin)
    }
}

impl Window {
    fn ends(&self) -> (DateTime<Utc>, DateTime<Utc>) {
        (self.opens_at, self.closes_at)
    }
}

impl PartialEq for Window {
    fn eq(&self, other: &Self) -> bool {
        self.ends() == other.ends()
    }
}

impl Eq for Window {}

impl PartialOrd for Window {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Window {
    fn cmp(&self, other: &Self) -> Ordering {
        self.ends().cmp(&other.ends())
    }
}

impl Hash for Window {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.ends().hash(state);
    }
}

/// What is read before it is known to be a window.
#[derive(Deserialize)]
struct RawWindow {
    #[serde(with = "instant")]
    opens_at: DateTime<Utc>,
    #[serde(with = "instant")]
    closes_at: DateTime<Utc>,
    /// A zone that this build does not know is dropped: it must not keep a gate from being read.
    #[serde(default)]
    time_zone: Option<String>,
}

impl TryFrom<RawWindow> for Window {
    type Error = WindowError;

    fn try_from(raw: RawWindow) -> Result<Self, WindowError> {
        let time_zone = raw.time_zone.and_then(|name| name.parse().ok());
        Ok(Self { time_zone, ..Self::new(raw.opens_at, raw.closes_at)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(text: &str) -> DateTime<Utc> {
        instant::parse(text).expect("a valid instant")
    }

    #[test]
    fn the_close_is_outside_and_the_opening_inside() {
        let window =
            Window::new(at("2026-01-01T22:00:00Z"), at("2026-01-02T02:00:00Z")).expect("valid");
        assert!(window.contains(window.opens_at()));
        assert!(!window.contains(window.closes_at()));
        assert!(window.contains(window.closes_at() - TimeDelta::nanoseconds(1)));
        assert!(!window.contains(window.opens_at() - TimeDelta::nanoseconds(1)));
    }

    #[test]
    fn f10_empty_reversed_and_overlong_windows_are_refused_by_type() {
        let opens = at("2026-01-01T00:00:00Z");
        let week = Window::MAXIMUM_LENGTH;
        let microsecond = TimeDelta::microseconds(1);
        assert_eq!(Window::new(opens, opens), Err(WindowError::Empty { at: opens }));
        assert_eq!(
            Window::new(opens, opens + TimeDelta::nanoseconds(999)),
            Err(WindowError::Empty { at: opens })
        );
        assert!(matches!(
            Window::new(opens, opens - microsecond),
            Err(WindowError::Reversed { .. })
        ));
        assert!(matches!(
            Window::new(opens, opens + week + microsecond),
            Err(WindowError::TooLong { .. })
        ));
        assert!(Window::new(opens, opens + microsecond).is_ok());
        assert_eq!(Window::lasting(opens, week).expect("valid").length(), week);
        for extreme in [DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC] {
            assert_eq!(Window::new(extreme, opens), Err(WindowError::OutOfRange));
            assert_eq!(Window::new(opens, extreme), Err(WindowError::OutOfRange));
        }
        assert_eq!(Window::lasting(DateTime::<Utc>::MAX_UTC, week), Err(WindowError::OutOfRange));
        assert!(Window::lasting(opens, TimeDelta::MAX).is_err());
    }

    #[test]
    fn f10_text_goes_through_the_constructor() {
        let window =
            Window::new(at("2026-01-01T22:00:00Z"), at("2026-01-02T02:00:00Z")).expect("valid");
        let text = serde_json::to_string(&window).expect("serialises");
        assert_eq!(
            text,
            r#"{"opens_at":"2026-01-01T22:00:00.000000Z","closes_at":"2026-01-02T02:00:00.000000Z"}"#
        );
        assert_eq!(serde_json::from_str::<Window>(&text).expect("valid"), window);
        let reversed = r#"{"opens_at":"2026-01-02T22:00:00Z","closes_at":"2026-01-02T02:00:00Z"}"#;
        let error = serde_json::from_str::<Window>(reversed).expect_err("reversed");
        assert!(error.to_string().contains("before it opens"), "{error}");
    }

    #[test]
    fn a_zone_is_kept_and_takes_no_part_in_comparisons() {
        let plain =
            Window::lasting(at("2026-10-24T23:00:00Z"), TimeDelta::hours(4)).expect("valid");
        let berlin = "Europe/Berlin".parse().expect("a zone");
        let window = plain.with_time_zone(berlin);
        assert_eq!((plain, plain.cmp(&window)), (window, Ordering::Equal));
        assert_eq!((plain.time_zone(), window.closes_at()), (None, plain.closes_at()));
        let text = serde_json::to_string(&window).expect("serialises");
        assert!(text.ends_with(r#","time_zone":"Europe/Berlin"}"#), "{text}");
        let read = |text: &str| serde_json::from_str::<Window>(text).expect("valid").time_zone();
        assert_eq!(read(&text), Some(berlin));
        assert_eq!(read(&text.replace("Berlin", "Atlantis")), None, "read all the same");
    }

    #[test]
    fn a_margin_shortens_but_never_lengthens_or_reverses() {
        let window =
            Window::lasting(at("2026-01-01T00:00:00Z"), TimeDelta::hours(1)).expect("valid");
        assert_eq!(window.end_with_margin(TimeDelta::minutes(10)), at("2026-01-01T00:50:00Z"));
        assert_eq!(window.end_with_margin(TimeDelta::days(9)), window.opens_at());
        assert_eq!(window.end_with_margin(TimeDelta::MIN), window.closes_at());
        assert!(!window.contains_with_margin(at("2026-01-01T00:50:00Z"), TimeDelta::minutes(10)));
        assert!(window.contains_with_margin(at("2026-01-01T00:49:59Z"), TimeDelta::minutes(10)));
        assert!(!window.contains_with_margin(window.opens_at(), TimeDelta::hours(1)));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        /// F10: whatever can be built is ordered, bounded and survives text.
        #[test]
        fn f10_every_window_that_exists_is_sound(
            opens in -70_000_000_000_i64..260_000_000_000,
            nanoseconds in 0_u32..1_000_000_000,
            length in -700_000_000_000_i64..1_400_000_000_000,
        ) {
            let opens = DateTime::from_timestamp(opens, nanoseconds).expect("in range");
            match Window::lasting(opens, TimeDelta::microseconds(length)) {
                Ok(window) => {
                    prop_assert!(window.length() > TimeDelta::zero() && window.length() <= Window::MAXIMUM_LENGTH);
                    prop_assert!(window.contains(window.opens_at()) && !window.contains(window.closes_at()));
                    let text = serde_json::to_string(&window).expect("serialises");
                    prop_assert_eq!(serde_json::from_str::<Window>(&text).expect("reads"), window);
                }
                Err(WindowError::OutOfRange) => prop_assert!(!(1..9999).contains(&opens.year())),
                Err(_) => prop_assert!(length <= 0 || length > 604_800_000_000),
            }
        }
    }
}
