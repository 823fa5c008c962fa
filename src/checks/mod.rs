//! Running checks: once, and on a schedule.

mod agent;
mod poller;
mod run;
pub mod schedule;

pub use self::{
    agent::{AgentError, AgentLink, AgentTransport, ServiceStatus},
    poller::{Nudge, Poller, PollerConfig, PollerConfigError, PollerStats},
    run::{CheckOutcome, HostRun, HostRunner, run_bound, run_head_start},
};
