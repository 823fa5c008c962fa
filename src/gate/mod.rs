//! The gate: whether a job may touch a host now.

mod conditions;
pub mod decide;
mod disturbance;
mod freeze;
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
mod source;
mod spend;
mod stored;
pub mod verify;

pub use self::{
    conditions::{ConditionSource, WithConditions},
    freeze::{Freeze, FreezeError, FreezePeriod, FreezeSource, Freezes},
    handle::{Gate, GateError},
    opening::Opening,
    overrides::OverrideRequest,
    policy::{GatePolicy, GatePolicyError, NoChecks},
    preview::{Blocking, HostPreview},
    recheck::Recheck,
    rights::{AllowOverrides, OverrideRights},
    runner::{GateHealth, GateRunner, GateRunnerConfig, GateRunnerConfigError, GateStats},
    source::{
        HealthSource, HostHealth, LiveRun, RequestedWindows, ResultCollector, SourceError,
        WindowSource,
    },
    stored::StoredChecks,
};
