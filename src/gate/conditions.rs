//! Conditions that the application adds to the health of hosts.

use std::{fmt::Debug, sync::Arc, time::Duration};

use async_trait::async_trait;

use super::{
    decide::Condition,
    source::{HealthSource, HostHealth, LiveRun, ResultCollector, SourceError},
};
use crate::model::{CheckResult, GateRecord};

/// Says which conditions of the application hold for hosts: not paused by an operator, package
/// database clean.
///
/// Contract:
/// - Answer for each gate, in their order, from what holds now. A condition that is not met blocks the
///   gate like a failing check. It holds back exempt jobs, too, unless it
///   [says otherwise](Condition::spares_exempt). One that is not listed is not asked for.
/// - Keep the names of a host's conditions apart: they identify them in evidence and timeline.
/// - A condition that cannot be told of one host is not met, and says so in its reason: it blocks that
///   host's gate alone. An error blocks the gates of all hosts (G32).
/// - Dropping a call must have no effect. Asked at every look (every 2 s by default), for all gates at
///   once; a preview asks with records that are stored nowhere.
#[async_trait]
pub trait ConditionSource: Debug + Send + Sync + 'static {
    /// The conditions of these gates' hosts.
    async fn conditions(&self, gates: &[&GateRecord]) -> Result<Vec<Vec<Condition>>, SourceError>;
}

/// A source of health with conditions added, for [`StoredChecks`](super::StoredChecks) and signals of
/// an application's own alike. Sources of conditions add up: wrap again for another one.
#[derive(Clone, Debug)]
pub struct WithConditions {
    health: Arc<dyn HealthSource>,
    conditions: Arc<dyn ConditionSource>,
}

impl WithConditions {
    /// `health`, and `conditions` beside it.
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
