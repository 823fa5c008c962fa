//! Cases of `ResultStore::summaries` after every kind of change. Each case also compares the summaries with
//! the views, because a store may keep them separately.

use std::{sync::Arc, time::Duration};

use chrono::TimeDelta;

use super::{Fixture, make};
use crate::{
    model::{AuditAction, HostId, HostStatus, HostSummary, ReasonCode, WorkerId},
    store::Store,
};

const FRESH: Duration = Duration::from_secs(600);

async fn summary(store: &Arc<dyn Store>, host: HostId, stale_after: Duration) -> HostSummary {
    let summary = store.summaries(&[host], stale_after).await.expect("read").remove(0);
    let views = store.views(&[host], stale_after).await.expect("read");
    assert_eq!(summary, HostSummary::of(host, &views), "summary and views agree");
    summary
}

/// Returns the numbers of healthy, unhealthy and unknown checks.
async fn counts(store: &Arc<dyn Store>, host: HostId) -> (u32, u32, u32) {
    let summary = summary(store, host, FRESH).await;
    assert_eq!(summary.total, summary.healthy + summary.unhealthy + summary.unknown);
    (summary.healthy, summary.unhealthy, summary.unknown)
}

/// A summary reflects an added, edited, disabled, enabled or deleted check immediately.
pub async fn a_summary_follows_every_change_of_the_checks(fixture: &dyn Fixture) {
    let (store, host) = (fixture.store(), HostId::generate());
    let steady = make::check(&store, host, "steady").await;
    let failing = make::check(&store, host, "failing").await;
    let now = store.now().await.expect("the time");
    let results = vec![
        make::result(&steady, ReasonCode::Ok, now),
        make::result(&failing, ReasonCode::Status, now),
    ];
    make::record(&store, host, results).await;
    assert_eq!(counts(&store, host).await, (1, 1, 0));
    let added = make::check(&store, host, "added").await;
    assert_eq!(counts(&store, host).await, (1, 1, 1), "added");
    let edited = make::edit(&store, &failing, |_| {}).await;
    assert_eq!(counts(&store, host).await, (1, 0, 2), "edited");
    fixture.elapse(Duration::from_millis(10)).await;
    let now = store.now().await.expect("the time");
    let results = vec![
        make::result(&edited, ReasonCode::Status, now),
        make::result(&added, ReasonCode::Ok, now),
    ];
    make::record(&store, host, results).await;
    assert_eq!(counts(&store, host).await, (2, 1, 0));
    let off = make::edit(&store, &edited, |definition| definition.enabled = false).await;
    assert_eq!(counts(&store, host).await, (2, 0, 0), "disabled");
    make::edit(&store, &off, |definition| definition.enabled = true).await;
    assert_eq!(counts(&store, host).await, (2, 0, 1), "enabled: unknown until it is run");
    let entry = make::audit(AuditAction::HealthCheckDeleted);
    store.delete_check(host, added.id, None, entry).await.expect("deleted");
    assert_eq!(counts(&store, host).await, (1, 0, 1), "deleted");
    let last = make::edit(&store, &steady, |definition| definition.enabled = false).await;
    let entry = make::audit(AuditAction::HealthCheckDeleted);
    store.delete_check(host, edited.id, None, entry).await.expect("deleted");
    assert_eq!(summary(&store, host, FRESH).await.status, HostStatus::None, "none is enabled");
    make::edit(&store, &last, |definition| definition.enabled = true).await;
    assert_eq!(counts(&store, host).await, (0, 0, 1), "enabled again");
}

/// Results of a gate's runs count like those of the poller.
pub async fn a_summary_follows_the_results_of_a_gate(fixture: &dyn Fixture) {
    let (store, host) = (fixture.store(), HostId::generate());
    let check = make::check(&store, host, "a").await;
    let unseen = make::check(&store, host, "b").await;
    let now = store.now().await.expect("the time");
    let earlier = now - TimeDelta::seconds(10);
    make::record(&store, host, vec![make::result(&check, ReasonCode::Ok, earlier)]).await;
    assert_eq!(counts(&store, host).await, (1, 0, 1));
    make::open(&store, host).await;
    let worker = WorkerId::generate();
    let gate = make::claim_gates(&store, worker, make::LONG_LEASE).await.remove(0);
    let mut step = make::step(&gate);
    step.results = vec![
        make::result(&check, ReasonCode::Status, now),
        make::result(&unseen, ReasonCode::Ok, now),
    ];
    assert!(make::settle(&store, worker, step).await.is_empty());
    assert_eq!(counts(&store, host).await, (1, 1, 0));
    assert_eq!(summary(&store, host, FRESH).await.oldest_checked_at, Some(now));
}

/// Each result ages on its own: first some of a recording's results are stale, then all.
pub async fn a_summary_ages_result_by_result(fixture: &dyn Fixture) {
    let (store, host) = (fixture.store(), HostId::generate());
    let (old, new) = (make::check(&store, host, "a").await, make::check(&store, host, "b").await);
    let now = store.now().await.expect("the time");
    let ago = |seconds| now - TimeDelta::seconds(seconds);
    let results = vec![
        make::result(&old, ReasonCode::Status, ago(700)),
        make::result(&new, ReasonCode::Ok, ago(200)),
    ];
    make::record(&store, host, results).await;
    for (fresh, status, counts) in [
        (900, HostStatus::Unhealthy, (1, 1, 0)),
        (600, HostStatus::Unknown, (1, 0, 1)),
        (100, HostStatus::Unknown, (0, 0, 2)),
    ] {
        let summary = summary(&store, host, Duration::from_secs(fresh)).await;
        assert_eq!((summary.healthy, summary.unhealthy, summary.unknown), counts, "{fresh} s");
        assert_eq!((summary.status, summary.oldest_checked_at), (status, Some(ago(700))));
    }
    let ever = summary(&store, host, Duration::MAX).await;
    assert_eq!((ever.healthy, ever.unhealthy), (1, 1));
}

/// Checks without a result are unknown, whether their host has run or not. Late results change nothing, and
/// a forgotten host has no checks.
pub async fn a_summary_counts_what_was_never_seen(fixture: &dyn Fixture) {
    let (store, host) = (fixture.store(), HostId::generate());
    let check = make::check(&store, host, "a").await;
    make::check(&store, host, "b").await;
    assert_eq!(counts(&store, host).await, (0, 0, 2), "never run");
    make::record(&store, host, Vec::new()).await;
    assert_eq!(counts(&store, host).await, (0, 0, 2), "run without a result");
    let now = store.now().await.expect("the time");
    make::record(&store, host, vec![make::result(&check, ReasonCode::Ok, now)]).await;
    assert_eq!(counts(&store, host).await, (1, 0, 1));
    let late = now - TimeDelta::seconds(10);
    make::record(&store, host, vec![make::result(&check, ReasonCode::Status, late)]).await;
    assert_eq!(counts(&store, host).await, (1, 0, 1), "late");
    make::record(&store, host, Vec::new()).await;
    assert_eq!(counts(&store, host).await, (1, 0, 1), "nothing new");
    store.forget_host(host).await.expect("forgotten");
    assert_eq!(summary(&store, host, FRESH).await.status, HostStatus::None);
}
