//! Computes when a host is due. Pure functions of the host, the interval and an instant.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::model::HostId;

/// Returns the offset of a host's slot in each interval: a stable hash of its id. Starts are spread evenly and
/// stay the same after a restart, and a host's checks run together (L7, F41).
#[must_use]
pub fn phase(host: HostId, interval: Duration) -> Duration {
    Duration::from_micros(stable_hash(host.as_uuid()) % micros(interval))
}

/// Returns the first slot of a host after an instant. Missed slots are skipped, so a pause is followed by one
/// run, never by a burst.
#[must_use]
pub fn next_slot(host: HostId, interval: Duration, after: DateTime<Utc>) -> DateTime<Utc> {
    let interval_micros = i64::try_from(micros(interval)).unwrap_or(i64::MAX);
    let phase = i64::try_from(phase(host, interval).as_micros()).unwrap_or(0);
    let since_slot = (after.timestamp_micros() - phase).rem_euclid(interval_micros);
    after.checked_add_signed(TimeDelta::microseconds(interval_micros - since_slot)).unwrap_or(after)
}

/// Returns the wait after this many consecutive failures: 1 s, doubling up to 30 s. `seed` and `failures`
/// randomize the upper half, so that workers do not retry together.
#[must_use]
pub fn backoff(failures: u32, seed: Uuid) -> Duration {
    let longest = Duration::from_secs(1 << failures.saturating_sub(1).min(5)).min(MAXIMUM_BACKOFF);
    let spread = stable_hash(Uuid::from_u128(seed.as_u128() ^ u128::from(failures)));
    longest / 2 + Duration::from_micros(spread % micros(longest / 2))
}

const MAXIMUM_BACKOFF: Duration = Duration::from_secs(30);

/// Returns a hash that is the same on every machine and in every version.
pub(crate) fn stable_hash(id: Uuid) -> u64 {
    let digest = Sha256::digest(id.as_bytes());
    digest.iter().take(8).fold(0, |hash, byte| hash << 8 | u64::from(*byte))
}

/// Returns whole microseconds, at least 1 so that it can be a divisor.
fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn instant(micros: i64) -> DateTime<Utc> {
        DateTime::from_timestamp_micros(micros).expect("in range")
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10_000))]

        #[test]
        fn l7_the_next_slot_is_the_first_after_now_and_lies_on_the_hosts_phase(
            id in any::<u128>(),
            now in 0_i64..4_000_000_000_000_000,
            seconds in 1_u64..86_400,
        ) {
            let host = HostId::from_uuid(Uuid::from_u128(id));
            let interval = Duration::from_secs(seconds);
            let (now, width) = (instant(now), TimeDelta::seconds(seconds.cast_signed()));
            let slot = next_slot(host, interval, now);
            prop_assert!(slot > now && slot <= now + width);
            prop_assert_eq!(next_slot(host, interval, slot), slot + width);
            prop_assert_eq!(next_slot(host, interval, slot - TimeDelta::microseconds(1)), slot);
        }

        #[test]
        fn a_backoff_stays_between_half_a_second_and_thirty_seconds(
            failures in any::<u32>(),
            seed in any::<u128>(),
        ) {
            let wait = backoff(failures, Uuid::from_u128(seed));
            prop_assert!(wait >= Duration::from_millis(500) && wait <= MAXIMUM_BACKOFF);
        }
    }

    #[test]
    fn f41_no_thirty_seconds_hold_more_than_a_fair_share_of_ten_thousand_hosts() {
        let interval = Duration::from_secs(300);
        let mut counts = [0_u32; 10];
        for index in 0..10_000_u128 {
            // Ids from one moment, as in a first import.
            let host = HostId::from_uuid(Uuid::from_u128((0x0197_0000_0000_7000 << 64) + index));
            counts[usize::try_from(phase(host, interval).as_secs() / 30).expect("small")] += 1;
        }
        assert!(counts.iter().all(|count| *count <= 1_200), "{counts:?}");
    }

    #[test]
    fn a_phase_is_the_same_in_every_version() {
        let host = HostId::from_uuid(Uuid::from_u128(1));
        assert_eq!(phase(host, Duration::from_secs(300)), Duration::from_micros(154_521_211));
    }
}
