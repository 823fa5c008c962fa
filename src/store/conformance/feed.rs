//! Cases of the change feed.

use std::time::Duration;

use chrono::TimeDelta;

use super::{Fixture, make};
use crate::{
    model::{
        AuditAction, CheckStatus, EndReason, GateState, HostId, PassKind, ReasonCode, WorkerId,
    },
    store::{GateStep, GateTransition, StoreEvent, Subscription},
};

/// The deadline for an event to arrive.
const SOON: Duration = Duration::from_secs(5);

/// Returns the next event of this host and skips those of other hosts.
async fn next(subscription: &mut Subscription, host: HostId) -> StoreEvent {
    let wanted = async {
        loop {
            let event = subscription.next().await.expect("the feed is open");
            if event.host_id() == Some(host) {
                return event;
            }
        }
    };
    tokio::time::timeout(SOON, wanted).await.expect("told in time")
}

/// An event reports a check's status when it changes, and none does while it stays.
pub async fn a_turned_status_is_told(fixture: &dyn Fixture) {
    let (store, host) = (fixture.store(), HostId::generate());
    let mut feed = store.subscribe().await.expect("subscribed");
    let check = make::check(&store, host, "a").await;
    assert_eq!(next(&mut feed, host).await, StoreEvent::of_change(host, check.id));
    let start = store.now().await.expect("the time");
    let reasons = [ReasonCode::Ok, ReasonCode::Ok, ReasonCode::Status, ReasonCode::Connect];
    for (second, reason) in (1..).zip(reasons) {
        let checked_at = start + TimeDelta::milliseconds(second);
        make::record(&store, host, vec![make::result(&check, reason, checked_at)]).await;
    }
    let told = |second, status, reason| StoreEvent::CheckStatus {
        host_id: host,
        check_id: check.id,
        status,
        reason: Some(reason),
        checked_at: Some(start + TimeDelta::milliseconds(second)),
    };
    let expected = [
        told(1, CheckStatus::Healthy, ReasonCode::Ok),
        told(3, CheckStatus::Unhealthy, ReasonCode::Status),
        told(4, CheckStatus::Unhealthy, ReasonCode::Connect),
    ];
    for event in expected {
        assert_eq!(next(&mut feed, host).await, event);
    }
}

/// Each step of a gate's life sends an event.
pub async fn a_gates_life_is_told(fixture: &dyn Fixture) {
    let (store, host) = (fixture.store(), HostId::generate());
    let mut feed = store.subscribe().await.expect("subscribed");
    let gate = make::open(&store, host).await;
    assert_eq!(next(&mut feed, host).await, StoreEvent::of_gate(&gate));
    let worker = WorkerId::generate();
    let held = make::claim_gates(&store, worker, make::LONG_LEASE).await.remove(0);
    let next_attempt_at = Some(gate.opened_at + TimeDelta::seconds(30));
    make::settle(&store, worker, GateStep { next_attempt_at, ..make::step(&held) }).await;
    let state = GateState::Waiting;
    let waiting =
        StoreEvent::Gate { job_id: gate.job_id, host_id: host, state, kind: None, next_attempt_at };
    assert_eq!(next(&mut feed, host).await, waiting);
    let pass = make::pass(&store, worker, &held, Duration::from_secs(60)).await;
    let told = next(&mut feed, host).await;
    assert!(matches!(
        told,
        StoreEvent::Gate { state: GateState::Passed, kind: Some(PassKind::Healthy), .. }
    ));
    store.spend_pass(pass.id).await.expect("spent");
    let told = next(&mut feed, host).await;
    assert!(matches!(told, StoreEvent::Gate { state: GateState::Spent, .. }));
}

/// A cancellation sends an event, and so does the gate's end.
pub async fn a_cancelled_gate_is_told(fixture: &dyn Fixture) {
    let (store, host) = (fixture.store(), HostId::generate());
    let gate = make::open(&store, host).await;
    let mut feed = store.subscribe().await.expect("subscribed");
    let entry = make::audit(AuditAction::GateCancelled);
    store.request_cancel(gate.job_id, host, entry).await.expect("asked");
    assert!(matches!(next(&mut feed, host).await, StoreEvent::Gate { .. }));
    let worker = WorkerId::generate();
    let held = make::claim_gates(&store, worker, make::LONG_LEASE).await.remove(0);
    let transition = Some(GateTransition::End(EndReason::JobCancelled));
    make::settle(&store, worker, GateStep { transition, ..make::step(&held) }).await;
    let told = next(&mut feed, host).await;
    assert!(matches!(told, StoreEvent::Gate { state: GateState::Cancelled, .. }));
}

/// Every subscriber receives the application's announcements, in the order of its writes.
pub async fn what_is_announced_is_told(fixture: &dyn Fixture) {
    let (store, host) = (fixture.store(), HostId::generate());
    let mut feeds = [
        store.subscribe().await.expect("subscribed"),
        store.subscribe().await.expect("subscribed"),
    ];
    let gate = make::open(&store, host).await;
    let (job_id, state) = (gate.job_id, GateState::Spent);
    let kind = Some(PassKind::Healthy);
    let event = StoreEvent::Gate { job_id, host_id: host, state, kind, next_attempt_at: None };
    store.announce(event.clone()).await.expect("announced");
    for feed in &mut feeds {
        assert_eq!(next(feed, host).await, StoreEvent::of_gate(&gate));
        assert_eq!(next(feed, host).await, event);
    }
    let kept = make::newest(&store, &gate).await;
    assert_eq!(kept.state, GateState::Waiting, "an announcement stores nothing");
}
