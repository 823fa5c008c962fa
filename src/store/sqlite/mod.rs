//! The store in a SQLite file: the embedded default of installations of one machine.
//!
//! One file, in write-ahead mode and fully synchronised: what a call has answered outlives a loss of
//! power (F60). Writers follow each other, in this process and between processes, by
//! `BEGIN IMMEDIATE`; readers do not wait for them. Instants are microseconds of the machine's clock,
//! so the file belongs to one machine, and never on a network's file system.
//!
//! Each database operation runs to its end in a task of its own: a dropped call abandons its answer,
//! and never a connection in an open transaction (F57). No other task is spawned.

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

pub use self::{
    error::MigrateError, hook::SqliteTxHook, migrate::SCHEMA_VERSION, open::SqliteOptions,
    store::SqliteStore,
};
