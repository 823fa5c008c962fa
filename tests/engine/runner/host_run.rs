//! All checks of a host in one run.

use std::{
    collections::{HashMap, HashSet},
    net::TcpListener,
    time::{Duration, Instant},
};

use healthgate::{
    checks::{CheckOutcome, HostRun, HostRunner, OutcomeCollector, run_bound},
    model::{AgentEndpoint, HealthCheck, ReasonCode},
};
use healthgate_testkit::{Agent, ServiceScript as Script, WebScript, WebTarget};

use crate::runner::support::{Bench, TIMEOUT, endpoint};

const UNITS: [&str; 5] = ["a", "b", "c", "d", "e"];

fn reason(outcomes: &[CheckOutcome], check: &HealthCheck) -> ReasonCode {
    outcomes.iter().find(|outcome| outcome.check_id == check.id).unwrap().reason
}

/// H7: the service checks of one run share one connection, and no other run shares it.
#[tokio::test]
async fn five_service_checks_cost_one_handshake() {
    let bench = Bench::new();
    let builder = Agent::builder(&bench.authority).with_default_service(Script::Healthy);
    let agent = builder.start().await.unwrap();
    let checks: Vec<_> = UNITS.iter().map(|unit| bench.service(unit)).collect();
    for runs in 1..=2 {
        let outcomes = bench.run(checks.clone(), Some(endpoint(&agent))).await;
        assert_eq!(outcomes.len(), 5);
        assert!(outcomes.iter().all(|outcome| outcome.reason == ReasonCode::Ok));
        assert_eq!(agent.counters().handshakes_completed, runs);
    }
    let closed = agent.wait_until(Duration::from_secs(5), |now| now.open_connections == 0).await;
    assert!(closed, "a connection ends with its run");
}

/// A check that does not answer holds up the others only for a moment.
#[tokio::test]
async fn a_hanging_check_does_not_take_the_others_with_it() {
    let bench = Bench::new();
    let agent = Agent::builder(&bench.authority)
        .with_default_service(Script::Healthy)
        .with_service("b", Script::Hang)
        .start()
        .await
        .unwrap();
    let checks: Vec<_> = UNITS.iter().map(|unit| bench.service(unit)).collect();
    let started = Instant::now();
    let outcomes = bench.run(checks.clone(), Some(endpoint(&agent))).await;
    assert!(started.elapsed() < run_bound(TIMEOUT) * 3);
    for (check, unit) in checks.iter().zip(UNITS) {
        let expected = if unit == "b" { ReasonCode::TimeoutHead } else { ReasonCode::Ok };
        assert_eq!(reason(&outcomes, check), expected, "{unit}");
    }
}

/// Each of many slow checks has its own full time, and the run keeps its bound.
#[tokio::test]
async fn slow_checks_go_on_side_by_side_within_the_bound() {
    let bench = Bench::new();
    let slow = Script::DelayThenHealthy(TIMEOUT * 3 / 4);
    let agent = Agent::builder(&bench.authority).with_default_service(slow).start().await.unwrap();
    let checks: Vec<_> = UNITS.iter().map(|unit| bench.service(unit)).collect();
    let started = Instant::now();
    let outcomes = bench.run(checks, Some(endpoint(&agent))).await;
    assert!(outcomes.iter().all(|outcome| outcome.reason == ReasonCode::Ok), "{outcomes:?}");
    assert!(started.elapsed() < run_bound(TIMEOUT) * 3);
}

/// F142: what has an answer keeps it, whatever the other checks of the run do. The answers take so
/// long that the head start is over before the checks that hang are asked.
#[tokio::test]
async fn f142_checks_that_hang_take_no_answer_away() {
    let bench = Bench::new();
    let slow = Script::DelayThenHealthy(TIMEOUT * 9 / 40);
    let agent = Agent::builder(&bench.authority)
        .with_default_service(slow)
        .with_service("d", Script::Hang)
        .with_service("e", Script::Hang)
        .start()
        .await
        .unwrap();
    let target = WebTarget::builder().with_path("/", WebScript::ok("fine")).start().await.unwrap();
    let mut checks: Vec<_> = UNITS.iter().map(|unit| bench.service(unit)).collect();
    checks.push(bench.http(&target.url("/"), "fine"));
    let outcomes = bench.run(checks.clone(), Some(endpoint(&agent))).await;
    let reasons: Vec<_> = checks.iter().map(|check| reason(&outcomes, check)).collect();
    use ReasonCode::{Ok, TimeoutHead};
    assert_eq!(reasons, [Ok, Ok, Ok, TimeoutHead, TimeoutHead, Ok]);
}

#[tokio::test]
async fn a_connection_that_breaks_costs_one_check() {
    let bench = Bench::new();
    let agent = Agent::builder(&bench.authority)
        .with_default_service(Script::Healthy)
        .with_service("b", Script::Reset)
        .start()
        .await
        .unwrap();
    let checks: Vec<_> = UNITS.iter().map(|unit| bench.service(unit)).collect();
    let outcomes = bench.run(checks.clone(), Some(endpoint(&agent))).await;
    let healthy = outcomes.iter().filter(|outcome| outcome.reason == ReasonCode::Ok).count();
    assert_eq!((healthy, reason(&outcomes, &checks[1])), (4, ReasonCode::Connect));
}

#[tokio::test]
async fn http_checks_of_a_host_run_at_the_same_time() {
    let bench = Bench::new();
    let slow = WebScript::ok("fine").with_delay(TIMEOUT / 2);
    let target = WebTarget::builder().with_path("/", slow).start().await.unwrap();
    let checks: Vec<_> = UNITS.iter().map(|_| bench.http(&target.url("/"), "fine")).collect();
    let outcomes = bench.run(checks, None).await;
    assert!(outcomes.iter().all(|outcome| outcome.reason == ReasonCode::Ok));
    assert_eq!(target.counters().peak_open_connections, 5);
}

/// A check whose host to be asked is gone says so and blocks.
#[tokio::test]
async fn a_missing_target_is_its_own_reason_and_fails_that_check_alone() {
    let bench = Bench::new();
    let target = WebTarget::builder().with_path("/", WebScript::ok("fine")).start().await.unwrap();
    let (service, http) = (bench.service("a"), bench.http(&target.url("/"), "fine"));
    for agents in [HashMap::new(), HashMap::from([(bench.host, None)])] {
        let checks = vec![service.clone(), http.clone()];
        let run = HostRun { host_id: bench.host, checks, agents, timeout: TIMEOUT };
        let outcomes = bench.runner.run_host(run).await;
        assert_eq!(reason(&outcomes, &service), ReasonCode::TargetMissing);
        assert_eq!(reason(&outcomes, &http), ReasonCode::Ok);
    }
}

/// F162: a port on which nothing listens refuses; a name without an address and a target that says nothing do
/// not.
#[tokio::test]
async fn f162_a_refused_connection_proves_that_the_network_works() {
    let bench = Bench::new();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let web = bench.http(&format!("http://{closed}/"), "");
    let unit = bench.service("nginx");
    let others = [
        bench.http("http://no-such-name.invalid/", ""),
        bench.http(&format!("http://{}/", silent.local_addr().unwrap()), ""),
    ];
    let checks: Vec<_> = [&web, &unit].into_iter().chain(&others).cloned().collect();
    let agent = AgentEndpoint::new("127.0.0.1", closed.port(), None).unwrap();
    let agents = HashMap::from([(bench.host, Some(agent))]);
    let run = HostRun { host_id: bench.host, checks, agents, timeout: TIMEOUT };
    let outcomes = OutcomeCollector::default();
    bench.runner.collect_host(run, &outcomes).await;
    assert_eq!(outcomes.take_refused(), HashSet::from([web.id, unit.id]));
    let refused = |outcome: &CheckOutcome| [web.id, unit.id].contains(&outcome.check_id);
    let outcomes = outcomes.take();
    assert_eq!(outcomes.len(), 4);
    assert!(outcomes.iter().all(|one| refused(one) == (one.reason == ReasonCode::Connect)));
}
