//! The store in Postgres: any number of workers share it, without a leader.
//!
//! It takes a pool and never opens one; [`session_options`] and [`pool_options`] say what a pool
//! should be like. [`PgStore::migrate`] makes or adopts the tables, when the application calls it.
//!
//! - Every lease, due time and pass is judged by the database's clock.
//! - Results lie in a partition for each day (UTC) and leave with it: pruning drops whole days, and
//!   so keeps a result for up to a day longer than asked. The newest of each check lies in the
//!   check's state besides, and stays.
//! - Each database operation runs to its end in a task of its own: a dropped call abandons its
//!   answer, and never a connection in an open transaction (F57). The server's timeouts bound it, and
//!   a bound of the store's own, after which the connection is closed.
//! - A transaction that meets a conflict with another one is done anew, up to five times (F58).
//! - Locks are taken in one order: host, gate, checks, schedule. Whoever changes a host's checks or records a
//!   result holds the host's schedule row, so that checks, states and summaries need no locks of their own.
//! - `DELETE FROM hosts` by the application locks checks, their states and results, and no schedule row: the next
//!   claim drops a row without checks. Whoever records results waits for no check that is being deleted. So neither
//!   can deadlock with the other, in whatever order hosts are deleted (F229).

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

pub use self::{
    error::{PgFault, PgUnavailable},
    hook::PgTxHook,
    migrate::{HostsTable, MigrateError, MigrationReport, SCHEMA_VERSION},
    settings::{InvalidSchemaName, SchemaName, pool_options, pooler_options, session_options},
    store::PgStore,
};
