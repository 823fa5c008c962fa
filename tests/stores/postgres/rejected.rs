//! Values that Postgres cannot hold.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use chrono::TimeDelta;
use healthgate::{
    clock::SystemClock,
    gate::{
        Gate, GatePolicy, GateRunner, GateRunnerConfig, HealthSource, HostHealth, LiveRun,
        RequestedWindows, SourceError, decide::Condition,
    },
    model::{
        CheckResult, EndReason, Evidence, EvidenceReason, GateRecord, GateRequest, GateState,
        HostId, JobId, ReasonCode, Window, WorkerId,
    },
    store::{GateStore, Store, StoreBase, StoreError},
};
use tokio_util::sync::CancellationToken;

use super::support::{LEASE, step, store};

/// A data error is told from an outage: repeating the call would change nothing.
#[tokio::test]
async fn f144_a_text_with_a_nul_is_rejected_and_nothing_of_the_call_is_written() {
    let store = store().await;
    let now = store.now().await.unwrap();
    let window = Window::new(now, now + TimeDelta::hours(1)).unwrap();
    for _ in 0..2 {
        let request = GateRequest::new(JobId::generate(), HostId::generate(), window);
        store.open_gate(request).await.unwrap();
    }
    let worker = WorkerId::generate();
    let held = store.claim_gates(worker, 10, LEASE).await.unwrap().gates;
    let mut steps: Vec<_> = held.iter().map(|gate| step(gate, now)).collect();
    for step in &mut steps {
        step.detail = Some("written".to_owned());
    }
    steps[1].evidence = Some(vec![Evidence {
        check_id: None,
        name: "pack\0ages".to_owned(),
        healthy: false,
        reason: EvidenceReason::Code(ReasonCode::NoResult),
        observed: false,
        detail: healthgate::model::Detail::default(),
        latency_ms: None,
        checked_at: None,
    }]);
    let settled = store.settle_gates(worker, steps.clone()).await;
    assert!(matches!(settled, Err(StoreError::Rejected { .. })), "{settled:?}");
    let record = &held[0].record;
    let stored = store.gate(record.job_id, record.host_id).await.unwrap().unwrap();
    assert_eq!(stored.detail, "");
    assert_eq!(store.settle_gates(worker, steps[..1].to_vec()).await.unwrap(), []);
}

/// One host of many is held by a condition whose word the database refuses.
#[derive(Debug)]
struct Poisoned(HostId);

#[async_trait]
impl HealthSource for Poisoned {
    async fn health(&self, gates: &[&GateRecord]) -> Result<Vec<HostHealth>, SourceError> {
        let health = |gate: &&GateRecord| {
            let mut health = HostHealth::default();
            if gate.host_id == self.0 {
                health.conditions.push(Condition::unknown("poison", "poison"));
            }
            health
        };
        Ok(gates.iter().map(health).collect())
    }

    async fn run(&self, _run: LiveRun) -> Vec<CheckResult> {
        Vec::new()
    }
}

/// The sound gates of a batch are written, and the one that the database refuses still ends in time.
#[tokio::test]
async fn f144_a_step_that_the_database_refuses_fails_alone() {
    let store = store().await;
    sqlx::raw_sql(
        "create function refuse() returns trigger language plpgsql as \
         $$ begin raise exception 'refused' using errcode = '22021'; end $$; \
         create trigger refuse before update on health_gates for each row \
         when (new.record::text like '%poison%') execute function refuse()",
    )
    .execute(store.pool())
    .await
    .unwrap();
    let poisoned = HostId::generate();
    let store: Arc<dyn Store> = Arc::new(store);
    let (health, windows) = (Arc::new(Poisoned(poisoned)), Arc::new(RequestedWindows));
    let (clock, policy) = (Arc::new(SystemClock), GatePolicy::default());
    let config =
        GateRunnerConfig { tick: Duration::from_millis(200), ..GateRunnerConfig::default() };
    let gate =
        Gate::new(store.clone(), health.clone(), windows.clone(), clock.clone(), policy.clone())
            .unwrap();
    let now = store.now().await.unwrap();
    let mut sound = Vec::new();
    for number in 0..20 {
        let host = if number == 7 { poisoned } else { HostId::generate() };
        let lasts = if number == 7 { TimeDelta::seconds(10) } else { TimeDelta::hours(1) };
        let window = Window::new(now, now + lasts).unwrap();
        let request = GateRequest::new(JobId::generate(), host, window);
        gate.open(request.clone()).await.unwrap();
        sound.push(request);
    }
    let ill = sound.remove(7);
    let runner = GateRunner::new(store.clone(), health, windows, clock, policy, config).unwrap();
    let stop = CancellationToken::new();
    let story = async {
        for request in sound {
            let record = gate.wait(request).await.unwrap();
            assert_eq!(record.state, GateState::Passed);
        }
        let record = gate.wait(ill).await.unwrap();
        assert_eq!(record.end_reason, Some(EndReason::WindowClosed));
        let late = record.ended_at.unwrap() - record.window.closes_at();
        assert!(late <= TimeDelta::seconds(5), "{late}");
        stop.cancel();
    };
    tokio::join!(runner.run(stop.clone()), story);
}
