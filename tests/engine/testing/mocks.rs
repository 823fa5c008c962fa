//! The mocks, each for a call that must, or must not, happen: in the library's own code where it
//! takes the trait, and in a piece of an application's.

use std::{collections::HashMap, sync::Arc, time::Duration};

use chrono::TimeDelta;
use healthgate::{
    checks::{AgentTransport, CheckRunner, HostRun, HostRunner, HttpClient, HttpClientConfig},
    clock::{Clock, sleep_until},
    crypto::{InstallId, Key, KeyRing},
    model::{AgentEndpoint, AuditAction, CheckId, HealthCheck, HostId, ReasonCode},
    store::{CheckStore, MemoryStore, StoreError},
    testing::{Answer, MockAgentTransport, MockCheckStore, MockClock, ScriptedAgents, fixtures},
};
use mockall::{Sequence, predicate::eq};

/// What an application might do before it restarts a host's agent: ask it for every service that is
/// watched, and give it some seconds where one is down.
async fn services_up(
    store: &dyn CheckStore,
    agents: &dyn AgentTransport,
    clock: &dyn Clock,
    host: HostId,
    agent: &AgentEndpoint,
) -> Result<bool, StoreError> {
    let checks = store.checks_of(&[host]).await?;
    let units: Vec<_> = checks
        .iter()
        .filter(|check| check.definition.enabled)
        .filter_map(|check| check.definition.service())
        .collect();
    for _ in 0..3 {
        let Ok(link) = agents.link(agent) else { return Ok(false) };
        let mut up = true;
        for unit in &units {
            let status = link.service(&unit.service_name, Duration::from_secs(5)).await;
            up &= status.is_ok_and(|status| status.healthy);
        }
        if up {
            return Ok(true);
        }
        clock.sleep(Duration::from_secs(2)).await;
    }
    Ok(false)
}

async fn stored(names: &[&str]) -> Vec<HealthCheck> {
    let store = MemoryStore::new(Arc::new(fixtures::clock()));
    for (number, name) in (1..).zip(names) {
        let insert = fixtures::service_check(fixtures::check(number), fixtures::host(1), name);
        let audit = fixtures::audit(AuditAction::HealthCheckCreated);
        store.insert_check(insert, audit).await.expect("a valid check");
    }
    store.checks_of(&[fixtures::host(1)]).await.expect("a store in memory")
}

#[tokio::test]
async fn all_three_together_show_how_often_an_application_asks() {
    let (host, agent) = (fixtures::host(1), fixtures::agent(1));
    let checks = stored(&["nginx", "postgresql"]).await;
    let mut store = MockCheckStore::new();
    store
        .expect_checks_of()
        .withf(move |hosts| hosts == [host])
        .times(1)
        .returning(move |_| Ok(checks.clone()));

    let script = ScriptedAgents::new(Arc::new(fixtures::clock()));
    script.answer(
        &agent,
        "nginx",
        Answer::new(ReasonCode::ServiceUnhealthy).with_delay(Duration::ZERO),
    );
    script.answer(&agent, "postgresql", Answer::healthy().with_delay(Duration::ZERO));
    let mut agents = MockAgentTransport::new();
    let linked = script.clone();
    agents.expect_link().with(eq(agent.clone())).times(3).returning(move |to| linked.link(to));

    let mut clock = MockClock::new();
    clock.expect_sleep().with(eq(Duration::from_secs(2))).times(3).returning(|_| ());

    let up = services_up(&store, &agents, &clock, host, &agent).await;
    assert!(!up.expect("the store answers"));
    assert_eq!(script.asked().len(), 6);
}

#[tokio::test]
async fn where_the_store_cannot_tell_nobody_is_asked() {
    let mut store = MockCheckStore::new();
    store.expect_checks_of().returning(|_| Err(StoreError::unavailable("down")));
    let (mut agents, clock) = (MockAgentTransport::new(), MockClock::new());
    agents.expect_link().never();
    let (host, agent) = (fixtures::host(1), fixtures::agent(1));
    let answer = services_up(&store, &agents, &clock, host, &agent).await;
    assert!(matches!(answer, Err(StoreError::Unavailable { .. })));
}

#[tokio::test]
async fn a_wait_for_an_instant_looks_at_the_clock_again_every_five_seconds() {
    let start = fixtures::start();
    let (mut clock, mut order) = (MockClock::new(), Sequence::new());
    // It steps ahead while one sleeps: 12 s are over after two sleeps of 5 s.
    for (shows, sleeps) in [(0, Some(5)), (5, Some(5)), (12, None)] {
        let now = start + TimeDelta::seconds(shows);
        clock.expect_now().times(1).in_sequence(&mut order).return_const(now);
        if let Some(seconds) = sleeps {
            let time = Duration::from_secs(seconds);
            clock.expect_sleep().with(eq(time)).times(1).in_sequence(&mut order).returning(|_| ());
        }
    }
    sleep_until(&clock, start + TimeDelta::seconds(12)).await;
}

#[tokio::test]
async fn a_run_makes_one_link_for_all_services_of_an_agent() {
    let (host, agent) = (fixtures::host(1), fixtures::agent(1));
    let script = ScriptedAgents::new(Arc::new(fixtures::clock()));
    for (unit, reason) in
        [("nginx", ReasonCode::ServiceUnhealthy), ("postgresql", ReasonCode::AgentRefused)]
    {
        script.answer(&agent, unit, Answer::new(reason).with_delay(Duration::ZERO));
    }
    let mut agents = MockAgentTransport::new();
    agents
        .expect_link()
        .with(eq(agent.clone()))
        .times(1)
        .returning(move |endpoint| script.link(endpoint));
    let http = HttpClient::new(HttpClientConfig::default()).expect("a valid configuration");
    let ring = KeyRing::new(Key::generate().expect("randomness"));
    let install = InstallId::from_bytes([7; 16]);
    let runner = CheckRunner::new(Arc::new(agents), http, Arc::new(ring), install);
    let run = HostRun {
        host_id: host,
        checks: stored(&["nginx", "postgresql"]).await,
        agents: HashMap::from([(host, Some(agent))]),
        timeout: Duration::from_secs(1),
    };
    let outcomes = runner.run_host(run).await;
    let mut reasons: Vec<(CheckId, ReasonCode)> =
        outcomes.iter().map(|outcome| (outcome.check_id, outcome.reason)).collect();
    reasons.sort_unstable();
    let expected = [
        (fixtures::check(1), ReasonCode::ServiceUnhealthy),
        (fixtures::check(2), ReasonCode::AgentRefused),
    ];
    assert_eq!(reasons, expected);
}
