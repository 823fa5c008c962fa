//! Connections to agents that end between or within requests (F190).

use healthgate::model::{HealthCheck, ReasonCode};
use healthgate_testkit::{Agent, ServiceScript as Script};

use crate::runner::support::{Bench, PLENTY, endpoint};

const UNITS: [&str; 5] = ["a", "b", "c", "d", "e"];

/// How an agent may end a connection as a request comes.
fn ends() -> [Script; 3] {
    [
        Script::CloseBeforeAnswer,
        Script::Reset,
        Script::RawResponse(b"HTTP/1.1 200 OK\r\ncontent-ty".to_vec()),
    ]
}

async fn reasons(bench: &Bench, agent: &Agent) -> Vec<ReasonCode> {
    let checks: Vec<HealthCheck> = UNITS.iter().map(|unit| bench.service(unit)).collect();
    let outcomes = bench.run_within(checks.clone(), Some(endpoint(agent)), PLENTY).await;
    let reason = |check: &HealthCheck| {
        outcomes.iter().find(|outcome| outcome.check_id == check.id).unwrap().reason
    };
    checks.iter().map(reason).collect()
}

/// F190, H14: wherever in a run an agent ends the kept connection, in whatever way, every unit is told
/// as it is, and each request is repeated once at most.
#[tokio::test]
async fn f190_an_agent_that_ends_a_kept_connection_costs_no_unit() {
    let bench = Bench::new();
    for end in ends() {
        // Every set of units, but the first, at whose request the connection ends.
        for ended in 1_u32..16 {
            let is_ended = |unit: usize| unit > 0 && ended & (1 << (unit - 1)) != 0;
            let agent = Agent::builder(&bench.authority).start().await.unwrap();
            for (index, unit) in UNITS.iter().enumerate() {
                let script = match is_ended(index) {
                    true => Script::Sequence(vec![end.clone(), Script::Healthy]),
                    false => Script::Healthy,
                };
                agent.set(unit, script);
            }
            let reasons = reasons(&bench, &agent).await;
            assert_eq!(reasons, [ReasonCode::Ok; 5], "{end:?}, {ended:04b}");
            let repeated = ended.count_ones() as usize;
            assert_eq!(agent.requests().len(), UNITS.len() + repeated, "{end:?}, {ended:04b}");
        }
    }
}

/// H14: a connection that was made for the request is no reason to repeat it, and nor is a second end.
#[tokio::test]
async fn f190_a_request_is_repeated_once_and_on_a_kept_connection_alone() {
    let bench = Bench::new();
    for end in ends() {
        let agent = Agent::builder(&bench.authority).start().await.unwrap();
        agent.set("unit", Script::Sequence(vec![end.clone(), Script::Healthy]));
        let outcome = bench.unit(&agent, "unit").await;
        assert!(!outcome.reason.observed(), "{end:?}: {}", outcome.reason);
        assert_eq!(agent.requests().len(), 1, "{end:?}");

        let agent =
            Agent::builder(&bench.authority).with_default_service(Script::Healthy).start().await;
        let agent = agent.unwrap();
        agent.set("b", Script::Sequence(vec![end.clone(), end.clone(), Script::Healthy]));
        let reasons = reasons(&bench, &agent).await;
        assert!(!reasons[1].observed(), "{end:?}: {}", reasons[1]);
        assert_eq!(
            reasons.iter().filter(|reason| **reason == ReasonCode::Ok).count(),
            4,
            "{end:?}"
        );
        assert_eq!(agent.requests().len(), 6, "{end:?}");
    }
}

/// The end of a run is no cut to the agent, which would log an error for each run.
#[tokio::test]
async fn a_run_ends_its_connection_in_order() {
    let bench = Bench::new();
    let agent =
        Agent::builder(&bench.authority).with_default_service(Script::Healthy).start().await;
    let agent = agent.unwrap();
    assert_eq!(reasons(&bench, &agent).await, [ReasonCode::Ok; 5]);
    assert!(agent.wait_until(PLENTY, |counters| counters.open_connections == 0).await);
    assert_eq!((agent.counters().handshakes_completed, agent.counters().ended_by_client), (1, 1));
}
