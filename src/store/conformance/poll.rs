//! Cases of `PollQueue`: leases and fencing (L1 to L9).

use std::{collections::HashSet, time::Duration};

use chrono::TimeDelta;
use futures_util::future::join_all;

use super::{Fixture, make};
use crate::{
    model::{HostId, ReasonCode, WorkerId},
    store::{ClaimRequest, HostRelease},
};

/// A new check makes its host due immediately.
pub async fn a_new_check_is_due_at_once(fixture: &dyn Fixture) {
    let (store, host) = (fixture.store(), HostId::generate());
    let worker = WorkerId::generate();
    assert!(make::claim(&store, worker, make::LEASE).await.is_empty());
    make::check(&store, host, "a").await;
    let claims = make::claim(&store, worker, make::LEASE).await;
    assert_eq!(claims.len(), 1);
    assert_eq!(claims[0].host_id, host);
    assert!(claims[0].due_at <= store.now().await.expect("the time"));
}

/// A claim takes a host with all its enabled checks.
pub async fn a_claim_carries_all_enabled_checks_of_a_host(fixture: &dyn Fixture) {
    let (store, host) = (fixture.store(), HostId::generate());
    let off = make::check(&store, host, "off").await;
    make::edit(&store, &off, |definition| definition.enabled = false).await;
    let mut on = Vec::new();
    for name in ["a", "b", "c"] {
        on.push(make::check(&store, host, name).await);
    }
    let claims = make::claim(&store, WorkerId::generate(), make::LEASE).await;
    assert_eq!(claims.len(), 1);
    assert_eq!(claims[0].checks, on);
}

/// A host without an enabled check is not claimed.
pub async fn disabled_hosts_are_not_claimed(fixture: &dyn Fixture) {
    let (store, host) = (fixture.store(), HostId::generate());
    let check = make::check(&store, host, "a").await;
    let off = make::edit(&store, &check, |definition| definition.enabled = false).await;
    assert!(make::claim(&store, WorkerId::generate(), make::LEASE).await.is_empty());
    make::edit(&store, &off, |definition| definition.enabled = true).await;
    assert_eq!(make::claim(&store, WorkerId::generate(), make::LEASE).await.len(), 1);
}

/// The host that has waited longest is claimed first, and a claim respects its limit.
pub async fn the_longest_due_come_first(fixture: &dyn Fixture) {
    let store = fixture.store();
    let mut hosts = Vec::new();
    for _ in 0..3 {
        let host = HostId::generate();
        make::check(&store, host, "a").await;
        hosts.push(host);
        fixture.elapse(Duration::from_millis(10)).await;
    }
    let worker = WorkerId::generate();
    let request = ClaimRequest::new(worker, 2, make::LEASE);
    let claims = store.claim_hosts(request).await.expect("claimed");
    let claimed: Vec<_> = claims.hosts.iter().map(|claim| claim.host_id).collect();
    assert_eq!(claimed, hosts[..2]);
}

/// F67: no two concurrent claims take the same host.
pub async fn racing_claims_are_disjoint(fixture: &dyn Fixture) {
    let store = fixture.store();
    for _ in 0..100 {
        make::check(&store, HostId::generate(), "a").await;
    }
    let workers = (0..8).map(|_| {
        let store = store.clone();
        tokio::spawn(async move {
            let mut taken = Vec::new();
            let worker = WorkerId::generate();
            loop {
                let request = ClaimRequest::new(worker, 7, make::LONG_LEASE);
                let hosts = store.claim_hosts(request).await.expect("claimed").hosts;
                if hosts.is_empty() {
                    return taken;
                }
                taken.extend(hosts.into_iter().map(|claim| claim.host_id));
            }
        })
    });
    let taken: Vec<HostId> =
        join_all(workers).await.into_iter().flat_map(|worker| worker.expect("no panic")).collect();
    let distinct: HashSet<_> = taken.iter().collect();
    assert_eq!((taken.len(), distinct.len()), (100, 100));
}

/// No worker can claim a host under a valid lease, not even the lease's owner.
pub async fn a_held_host_is_not_claimed(fixture: &dyn Fixture) {
    let store = fixture.store();
    make::check(&store, HostId::generate(), "a").await;
    let worker = WorkerId::generate();
    assert_eq!(make::claim(&store, worker, make::LONG_LEASE).await.len(), 1);
    assert!(make::claim(&store, worker, make::LONG_LEASE).await.is_empty());
    assert!(make::claim(&store, WorkerId::generate(), make::LONG_LEASE).await.is_empty());
}

/// F66: a dead worker's host is free when its lease ends.
pub async fn an_expired_lease_is_taken_over_with_a_higher_token(fixture: &dyn Fixture) {
    let store = fixture.store();
    make::check(&store, HostId::generate(), "a").await;
    let first = make::claim(&store, WorkerId::generate(), make::LEASE).await;
    fixture.elapse(make::PAST_LEASE).await;
    let second = make::claim(&store, WorkerId::generate(), make::LEASE).await;
    assert_eq!((first.len(), second.len()), (1, 1));
    assert!(second[0].token > first[0].token);
}

/// F64, F65: a completion after the end of the lease changes nothing, even if no one has taken over.
pub async fn a_late_completion_is_refused_for_ever(fixture: &dyn Fixture) {
    let (store, host) = (fixture.store(), HostId::generate());
    let check = make::check(&store, host, "a").await;
    let zombie = WorkerId::generate();
    let held = make::claim(&store, zombie, make::LEASE).await.remove(0);
    fixture.elapse(make::PAST_LEASE).await;
    let now = store.now().await.expect("the time");
    let late = || {
        let results = vec![make::result(&check, ReasonCode::Ok, now)];
        vec![make::completion(&held, now + TimeDelta::hours(1), results)]
    };
    let completed = store.complete_hosts(zombie, late()).await.expect("answered");
    assert_eq!(completed.fenced, [host]);
    for _ in 0..20 {
        let worker = WorkerId::generate();
        let taken = make::claim(&store, worker, make::LONG_LEASE).await;
        assert_eq!(taken.len(), 1, "the host stayed due");
        let completed = store.complete_hosts(zombie, late()).await.expect("answered");
        assert_eq!(completed.fenced, [host]);
        let now = store.now().await.expect("the time");
        let batch = vec![make::completion(&taken[0], now, Vec::new())];
        store.complete_hosts(worker, batch).await.expect("completed");
    }
    assert!(store.states(&[host]).await.expect("read").is_empty());
}

/// An older token of the same worker is refused like another worker's (L9).
pub async fn a_completion_needs_the_newest_token(fixture: &dyn Fixture) {
    let (store, host) = (fixture.store(), HostId::generate());
    make::check(&store, host, "a").await;
    let worker = WorkerId::generate();
    let old = make::claim(&store, worker, make::LEASE).await.remove(0);
    fixture.elapse(make::PAST_LEASE).await;
    let new = make::claim(&store, worker, make::LONG_LEASE).await.remove(0);
    let due = store.now().await.expect("the time") + TimeDelta::hours(1);
    let batch = |claim| vec![make::completion(claim, due, Vec::new())];
    let with_old = store.complete_hosts(worker, batch(&old)).await.expect("answered");
    assert_eq!(with_old.fenced, [host]);
    let other = store.complete_hosts(WorkerId::generate(), batch(&new)).await.expect("answered");
    assert_eq!(other.fenced, [host]);
    let with_new = store.complete_hosts(worker, batch(&new)).await.expect("answered");
    assert!(with_new.fenced.is_empty());
}

/// A host that had no enabled check for a while keeps its old claim fenced, even for the worker that holds
/// the new claim.
pub async fn a_host_that_was_off_meanwhile_fences_its_old_claim(fixture: &dyn Fixture) {
    let (store, host) = (fixture.store(), HostId::generate());
    let check = make::check(&store, host, "a").await;
    let worker = WorkerId::generate();
    let old = make::claim(&store, worker, make::LONG_LEASE).await.remove(0);
    fixture.elapse(Duration::from_millis(1)).await;
    let off = make::edit(&store, &check, |definition| definition.enabled = false).await;
    make::edit(&store, &off, |definition| definition.enabled = true).await;
    let new = make::claim(&store, worker, make::LONG_LEASE).await.remove(0);
    assert!(new.token > old.token);
    let due = store.now().await.expect("the time") + TimeDelta::hours(1);
    let batch = |claim| vec![make::completion(claim, due, Vec::new())];
    let with_old = store.complete_hosts(worker, batch(&old)).await.expect("answered");
    assert_eq!(with_old.fenced, [host]);
    let with_new = store.complete_hosts(worker, batch(&new)).await.expect("answered");
    assert!(with_new.fenced.is_empty());
}

/// A completed host is free, and due when the completion says.
pub async fn a_completion_sets_the_next_due_time(fixture: &dyn Fixture) {
    let (store, host) = (fixture.store(), HostId::generate());
    make::check(&store, host, "a").await;
    let worker = WorkerId::generate();
    let held = make::claim(&store, worker, make::LONG_LEASE).await.remove(0);
    let due = store.now().await.expect("the time") + TimeDelta::milliseconds(200);
    let batch = vec![make::completion(&held, due, Vec::new())];
    store.complete_hosts(worker, batch).await.expect("completed");
    assert!(make::claim(&store, worker, make::LEASE).await.is_empty());
    fixture.elapse(make::PAST_LEASE).await;
    let again = make::claim(&store, worker, make::LEASE).await;
    assert_eq!(again.len(), 1);
    assert_eq!(again[0].due_at, due);
}

/// L5: a change of the host's checks during a run makes the host due immediately.
pub async fn a_change_during_a_run_makes_due_at_once(fixture: &dyn Fixture) {
    let (store, host) = (fixture.store(), HostId::generate());
    make::check(&store, host, "a").await;
    let worker = WorkerId::generate();
    let held = make::claim(&store, worker, make::LONG_LEASE).await.remove(0);
    make::check(&store, host, "b").await;
    assert!(make::claim(&store, worker, make::LEASE).await.is_empty(), "the lease stays");
    let due = store.now().await.expect("the time") + TimeDelta::hours(1);
    let batch = vec![make::completion(&held, due, Vec::new())];
    assert!(store.complete_hosts(worker, batch).await.expect("completed").fenced.is_empty());
    let again = make::claim(&store, worker, make::LEASE).await;
    assert_eq!(again.len(), 1);
    assert_eq!(again[0].checks.len(), 2);
    assert!(again[0].config_seq > held.config_seq);
}

/// A released host keeps its due time.
pub async fn a_release_hands_back(fixture: &dyn Fixture) {
    let (store, host) = (fixture.store(), HostId::generate());
    make::check(&store, host, "a").await;
    let worker = WorkerId::generate();
    let held = make::claim(&store, worker, make::LONG_LEASE).await.remove(0);
    let release = |token| vec![HostRelease::new(host, token)];
    store.release_hosts(worker, release(held.token - 1)).await.expect("ignored");
    store.release_hosts(WorkerId::generate(), release(held.token)).await.expect("ignored");
    assert!(make::claim(&store, worker, make::LEASE).await.is_empty());
    store.release_hosts(worker, release(held.token)).await.expect("released");
    let again = make::claim(&store, WorkerId::generate(), make::LEASE).await;
    assert_eq!(again[0].due_at, held.due_at);
    let due = store.now().await.expect("the time");
    let batch = vec![make::completion(&held, due, Vec::new())];
    assert_eq!(store.complete_hosts(worker, batch).await.expect("answered").fenced, [host]);
}

/// A lost lease affects one host only.
pub async fn a_fenced_host_does_not_hold_up_the_others(fixture: &dyn Fixture) {
    let (store, lost, kept) = (fixture.store(), HostId::generate(), HostId::generate());
    let checks = [make::check(&store, lost, "a").await, make::check(&store, kept, "b").await];
    let worker = WorkerId::generate();
    let claims = make::claim(&store, worker, make::LONG_LEASE).await;
    let now = store.now().await.expect("the time");
    let batch = claims
        .iter()
        .map(|claim| {
            let check = checks.iter().find(|check| check.host_id == claim.host_id).expect("ours");
            let results = vec![make::result(check, ReasonCode::Ok, now)];
            let mut completion = make::completion(claim, now, results);
            if claim.host_id == lost {
                completion.token -= 1;
            }
            completion
        })
        .collect();
    let completed = store.complete_hosts(worker, batch).await.expect("answered");
    assert_eq!(completed.fenced, [lost]);
    let states = store.states(&[lost, kept]).await.expect("read");
    assert_eq!(states.len(), 1);
    assert_eq!(states[0].latest.host_id, kept);
}

/// L6: repeating a batch whose outcome was unknown does no harm.
pub async fn a_repeated_completion_records_once(fixture: &dyn Fixture) {
    let (store, host) = (fixture.store(), HostId::generate());
    let check = make::check(&store, host, "a").await;
    let worker = WorkerId::generate();
    let held = make::claim(&store, worker, make::LONG_LEASE).await.remove(0);
    let now = store.now().await.expect("the time");
    for _ in 0..3 {
        let results = vec![make::result(&check, ReasonCode::Ok, now)];
        let batch = vec![make::completion(&held, now, results)];
        store.complete_hosts(worker, batch).await.expect("answered");
    }
    // A result that is recorded again under a newer lease is the same result.
    make::record(&store, host, vec![make::result(&check, ReasonCode::Ok, now)]).await;
    let page = store.history(host, check.id, None, 10).await.expect("read");
    assert_eq!(page.results.len(), 1);
}

/// The backlog counts hosts that are due and not claimed.
pub async fn the_backlog_counts_what_is_due(fixture: &dyn Fixture) {
    let store = fixture.store();
    let backlog = store.backlog().await.expect("read");
    assert_eq!((backlog.due, backlog.oldest_due_at), (0, None));
    for _ in 0..3 {
        make::check(&store, HostId::generate(), "a").await;
    }
    let worker = WorkerId::generate();
    let request = ClaimRequest::new(worker, 1, make::LONG_LEASE);
    store.claim_hosts(request).await.expect("claimed");
    let backlog = store.backlog().await.expect("read");
    assert_eq!(backlog.due, 2);
    assert!(backlog.oldest_due_at.is_some());
}

/// F68: the store counts leases that ended without a release, until a completion or a change of the host.
pub async fn lost_leases_are_counted(fixture: &dyn Fixture) {
    let (store, host) = (fixture.store(), HostId::generate());
    let check = make::check(&store, host, "a").await;
    let worker = WorkerId::generate();
    for lost in 0..3 {
        let held = make::claim(&store, WorkerId::generate(), make::LEASE).await;
        assert_eq!(held[0].lost_leases, lost);
        fixture.elapse(make::PAST_LEASE).await;
    }
    let held = make::claim(&store, worker, make::LONG_LEASE).await.remove(0);
    assert_eq!(held.lost_leases, 3);
    let release = HostRelease::new(host, held.token);
    store.release_hosts(worker, vec![release]).await.expect("released");
    let held = make::claim(&store, worker, make::LONG_LEASE).await.remove(0);
    assert_eq!(held.lost_leases, 3, "a release neither counts nor forgives");
    let now = store.now().await.expect("the time");
    let batch = vec![make::completion(&held, now, Vec::new())];
    store.complete_hosts(worker, batch).await.expect("completed");
    let held = make::claim(&store, worker, make::LEASE).await.remove(0);
    assert_eq!(held.lost_leases, 0);
    fixture.elapse(make::PAST_LEASE).await;
    make::edit(&store, &check, |definition| definition.ignore_cert_errors = false).await;
    let held = make::claim(&store, worker, make::LEASE).await.remove(0);
    assert!(held.lost_leases <= 1, "a change resets the count");
}
