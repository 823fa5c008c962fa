//! Running checks: once, and on a schedule.

mod agent;
mod diff;
mod manage;
mod poller;
mod rotate;
mod run;
pub mod schedule;

pub(crate) use self::run::results;
pub use self::{
    agent::{AgentError, AgentLink, AgentTransport, ServiceStatus},
    manage::{HealthChecks, ManageError},
    poller::{Nudge, Poller, PollerConfig, PollerConfigError, PollerStats},
    rotate::{RotationReport, may_create_key, register_keys},
    run::{CheckOutcome, HostRun, HostRunner, run_bound, run_head_start},
};
