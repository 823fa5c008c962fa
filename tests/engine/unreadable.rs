//! A stored check that breaks a rule blocks its own host, with its own reason, and no other (F221).

use std::time::Duration;

use healthgate::{
    checks::PollerConfig,
    model::{
        AuditAction, CheckDefinition, CheckId, GateState, HostId, ReasonCode, SealedSecret,
        StoredCheck,
    },
    store::{CheckInsert, CheckStore, FirstRun, GateStore, ResultStore},
};
use tokio_util::sync::CancellationToken;

use crate::world::{MINUTE, World, entry};

const URL: &str = "http://admin:pw@10.0.0.1/";

fn odd() -> CheckDefinition {
    let stored = StoredCheck {
        name: "odd".to_owned(),
        check_type: "http".to_owned(),
        enabled: true,
        service_name: None,
        target_host_id: None,
        url: Some(URL.to_owned()),
        expected_body: Some(String::new()),
        ignore_cert_errors: true,
        basic_auth_user: None,
    };
    stored.read()
}

async fn insert(world: &World, host: HostId) -> CheckId {
    let (id, definition) = (CheckId::generate(), odd());
    let ciphertext = vec![1; 40];
    let secret = Some(SealedSecret { format: 1, nonce: vec![0; 12], ciphertext });
    let insert = CheckInsert {
        id,
        host_id: host,
        definition,
        secret,
        limit: 5,
        first_run: FirstRun::AtOnce,
    };
    world.memory.insert_check(insert, entry(AuditAction::HealthCheckCreated)).await.unwrap();
    id
}

#[test]
fn f221_one_invalid_row_stops_no_other_hosts_gate() {
    let world = World::new();
    let (gate, runner) = (world.gate(), world.gates());
    let odd_host = world.host(1);
    let others: Vec<HostId> = (2..22).map(|number| world.host(number)).collect();
    let story = async {
        insert(&world, odd_host).await;
        for host in &others {
            world.check(*host, "sshd").await;
        }
        let hosts = others.iter().chain([&odd_host]);
        let requests: Vec<_> = hosts.map(|host| world.request(*host, 30 * MINUTE)).collect();
        for request in &requests {
            world.memory.open_gate(request.clone()).await.unwrap();
        }
        let waiting = requests.iter().map(|request| gate.wait(request.clone()));
        let ended = futures_util::future::join_all(waiting).await;
        ended.into_iter().map(|record| record.unwrap()).collect::<Vec<_>>()
    };
    let ended = world.play(runner.run(CancellationToken::new()), story);
    let (odd, sound) = ended.split_last().unwrap();
    assert!(sound.iter().all(|record| record.state == GateState::Passed));
    assert_eq!(odd.state, GateState::Failed);
    assert_eq!(odd.evidence[0].reason.as_str(), "check_unreadable");
    assert!(odd.detail.contains("odd: check_unreadable"), "{}", odd.detail);
    assert!(!format!("{odd:?}").contains("pw@"), "{odd:?}");
    let ran = world.ran();
    assert!(ran.iter().all(|ran| ran.host != odd_host || ran.checks.is_empty()), "nobody is asked");
}

#[test]
fn f221_an_old_healthy_result_does_not_count_for_an_unreadable_check() {
    let world = World::new();
    let (gate, runner) = (world.gate(), world.gates());
    let host = world.host(1);
    let story = async {
        let id = insert(&world, host).await;
        let check = world.memory.check(host, id).await.unwrap().unwrap();
        // A row that was sound when it was last run, and that nobody has given another revision.
        let worker = healthgate::model::WorkerId::generate();
        let request = healthgate::store::ClaimRequest::new(worker, 9, MINUTE);
        let claim =
            healthgate::store::PollQueue::claim_hosts(&world.memory, request).await.unwrap();
        let result = healthgate::testing::fixtures::result(&check, ReasonCode::Ok, world.now());
        let done =
            healthgate::store::HostCompletion::new(&claim.hosts[0], world.now(), vec![result]);
        let done =
            healthgate::store::PollQueue::complete_hosts(&world.memory, worker, vec![done]).await;
        assert_eq!(done.unwrap().dropped, 0);
        gate.wait(world.request(host, 10 * MINUTE)).await.unwrap()
    };
    let ended = world.play(runner.run(CancellationToken::new()), story);
    assert_eq!(ended.state, GateState::Failed);
    assert_eq!(ended.evidence[0].reason.as_str(), "check_unreadable");
}

#[test]
fn f221_polling_says_what_is_wrong_with_a_check() {
    let world = World::new();
    let poller = world.poller(PollerConfig::default());
    let story = async {
        let (odd_host, host) = (world.host(1), world.host(2));
        insert(&world, odd_host).await;
        world.check(host, "sshd").await;
        loop {
            healthgate::clock::Clock::sleep(&world.clock, Duration::from_secs(10)).await;
            let states = world.memory.states(&[odd_host, host]).await.unwrap();
            if states.len() == 2 {
                return states;
            }
        }
    };
    let states = world.play(poller.run(CancellationToken::new()), story);
    let reasons: Vec<_> = states.iter().map(|state| state.latest.reason).collect();
    assert_eq!(reasons, [ReasonCode::CheckUnreadable, ReasonCode::Ok]);
    let detail = states[0].latest.detail.as_str();
    assert!(detail.contains("url") && !detail.contains("pw"), "{detail}");
}
