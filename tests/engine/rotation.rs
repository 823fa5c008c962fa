//! Rotating keys: races, crashes half way, the old form, and the files that keys lie in.

use std::{
    collections::HashSet,
    fs,
    os::unix::fs::{DirBuilderExt, MetadataExt},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
};

use aes_gcm::{Aes256Gcm, KeyInit, aead::Aead};
use async_trait::async_trait;
use futures_util::FutureExt;
use healthgate::{
    checks::{
        CheckManager, CheckOutcome, HostRun, HostRunner, ManageError, RegisteredKeys,
        RotationReport,
    },
    clock::SystemClock,
    crypto::{
        Key, KeyFileError, KeyFiles, KeyRing, MissingKey, OpenCause, SealContext, Sealer, key_id_of,
    },
    directory::StaticDirectory,
    model::{
        Actor, AuditAction, AuditEntry, CheckChange, CheckId, HealthCheck, HostId, NewCheck,
        Password, Role, SealedSecret,
    },
    store::{
        AuditFilter, AuditLog, CheckInsert, CheckStore, FirstRun, MemoryStore, SecretStore, Store,
    },
    testing::{Fault, FaultyStore, Operation},
};
use serde_json::json;
use zeroize::Zeroizing;

#[derive(Debug)]
struct NoRunner;

#[async_trait]
impl HostRunner for NoRunner {
    async fn run_host(&self, _: HostRun) -> Vec<CheckOutcome> {
        Vec::new()
    }
}

fn key(byte: u8) -> Key {
    Key::from_bytes(Zeroizing::new([byte; 32]))
}

fn admin() -> Actor {
    Actor::new("ada", Role::Admin)
}

/// An installation with some stored passwords.
struct Site {
    memory: MemoryStore,
    directory: Arc<StaticDirectory>,
    host: HostId,
}

impl Site {
    async fn new(passwords: usize) -> Self {
        let memory = MemoryStore::new(Arc::new(SystemClock));
        let (directory, host) = (Arc::new(StaticDirectory::new()), HostId::generate());
        directory.insert(host, None, &[]);
        let site = Self { memory, directory, host };
        let checks = site.checks(Arc::new(site.memory.clone()), KeyRing::new(key(1)));
        for number in 0..passwords {
            let new = NewCheck::from_json(body(&format!("password {number}"))).unwrap();
            checks.create(&admin(), site.host, new).await.unwrap();
        }
        site
    }

    fn checks(&self, store: Arc<dyn Store>, sealer: impl Sealer) -> CheckManager {
        CheckManager::new(
            store,
            RegisteredKeys::assume(Arc::new(sealer)),
            self.directory.clone(),
            Arc::new(NoRunner),
        )
        .with_check_limit(100)
    }

    /// The stored checks, with the password as it opens under these keys.
    async fn opened(&self, ring: &KeyRing) -> Vec<(HealthCheck, Option<String>)> {
        let install = self.memory.install_id().await.unwrap();
        let opened = |check: HealthCheck| {
            let context = SealContext::of(install, self.host, check.id, &check.definition).unwrap();
            let password = ring.open(&context, check.secret.as_ref().unwrap()).ok();
            (check, password.map(|password| password.expose().to_owned()))
        };
        let checks = self.memory.checks_of(&[self.host]).await.unwrap();
        checks.into_iter().map(opened).collect()
    }

    async fn rotate(&self, ring: KeyRing) -> RotationReport {
        let checks = self.checks(Arc::new(self.memory.clone()), ring);
        checks.rotate_keys(&admin()).await.unwrap()
    }

    /// Adds a check whose password is of the old form: ciphertext and tag, bound to nothing.
    async fn insert_old(&self, under: u8, password: &str) -> CheckId {
        let nonce = [under; 12];
        let cipher = Aes256Gcm::new(&[under; 32].into());
        let ciphertext = cipher.encrypt(&nonce.into(), password.as_bytes()).unwrap();
        let secret =
            SealedSecret { format: SealedSecret::UNBOUND, nonce: nonce.to_vec(), ciphertext };
        let insert = CheckInsert {
            id: CheckId::generate(),
            host_id: self.host,
            definition: NewCheck::from_json(body("")).unwrap().definition,
            secret: Some(secret),
            limit: 100,
            first_run: FirstRun::AtOnce,
        };
        let audit = AuditEntry::allowed(admin(), AuditAction::HealthCheckCreated);
        self.memory.insert_check(insert, audit).await.unwrap().id
    }
}

fn body(password: &str) -> serde_json::Value {
    json!({"name": "web", "check_type": "http", "url": "https://a.example/x", "expected_body": "",
           "basic_auth_user": "u", "basic_auth_pass": password})
}

fn both() -> KeyRing {
    KeyRing::new(key(2)).with_decrypt_only(key(1))
}

/// F84: a rotation that dies at any of its store calls, before or after it took effect, leaves every
/// password under exactly one key, and the next one finishes the work.
#[tokio::test]
async fn f84_a_rotation_that_dies_anywhere_is_finished_by_the_next() {
    for fault in [Fault::Before, Fault::After] {
        let mut died = 0;
        for at in 0.. {
            let site = Site::new(4).await;
            let calls = AtomicU32::new(0);
            let faulty = FaultyStore::new(Arc::new(site.memory.clone()))
                .with_plan(move |_| (calls.fetch_add(1, Relaxed) == at).then_some(fault));
            let checks = site.checks(Arc::new(faulty), both());
            let first = checks.rotate_keys(&admin()).await;
            let opened = site.opened(&both()).await;
            assert!(opened.iter().all(|(_, password)| password.is_some()), "{fault} at {at}");

            let second = site.rotate(both()).await;
            assert_eq!((second.left, second.unreadable.len()), (0, 0), "{fault} at {at}");
            let opened = site.opened(&KeyRing::new(key(2))).await;
            for (number, (check, password)) in opened.iter().enumerate() {
                assert_eq!(password.as_deref(), Some(&*format!("password {number}")));
                assert_eq!(check.revision, 1, "the check asks the same as before");
            }
            if first.is_ok() {
                assert_eq!(second.rewritten, 0);
                break;
            }
            died += 1;
        }
        // The install id, two pages, four passwords, the count.
        assert_eq!(died, 8, "{fault}");
    }
}

/// F84: a rotation whose future is dropped has done what it has done.
#[tokio::test]
async fn f84_a_rotation_that_is_dropped_goes_on_later() {
    let site = Site::new(3).await;
    let hanging = FaultyStore::new(Arc::new(site.memory.clone()));
    let replaced = Arc::new(AtomicU32::new(0));
    let seen = replaced.clone();
    let hanging = hanging.with_plan(move |operation| {
        let second = operation == Operation::ReplaceSecret && seen.fetch_add(1, Relaxed) == 1;
        second.then_some(Fault::Delay(std::time::Duration::from_secs(3600)))
    });
    let checks = site.checks(Arc::new(hanging), both());
    assert!(checks.rotate_keys(&admin()).now_or_never().is_none(), "it hangs at the second one");
    let uses = site.memory.key_uses().await.unwrap();
    let counts: HashSet<_> = uses.iter().map(|used| (used.key_id.unwrap(), used.secrets)).collect();
    assert_eq!(counts, HashSet::from([(key(1).id(), 2), (key(2).id(), 1)]));
    let report = site.rotate(both()).await;
    assert_eq!((report.rewritten, report.left), (2, 0));
}

/// F85: a password that is set while the rotation has it in hand stands.
#[tokio::test]
async fn f85_a_password_that_is_set_meanwhile_stands() {
    let site = Site::new(2).await;
    let before = site.memory.checks_of(&[site.host]).await.unwrap();
    // Another worker, which does not know the new key yet, changes the first password right before
    // the rotation replaces it.
    let (other, host, id) =
        (site.checks(Arc::new(site.memory.clone()), KeyRing::new(key(1))), site.host, before[0].id);
    let raced = AtomicU32::new(0);
    let racing = FaultyStore::new(Arc::new(site.memory.clone())).with_plan(move |operation| {
        if operation == Operation::ReplaceSecret && raced.fetch_add(1, Relaxed) == 0 {
            let change = CheckChange::from_json(json!({"basic_auth_pass": "newer"}));
            let changed = other.change(&admin(), host, id, &change, None).now_or_never();
            changed.expect("memory does not wait").unwrap();
        }
        None
    });
    let report = site.checks(Arc::new(racing), both()).rotate_keys(&admin()).await.unwrap();
    assert_eq!((report.rewritten, report.overtaken, report.left), (1, 1, 1));
    let opened = site.opened(&both()).await;
    assert_eq!(opened[0].1.as_deref(), Some("newer"), "and it is not undone");
    let report = site.rotate(both()).await;
    assert_eq!((report.rewritten, report.left), (1, 0));
    assert_eq!(site.opened(&KeyRing::new(key(2))).await[0].1.as_deref(), Some("newer"));
}

/// F85: two rotations at the same time rewrite each password once.
#[tokio::test]
async fn f85_two_rotations_at_once_do_each_password_once() {
    let site = Site::new(20).await;
    let (first, second) = tokio::join!(site.rotate(both()), site.rotate(both()));
    assert_eq!(first.rewritten + second.rewritten, 20);
    assert_eq!((first.left, second.left), (0, 0));
    let filter = AuditFilter::default();
    let records = site.memory.audit_page(&filter, None, 1_000).await.unwrap();
    let rekeyed =
        records.iter().filter(|record| record.action == AuditAction::HealthCheckRekeyed).count();
    assert_eq!(rekeyed, 20, "and each is audited once");
}

/// Passwords of the old form open behind an option, are counted, and become bound ones.
#[tokio::test]
async fn old_envelopes_are_rewritten_into_the_bound_form_behind_an_option() {
    let site = Site::new(1).await;
    let (mine, foreign) = (site.insert_old(1, "legacy").await, site.insert_old(9, "foreign").await);
    let uses = site.memory.key_uses().await.unwrap();
    let count = |uses: &[healthgate::store::KeyUse], id| {
        uses.iter().find(|used| used.key_id == id).map_or(0, |used| used.secrets)
    };
    assert_eq!(count(&uses, None), 2);

    let report = site.rotate(both()).await;
    assert_eq!((report.rewritten, report.bound, report.left), (1, 0, 2), "the option is off");
    assert_eq!(HashSet::from_iter(report.unreadable), HashSet::from([mine, foreign]));

    let report = site.rotate(both().with_unbound_envelopes(true)).await;
    assert_eq!((report.rewritten, report.bound, report.left), (1, 1, 1));
    assert_eq!(report.unreadable, [foreign], "left as it is, and named");
    let opened = site.opened(&KeyRing::new(key(2))).await;
    let rewritten = opened.iter().find(|(check, _)| check.id == mine).unwrap();
    assert_eq!(rewritten.1.as_deref(), Some("legacy"));
    let secret = rewritten.0.secret.as_ref().unwrap();
    assert_eq!((secret.format, key_id_of(secret)), (SealedSecret::BOUND, Some(key(2).id())));
    let install = site.memory.install_id().await.unwrap();
    let elsewhere = SealContext::of(install, HostId::generate(), mine, &rewritten.0.definition);
    let moved = KeyRing::new(key(2)).with_unbound_envelopes(true).open(&elsewhere.unwrap(), secret);
    assert_eq!(moved.unwrap_err().cause(), OpenCause::AuthFailed, "it is bound to its check now");
    let uses = site.memory.key_uses().await.unwrap();
    assert_eq!((count(&uses, None), count(&uses, Some(key(2).id()))), (1, 2));
}

#[tokio::test]
async fn without_a_key_nothing_is_rotated() {
    let site = Site::new(1).await;
    let checks = site.checks(Arc::new(site.memory.clone()), MissingKey::new(OpenCause::KeyMissing));
    assert!(matches!(checks.rotate_keys(&admin()).await, Err(ManageError::Seal(_))));
}

/// The files' way from one key to the next, with a stop at each step.
#[test]
fn f84_key_files_go_from_one_key_to_the_next() {
    let parent = tempfile::tempdir().unwrap();
    let directory = parent.path().join("keys");
    fs::DirBuilder::new().mode(0o700).create(&directory).unwrap();
    let files = KeyFiles::new(directory.join("check.key"));
    assert!(matches!(files.load(false), Err(KeyFileError::Missing { .. })));
    assert!(matches!(files.stage(), Err(KeyFileError::Missing { .. })), "a key comes first");
    let first = files.load(true).unwrap().primary_key_id().unwrap();

    let second = files.stage().unwrap();
    assert_eq!(files.stage().unwrap(), second, "staging again changes nothing");
    assert_eq!(files.load(false).unwrap().key_ids(), [first, second], "it opens and does not seal");

    // Stopped between the two steps of the promotion.
    fs::hard_link(files.primary(), files.old()).unwrap();
    files.promote().unwrap();
    assert_eq!(files.load(false).unwrap().key_ids(), [second, first]);
    assert_eq!(fs::metadata(files.old()).unwrap().nlink(), 1);
    files.promote().unwrap();
    assert_eq!(files.load(false).unwrap().key_ids(), [second, first], "done is done");

    let third = files.stage().unwrap();
    assert!(matches!(files.promote(), Err(KeyFileError::Create { .. })), "the old key is needed");
    assert_eq!(files.load(false).unwrap().key_ids(), [second, third, first]);
    fs::remove_file(files.old()).unwrap();
    files.promote().unwrap();
    assert_eq!(files.load(false).unwrap().key_ids(), [third, second]);

    // What is loaded beside the primary key is held to the same rules, and a lost primary key is not
    // made anew while there is another.
    fs::set_permissions(files.old(), std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    assert!(matches!(files.load(false), Err(KeyFileError::Insecure { .. })));
    fs::set_permissions(files.old(), std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    fs::remove_file(files.primary()).unwrap();
    assert!(matches!(files.load(true), Err(KeyFileError::Missing { .. })));
}

/// A second key opens what the first one sealed, for as long as it is loaded.
#[test]
fn a_ring_without_the_old_key_does_not_open_what_it_sealed() {
    let install = healthgate::crypto::InstallId::generate().unwrap();
    let definition = NewCheck::from_json(body("x")).unwrap().definition;
    let context =
        SealContext::of(install, HostId::generate(), CheckId::generate(), &definition).unwrap();
    let sealed = KeyRing::new(key(1)).seal(&context, &Password::new("x").unwrap()).unwrap();
    assert_eq!(both().open(&context, &sealed).unwrap().expose(), "x");
    let cause = KeyRing::new(key(2)).open(&context, &sealed).unwrap_err().cause();
    assert_eq!(cause, OpenCause::UnknownKeyId);
}
