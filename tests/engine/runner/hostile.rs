//! Many runs at once against targets that do their worst.

use std::{
    collections::HashMap,
    fs,
    sync::Arc,
    time::{Duration, Instant},
};

use healthgate::checks::{HostRun, HostRunner, run_bound};
use healthgate_testkit::{WebScript, WebTarget};

use crate::runner::support::Bench;

const RUNS: usize = 500;

fn descriptors() -> usize {
    fs::read_dir("/proc/self/fd").unwrap().count()
}

/// Resident memory in bytes.
fn resident() -> usize {
    let statm = fs::read_to_string("/proc/self/statm").unwrap();
    let pages: usize = statm.split_whitespace().nth(1).unwrap().parse().unwrap();
    pages * 4_096
}

/// How long each run may take; the everyday form is scaled down.
fn timeout() -> Duration {
    let long = std::env::var_os("HEALTHGATE_LONG").is_some();
    Duration::from_secs(if long { 10 } else { 1 })
}

/// F47, F89, F91, F102: each of 500 parallel runs ends in its time, memory stays flat, and sockets and
/// tasks go back to where they were. The runs have a process of their own, so that what is measured is
/// theirs alone.
#[tokio::test]
async fn f47_f91_five_hundred_hostile_targets_cost_time_and_nothing_else() {
    let pace = timeout() / 8;
    let target = WebTarget::builder()
        .with_path("/endless", WebScript::EndlessBody)
        .with_path("/slow", WebScript::SlowBody(pace))
        .with_path("/flood", WebScript::HeaderFlood)
        .with_path("/head", WebScript::SlowHead(pace))
        .start()
        .await
        .unwrap();
    let mut command = std::process::Command::new(std::env::current_exe().unwrap());
    command
        .args(["--ignored", "--exact", "runner::hostile::child_runs_against_hostile_targets"])
        .env("TARGET", target.url(""));
    let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    // On a busy machine some do not even get through within their time; most must.
    assert!(target.counters().requests > RUNS as u64 / 2, "{:?}", target.counters());
    let closed = target.wait_until(Duration::from_secs(20), |now| now.open_connections == 0).await;
    assert!(closed, "every connection was closed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a process of f47: it needs the target that its parent gives"]
async fn child_runs_against_hostile_targets() {
    let timeout = timeout();
    let target = std::env::var("TARGET").unwrap();
    let bench = Arc::new(Bench::new());
    let handle = tokio::runtime::Handle::current();
    let paths = ["/endless", "/slow", "/flood", "/head"];
    let run_all = |runs: usize| {
        let checks =
            (0..runs).map(|run| bench.http(&format!("{target}{}", paths[run % 4]), "never there"));
        let tasks: Vec<_> = checks
            .map(|check| {
                let bench = bench.clone();
                tokio::spawn(async move {
                    let started = Instant::now();
                    let agents = HashMap::new();
                    let run = HostRun { host_id: bench.host, checks: vec![check], agents, timeout };
                    let outcomes = bench.runner.run_host(run).await;
                    (outcomes[0].reason, started.elapsed())
                })
            })
            .collect();
        futures_util::future::join_all(tasks)
    };
    // Once in small, so that what is allocated for good is there before the baseline.
    run_all(20).await;
    let (files, tasks, memory) = (descriptors(), handle.metrics().num_alive_tasks(), resident());
    for ended in run_all(RUNS).await {
        let (reason, took) = ended.unwrap();
        assert!(!reason.observed() || reason.as_str() == "body_too_large", "{reason}");
        assert!(took < run_bound(timeout) * 3, "{took:?}");
    }
    let grown = resident().saturating_sub(memory);
    assert!(grown <= 64 << 20, "{} MiB", grown >> 20);
    let limit = Instant::now() + Duration::from_secs(20);
    while descriptors() > files || handle.metrics().num_alive_tasks() > tasks {
        assert!(
            Instant::now() < limit,
            "{} descriptors, {} tasks",
            descriptors(),
            handle.metrics().num_alive_tasks()
        );
        tokio::task::yield_now().await;
    }
    println!("memory grew by {} KiB", grown >> 10);
}
