//! A stored check that breaks a rule can still be read, and does not affect other checks (F221).

use std::sync::Arc;

use super::{Fixture, make};
use crate::{
    model::{AuditAction, CheckDefinition, HealthCheck, HostId, ReasonCode, StoredCheck, WorkerId},
    store::{SecretChange, Store},
};

/// Returns a definition that today's rules reject: its URL contains a password.
fn odd() -> CheckDefinition {
    let stored = StoredCheck {
        url: Some("http://admin:pw@10.0.0.1/".to_owned()),
        ..StoredCheck::of(&make::definition("odd"))
    };
    stored.read()
}

async fn odd_check(store: &Arc<dyn Store>, host: HostId) -> HealthCheck {
    let mut insert = make::insert(host, "odd");
    (insert.definition, insert.secret) = (odd(), Some(make::sealed(7)));
    let entry = make::audit(AuditAction::HealthCheckCreated);
    store.insert_check(insert, entry).await.expect("inserted")
}

/// An unreadable check is kept unchanged, listed with the others, and can be edited and deleted.
pub async fn f221_an_unreadable_check_is_listed_edited_and_deleted(fixture: &dyn Fixture) {
    let (store, host, other) = (fixture.store(), HostId::generate(), HostId::generate());
    let (check, sound) = (odd_check(&store, host).await, make::check(&store, other, "sound").await);
    assert!(check.definition.unreadable().is_some());
    let read = store.check(host, check.id).await.expect("read").expect("there");
    assert_eq!(read, check);
    let hosts = [host, other];
    let mut listed = store.checks_of(&hosts).await.expect("read");
    listed.sort_by_key(|check| check.host_id != host);
    assert_eq!(listed, [check.clone(), sound.clone()]);
    let views = store.views(&hosts, std::time::Duration::from_secs(60)).await.expect("read");
    assert_eq!(views.len(), 2);
    let sealed = store.sealed_page(None, 10).await.expect("read");
    assert_eq!(sealed.iter().map(|row| row.check.id).collect::<Vec<_>>(), [check.id]);
    // Editing another field leaves the unreadable part unchanged.
    let renamed = make::edit(&store, &check, |definition| definition.enabled = false).await;
    assert!(!renamed.definition.enabled && renamed.definition.unreadable().is_some());
    let mut update = make::update(&renamed);
    (update.definition, update.secret) = (make::definition("mended"), SecretChange::Keep);
    let entry = make::audit(AuditAction::HealthCheckUpdated);
    let mended = store.update_check(update, entry).await.expect("updated");
    assert_eq!((mended.revision, mended.secret), (3, check.secret.clone()));
    assert!(mended.definition.http().is_some());
    let again = odd_check(&store, host).await;
    let entry = make::audit(AuditAction::HealthCheckDeleted);
    store.delete_check(host, again.id, None, entry).await.expect("deleted");
    assert_eq!(store.checks_of(&[host]).await.expect("read").len(), 1);
}

/// An unreadable check is claimed with its host, so that its result reports the fault. It delays no other
/// host.
pub async fn f221_an_unreadable_check_is_polled_like_any_other(fixture: &dyn Fixture) {
    let (store, host, other) = (fixture.store(), HostId::generate(), HostId::generate());
    let (check, _) = (odd_check(&store, host).await, make::check(&store, other, "sound").await);
    let mut claims = make::claim(&store, WorkerId::generate(), make::LEASE).await;
    claims.sort_by_key(|claim| claim.host_id != host);
    assert_eq!(claims.len(), 2);
    assert_eq!(claims[0].checks, std::slice::from_ref(&check));
    fixture.elapse(make::PAST_LEASE).await;
    let now = store.now().await.expect("the time");
    let result = make::result(&check, ReasonCode::CheckUnreadable, now);
    assert_eq!(make::record(&store, host, vec![result.clone()]).await, 0);
    let states = store.states(&[host]).await.expect("read");
    assert_eq!(states.iter().map(|state| &state.latest).collect::<Vec<_>>(), [&result]);
}
