//! Poller and gates over the memory store, under a clock that moves by itself whenever nothing else
//! can happen: hours pass in milliseconds, and every run is the same.

mod capacity;
mod gates;
mod gates_faults;
mod health;
mod life;
#[cfg(feature = "metrics")]
mod metrics;
mod poller;
mod poller_faults;
mod poller_guards;
mod poller_observer;
#[cfg(feature = "http")]
mod target_missing;
mod vocabulary;
mod world;
