//! The store in Postgres on real servers: adoption, hooks, outages, many workers.
//!
//! `HEALTHGATE_LONG=1` asks for the long forms: 50 restarts, 1,000,000 claims, 10,000 hosts.

mod adoption;
mod deletions;
mod epochs;
mod failover;
mod fencing;
mod growth;
mod hooks;
mod migration;
mod outages;
mod partitions;
mod plans;
mod pooler;
mod process;
mod rejected;
mod roles;
mod spending;
mod summaries;
mod support;
mod timeouts;
mod trial;
mod unreadable;
mod volume;
mod waiting_gates;
mod workers;
