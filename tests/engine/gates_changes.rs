//! Hosts that a job is changing: nothing else passes on what was seen before the end (G27, G35).

use std::time::Duration;

use chrono::TimeDelta;
use healthgate::{
    checks::PollerConfig,
    clock::Clock,
    model::{AuditAction, EvidenceReason, GateState, HostChange, Outlook, ReasonCode},
    store::{AuditFilter, AuditLog, GateStore, Spend, SpendRefusal},
};
use tokio_util::sync::CancellationToken;

use crate::world::{MINUTE, World, entry};

const SECOND: Duration = Duration::from_secs(1);

/// A second job on a host, and one on a host whose check asks the first, wait until the end of a change
/// is reported, and pass on runs that started after it.
#[test]
fn f157_evidence_from_before_a_change_does_not_count() {
    for (partner, reported) in [(false, true), (false, false), (true, true), (true, false)] {
        let world = World::new();
        let (host, other) = (world.host(1), world.host(2));
        world.play(world.gates().run(CancellationToken::new()), async {
            world.check(host, "a").await;
            world.check_of(other, "b", Some(host)).await;
            let gate = world.gate();
            let first = gate.wait(world.request(host, MINUTE * 90)).await.unwrap().pass.unwrap();
            let on = if partner { other } else { host };
            let request = world.request(on, MINUTE * 90);
            if partner {
                // It has fresh and healthy results of its own from before the change.
                let early = gate.wait(world.request(other, MINUTE * 90)).await.unwrap();
                assert!(matches!(gate.spend(&first).await.unwrap(), Spend::Spent(_)));
                let spent = gate.spend(&early.pass.unwrap()).await.unwrap();
                assert_eq!(spent, Spend::Refused(SpendRefusal::Outdated), "asked once more");
                let audit = entry(AuditAction::GateCancelled);
                let audit = audit.with_gate(early.job_id, other);
                world.memory.request_cancel(early.job_id, other, audit).await.unwrap();
                world.clock.sleep(SECOND * 5).await;
            } else {
                assert!(matches!(gate.spend(&first).await.unwrap(), Spend::Spent(_)));
            }
            gate.open(request.clone()).await.unwrap();
            world.clock.sleep(MINUTE * 20).await;
            let record = world.record(&request).await;
            assert_eq!(record.state, GateState::Waiting, "partner: {partner}");
            let disturbed = EvidenceReason::Code(ReasonCode::HostDisturbed);
            assert!(record.evidence.iter().any(|entry| entry.reason == disturbed), "{record:?}");
            let preview = gate.preview(&[(on, request.window)]).await.unwrap().remove(0);
            assert_eq!(preview.decision, Outlook::Wait);
            assert!(preview.blocking.iter().any(|one| one.reason == disturbed));
            let end = if reported {
                gate.finished(first.id).await.unwrap().ended_at.unwrap()
            } else {
                world.clock.sleep(MINUTE * 10).await;
                first.granted_at + HostChange::LONGEST
            };
            world.clock.sleep(SECOND * 40).await;
            let record = world.record(&request).await;
            let pass =
                record.pass.clone().unwrap_or_else(|| panic!("{partner} {reported}: {record:?}"));
            assert!(pass.evidence.iter().all(|entry| entry.checked_at.unwrap() >= end));
            assert!(matches!(gate.spend(&pass).await.unwrap(), Spend::Spent(_)));
        });
    }
}

/// Where several healthy runs in a row are asked for, all of them started after the end of the change.
#[test]
fn f172_a_row_of_runs_from_before_a_change_does_not_count() {
    let mut world = World::new();
    world.policy.healthy_after = 2;
    let host = world.host(1);
    world.play(world.gates().run(CancellationToken::new()), async {
        world.check(host, "a").await;
        let gate = world.gate();
        let first = gate.wait(world.request(host, MINUTE * 90)).await.unwrap().pass.unwrap();
        assert!(matches!(gate.spend(&first).await.unwrap(), Spend::Spent(_)));
        gate.finished(first.id).await.unwrap();
        let before = world.ran().len();
        let record = gate.wait(world.request(host, MINUTE * 90)).await.unwrap();
        assert_eq!(record.state, GateState::Passed);
        assert!(world.ran().len() >= before + 2, "one run and the row before it were enough");
    });
}

/// A rollback opens beside a waiting gate, and is spent once the change before it has ended.
#[test]
fn f159_an_exempt_job_does_not_wait_for_another_gate() {
    let world = World::new();
    let host = world.host(1);
    world.play(world.gates().run(CancellationToken::new()), async {
        let check = world.check(host, "a").await;
        let gate = world.gate();
        let patch = gate.wait(world.request(host, MINUTE * 60)).await.unwrap().pass.unwrap();
        assert!(matches!(gate.spend(&patch).await.unwrap(), Spend::Spent(_)));
        world.script(&check, ReasonCode::Status);
        let next = world.request(host, MINUTE * 60);
        gate.open(next.clone()).await.unwrap();
        gate.finished(patch.id).await.unwrap();
        let rollback = world.request(host, MINUTE * 60).with_exemption();
        let pass = gate.wait(rollback).await.unwrap().pass.unwrap();
        assert!(matches!(gate.spend(&pass).await.unwrap(), Spend::Spent(_)));
        assert_eq!(world.record(&next).await.state, GateState::Waiting);
        // The next one's patch does not begin while the rollback is under way.
        let second = world.request(host, MINUTE * 60).with_exemption();
        gate.open(second.clone()).await.unwrap();
        world.clock.sleep(SECOND * 5).await;
        if let Some(pass) = world.record(&second).await.pass {
            let direct = world.memory.spend_pass(pass.id).await.unwrap();
            assert_eq!(direct, Spend::Refused(SpendRefusal::HostBusy));
            // The handle takes the refused pass back (F154).
            let refused = gate.spend(&pass).await.unwrap();
            assert_eq!(refused, Spend::Refused(SpendRefusal::HostBusy));
        }
        let change = gate.finished(pass.id).await.unwrap();
        assert!(change.ended_at.unwrap() - change.started_at < TimeDelta::minutes(1));
    });
}

/// Ended gates and audit records leave once they are old enough; what has not ended stays.
#[test]
fn f163_the_poller_prunes_gates_and_audit_records() {
    let world = World::new();
    let day = Duration::from_secs(24 * 3_600);
    let config = PollerConfig {
        gate_retention: Some(day),
        audit_retention: Some(day * 2),
        tick: MINUTE,
        ..PollerConfig::default()
    };
    let kept = PollerConfig { gate_retention: None, audit_retention: None, ..config.clone() };
    for (config, leaves) in [(kept, false), (config, true)] {
        let world = if leaves { &world } else { &World::new() };
        let (poller, gates) = (world.poller(config), world.gates());
        let both = async {
            tokio::join!(poller.run(CancellationToken::new()), gates.run(CancellationToken::new()));
        };
        world.play(both, async {
            let gate = world.gate();
            let ended = world.request(world.host(1), MINUTE);
            let check = world.check(world.host(1), "a").await;
            world.script(&check, ReasonCode::Status);
            gate.open(ended.clone()).await.unwrap();
            let mut waiting = world.request(world.host(2), MINUTE);
            waiting.window = world.window(day * 6, MINUTE);
            gate.open(waiting.clone()).await.unwrap();
            world.clock.sleep(day - MINUTE).await;
            assert_eq!(world.record(&ended).await.state, GateState::Failed);
            world.clock.sleep(MINUTE * 5).await;
            let found = world.memory.gate(ended.job_id, ended.host_id).await.unwrap();
            assert_eq!(found.is_none(), leaves);
            let records = async || {
                let page = world.memory.audit_page(&AuditFilter::default(), None, 10).await;
                page.unwrap().len()
            };
            assert_eq!(records().await, 1, "the check was created");
            world.clock.sleep(day).await;
            assert_eq!(records().await, usize::from(!leaves));
            assert_eq!(world.record(&waiting).await.state, GateState::Waiting);
        });
    }
}

/// A host whose gate has failed is tried again under the same job, once for each time it is asked for.
#[test]
fn f166_a_host_is_tried_again_under_the_same_job() {
    let world = World::new();
    let host = world.host(1);
    world.play(world.gates().run(CancellationToken::new()), async {
        let check = world.check(host, "a").await;
        world.script(&check, ReasonCode::Status);
        let gate = world.gate();
        let request = world.request(host, MINUTE * 10);
        let first = gate.wait(request.clone()).await.unwrap();
        assert_eq!(first.state, GateState::Failed);
        assert_eq!(gate.wait(request.clone()).await.unwrap(), first, "not asked for");
        let mut again = request.clone().with_retry();
        again.window = world.window(Duration::ZERO, MINUTE * 10);
        let second = gate.wait(again.clone()).await.unwrap();
        assert_eq!(
            (second.state, second.generation),
            (GateState::Failed, 2),
            "and not a third one"
        );
        world.script(&check, ReasonCode::Ok);
        again.window = world.window(Duration::ZERO, MINUTE * 10);
        let third = gate.wait(again).await.unwrap();
        let pass = third.pass.clone().unwrap();
        assert_eq!(third.generation, 3);
        assert!(matches!(gate.spend(&pass).await.unwrap(), Spend::Spent(_)));
        let all = world.memory.generations_of(request.job_id, host).await.unwrap();
        assert_eq!(all[..2], [first, second]);
        assert_eq!(all[2].state, GateState::Spent);
        let newest = world.memory.gates_of(request.job_id).await.unwrap();
        assert_eq!(newest.iter().map(|gate| gate.id).collect::<Vec<_>>(), [third.id]);
    });
}
