//! Where the due times begin, so that a claim need not look at all that were there before (F241).
//!
//! Each round leaves an entry at its old due time in the index, and while somebody holds an old snapshot none of them
//! goes. No row is due before the *floor*: it rises with the rows, as far as every transaction is over that could
//! still write one before it. Whoever writes an earlier due time raises `due_resets` in the same transaction
//! (`health_note_early_due`), and the floor is void.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::FromRow;

use super::{error::OperationError, write::Write};
use crate::clock::{Clock, SystemClock};

/// A floor rises no nearer to the present than this. Longer than what the trigger lets pass, by as far as a clock may
/// step back unnoticed.
const MARGIN: TimeDelta = TimeDelta::seconds(10);

/// After this long the whole range is looked at again: a server that was restored, or failed over to one that had not
/// seen the last writes, has rows again as they were.
const LOOK_AGAIN: Duration = Duration::from_secs(60);
/// Holds for nothing.
const NO_FLOOR: (DateTime<Utc>, i64) = (DateTime::UNIX_EPOCH, -1);

/// The condition of a schedule row that is not below the floor `$floor`, which holds while `$resets` do.
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

/// What this process knows of the least due time.
#[derive(Default, Debug)]
pub(super) struct DueFloor(Mutex<Known>);

#[derive(Clone, Copy, Default, Debug)]
struct Known {
    /// The floor, and when the whole range was last looked at, by the process's own clock.
    floor: Option<(DateTime<Utc>, Duration)>,
    /// What the floor holds for: it only grows, with every early due time and every epoch.
    resets: i64,
    /// When a look began, and the first transaction that had not begun then.
    looked: Option<(DateTime<Utc>, i64)>,
}

#[derive(FromRow, Debug)]
struct Look {
    least: Option<DateTime<Utc>>,
    resets: i64,
    /// Every transaction before this one is over.
    over_before: i64,
    next: i64,
}

impl DueFloor {
    /// The floor, and what it holds for.
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
            // Nothing begun since then is due before then, and all else is seen by now.
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
    /// Lets the floor rise, after a claim that has left nothing due.
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
