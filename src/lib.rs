//! Health checks, a poller and a window-bounded gate for software that patches or reboots hosts.
//!
//! A host is patched only while it is healthy, and only inside its maintenance window. Here a job asks for
//! a host with one HTTP check. It goes ahead once the check is healthy, and gives up after ten minutes:
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
//! Checks of this machine, such as of `http://localhost:8080/`, are refused unless
//! [`checks::DestinationPolicy`] allows them. Everything else has a default, which
//! [`HealthgateBuilder`] lists.
//!
//! The module `_guide` (features `http` and `testing`) explains all parts step by step, from the first
//! check to testing your own code against the library.
//!
//! # Requirements
//!
//! The loops need [tokio](https://tokio.rs), with its time driver and, for checks over the network, its I/O
//! driver. A host is named by a UUID ([`HostId`](model::HostId)); `docs/embedding.md` says what to do with
//! other ids. The minimum Rust version is 1.89, and 1.94 with the features `sqlite` or `postgres`.
//!
//! # Modules
//!
//! A module uses only those above it in this list.
//!
//! | module | holds |
//! | --- | --- |
//! | [`model`] | plain data and its rules: ids, checks, results, windows, gates, audit records |
//! | [`observe`] | the metrics: what there is, and what each means |
//! | [`clock`] | time from one source, and a manual clock for tests |
//! | [`directory`] | the application's hosts |
//! | [`crypto`] | keys, key files, and how passwords are sealed |
//! | [`store`] | the traits of storage, the store in memory, the conformance suite |
//! | [`checks`] | changing, running and polling checks; the seams to agents and name resolution |
//! | [`gate`] | the decision, the runner around it, windows that recur |
//! | `api` (feature `api`) | the REST API: routes to mount, rights, problems, events, OpenAPI |
//! | [`Healthgate`] | all of it put together, with one timing and one policy |
//!
//! # Features
//!
//! | feature | default | brings |
//! | --- | --- | --- |
//! | `http` | yes | the runners of checks: `CheckRunner`, `HttpClient`, `MutualTlsAgents` |
//! | `sqlite` | no | `store::sqlite`, the store in a SQLite file |
//! | `api` | no | `api`, the REST API as an axum router with its OpenAPI document |
//! | `metrics` | no | metrics over the facade of the `metrics` crate; see [`observe`] |
//! | `postgres` | no | `store::postgres`, for any number of workers over one database |
//! | `conformance` | no | `store::conformance`, the suite that proves a store |
//! | `testing` | no | `testing`: scripted agents and runners, a store that breaks, fixtures, mocks |
//!
//! # Tasks and state
//!
//! Nothing is global, and nothing is read from the environment. [`Healthgate::run`],
//! [`Poller::run`](checks::Poller::run) and [`GateRunner::run`](gate::GateRunner::run) are futures that
//! spawn no task. Dropping one at any await loses no stored fact: leases expire, and gates resume.

#![cfg_attr(docsrs, feature(doc_cfg))]

// `derive(FromRow)` names the crate `sqlx`, whose parts the stores depend on one by one.
#[cfg(any(feature = "postgres", feature = "sqlite"))]
extern crate self as sqlx;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
use store::sqlx_parts::*;

// Its snippets use the runners and the test helpers.
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
// Crates whose types stand in this API, in the version that it uses.
pub use {chrono, tokio_util::sync::CancellationToken, url, uuid};

/// The README's program is a doc test.
#[cfg(all(doctest, feature = "http"))]
#[doc = include_str!("../README.md")]
struct Readme;
