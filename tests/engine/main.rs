//! Poller, gates, changes of checks and key rotation over the memory store; the runners over real sockets.
//!
//! Poller and gates run under a clock that moves by itself whenever nothing else can happen: hours pass
//! in milliseconds, and every run is the same.

mod capacity;
mod clock_epochs;
mod explain;
mod first_runs;
mod freezes;
mod front;
mod gates;
mod gates_changes;
mod gates_faults;
mod gates_waiting;
mod groups;
mod health;
mod lanes;
mod life;
mod log;
mod manage;
#[cfg(feature = "metrics")]
mod metrics;
mod order;
mod poller;
mod poller_faults;
mod poller_guards;
mod poller_observer;
mod previews;
mod rollouts;
mod rotation;
#[cfg(feature = "http")]
mod runner;
mod slow_spending;
mod sources;
mod strict;
#[cfg(feature = "http")]
mod target_missing;
#[cfg(feature = "conformance")]
mod testing;
mod unreadable;
mod verifications;
mod vocabulary;
mod waiting;
mod world;
