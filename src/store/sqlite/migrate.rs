//! Migrates the schema in numbered steps.

use sqlx::{Connection, SqliteConnection};

use super::MigrateError;

/// The version of the schema that this version of the library reads and writes.
pub const SCHEMA_VERSION: i64 = 5;

/// The migration steps and the version that each leads to.
const STEPS: [(i64, &str); 5] = [
    (1, include_str!("../../../migrations/sqlite/0001_health_checks.sql")),
    (2, include_str!("../../../migrations/sqlite/0002_health_engine.sql")),
    (3, include_str!("../../../migrations/sqlite/0003_health_adoption.sql")),
    (4, include_str!("../../../migrations/sqlite/0004_health_verification.sql")),
    (5, include_str!("../../../migrations/sqlite/0005_health_groups.sql")),
];

/// Migrates the schema to the current version. Each step is one transaction together with its version. Of
/// several concurrent callers one migrates, and the others find the work done.
pub(super) async fn migrate(connection: &mut SqliteConnection) -> Result<(), MigrateError> {
    let database = MigrateError::Database;
    let mut transaction = connection.begin_with("begin immediate").await.map_err(database)?;
    sqlx::query(
        "create table if not exists health_schema_versions \
         (version integer primary key, applied_at text not null default current_timestamp) strict",
    )
    .execute(&mut *transaction)
    .await
    .map_err(database)?;
    let found = version(&mut transaction).await.map_err(database)?.unwrap_or(0);
    if found > SCHEMA_VERSION {
        return Err(MigrateError::Newer { found, known: SCHEMA_VERSION });
    }
    for (version, statements) in STEPS.into_iter().filter(|(version, _)| *version > found) {
        sqlx::raw_sql(statements).execute(&mut *transaction).await.map_err(database)?;
        sqlx::query("insert into health_schema_versions (version) values (?)")
            .bind(version)
            .execute(&mut *transaction)
            .await
            .map_err(database)?;
    }
    transaction.commit().await.map_err(database)
}

/// Returns whether the file has the tables in the version that this library needs or a newer one.
pub(super) async fn is_current(connection: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
    let kept: bool = sqlx::query_scalar(
        "select exists (select 1 from sqlite_master where name = 'health_schema_versions')",
    )
    .fetch_one(&mut *connection)
    .await?;
    Ok(kept && version(connection).await?.is_some_and(|version| version >= SCHEMA_VERSION))
}

/// Returns the file's schema version, or `None` before the first step.
pub(super) async fn version(connection: &mut SqliteConnection) -> Result<Option<i64>, sqlx::Error> {
    sqlx::query_scalar("select max(version) from health_schema_versions")
        .fetch_one(connection)
        .await
}
