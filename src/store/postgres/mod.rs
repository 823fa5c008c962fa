//! The store in Postgres. Any number of workers share it, without a leader.
//!
//! It takes a pool and never opens one; [`session_options`] and [`pool_options`] configure a suitable pool.
//! [`PgStore::migrate`] creates or adopts the tables when the application calls it.
//!
//! - The database's clock decides every lease, due time and pass.
//! - Each day (UTC) of results has a partition. Pruning drops whole days, so it keeps a result up to a day
//!   longer than requested. The newest result of each check is also kept in the check's state, so it
//!   survives pruning.
//! - Each database operation runs to its end in its own task: a dropped call loses its answer, but never
//!   leaves a connection in an open transaction (F57). The server's timeouts bound the operation. A time
//!   limit of the store then closes the connection.
//! - The store repeats a transaction that conflicts with another one, up to five times (F58).
//! - Transactions acquire locks in one order: host, gate, checks, schedule. A transaction that changes a
//!   host's checks or records a result holds the host's schedule row, so checks, states and summaries need
//!   no locks of their own.
//! - A `DELETE FROM hosts` by the application locks checks, their states and results, but no schedule row.
//!   The next claim drops a row without checks. Recording results never waits for a check that is being
//!   deleted. The two therefore never deadlock, in whatever order hosts are deleted (F229).

mod audit;
mod check;
mod days;
mod due;
mod error;
mod feed;
mod gate;
mod hook;
mod migrate;
mod own_transaction;
mod poll;
mod prune;
mod record;
mod result;
mod retention;
mod row;
mod secret;
mod settings;
mod store;
mod summary;
mod write;

/// Re-exports the parts of sqlx whose types appear in this module's API, in the matching version.
pub use {sqlx_core, sqlx_postgres};

pub use self::{
    error::{PgFault, PgUnavailable},
    hook::PgTxHook,
    migrate::{HostsTable, MigrateError, MigrationReport, SCHEMA_VERSION},
    settings::{InvalidSchemaName, SchemaName, pool_options, pooler_options, session_options},
    store::PgStore,
};
