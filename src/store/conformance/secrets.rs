//! Cases of `SecretStore`: keys and sealed passwords.

use futures_util::future::join_all;

use super::{Fixture, make};
use crate::{
    crypto::{Canary, KeyId},
    model::{AuditAction, HealthCheck, HostId},
    store::Store,
};

fn canary(byte: u8) -> Canary {
    let key_id = KeyId::from_bytes([byte; 8]);
    Canary { key_id, nonce: vec![byte; 12], ciphertext: vec![byte; 28] }
}

async fn sealed_check(store: &std::sync::Arc<dyn Store>, byte: u8) -> HealthCheck {
    let mut insert = make::insert(HostId::generate(), "a");
    insert.secret = Some(make::sealed(byte));
    let entry = make::audit(AuditAction::HealthCheckCreated);
    store.insert_check(insert, entry).await.expect("inserted")
}

/// The install id is generated once, even by concurrent callers.
pub async fn the_install_id_never_changes(fixture: &dyn Fixture) {
    let store = fixture.store();
    let asked = (0..10).map(|_| {
        let store = store.clone();
        tokio::spawn(async move { store.install_id().await.expect("read") })
    });
    let ids = join_all(asked).await;
    let first = store.install_id().await.expect("read");
    assert!(ids.into_iter().all(|id| id.expect("no panic") == first));
}

/// A canary is inserted only by a caller that knows all others (F78).
pub async fn a_canary_is_entered_in_knowledge_of_the_others(fixture: &dyn Fixture) {
    let store = fixture.store();
    let insert = |canary, known: &[Canary]| {
        let (store, known) = (store.clone(), known.to_vec());
        let entry = make::audit(AuditAction::KeyRegistered);
        async move { store.insert_canary(canary, &known, entry).await.expect("answered") }
    };
    assert!(insert(canary(1), &[]).await);
    assert!(
        !insert(canary(2), &[]).await,
        "a caller that does not know the first canary is refused"
    );
    assert!(insert(canary(2), &[canary(1)]).await);
    assert_eq!(store.canaries().await.expect("read"), [canary(1), canary(2)]);
}

/// Paging returns every check with a password exactly once.
pub async fn sealed_checks_are_paged(fixture: &dyn Fixture) {
    let store = fixture.store();
    let mut made = Vec::new();
    for byte in 0..5 {
        made.push(sealed_check(&store, byte).await.id);
        make::check(&store, HostId::generate(), "without").await;
    }
    made.sort_unstable();
    let (mut read, mut after) = (Vec::new(), None);
    loop {
        let page = store.sealed_page(after, 2).await.expect("read");
        let Some(last) = page.last() else { break };
        after = Some(last.check.id);
        read.extend(page.iter().map(|row| row.check.id));
    }
    assert_eq!(read, made);
}

/// F85: a rotation does not overwrite a newer password.
pub async fn a_secret_is_replaced_only_where_it_is_still_there(fixture: &dyn Fixture) {
    let store = fixture.store();
    let check = sealed_check(&store, 1).await;
    let replace = |old: u8, new: u8| {
        let (store, id) = (store.clone(), check.id);
        let entry = make::audit(AuditAction::HealthCheckRekeyed);
        let (old, new) = (make::sealed(old), make::sealed(new));
        async move { store.replace_secret(id, &old, new, entry).await.expect("answered") }
    };
    assert!(!replace(9, 2).await);
    assert!(replace(1, 2).await);
    let read = store.check(check.host_id, check.id).await.expect("read").expect("there");
    assert_eq!((read.secret, read.revision), (Some(make::sealed(2)), check.revision));
}

/// The store counts the passwords that each key has sealed.
pub async fn keys_in_use_are_counted(fixture: &dyn Fixture) {
    let store = fixture.store();
    assert!(store.key_uses().await.expect("read").is_empty());
    for byte in [3, 3, 4] {
        sealed_check(&store, byte).await;
    }
    let uses = store.key_uses().await.expect("read");
    let count = |byte: u8| {
        let key_id = Some(KeyId::from_bytes([byte; 8]));
        uses.iter().find(|used| used.key_id == key_id).map(|used| used.secrets)
    };
    assert_eq!((count(3), count(4), uses.len()), (Some(2), Some(1), 2));
}
