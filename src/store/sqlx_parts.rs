//! Re-exports the parts of sqlx that the stores use, under the names that sqlx gives them (F244).

// Which of them are used depends on the features.
#![allow(unused_imports)]

pub(crate) use sqlx_core::{
    column::ColumnIndex,
    connection::Connection,
    decode,
    error::{self, Error, Result},
    from_row::FromRow,
    pool,
    query::{self, query},
    query_as::query_as,
    query_builder::QueryBuilder,
    query_scalar::query_scalar,
    raw_sql::raw_sql,
    row::Row,
    sql_str::AssertSqlSafe,
    transaction::Transaction,
    types,
};
pub(crate) use sqlx_macros::FromRow;
#[cfg(feature = "postgres")]
pub(crate) use sqlx_postgres::{self as postgres, PgConnection, PgPool, Postgres};
#[cfg(feature = "sqlite")]
pub(crate) use sqlx_sqlite::{self as sqlite, Sqlite, SqliteConnection, SqlitePool};
