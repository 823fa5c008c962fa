//! Instants as they are stored and shown: UTC, whole microseconds, RFC 3339 with `Z`.
//!
//! Use it on a field with `#[serde(with = "healthgate::model::instant")]`, or
//! `instant::option` for an optional one.

use chrono::{DateTime, SecondsFormat, SubsecRound, Utc};
use serde::{Deserialize, Deserializer, Serializer};

/// The instant without what lies below a microsecond, the resolution of every store.
#[must_use]
pub fn truncate(instant: DateTime<Utc>) -> DateTime<Utc> {
    instant.trunc_subsecs(6)
}

/// The instant as text, for example `2026-11-24T02:00:00.000000Z`.
#[must_use]
pub fn to_text(instant: &DateTime<Utc>) -> String {
    instant.to_rfc3339_opts(SecondsFormat::Micros, true)
}

/// Writes an instant in the form of [`to_text`].
///
/// # Errors
/// Those of the serializer.
pub fn serialize<S: Serializer>(instant: &DateTime<Utc>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&to_text(instant))
}

/// Reads an RFC 3339 instant with any offset, cut to microseconds.
///
/// # Errors
/// Whatever is not an RFC 3339 instant.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<DateTime<Utc>, D::Error> {
    DateTime::<Utc>::deserialize(deserializer).map(truncate)
}

/// The same for an instant that may be absent (`null`).
pub mod option {
    use super::{DateTime, Deserialize, Deserializer, Serializer, Utc, to_text, truncate};

    /// Writes the instant, or `null`.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn serialize<S: Serializer>(
        instant: &Option<DateTime<Utc>>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match instant {
            Some(instant) => serializer.serialize_some(&to_text(instant)),
            None => serializer.serialize_none(),
        }
    }

    /// Reads an instant or `null`.
    ///
    /// # Errors
    /// Whatever is neither.
    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<DateTime<Utc>>, D::Error> {
        Ok(Option::<DateTime<Utc>>::deserialize(deserializer)?.map(truncate))
    }
}
