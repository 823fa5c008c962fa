//! Cases of `GateStore`: claims, and a worker's single lease for all of its gates (L10).

use std::collections::HashSet;

use chrono::TimeDelta;
use futures_util::future::join_all;

use super::{Fixture, gates::exception, make};
use crate::{
    model::{AuditAction, GateId, GateRequest, HostId, JobId, Window, WorkerId},
    store::GateExtension,
};

/// No two concurrent claims take the same gate.
pub async fn racing_claims_of_gates_are_disjoint(fixture: &dyn Fixture) {
    let store = fixture.store();
    for _ in 0..100 {
        make::open(&store, HostId::generate()).await;
    }
    let workers = (0..8).map(|_| {
        let store = store.clone();
        tokio::spawn(async move {
            let (worker, mut taken) = (WorkerId::generate(), Vec::new());
            loop {
                let claims = store.claim_gates(worker, 7, make::LONG_LEASE).await.expect("claimed");
                if claims.gates.is_empty() {
                    return taken;
                }
                taken.extend(claims.gates.into_iter().map(|gate| gate.record.id));
            }
        })
    });
    let taken: Vec<GateId> =
        join_all(workers).await.into_iter().flat_map(|worker| worker.expect("no panic")).collect();
    let distinct: HashSet<_> = taken.iter().collect();
    assert_eq!((taken.len(), distinct.len()), (100, 100));
}

/// A takeover of an expired gate increments the token.
pub async fn an_expired_gate_is_taken_over(fixture: &dyn Fixture) {
    let store = fixture.store();
    make::open(&store, HostId::generate()).await;
    let first = make::claim_gates(&store, WorkerId::generate(), make::LEASE).await;
    assert!(make::claim_gates(&store, WorkerId::generate(), make::LEASE).await.is_empty());
    fixture.elapse(make::PAST_LEASE).await;
    let second = make::claim_gates(&store, WorkerId::generate(), make::LEASE).await;
    assert!(second[0].token > first[0].token);
}

/// A watch extends the lease of all gates of a worker, but never a lease that has ended.
pub async fn a_watch_extends_the_lease(fixture: &dyn Fixture) {
    let store = fixture.store();
    for _ in 0..3 {
        make::open(&store, HostId::generate()).await;
    }
    let (worker, other) = (WorkerId::generate(), WorkerId::generate());
    let held = make::claim_gates(&store, worker, make::LEASE).await;
    let gates: Vec<GateId> = held.iter().map(|gate| gate.record.id).collect();
    let extend = |lease| Some(GateExtension { gates: &gates, lease });
    let watch = store.watch_gates(worker, extend(make::LONG_LEASE)).await.expect("answered");
    assert!(watch.leased && watch.changed.is_empty() && watch.unclaimed.is_none());
    fixture.elapse(make::PAST_LEASE).await;
    assert!(make::claim_gates(&store, other, make::LEASE).await.is_empty());
    assert!(make::settle(&store, worker, make::step(&held[2])).await.is_empty());
    store.watch_gates(worker, extend(make::LEASE)).await.expect("answered");
    fixture.elapse(make::PAST_LEASE).await;
    let watch = store.watch_gates(worker, extend(make::LONG_LEASE)).await.expect("answered");
    assert!(!watch.leased && watch.unclaimed.is_some());
    for gate in &held {
        assert_eq!(make::settle(&store, worker, make::step(gate)).await, [gate.record.id]);
    }
    assert_eq!(make::claim_gates(&store, other, make::LEASE).await.len(), 3);
}

/// Gates of a claim whose answer was lost are free once the worker extends its lease without them.
pub async fn an_extension_frees_what_the_worker_does_not_know(fixture: &dyn Fixture) {
    let store = fixture.store();
    for _ in 0..2 {
        make::open(&store, HostId::generate()).await;
    }
    let worker = WorkerId::generate();
    let held = make::claim_gates(&store, worker, make::LONG_LEASE).await;
    let extension = GateExtension { gates: &[held[0].record.id], lease: make::LONG_LEASE };
    let watch = store.watch_gates(worker, Some(extension)).await.expect("answered");
    assert!(watch.leased && watch.unclaimed.is_some());
    assert!(make::settle(&store, worker, make::step(&held[0])).await.is_empty());
    let lost = held[1].record.id;
    assert_eq!(make::settle(&store, worker, make::step(&held[1])).await, [lost]);
    let taken = make::claim_gates(&store, WorkerId::generate(), make::LEASE).await;
    assert_eq!(taken.iter().map(|gate| gate.record.id).collect::<Vec<_>>(), [lost]);
}

/// A worker whose lease has ended starts over: its next claim does not return its old gates.
pub async fn a_new_lease_brings_no_gate_of_the_old_one(fixture: &dyn Fixture) {
    let store = fixture.store();
    for _ in 0..2 {
        make::open(&store, HostId::generate()).await;
    }
    let worker = WorkerId::generate();
    let old = make::claim_gates(&store, worker, make::LEASE).await;
    fixture.elapse(make::PAST_LEASE).await;
    let new = store.claim_gates(worker, 1, make::LONG_LEASE).await.expect("claimed").gates;
    for gate in &old {
        let fenced = make::settle(&store, worker, make::step(gate)).await;
        assert_eq!(fenced, [gate.record.id], "the old lease's token is fenced");
    }
    assert!(make::settle(&store, worker, make::step(&new[0])).await.is_empty());
    assert_eq!(make::claim_gates(&store, WorkerId::generate(), make::LEASE).await.len(), 1);
}

/// A watch reports changes by others until the holder writes a step that has seen them (F156).
pub async fn a_change_is_told_until_it_was_seen(fixture: &dyn Fixture) {
    let (store, host) = (fixture.store(), HostId::generate());
    let gate = make::open(&store, host).await;
    make::open(&store, HostId::generate()).await;
    let worker = WorkerId::generate();
    let claimed = make::claim_gates(&store, worker, make::LONG_LEASE).await;
    let held = claimed.into_iter().find(|held| held.record.id == gate.id).expect("claimed");
    let given = exception(&gate);
    let entry = make::audit(AuditAction::GateOverridden);
    store.set_override(gate.job_id, host, Some(given.clone()), entry).await.expect("set");
    make::settle(&store, worker, make::step(&held)).await;
    for _ in 0..2 {
        let watch = store.watch_gates(worker, None).await.expect("answered");
        let [told] = watch.changed.as_slice() else { panic!("one gate: {watch:?}") };
        assert_eq!((told.record.id, told.token), (gate.id, held.token));
        assert_eq!(told.record.exception.as_ref(), Some(&given));
    }
    let told = store.watch_gates(worker, None).await.expect("answered").changed.remove(0);
    let entry = make::audit(AuditAction::GateCancelled);
    store.request_cancel(gate.job_id, host, entry).await.expect("asked");
    make::settle(&store, worker, make::step(&told)).await;
    let told = store.watch_gates(worker, None).await.expect("answered").changed.remove(0);
    assert!(told.record.cancel_requested, "a later change is reported too");
    make::settle(&store, worker, make::step(&told)).await;
    assert!(store.watch_gates(worker, None).await.expect("answered").changed.is_empty());
    let other = store.watch_gates(WorkerId::generate(), None).await.expect("answered");
    assert!(!other.leased && other.changed.is_empty());
}

/// Open gates are claimed before those that open later (F156).
pub async fn open_gates_are_claimed_first(fixture: &dyn Fixture) {
    let store = fixture.store();
    let now = store.now().await.expect("the time");
    let mut opened = Vec::new();
    for (opens, closes) in [(48, 49), (-1, 72), (24, 25), (-2, 1)] {
        let (opens, closes) = (now + TimeDelta::hours(opens), now + TimeDelta::hours(closes));
        let window = Window::new(opens, closes).expect("a window");
        let request = GateRequest::new(JobId::generate(), HostId::generate(), window);
        opened.push(store.open_gate(request).await.expect("opened").id);
    }
    let worker = WorkerId::generate();
    let mut taken = Vec::new();
    for left in (0..4_u8).rev() {
        let watch = store.watch_gates(worker, None).await.expect("answered");
        assert_eq!(watch.unclaimed.is_some_and(|opens| opens <= now), left >= 2);
        let claims = store.claim_gates(worker, 1, make::LONG_LEASE).await.expect("claimed");
        taken.extend(claims.gates.into_iter().map(|gate| gate.record.id));
    }
    assert_eq!(taken, [opened[3], opened[1], opened[2], opened[0]]);
}

/// A released gate can be claimed immediately.
pub async fn released_gates_are_claimed_at_once(fixture: &dyn Fixture) {
    let store = fixture.store();
    make::open(&store, HostId::generate()).await;
    let worker = WorkerId::generate();
    let held = make::claim_gates(&store, worker, make::LONG_LEASE).await.remove(0);
    let other = WorkerId::generate();
    store.release_gates(other, &[(held.record.id, held.token)]).await.expect("ignored");
    assert!(make::claim_gates(&store, other, make::LEASE).await.is_empty());
    store.release_gates(worker, &[(held.record.id, held.token)]).await.expect("released");
    assert_eq!(make::claim_gates(&store, other, make::LEASE).await.len(), 1);
}
