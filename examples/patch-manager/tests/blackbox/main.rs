//! The program as a user has it: the real binary with a real configuration, on SQLite and on Postgres,
//! against agents with real mutual TLS.

mod access;
#[path = "../attacks/mod.rs"]
mod attacks;
mod audit;
mod audit_filters;
mod bulk;
mod client;
mod clock;
mod configuration;
mod demo;
mod events;
mod fake_time;
mod freezes;
mod gates;
mod groups;
mod install;
mod load;
mod manager;
mod nginx;
mod observability;
mod process;
mod processes;
mod proxy;
mod rights;
mod rollouts;
mod routes;
mod secrets;
mod soak;
