//! The mocks, each for a call that must, or must not, happen: in the library's own code where it
//! takes the trait, and in a piece of an application's.

use std::{collections::HashMap, sync::Arc, time::Duration};

use chrono::TimeDelta;
use healthgate::{
    checks::{
        AgentError, AgentTransport, CheckRunner, HostRun, HostRunner, HttpClient, HttpClientConfig,
    },
    clock::{Clock, sleep_until},
    crypto::{InstallId, Key, KeyRing},
    gate::{Admission, HostHealth, decide::WindowAnswer},
    model::{AgentEndpoint, AuditAction, CheckId, HealthCheck, HostId, ReasonCode},
    store::{CheckStore, MemoryStore, StoreError},
    testing::{
        Answer, MockAgentLink, MockAgentTransport, MockCheckStore, MockClock, MockHealthSource,
        MockWindowSource, ScriptedAgents, World, fixtures,
    },
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

#[tokio::test]
async fn a_link_is_asked_for_each_unit_within_the_given_time() {
    let (host, agent) = (fixtures::host(1), fixtures::agent(1));
    let checks = stored(&["nginx"]).await;
    let mut store = MockCheckStore::new();
    store.expect_checks_of().return_once(move |_| Ok(checks));
    let mut link = MockAgentLink::new();
    link.expect_service()
        .withf(|unit, time| **unit == *"nginx" && *time == Duration::from_secs(5))
        .times(1)
        .returning(|_, _| Err(AgentError::new(ReasonCode::AgentRefused, "refused")));
    let mut agents = MockAgentTransport::new();
    let mut links = vec![link];
    agents.expect_link().returning(move |_| match links.pop() {
        Some(link) => Ok(Box::new(link)),
        None => Err(AgentError::new(ReasonCode::AgentRefused, "one link is enough")),
    });
    let mut clock = MockClock::new();
    clock.expect_sleep().returning(|_| ());
    let up = services_up(&store, &agents, &clock, host, &agent).await;
    assert!(!up.expect("the store answers"), "no link answers");
}

#[test]
fn a_gate_asks_for_its_window_and_runs_nothing_before_it() {
    let world = World::new();
    let host = world.host(1);
    let mut health = MockHealthSource::new();
    health.expect_check_timeout().return_const(None);
    health
        .expect_health()
        .withf(move |gates| gates.iter().all(|gate| gate.host_id == host))
        .returning(|gates| Ok(gates.iter().map(|_| HostHealth::unknown("no sensor")).collect()));
    health.expect_run().never();
    let mut windows = MockWindowSource::new();
    windows
        .expect_windows()
        .times(1..)
        .returning(|gates| Ok(gates.iter().map(|gate| WindowAnswer::Open(gate.window)).collect()));
    let builder = world.builder().health_source(Arc::new(health)).windows(Arc::new(windows));
    world.play_on(builder, async |healthgate| {
        let request = fixtures::request(1, host, TimeDelta::hours(1));
        let admission = healthgate.gate().admit(request).await.expect("a store in memory");
        let Admission::Held(gate) = admission else { panic!("{admission:?}") };
        assert!(gate.detail.contains("no sensor"), "{}", gate.detail);
    });
}
