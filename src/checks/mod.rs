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
pub(crate) use self::run::results;
pub use self::{
    agent::{AgentError, AgentLink, AgentTransport, ServiceStatus},
    capacity::{Capacity, CapacityUse, GateDemand, Permit},
    manage::{HealthChecks, ManageError},
    poller::{
        Nudge, ObserverProbe, ObserverRule, Poller, PollerConfig, PollerConfigError, PollerStats,
    },
    rotate::{RotationReport, may_create_key, register_keys},
    run::{CheckOutcome, HostRun, HostRunner, run_bound, run_head_start},
};
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
