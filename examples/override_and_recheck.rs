//! A check fails because of the fault that the patch repairs. An administrator overrides it for one job.
//! After the patch the same checks run again and are compared with the pass.
//!
//! `cargo run --example override_and_recheck`

use std::{
    error::Error,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use healthgate::{
    checks::{CheckOutcome, HostRun, HostRunner},
    clock::SystemClock,
    directory::StaticDirectory,
    gate::{
        Gate, GatePolicy, GateRunner, GateRunnerConfig, OverrideRequest, RequestedWindows,
        StoredChecks,
    },
    model::{
        Actor, AuditAction, AuditEntry, CheckId, Detail, GateRequest, HostId, JobId, NewCheck,
        Outlook, PassKind, ReasonCode, RecheckChange, Role,
    },
    store::{CheckInsert, CheckStore, FirstRun, MemoryStore, Spend, StoreBase},
};
use tokio_util::sync::CancellationToken;

/// A host with a leaking service, which is healthy only after the patch.
#[derive(Debug, Default)]
struct Leaking {
    patched: AtomicBool,
}

#[async_trait]
impl HostRunner for Leaking {
    async fn run_host(&self, run: HostRun) -> Vec<CheckOutcome> {
        let patched = self.patched.load(Ordering::Relaxed);
        let outcome = |check: &healthgate::model::HealthCheck| CheckOutcome {
            check_id: check.id,
            revision: check.revision,
            reason: match &*check.definition.name {
                "memory" if !patched => ReasonCode::ServiceUnhealthy,
                _ => ReasonCode::Ok,
            },
            detail: Detail::default(),
            latency: Duration::from_millis(3),
            endpoint: None,
        };
        run.checks.iter().map(outcome).collect()
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let (clock, runner) = (Arc::new(SystemClock), Arc::new(Leaking::default()));
    let (windows, directory) = (Arc::new(RequestedWindows), Arc::new(StaticDirectory::new()));
    let store = Arc::new(MemoryStore::new(clock.clone()));
    let host = HostId::generate();
    directory.insert(host, None, &["web"]);
    let ada = Actor::new("ada", Role::Admin);
    let mut checks = Vec::new();
    for name in ["memory", "http"] {
        let body = serde_json::json!({"name": name, "check_type": "service", "service_name": name});
        let definition = NewCheck::from_json(body)?.definition;
        let id = CheckId::generate();
        let insert = CheckInsert {
            id,
            host_id: host,
            definition,
            secret: None,
            limit: 5,
            first_run: FirstRun::AtOnce,
        };
        let audit = AuditEntry::allowed(ada.clone(), AuditAction::HealthCheckCreated);
        checks.push(store.insert_check(insert, audit.with_check(host, id)).await?);
    }

    let retry = Duration::from_secs(1);
    let policy = GatePolicy { retry, spread: Duration::ZERO, ..GatePolicy::default() };
    let health =
        Arc::new(StoredChecks::new(store.clone(), runner.clone(), directory, policy.timeout));
    let config = GateRunnerConfig { tick: Duration::from_millis(100), ..Default::default() };
    let gates = GateRunner::new(
        store.clone(),
        health.clone(),
        windows.clone(),
        clock.clone(),
        policy.clone(),
        config,
    )?;
    let gate = Gate::new(store.clone(), health, windows, clock, policy)?
        .with_poll_interval(Duration::from_millis(50))
        .with_nudge(gates.nudge_handle());

    let stop = CancellationToken::new();
    let job = async {
        let (job, wait) = (JobId::generate(), Duration::from_secs(60));
        let request = GateRequest::immediate(job, host, store.now().await?, wait)?;
        gate.open(request.clone()).await?;
        tokio::time::sleep(retry).await;
        let preview = gate.preview(&[(host, request.window)]).await?.remove(0);
        println!("before: {:?}, blocked by {}", preview.decision, preview.blocking[0].name);
        assert_eq!(preview.decision, Outlook::Wait);

        let reason = "this patch fixes the leak".to_owned();
        let (check_ids, expires_at) = (vec![checks[0].id], request.window.closes_at());
        let given = OverrideRequest { job_id: job, host_id: host, check_ids, reason, expires_at };
        gate.override_checks(given, ada).await?;
        let pass = gate.wait(request).await?.pass.ok_or("the gate did not pass")?;
        println!("pass: {:?}, and not called healthy", pass.kind);
        assert_eq!(pass.kind, PassKind::Overridden);
        assert!(matches!(gate.spend(&pass).await?, Spend::Spent(_)));

        runner.patched.store(true, Ordering::Relaxed); // the patch
        let recheck = gate.recheck(job, host).await?;
        for check in &recheck.checks {
            println!("after: {} {:?}", check.name, check.change);
        }
        assert_eq!(recheck.checks[0].change, RecheckChange::Mended);
        assert_eq!(recheck.checks[1].change, RecheckChange::Same);
        assert!(!recheck.is_worse());
        stop.cancel();
        Ok::<(), Box<dyn Error>>(())
    };
    tokio::select! { done = job => done, () = gates.run(stop.clone()) => Err("stopped".into()) }
}
