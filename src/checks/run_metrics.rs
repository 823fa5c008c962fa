//! Counts runs of checks by origin.

use tracing::debug;

use super::host_run::CheckOutcome;
use crate::{
    model::HealthCheck,
    observe::{CHECK_DURATION, CHECK_RUNS},
};

/// The origin of a run, as named in the metrics.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum RanBy {
    /// The poller.
    Poll,
    /// An attempt of a gate.
    Gate,
    /// A person who tests a check.
    Test,
}

impl RanBy {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Poll => "poll",
            Self::Gate => "gate",
            Self::Test => "test",
        }
    }
}

/// Counts the outcomes of these checks.
pub(crate) fn ran(by: RanBy, checks: &[HealthCheck], outcomes: &[CheckOutcome]) {
    for outcome in outcomes {
        debug!(check = %outcome.check_id, reason = %outcome.reason, latency = ?outcome.latency,
               by = by.as_str(), "check ran");
        let Some(check) = checks.iter().find(|check| check.id == outcome.check_id) else {
            continue;
        };
        let kind = ("type", check.definition.check_type().as_str());
        let source = ("source", by.as_str());
        CHECK_RUNS.add(1, &[kind, ("reason", outcome.reason.as_str()), source]);
        CHECK_DURATION.record(outcome.latency.as_secs_f64(), &[kind, source]);
    }
}
