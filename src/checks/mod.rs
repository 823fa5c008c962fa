//! Running checks: once, and on a schedule.

mod agent;
mod run;

pub use self::{
    agent::{AgentError, AgentLink, AgentTransport, ServiceStatus},
    run::{CheckOutcome, HostRun, HostRunner, run_bound, run_head_start},
};
