//! An application signal from a closure.

use std::{
    collections::{BTreeSet, HashMap},
    fmt,
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use futures_util::future::{BoxFuture, join_all};
use sha2::{Digest, Sha256};
use uuid::Builder;

use super::{
    conditions::ConditionSource,
    decide::{Condition, Requirement},
    source::{HealthSource, HostHealth, LiveRun, SourceError},
};
use crate::{
    clock::{Clock, SystemClock, bounded},
    model::{
        CheckId, CheckResult, ClockEpoch, Detail, GateRecord, HostId, Label, ReasonCode,
        ResultSource,
    },
};

/// A signal of the application about one host, such as "replication lag below 5 s".
///
/// The closure returns `Ok(())` if a job may touch the host, and otherwise the reason why not. A late answer
/// and a panic block the gate, too.
///
/// As a [`HealthSource`] it replaces the stored checks: each attempt of a gate asks it, and its answers count
/// and age like results of checks. As a [`ConditionSource`] it is added to the checks: every look at a gate,
/// about every 2 s, asks it, and it also blocks exempt jobs.
///
/// ```
/// # use std::{sync::Arc, time::Duration};
/// use healthgate::{Healthgate, directory::StaticDirectory, gate::Signal, store::MemoryStore};
///
/// # async fn lag_of(host: healthgate::model::HostId) -> Duration { Duration::ZERO }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), healthgate::BuildError> {
/// let signal = Signal::new("replication lag below 5 s", |host| async move {
///     let lag = lag_of(host).await;
///     if lag < Duration::from_secs(5) { Ok(()) } else { Err(format!("{lag:?} behind")) }
/// });
/// # let (store, hosts) = (Arc::new(MemoryStore::default()), Arc::new(StaticDirectory::new()));
/// let healthgate = Healthgate::builder(store, hosts).health_source(Arc::new(signal)).build().await?;
/// # Ok(())
/// # }
/// ```
pub struct Signal {
    name: Label,
    id: CheckId,
    ask: Box<Ask>,
    clock: Arc<dyn Clock>,
    timeout: Duration,
}

type Ask = dyn Fn(HostId) -> BoxFuture<'static, Result<(), String>> + Send + Sync;

/// The default time limit for an answer as a condition, well within the time limit of a source.
const TIMEOUT: Duration = Duration::from_secs(3);

impl Signal {
    /// Creates a signal.
    ///
    /// The name identifies the signal in evidence and timelines, in all processes over one store. Do not
    /// change it while gates wait for the signal.
    pub fn new<F, A, E>(name: impl Into<Label>, ask: F) -> Self
    where
        F: Fn(HostId) -> A + Send + Sync + 'static,
        A: Future<Output = Result<(), E>> + Send + 'static,
        E: fmt::Display,
    {
        let name = name.into();
        let asking = move |host| -> BoxFuture<'static, Result<(), String>> {
            let answer = ask(host);
            Box::pin(async move { answer.await.map_err(|why| why.to_string()) })
        };
        let clock = Arc::new(SystemClock);
        Self { id: id_of(&name), name, ask: Box::new(asking), clock, timeout: TIMEOUT }
    }

    /// Sets the time limit for an answer as a condition. The default is 3 s. As a health source, the signal
    /// has the time of an attempt.
    #[must_use]
    pub fn with_timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// Sets the clock that limits the time of answers. The default is the system's clock.
    #[must_use]
    pub fn with_clock(self, clock: Arc<dyn Clock>) -> Self {
        Self { clock, ..self }
    }

    /// Asks the closure, for at most `time`. The outer error says why there is no answer.
    async fn answer(&self, host: HostId, time: Duration) -> Result<Result<(), String>, String> {
        // Both the closure and its future may panic.
        let asking = async { (self.ask)(host).await };
        bounded(self.clock.as_ref(), time, asking).await.map_err(|cut| cut.to_string())
    }
}

impl fmt::Debug for Signal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut signal = formatter.debug_struct("Signal");
        signal.field("name", &self.name).field("timeout", &self.timeout).finish_non_exhaustive()
    }
}

/// Returns the same id in every process: one process may give a pass and another spend it.
fn id_of(name: &Label) -> CheckId {
    let mut bytes = [0; 16];
    let hash = Sha256::digest(name.as_str().as_bytes());
    bytes.iter_mut().zip(hash).for_each(|(to, from)| *to = from);
    CheckId::from_uuid(Builder::from_custom_bytes(bytes).into_uuid())
}

#[async_trait]
impl HealthSource for Signal {
    async fn health(&self, gates: &[&GateRecord]) -> Result<Vec<HostHealth>, SourceError> {
        let requirement = Requirement {
            check_id: self.id,
            name: self.name.clone(),
            revision: 1,
            enabled: true,
            changed_at: DateTime::<Utc>::MIN_UTC,
            changed_epoch: ClockEpoch::default(),
            endpoint: None,
        };
        let health = HostHealth { requirements: vec![requirement], ..HostHealth::default() };
        Ok(vec![health; gates.len()])
    }

    async fn run(&self, run: LiveRun) -> Vec<CheckResult> {
        if !run.checks.contains(&self.id) {
            return Vec::new();
        }
        let begun = self.clock.monotonic();
        let (reason, detail) = match self.answer(run.host_id, run.time).await {
            Ok(Ok(())) => (ReasonCode::Ok, String::new()),
            Ok(Err(why)) => (ReasonCode::ServiceUnhealthy, why),
            Err(cut) => (ReasonCode::Internal, cut),
        };
        let latency = self.clock.monotonic().saturating_sub(begun).as_millis();
        vec![CheckResult {
            check_id: self.id,
            host_id: run.host_id,
            revision: 1,
            reason,
            detail: Detail::new(detail),
            latency_ms: u32::try_from(latency).unwrap_or(u32::MAX),
            checked_at: run.started_at,
            epoch: run.epoch,
            source: ResultSource::Gate,
            observer_fault: false,
            endpoint: None,
        }]
    }
}

#[async_trait]
impl ConditionSource for Signal {
    async fn conditions(&self, gates: &[&GateRecord]) -> Result<Vec<Vec<Condition>>, SourceError> {
        let hosts: BTreeSet<HostId> = gates.iter().map(|gate| gate.host_id).collect();
        let asking = hosts.into_iter().map(async |host| {
            let condition = match self.answer(host, self.timeout).await {
                Ok(Ok(())) => Condition::met(self.name.clone()),
                Ok(Err(why)) => Condition::unmet(self.name.clone(), "not_met", &why),
                Err(cut) => Condition::unknown(self.name.clone(), &cut),
            };
            (host, condition)
        });
        let known: HashMap<HostId, Condition> = join_all(asking).await.into_iter().collect();
        Ok(gates
            .iter()
            .map(|gate| known.get(&gate.host_id).cloned().into_iter().collect())
            .collect())
    }
}
