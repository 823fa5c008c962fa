//! The application's sources: failures of their calls, and the application's conditions on hosts.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use healthgate::{
    gate::{
        HealthSource, HostHealth, LiveRun, ResultCollector, SourceError, StoredChecks,
        decide::Condition,
    },
    model::{CheckResult, GateRecord},
};

use crate::{history::Event, rng::Rng, targets::Sight};

/// A fault of a call of a source.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum SourceTrouble {
    Fails,
    /// The call never returns.
    Hangs,
    Slow(Duration),
}

impl SourceTrouble {
    pub(crate) const fn event(self) -> Event {
        match self {
            Self::Fails => Event::SourceFailed,
            Self::Hangs => Event::SourceHung,
            Self::Slow(_) => Event::SourceSlow,
        }
    }
}

impl std::fmt::Display for SourceTrouble {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("scripted")
    }
}

impl std::error::Error for SourceTrouble {}

/// How often and how calls of the sources fail.
#[derive(Debug)]
pub(crate) struct Sources(Mutex<Plan>);

#[derive(Debug)]
struct Plan {
    per_mille: u64,
    trouble: SourceTrouble,
    rng: Rng,
}

impl Sources {
    pub(crate) fn new(rng: Rng) -> Self {
        Self(Mutex::new(Plan { per_mille: 0, trouble: SourceTrouble::Fails, rng }))
    }

    /// Applies this fault to `per_mille` of a thousand calls from now on.
    pub(crate) fn set(&self, per_mille: u64, trouble: SourceTrouble) {
        let mut plan = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (plan.per_mille, plan.trouble) = (per_mille, trouble);
    }

    pub(crate) fn draw(&self) -> Option<SourceTrouble> {
        let mut plan = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let per_mille = plan.per_mille;
        (per_mille > 0 && plan.rng.chance(per_mille)).then_some(plan.trouble)
    }
}

/// The library's checks, and the condition that no one has paused the host.
#[derive(Debug)]
pub(crate) struct Conditioned {
    pub(crate) checks: StoredChecks,
    pub(crate) sight: Arc<Sight>,
}

#[async_trait]
impl HealthSource for Conditioned {
    async fn health(&self, gates: &[&GateRecord]) -> Result<Vec<HostHealth>, SourceError> {
        let mut health = self.checks.health(gates).await?;
        let paused = self.sight.read_pauses(gates);
        for (health, paused) in health.iter_mut().zip(paused) {
            health.conditions.push(match paused {
                false => Condition::met("not paused"),
                true => Condition::unmet("not paused", "paused", "an operator has paused the host"),
            });
        }
        Ok(health)
    }

    async fn run(&self, run: LiveRun) -> Vec<CheckResult> {
        self.checks.run(run).await
    }

    async fn collect(&self, run: LiveRun, results: &ResultCollector) {
        self.checks.collect(run, results).await;
    }

    fn check_timeout(&self) -> Option<Duration> {
        self.checks.check_timeout()
    }
}
