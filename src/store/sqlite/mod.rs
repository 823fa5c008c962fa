//! The store in a SQLite file, for installations on one machine.
//!
//! The file uses write-ahead logging with full synchronization: an answered call survives a power loss
//! (F60). Writers take turns, in this process and between processes, by `BEGIN IMMEDIATE`. Readers do not
//! wait for them. Instants are microseconds of the machine's clock, so the file belongs to one machine and
//! must not be on a network file system.
//!
//! Each database operation runs to its end in its own task: a dropped call loses its answer, but never leaves a
//! connection in an open transaction (F57). No other task is spawned.

mod audit;
mod check;
mod error;
mod gate;
mod hook;
mod migrate;
mod open;
mod poll;
mod prune;
mod record;
mod result;
mod retention;
mod secret;
mod store;
mod write;

/// Re-exports the parts of sqlx whose types appear in this module's API, in the matching version.
pub use {sqlx_core, sqlx_sqlite};

pub use self::{
    error::MigrateError, hook::SqliteTxHook, migrate::SCHEMA_VERSION, open::SqliteOptions,
    store::SqliteStore,
};
