//! A manager that has reached limits of its own (F194).

use healthgate::model::ReasonCode;
use healthgate_testkit::{Agent, ServiceScript as Script, WebScript, WebTarget};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::runner::support::{Bench, endpoint};

const CHECKS: usize = 80;

/// F194: a check for which no file descriptor is left says so, blames no target, and leaves the host's
/// status unknown. The limit belongs to a process of its own.
#[tokio::test]
async fn f194_a_manager_without_file_descriptors_blames_nobody() {
    let target = WebTarget::builder().with_path("/", WebScript::Hang).start().await.unwrap();
    let mut command = std::process::Command::new(std::env::current_exe().unwrap());
    command
        .args(["--ignored", "--exact", "runner::own_limits::child_runs_out_of_descriptors"])
        .env("TARGET", target.url("/"));
    let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

#[tokio::test]
#[ignore = "a process of f194: it lowers its own limits"]
async fn child_runs_out_of_descriptors() {
    let url = std::env::var("TARGET").unwrap();
    let bench = Bench::new();
    let agent = Agent::builder(&bench.authority).start().await.unwrap();
    let open = std::fs::read_dir("/proc/self/fd").unwrap().count() as u64;
    let limit = Rlimit { current: Some(open + 20), ..getrlimit(Resource::Nofile) };
    setrlimit(Resource::Nofile, limit).unwrap();
    let checks = (0..CHECKS).map(|_| bench.http(&url, "never there")).collect();
    let outcomes = bench.run(checks, None).await;
    let short = |outcome: &&_| outcome_is_short(outcome);
    let ours = outcomes.iter().filter(short).count();
    let waited =
        outcomes.iter().filter(|outcome| outcome.reason == ReasonCode::TimeoutHead).count();
    assert!(ours > 0 && waited > 0, "{ours} without a descriptor, {waited} that waited");
    assert_eq!(ours + waited, CHECKS, "{outcomes:?}");

    // The same for an agent, whose checks come once all descriptors are in use.
    let mut taken = Vec::new();
    while let Ok(file) = std::fs::File::open("/dev/null") {
        taken.push(file);
    }
    agent.set("unit", Script::Healthy);
    let outcome = bench.run(vec![bench.service("unit")], Some(endpoint(&agent))).await.remove(0);
    assert!(outcome_is_short(&outcome), "{}: {}", outcome.reason, outcome.detail);
}

fn outcome_is_short(outcome: &healthgate::checks::CheckOutcome) -> bool {
    let reason = outcome.reason;
    assert!(reason != ReasonCode::Connect && reason != ReasonCode::Internal, "{}", outcome.detail);
    reason == ReasonCode::NoResources && reason.is_unknown() && !reason.observed()
}
