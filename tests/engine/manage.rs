//! The rules of changing checks: passwords, audit, limit, rotation.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use chrono::TimeDelta;
use healthgate::{
    checks::{
        CheckManager, CheckOutcome, HostRun, HostRunner, ManageError, RegisteredKeys, RunBudget,
        may_create_key, register_keys,
    },
    clock::SystemClock,
    crypto::{Key, KeyRing, SealContext, Sealer, key_id_of},
    directory::StaticDirectory,
    model::{
        Actor, AuditAction, AuditRecord, CheckChange, Detail, HealthCheck, HostId, NewCheck,
        ReasonCode, Role, ViolationCode, WorkerId,
    },
    store::{
        AuditFilter, AuditLog, Change, CheckStore, ClaimRequest, HostCompletion, MemoryHook,
        MemoryStore, PollQueue, Refusal, ResultStore, SecretStore, StoreError,
    },
    testing::fixtures,
};
use serde_json::{Value, json};

/// Remembers what it was asked to run.
#[derive(Debug, Default)]
struct Recorder(Mutex<Vec<HostRun>>);

#[async_trait]
impl HostRunner for Recorder {
    async fn run_host(&self, run: HostRun) -> Vec<CheckOutcome> {
        let outcome = |check: &HealthCheck| CheckOutcome {
            check_id: check.id,
            revision: check.revision,
            reason: ReasonCode::Ok,
            detail: Detail::new("fine"),
            latency: Duration::from_millis(3),
            endpoint: None,
        };
        let outcomes = run.checks.iter().map(outcome).collect();
        self.0.lock().unwrap().push(run);
        outcomes
    }
}

struct World {
    store: MemoryStore,
    directory: Arc<StaticDirectory>,
    runner: Arc<Recorder>,
    ring: Arc<KeyRing>,
    checks: CheckManager,
    admin: Actor,
    host: HostId,
}

fn world() -> World {
    let store = MemoryStore::new(Arc::new(SystemClock));
    world_on(store, KeyRing::new(Key::generate().unwrap()))
}

fn world_on(store: MemoryStore, ring: KeyRing) -> World {
    let (directory, runner) = (Arc::new(StaticDirectory::new()), Arc::new(Recorder::default()));
    let ring = Arc::new(ring);
    let host = HostId::generate();
    directory.insert(host, None, &["web"]);
    let keys = RegisteredKeys::assume(ring.clone());
    let checks =
        CheckManager::new(Arc::new(store.clone()), keys, directory.clone(), runner.clone());
    let admin = Actor::new("ada", Role::Admin);
    World { store, directory, runner, ring, checks, admin, host }
}

impl World {
    async fn create(&self, body: Value) -> HealthCheck {
        let new = NewCheck::from_json(body).unwrap();
        self.checks.create(&self.admin, self.host, new).await.unwrap()
    }

    async fn change(&self, check: &HealthCheck, body: Value) -> Result<HealthCheck, ManageError> {
        let change = CheckChange::from_json(body);
        self.checks.change(&self.admin, self.host, check.id, &change, None).await
    }

    async fn password(&self, check: &HealthCheck) -> Option<String> {
        let stored = self.store.check(self.host, check.id).await.unwrap().unwrap();
        let install = self.store.install_id().await.unwrap();
        let context = SealContext::of(install, self.host, check.id, &stored.definition).unwrap();
        let opened = self.ring.open(&context, stored.secret.as_ref()?).unwrap();
        Some(opened.expose().to_owned())
    }

    async fn audit(&self) -> Vec<AuditRecord> {
        self.store.audit_page(&AuditFilter::default(), None, 100).await.unwrap()
    }
}

fn http() -> Value {
    json!({"name": "web", "check_type": "http", "url": "https://a.example/x", "expected_body": "",
           "ignore_cert_errors": false, "basic_auth_user": "u", "basic_auth_pass": "canary-hunter2"})
}

fn password_required(result: &Result<HealthCheck, ManageError>) -> bool {
    matches!(result, Err(ManageError::PasswordRequired { .. }))
}

/// F123, F124: a new origin, or a new tolerance, needs the password again, in one step or in two.
#[tokio::test]
async fn f123_f124_a_changed_origin_or_tolerance_asks_for_the_password_again() {
    let world = world();
    let check = world.create(http()).await;
    for body in [
        json!({"url": "https://b.example/x"}),
        json!({"url": "http://a.example/x"}),
        json!({"url": "https://a.example:8443/x"}),
        json!({"ignore_cert_errors": true}),
    ] {
        assert!(password_required(&world.change(&check, body.clone()).await), "{body}");
        let change = CheckChange::from_json(body.clone());
        let tested = world.checks.test(&world.admin, world.host, check.id, Some(&change)).await;
        assert!(matches!(tested, Err(ManageError::PasswordRequired { .. })), "test: {body}");
        let mut with_password = body;
        with_password["basic_auth_pass"] = json!("new");
        let change = CheckChange::from_json(with_password);
        world.checks.test(&world.admin, world.host, check.id, Some(&change)).await.unwrap();
    }
    assert_eq!(world.password(&check).await.as_deref(), Some("canary-hunter2"));

    // In two steps: neither the test nor the save lets the stored password out.
    let unchanged = world.store.check(world.host, check.id).await.unwrap().unwrap();
    assert_eq!(unchanged.revision, 1);
    assert_eq!(unchanged.definition, check.definition);
}

#[tokio::test]
async fn another_path_keeps_the_password_and_a_stricter_tolerance_binds_it_anew() {
    let world = world();
    let mut body = http();
    body["ignore_cert_errors"] = json!(true);
    let check = world.create(body).await;
    let changed = world.change(&check, json!({"url": "https://a.example/y?z=1"})).await.unwrap();
    assert_eq!((changed.revision, &changed.secret), (2, &check.secret));
    let stricter = world.change(&check, json!({"ignore_cert_errors": false})).await.unwrap();
    assert_ne!(stricter.secret, check.secret);
    assert_eq!(world.password(&check).await.as_deref(), Some("canary-hunter2"));
}

#[tokio::test]
async fn an_absent_password_is_kept_null_removes_it_and_a_string_replaces_it() {
    let world = world();
    let check = world.create(http()).await;
    world.change(&check, json!({"name": "x"})).await.unwrap();
    assert_eq!(world.password(&check).await.as_deref(), Some("canary-hunter2"));
    world.change(&check, json!({"basic_auth_pass": ""})).await.unwrap();
    assert_eq!(world.password(&check).await.as_deref(), Some(""));
    world.change(&check, json!({"basic_auth_pass": null})).await.unwrap();
    assert_eq!(world.password(&check).await, None);
    world.change(&check, json!({"url": "https://b.example/"})).await.unwrap();
    world.change(&check, json!({"basic_auth_pass": "again"})).await.unwrap();
    let cleared = world.change(&check, json!({"basic_auth_user": null})).await.unwrap();
    assert!(!cleared.has_password());
}

/// F131, F86: every action is recorded with what changed, and no record shows a password.
#[tokio::test]
async fn f131_every_action_is_recorded_without_a_secret() {
    let world = world();
    let check = world.create(http()).await;
    world.change(&check, json!({"name": "b", "basic_auth_pass": "canary-2"})).await.unwrap();
    world.checks.test(&world.admin, world.host, check.id, None).await.unwrap();
    let new = NewCheck::from_json(http()).unwrap();
    world.checks.test_unsaved(&world.admin, world.host, new).await.unwrap();
    world.checks.delete(&world.admin, world.host, check.id, None).await.unwrap();
    let records = world.audit().await;
    let actions: Vec<_> = records.iter().rev().map(|record| record.action).collect();
    assert_eq!(
        actions,
        [
            AuditAction::HealthCheckCreated,
            AuditAction::HealthCheckUpdated,
            AuditAction::HealthCheckTested,
            AuditAction::HealthCheckTested,
            AuditAction::HealthCheckDeleted,
        ]
    );
    let update = &records[3];
    let changes: Vec<_> = update
        .changes
        .iter()
        .map(|change| (change.field.as_str(), change.before.as_deref(), change.after.as_deref()))
        .collect();
    assert_eq!(
        changes,
        [("name", Some("web"), Some("b")), ("basic_auth_pass", Some("set"), Some("changed"))]
    );
    let text = serde_json::to_string(&records).unwrap();
    assert!(!text.contains("canary"), "{text}");
    assert!(text.contains("\"health_check_created\""));
}

#[tokio::test]
async fn a_test_stores_nothing_and_a_change_that_changes_nothing_writes_nothing() {
    let world = world();
    let check = world.create(http()).await;
    let tested = world.checks.test(&world.admin, world.host, check.id, None).await.unwrap();
    assert!(tested.healthy());
    assert!(world.store.states(&[world.host]).await.unwrap().is_empty());
    let before = world.audit().await.len();
    let same = world.change(&check, json!({"name": "web"})).await.unwrap();
    assert_eq!((same.revision, world.audit().await.len()), (1, before));
}

#[tokio::test]
async fn a_target_host_must_exist_and_be_visible_to_the_actor() {
    let world = world();
    let (seen, hidden) = (HostId::generate(), HostId::generate());
    world.directory.insert(seen, None, &["web"]);
    world.directory.insert(hidden, None, &["db"]);
    world.directory.grant("olga", &["web"]);
    let operator = Actor::new("olga", Role::Operator);
    let create = |actor: Actor, target: HostId| {
        let body = json!({"name": "a", "check_type": "service", "service_name": "a",
                          "target_host_id": target});
        let (checks, host) = (world.checks.clone(), world.host);
        async move { checks.create(&actor, host, NewCheck::from_json(body).unwrap()).await }
    };
    create(operator.clone(), seen).await.unwrap();
    create(world.admin.clone(), hidden).await.unwrap();
    for (actor, target) in [(operator, hidden), (world.admin.clone(), HostId::generate())] {
        let Err(ManageError::Invalid(violations)) = create(actor, target).await else {
            panic!("must be refused");
        };
        assert!(violations.contains("target_host_id", ViolationCode::TargetHostUnknown));
    }
    let nowhere = NewCheck::from_json(http()).unwrap();
    let refused = world.checks.create(&world.admin, HostId::generate(), nowhere).await;
    assert!(matches!(refused, Err(ManageError::HostUnknown)));
}

/// F213: whatever somebody does with a stored check, they must see the host that it asks then, whoever
/// aimed it there; one that is gone holds nothing back.
#[tokio::test]
async fn f213_nobody_makes_a_check_ask_a_host_that_they_cannot_see() {
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    enum Target {
        None,
        Seen,
        Hidden,
        Gone,
    }
    use Target::{Gone, Hidden, None as Unset, Seen};
    for before in [Unset, Seen, Hidden, Gone] {
        for after in [None, Some(Unset), Some(Seen), Some(Hidden), Some(Gone)] {
            for other_change in [json!({}), json!({"service_name": "b"}), json!({"enabled": false})]
            {
                for way in ["change", "test", "test as stored"] {
                    let world = world();
                    let hosts = [HostId::generate(), HostId::generate(), HostId::generate()];
                    let id = |target: Target| match target {
                        Unset => Value::Null,
                        Seen => json!(hosts[0]),
                        Hidden => json!(hosts[1]),
                        Gone => json!(hosts[2]),
                    };
                    world.directory.insert(hosts[0], None, &["web"]);
                    world.directory.insert(hosts[1], None, &["db"]);
                    world.directory.insert(hosts[2], None, &["web"]);
                    world.directory.grant("olga", &["web"]);
                    let operator = Actor::new("olga", Role::Operator);
                    let body = json!({"name": "a", "check_type": "service", "service_name": "a",
                                      "target_host_id": id(before)});
                    let new = NewCheck::from_json(body).unwrap();
                    let check = world.checks.create(&world.admin, world.host, new).await.unwrap();
                    world.directory.remove(hosts[2]);
                    let mut body = other_change.clone();
                    if let Some(target) = after {
                        body["target_host_id"] = id(target);
                    }
                    let change = CheckChange::from_json(body);
                    let outcome = match way {
                        "change" => world
                            .checks
                            .change(&operator, world.host, check.id, &change, None)
                            .await
                            .map(drop),
                        "test" => world
                            .checks
                            .test(&operator, world.host, check.id, Some(&change))
                            .await
                            .map(drop),
                        _ => {
                            world.checks.test(&operator, world.host, check.id, None).await.map(drop)
                        }
                    };
                    let asked =
                        if way == "test as stored" { before } else { after.unwrap_or(before) };
                    let refused = asked == Hidden || (asked == Gone && before != Gone);
                    assert_eq!(
                        outcome.is_err(),
                        refused,
                        "{way}: {before:?}, then {after:?} with {other_change}: {outcome:?}"
                    );
                    if refused {
                        let now = world.store.check(world.host, check.id).await.unwrap().unwrap();
                        assert_eq!((now, world.runner.0.lock().unwrap().len()), (check, 0));
                    } else if way == "test" {
                        // What was asked stands in the audit.
                        let record = world.audit().await.remove(0);
                        let fields: Vec<&str> =
                            record.changes.iter().map(|change| change.field.as_str()).collect();
                        let moved = after.is_some_and(|after| after != before);
                        assert_eq!(fields.contains(&"target_host_id"), moved, "{record:?}");
                        assert_eq!(
                            fields.contains(&"service_name"),
                            other_change["service_name"] == "b",
                            "{record:?}"
                        );
                    }
                }
            }
        }
    }
}

/// F128: of two editors that saw one revision, one wins and the other is told.
#[tokio::test]
async fn f128_an_expected_revision_is_held_and_without_one_the_newest_is_changed() {
    let world = world();
    let check = world.create(http()).await;
    let rename = |name: &str| CheckChange::from_json(json!({"name": name}));
    let change = |name: &str, expected| {
        let (checks, admin, host) = (world.checks.clone(), world.admin.clone(), world.host);
        let (change, id) = (rename(name), check.id);
        async move { checks.change(&admin, host, id, &change, expected).await }
    };
    change("first", Some(1)).await.unwrap();
    let second = change("second", Some(1)).await;
    assert!(matches!(second, Err(ManageError::Store(StoreError::Conflict { current: 2 }))));
    assert_eq!(change("third", None).await.unwrap().revision, 3);
    let deleted = world.checks.delete(&world.admin, world.host, check.id, Some(1)).await;
    assert!(matches!(deleted, Err(ManageError::Store(StoreError::Conflict { current: 3 }))));
}

/// F79, F84: a rotation rewrites what it can read, leaves what it cannot, and can be repeated.
#[tokio::test]
async fn f84_a_rotation_rewrites_row_by_row_and_says_which_keys_are_in_use() {
    let store = MemoryStore::new(Arc::new(SystemClock));
    let key = |byte| Key::from_bytes(zeroize::Zeroizing::new([byte; 32]));
    let old = world_on(store.clone(), KeyRing::new(key(1)));
    let checks = [old.create(http()).await, old.create(http()).await];
    let foreign = world_on(store.clone(), KeyRing::new(key(9)));
    foreign.create(http()).await;

    let ring = KeyRing::new(key(2)).with_decrypt_only(key(1));
    let rotating = World { host: old.host, ..world_on(store.clone(), ring) };
    let report = rotating.checks.rotate_keys(&rotating.admin).await.unwrap();
    assert_eq!((report.rewritten, report.overtaken, report.unreadable.len()), (2, 0, 1));
    for check in &checks {
        assert_eq!(rotating.password(check).await.as_deref(), Some("canary-hunter2"));
        let stored = store.check(old.host, check.id).await.unwrap().unwrap();
        assert_eq!(stored.revision, check.revision, "the check asks the same as before");
        assert_eq!(key_id_of(stored.secret.as_ref().unwrap()), Some(key(2).id()));
    }
    let again = rotating.checks.rotate_keys(&rotating.admin).await.unwrap();
    assert_eq!(again.rewritten, 0);
    let uses = rotating.checks.keys_in_use().await.unwrap();
    let count = |id| uses.iter().find(|used| used.key_id == Some(id)).map(|used| used.secrets);
    let counts = (count(key(2).id()), count(key(1).id()), count(key(9).id()));
    assert_eq!(counts, (Some(2), None, Some(1)));
}

/// F78: the second key of an installation is refused at the start, before anything is written.
#[tokio::test]
async fn f78_a_second_first_key_is_refused() {
    let store = MemoryStore::new(Arc::new(SystemClock));
    assert!(may_create_key(&store).await.unwrap());
    let (first, second) =
        (KeyRing::new(Key::generate().unwrap()), KeyRing::new(Key::generate().unwrap()));
    let first = Arc::new(first);
    let actor = Actor::system();
    register_keys(&store, first.clone(), &actor).await.unwrap();
    register_keys(&store, first.clone(), &actor).await.unwrap();
    assert!(!may_create_key(&store).await.unwrap());
    let refused = register_keys(&store, second, &actor).await;
    assert!(matches!(refused, Err(ManageError::KeyMismatch(_))));
    assert_eq!(store.canaries().await.unwrap().len(), 1);
}

/// F129: where the application cannot write its audit record, nothing has happened.
#[tokio::test]
async fn f129_a_failing_audit_writer_undoes_the_change() {
    #[derive(Debug)]
    struct Failing;
    impl MemoryHook for Failing {
        fn before_commit(&self, change: &Change<'_>) -> Result<(), Refusal> {
            match change {
                Change::Audited(_) => Err(Refusal::Failed("audit log full".into())),
                _ => Ok(()),
            }
        }
    }
    let store = MemoryStore::new(Arc::new(SystemClock)).with_hook(Arc::new(Failing));
    let world = world_on(store, KeyRing::new(Key::generate().unwrap()));
    let new = NewCheck::from_json(http()).unwrap();
    let refused = world.checks.create(&world.admin, world.host, new).await;
    assert!(matches!(refused, Err(ManageError::Store(StoreError::Refused(_)))));
    assert!(world.store.checks_of(&[world.host]).await.unwrap().is_empty());
    let new = NewCheck::from_json(http()).unwrap();
    let tested = world.checks.test_unsaved(&world.admin, world.host, new).await;
    assert!(tested.is_err(), "an unrecorded test does not run");
    assert!(world.runner.0.lock().unwrap().is_empty());
}

/// F255: beyond the budget of the one who changes checks, nothing makes their host due: no change, no
/// disabling and enabling, no deletion, nor all of it in turns. No change is refused.
#[tokio::test]
async fn f255_changes_beyond_the_budget_make_nothing_due() {
    let clock = fixtures::clock();
    let store = MemoryStore::new(Arc::new(clock.clone()));
    let world = world_on(store, KeyRing::new(Key::generate().unwrap()));
    let budget = RunBudget::per_minute(Arc::new(clock.clone()), 3, 0);
    let checks = world.checks.clone().with_run_budget(budget);
    let new = || NewCheck::from_json(http()).unwrap();
    let worker = WorkerId::generate();
    let is_due = async || {
        let claim = ClaimRequest::new(worker, 1, Duration::from_secs(60));
        let claims = world.store.claim_hosts(claim).await.unwrap();
        let Some(held) = claims.hosts.first() else { return false };
        let due = claims.now + TimeDelta::hours(1);
        let batch = vec![HostCompletion::new(held, due, Vec::new())];
        world.store.complete_hosts(worker, batch).await.unwrap();
        true
    };
    let check = checks.create(&world.admin, world.host, new()).await.unwrap();
    let mut runs = u32::from(is_due().await);
    for round in 0..40 {
        let bodies = [
            json!({"url": format!("https://a.example/{round}")}),
            json!({"enabled": false}),
            json!({"enabled": true}),
        ];
        for body in bodies {
            let change = CheckChange::from_json(body);
            let changed = checks.change(&world.admin, world.host, check.id, &change, None).await;
            changed.unwrap();
            runs += u32::from(is_due().await);
        }
        let other = checks.create(&world.admin, world.host, new()).await.unwrap();
        runs += u32::from(is_due().await);
        checks.delete(&world.admin, world.host, other.id, None).await.unwrap();
        runs += u32::from(is_due().await);
    }
    assert!((1..=3).contains(&runs), "{runs}");
    let other = Actor::new("grace", Role::Admin);
    let change = CheckChange::from_json(json!({"name": "renamed"}));
    clock.advance(Duration::from_secs(61));
    checks.change(&other, world.host, check.id, &change, None).await.unwrap();
    assert!(is_due().await, "another one's budget is not spent");
}
