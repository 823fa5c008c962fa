//! A running write: its transaction, and the events that it publishes on commit.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    PgFault, SCHEMA_VERSION,
    error::{OperationError, not_migrated},
    store::Inner,
};
use crate::{
    clock::{Clock, SystemClock},
    model::{AuditEntry, AuditId, AuditRecord, ClockEpoch, Damping, HostId, StoreTime},
    store::{Change, KeptClock, StoreError, StoreEvent, clock::LONGEST_LEFT, sql::to_json},
};

/// The database's clock, the schema's version, and the stored part of the clock.
type ClaimClock = (DateTime<Utc>, Option<i32>, Option<i64>, Option<DateTime<Utc>>);

/// Returns the database's clock with its epoch. Every row that the same statement sees was written earlier.
pub(super) async fn read_clock(connection: &mut PgConnection) -> Result<StoreTime, OperationError> {
    let (epoch, now): (i64, DateTime<Utc>) =
        sqlx::query_as("select clock_epoch, clock_timestamp() from health_installation")
            .fetch_one(connection)
            .await?;
    Ok(StoreTime::new(ClockEpoch::new(epoch), now))
}

/// An open transaction.
#[derive(Debug)]
pub(super) struct Write<'a> {
    pub(super) connection: &'a mut PgConnection,
    pub(super) damping: Damping,
    pub(super) store: &'a Inner,
    events: Vec<StoreEvent>,
}

impl<'a> Write<'a> {
    pub(super) fn new(store: &'a Inner, connection: &'a mut PgConnection) -> Self {
        Self { connection, damping: store.damping, store, events: Vec::new() }
    }

    /// Returns the database's clock. Read it only after acquiring the locks that a decision needs.
    pub(super) async fn now(&mut self) -> Result<DateTime<Utc>, sqlx::Error> {
        sqlx::query_scalar("select clock_timestamp()").fetch_one(&mut *self.connection).await
    }

    /// Returns the database's clock with its epoch. Read it only after acquiring the locks that a decision
    /// needs.
    pub(super) async fn time(&mut self) -> Result<StoreTime, OperationError> {
        read_clock(self.connection).await
    }

    /// Returns the database's clock and epoch for a claim, and begins a new epoch if the clock stepped
    /// back. Fails if the schema's version is unknown (F63): nothing else happens without a claim.
    pub(super) async fn time_of_claim(&mut self) -> Result<StoreTime, OperationError> {
        // Read as JSON, because a schema without the columns must still show its version.
        let (now, version, epoch, high_water): ClaimClock = sqlx::query_as(
            "select clock_timestamp(), schema_version, (kept ->> 'clock_epoch')::bigint, \
             (kept ->> 'clock_high_water')::timestamptz from (select) one \
             left join (select schema_version, to_jsonb(i) as kept from health_installation i) i \
             on true",
        )
        .fetch_one(&mut *self.connection)
        .await?;
        match version {
            Some(SCHEMA_VERSION) => {}
            Some(newer) if newer > SCHEMA_VERSION => {
                return Err(PgFault::Newer.into_error().into());
            }
            _ => return Err(not_migrated(None).into()),
        }
        self.holds_pruning(now);
        let kept = KeptClock { epoch: ClockEpoch::new(epoch.unwrap_or(0)), high_water };
        let Some(next) = kept.at_claim(now) else { return Ok(StoreTime::new(kept.epoch, now)) };
        // If another worker has written the clock meanwhile, this claim belongs to the previous epoch.
        let kept_now = sqlx::query(
            "update health_installation set clock_epoch = $1, clock_high_water = $2 \
             where clock_epoch = $3 and (clock_epoch <> $1 or clock_high_water is null \
                                         or clock_high_water < $2)",
        )
        .bind(next.epoch.number())
        .bind(next.high_water)
        .bind(kept.epoch.number())
        .execute(&mut *self.connection)
        .await?;
        if next.epoch != kept.epoch && kept_now.rows_affected() == 1 {
            self.put_dates_back(now).await?;
        }
        Ok(StoreTime::new(next.epoch, now))
    }

    /// Takes a reading of the database's clock, and returns whether pruning waits because the clock jumped
    /// ahead.
    pub(super) fn holds_pruning(&self, now: DateTime<Utc>) -> bool {
        self.store.pruning.holds(SystemClock.monotonic(), now)
    }

    /// Corrects the dates that a clock ahead has left, after it was set right (F173).
    async fn put_dates_back(&mut self, now: DateTime<Utc>) -> Result<(), OperationError> {
        sqlx::query(
            "update health_changes set started_at = least(started_at, $1), \
             ended_at = case when ended_at > $1 then $1 else ended_at end, \
             judged_at = case when judged_at > $1 then $1 else judged_at end, \
             verify_at = case when verify_at > $1 then $1 else verify_at end \
             where started_at > $1 or ended_at > $1 or verify_at > $1 or judged_at > $1",
        )
        .bind(now)
        .execute(&mut *self.connection)
        .await?;
        sqlx::query("update health_gate_leases set lease_until = $1 where lease_until > $1")
            .bind(now + LONGEST_LEFT)
            .execute(&mut *self.connection)
            .await?;
        Ok(())
    }

    /// Begins a new epoch if `seen` is the current one, and returns the current one.
    pub(super) async fn begin_epoch(
        &mut self,
        seen: ClockEpoch,
    ) -> Result<ClockEpoch, OperationError> {
        let begun: Option<DateTime<Utc>> = sqlx::query_scalar(
            "update health_installation set clock_epoch = $1, clock_high_water = clock_timestamp() \
             where clock_epoch = $2 returning clock_high_water",
        )
        .bind(seen.next().number())
        .bind(seen.number())
        .fetch_optional(&mut *self.connection)
        .await?;
        if let Some(now) = begun {
            self.put_dates_back(now).await?;
        }
        Ok(self.time().await?.epoch)
    }

    /// Serializes the writers of one host's checks. This is the first lock of all. The host's schedule row
    /// is locked last, after the checks.
    pub(super) async fn lock_host(&mut self, host: HostId) -> Result<(), OperationError> {
        sqlx::query(
            "select pg_advisory_xact_lock( \
             hashtextextended('health_host ' || current_schema() || ' ' || $1::text, 0))",
        )
        .bind(host.as_uuid())
        .execute(&mut *self.connection)
        .await?;
        Ok(())
    }

    /// Locks the schedule rows of these hosts in a fixed order, and returns the hosts that have one. These
    /// are the hosts with an enabled check.
    pub(super) async fn lock_schedules(
        &mut self,
        hosts: impl Iterator<Item = HostId>,
    ) -> Result<Vec<HostId>, OperationError> {
        let hosts: Vec<Uuid> = hosts.map(|host| host.as_uuid()).collect();
        if hosts.is_empty() {
            return Ok(Vec::new());
        }
        let locked: Vec<Uuid> = sqlx::query_scalar(
            "select host_id from health_schedule where host_id = any($1) \
             order by host_id for no key update",
        )
        .bind(hosts)
        .fetch_all(&mut *self.connection)
        .await?;
        Ok(locked.into_iter().map(HostId::from_uuid).collect())
    }

    /// Publishes an event on commit.
    pub(super) fn tell(&mut self, event: StoreEvent) {
        self.events.push(event);
    }

    pub(super) async fn tell_all(self) -> Result<(), OperationError> {
        if self.events.is_empty() {
            return Ok(());
        }
        let texts = self.events.iter().map(|event| to_json("event", event));
        let texts = texts.collect::<Result<Vec<_>, _>>()?;
        sqlx::query("select pg_notify($1, event) from unnest($2::text[]) event")
            .bind(self.store.channel())
            .bind(texts)
            .execute(&mut *self.connection)
            .await?;
        Ok(())
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
    pub(super) async fn audit(
        &mut self,
        entry: &AuditEntry,
    ) -> Result<AuditRecord, OperationError> {
        let now = self.now().await?;
        let record = AuditRecord::new(AuditId::generate(), now, entry.clone());
        sqlx::query(
            "insert into health_audit (id, at, host_id, record) values ($1, $2, $3, $4::jsonb)",
        )
        .bind(record.id.as_uuid())
        .bind(record.at)
        .bind(record.host_id.map(|host| host.as_uuid()))
        .bind(to_json("audit record", &record)?)
        .execute(&mut *self.connection)
        .await?;
        self.ask(&Change::Audited(&record)).await?;
        Ok(record)
    }
}
