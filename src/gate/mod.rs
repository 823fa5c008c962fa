//! The gate: whether a job may touch a host now.

pub mod clock_guard;
pub mod decide;
mod policy;
pub mod recurrence;
mod report;
mod runner;
mod source;
mod stored;
mod wait;

pub use self::{
    policy::{GatePolicy, GatePolicyError, NoChecks},
    runner::{GateRunner, GateRunnerConfig, GateRunnerConfigError},
    source::{HealthSource, HostHealth, LiveRun, RequestedWindows, SourceError, WindowSource},
    stored::StoredChecks,
    wait::{Gate, GateError},
};
