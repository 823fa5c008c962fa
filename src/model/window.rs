//! The period in which a job may touch a host.

use std::{
    cmp::Ordering,
    hash::{Hash, Hasher},
};

use chrono::{DateTime, Datelike, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::model::{TimeZoneName, instant};

/// A period from `opens_at`, inclusive, to `closes_at`, exclusive.
///
/// Both ends are instants, so no time zone can move them. A window lasts at least one microsecond and at most
/// [`Window::MAXIMUM_LENGTH`]; constructor and deserialisation refuse anything else. Both ends are whole microseconds
/// in the years 0 to 9999, so that a window can be written and read without loss. Windows sort by opening, then by
/// close.
///
/// A window may have a time zone for display ([`Window::with_time_zone`]). It moves neither end, and two windows with
/// the same ends are equal even if their zones differ.
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

/// The reason why two instants are not a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WindowError {
    /// Both ends fall in the same microsecond.
    #[error("a window that opens and closes at {at} has no length")]
    Empty {
        /// The instant of both ends.
        at: DateTime<Utc>,
    },
    /// The close is before the opening.
    #[error("a window cannot close at {closes_at}, before it opens at {opens_at}")]
    Reversed {
        /// The given opening.
        opens_at: DateTime<Utc>,
        /// The given close.
        closes_at: DateTime<Utc>,
    },
    /// The window is longer than [`Window::MAXIMUM_LENGTH`].
    #[error("a window from {opens_at} to {closes_at} is longer than 7 days")]
    TooLong {
        /// The given opening.
        opens_at: DateTime<Utc>,
        /// The given close.
        closes_at: DateTime<Utc>,
    },
    /// An end is outside the years 0 to 9999, which RFC 3339 can represent.
    #[error("the end of a window must lie in the years 0 to 9999")]
    OutOfRange,
}

impl Window {
    /// The maximum length: 7 days of elapsed time.
    pub const MAXIMUM_LENGTH: TimeDelta = TimeDelta::days(7);

    /// Creates a window between two instants, after truncating them to microseconds.
    ///
    /// # Errors
    /// [`WindowError`] if the window is empty, reversed, longer than 7 days or outside the years 0 to 9999.
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

    /// Creates the window `[opens_at, opens_at + length)`. It can also limit the wait of a job without a maintenance
    /// window.
    ///
    /// # Errors
    /// Those of [`Window::new`].
    pub fn lasting(opens_at: DateTime<Utc>, length: TimeDelta) -> Result<Self, WindowError> {
        let opens_at = instant::truncate(opens_at);
        let closes_at = opens_at.checked_add_signed(length).ok_or(WindowError::OutOfRange)?;
        Self::new(opens_at, closes_at)
    }

    /// Sets the zone for display, usually that of the window's calendar.
    #[must_use]
    pub fn with_time_zone(self, time_zone: TimeZoneName) -> Self {
        Self { time_zone: Some(time_zone), ..self }
    }

    /// Returns the zone for display; `None` for a window without a calendar.
    #[must_use]
    pub fn time_zone(&self) -> Option<TimeZoneName> {
        self.time_zone
    }

    /// Returns the opening, the first instant inside the window.
    #[must_use]
    pub fn opens_at(&self) -> DateTime<Utc> {
        self.opens_at
    }

    /// Returns the close, the first instant after the window.
    #[must_use]
    pub fn closes_at(&self) -> DateTime<Utc> {
        self.closes_at
    }

    /// Returns whether the instant lies inside. The close does not.
    #[must_use]
    pub fn contains(&self, instant: DateTime<Utc>) -> bool {
        self.opens_at <= instant && instant < self.closes_at
    }

    /// Returns the elapsed time between opening and close.
    #[must_use]
    pub fn length(&self) -> TimeDelta {
        self.closes_at - self.opens_at
    }

    /// Returns the end of the window with a closing margin: `closing_margin` before the close.
    ///
    /// The result is never before the opening nor after the close, so a negative margin cannot lengthen a window.
    #[must_use]
    pub fn end_with_margin(&self, closing_margin: TimeDelta) -> DateTime<Utc> {
        self.closes_at - closing_margin.clamp(TimeDelta::zero(), self.length())
    }

    /// Returns whether `instant` lies inside and before the end that [`Window::end_with_margin`] returns.
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

/// The unvalidated form of a window.
#[derive(Deserialize)]
struct RawWindow {
    #[serde(with = "instant")]
    opens_at: DateTime<Utc>,
    #[serde(with = "instant")]
    closes_at: DateTime<Utc>,
    /// The zone. An unknown zone is dropped, so that the gate can still be read.
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

        /// F10: every window that can be built is ordered, bounded and survives its text form.
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
