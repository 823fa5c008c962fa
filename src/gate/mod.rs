//! The gate: may a job patch a host now?
//!
//! A job opens a gate for each of its hosts and waits. The gate passes when the host's checks are freshly
//! healthy and its window is open. The pass is spent once, right before the host is patched:
//!
//! ```
//! # use std::{sync::Arc, time::Duration};
//! # use healthgate::{checks::*, clock::*, directory::*, gate::*, model::*, store::*};
//! # use tokio_util::sync::CancellationToken;
//! # #[derive(Debug)] struct Runner;
//! # #[async_trait::async_trait]
//! # impl HostRunner for Runner {
//! #     async fn run_host(&self, _: HostRun) -> Vec<CheckOutcome> { Vec::new() }
//! # }
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let (clock, windows) = (Arc::new(SystemClock), Arc::new(RequestedWindows));
//! # let store = Arc::new(MemoryStore::new(clock.clone()));
//! # let directory = Arc::new(StaticDirectory::new());
//! # let host = HostId::generate();
//! # directory.insert(host, None, &["web"]);
//! # let policy = GatePolicy::default();
//! # let health = StoredChecks::new(store.clone(), Arc::new(Runner), directory, policy.timeout);
//! # let (health, config) = (Arc::new(health), GateRunnerConfig::default());
//! # let gates = GateRunner::new(
//! #     store.clone(), health.clone(), windows.clone(), clock.clone(), policy.clone(), config,
//! # )?;
//! # let gate = Gate::new(store.clone(), health, windows, clock, policy)?.with_nudge(gates.nudge_handle());
//! # let job = async {
//! // A job without a window waits for at most one hour; `GateRequest::new` takes a window.
//! let wait = Duration::from_secs(3600);
//! let request = GateRequest::immediate(JobId::generate(), host, store.now().await?, wait)?;
//! let record = gate.wait(request).await?;
//! match record.pass {
//!     Some(pass) => match gate.spend(&pass).await? {
//!         Spend::Spent(_) => {
//!             // Patch the host, then request its verification.
//!             gate.verify(pass.id, VerifyPolicy::default()).await?;
//!         }
//!         Spend::Refused(why) => println!("not patched: {why:?}"),
//!     },
//!     None => println!("not patched: {}", record.detail),
//! }
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! # };
//! # tokio::select! { done = job => done, () = gates.run(CancellationToken::new()) => Ok(()) }
//! # }
//! ```
//!
//! - [`GateRunner`] serves waiting gates, in this process or another. [`Gate`] is the job's handle.
//! - [`GatePolicy`] sets how fresh a result must be and how often a gate tries again.
//! - [`HealthSource`] supplies the health of hosts: [`StoredChecks`], or your own signals.
//! - [`WindowSource`] supplies the windows of jobs; [`recurrence`] has recurring windows.
//! - [`decide`](mod@decide) is the decision itself, a pure function.
//! - [`rollout`] takes a job over its hosts in stages, [`verify`](mod@verify) judges a host after its
//!   change, and [`Freezes`] are periods in which no job may start on a host.

mod admission;
mod conditions;
pub mod decide;
mod disturbance;
pub mod explain;
mod freeze;
mod groups;
mod handle;
mod opening;
mod overrides;
mod policy;
mod preview;
mod recheck;
pub mod recurrence;
mod report;
mod rights;
pub mod rollout;
mod rollouts;
mod runner;
mod signal;
mod source;
mod spend;
mod stored;
pub mod verify;
mod wait_verified;

pub use self::{
    admission::Admission,
    conditions::{ConditionSource, WithConditions},
    freeze::{Freeze, FreezeError, FreezePeriod, FreezeSource, Freezes},
    handle::{Gate, GateError},
    opening::Opening,
    overrides::OverrideRequest,
    policy::{GatePolicy, NoChecks},
    preview::{Blocking, HostPreview},
    recheck::Recheck,
    rights::{AllowOverrides, OverrideRights},
    runner::{GateHealth, GateRunner, GateRunnerConfig, GateStats},
    signal::Signal,
    source::{
        HealthSource, HostHealth, LiveRun, RequestedWindows, ResultCollector, SourceError,
        WindowSource,
    },
    stored::StoredChecks,
};
