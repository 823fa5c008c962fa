//! Health checks, a poller and a window-bounded gate for software that patches or reboots hosts.
//!
//! A host is patched only while it is healthy, and only inside its maintenance window. In this example a job
//! asks to patch a host with one HTTP check. The job goes ahead once the check is healthy, and gives up after
//! ten minutes:
//!
//! ```no_run
//! use std::{sync::Arc, time::Duration};
//! use healthgate::{Healthgate, directory::StaticDirectory, gate::Admission, store::MemoryStore};
//! use healthgate::model::{Actor, GateRequest, JobId, NewCheck};
//!
//! #[tokio::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let hosts = Arc::new(StaticDirectory::new());
//!     let host = hosts.add(None, &["web"]);
//!     let healthgate = Healthgate::builder(Arc::new(MemoryStore::default()), hosts).build().await?;
//!     let check = NewCheck::http("website", "https://web-1.example/health").expecting("ok").build()?;
//!     healthgate.checks().create(&Actor::system(), host, check).await?;
//!     let now = healthgate.store().now().await?;
//!     let request = GateRequest::immediate(JobId::generate(), host, now, Duration::from_secs(600))?;
//!     match healthgate.run_while(healthgate.gate().admit(request)).await? {
//!         Admission::GoAhead(_) => println!("patch the host now"),
//!         held => println!("do not patch: {}", held.record().detail),
//!     }
//!     Ok(())
//! }
//! ```
//!
//! By default, checks of this machine (`http://localhost:8080/`) are refused;
//! [`checks::DestinationPolicy`] can allow them. [`HealthgateBuilder`] lists all settings with their
//! defaults.
//!
//! The module `_guide` (features `http` and `testing`) explains all parts step by step, from the first
//! check to testing your own code against the library.
//!
//! # Requirements
//!
//! The loops need [tokio](https://tokio.rs) with its time driver. Checks over the network also need its I/O
//! driver. The id of a host is a UUID ([`HostId`](model::HostId)); `docs/embedding.md` says what to do with
//! other ids. The minimum Rust version is 1.89, or 1.94 with the features `sqlite` or `postgres`.
//!
//! # Modules
//!
//! A module uses only the modules above it in this table.
//!
//! | module | holds |
//! | --- | --- |
//! | [`model`] | plain data and its rules: ids, checks, results, windows, gates, audit records |
//! | [`observe`] | the metrics and their meanings |
//! | [`clock`] | time from one source, and a manual clock for tests |
//! | [`directory`] | the application's hosts |
//! | [`crypto`] | keys, key files, and the sealing of passwords |
//! | [`store`] | the storage traits, the in-memory store, the conformance suite |
//! | [`checks`] | changing, running and polling checks; the traits for agents and name resolution |
//! | [`gate`] | the decision, the runner around it, recurring windows |
//! | `api` (feature `api`) | the REST API: routes to mount, rights, problem details, events, OpenAPI |
//! | [`Healthgate`] | checks, poller and gates put together, with one timing and one policy |
//!
//! # Features
//!
//! | feature | default | brings |
//! | --- | --- | --- |
//! | `http` | yes | the check runners: `CheckRunner`, `HttpClient`, `MutualTlsAgents` |
//! | `sqlite` | no | `store::sqlite`, the store in a SQLite file |
//! | `api` | no | `api`, the REST API as an axum router with its OpenAPI document |
//! | `metrics` | no | metrics through the facade of the `metrics` crate; see [`observe`] |
//! | `postgres` | no | `store::postgres`, a Postgres store for any number of workers |
//! | `conformance` | no | `store::conformance`, the test suite for stores |
//! | `testing` | no | `testing`: scripted agents and runners, a store that fails on demand, fixtures, mocks |
//!
//! # Tasks and state
//!
//! The library has no global state and reads no environment variables. [`Healthgate::run`],
//! [`Poller::run`](checks::Poller::run) and [`GateRunner::run`](gate::GateRunner::run) are futures that
//! spawn no task. Dropping one at any await loses no stored data: leases expire, and gates resume.

#![cfg_attr(docsrs, feature(doc_cfg))]

// `derive(FromRow)` generates paths into the crate `sqlx`, but the stores depend only on parts of it.
#[cfg(any(feature = "postgres", feature = "sqlite"))]
extern crate self as sqlx;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
use store::sqlx_parts::*;

// The snippets of the guide use the runners and the test helpers.
#[cfg(all(feature = "http", feature = "testing"))]
pub mod _guide;
#[cfg(feature = "api")]
pub mod api;
pub mod checks;
pub mod clock;
mod config_error;
pub mod crypto;
pub mod directory;
pub mod gate;
mod healthgate;
pub mod model;
pub mod observe;
pub mod store;
#[cfg(any(feature = "api", feature = "http"))]
mod strict_json;
#[cfg(feature = "testing")]
pub mod testing;

pub use self::{
    config_error::ConfigError,
    healthgate::{BuildError, HealthReport, Healthgate, HealthgateBuilder, Policy, Timing},
};
// Crates whose types appear in this API, in the versions that it uses.
pub use {chrono, tokio_util::sync::CancellationToken, url, uuid};

/// Runs the README's program as a doc test.
#[cfg(all(doctest, feature = "http"))]
#[doc = include_str!("../README.md")]
struct Readme;
