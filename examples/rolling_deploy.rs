//! Another service rolls a deploy out over its hosts: first one, then a quarter, then all, at most two at a
//! time, and stops once two have failed. No checks, no windows, no database.
//!
//! `cargo run --example rolling_deploy --no-default-features`

use std::{error::Error, sync::Arc, time::Duration};

use async_trait::async_trait;
use healthgate::{clock::SystemClock, gate::*, model::*, store::*};
use tokio_util::sync::CancellationToken;

/// A host needs no check before its deploy.
#[derive(Debug)]
struct NoChecks;

#[async_trait]
impl HealthSource for NoChecks {
    async fn health(&self, gates: &[&GateRecord]) -> Result<Vec<HostHealth>, SourceError> {
        Ok(vec![HostHealth::default(); gates.len()])
    }

    async fn run(&self, _: LiveRun) -> Vec<CheckResult> {
        Vec::new()
    }
}

fn stage(up_to: &str) -> Result<RolloutStage, Box<dyn Error>> {
    Ok(RolloutStage { up_to: up_to.parse()?, soak: Duration::from_secs(1) })
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let store = Arc::new(MemoryStore::new(Arc::new(SystemClock)));
    let (checks, windows) = (Arc::new(NoChecks), Arc::new(RequestedWindows));
    let (clock, policy) = (Arc::new(SystemClock), GatePolicy::default());
    let config = GateRunnerConfig { tick: Duration::from_millis(100), ..Default::default() };
    let runner = GateRunner::new(
        store.clone(),
        checks.clone(),
        windows.clone(),
        clock.clone(),
        policy.clone(),
        config,
    )?;
    let gate = Gate::new(store.clone(), checks, windows, clock, policy)?;
    let gate = gate.with_nudge(runner.nudge_handle());

    let stop = CancellationToken::new();
    let deploy = async {
        let (job, hosts, now) = (JobId::generate(), 12, store.now().await?);
        let rollout = RolloutPolicy {
            stages: vec![stage("1")?, stage("25%")?],
            max_in_flight: Amount::Hosts(2),
            failure_budget: Amount::Hosts(1),
        };
        gate.open_rollout(job, hosts, rollout).await?;
        for _ in 0..hosts {
            let wait = Duration::from_secs(60);
            gate.open(GateRequest::immediate(job, HostId::generate(), now, wait)?).await?;
        }
        while let Some(status) = gate.rollout(job).await? {
            let counts = status.counts;
            if status.rollout.halted.is_some() || counts.spent - counts.in_flight == hosts {
                println!("{:?} after {} of {hosts} hosts", status.state(), counts.spent);
                break;
            }
            let gates = store.gates_of(job).await?.into_iter();
            let passed = gates.filter(|gate| gate.state == GateState::Passed);
            for pass in passed.filter_map(|gate| gate.pass) {
                if let Spend::Spent(_) = gate.spend(&pass).await? {
                    println!("deploying to {}", pass.host_id);
                    // The deploy itself. It fails from the sixth host on.
                    match counts.spent {
                        ..5 => gate.finished(pass.id).await?,
                        _ => gate.failed(pass.id).await?,
                    };
                }
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        stop.cancel();
        Ok::<(), Box<dyn Error>>(())
    };
    let (deployed, ()) = tokio::join!(deploy, runner.run(stop.clone()));
    deployed
}
