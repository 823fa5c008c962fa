//! Cases of `ResultStore`: results, states, summaries, history and pruning.

use std::{sync::Arc, time::Duration};

use chrono::TimeDelta;

use super::{Fixture, make};
use crate::{
    model::{AgentEndpoint, AuditAction, CheckStatus, HostId, HostStatus, ReasonCode, WorkerId},
    store::{PruneOutcome, Store},
};

const FRESH: Duration = Duration::from_secs(600);

/// A result of an old revision is dropped (F69).
pub async fn results_of_old_revisions_are_dropped(fixture: &dyn Fixture) {
    let (store, host) = (fixture.store(), HostId::generate());
    let old = make::check(&store, host, "a").await;
    let new = make::edit(&store, &old, |_| {}).await;
    let now = store.now().await.expect("the time");
    let dropped = make::record(&store, host, vec![make::result(&old, ReasonCode::Ok, now)]).await;
    assert_eq!(dropped, 1);
    assert!(store.states(&[host]).await.expect("read").is_empty());
    let kept = make::record(&store, host, vec![make::result(&new, ReasonCode::Ok, now)]).await;
    assert_eq!((kept, store.states(&[host]).await.expect("read").len()), (0, 1));
}

/// A result of a deleted check is dropped (F70).
pub async fn results_of_deleted_checks_are_dropped(fixture: &dyn Fixture) {
    let (store, host) = (fixture.store(), HostId::generate());
    let check = make::check(&store, host, "a").await;
    make::check(&store, host, "b").await;
    let worker = WorkerId::generate();
    let held = make::claim(&store, worker, make::LONG_LEASE).await.remove(0);
    let entry = make::audit(AuditAction::HealthCheckDeleted);
    store.delete_check(host, check.id, None, entry).await.expect("deleted");
    let now = store.now().await.expect("the time");
    let results = vec![make::result(&check, ReasonCode::Ok, now)];
    let batch = vec![make::completion(&held, now, results)];
    let completed = store.complete_hosts(worker, batch).await.expect("completed");
    assert_eq!((completed.dropped, completed.fenced.len()), (1, 0));
    assert!(store.states(&[host]).await.expect("read").is_empty());
}

/// A result of a disabled check is dropped.
pub async fn results_of_disabled_checks_are_dropped(fixture: &dyn Fixture) {
    let (store, host) = (fixture.store(), HostId::generate());
    let check = make::check(&store, host, "a").await;
    make::check(&store, host, "b").await;
    let off = make::edit(&store, &check, |definition| definition.enabled = false).await;
    let now = store.now().await.expect("the time");
    let dropped = make::record(&store, host, vec![make::result(&off, ReasonCode::Ok, now)]).await;
    assert_eq!(dropped, 1);
}

/// An older result changes no state, whichever worker ran it.
pub async fn a_state_moves_only_forward(fixture: &dyn Fixture) {
    let (store, host) = (fixture.store(), HostId::generate());
    let check = make::check(&store, host, "a").await;
    let now = store.now().await.expect("the time");
    let earlier = now - TimeDelta::seconds(10);
    make::record(&store, host, vec![make::result(&check, ReasonCode::Ok, now)]).await;
    make::record(&store, host, vec![make::result(&check, ReasonCode::Status, earlier)]).await;
    let states = store.states(&[host]).await.expect("read");
    assert_eq!((states[0].latest.reason, states[0].latest.checked_at), (ReasonCode::Ok, now));
    let page = store.history(host, check.id, None, 10).await.expect("read");
    assert_eq!(page.results.len(), 2, "the history contains both results");
}

/// F01: a state dated by a clock that ran ahead gives way once the clock is corrected.
pub async fn a_state_from_the_future_gives_way(fixture: &dyn Fixture) {
    let (store, host) = (fixture.store(), HostId::generate());
    let check = make::check(&store, host, "a").await;
    let now = store.now().await.expect("the time");
    let ahead = now + TimeDelta::hours(1);
    make::record(&store, host, vec![make::result(&check, ReasonCode::Ok, ahead)]).await;
    let earlier = now - TimeDelta::seconds(10);
    make::record(&store, host, vec![make::result(&check, ReasonCode::Status, earlier)]).await;
    let states = store.states(&[host]).await.expect("read");
    let latest = &states[0].latest;
    assert_eq!((latest.reason, latest.checked_at), (ReasonCode::Status, earlier));
    assert_eq!((states[0].since, states[0].in_a_row), (earlier, 1));
}

/// The store counts consecutive healthy results. A new revision or agent resets the count.
pub async fn healthy_results_in_a_row_are_counted(fixture: &dyn Fixture) {
    let (store, host) = (fixture.store(), HostId::generate());
    let check = make::check(&store, host, "a").await;
    let now = store.now().await.expect("the time");
    let agent = |port| AgentEndpoint::new("10.0.0.1", port, None).ok();
    use ReasonCode::{Connect, Ok as Healthy};
    for (ago, reason, port, expected) in [
        (60, Healthy, 1, 1),
        (50, Healthy, 1, 2),
        (40, Healthy, 1, 3),
        (30, Healthy, 2, 1),
        (20, Healthy, 2, 2),
        (10, Connect, 2, 1),
    ] {
        let mut result = make::result(&check, reason, now - TimeDelta::seconds(ago));
        result.endpoint = agent(port);
        make::record(&store, host, vec![result]).await;
        let states = store.states(&[host]).await.expect("read");
        assert_eq!(states[0].in_a_row, expected, "{ago} s ago");
    }
    let edited = make::edit(&store, &check, |_| {}).await;
    let now = store.now().await.expect("the time");
    make::record(&store, host, vec![make::result(&edited, Connect, now)]).await;
    assert_eq!(store.states(&[host]).await.expect("read")[0].in_a_row, 1);
}

/// `since` is the instant of the last status change.
pub async fn since_turns_with_the_status_alone(fixture: &dyn Fixture) {
    let (store, host) = (fixture.store(), HostId::generate());
    let check = make::check(&store, host, "a").await;
    let now = store.now().await.expect("the time");
    let ago = |seconds| now - TimeDelta::seconds(seconds);
    use ReasonCode::{Connect, Ok, Status};
    for (seconds, reason, since) in
        [(50, Ok, 50), (40, Ok, 50), (30, Status, 30), (20, Connect, 30), (10, Ok, 10)]
    {
        make::record(&store, host, vec![make::result(&check, reason, ago(seconds))]).await;
        let states = store.states(&[host]).await.expect("read");
        assert_eq!(states[0].since, ago(since), "{reason}");
        let views = store.views(&[host], FRESH).await.expect("read");
        assert_eq!(views[0].since, ago(since), "{reason}");
    }
}

/// A result from before a change of the check does not count.
pub async fn a_changed_check_is_unknown(fixture: &dyn Fixture) {
    let (store, host) = (fixture.store(), HostId::generate());
    let check = make::check(&store, host, "a").await;
    let view = || async { store.views(&[host], FRESH).await.expect("read").remove(0) };
    assert_eq!((view().await.status, view().await.last_result), (CheckStatus::Unknown, None));
    let now = store.now().await.expect("the time");
    make::record(&store, host, vec![make::result(&check, ReasonCode::Ok, now)]).await;
    assert_eq!(view().await.status, CheckStatus::Healthy);
    let changed = make::edit(&store, &check, |_| {}).await;
    let view = view().await;
    assert_eq!((view.status, view.since), (CheckStatus::Unknown, changed.updated_at));
}

/// A result older than two intervals no longer counts.
pub async fn a_stale_check_is_unknown(fixture: &dyn Fixture) {
    let (store, host) = (fixture.store(), HostId::generate());
    let check = make::check(&store, host, "a").await;
    let long_ago = store.now().await.expect("the time") - TimeDelta::seconds(700);
    make::record(&store, host, vec![make::result(&check, ReasonCode::Ok, long_ago)]).await;
    let view = store.views(&[host], FRESH).await.expect("read").remove(0);
    assert_eq!(view.status, CheckStatus::Unknown);
    assert_eq!(view.since, long_ago + TimeDelta::seconds(600));
    assert!(view.last_result.is_some(), "a stale result is still shown");
}

/// Faults of healthgate and of the observer do not tell the target's status.
pub async fn what_says_nothing_is_unknown(fixture: &dyn Fixture) {
    let (store, host) = (fixture.store(), HostId::generate());
    let check = make::check(&store, host, "a").await;
    let now = store.now().await.expect("the time");
    let cases = [
        (ReasonCode::Internal, false, CheckStatus::Unknown),
        (ReasonCode::Interrupted, false, CheckStatus::Unknown),
        (ReasonCode::NoResources, false, CheckStatus::Unknown),
        (ReasonCode::Connect, true, CheckStatus::Unknown),
        (ReasonCode::Connect, false, CheckStatus::Unhealthy),
        (ReasonCode::SecretUnreadable, false, CheckStatus::Unhealthy),
    ];
    for ((reason, observer_fault, expected), second) in cases.into_iter().zip(0..) {
        let mut result = make::result(&check, reason, now - TimeDelta::seconds(20 - second));
        result.observer_fault = observer_fault;
        make::record(&store, host, vec![result]).await;
        let view = store.views(&[host], FRESH).await.expect("read").remove(0);
        assert_eq!(view.status, expected, "{reason}, observer fault: {observer_fault}");
    }
}

/// Disabled checks do not count. Unhealthy outranks unknown, and unknown outranks healthy.
pub async fn summaries_count_enabled_checks(fixture: &dyn Fixture) {
    let (store, host, empty) = (fixture.store(), HostId::generate(), HostId::generate());
    let healthy = make::check(&store, host, "healthy").await;
    let failing = make::check(&store, host, "failing").await;
    let unseen = make::check(&store, host, "unseen").await;
    let off = make::check(&store, host, "off").await;
    make::edit(&store, &off, |definition| definition.enabled = false).await;
    let now = store.now().await.expect("the time");
    let summary = || async { store.summaries(&[empty, host], FRESH).await.expect("read") };
    make::record(&store, host, vec![make::result(&healthy, ReasonCode::Ok, now)]).await;
    assert_eq!(summary().await[1].status, HostStatus::Unknown);
    let failed = make::result(&failing, ReasonCode::Status, now);
    make::record(&store, host, vec![failed]).await;
    let summaries = summary().await;
    assert_eq!((summaries[0].host_id, summaries[0].status), (empty, HostStatus::None));
    let of = &summaries[1];
    assert_eq!(of.status, HostStatus::Unhealthy);
    assert_eq!((of.healthy, of.unhealthy, of.unknown, of.total), (1, 1, 1, 3));
    assert_eq!(of.oldest_checked_at, None, "one check has never run");
    make::record(&store, host, vec![make::result(&unseen, ReasonCode::Ok, now)]).await;
    assert_eq!(summary().await[1].oldest_checked_at, Some(now));
}

/// Consecutive pages contain every result exactly once.
pub async fn history_is_paged_newest_first(fixture: &dyn Fixture) {
    let (store, host) = (fixture.store(), HostId::generate());
    let check = make::check(&store, host, "a").await;
    let now = store.now().await.expect("the time");
    for second in 1..=7 {
        let result = make::result(&check, ReasonCode::Ok, now - TimeDelta::seconds(second));
        make::record(&store, host, vec![result]).await;
    }
    let (mut read, mut before) = (Vec::new(), None);
    loop {
        let page = store.history(host, check.id, before, 3).await.expect("read");
        read.extend(page.results.into_iter().map(|result| (now - result.checked_at).num_seconds()));
        before = page.next_before;
        if before.is_none() {
            break;
        }
    }
    assert_eq!(read, [1, 2, 3, 4, 5, 6, 7]);
}

/// Pruning deletes old results in batches of the store's choice, and never a check's newest one.
pub async fn pruning_keeps_the_newest_and_goes_in_batches(fixture: &dyn Fixture) {
    let (store, host) = (fixture.store(), HostId::generate());
    let (busy, quiet) =
        (make::check(&store, host, "a").await, make::check(&store, host, "b").await);
    let now = store.now().await.expect("the time");
    let old = |second| now - TimeDelta::days(6) - TimeDelta::seconds(second);
    for second in 1..=5 {
        make::record(&store, host, vec![make::result(&busy, ReasonCode::Ok, old(second))]).await;
        let recent = now - TimeDelta::seconds(second);
        make::record(&store, host, vec![make::result(&busy, ReasonCode::Ok, recent)]).await;
    }
    make::record(&store, host, vec![make::result(&quiet, ReasonCode::Ok, old(9))]).await;
    let keep = Duration::from_secs(4 * 24 * 3600);
    let gone = prune_all(&store, keep).await;
    assert_eq!(gone, 5);
    let again = store.prune_results(keep, 3, false).await.expect("pruned");
    assert_eq!(again, PruneOutcome::Done { deleted: 0 });
    let left = |check| {
        let store = store.clone();
        async move { store.history(host, check, None, 100).await.expect("read").results.len() }
    };
    assert_eq!((left(busy.id).await, left(quiet.id).await), (5, 1));
}

/// Prunes in small steps to the end, by a clock that has not jumped. Returns the number of deleted results.
async fn prune_all(store: &Arc<dyn Store>, keep: Duration) -> u64 {
    let mut gone = 0;
    loop {
        match store.prune_results(keep, 3, false).await.expect("pruned") {
            PruneOutcome::More { deleted } => gone += deleted,
            PruneOutcome::Done { deleted } => return gone + deleted,
            outcome @ PruneOutcome::Suspicious { .. } => panic!("{outcome:?}"),
        }
    }
}

/// F49: after a jump of the clock, pruning waits, because results may only look old.
pub async fn f222_pruning_waits_after_a_leap_of_the_clock(fixture: &dyn Fixture) {
    let (store, host) = (fixture.store(), HostId::generate());
    let check = make::check(&store, host, "a").await;
    let now = store.now().await.expect("the time");
    for second in 0..10 {
        let result = make::result(&check, ReasonCode::Ok, now - TimeDelta::seconds(second));
        make::record(&store, host, vec![result]).await;
    }
    if !fixture.leap(Duration::from_secs(6 * 24 * 3600)).await {
        return;
    }
    make::claim(&store, WorkerId::generate(), make::LEASE).await;
    let keep = Duration::from_secs(4 * 24 * 3600);
    for _ in 0..2 {
        let outcome = store.prune_results(keep, 3, false).await.expect("pruned");
        assert_eq!(outcome, PruneOutcome::Suspicious { expired: 9, total: 10 });
    }
    let forced = store.prune_results(keep, 100, true).await.expect("pruned");
    assert_eq!(forced, PruneOutcome::Done { deleted: 9 });
}

/// After a downtime, or in a newly adopted table, pruning deletes any number of old results.
pub async fn f222_adoption_and_downtime_are_pruned(fixture: &dyn Fixture) {
    let (store, host) = (fixture.store(), HostId::generate());
    let check = make::check(&store, host, "a").await;
    let long_ago = store.now().await.expect("the time") - TimeDelta::days(9);
    for number in 0..12 {
        let at = long_ago + TimeDelta::hours(12 * (number % 4)) + TimeDelta::seconds(number);
        make::record(&store, host, vec![make::result(&check, ReasonCode::Ok, at)]).await;
    }
    let keep = Duration::from_secs(4 * 24 * 3600);
    let gone = prune_all(&store, keep).await;
    assert_eq!(gone, 11);
    let left = store.history(host, check.id, None, 100).await.expect("read").results;
    assert_eq!(left.len(), 1, "the newest result stays");
}
