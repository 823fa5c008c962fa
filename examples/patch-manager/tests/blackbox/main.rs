//! The program as a user has it: the real binary with a real configuration, on SQLite and on Postgres,
//! against agents with real mutual TLS.

mod access;
mod configuration;
mod gates;
mod install;
mod manager;
mod nginx;
mod observability;
mod processes;
mod routes;
mod secrets;
