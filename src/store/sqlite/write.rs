//! A running write: its transaction, its time, and the events to publish after the commit.

use chrono::{DateTime, Utc};
use sqlx::SqliteConnection;

use super::{
    MigrateError, SCHEMA_VERSION,
    error::OperationError,
    migrate,
    record::{instant, later, micros},
    store::Inner,
};
use crate::{
    clock::Clock,
    model::{AuditEntry, AuditId, AuditRecord, ClockEpoch, Damping, StoreTime},
    store::{Change, KeptClock, StoreError, StoreEvent, clock::LONGEST_LEFT, sql::to_json},
};

/// An open transaction that holds the file's single write lock.
#[derive(Debug)]
pub(super) struct Write<'a> {
    pub(super) connection: &'a mut SqliteConnection,
    /// The store's clock, read after acquiring the write lock, so that it follows the order of writes.
    pub(super) now: DateTime<Utc>,
    pub(super) damping: Damping,
    store: &'a Inner,
    events: Vec<StoreEvent>,
}

impl<'a> Write<'a> {
    pub(super) fn new(store: &'a Inner, connection: &'a mut SqliteConnection) -> Self {
        let (now, damping) = (store.clock.now(), store.damping);
        Self { connection, now, damping, store, events: Vec::new() }
    }

    /// Returns the current instant as a column value.
    pub(super) fn now_micros(&self) -> i64 {
        micros(self.now)
    }

    /// Returns the current epoch of the store's clock.
    pub(super) async fn epoch(&mut self) -> Result<ClockEpoch, OperationError> {
        Ok(kept_clock(self.connection).await?.epoch)
    }

    /// Returns the store's clock with its epoch.
    pub(super) async fn time(&mut self) -> Result<StoreTime, OperationError> {
        Ok(StoreTime::new(self.epoch().await?, self.now))
    }

    /// Returns the epoch of a claim that is made now.
    pub(super) async fn epoch_at_claim(&mut self) -> Result<ClockEpoch, OperationError> {
        self.holds_pruning();
        let kept = kept_clock(self.connection).await?;
        let Some(next) = kept.at_claim(self.now) else { return Ok(kept.epoch) };
        self.keep_clock(kept, next).await?;
        Ok(next.epoch)
    }

    /// Begins a new epoch if `seen` is the current one.
    pub(super) async fn begin_epoch(
        &mut self,
        seen: ClockEpoch,
    ) -> Result<ClockEpoch, OperationError> {
        let kept = kept_clock(self.connection).await?;
        let next = kept.begin(seen, self.now);
        self.keep_clock(kept, next).await?;
        Ok(next.epoch)
    }

    async fn keep_clock(&mut self, kept: KeptClock, next: KeptClock) -> Result<(), OperationError> {
        sqlx::query("update health_meta set clock_epoch = ?, clock_high_water = ?")
            .bind(next.epoch.number())
            .bind(next.high_water.map(micros))
            .execute(&mut *self.connection)
            .await?;
        if kept.epoch == next.epoch { Ok(()) } else { self.put_dates_back().await }
    }

    /// Corrects the dates that a clock ahead has left, after it was set right (F173).
    async fn put_dates_back(&mut self) -> Result<(), OperationError> {
        // SQLite's two-argument `min` is null if either argument is.
        sqlx::query(
            "update health_changes set started_at = min(started_at, ?1), \
             ended_at = min(ended_at, ?1), verify_at = min(verify_at, ?1), \
             judged_at = min(judged_at, ?1) \
             where started_at > ?1 or ended_at > ?1 or verify_at > ?1 or judged_at > ?1",
        )
        .bind(self.now_micros())
        .execute(&mut *self.connection)
        .await?;
        sqlx::query("update health_gate_leases set lease_until = ?1 where lease_until > ?1")
            .bind(later(self.now, LONGEST_LEFT))
            .execute(&mut *self.connection)
            .await?;
        Ok(())
    }

    /// Takes a reading of the clock, and returns whether pruning waits because the clock jumped ahead.
    pub(super) fn holds_pruning(&self) -> bool {
        self.store.pruning.holds(self.store.clock.monotonic(), self.now)
    }

    /// Fails if nobody has migrated the file, or if a newer version of this library has changed the schema
    /// (F63). Claims call this, and nothing else happens without a claim.
    pub(super) async fn refuse_newer_schema(&mut self) -> Result<(), OperationError> {
        let found = migrate::version(self.connection).await?.unwrap_or(0);
        if found < SCHEMA_VERSION {
            let migrate = "SqliteStore::migrate";
            return Err(StoreError::NotMigrated { migrate, source: None }.into());
        }
        if found > SCHEMA_VERSION {
            let newer = MigrateError::Newer { found, known: SCHEMA_VERSION };
            return Err(StoreError::unavailable(newer).into());
        }
        Ok(())
    }

    /// Publishes an event after the commit.
    pub(super) fn tell(&mut self, event: StoreEvent) {
        self.events.push(event);
    }

    pub(super) fn into_events(self) -> Vec<StoreEvent> {
        self.events
    }

    /// Calls the application's hook with a change.
    pub(super) async fn ask(&mut self, change: &Change<'_>) -> Result<(), OperationError> {
        match &self.store.hook {
            Some(hook) => {
                let asked = hook.before_commit(self.connection, change).await;
                Ok(asked.map_err(StoreError::Refused)?)
            }
            None => Ok(()),
        }
    }

    /// Writes an audit record.
    pub(super) async fn audit(&mut self, entry: AuditEntry) -> Result<AuditRecord, OperationError> {
        let record = AuditRecord::new(AuditId::generate(), self.now, entry);
        sqlx::query("insert into health_audit (id, at, host_id, record) values (?, ?, ?, ?)")
            .bind(record.id.as_uuid())
            .bind(micros(record.at))
            .bind(record.host_id.map(|host| host.as_uuid()))
            .bind(to_json("audit record", &record)?)
            .execute(&mut *self.connection)
            .await?;
        self.ask(&Change::Audited(&record)).await?;
        Ok(record)
    }
}

/// Returns the store's clock with its epoch. In a transaction that has already begun to read, every visible
/// row was written earlier.
pub(super) async fn read_time(
    connection: &mut SqliteConnection,
    clock: &dyn Clock,
) -> Result<StoreTime, OperationError> {
    let epoch = kept_clock(connection).await?.epoch;
    Ok(StoreTime::new(epoch, clock.now()))
}

/// Returns the stored part of the clock.
pub(super) async fn kept_clock(
    connection: &mut SqliteConnection,
) -> Result<KeptClock, OperationError> {
    let (epoch, high_water): (i64, Option<i64>) =
        sqlx::query_as("select clock_epoch, clock_high_water from health_meta")
            .fetch_one(connection)
            .await?;
    let high_water = high_water.map(instant).transpose()?;
    Ok(KeptClock { epoch: ClockEpoch::new(epoch), high_water })
}
