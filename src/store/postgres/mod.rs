//! The store in Postgres: any number of workers share it, without a leader.
//!
//! It takes a pool and never opens one; [`session_options`] and [`pool_options`] configure a suitable pool.
//! [`PgStore::migrate`] creates or adopts the tables when the application calls it.
//!
//! - Every lease, due time and pass is judged by the database's clock.
//! - Results are in one partition for each day (UTC). Pruning drops whole days, and so keeps a result up to a day
//!   longer than asked. The newest result of each check is also kept in the check's state, so it survives pruning.
//! - Each database operation runs to its end in its own task: a dropped call loses its answer, but never leaves a
//!   connection in an open transaction (F57). The server's timeouts bound it, and so does a limit of the store,
//!   after which the connection is closed.
//! - A transaction that conflicts with another one is repeated, up to five times (F58).
//! - Locks are taken in one order: host, gate, checks, schedule. Whoever changes a host's checks or records a
//!   result holds the host's schedule row, so that checks, states and summaries need no locks of their own.
//! - `DELETE FROM hosts` by the application locks checks, their states and results, and no schedule row; the next
//!   claim drops a row without checks. The recording of results never waits for a check that is being deleted.
//!   Neither can therefore deadlock with the other, in whatever order hosts are deleted (F229).

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

/// The parts of sqlx whose types stand in this module's API, in the version that it uses.
pub use {sqlx_core, sqlx_postgres};

pub use self::{
    error::{PgFault, PgUnavailable},
    hook::PgTxHook,
    migrate::{HostsTable, MigrateError, MigrationReport, SCHEMA_VERSION},
    settings::{InvalidSchemaName, SchemaName, pool_options, pooler_options, session_options},
    store::PgStore,
};
