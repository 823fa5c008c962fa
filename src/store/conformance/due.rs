//! Cases of `PollQueue`: due times, parking, and lost leases.

use std::time::Duration;

use chrono::TimeDelta;

use super::{Fixture, make};
use crate::{
    model::{AuditAction, HostId, WorkerId},
    store::{CheckUpdate, ClaimRequest, FirstRun, HostRelease, Reach, ReachQuery},
};

const HOUR: Duration = Duration::from_secs(3_600);

/// F136: a due time further ahead than one interval counts as due, after hosts that are late. The store's
/// clock was set back, or the interval was shortened.
pub async fn f136_a_due_time_beyond_the_interval_is_due(fixture: &dyn Fixture) {
    let (store, host, late) = (fixture.store(), HostId::generate(), HostId::generate());
    make::check(&store, host, "a").await;
    let (worker, interval) = (WorkerId::generate(), Duration::from_secs(60));
    let claim = async |limit| {
        let request = ClaimRequest::new(worker, limit, make::LONG_LEASE).with_interval(interval);
        store.claim_hosts(request).await.expect("claimed").hosts
    };
    for (ahead, is_due) in [(59, false), (3_600, true)] {
        let held = make::claim_named(&store, worker, host).await;
        let due = store.now().await.expect("the time") + TimeDelta::seconds(ahead);
        let batch = vec![make::completion(&held, due, Vec::new())];
        store.complete_hosts(worker, batch).await.expect("completed");
        let unjudged = ClaimRequest::new(worker, 10, make::LONG_LEASE);
        assert!(store.claim_hosts(unjudged).await.expect("claimed").hosts.is_empty());
        if is_due {
            make::check(&store, late, "b").await;
        }
        let hosts: Vec<_> = claim(1).await.iter().map(|held| held.host_id).collect();
        assert_eq!(hosts, if is_due { vec![late] } else { Vec::new() }, "{ahead} s ahead");
    }
    let claims = claim(10).await;
    assert_eq!(claims.len(), 1);
    assert_eq!(claims[0].host_id, host);
}

/// F255: a host whose check was changed runs after the wait, or at its due time if that is earlier. A
/// deletion makes no host due.
pub async fn f255_a_first_run_waits_for_its_slot(fixture: &dyn Fixture) {
    let (store, host, late) = (fixture.store(), HostId::generate(), HostId::generate());
    let worker = WorkerId::generate();
    let before = store.now().await.expect("the time");
    let check = make::check_later(&store, host, HOUR).await;
    let after = store.now().await.expect("the time");
    assert!(
        make::claim(&store, worker, make::LONG_LEASE).await.is_empty(),
        "the host waits for its slot"
    );
    assert_eq!(store.backlog().await.expect("read").due, 0);
    let due_at = async |host| store.due_at(host).await.expect("read");
    let slot = due_at(host).await.expect("an enabled check");
    assert_eq!(due_at(late).await, None);
    let held = make::claim_named(&store, worker, host).await;
    assert!((before + HOUR..=after + HOUR).contains(&held.due_at), "{}", held.due_at);
    assert_eq!(slot, held.due_at);

    // An earlier due time stays, and a deletion does not change it.
    let due = store.now().await.expect("the time") + TimeDelta::minutes(10);
    let batch = vec![make::completion(&held, due, Vec::new())];
    store.complete_hosts(worker, batch).await.expect("completed");
    let update = CheckUpdate { first_run: FirstRun::After(HOUR), ..make::update(&check) };
    let updated = make::audit(AuditAction::HealthCheckUpdated);
    store.update_check(update, updated).await.expect("updated");
    let other = make::check_later(&store, host, HOUR).await;
    let deleted = make::audit(AuditAction::HealthCheckDeleted);
    store.delete_check(host, other.id, None, deleted).await.expect("deleted");
    let held = make::claim_named(&store, worker, host).await;
    assert_eq!((held.due_at, held.checks.len()), (due, 1));
    assert_eq!(due_at(host).await, Some(due));

    // So does a past due time: a change must not delay a run that is late.
    let at_once = make::check(&store, late, "a").await;
    let due = due_at(late).await.expect("an enabled check");
    // From this due time, a gate knows that the author's budget lets the check run immediately.
    assert!(due + TimeDelta::milliseconds(1) >= at_once.updated_at, "{due} {at_once:?}");
    make::check_later(&store, late, HOUR).await;
    let claims = make::claim(&store, worker, make::LONG_LEASE).await;
    assert_eq!(claims.len(), 1);
    assert_eq!(claims[0].host_id, late);
}

/// F255: changing a check during a run, or while its host is parked, does not make it run immediately.
pub async fn f255_a_change_during_a_run_waits_for_its_slot(fixture: &dyn Fixture) {
    let (store, running, parked) = (fixture.store(), HostId::generate(), HostId::generate());
    let worker = WorkerId::generate();
    make::check(&store, running, "a").await;
    let held = make::claim(&store, worker, make::LONG_LEASE).await.remove(0);
    make::check(&store, parked, "a").await;
    let other = make::claim(&store, worker, make::LONG_LEASE).await.remove(0);
    let before = store.now().await.expect("the time");
    let until = before + HOUR * 2;
    let release = HostRelease::new(parked, other.token).with_not_before(until);
    store.release_hosts(worker, vec![release]).await.expect("released");
    for host in [running, parked] {
        make::check_later(&store, host, HOUR).await;
    }
    let after = store.now().await.expect("the time");
    let batch = vec![make::completion(&held, until, Vec::new())];
    store.complete_hosts(worker, batch).await.expect("completed");
    assert!(
        make::claim(&store, worker, make::LEASE).await.is_empty(),
        "the hosts wait for their slots"
    );
    for host in [running, parked] {
        let held = make::claim_named(&store, worker, host).await;
        assert!((before + HOUR..=after + HOUR).contains(&held.due_at), "{}", held.due_at);
        assert_eq!(held.checks.len(), 2);
    }
}

/// F136: a lease that ends later than any lease can has ended, because the store's clock was set back.
pub async fn f136_a_lease_beyond_lease_and_interval_has_ended(fixture: &dyn Fixture) {
    let (store, host) = (fixture.store(), HostId::generate());
    make::check(&store, host, "a").await;
    let far = Duration::from_secs(6 * 3_600);
    let old = make::claim(&store, WorkerId::generate(), far).await.remove(0);
    let worker = WorkerId::generate();
    let claim = |interval| ClaimRequest::new(worker, 1, make::LONG_LEASE).with_interval(interval);
    assert!(store.claim_hosts(claim(far)).await.expect("claimed").hosts.is_empty());
    let taken = store.claim_hosts(claim(make::LEASE)).await.expect("claimed").hosts;
    assert_eq!(taken.len(), 1);
    assert!(taken[0].token > old.token);
}

/// A claim of named hosts takes these hosts only, whether they are due or not.
pub async fn named_hosts_are_claimed_before_they_are_due(fixture: &dyn Fixture) {
    let (store, host, other) = (fixture.store(), HostId::generate(), HostId::generate());
    make::check(&store, host, "a").await;
    let worker = WorkerId::generate();
    let held = make::claim(&store, worker, make::LONG_LEASE).await.remove(0);
    let now = store.now().await.expect("the time");
    let (due, parked) = (now + TimeDelta::hours(1), now + TimeDelta::hours(2));
    let batch = vec![make::completion(&held, due, Vec::new()).with_not_before(parked)];
    store.complete_hosts(worker, batch).await.expect("completed");
    make::check(&store, other, "b").await;
    let claim = async |worker, hosts: &[HostId]| {
        let request = ClaimRequest::new(worker, 10, make::LONG_LEASE).with_named(hosts.to_vec());
        store.claim_hosts(request).await.expect("claimed").hosts
    };
    assert!(claim(worker, &[]).await.is_empty());
    let claims = claim(worker, &[host, HostId::generate()]).await;
    assert_eq!(claims.len(), 1);
    assert_eq!((claims[0].host_id, claims[0].due_at), (host, due));
    assert_eq!(claims[0].checks.len(), 1);
    assert!(claim(WorkerId::generate(), &[host]).await.is_empty(), "the host is under a lease");
}

/// A parked host is not due until its time, unless its checks change.
pub async fn a_parked_host_is_not_due(fixture: &dyn Fixture) {
    let store = fixture.store();
    let (host, changed) = (HostId::generate(), HostId::generate());
    make::check(&store, host, "a").await;
    let check = make::check(&store, changed, "b").await;
    let worker = WorkerId::generate();
    let claims = make::claim(&store, worker, make::LONG_LEASE).await;
    let now = store.now().await.expect("the time");
    let until = now + TimeDelta::milliseconds(200);
    let releases =
        claims.iter().map(|held| HostRelease::new(held.host_id, held.token).with_not_before(until));
    store.release_hosts(worker, releases.collect()).await.expect("released");
    assert_eq!(store.backlog().await.expect("read").due, 0);
    assert!(make::claim(&store, worker, make::LEASE).await.is_empty());
    make::edit(&store, &check, |definition| definition.ignore_cert_errors = false).await;
    let claims = make::claim(&store, worker, make::LONG_LEASE).await;
    assert_eq!(claims.len(), 1);
    assert_eq!(claims[0].host_id, changed);
    fixture.elapse(make::PAST_LEASE).await;
    let held = make::claim(&store, worker, make::LONG_LEASE).await.remove(0);
    assert_eq!(held.host_id, host);
    let parked =
        make::completion(&held, now, Vec::new()).with_not_before(now + TimeDelta::hours(1));
    store.complete_hosts(worker, vec![parked]).await.expect("completed");
    assert!(make::claim(&store, worker, make::LONG_LEASE).await.is_empty());
    assert_eq!(store.backlog().await.expect("read").due, 0);
}

/// F147: a living worker does not count as lost, whether it claims the host again or releases the host
/// after its lease has ended.
pub async fn f147_a_living_worker_loses_no_lease(fixture: &dyn Fixture) {
    let (store, host) = (fixture.store(), HostId::generate());
    make::check(&store, host, "a").await;
    let worker = WorkerId::generate();
    for _ in 0..4 {
        let held = make::claim(&store, worker, make::LEASE).await.remove(0);
        assert_eq!(held.lost_leases, 0, "a worker's own lease does not count");
        fixture.elapse(make::PAST_LEASE).await;
    }
    let held = make::claim(&store, worker, make::LEASE).await.remove(0);
    fixture.elapse(make::PAST_LEASE).await;
    let release = HostRelease::new(host, held.token);
    store.release_hosts(worker, vec![release]).await.expect("released");
    let other = make::claim(&store, WorkerId::generate(), make::LONG_LEASE).await.remove(0);
    assert_eq!(other.lost_leases, 0, "a released lease does not count");
    store.release_hosts(worker, vec![release]).await.expect("ignored");
    assert!(
        make::claim(&store, worker, make::LEASE).await.is_empty(),
        "another worker holds the host"
    );
}

/// F68: an unfinished run neither resets nor increments the count of lost leases.
pub async fn an_unfinished_run_keeps_the_count_of_lost_leases(fixture: &dyn Fixture) {
    let (store, host) = (fixture.store(), HostId::generate());
    make::check(&store, host, "a").await;
    make::claim(&store, WorkerId::generate(), make::LEASE).await;
    fixture.elapse(make::PAST_LEASE).await;
    let worker = WorkerId::generate();
    for (unfinished, lost) in [(true, 1), (false, 1), (true, 0)] {
        let held = make::claim(&store, worker, make::LONG_LEASE).await.remove(0);
        assert_eq!(held.lost_leases, lost);
        let now = store.now().await.expect("the time");
        let batch = vec![make::completion(&held, now, Vec::new()).with_unfinished(unfinished)];
        store.complete_hosts(worker, batch).await.expect("completed");
    }
}

/// F162: reach counts the completions of all workers. A host that was never reached does not count.
pub async fn f162_all_workers_tell_which_hosts_are_reached(fixture: &dyn Fixture) {
    let store = fixture.store();
    let hosts: Vec<HostId> = (0..4).map(|_| HostId::generate()).collect();
    for host in &hosts {
        make::check(&store, *host, "a").await;
    }
    let complete = async |host: HostId, reached: Option<bool>| {
        let worker = WorkerId::generate();
        let held = make::claim_named(&store, worker, host).await;
        let due = store.now().await.expect("the time") + TimeDelta::hours(1);
        let batch = vec![make::completion(&held, due, Vec::new()).with_reached(reached)];
        let completed = store.complete_hosts(worker, batch).await.expect("completed");
        assert!(completed.fenced.is_empty());
    };
    let hour = Duration::from_secs(3_600);
    let reach = async |within, turned_within| {
        let Reach { ran, hosts, unreachable } =
            store.reach(ReachQuery { within, turned_within }).await.expect("told");
        (ran, hosts, unreachable)
    };
    assert_eq!(reach(hour, hour).await, (0, 0, 0));
    for host in &hosts[..3] {
        complete(*host, Some(true)).await;
    }
    complete(hosts[3], Some(false)).await;
    assert_eq!(reach(hour, hour).await, (4, 3, 0), "a host that was never reached does not count");
    complete(hosts[0], Some(false)).await;
    complete(hosts[1], None).await;
    assert_eq!(reach(hour, hour).await, (4, 3, 1));
    fixture.elapse(Duration::from_millis(50)).await;
    let moment = Duration::from_millis(25);
    assert_eq!(reach(moment, hour).await, (0, 0, 0), "no host ran recently");
    complete(hosts[0], Some(false)).await;
    assert_eq!(
        reach(hour, moment).await,
        (4, 2, 0),
        "a host that became unreachable earlier does not count"
    );
    complete(hosts[0], Some(true)).await;
    assert_eq!(reach(hour, hour).await, (4, 3, 0));
}
