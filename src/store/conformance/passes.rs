//! Cases of `GateStore`: passes, spending and cancelling (G16, G17, G25).

use std::time::Duration;

use futures_util::future::join_all;

use super::{Fixture, make};
use crate::{
    model::{AuditAction, GateRequest, GateState, HostId, PassId, Window, WorkerId},
    store::{GateStep, GateTransition, Spend, SpendRefusal},
};

const VALID: Duration = Duration::from_secs(60);

fn refusal(spend: &Spend) -> SpendRefusal {
    match spend {
        Spend::Refused(refusal) => *refusal,
        Spend::Spent(_) => panic!("it must not be spent"),
    }
}

/// Of a hundred concurrent calls one spends the pass (F21).
pub async fn a_pass_is_spent_once_among_a_hundred(fixture: &dyn Fixture) {
    let store = fixture.store();
    let pass = make::passed(&store, HostId::generate(), VALID).await;
    let spenders = (0..100).map(|_| {
        let (store, pass) = (store.clone(), pass.clone());
        tokio::spawn(async move { store.spend_pass(pass.id).await.expect("answered") })
    });
    let mut spent = 0;
    for spend in join_all(spenders).await {
        match spend.expect("no panic") {
            Spend::Spent(record) => {
                assert_eq!(record.state, GateState::Spent);
                spent += 1;
            }
            Spend::Refused(refusal) => assert_eq!(refusal, SpendRefusal::AlreadySpent),
        }
    }
    assert_eq!(spent, 1);
}

/// A pass expires by the store's clock, with an exclusive end (F17).
pub async fn an_expired_pass_is_refused(fixture: &dyn Fixture) {
    let store = fixture.store();
    let pass = make::passed(&store, HostId::generate(), make::LEASE).await;
    fixture.elapse(make::PAST_LEASE).await;
    let spend = store.spend_pass(pass.id).await.expect("answered");
    assert_eq!(refusal(&spend), SpendRefusal::Expired);
}

/// F170: a pass is refused if the store's clock was corrected to before the window's opening.
pub async fn f170_a_pass_is_refused_before_its_window_opens(fixture: &dyn Fixture) {
    let store = fixture.store();
    let request = make::request(&store, HostId::generate()).await;
    let opens = request.window.opens_at() + chrono::TimeDelta::minutes(30);
    let window = Window::new(opens, request.window.closes_at()).expect("a window");
    store.open_gate(GateRequest { window, ..request }).await.expect("opened");
    let worker = WorkerId::generate();
    let held = make::claim_gates(&store, worker, make::LONG_LEASE).await.remove(0);
    let pass = make::pass(&store, worker, &held, VALID).await;
    let spend = store.spend_pass(pass.id).await.expect("answered");
    assert_eq!(refusal(&spend), SpendRefusal::Expired);
}

/// A pass is looked up by its id alone (G36).
pub async fn an_unknown_or_older_pass_is_refused(fixture: &dyn Fixture) {
    let store = fixture.store();
    let pass = make::passed(&store, HostId::generate(), VALID).await;
    let unknown = PassId::generate();
    assert!(store.gate_of_pass(unknown).await.expect("read").is_none());
    let spend = store.spend_pass(unknown).await.expect("answered");
    assert_eq!(refusal(&spend), SpendRefusal::Superseded);
    let gate = store.gate_of_pass(pass.id).await.expect("read").expect("the gate exists");
    assert_eq!((gate.id, gate.pass.as_ref()), (pass.gate_id, Some(&pass)));
    assert!(matches!(store.spend_pass(pass.id).await.expect("answered"), Spend::Spent(_)));
}

/// G25: a pass is refused as soon as the cancellation is requested.
pub async fn a_cancellation_refuses_the_pass(fixture: &dyn Fixture) {
    let store = fixture.store();
    let pass = make::passed(&store, HostId::generate(), VALID).await;
    let entry = make::audit(AuditAction::GateCancelled);
    store.request_cancel(pass.job_id, pass.host_id, entry).await.expect("asked");
    let spend = store.spend_pass(pass.id).await.expect("answered");
    assert_eq!(refusal(&spend), SpendRefusal::Cancelled);
    let held = make::claim_gates(&store, WorkerId::generate(), make::LEASE).await;
    assert_eq!(held.len(), 1, "a worker claims the cancelled gate");
}

/// G25, F22: of a cancellation and a spending exactly one succeeds.
pub async fn cancelling_and_spending_have_one_winner(fixture: &dyn Fixture) {
    let store = fixture.store();
    for _ in 0..20 {
        let pass = make::passed(&store, HostId::generate(), VALID).await;
        let (canceller, spender) = (store.clone(), store.clone());
        let (job, host) = (pass.job_id, pass.host_id);
        let cancel = tokio::spawn(async move {
            let entry = make::audit(AuditAction::GateCancelled);
            canceller.request_cancel(job, host, entry).await.expect("asked").cancel_requested
        });
        let spend =
            tokio::spawn(async move { spender.spend_pass(pass.id).await.expect("answered") });
        let cancelled = cancel.await.expect("no panic");
        let spent = matches!(spend.await.expect("no panic"), Spend::Spent(_));
        assert!(cancelled != spent, "cancelled: {cancelled}, spent: {spent}");
    }
}

/// A spent gate can no longer be cancelled.
pub async fn a_spent_pass_outlives_a_cancellation(fixture: &dyn Fixture) {
    let store = fixture.store();
    let pass = make::passed(&store, HostId::generate(), VALID).await;
    store.spend_pass(pass.id).await.expect("answered");
    let entry = make::audit(AuditAction::GateCancelled);
    let record = store.request_cancel(pass.job_id, pass.host_id, entry).await.expect("no error");
    assert_eq!((record.state, record.cancel_requested), (GateState::Spent, false));
}

/// G16: an unspent pass is taken back after it expires, and no longer counts.
pub async fn an_expired_pass_is_renewed_and_a_new_one_works(fixture: &dyn Fixture) {
    let store = fixture.store();
    let old = make::passed(&store, HostId::generate(), make::LEASE).await;
    fixture.elapse(make::PAST_LEASE).await;
    let worker = WorkerId::generate();
    let held = make::claim_gates(&store, worker, make::LONG_LEASE).await.remove(0);
    let time = store.read_clock().await.expect("the time");
    let now = time.at;
    let renew = GateStep {
        transition: Some(GateTransition::Renew),
        void_before: Some(time),
        ..make::step(&held)
    };
    assert!(make::settle(&store, worker, renew).await.is_empty());
    let waiting = make::newest(&store, &held.record).await;
    assert_eq!((waiting.state, waiting.void_before), (GateState::Waiting, Some(now)));
    let new = make::pass(&store, worker, &held, VALID).await;
    let spend = store.spend_pass(old.id).await.expect("answered");
    assert_eq!(refusal(&spend), SpendRefusal::Superseded);
    assert!(store.gate_of_pass(old.id).await.expect("read").is_none());
    assert!(matches!(store.spend_pass(new.id).await.expect("answered"), Spend::Spent(_)));
}

/// A gate with a valid pass needs no worker, and no step of one counts.
pub async fn a_passed_gate_is_left_alone(fixture: &dyn Fixture) {
    let (store, host) = (fixture.store(), HostId::generate());
    let record = make::open(&store, host).await;
    let worker = WorkerId::generate();
    let held = make::claim_gates(&store, worker, make::LONG_LEASE).await.remove(0);
    make::pass(&store, worker, &held, VALID).await;
    assert!(make::claim_gates(&store, WorkerId::generate(), make::LEASE).await.is_empty());
    let step = GateStep { detail: Some("late".to_owned()), ..make::step(&held) };
    assert_eq!(make::settle(&store, worker, step).await, [record.id]);
    assert_eq!(make::newest(&store, &record).await.state, GateState::Passed);
}

/// F154: a returned pass cannot be spent, and its gate waits for a worker. Returning an older pass does
/// nothing.
pub async fn a_returned_pass_makes_its_gate_wait_at_once(fixture: &dyn Fixture) {
    let store = fixture.store();
    let pass = make::passed(&store, HostId::generate(), VALID).await;
    store.return_pass(PassId::generate()).await.expect("answered");
    let gate = store.gate(pass.job_id, pass.host_id).await.expect("read").expect("it exists");
    assert_eq!(gate.state, GateState::Passed, "returning another pass does nothing");
    store.return_pass(pass.id).await.expect("taken back");
    store.return_pass(pass.id).await.expect("returning again does nothing");
    let gate = store.gate(pass.job_id, pass.host_id).await.expect("read").expect("it exists");
    assert_eq!(gate.state, GateState::Waiting);
    assert!(gate.void_before.is_some_and(|void_before| void_before >= pass.granted_at));
    let spend = store.spend_pass(pass.id).await.expect("answered");
    assert!(matches!(spend, Spend::Refused(_)), "{spend:?}");
    let held = make::claim_gates(&store, WorkerId::generate(), make::LEASE).await;
    assert_eq!(held.len(), 1, "a worker claims the gate");

    let spent = make::passed(&store, HostId::generate(), VALID).await;
    assert!(matches!(store.spend_pass(spent.id).await.expect("answered"), Spend::Spent(_)));
    store.return_pass(spent.id).await.expect("answered");
    let gate = store.gate(spent.job_id, spent.host_id).await.expect("read").expect("it exists");
    assert_eq!(gate.state, GateState::Spent);
}
