//! The stores: the contract that each keeps, and what is particular to SQLite and Postgres.

#[cfg(feature = "conformance")]
mod conformance;
#[cfg(all(feature = "sqlite", feature = "testing"))]
mod crash;
#[cfg(feature = "conformance")]
mod custom_store;
mod gate_sequences;
#[cfg(all(unix, feature = "postgres", feature = "testing"))]
mod postgres;
#[cfg(all(feature = "sqlite", feature = "testing"))]
mod sqlite;
