//! Names with several addresses, some of which are dead (F191).

use std::sync::Arc;

use healthgate::{
    checks::DeniedDestination,
    model::{AgentEndpoint, ReasonCode},
};
use healthgate_testkit::{
    Agent, BlackHole, ServerCertSpec, ServiceScript as Script, TlsMode, WebScript, WebTarget,
};

use crate::runner::support::{Bench, Names, PLENTY, names};

const HOLE: &str = "127.0.0.1";
const LIVING: &str = "127.0.0.2";
const REFUSING: &str = "127.0.0.3";

/// A web target at one address, a hole at another, and nothing at a third, all at one port.
async fn peers() -> (BlackHole, WebTarget) {
    loop {
        let hole = BlackHole::start().await.unwrap();
        let builder = WebTarget::builder()
            .with_ip(LIVING.parse().unwrap())
            .with_port(hole.addr().port())
            .with_path("/", WebScript::ok("fine"));
        // Another test may hold this port at this address.
        if let Ok(target) = builder.start().await {
            return (hole, target);
        }
    }
}

/// F191: whatever the order of a name's addresses, a living one is found, and asked once.
#[tokio::test]
async fn f191_a_living_address_is_found_in_any_order_and_asked_once() {
    let (hole, target) = peers().await;
    let url = format!("http://several.example:{}/", hole.addr().port());
    let all = [HOLE, LIVING, REFUSING];
    for first in 0..3 {
        for second in 0..4 {
            for third in 0..4 {
                let picks = [Some(&all[first]), all.get(second), all.get(third)];
                let addresses: Vec<&str> = picks.into_iter().flatten().copied().collect();
                if !addresses.contains(&LIVING) {
                    continue;
                }
                target.clear_requests();
                let known = names(&[("several.example", &[&addresses])]);
                let bench = Bench::with(|config| config.resolver = known);
                let check = bench.http(&url, "fine");
                let outcome = bench.run_within(vec![check], None, PLENTY).await.remove(0);
                assert_eq!(outcome.reason, ReasonCode::Ok, "{addresses:?}: {}", outcome.detail);
                assert_eq!(target.requests().len(), 1, "{addresses:?}");
            }
        }
    }
}

/// F191: where no address lives, the reason is that of the last that failed, or of the time.
#[tokio::test]
async fn f191_dead_addresses_keep_their_reason() {
    let (hole, _target) = peers().await;
    let url = format!("http://several.example:{}/", hole.addr().port());
    for (addresses, expected) in [
        (&[REFUSING, REFUSING][..], ReasonCode::Connect),
        (&[HOLE, REFUSING], ReasonCode::TimeoutConnect),
        (&[REFUSING, HOLE, REFUSING], ReasonCode::TimeoutConnect),
    ] {
        let known = names(&[("several.example", &[addresses])]);
        let bench = Bench::with(|config| config.resolver = known);
        let (reason, detail) = bench.get(&url, "fine").await;
        assert_eq!(reason, expected, "{addresses:?}: {detail}");
    }
}

/// F191, H4: an address that the policy refuses is not tried while another one is slow to connect.
#[tokio::test]
async fn f191_h4_judged_addresses_alone_are_tried() {
    let (hole, target) = peers().await;
    let port = hole.addr().port();
    let builder = WebTarget::builder().with_ip(REFUSING.parse().unwrap()).with_port(port);
    // Another test may hold this port at this address; then nobody is asked there either.
    let refused = builder.start().await.ok();
    let known = names(&[("several.example", &[&[HOLE, REFUSING, LIVING]])]);
    let bench = Bench::with(|config| {
        config.resolver = known;
        let network = format!("{REFUSING}/32").parse().unwrap();
        config.destinations.also_denied.push(DeniedDestination { network, port: None });
    });
    let check = bench.http(&format!("http://several.example:{port}/"), "fine");
    let outcome = bench.run_within(vec![check], None, PLENTY).await.remove(0);
    assert_eq!(outcome.reason, ReasonCode::Ok, "{}", outcome.detail);
    assert_eq!(target.requests().len(), 1);
    let called = refused.map_or(0, |refused| refused.counters().connections_accepted);
    assert_eq!(called, 0, "nobody called there");
}

/// F191: what a peer answers, it has answered: a bad certificate at the first address is told, and the
/// next one is not asked.
#[tokio::test]
async fn f191_a_bad_certificate_is_an_answer() {
    let bench = Bench::new();
    let bad =
        WebTarget::builder().with_tls(&bench.authority, TlsMode::Expired).start().await.unwrap();
    let good = WebTarget::builder()
        .with_ip(LIVING.parse().unwrap())
        .with_port(bad.addr().port())
        .with_path("/", WebScript::ok("fine"))
        .start()
        .await;
    let known = names(&[("several.example", &[&[HOLE, LIVING]])]);
    let bench = Bench::with(|config| config.resolver = known);
    let url = format!("https://several.example:{}/", bad.addr().port());
    let (reason, detail) = bench.get(&url, "fine").await;
    assert!(reason.as_str().starts_with("tls_"), "{reason}: {detail}");
    assert!(good.is_err() || good.unwrap().requests().is_empty());
}

/// F191: an agent that is addressed by a name is found at its living address as well, and the units of a
/// run share the connection to it.
#[tokio::test]
async fn f191_an_agent_is_found_at_its_living_address() {
    let known: Arc<Names> = names(&[("agent.example", &[&[HOLE, LIVING]])]);
    let bench = Bench::with_names(|_| {}, Some(known));
    let (hole, agent) = loop {
        let hole = BlackHole::start().await.unwrap();
        let builder = Agent::builder(&bench.authority)
            .with_certificate(ServerCertSpec::new("agent").with_dns("agent.example"))
            .with_ip(LIVING.parse().unwrap())
            .with_port(hole.addr().port())
            .with_default_service(Script::Healthy);
        if let Ok(agent) = builder.start().await {
            break (hole, agent);
        }
    };
    let endpoint = AgentEndpoint::new("agent.example", hole.addr().port(), None).unwrap();
    let checks = vec![bench.service("a"), bench.service("b"), bench.service("c")];
    let outcomes = bench.run_within(checks, Some(endpoint), PLENTY).await;
    for outcome in &outcomes {
        assert_eq!(outcome.reason, ReasonCode::Ok, "{}", outcome.detail);
    }
    assert_eq!((agent.requests().len(), agent.counters().handshakes_completed), (3, 1));
}
