//! Checks: define, change, run and poll them.
//!
//! [`CheckManager`] changes checks, validates the changes, and writes the audit log in the same step:
//!
//! ```
//! # use std::sync::Arc;
//! # use healthgate::{checks::*, clock::*, crypto::*, directory::*, model::*, store::*};
//! # use serde_json::json;
//! # #[derive(Debug)] struct Runner;
//! # #[async_trait::async_trait]
//! # impl HostRunner for Runner {
//! #     async fn run_host(&self, _: HostRun) -> Vec<CheckOutcome> { Vec::new() }
//! # }
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let store = Arc::new(MemoryStore::new(Arc::new(SystemClock)));
//! # let (ring, runner) = (KeyRing::new(Key::generate()?), Arc::new(Runner));
//! # let directory = Arc::new(StaticDirectory::new());
//! # let host = HostId::generate();
//! # directory.insert(host, None, &[]);
//! let keys = register_keys(store.as_ref(), ring, &Actor::system()).await?; // refuses an unknown key
//! let checks = CheckManager::new(store.clone(), keys, directory, runner);
//! let ada = Actor::new("ada", Role::Admin);
//! let new = NewCheck::from_json(json!({
//!     "name": "shop", "check_type": "http", "url": "https://shop.example/health",
//!     "expected_body": "status: ok", "ignore_cert_errors": false,
//! }))?;
//! let check = checks.create(&ada, host, new).await?;
//!
//! let change = CheckChange::from_json(json!({"expected_body": "all good"}));
//! let check = checks.change(&ada, host, check.id, &change, Some(check.revision)).await?;
//! assert_eq!(check.revision, 2); // results of revision 1 do not count any more
//! # Ok(())
//! # }
//! ```
//!
//! - [`Poller`] runs every enabled check on schedule. Any number of pollers share one store.
//! - [`HostRunner`] runs the checks of one host. `CheckRunner` (feature `http`) asks real targets: it needs
//!   an [`AgentTransport`] for service checks and an `HttpClient` for HTTP checks.
//! - [`Capacity`] limits the concurrent checks of a process, and [`RunBudget`] limits how often people can
//!   make the manager contact a target immediately.
//! - [`register_keys`] and [`CheckManager::rotate_keys`] manage the keys that seal passwords.

mod agent;
mod agent_limit;
#[cfg(feature = "http")]
mod agent_tls;
mod capacity;
#[cfg(feature = "http")]
mod check_runner;
#[cfg(feature = "http")]
mod connect;
#[cfg(feature = "http")]
mod connection;
mod diff;
#[cfg(feature = "http")]
mod handshake;
mod host_run;
#[cfg(feature = "http")]
mod http;
mod manage;
#[cfg(feature = "http")]
mod pinned;
mod poller;
#[cfg(feature = "http")]
mod progress;
mod rates;
#[cfg(feature = "http")]
mod resolve;
#[cfg(feature = "http")]
mod resources;
mod rotate;
mod run_budget;
mod run_metrics;
pub mod schedule;
#[cfg(feature = "http")]
mod tls;

#[cfg(feature = "testing")]
pub use self::agent::{MockAgentLink, MockAgentTransport};
#[cfg(feature = "api")]
pub(crate) use self::rates::Rates;
pub use self::{
    agent::{AgentError, AgentLink, AgentTransport, NoAgents, ServiceStatus},
    capacity::{Capacity, CapacityUse, GateDemand, Permit},
    host_run::{CheckOutcome, HostRun, HostRunner, OutcomeCollector, run_bound, run_head_start},
    manage::{CheckManager, Copied, ManageError},
    poller::{Nudge, ObserverProbe, ObserverRule, Poller, PollerConfig, PollerHealth, PollerStats},
    rotate::{RegisteredKeys, RotationReport, may_create_key, register_keys},
    run_budget::{RunBudget, RunningTest, TestRefused},
};
// Exported for the benchmarks only.
#[cfg(feature = "http")]
#[doc(hidden)]
pub use self::http::{BodySearch, Searched};
pub(crate) use self::{
    agent_limit::{AgentDemand, AgentKey},
    host_run::{readable, results},
    run_metrics::{RanBy, ran},
};
#[cfg(feature = "http")]
pub use self::{
    agent_tls::{CertificateError, CertificateFiles, MutualTlsAgents},
    check_runner::CheckRunner,
    http::{
        DeniedDestination, DestinationPolicy, DestinationRefused, HttpClient, HttpClientConfig,
        HttpClientError,
    },
    resolve::{Resolve, SystemResolver},
};
#[cfg(all(feature = "http", feature = "testing"))]
pub(crate) use self::{
    agent_tls::{read_reply, retry_after},
    http::{Redirect, judge_redirect},
};
