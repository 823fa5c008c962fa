//! Epochs of the store's clock: the order of results, and results that no longer count (F136, F168).

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};

use super::{Fixture, make};
use crate::{
    model::{
        CheckResult, CheckStatus, ClockEpoch, HealthCheck, HostId, HostSummary, ReasonCode,
        StoreTime, WorkerId,
    },
    store::{ClaimRequest, GateStep, PruneOutcome, Store},
};

const FRESH: Duration = Duration::from_secs(600);
const KEEP: Duration = Duration::from_secs(4 * 24 * 3600);

async fn time(store: &Arc<dyn Store>) -> StoreTime {
    store.read_clock().await.expect("the time")
}

/// Begins the next epoch, like a worker that saw the clock step back.
async fn begin(store: &Arc<dyn Store>) -> ClockEpoch {
    let seen = time(store).await.epoch;
    let begun = store.begin_epoch(seen).await.expect("begun");
    assert_eq!(begun, seen.next());
    begun
}

fn result(
    check: &HealthCheck,
    reason: ReasonCode,
    epoch: ClockEpoch,
    checked_at: DateTime<Utc>,
) -> CheckResult {
    CheckResult { epoch, ..make::result(check, reason, checked_at) }
}

/// Returns the statuses of a host's checks in order, and asserts that the summary agrees.
async fn statuses(store: &Arc<dyn Store>, host: HostId) -> Vec<CheckStatus> {
    let views = store.views(&[host], FRESH).await.expect("read");
    let summary = store.summaries(&[host], FRESH).await.expect("read").remove(0);
    assert_eq!(summary, HostSummary::of(host, &views), "summary and views agree");
    views.iter().map(|view| view.status).collect()
}

/// Several workers that saw the same step begin one epoch, and every answer with the clock contains it.
pub async fn f168_an_epoch_is_begun_once(fixture: &dyn Fixture) {
    let (store, host) = (fixture.store(), HostId::generate());
    make::check(&store, host, "a").await;
    let first = time(&store).await.epoch;
    let second = begin(&store).await;
    assert_eq!(
        store.begin_epoch(first).await.expect("answered"),
        second,
        "the epoch has already begun"
    );
    let (worker, lease) = (WorkerId::generate(), make::LONG_LEASE);
    let claims = store.claim_hosts(ClaimRequest::new(worker, 9, lease)).await.expect("claimed");
    assert_eq!((claims.epoch, claims.hosts.len()), (second, 1));
    make::open(&store, host).await;
    let gates = store.claim_gates(worker, 9, lease).await.expect("claimed");
    let watch = store.watch_gates(worker, None).await.expect("told");
    assert_eq!((gates.epoch, watch.epoch, time(&store).await.epoch), (second, second, second));
}

/// Records random results in random order, many with equal times. The state is the last result by epoch,
/// time and then badness, and the history keeps the last result of each instant.
pub async fn f168_results_are_ordered_by_epoch_and_time(fixture: &dyn Fixture) {
    let (store, host) = (fixture.store(), HostId::generate());
    let check = make::check(&store, host, "a").await;
    let start = time(&store).await.at - TimeDelta::seconds(60);
    let mut random = make::Random::new();
    let seed = random.seed;
    let mut below = |bound| random.below(bound);
    let mut newest: Option<CheckResult> = None;
    let mut kept: BTreeMap<DateTime<Utc>, CheckResult> = BTreeMap::new();
    for round in 0..60 {
        let batch: Vec<CheckResult> = (0..=below(3))
            .map(|_| {
                let reason = if below(2) == 0 { ReasonCode::Ok } else { ReasonCode::Status };
                let epoch = ClockEpoch::new(i64::try_from(below(3)).unwrap_or(0));
                let offset = i64::try_from(below(8)).unwrap_or(0);
                result(&check, reason, epoch, start + TimeDelta::seconds(offset))
            })
            .collect();
        for one in &batch {
            if newest.as_ref().is_none_or(|newest| one.outranks(newest)) {
                newest = Some(one.clone());
            }
            let place = kept.entry(one.checked_at).or_insert_with(|| one.clone());
            if one.outranks(place) {
                *place = one.clone();
            }
        }
        make::record(&store, host, batch).await;
        let states = store.states(&[host]).await.expect("read");
        let latest = states.first().map(|state| state.latest.clone());
        assert_eq!(latest, newest, "the state, seed {seed}, round {round}");
    }
    let history = store.history(host, check.id, None, 100).await.expect("read").results;
    let expected: Vec<CheckResult> = kept.into_values().rev().collect();
    let key = |one: &CheckResult| (one.checked_at, one.epoch, one.reason);
    assert_eq!(
        history.iter().map(key).collect::<Vec<_>>(),
        expected.iter().map(key).collect::<Vec<_>>(),
        "the history, seed {seed}"
    );
}

/// A result of another epoch does not count, however fresh it looks.
pub async fn f136_what_another_epoch_saw_is_unknown(fixture: &dyn Fixture) {
    use CheckStatus::{Healthy, Unhealthy, Unknown};
    let (store, host) = (fixture.store(), HostId::generate());
    let (a, b) = (make::check(&store, host, "a").await, make::check(&store, host, "b").await);
    let now = time(&store).await;
    let ahead = now.at + TimeDelta::hours(6);
    let results = vec![
        result(&a, ReasonCode::Ok, now.epoch, now.at),
        result(&b, ReasonCode::Ok, now.epoch, now.at),
    ];
    make::record(&store, host, results).await;
    assert_eq!(statuses(&store, host).await, [Healthy, Healthy]);
    // The clock was ahead when this result was recorded.
    make::record(&store, host, vec![result(&b, ReasonCode::Ok, now.epoch, ahead)]).await;
    let epoch = begin(&store).await;
    assert_eq!(statuses(&store, host).await, [Unknown, Unknown]);
    let now = time(&store).await.at;
    make::record(&store, host, vec![result(&b, ReasonCode::Status, epoch, now)]).await;
    assert_eq!(statuses(&store, host).await, [Unknown, Unhealthy], "a failure counts immediately");
    // A run that began before the step back is recorded late.
    let late = vec![result(&b, ReasonCode::Ok, ClockEpoch::new(epoch.number() - 1), ahead)];
    make::record(&store, host, late).await;
    assert_eq!(statuses(&store, host).await, [Unknown, Unhealthy]);
    make::record(&store, host, vec![result(&a, ReasonCode::Ok, epoch, now)]).await;
    assert_eq!(statuses(&store, host).await, [Healthy, Unhealthy]);
}

/// Within an epoch, a result dated in the future does not count either.
pub async fn f136_what_is_dated_ahead_is_unknown(fixture: &dyn Fixture) {
    let (store, host) = (fixture.store(), HostId::generate());
    let check = make::check(&store, host, "a").await;
    let ahead = time(&store).await.at + TimeDelta::hours(1);
    make::record(&store, host, vec![make::result(&check, ReasonCode::Ok, ahead)]).await;
    assert_eq!(statuses(&store, host).await, [CheckStatus::Unknown]);
}

/// A change dated by a clock that ran ahead does not affect the date of the next change.
pub async fn f136_a_change_is_dated_by_the_clock_of_its_epoch(fixture: &dyn Fixture) {
    let (store, host) = (fixture.store(), HostId::generate());
    let mut check = make::check(&store, host, "a").await;
    // Changes at the same instant get increasing dates.
    for _ in 0..3 {
        let before = check.updated_at;
        check = make::edit(&store, &check, |_| {}).await;
        assert!(check.updated_at > before);
    }
    assert_eq!(check.updated_epoch, time(&store).await.epoch);
    let epoch = begin(&store).await;
    let changed = make::edit(&store, &check, |_| {}).await;
    assert_eq!(changed.updated_epoch, epoch);
    assert!(changed.updated_at <= time(&store).await.at, "the change is not dated ahead");
    let stored = store.check(host, check.id).await.expect("read");
    assert_eq!(stored, Some(changed));
}

/// Pruning deletes results dated far ahead, so that they neither hide newer ones nor stay for years.
pub async fn f136_pruning_takes_what_is_dated_far_ahead(fixture: &dyn Fixture) {
    let (store, host) = (fixture.store(), HostId::generate());
    let check = make::check(&store, host, "a").await;
    let now = time(&store).await;
    let ahead = |second| now.at + TimeDelta::days(12) + TimeDelta::seconds(second);
    for second in 0..3 {
        let far = result(&check, ReasonCode::Ok, now.epoch, ahead(second));
        make::record(&store, host, vec![far]).await;
    }
    let epoch = begin(&store).await;
    for second in 0..5 {
        let at = now.at - TimeDelta::seconds(second);
        make::record(&store, host, vec![result(&check, ReasonCode::Status, epoch, at)]).await;
    }
    let pruned = store.prune_results(KEEP, 100, false).await.expect("pruned");
    assert_eq!(pruned, PruneOutcome::Done { deleted: 3 });
    let left = store.history(host, check.id, None, 100).await.expect("read").results;
    assert_eq!((left.len(), left[0].checked_at, left[0].epoch), (5, now.at, epoch));
}

/// A gate records the epoch of its opening, of voided results and of its pass.
pub async fn f168_gates_keep_their_epochs(fixture: &dyn Fixture) {
    let (store, host) = (fixture.store(), HostId::generate());
    let epoch = begin(&store).await;
    let gate = make::open(&store, host).await;
    assert_eq!(gate.opened_epoch, epoch);
    let worker = WorkerId::generate();
    let held = make::claim_gates(&store, worker, make::LONG_LEASE).await.remove(0);
    let next = begin(&store).await;
    let void = time(&store).await;
    let step = GateStep { void_before: Some(void), ..make::step(&held) };
    assert!(make::settle(&store, worker, step).await.is_empty());
    let stored = make::newest(&store, &gate).await;
    assert_eq!(
        (stored.opened_epoch, stored.void_before, stored.void_epoch),
        (epoch, Some(void.at), next)
    );
    let earlier = StoreTime::new(epoch, void.at + TimeDelta::hours(6));
    assert!(stored.voids(earlier) && !stored.voids(void));
    let pass = make::pass(&store, worker, &held, make::LONG_LEASE).await;
    let stored = make::newest(&store, &gate).await.pass;
    assert_eq!(stored.map(|pass| pass.epoch), Some(pass.epoch));
    // Taking back a pass also voids earlier results of this epoch.
    let last = begin(&store).await;
    store.return_pass(pass.id).await.expect("taken back");
    let stored = make::newest(&store, &gate).await;
    assert_eq!(stored.void_epoch, last);
    assert!(stored.voids(StoreTime::new(next, void.at + TimeDelta::hours(6))));
}
