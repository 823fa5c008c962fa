//! Cases of `CheckStore`: configuration.

use futures_util::future::join_all;

use super::{Fixture, make};
use crate::{
    model::{AuditAction, HostId, ReasonCode},
    store::{SecretChange, StoreError},
};

/// A stored check reads back unchanged, at revision 1, with the store's time.
pub async fn insert_keeps_everything_and_starts_at_revision_one(fixture: &dyn Fixture) {
    let (store, host) = (fixture.store(), HostId::generate());
    let before = store.now().await.expect("the time");
    let mut insert = make::insert(host, "a");
    insert.secret = Some(make::sealed(1));
    let entry = make::audit(AuditAction::HealthCheckCreated);
    let made = store.insert_check(insert.clone(), entry).await.expect("inserted");
    let read = store.check(host, made.id).await.expect("read").expect("the check exists");
    assert_eq!(made, read);
    assert_eq!((read.revision, &read.definition), (1, &insert.definition));
    assert_eq!((read.id, read.secret), (insert.id, insert.secret));
    assert!(read.created_at >= before && read.created_at == read.updated_at);
}

/// Concurrent creations cannot exceed the limit.
pub async fn fifty_racers_leave_exactly_the_limit(fixture: &dyn Fixture) {
    let (store, host) = (fixture.store(), HostId::generate());
    let racers = (0..50).map(|_| {
        let store = store.clone();
        let insert = make::insert(host, "a");
        tokio::spawn(async move {
            store.insert_check(insert, make::audit(AuditAction::HealthCheckCreated)).await
        })
    });
    let mut made = 0;
    for raced in join_all(racers).await {
        match raced.expect("no panic") {
            Ok(_) => made += 1,
            Err(StoreError::LimitReached { limit }) => assert_eq!(limit, 5),
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!(made, 5);
    assert_eq!(store.checks_of(&[host]).await.expect("read").len(), 5);
}

/// An update increments the revision, advances `updated_at`, and changes the secret as requested.
pub async fn update_raises_the_revision_and_the_time(fixture: &dyn Fixture) {
    let (store, host) = (fixture.store(), HostId::generate());
    let check = make::check(&store, host, "a").await;
    let entry = || make::audit(AuditAction::HealthCheckUpdated);
    let mut update = make::update(&check);
    update.definition = make::definition("b");
    update.secret = SecretChange::Replace(make::sealed(1));
    let changed = store.update_check(update, entry()).await.expect("updated");
    assert_eq!((changed.revision, &*changed.definition.name), (2, "b"));
    assert!(changed.updated_at > check.updated_at);
    assert_eq!(changed.created_at, check.created_at);
    let kept = store.update_check(make::update(&changed), entry()).await.expect("updated");
    assert_eq!(kept.secret, Some(make::sealed(1)));
    let mut update = make::update(&kept);
    update.secret = SecretChange::Remove;
    let removed = store.update_check(update, entry()).await.expect("updated");
    assert_eq!((removed.revision, &removed.secret), (4, &None));
    assert_eq!(store.check(host, check.id).await.expect("read"), Some(removed));
}

/// Of many concurrent edits of the same revision one wins, and the others get the new revision.
pub async fn one_of_twenty_edits_of_a_revision_wins(fixture: &dyn Fixture) {
    let (store, host) = (fixture.store(), HostId::generate());
    let check = make::check(&store, host, "a").await;
    let edits = (0..20).map(|_| {
        let (store, update) = (store.clone(), make::update(&check));
        tokio::spawn(async move {
            store.update_check(update, make::audit(AuditAction::HealthCheckUpdated)).await
        })
    });
    let mut won = 0;
    for edited in join_all(edits).await {
        match edited.expect("no panic") {
            Ok(_) => won += 1,
            Err(StoreError::Conflict { current }) => assert_eq!(current, 2),
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!(won, 1);
    let entry = make::audit(AuditAction::HealthCheckDeleted);
    let deleted = store.delete_check(host, check.id, Some(1), entry).await;
    assert!(matches!(deleted, Err(StoreError::Conflict { current: 2 })));
}

/// A check is looked up by host and id together (F118).
pub async fn a_check_of_another_host_is_not_found(fixture: &dyn Fixture) {
    let (store, host, other) = (fixture.store(), HostId::generate(), HostId::generate());
    let check = make::check(&store, host, "a").await;
    make::check(&store, other, "b").await;
    assert!(store.check(other, check.id).await.expect("read").is_none());
    let mut update = make::update(&check);
    update.host_id = other;
    let entry = make::audit(AuditAction::HealthCheckUpdated);
    assert!(matches!(store.update_check(update, entry).await, Err(StoreError::NotFound)));
    let entry = make::audit(AuditAction::HealthCheckDeleted);
    let deleted = store.delete_check(other, check.id, None, entry).await;
    assert!(matches!(deleted, Err(StoreError::NotFound)));
    let history = store.history(other, check.id, None, 10).await;
    assert!(matches!(history, Err(StoreError::NotFound)));
    assert_eq!(store.check(host, check.id).await.expect("read"), Some(check));
}

/// Deleting a check deletes its results and its state.
pub async fn delete_takes_results_with_it(fixture: &dyn Fixture) {
    let (store, host) = (fixture.store(), HostId::generate());
    let check = make::check(&store, host, "a").await;
    let now = store.now().await.expect("the time");
    make::record(&store, host, vec![make::result(&check, ReasonCode::Ok, now)]).await;
    assert_eq!(store.states(&[host]).await.expect("read").len(), 1);
    let entry = make::audit(AuditAction::HealthCheckDeleted);
    store.delete_check(host, check.id, None, entry).await.expect("deleted");
    assert!(store.states(&[host]).await.expect("read").is_empty());
    assert!(store.checks_of(&[host]).await.expect("read").is_empty());
}

/// One call returns the checks of many hosts, ordered by host, including disabled ones.
pub async fn checks_come_by_host_in_the_order_of_their_making(fixture: &dyn Fixture) {
    let (store, first, second) = (fixture.store(), HostId::generate(), HostId::generate());
    for (host, name) in [(first, "a"), (second, "b"), (first, "c")] {
        make::check(&store, host, name).await;
    }
    let checks = store.checks_of(&[second, first]).await.expect("read");
    let of = |host| -> Vec<String> {
        let own = checks.iter().filter(|check| check.host_id == host);
        own.map(|check| check.definition.name.to_string()).collect()
    };
    assert_eq!((of(first), of(second)), (vec!["a".into(), "c".into()], vec!["b".to_owned()]));
}

/// A host that the application has deleted keeps no check, state or schedule row.
pub async fn a_forgotten_host_leaves_nothing(fixture: &dyn Fixture) {
    let (store, host) = (fixture.store(), HostId::generate());
    make::check(&store, host, "a").await;
    store.forget_host(host).await.expect("forgotten");
    store.forget_host(HostId::generate()).await.expect("an unknown host is not an error");
    assert!(store.checks_of(&[host]).await.expect("read").is_empty());
    let worker = crate::model::WorkerId::generate();
    assert!(make::claim(&store, worker, make::LEASE).await.is_empty());
}
