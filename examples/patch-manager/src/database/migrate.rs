//! Migrates the application's tables.

use super::{Database, DatabaseError, with_pool};

/// The migration steps in order: number, and the statements for SQLite and for Postgres.
const STEPS: [(i64, &str, &str); 4] = [
    (
        1,
        include_str!("../../migrations/sqlite/0001_initial.sql"),
        include_str!("../../migrations/postgres/0001_initial.sql"),
    ),
    (
        2,
        include_str!("../../migrations/sqlite/0002_rights.sql"),
        include_str!("../../migrations/postgres/0002_rights.sql"),
    ),
    (
        3,
        include_str!("../../migrations/sqlite/0003_audit_chain.sql"),
        include_str!("../../migrations/postgres/0003_audit_chain.sql"),
    ),
    (
        4,
        include_str!("../../migrations/sqlite/0004_verification.sql"),
        include_str!("../../migrations/postgres/0004_verification.sql"),
    ),
];

const TABLE: &str = "CREATE TABLE IF NOT EXISTS app_schema (version BIGINT PRIMARY KEY, applied_at BIGINT NOT NULL)";

/// Serializes concurrent migrations. The number is arbitrary but unique.
const LOCK: &str = "SELECT pg_advisory_xact_lock(7205917301)";

/// Returns whether the schema is the one that this program knows. A missing schema is `false`.
///
/// # Errors
/// Fails if the database fails.
pub(crate) async fn is_current(database: &Database) -> Result<bool, DatabaseError> {
    let version: Result<Option<i64>, sqlx::Error> = with_pool!(database, pool => {
        sqlx::query_scalar("SELECT MAX(version) FROM app_schema").fetch_one(pool).await
    });
    let newest = STEPS.last().map(|(number, _, _)| *number);
    match version {
        Ok(version) => Ok(version == newest),
        Err(sqlx::Error::Database(_)) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Migrates the schema in one transaction.
///
/// # Errors
/// Fails if the database fails. Nothing has changed then.
pub(crate) async fn migrate(database: &Database) -> Result<(), DatabaseError> {
    match database.clone() {
        Database::Sqlite(pools) => {
            super::to_its_end(async move {
                let mut transaction = pools.writer.begin_with("BEGIN IMMEDIATE").await?;
                sqlx::raw_sql(TABLE).execute(&mut *transaction).await?;
                let done = "SELECT version FROM app_schema";
                let done: Vec<i64> = sqlx::query_scalar(done).fetch_all(&mut *transaction).await?;
                for (number, statements, _) in
                    STEPS.iter().filter(|(number, _, _)| !done.contains(number))
                {
                    sqlx::raw_sql(*statements).execute(&mut *transaction).await?;
                    let enter = "INSERT INTO app_schema (version, applied_at) VALUES ($1, $2)";
                    let now = super::micros(chrono::Utc::now());
                    sqlx::query(enter).bind(number).bind(now).execute(&mut *transaction).await?;
                }
                transaction.commit().await?;
                Ok(())
            })
            .await
        }
        Database::Postgres(pool) => {
            super::to_its_end(async move {
                let mut transaction = pool.begin().await?;
                sqlx::raw_sql(LOCK).execute(&mut *transaction).await?;
                sqlx::raw_sql(TABLE).execute(&mut *transaction).await?;
                let done = "SELECT version FROM app_schema";
                let done: Vec<i64> = sqlx::query_scalar(done).fetch_all(&mut *transaction).await?;
                for (number, _, statements) in
                    STEPS.iter().filter(|(number, _, _)| !done.contains(number))
                {
                    sqlx::raw_sql(*statements).execute(&mut *transaction).await?;
                    let enter = "INSERT INTO app_schema (version, applied_at) VALUES ($1, $2)";
                    let now = super::micros(chrono::Utc::now());
                    sqlx::query(enter).bind(number).bind(now).execute(&mut *transaction).await?;
                }
                transaction.commit().await?;
                Ok(())
            })
            .await
        }
    }
}
