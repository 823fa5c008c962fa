//! Making the tables, and adopting those of the plan that are there.

use std::time::Duration;

use sqlx::{AssertSqlSafe, Connection, PgConnection};
use thiserror::Error;

use super::store::Inner;

/// The version of the schema that this version of the library needs.
pub const SCHEMA_VERSION: i32 = 3;

/// The file that leads to each version. An application with migrations of its own takes the same ones.
const MIGRATIONS: [(i32, &str); 3] = [
    (1, include_str!("../../../migrations/postgres/007_health_checks.sql")),
    (2, include_str!("../../../migrations/postgres/008_health_engine.sql")),
    (3, include_str!("../../../migrations/postgres/009_health_adoption.sql")),
];

/// How often to ask whether another starter has done.
const ASK_AGAIN: Duration = Duration::from_millis(100);
/// So often, which makes ten minutes.
const MOST_ASKED: u32 = 6_000;

/// Which table of the application's the checks refer to, so that deleting a host deletes its checks.
///
/// It counts when the tables are made: a database that has been migrated stays as it is.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
#[non_exhaustive]
pub enum HostsTable {
    /// The table `hosts` of the store's schema, where its key is one column `id` of type `uuid`. Any other
    /// table of that name is left alone, with a warning.
    #[default]
    Detect,
    /// None: call [`forget_host`](crate::store::CheckStore::forget_host) for each host that is deleted.
    None,
    /// This table, with its schema if need be, as it would stand in a statement. Its key has to be one column
    /// `id` of type `uuid`.
    Named(String),
}

impl HostsTable {
    /// The setting that the migration reads, and the table's name.
    fn settings(&self) -> (&'static str, &str) {
        match self {
            Self::Detect => ("detect", ""),
            Self::None => ("none", ""),
            Self::Named(table) => ("named", table),
        }
    }
}

/// Why a schema could not be brought up to date.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum MigrateError {
    /// A newer version of this library has changed the schema. It is left as it is (F63).
    #[error("the schema is at version {found}, and this version knows {known}")]
    Newer {
        /// The schema's version.
        found: i32,
        /// The newest that is known.
        known: i32,
    },
    /// Another starter has been at it for ten minutes.
    #[error("another process has been migrating the schema for too long")]
    Busy,
    /// The checks cannot refer to the table that was named ([`HostsTable::Named`]). Nothing was changed.
    #[error("{reason}: name another table, or use `HostsTable::None`")]
    HostsTable {
        /// What is wrong with it.
        reason: String,
    },
    /// The database did not let it.
    #[error("the schema could not be brought up to date")]
    Database(#[source] sqlx::Error),
}

impl From<sqlx::Error> for MigrateError {
    fn from(error: sqlx::Error) -> Self {
        match error.as_database_error() {
            Some(database) if database.code().as_deref() == Some(UNFIT_HOSTS) => {
                Self::HostsTable { reason: database.message().to_owned() }
            }
            _ => Self::Database(error),
        }
    }
}

/// The migration's own code for a table of hosts that does not fit.
const UNFIT_HOSTS: &str = "HG001";

pub(super) async fn migrate(store: &Inner) -> Result<(), MigrateError> {
    let mut connection = store.pool.acquire().await?;
    // Its session gets settings and a lock that are nobody else's business.
    connection.close_on_drop();
    for setting in ["set statement_timeout = 0", "set lock_timeout = '10s'"] {
        sqlx::query(setting).execute(&mut *connection).await?;
    }
    let (way, table) = store.hosts.settings();
    sqlx::query(
        "select set_config('healthgate.hosts', $1, false), set_config('healthgate.hosts_table', $2, false)",
    )
    .bind(way)
    .bind(table)
    .execute(&mut *connection)
    .await?;
    if let Some(schema) = &store.schema {
        // A schema's name has nothing in it that could end the text.
        let own = format!("set search_path = {schema}");
        sqlx::query(AssertSqlSafe(own)).execute(&mut *connection).await?;
    }
    lock(&mut connection).await?;
    if let Some(schema) = &store.schema {
        let make = format!("create schema if not exists {schema}");
        sqlx::query(AssertSqlSafe(make)).execute(&mut *connection).await?;
    }
    let found = version(&mut connection).await?;
    if found > SCHEMA_VERSION {
        return Err(MigrateError::Newer { found, known: SCHEMA_VERSION });
    }
    if found == 0 {
        prepare_adoption(&mut connection).await?;
    }
    for (_, file) in MIGRATIONS.iter().filter(|(version, _)| *version > found) {
        let mut transaction = connection.begin().await?;
        sqlx::raw_sql(*file).execute(&mut *transaction).await?;
        transaction.commit().await?;
    }
    Ok(())
}

/// One starter at a time. Asked for again and again, since whoever waits for a lock would hold up
/// the building of an index beside the writers.
async fn lock(connection: &mut PgConnection) -> Result<(), MigrateError> {
    for _ in 0..MOST_ASKED {
        let had: bool = sqlx::query_scalar(
            "select pg_try_advisory_lock(hashtextextended('health_migrate ' || \
             coalesce(current_schema(), current_setting('search_path')), 0))",
        )
        .fetch_one(&mut *connection)
        .await?;
        if had {
            return Ok(());
        }
        tokio::time::sleep(ASK_AGAIN).await;
    }
    Err(MigrateError::Busy)
}

/// The version of the schema; 0 where there is none.
async fn version(connection: &mut PgConnection) -> Result<i32, MigrateError> {
    let exists: bool = sqlx::query_scalar(
        "select to_regclass(format('%I.health_installation', current_schema())) is not null",
    )
    .fetch_one(&mut *connection)
    .await?;
    if !exists {
        return Ok(0);
    }
    let version: Option<i32> = sqlx::query_scalar("select schema_version from health_installation")
        .fetch_optional(connection)
        .await?;
    Ok(version.unwrap_or(0))
}

/// What can be done to a table of results that is in use without holding up its writers, so that the
/// migration itself takes moments. Each step can be repeated, and is left out where it is done.
async fn prepare_adoption(connection: &mut PgConnection) -> Result<(), MigrateError> {
    let plain: bool = sqlx::query_scalar(
        "select exists (select from pg_class where relkind = 'r' \
         and oid = to_regclass(format('%I.host_health_check_results', current_schema())))",
    )
    .fetch_one(&mut *connection)
    .await?;
    if !plain {
        return Ok(());
    }
    bound(connection).await?;
    key(connection).await
}

/// Proves where the adopted results end, by a constraint that is checked beside the writers: then
/// attaching the table needs not look at its rows. The end is two days off, so that writers of the old
/// application are not refused before the migration is through.
async fn bound(connection: &mut PgConnection) -> Result<(), MigrateError> {
    let (stale, name, edge): (Vec<String>, String, String) = sqlx::query_as(
        "select array(select conname::text from pg_constraint \
                where conrelid = format('%I.host_health_check_results', current_schema())::regclass \
                and conname like 'adopted\\_before\\_%'), \
         'adopted_before_' || to_char(edge, 'YYYYMMDD'), to_char(edge, 'YYYY-MM-DD') || ' 00:00:00+00' \
         from (select (greatest(now(), max(checked_at)) at time zone 'UTC')::date + 2 as edge \
               from host_health_check_results) newest",
    )
    .fetch_one(&mut *connection)
    .await?;
    // One of an earlier call would do; a fresh one costs the same look at the rows, and is never too
    // near.
    let mut changes: Vec<String> =
        stale.iter().map(|old| format!("drop constraint \"{old}\"")).collect();
    changes.push(format!("add constraint {name} check (checked_at < '{edge}') not valid"));
    let alter = format!("alter table host_health_check_results {}", changes.join(", "));
    sqlx::query(AssertSqlSafe(alter)).execute(&mut *connection).await?;
    let validate = format!("alter table host_health_check_results validate constraint {name}");
    sqlx::query(AssertSqlSafe(validate)).execute(connection).await?;
    Ok(())
}

/// Builds the unique index beside the writers. Two results of one check in one microsecond are kept
/// apart by a microsecond first.
async fn key(connection: &mut PgConnection) -> Result<(), MigrateError> {
    for _ in 0..MOST_TRIES {
        let sound: Option<bool> = sqlx::query_scalar(
            "select indisvalid from pg_index \
             where indexrelid = to_regclass(format('%I.health_results_adopted_key', current_schema()))",
        )
        .fetch_optional(&mut *connection)
        .await?;
        match sound {
            Some(true) => return Ok(()),
            // Left by a call that was cut, or that met a double.
            Some(false) => {
                sqlx::query("drop index health_results_adopted_key")
                    .execute(&mut *connection)
                    .await?;
            }
            None => {}
        }
        while part_doubles(connection).await? > 0 {}
        let built = sqlx::query(
            "create unique index concurrently health_results_adopted_key \
             on host_health_check_results (check_id, checked_at desc)",
        )
        .execute(&mut *connection)
        .await;
        match built {
            Ok(_) => return Ok(()),
            // A double was written meanwhile.
            Err(sqlx::Error::Database(error)) if error.is_unique_violation() => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(MigrateError::Busy)
}

/// More writers that write doubles than this would have to be stopped first.
const MOST_TRIES: u32 = 5;

async fn part_doubles(connection: &mut PgConnection) -> Result<u64, MigrateError> {
    let parted = sqlx::query(
        "with doubles as ( \
             select ctid, row_number() over (partition by check_id, checked_at order by id) as place \
             from host_health_check_results) \
         update host_health_check_results r \
         set checked_at = r.checked_at - interval '1 microsecond' * (d.place - 1) \
         from doubles d where d.ctid = r.ctid and d.place > 1",
    )
    .execute(connection)
    .await?;
    Ok(parted.rows_affected())
}
