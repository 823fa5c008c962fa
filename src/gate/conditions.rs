//! Conditions that the application adds to the health of hosts.

use std::{fmt::Debug, sync::Arc, time::Duration};

use async_trait::async_trait;

use super::{
    decide::Condition,
    source::{HealthSource, HostHealth, LiveRun, ResultCollector, SourceError},
};
use crate::model::{CheckResult, GateRecord};

/// Supplies the application's conditions on hosts, such as "not paused by an operator" or "package database
/// clean".
///
/// Contract:
/// - Answer for each gate, in order, from the current state. An unmet condition blocks the gate like a failing
///   check. It also blocks exempt jobs, unless [`Condition::spares_exempt`] is set. A condition that is not
///   listed is not required.
/// - Give each condition of a host its own name: the name identifies it in evidence and timeline.
/// - If a condition is unknown for one host, return it as unmet with the reason; that blocks only that host's
///   gate. An error blocks the gates of all hosts (G32).
/// - Dropping a call has no effect. The gate runner asks at every look (every 2 s by default), for all gates
///   at once. A preview asks with records that are not stored.
#[async_trait]
pub trait ConditionSource: Debug + Send + Sync + 'static {
    /// Returns the conditions of each gate's host.
    async fn conditions(&self, gates: &[&GateRecord]) -> Result<Vec<Vec<Condition>>, SourceError>;
}

/// Adds conditions to a health source: [`StoredChecks`](super::StoredChecks) or your own.
///
/// Wrap the result again to add another source of conditions.
#[derive(Clone, Debug)]
pub struct WithConditions {
    health: Arc<dyn HealthSource>,
    conditions: Arc<dyn ConditionSource>,
}

impl WithConditions {
    /// Creates a source that adds `conditions` to `health`.
    #[must_use]
    pub fn new(health: Arc<dyn HealthSource>, conditions: Arc<dyn ConditionSource>) -> Self {
        Self { health, conditions }
    }
}

#[async_trait]
impl HealthSource for WithConditions {
    async fn health(&self, gates: &[&GateRecord]) -> Result<Vec<HostHealth>, SourceError> {
        let mut health = self.health.health(gates).await?;
        let conditions = self.conditions.conditions(gates).await?;
        if conditions.len() != gates.len() {
            return Err(SourceError::new("conditions", "it did not answer for every gate"));
        }
        for (host, added) in health.iter_mut().zip(conditions) {
            host.conditions.extend(added);
        }
        Ok(health)
    }

    async fn run(&self, run: LiveRun) -> Vec<CheckResult> {
        self.health.run(run).await
    }

    async fn collect(&self, run: LiveRun, results: &ResultCollector) {
        self.health.collect(run, results).await;
    }

    fn check_timeout(&self) -> Option<Duration> {
        self.health.check_timeout()
    }
}
