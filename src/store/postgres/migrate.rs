//! Creates the tables, and adopts existing tables of checks and results.

use std::time::Duration;

use sqlx::{AssertSqlSafe, Connection, PgConnection};
use thiserror::Error;

use super::store::Inner;

/// The version of the schema that this version of the library needs.
pub const SCHEMA_VERSION: i32 = 6;

/// The file that leads to each version. An application with migrations of its own takes the same ones.
const MIGRATIONS: [(i32, &str); 6] = [
    (1, include_str!("../../../migrations/postgres/007_health_checks.sql")),
    (2, include_str!("../../../migrations/postgres/008_health_engine.sql")),
    (3, include_str!("../../../migrations/postgres/009_health_adoption.sql")),
    (4, include_str!("../../../migrations/postgres/010_health_fleet.sql")),
    (5, include_str!("../../../migrations/postgres/011_health_verification.sql")),
    (6, include_str!("../../../migrations/postgres/012_health_groups.sql")),
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

/// The table of results of an adopted table that are dated in the future.
const PUT_ASIDE: &str = "host_health_check_results_put_aside";

/// What there is to say of a schema that is up to date.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
#[non_exhaustive]
pub struct MigrationReport {
    /// How many results of an adopted table were dated in the future, or infinitely long ago. They lie in the
    /// table `host_health_check_results_put_aside`, as JSON, until somebody drops it: no check shows them.
    pub put_aside: u64,
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
    /// Something hangs on the application's table of results that cannot go over to the partitioned table which
    /// takes its place. Nothing was changed.
    #[error(
        "the table of results cannot be adopted while these hang on it: {obstacles}. Drop them, migrate, and make \
         them again"
    )]
    Obstacles {
        /// What they are, for people.
        obstacles: String,
    },
    /// The database did not let it.
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

/// The migration's own code for a table of hosts that does not fit.
const UNFIT_HOSTS: &str = "HG001";
/// The migration's own code for what hangs on a table of results.
const OBSTACLES: &str = "HG002";
/// Where the file's functions end, which only ask.
const END_OF_QUESTIONS: &str = "-- Tables that are adopted are locked";

pub(super) async fn migrate(store: &Inner) -> Result<MigrationReport, MigrateError> {
    let mut connection = store.own_connection().await?;
    let migrated = migrate_on(store, &mut connection).await;
    // Closed in order, so that the lock is free when this answers.
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
        // A schema's name has nothing in it that could end the text.
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
        // As one transaction: whoever writes beside it sees no version in between.
        patiently(connection, &format!("{HOSTS_FIRST}{}", files.join("\n"))).await?;
    }
    let report = MigrationReport { put_aside: put_aside(connection).await? };
    if report.put_aside > 0 {
        tracing::warn!(
            results = report.put_aside,
            table = PUT_ASIDE,
            "results that are dated in the future were put aside"
        );
    }
    Ok(report)
}

/// Four waits of it (hosts, results, checks, schedules) are below the server's usual `deadlock_timeout` of a second: whoever waits for what this session
/// has locked goes on before the server looks for a deadlock (F228).
const LOCK_TIMEOUT: &str = "set lock_timeout = '200ms'";

/// Whether there is a schema of this name. Making one that exists needs the right to make it all the same.
async fn exists(connection: &mut PgConnection, schema: &str) -> Result<bool, MigrateError> {
    let query = "select exists (select from pg_namespace where nspname = $1)";
    Ok(sqlx::query_scalar(query).bind(schema).fetch_one(connection).await?)
}

/// Locks the application's hosts first, as whoever deletes one does; a role that may not is left to what the files lock.
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

/// Runs statements as one transaction, and again where a lock is not had at once: nobody waits long behind it.
async fn patiently(connection: &mut PgConnection, statements: &str) -> Result<(), MigrateError> {
    for _ in 0..MOST_ASKED {
        let mut transaction = connection.begin().await?;
        // They are this module's own, and so are the names in them.
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

/// How many results of an adopted table lie aside.
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
    refuse_obstacles(connection).await?;
    put_future_aside(connection).await?;
    bound(connection).await?;
    key(connection).await
}

/// Refuses what the file would refuse, before anything is changed.
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

/// Puts aside what would keep partitions from being made: results that are dated in the future, or infinitely long
/// ago (F227).
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
    patiently(connection, &alter).await?;
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
        // It waits for whoever reads now, and holds up nobody meanwhile.
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
