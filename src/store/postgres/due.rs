//! Tracks where due times begin, so that a claim need not scan old index entries (F241).
//!
//! Each round leaves an entry at the host's old due time in the index, and while another session holds an
//! old snapshot, vacuum removes none of them. No row is due before the *floor*. The floor rises with the
//! rows, but only up to the point where no open transaction can still write an earlier due time. A
//! transaction that writes an earlier due time also increments `due_resets` (`health_note_early_due`),
//! which invalidates the floor.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::FromRow;

use super::{error::OperationError, write::Write};
use crate::clock::{Clock, SystemClock};

/// The minimum distance between the floor and the current time. It exceeds the trigger's own tolerance by
/// as much as a clock may step back unnoticed.
const MARGIN: TimeDelta = TimeDelta::seconds(10);

/// The whole range is scanned again after this duration: a restored server, or a failover that lost the
/// last writes, brings back old rows.
const LOOK_AGAIN: Duration = Duration::from_secs(60);
/// A floor that is never valid.
const NO_FLOOR: (DateTime<Utc>, i64) = (DateTime::UNIX_EPOCH, -1);

/// The condition for a schedule row that is not below the floor `$floor`, which is valid while `$resets`
/// is.
macro_rules! above_floor {
    ($floor:literal, $resets:literal) => {
        concat!(
            "next_due >= (select case when due_resets + clock_epoch = ",
            $resets,
            " then ",
            $floor,
            " else '-infinity' end from health_installation)"
        )
    };
}
pub(super) use above_floor;

/// This process's knowledge of the lowest due time.
#[derive(Default, Debug)]
pub(super) struct DueFloor(Mutex<Known>);

#[derive(Clone, Copy, Default, Debug)]
struct Known {
    /// The floor, and when the whole range was last scanned, by the process's own clock.
    floor: Option<(DateTime<Utc>, Duration)>,
    /// The version that the floor is valid for. Every early due time and every epoch increments it.
    resets: i64,
    /// When a scan began, and the first transaction id that had not begun by then.
    looked: Option<(DateTime<Utc>, i64)>,
}

#[derive(FromRow, Debug)]
struct Look {
    least: Option<DateTime<Utc>>,
    resets: i64,
    /// Every transaction with a lower id has ended.
    over_before: i64,
    next: i64,
}

impl DueFloor {
    /// Returns the floor and the version that it is valid for.
    pub(super) fn bounds(&self) -> (DateTime<Utc>, i64) {
        let mut known = self.known();
        match known.floor {
            Some((_, since)) if SystemClock.monotonic().saturating_sub(since) > LOOK_AGAIN => {
                *known = Known { resets: known.resets, ..Known::default() };
                NO_FLOOR
            }
            Some((floor, _)) => (floor, known.resets),
            None => NO_FLOOR,
        }
    }

    fn is_stale(&self, now: DateTime<Utc>) -> bool {
        self.known().floor.is_none_or(|(floor, _)| floor < now - MARGIN - TimeDelta::seconds(1))
    }

    fn learn(&self, look: &Look, now: DateTime<Utc>) {
        let mut known = self.known();
        if look.resets != known.resets {
            *known = Known { resets: look.resets, ..Known::default() };
        }
        match known.looked {
            // Later transactions write nothing that is due before the scan, and all earlier ones are
            // visible now.
            Some((then, next)) if look.over_before >= next => {
                let least = look.least.map_or(then, |least| least.min(then));
                let since = known.floor.map_or_else(|| SystemClock.monotonic(), |(_, since)| since);
                known.floor = Some((least.min(then - MARGIN), since));
                known.looked = Some((now, look.next));
            }
            Some(_) => {}
            None => known.looked = Some((now, look.next)),
        }
    }

    fn known(&self) -> std::sync::MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Write<'_> {
    /// Raises the floor after a claim that left no due host.
    pub(super) async fn raise_due_floor(
        &mut self,
        now: DateTime<Utc>,
    ) -> Result<(), OperationError> {
        let floor = Arc::clone(&self.store.due);
        if !floor.is_stale(now) {
            return Ok(());
        }
        let (least, resets) = floor.bounds();
        let look: Look = sqlx::query_as(concat!(
            "select (select min(next_due) from health_schedule where isfinite(next_due) and ",
            above_floor!("$1", "$2"),
            ") as least, due_resets + clock_epoch as resets, \
             pg_snapshot_xmin(seen)::text::bigint as over_before, pg_snapshot_xmax(seen)::text::bigint as next \
             from health_installation, (select pg_current_snapshot() as seen) s",
        ))
        .bind(least)
        .bind(resets)
        .fetch_one(&mut *self.connection)
        .await?;
        floor.learn(&look, now);
        Ok(())
    }
}
