//! Running checks, once and on a schedule, and the rules of changing them.

mod agent;
#[cfg(feature = "http")]
mod agent_tls;
mod capacity;
#[cfg(feature = "http")]
mod connector;
mod diff;
#[cfg(feature = "http")]
mod http;
mod manage;
mod poller;
#[cfg(feature = "http")]
mod progress;
mod ran;
#[cfg(feature = "http")]
mod resolve;
mod rotate;
mod run;
#[cfg(feature = "http")]
mod runner;
pub mod schedule;
#[cfg(feature = "http")]
mod tls;

#[cfg(feature = "testing")]
pub use self::agent::MockAgentTransport;
pub use self::{
    agent::{AgentError, AgentLink, AgentTransport, ServiceStatus},
    capacity::{Capacity, CapacityUse, GateDemand, Permit},
    manage::{HealthChecks, ManageError},
    poller::{
        Nudge, ObserverProbe, ObserverRule, Poller, PollerConfig, PollerConfigError, PollerHealth,
        PollerStats,
    },
    rotate::{RotationReport, may_create_key, register_keys},
    run::{CheckOutcome, HostRun, HostRunner, run_bound, run_head_start},
};
// For the benchmarks alone.
#[cfg(feature = "http")]
#[doc(hidden)]
pub use self::http::{BodySearch, Searched};
#[cfg(feature = "http")]
pub use self::{
    agent_tls::{CertificateError, CertificateFiles, MutualTlsAgents},
    http::{
        DeniedDestination, DestinationPolicy, DestinationRefused, HttpClient, HttpClientConfig,
        HttpClientError,
    },
    resolve::{Resolve, SystemResolver},
    runner::CheckRunner,
};
pub(crate) use self::{
    ran::{RanBy, ran},
    run::results,
};
