//! The gate: whether a job may touch a host now.

pub mod clock_guard;
mod conditions;
pub mod decide;
mod opening;
mod overrides;
mod policy;
mod preview;
mod recheck;
pub mod recurrence;
mod report;
mod rights;
mod runner;
mod source;
mod spend;
mod stored;
mod wait;

pub use self::{
    conditions::{ConditionSource, WithConditions},
    opening::Opening,
    overrides::OverrideRequest,
    policy::{GatePolicy, GatePolicyError, NoChecks},
    preview::{Blocking, HostPreview},
    recheck::{Recheck, RecheckChange, Rechecked},
    rights::{OverrideRights, OverridesStand},
    runner::{GateHealth, GateRunner, GateRunnerConfig, GateRunnerConfigError, GateStats},
    source::{HealthSource, HostHealth, LiveRun, RequestedWindows, SourceError, WindowSource},
    stored::StoredChecks,
    wait::{Gate, GateError},
};
