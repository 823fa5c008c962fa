//! Pruning of ended gates and audit records by age, in bounded steps (F163).

use std::time::Duration;

use super::{Fixture, make};
use crate::{
    model::{AuditAction, ChangeEnd, EndReason, HostId, WorkerId},
    store::{AuditFilter, GateStep, GateTransition, PruneOutcome, Spend, StoreError},
};

const OLD: Duration = Duration::from_millis(1_500);
const PAST_OLD: Duration = Duration::from_millis(1_600);

/// Pruning deletes gates that ended long enough ago, with their attempts, and keeps the others.
pub async fn ended_gates_leave_by_age(fixture: &dyn Fixture) {
    let (store, worker) = (fixture.store(), WorkerId::generate());
    let mut ended = Vec::new();
    for _ in 0..3 {
        let gate = make::open(&store, HostId::generate()).await;
        let held = make::claim_gates(&store, worker, make::LONG_LEASE).await.remove(0);
        let transition = Some(GateTransition::End(EndReason::WindowClosed));
        let attempt =
            Some(crate::store::AttemptWrite::Start { number: 1, started_at: gate.opened_at });
        make::settle(&store, worker, GateStep { transition, attempt, ..make::step(&held) }).await;
        ended.push(gate);
    }
    let waiting = make::open(&store, HostId::generate()).await;
    let running = make::passed(&store, HostId::generate(), make::LONG_LEASE).await;
    let Spend::Spent(running) = store.spend_pass(running.id).await.expect("answered") else {
        panic!("the pass must be spent")
    };
    let done = make::passed(&store, HostId::generate(), make::LONG_LEASE).await;
    let Spend::Spent(finished) = store.spend_pass(done.id).await.expect("answered") else {
        panic!("the pass must be spent")
    };
    store.end_host_change(done.id, ChangeEnd::Done).await.expect("ended");
    let young = store.prune_gates(Duration::from_secs(60), 2, false).await.expect("pruned");
    assert_eq!(young, PruneOutcome::Done { deleted: 0 });
    fixture.elapse(PAST_OLD).await;
    let step = store.prune_gates(OLD, 3, false).await.expect("pruned");
    assert_eq!(step, PruneOutcome::More { deleted: 3 });
    let step = store.prune_gates(OLD, 3, false).await.expect("pruned");
    assert_eq!(step, PruneOutcome::Done { deleted: 1 });
    for gate in ended.iter().chain([&*finished]) {
        assert!(store.gate(gate.job_id, gate.host_id).await.expect("read").is_none());
        assert!(store.gates_of(gate.job_id).await.expect("read").is_empty());
        assert!(store.attempts_of(&[gate.id]).await.expect("read").is_empty());
        assert!(store.host_changes(&[gate.host_id]).await.expect("read").is_empty());
    }
    assert!(matches!(
        store.end_host_change(done.id, ChangeEnd::Done).await,
        Err(StoreError::NotFound)
    ));
    assert!(store.gate_of_pass(done.id).await.expect("read").is_none());
    for gate in [&waiting, &*running] {
        assert_eq!(make::newest(&store, gate).await, *gate, "an unfinished gate stays");
    }
    assert_eq!(store.host_changes(&[running.host_id]).await.expect("read").len(), 1);
}

/// Pruning deletes audit records by age, oldest first.
pub async fn audit_records_leave_by_age(fixture: &dyn Fixture) {
    let store = fixture.store();
    let append = || async {
        store.append_audit(make::audit(AuditAction::GateCancelled)).await.expect("written").id
    };
    for _ in 0..5 {
        append().await;
    }
    fixture.elapse(PAST_OLD).await;
    let young = append().await;
    let step = store.prune_audit(OLD, 4, false).await.expect("pruned");
    assert_eq!(step, PruneOutcome::More { deleted: 4 });
    let page = store.audit_page(&AuditFilter::default(), None, 10).await.expect("read");
    assert_eq!((page.len(), page[0].id), (2, young));
    let step = store.prune_audit(OLD, 4, false).await.expect("pruned");
    assert_eq!(step, PruneOutcome::Done { deleted: 1 });
    let page = store.audit_page(&AuditFilter::default(), None, 10).await.expect("read");
    assert_eq!(page.iter().map(|record| record.id).collect::<Vec<_>>(), [young]);
}

/// F49: after a jump of the clock, gates and audit records stay too, unless pruning is forced.
pub async fn f222_records_stay_after_a_leap_of_the_clock(fixture: &dyn Fixture) {
    let (store, worker) = (fixture.store(), WorkerId::generate());
    make::open(&store, HostId::generate()).await;
    let held = make::claim_gates(&store, worker, make::LONG_LEASE).await.remove(0);
    let transition = Some(GateTransition::End(EndReason::WindowClosed));
    make::settle(&store, worker, GateStep { transition, ..make::step(&held) }).await;
    store.append_audit(make::audit(AuditAction::GateCancelled)).await.expect("written");
    if !fixture.leap(Duration::from_secs(24 * 3600)).await {
        return;
    }
    let held = PruneOutcome::Suspicious { expired: 1, total: 1 };
    assert_eq!(store.prune_gates(OLD, 9, false).await.expect("answered"), held);
    assert_eq!(store.prune_audit(OLD, 9, false).await.expect("answered"), held);
    let gone = PruneOutcome::Done { deleted: 1 };
    assert_eq!(store.prune_gates(OLD, 9, true).await.expect("answered"), gone);
    assert_eq!(store.prune_audit(OLD, 9, true).await.expect("answered"), gone);
}
