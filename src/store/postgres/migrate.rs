//! Creates the tables, or adopts existing tables of checks and results.

use std::time::Duration;

use sqlx::{AssertSqlSafe, Connection, PgConnection};
use thiserror::Error;

use super::store::Inner;

/// The version of the schema that this version of the library needs.
pub const SCHEMA_VERSION: i32 = 7;

/// The migration file of each version. An application with its own migrations runs the same files.
const MIGRATIONS: [(i32, &str); 7] = [
    (1, include_str!("../../../migrations/postgres/007_health_checks.sql")),
    (2, include_str!("../../../migrations/postgres/008_health_engine.sql")),
    (3, include_str!("../../../migrations/postgres/009_health_adoption.sql")),
    (4, include_str!("../../../migrations/postgres/010_health_fleet.sql")),
    (5, include_str!("../../../migrations/postgres/011_health_verification.sql")),
    (6, include_str!("../../../migrations/postgres/012_health_groups.sql")),
    (7, include_str!("../../../migrations/postgres/013_health_spending.sql")),
];

/// The interval between attempts to take the migration lock.
const ASK_AGAIN: Duration = Duration::from_millis(100);
/// The maximum number of attempts, which makes ten minutes.
const MOST_ASKED: u32 = 6_000;

/// The application's table that checks refer to, so that deleting a host deletes its checks.
///
/// Only used when the tables are created. A database that is already migrated stays unchanged.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
#[non_exhaustive]
pub enum HostsTable {
    /// Uses the table `hosts` of the store's schema if its primary key is one column `id` of type `uuid`.
    /// Ignores any other table of that name, with a warning.
    #[default]
    Detect,
    /// Uses no table: call [`forget_host`](crate::store::CheckStore::forget_host) for each deleted host.
    None,
    /// Uses this table, written as in a statement and qualified with its schema if needed. Its primary key
    /// must be one column `id` of type `uuid`.
    Named(String),
}

impl HostsTable {
    /// Returns the setting that the migration reads, and the table's name.
    fn settings(&self) -> (&'static str, &str) {
        match self {
            Self::Detect => ("detect", ""),
            Self::None => ("none", ""),
            Self::Named(table) => ("named", table),
        }
    }
}

/// The table that receives results of an adopted table that are dated in the future.
const PUT_ASIDE: &str = "host_health_check_results_put_aside";

/// What a migration did.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
#[non_exhaustive]
pub struct MigrationReport {
    /// The number of results of an adopted table that were dated in the future or infinitely long ago. They
    /// are kept as JSON in the table `host_health_check_results_put_aside` until someone drops it. No check
    /// shows them.
    pub put_aside: u64,
}

/// Why a migration failed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum MigrateError {
    /// A newer version of this library has changed the schema. The migration leaves it unchanged (F63).
    #[error(
        "the schema is at version {found}, but this version of healthgate knows at most {known}"
    )]
    Newer {
        /// The schema's version.
        found: i32,
        /// The newest version that this library knows.
        known: i32,
    },
    /// Another process has held the migration lock for ten minutes.
    #[error("another process has been migrating the schema for too long")]
    Busy,
    /// The checks cannot refer to the named table ([`HostsTable::Named`]). Nothing was changed.
    #[error("{reason}: name another table, or use `HostsTable::None`")]
    HostsTable {
        /// Why the table does not fit.
        reason: String,
    },
    /// Other objects depend on the application's table of results, and cannot move to the partitioned table
    /// that replaces it. Nothing was changed.
    #[error(
        "the table of results cannot be adopted because these depend on it: {obstacles}. Drop \
         them, migrate, and create them again"
    )]
    Obstacles {
        /// The dependent objects, for people.
        obstacles: String,
    },
    /// The database failed.
    #[error("the schema could not be migrated")]
    Database(#[source] sqlx::Error),
}

impl From<sqlx::Error> for MigrateError {
    fn from(error: sqlx::Error) -> Self {
        match error.as_database_error() {
            Some(database) if database.code().as_deref() == Some(UNFIT_HOSTS) => {
                Self::HostsTable { reason: database.message().to_owned() }
            }
            Some(database) if database.code().as_deref() == Some(OBSTACLES) => {
                Self::Obstacles { obstacles: database.message().to_owned() }
            }
            _ => Self::Database(error),
        }
    }
}

/// The migration's own error code for an unsuitable table of hosts.
const UNFIT_HOSTS: &str = "HG001";
/// The migration's own error code for objects that depend on a table of results.
const OBSTACLES: &str = "HG002";
/// The end of the functions in the file. They only read.
const END_OF_QUESTIONS: &str = "-- Tables that are adopted are locked";

pub(super) async fn migrate(store: &Inner) -> Result<MigrationReport, MigrateError> {
    let mut connection = store.own_connection().await?;
    let migrated = migrate_on(store, &mut connection).await;
    // Closes the connection first, so that the lock is free when this returns.
    match (migrated, connection.close().await) {
        (Ok(report), Ok(())) => Ok(report),
        (Ok(_), Err(error)) => Err(error.into()),
        (Err(error), _) => Err(error),
    }
}

async fn migrate_on(
    store: &Inner,
    connection: &mut PgConnection,
) -> Result<MigrationReport, MigrateError> {
    for setting in ["set statement_timeout = 0", LOCK_TIMEOUT] {
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
        // A schema name contains nothing that could end the literal.
        let own = format!("set search_path = {schema}");
        sqlx::query(AssertSqlSafe(own)).execute(&mut *connection).await?;
    }
    lock(connection).await?;
    if let Some(schema) = &store.schema
        && !exists(connection, schema.as_str()).await?
    {
        let make = format!("create schema if not exists {schema}");
        sqlx::query(AssertSqlSafe(make)).execute(&mut *connection).await?;
    }
    let found = version(connection).await?;
    if found > SCHEMA_VERSION {
        return Err(MigrateError::Newer { found, known: SCHEMA_VERSION });
    }
    if found == 0 {
        prepare_adoption(connection).await?;
    }
    let files = MIGRATIONS.iter().filter(|(version, _)| *version > found);
    let files: Vec<&str> = files.map(|(_, file)| *file).collect();
    if !files.is_empty() {
        // Runs as one transaction, so that concurrent writers see no intermediate version.
        patiently(connection, &format!("{HOSTS_FIRST}{}", files.join("\n"))).await?;
    }
    let report = MigrationReport { put_aside: put_aside(connection).await? };
    if report.put_aside > 0 {
        tracing::warn!(
            results = report.put_aside,
            table = PUT_ASIDE,
            "results dated in the future were moved aside"
        );
    }
    Ok(report)
}

/// Four such waits (hosts, results, checks, schedules) take less than the server's usual `deadlock_timeout`
/// of a second. Sessions that wait for this one's locks continue before the server looks for a deadlock
/// (F228).
const LOCK_TIMEOUT: &str = "set lock_timeout = '200ms'";

/// Returns whether a schema of this name exists. `create schema if not exists` requires the privilege even
/// if it does.
async fn exists(connection: &mut PgConnection, schema: &str) -> Result<bool, MigrateError> {
    let query = "select exists (select from pg_namespace where nspname = $1)";
    Ok(sqlx::query_scalar(query).bind(schema).fetch_one(connection).await?)
}

/// Locks the application's hosts first, in the same order as a deletion of a host. A role without the
/// privilege skips this.
const HOSTS_FIRST: &str = "
do $$
declare
    way constant text := coalesce(nullif(current_setting('healthgate.hosts', true), ''), 'detect');
    hosts constant regclass := case way
        when 'none' then null
        when 'named' then to_regclass(current_setting('healthgate.hosts_table'))
        else to_regclass(format('%I.hosts', current_schema())) end;
begin
    if (select relkind from pg_class where oid = hosts) in ('r', 'p')
        and has_table_privilege(hosts, 'update, delete, truncate') then
        execute format('lock table %s in access exclusive mode', hosts);
    end if;
end
$$;
";

/// Runs statements as one transaction, and repeats it if a lock is not free: other sessions never wait long
/// behind it.
async fn patiently(connection: &mut PgConnection, statements: &str) -> Result<(), MigrateError> {
    for _ in 0..MOST_ASKED {
        let mut transaction = connection.begin().await?;
        // The statements and their names come from this module.
        let done =
            sqlx::raw_sql(AssertSqlSafe(statements.to_owned())).execute(&mut *transaction).await;
        let Err(failed) = done else { return Ok(transaction.commit().await?) };
        transaction.rollback().await?;
        let code = failed.as_database_error().and_then(sqlx::error::DatabaseError::code);
        if !matches!(code.as_deref(), Some("55P03" | "40P01")) {
            return Err(failed.into());
        }
        tokio::time::sleep(ASK_AGAIN).await;
    }
    Err(MigrateError::Busy)
}

/// Returns the number of results of an adopted table that were moved aside.
async fn put_aside(connection: &mut PgConnection) -> Result<u64, MigrateError> {
    let exists: bool = sqlx::query_scalar(
        "select to_regclass(format('%I.host_health_check_results_put_aside', current_schema())) is not null",
    )
    .fetch_one(&mut *connection)
    .await?;
    if !exists {
        return Ok(0);
    }
    let results: i64 =
        sqlx::query_scalar("select count(*) from host_health_check_results_put_aside")
            .fetch_one(connection)
            .await?;
    Ok(u64::try_from(results).unwrap_or(0))
}

/// Takes the migration lock. Polls for it, because a session that waits for a lock would delay the
/// concurrent index build.
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

/// Returns the version of the schema, or 0 if there is none.
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

/// Does the adoption work that does not block the writers of a table in use, so that the migration itself
/// is fast. Each step can be repeated, and skips finished work.
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
    refuse_obstacles(connection).await?;
    put_future_aside(connection).await?;
    bound(connection).await?;
    key(connection).await
}

/// Fails with the obstacles that the migration file would refuse, before anything changes.
async fn refuse_obstacles(connection: &mut PgConnection) -> Result<(), MigrateError> {
    let (_, file) = MIGRATIONS[0];
    let questions = file.split_once(END_OF_QUESTIONS).map_or(file, |(questions, _)| questions);
    let mut transaction = connection.begin().await?;
    sqlx::raw_sql(questions).execute(&mut *transaction).await?;
    let obstacles: Option<String> = sqlx::query_scalar(
        "select array_to_string(health_adoption_obstacles(format('%I.host_health_check_results', \
         current_schema())::regclass), ', ') from health_hosts_table()",
    )
    .fetch_one(&mut *transaction)
    .await?;
    transaction.rollback().await?;
    match obstacles {
        Some(obstacles) => Err(MigrateError::Obstacles { obstacles }),
        None => Ok(()),
    }
}

/// Moves results aside that would prevent partitions: results dated in the future or infinitely long ago
/// (F227).
async fn put_future_aside(connection: &mut PgConnection) -> Result<(), MigrateError> {
    let future: bool = sqlx::query_scalar(
        "select exists (select from host_health_check_results \
         where checked_at >= now() + interval '1 day' or checked_at = '-infinity')",
    )
    .fetch_one(&mut *connection)
    .await?;
    if !future {
        return Ok(());
    }
    patiently(
        connection,
        "create table if not exists host_health_check_results_put_aside ( \
             put_aside_at timestamptz not null default now(), result jsonb not null); \
         with future as (delete from host_health_check_results \
             where checked_at >= now() + interval '1 day' or checked_at = '-infinity' returning *) \
         insert into host_health_check_results_put_aside (result) select to_jsonb(future) from future",
    )
    .await
}

/// Adds a constraint that bounds the adopted results in time, and validates it concurrently with writers.
/// Attaching the table then does not scan its rows. The bound is two days ahead, so that writers of the old
/// application are not refused before the migration ends.
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
    // A constraint from an earlier call might do, but a fresh one costs the same scan and its bound is
    // never too near.
    let mut changes: Vec<String> =
        stale.iter().map(|old| format!("drop constraint \"{old}\"")).collect();
    changes.push(format!("add constraint {name} check (checked_at < '{edge}') not valid"));
    let alter = format!("alter table host_health_check_results {}", changes.join(", "));
    patiently(connection, &alter).await?;
    let validate = format!("alter table host_health_check_results validate constraint {name}");
    sqlx::query(AssertSqlSafe(validate)).execute(connection).await?;
    Ok(())
}

/// Builds the unique index concurrently with writers. First moves results of one check with equal times
/// apart by a microsecond.
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
            // Left by a call that was interrupted or met a duplicate.
            Some(false) => {
                sqlx::query("drop index health_results_adopted_key")
                    .execute(&mut *connection)
                    .await?;
            }
            None => {}
        }
        while part_doubles(connection).await? > 0 {}
        // The index build waits for current readers, and blocks no one meanwhile.
        sqlx::query("set lock_timeout = 0").execute(&mut *connection).await?;
        let built = sqlx::query(
            "create unique index concurrently health_results_adopted_key \
             on host_health_check_results (check_id, checked_at desc)",
        )
        .execute(&mut *connection)
        .await;
        sqlx::query(LOCK_TIMEOUT).execute(&mut *connection).await?;
        match built {
            Ok(_) => return Ok(()),
            // A duplicate was written meanwhile.
            Err(sqlx::Error::Database(error)) if error.is_unique_violation() => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(MigrateError::Busy)
}

/// If writers still write duplicates after this many attempts, they have to be stopped first.
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
