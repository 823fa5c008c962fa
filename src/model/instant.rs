//! Instants in stored and transmitted text: RFC 3339 in UTC with exactly six decimals and `Z`.
//!
//! Each instant has a single spelling, so stores and clients can compare and sort the text.

use chrono::{DateTime, Datelike as _, SecondsFormat, Utc};
use serde::{Deserialize, Deserializer, Serializer, de::Error as _};
use thiserror::Error;

/// Returns the spelling of an instant in stored and transmitted text, for example `2026-03-29T01:00:00.000000Z`.
#[must_use]
pub fn to_text(instant: &DateTime<Utc>) -> String {
    truncate(*instant).format("%Y-%m-%dT%H:%M:%S%.6fZ").to_string()
}

/// Returns the spelling of an instant within a sentence, to the second: `2026-03-29T01:00:00Z`.
#[must_use]
pub fn in_words(instant: &DateTime<Utc>) -> String {
    truncate(*instant).to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// Truncates the instant to microseconds, so that a value read back equals the value written.
///
/// A leap second, which stores and most clients cannot represent, becomes the following second.
#[must_use]
pub fn truncate(instant: DateTime<Utc>) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(instant.timestamp_micros()).unwrap_or(instant)
}

/// Writes the instant as [`to_text`] does, for `#[serde(with = "crate::model::instant")]`.
///
/// # Errors
/// Fails if the serializer fails.
pub fn serialize<S: Serializer>(instant: &DateTime<Utc>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&to_text(instant))
}

/// Reads RFC 3339 text with any offset, truncated to microseconds.
///
/// # Errors
/// Fails if the value is not RFC 3339 text.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<DateTime<Utc>, D::Error> {
    let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
    parse(&text).map_err(|error| D::Error::custom(format_args!("not an RFC 3339 instant: {error}")))
}

/// Reads RFC 3339 text with any offset, truncated to microseconds.
///
/// # Errors
/// Fails if the text is not RFC 3339, or if its offset leads to a year in UTC that RFC 3339 cannot write.
pub fn parse(text: &str) -> Result<DateTime<Utc>, InstantError> {
    let instant = truncate(DateTime::parse_from_rfc3339(text)?.with_timezone(&Utc));
    if (0..=9999).contains(&instant.year()) { Ok(instant) } else { Err(InstantError::OutOfRange) }
}

/// The error of a text that is no instant.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum InstantError {
    /// The text is not RFC 3339.
    #[error(transparent)]
    NotRfc3339(#[from] chrono::ParseError),
    /// The year in UTC is before 0 or after 9999.
    #[error("the year in UTC is not between 0 and 9999")]
    OutOfRange,
}

/// The same for `Option<DateTime<Utc>>`. Add `#[serde(default)]` if the member may be absent.
pub mod option {
    use super::{DateTime, Deserialize, Deserializer, Serializer, Utc};

    /// Writes the instant or null.
    ///
    /// # Errors
    /// Fails if the serializer fails.
    pub fn serialize<S: Serializer>(
        instant: &Option<DateTime<Utc>>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match instant {
            Some(instant) => super::serialize(instant, serializer),
            None => serializer.serialize_none(),
        }
    }

    /// Reads null or RFC 3339 text.
    ///
    /// # Errors
    /// Fails if the text is not RFC 3339.
    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<DateTime<Utc>>, D::Error> {
        #[derive(Deserialize)]
        struct Instant(#[serde(with = "super")] DateTime<Utc>);
        Ok(Option::<Instant>::deserialize(deserializer)?.map(|instant| instant.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, serde::Serialize, Deserialize)]
    struct Both {
        #[serde(with = "super")]
        plain: DateTime<Utc>,
        #[serde(with = "super::option", default)]
        optional: Option<DateTime<Utc>>,
    }

    #[test]
    fn an_instant_has_one_spelling_and_survives_the_round_trip() {
        let read: Both = serde_json::from_str(r#"{"plain":"2026-03-29T03:00:00.1234567+02:00"}"#)
            .expect("valid");
        assert_eq!(to_text(&read.plain), "2026-03-29T01:00:00.123456Z");
        let text = serde_json::to_string(&read).expect("serialises");
        assert_eq!(text, r#"{"plain":"2026-03-29T01:00:00.123456Z","optional":null}"#);
        assert_eq!(serde_json::from_str::<Both>(&text).expect("valid"), read);
        assert!(serde_json::from_str::<Both>(r#"{"plain":"2026-03-29"}"#).is_err());
        assert!(serde_json::from_str::<Both>(r#"{"plain":7}"#).is_err());
    }

    #[test]
    fn a_sentence_has_whole_seconds() {
        let read = parse("2026-03-29T03:00:07.9+02:00").expect("valid");
        assert_eq!(in_words(&read), "2026-03-29T01:00:07Z");
    }

    #[test]
    fn a_leap_second_is_written_as_the_second_that_follows() {
        let leap = parse("2016-12-31T23:59:60.5Z").expect("valid");
        assert_eq!(to_text(&leap), "2017-01-01T00:00:00.500000Z");
    }

    #[test]
    fn instants_before_1970_are_cut_towards_the_past() {
        let early = parse("1969-12-31T23:59:59.9999999Z").expect("valid");
        assert_eq!(to_text(&early), "1969-12-31T23:59:59.999999Z");
    }
}
