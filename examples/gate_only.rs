//! Another service gates a deploy on signals of its own: no checks, no poller, no network, and
//! nothing stored beyond memory.
//!
//! `cargo run --example gate_only --no-default-features`

use std::{
    error::Error,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use healthgate::{
    clock::SystemClock,
    gate::{
        Gate, GatePolicy, GateRunner, GateRunnerConfig, HealthSource, HostHealth, LiveRun,
        RequestedWindows, SourceError, decide::Requirement,
    },
    model::{
        CheckId, CheckResult, ClockEpoch, Detail, GateRecord, GateRequest, HostId, JobId,
        ReasonCode, ResultSource,
    },
    store::{MemoryStore, Spend, Store},
};
use tokio_util::sync::CancellationToken;

/// The signal: how long the replication of a database lags behind. Here it shrinks at every look.
#[derive(Debug)]
struct ReplicationLag {
    id: CheckId,
    seconds: AtomicU32,
}

#[async_trait]
impl HealthSource for ReplicationLag {
    async fn health(&self, gates: &[&GateRecord]) -> Result<Vec<HostHealth>, SourceError> {
        let requirement = Requirement {
            check_id: self.id,
            name: "replication lag below 5 s".into(),
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
        let lag = self.seconds.load(Ordering::Relaxed);
        self.seconds.store(lag.saturating_sub(4), Ordering::Relaxed);
        println!("  looked at the replica: {lag} s behind");
        vec![CheckResult {
            check_id: self.id,
            host_id: run.host_id,
            revision: 1,
            reason: if lag < 5 { ReasonCode::Ok } else { ReasonCode::ServiceUnhealthy },
            detail: Detail::new(format!("{lag} s behind")),
            latency_ms: 0,
            checked_at: run.started_at,
            epoch: run.epoch,
            source: ResultSource::Gate,
            observer_fault: false,
            endpoint: None,
        }]
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let store = Arc::new(MemoryStore::new(Arc::new(SystemClock)));
    let lag = Arc::new(ReplicationLag { id: CheckId::generate(), seconds: AtomicU32::new(12) });
    let policy = GatePolicy {
        retry: Duration::from_secs(1),
        timeout: Duration::from_secs(1),
        ..GatePolicy::default()
    };
    let (windows, clock) = (Arc::new(RequestedWindows), Arc::new(SystemClock));
    let config = GateRunnerConfig { tick: Duration::from_millis(100), ..Default::default() };
    let runner = GateRunner::new(
        store.clone(),
        lag.clone(),
        windows.clone(),
        clock.clone(),
        policy.clone(),
        config,
    )?;
    let gate = Gate::new(store.clone(), lag, windows, clock, policy)?
        .with_poll_interval(Duration::from_millis(100))
        .with_nudge(runner.nudge_handle());

    let stop = CancellationToken::new();
    let deploy = async {
        // No maintenance window: wait at most 20 s.
        let (job, host, now) = (JobId::generate(), HostId::generate(), store.now().await?);
        let request = GateRequest::immediate(job, host, now, Duration::from_secs(20))?;
        println!("deploy: asking the gate");
        let record = gate.wait(request).await?;
        stop.cancel();
        match record.pass {
            Some(pass) if matches!(gate.spend(&pass).await?, Spend::Spent(_)) => {
                println!("deploy: going ahead after {} attempts", record.attempts);
            }
            _ => println!("deploy: not going ahead: {}", record.detail),
        }
        Ok::<(), Box<dyn Error>>(())
    };
    let (deployed, ()) = tokio::join!(deploy, runner.run(stop.clone()));
    deployed
}
