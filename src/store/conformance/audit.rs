//! Cases of `AuditLog`, and the rule that a change and its record are one step.

use super::{Fixture, make};
use crate::{
    crypto::{Canary, KeyId},
    model::{AuditAction, AuditEntry, AuditId, AuditOutcome, AuditRecord, HostId},
    store::{AuditFilter, StoreError},
};

fn refused<T>(result: Result<T, StoreError>) {
    assert!(result.err().is_some(), "a change must fail without its record");
}

/// A check is not created if its audit record cannot be written (F129).
pub async fn a_failing_record_undoes_insert(fixture: &dyn Fixture) {
    let (store, host) = (fixture.store(), HostId::generate());
    fixture.fail_audit(true);
    let entry = make::audit(AuditAction::HealthCheckCreated);
    refused(store.insert_check(make::insert(host, "a"), entry).await);
    fixture.fail_audit(false);
    assert!(store.checks_of(&[host]).await.expect("read").is_empty());
    let worker = crate::model::WorkerId::generate();
    assert!(make::claim(&store, worker, make::LEASE).await.is_empty());
}

/// A check is not updated if its audit record cannot be written (F129).
pub async fn a_failing_record_undoes_update(fixture: &dyn Fixture) {
    let (store, host) = (fixture.store(), HostId::generate());
    let check = make::check(&store, host, "a").await;
    fixture.fail_audit(true);
    let entry = make::audit(AuditAction::HealthCheckUpdated);
    refused(store.update_check(make::update(&check), entry).await);
    fixture.fail_audit(false);
    assert_eq!(store.check(host, check.id).await.expect("read"), Some(check));
}

/// A check is not deleted if its audit record cannot be written (F129).
pub async fn a_failing_record_undoes_delete(fixture: &dyn Fixture) {
    let (store, host) = (fixture.store(), HostId::generate());
    let check = make::check(&store, host, "a").await;
    fixture.fail_audit(true);
    let entry = make::audit(AuditAction::HealthCheckDeleted);
    refused(store.delete_check(host, check.id, None, entry).await);
    fixture.fail_audit(false);
    assert_eq!(store.check(host, check.id).await.expect("read"), Some(check));
}

/// A cancellation or an override does not take effect if its audit record cannot be written (F129).
pub async fn a_failing_record_undoes_cancel_and_override(fixture: &dyn Fixture) {
    let (store, host) = (fixture.store(), HostId::generate());
    let gate = make::open(&store, host).await;
    fixture.fail_audit(true);
    let entry = make::audit(AuditAction::GateCancelled);
    refused(store.request_cancel(gate.job_id, host, entry).await);
    let entry = make::audit(AuditAction::GateOverridden);
    let exception = super::gates::exception(&gate);
    refused(store.set_override(gate.job_id, host, Some(exception), entry).await);
    fixture.fail_audit(false);
    assert_eq!(make::newest(&store, &gate).await, gate);
}

/// A canary is not inserted, and no password is replaced, if the audit record cannot be written (F129).
pub async fn a_failing_record_undoes_canary_and_rekeying(fixture: &dyn Fixture) {
    let (store, host) = (fixture.store(), HostId::generate());
    let mut insert = make::insert(host, "a");
    insert.secret = Some(make::sealed(1));
    let entry = make::audit(AuditAction::HealthCheckCreated);
    let check = store.insert_check(insert, entry).await.expect("inserted");
    let key_id = KeyId::from_bytes([1; 8]);
    let canary = Canary { key_id, nonce: vec![0; 12], ciphertext: vec![0; 28] };
    fixture.fail_audit(true);
    let entry = make::audit(AuditAction::KeyRegistered);
    refused(store.insert_canary(canary, &[], entry).await);
    let entry = make::audit(AuditAction::HealthCheckRekeyed);
    let (old, new) = (make::sealed(1), make::sealed(2));
    refused(store.replace_secret(check.id, &old, new, entry).await);
    fixture.fail_audit(false);
    assert!(store.canaries().await.expect("read").is_empty());
    assert_eq!(store.check(host, check.id).await.expect("read"), Some(check));
}

/// Consecutive pages contain every record exactly once.
pub async fn records_are_paged_newest_first(fixture: &dyn Fixture) {
    let store = fixture.store();
    let mut written = Vec::new();
    for _ in 0..7 {
        let entry = make::audit(AuditAction::HealthCheckTested);
        written.push(store.append_audit(entry).await.expect("written").id);
    }
    written.reverse();
    let filter = AuditFilter::default();
    let (mut read, mut before): (Vec<AuditId>, _) = (Vec::new(), None);
    loop {
        let page = store.audit_page(&filter, before, 3).await.expect("read");
        let Some(last) = page.last() else { break };
        before = Some(last.id);
        read.extend(page.iter().map(|record| record.id));
    }
    assert_eq!(read, written);
}

/// A page contains only the records of the requested hosts.
pub async fn records_are_filtered_by_host(fixture: &dyn Fixture) {
    let (store, host, other) = (fixture.store(), HostId::generate(), HostId::generate());
    for (host, name) in [(host, "a"), (other, "b")] {
        let insert = make::insert(host, name);
        let entry = make::audit(AuditAction::HealthCheckCreated).with_check(host, insert.id);
        store.insert_check(insert, entry).await.expect("inserted");
    }
    store.append_audit(make::audit(AuditAction::KeyRegistered)).await.expect("written");
    let filter = AuditFilter { hosts: Some(vec![host]), ..AuditFilter::default() };
    let records = store.audit_page(&filter, None, 10).await.expect("read");
    assert_eq!(records.len(), 1);
    assert_eq!(records[0].host_id, Some(host));
    let all = store.audit_page(&AuditFilter::default(), None, 10).await.expect("read");
    assert_eq!(all.len(), 3);
}

/// Random records by random filters, page by page, as [`AuditFilter::matches`] says.
pub async fn records_are_filtered_as_the_filter_says(fixture: &dyn Fixture) {
    const ACTIONS: [AuditAction; 4] = [
        AuditAction::HealthCheckTested,
        AuditAction::JobCreated,
        AuditAction::HostPaused,
        AuditAction::SignInFailed,
    ];
    const OUTCOMES: [AuditOutcome; 2] = [AuditOutcome::Allowed, AuditOutcome::Refused];
    let (store, mut random) = (fixture.store(), make::Random::new());
    let seed = random.seed;
    let mut below = |bound: usize| usize::try_from(random.below(bound as u64)).expect("small");
    let hosts: Vec<HostId> = (0..4).map(|_| HostId::generate()).collect();
    // Names that a pattern, a number or a quote in a statement would confuse.
    let actors = ["ada", "Ada", "a%a", "o'neill", "7", "null"];
    let mut all: Vec<AuditRecord> = Vec::new();
    for _ in 0..120 {
        let mut entry = make::audit(ACTIONS[below(ACTIONS.len())]);
        actors[below(actors.len())].clone_into(&mut entry.actor.name);
        let entry = AuditEntry {
            outcome: OUTCOMES[below(2)],
            host_id: hosts.get(below(hosts.len() + 2)).copied(),
            ..entry
        };
        all.push(store.append_audit(entry).await.expect("written"));
    }
    all.reverse();
    for round in 0..60 {
        let filter = AuditFilter {
            hosts: (below(2) == 0).then(|| hosts[..=below(hosts.len())].to_vec()),
            actor: (below(2) == 0).then(|| actors[below(actors.len())].to_owned()),
            actions: (below(2) == 0).then(|| ACTIONS[..below(ACTIONS.len() + 1)].to_vec()),
            outcome: (below(2) == 0).then(|| OUTCOMES[below(2)]),
            from: (below(3) == 0).then(|| all[below(all.len())].at),
            until: (below(3) == 0).then(|| all[below(all.len())].at),
        };
        let limit = 1 + below(9);
        let (mut read, mut before) = (Vec::new(), None);
        loop {
            let limit = u32::try_from(limit).expect("small");
            let page = store.audit_page(&filter, before, limit).await.expect("read");
            let Some(last) = page.last() else { break };
            before = Some(last.id);
            read.extend(page);
        }
        let expected: Vec<AuditRecord> =
            all.iter().filter(|record| filter.matches(record)).cloned().collect();
        assert_eq!(read, expected, "seed {seed}, round {round}: {filter:?}");
    }
}

/// Each writing call writes exactly its own record, dated with the store's time.
pub async fn each_change_has_its_record(fixture: &dyn Fixture) {
    let (store, host) = (fixture.store(), HostId::generate());
    let before = store.now().await.expect("the time");
    let check = make::check(&store, host, "a").await;
    make::edit(&store, &check, |_| {}).await;
    let entry = make::audit(AuditAction::HealthCheckDeleted);
    store.delete_check(host, check.id, None, entry).await.expect("deleted");
    let records = store.audit_page(&AuditFilter::default(), None, 10).await.expect("read");
    let actions: Vec<_> = records.iter().rev().map(|record| record.action).collect();
    let (created, updated) = (AuditAction::HealthCheckCreated, AuditAction::HealthCheckUpdated);
    assert_eq!(actions, [created, updated, AuditAction::HealthCheckDeleted]);
    assert!(records.iter().all(|record| record.at >= before && record.actor == "ada"));
}
