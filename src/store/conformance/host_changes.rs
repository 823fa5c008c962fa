//! Cases of `GateStore`: changes of hosts, and gates of exempt jobs (G27, G35).

use std::{sync::Arc, time::Duration};

use futures_util::future::join_all;

use super::{Fixture, make};
use crate::{
    model::{
        ChangeEnd, CheckId, Detail, Evidence, EvidenceReason, GatePass, GateState, HostChangeState,
        HostId, PassId, PassKind, ReasonCode, WorkerId,
    },
    store::{Spend, SpendRefusal, Store, StoreError},
};

const VALID: Duration = Duration::from_secs(60);

/// Opens and passes a gate of an exempt job on this host.
async fn exempt_pass(fixture: &dyn Fixture, host: HostId) -> GatePass {
    let store = fixture.store();
    let request = make::request(&store, host).await.with_exemption();
    let record = store.open_gate(request).await.expect("opened");
    let worker = WorkerId::generate();
    let gates = make::claim_gates(&store, worker, make::LONG_LEASE).await;
    let held = gates.iter().find(|held| held.record.id == record.id).expect("claimed");
    make::pass(&store, worker, held, VALID).await
}

/// A pass on this ground, by a check that was healthy just before.
async fn proven_pass(store: &Arc<dyn Store>, host: HostId, kind: PassKind) -> GatePass {
    let record = make::open(store, host).await;
    let worker = WorkerId::generate();
    let gates = make::claim_gates(store, worker, make::LONG_LEASE).await;
    let held = gates.iter().find(|held| held.record.id == record.id).expect("claimed");
    let checked_at = store.now().await.expect("the time");
    let evidence = Evidence {
        check_id: Some(CheckId::generate()),
        name: "nginx".to_owned(),
        healthy: true,
        reason: EvidenceReason::Code(ReasonCode::Ok),
        observed: true,
        detail: Detail::default(),
        latency_ms: Some(0),
        checked_at: Some(checked_at),
    };
    make::pass_on(store, worker, held, VALID, kind, vec![evidence]).await
}

/// F285: a pass that rests on checks from before a change of the host is not spent after it, however late
/// its spender has looked. A pass that rests on no check is.
pub async fn f285_a_pass_does_not_outlive_a_change_of_its_host(fixture: &dyn Fixture) {
    let store = fixture.store();
    for (kind, outdated) in [(PassKind::Healthy, true), (PassKind::ReportOnly, false)] {
        let host = HostId::generate();
        let pass = proven_pass(&store, host, kind).await;
        fixture.elapse(Duration::from_millis(20)).await;
        let other = exempt_pass(fixture, host).await;
        let spend = store.spend_pass(other.id).await.expect("answered");
        assert!(matches!(spend, Spend::Spent(_)));
        store.end_host_change(other.id, ChangeEnd::Done).await.expect("ended");
        let spend = store.spend_pass(pass.id).await.expect("answered");
        if outdated {
            assert_eq!(spend, Spend::Refused(SpendRefusal::Outdated));
            let gate = store.gate_of_pass(pass.id).await.expect("read").expect("its gate");
            assert_eq!((gate.state, gate.ended_at), (GateState::Passed, None));
            let changes = store.host_changes(&[host]).await.expect("read");
            let newest: Vec<_> = changes.iter().map(|change| change.pass_id).collect();
            assert_eq!(newest, [other.id], "no change has begun");
        } else {
            assert!(matches!(spend, Spend::Spent(_)), "{kind:?}: {spend:?}");
        }
    }
}

/// A host can have one unfinished gate and one of an exempt job at the same time.
pub async fn an_exempt_gate_opens_beside_another_one(fixture: &dyn Fixture) {
    let (store, host) = (fixture.store(), HostId::generate());
    let first = make::open(&store, host).await;
    let request = make::request(&store, host).await.with_exemption();
    let exempt = store.open_gate(request).await.expect("an exempt gate opens in addition");
    for (request, holder) in [
        (make::request(&store, host).await, first.id),
        (make::request(&store, host).await.with_exemption(), exempt.id),
    ] {
        let busy = store.open_gate(request).await;
        assert!(matches!(busy, Err(StoreError::GateBusy { holder: told }) if told == holder));
    }
    let mut holders = store.holders_of(&[host]).await.expect("read");
    holders.sort_by_key(|holder| holder.exempt);
    let ids: Vec<_> = holders.iter().map(|holder| holder.id).collect();
    assert_eq!(ids, [first.id, exempt.id]);
}

/// A change begins when the pass is spent, and ends once.
pub async fn spending_begins_a_change_of_the_host(fixture: &dyn Fixture) {
    let (store, host, other) = (fixture.store(), HostId::generate(), HostId::generate());
    let pass = make::passed(&store, host, VALID).await;
    assert!(store.host_changes(&[host]).await.expect("read").is_empty());
    let early = store.end_host_change(pass.id, ChangeEnd::Done).await;
    assert!(matches!(early, Err(StoreError::NotFound)), "an unspent pass has no change");
    let Spend::Spent(record) = store.spend_pass(pass.id).await.expect("answered") else {
        panic!("the pass must be spent")
    };
    let changes = store.host_changes(&[host, other]).await.expect("read");
    let [change] = changes.as_slice() else { panic!("one change: {changes:?}") };
    assert_eq!((change.pass_id, change.gate_id), (pass.id, record.id));
    assert_eq!((change.job_id, change.host_id), (pass.job_id, host));
    assert_eq!((change.state, change.ended_at), (HostChangeState::Running, None));
    assert_eq!(Some(change.started_at), record.ended_at);
    let ended = store.end_host_change(pass.id, ChangeEnd::Done).await.expect("ended");
    assert_eq!(ended.state, HostChangeState::Ended);
    assert!(ended.ended_at.is_some_and(|at| at >= ended.started_at));
    assert_eq!(store.end_host_change(pass.id, ChangeEnd::Done).await.expect("again"), ended);
    assert_eq!(store.host_changes(&[host]).await.expect("read"), [ended]);
    let unknown = store.end_host_change(PassId::generate(), ChangeEnd::Done).await;
    assert!(matches!(unknown, Err(StoreError::NotFound)));
}

/// F159: one of two passes of a host can be spent. The other can be spent after the first change has ended.
pub async fn a_host_is_changed_on_one_pass_at_a_time(fixture: &dyn Fixture) {
    let store = fixture.store();
    for _ in 0..10 {
        let host = HostId::generate();
        let passes = [make::passed(&store, host, VALID).await, exempt_pass(fixture, host).await];
        let spends = passes.iter().map(|pass| {
            let (store, id) = (store.clone(), pass.id);
            tokio::spawn(async move { store.spend_pass(id).await.expect("answered") })
        });
        let spends = join_all(spends).await.into_iter().map(|spend| spend.expect("no panic"));
        let spends: Vec<_> = spends.collect();
        let first = spends.iter().position(|spend| matches!(spend, Spend::Spent(_)));
        let first = first.expect("one of the passes is spent");
        let second = 1 - first;
        assert_eq!(spends[second], Spend::Refused(SpendRefusal::HostBusy));
        let again = store.spend_pass(passes[second].id).await.expect("answered");
        assert_eq!(again, Spend::Refused(SpendRefusal::HostBusy));
        let known = store.gate_of_pass(passes[second].id).await.expect("read");
        assert!(known.is_some_and(|gate| gate.ended_at.is_none()), "the refused gate continues");
        store.end_host_change(passes[first].id, ChangeEnd::Done).await.expect("ended");
        let spend = store.spend_pass(passes[second].id).await.expect("answered");
        assert!(matches!(spend, Spend::Spent(_)));
        let changes = store.host_changes(&[host]).await.expect("read");
        let newest: Vec<_> = changes.iter().map(|change| change.pass_id).collect();
        assert_eq!(newest, [passes[second].id]);
    }
}
