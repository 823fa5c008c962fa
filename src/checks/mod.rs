//! Running checks, once and on a schedule, and the rules of changing them.

mod agent;
mod agent_limit;
#[cfg(feature = "http")]
mod agent_tls;
mod capacity;
#[cfg(feature = "http")]
mod check_runner;
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
#[cfg(feature = "http")]
mod race;
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
pub use self::agent::MockAgentTransport;
#[cfg(feature = "api")]
pub(crate) use self::rates::Rates;
pub use self::{
    agent::{AgentError, AgentLink, AgentTransport, ServiceStatus},
    capacity::{Capacity, CapacityUse, GateDemand, Permit},
    host_run::{CheckOutcome, HostRun, HostRunner, OutcomeCollector, run_bound, run_head_start},
    manage::{CheckManager, ManageError},
    poller::{
        Nudge, ObserverProbe, ObserverRule, Poller, PollerConfig, PollerConfigError, PollerHealth,
        PollerStats,
    },
    rotate::{RotationReport, may_create_key, register_keys},
    run_budget::{RunBudget, RunningTest, TestRefused},
};
// For the benchmarks alone.
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
