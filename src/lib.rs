//! Health checks, a poller and a window-bounded gate for software that patches or reboots hosts.
//!
//! A host is patched only while it is healthy, and only inside its maintenance window. Here a job asks for
//! a host without checks. The pass that it gets can be spent once:
//!
//! ```
//! # use std::{sync::Arc, time::Duration};
//! # use chrono::{TimeDelta, Utc};
//! # use healthgate::{checks::*, clock::*, directory::*, gate::*, model::*, store::*};
//! # use tokio_util::sync::CancellationToken;
//! # #[derive(Debug)] struct Runner;
//! # #[async_trait::async_trait]
//! # impl HostRunner for Runner {
//! #     async fn run_host(&self, _: HostRun) -> Vec<CheckOutcome> { Vec::new() }
//! # }
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let runner = Arc::new(Runner);
//! let (clock, windows) = (Arc::new(SystemClock), Arc::new(RequestedWindows));
//! let store = Arc::new(MemoryStore::new(clock.clone()));
//! let directory = Arc::new(StaticDirectory::new());
//! let host = HostId::generate();
//! directory.insert(host, None, &["web"]);
//!
//! let policy = GatePolicy::default();
//! let health = StoredChecks::new(store.clone(), runner, directory, policy.timeout);
//! let (health, config) = (Arc::new(health), GateRunnerConfig::default());
//! let gates = GateRunner::new(
//!     store.clone(), health.clone(), windows.clone(), clock.clone(), policy.clone(), config,
//! )?;
//! let gate = Gate::new(store, health, windows, clock, policy)?.with_nudge(gates.nudge_handle());
//!
//! let job = async {
//!     let window = Window::lasting(Utc::now(), TimeDelta::hours(1))?;
//!     let record = gate.wait(GateRequest::new(JobId::generate(), host, window)).await?;
//!     let pass = record.pass.ok_or("the gate did not pass")?;
//!     assert_eq!(pass.kind, PassKind::NoChecks);
//!     assert!(matches!(gate.spend(&pass).await?, Spend::Spent(_))); // now patch the host
//!     assert!(matches!(gate.spend(&pass).await?, Spend::Refused(_)));
//!     Ok::<_, Box<dyn std::error::Error>>(())
//! };
//! tokio::select! { done = job => done, () = gates.run(CancellationToken::new()) => Ok(()) }
//! # }
//! ```
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
//! Nothing is global, and nothing is read from the environment. [`Poller::run`](checks::Poller::run) and
//! [`GateRunner::run`](gate::GateRunner::run) are futures that spawn no task. Dropping one at any await
//! loses no stored fact: leases expire, and gates resume.

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
pub mod model;
pub mod observe;
pub mod store;
#[cfg(any(feature = "api", feature = "http"))]
mod strict_json;
#[cfg(feature = "testing")]
pub mod testing;

pub use self::config_error::ConfigError;
/// The README's program is a doc test.
#[cfg(all(doctest, feature = "http"))]
#[doc = include_str!("../README.md")]
struct Readme;
