//! Scripted answers by host, check and time, and ids from a seed.

use std::{collections::HashMap, sync::Arc, time::Duration};

use chrono::TimeDelta;
use healthgate::{
    checks::{AgentTransport, HostRun, HostRunner},
    clock::{Clock, ManualClock},
    model::{AuditAction, CheckId, GateId, HealthCheck, ReasonCode},
    store::{CheckStore, MemoryStore},
    testing::{Answer, ScriptedAgents, ScriptedRunner, SeededIds, fixtures},
};

const TIMEOUT: Duration = Duration::from_secs(10);

async fn check(clock: &ManualClock, number: u128) -> HealthCheck {
    let store = MemoryStore::new(Arc::new(clock.clone()));
    let insert = fixtures::service_check(fixtures::check(number), fixtures::host(number), "nginx");
    let audit = fixtures::audit(AuditAction::HealthCheckCreated);
    store.insert_check(insert, audit).await.expect("a valid check")
}

/// The reason that a check fails with, and how long its run took.
async fn run(
    clock: &ManualClock,
    runner: &ScriptedRunner,
    check: &HealthCheck,
) -> (ReasonCode, Duration) {
    let before = clock.monotonic();
    let (host_id, checks) = (check.host_id, vec![check.clone()]);
    let agents = HashMap::from([(host_id, Some(fixtures::agent(1)))]);
    let outcomes = runner.run_host(HostRun { host_id, checks, agents, timeout: TIMEOUT }).await;
    assert_eq!(outcomes[0].endpoint, Some(fixtures::agent(1)));
    assert_eq!(outcomes[0].latency, clock.monotonic() - before);
    (outcomes[0].reason, outcomes[0].latency)
}

#[test]
fn a_runner_answers_by_check_then_by_host_and_by_time() {
    let clock = fixtures::clock();
    let runner = ScriptedRunner::new(Arc::new(clock.clone()));
    clock.drive(async {
        let (one, two) = (check(&clock, 1).await, check(&clock, 2).await);
        runner.answer_host(one.host_id, Answer::new(ReasonCode::Connect));
        let recovers = fixtures::start() + TimeDelta::minutes(5);
        let healthy = Answer::healthy().with_delay(Duration::from_secs(8));
        runner.answer_from(one.id, recovers, healthy);
        assert_eq!(run(&clock, &runner, &one).await.0, ReasonCode::Connect);
        assert_eq!(run(&clock, &runner, &two).await.0, ReasonCode::Ok);

        clock.advance(Duration::from_secs(300) - (clock.monotonic()));
        assert_eq!(run(&clock, &runner, &one).await, (ReasonCode::Ok, Duration::from_secs(8)));
        runner.answer(one.id, Answer::healthy().with_delay(TIMEOUT * 2));
        assert_eq!(run(&clock, &runner, &one).await, (ReasonCode::TimeoutHead, TIMEOUT));

        let hosts: Vec<_> = runner.runs().iter().map(|run| run.host_id).collect();
        assert_eq!(hosts, [one.host_id, two.host_id, one.host_id, one.host_id]);
        assert_eq!(runner.runs()[2].at, recovers);
    });
}

#[test]
fn agents_answer_by_endpoint_and_unit_and_within_the_time_given() {
    let clock = fixtures::clock();
    let agents = ScriptedAgents::new(Arc::new(clock.clone()));
    clock.drive(async {
        let check = check(&clock, 1).await;
        let unit = &check.definition.service().expect("a service check").service_name;
        let (first, second) = (fixtures::agent(1), fixtures::agent(2));
        agents.answer(&first, "nginx", Answer::new(ReasonCode::ServiceUnhealthy));
        agents.answer(&second, "nginx", Answer::healthy().with_delay(TIMEOUT * 2));
        let link = agents.link(&first).expect("links are always made");
        assert!(!link.service(unit, TIMEOUT).await.expect("a state").healthy);
        let before = clock.monotonic();
        let link = agents.link(&second).expect("links are always made");
        let error = link.service(unit, TIMEOUT).await.expect_err("it takes too long");
        assert_eq!(error.reason(), ReasonCode::TimeoutHead);
        assert_eq!(clock.monotonic() - before, TIMEOUT);
        assert_eq!(agents.asked(), [(first, unit.to_string()), (second, unit.to_string())]);
    });
}

#[test]
fn seeded_ids_are_the_same_every_time_and_end_with_their_guard() {
    let draw = || (GateId::generate(), CheckId::generate());
    let of_seed = |seed| {
        let _ids = SeededIds::new(seed);
        draw()
    };
    assert_eq!(of_seed(1), of_seed(1));
    assert_ne!(of_seed(1), of_seed(2));
    assert!(of_seed(1).0.as_uuid() < of_seed(1).1.as_uuid(), "they grow");
    assert_eq!(of_seed(1).0.as_uuid().get_version_num(), 7);
    assert_ne!(draw(), draw());
}
