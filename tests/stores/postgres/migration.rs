//! Making the tables alone, beside an application's, and over the plan's tables with data.

use std::sync::Arc;

use aes_gcm::{
    Aes256Gcm, KeyInit,
    aead::{Aead, Payload},
};
use futures_util::future::join_all;
use healthgate::{
    checks::{CheckManager, RegisteredKeys, register_keys},
    clock::SystemClock,
    crypto::{Key, KeyRing},
    directory::StaticDirectory,
    model::{Actor, AuditAction, CheckId, HostId, Probe, SealedSecret, WorkerId},
    store::{
        CheckStore, ClaimRequest, PollQueue, ResultStore, SecretStore,
        postgres::{HostsTable, MigrateError, PgFault, PgStore, SCHEMA_VERSION},
    },
    testing::{ScriptedRunner, fixtures},
};
use healthgate_testkit::{MANAGER_CHECK_TABLES, Postgres};
use sqlx::PgPool;
use zeroize::Zeroizing;

use crate::postgres::support::{LEASE, database, fault, make_check, pool};

/// Every migration as a plain file, in order.
const FILES: [&str; 7] = [
    include_str!("../../../migrations/postgres/007_health_checks.sql"),
    include_str!("../../../migrations/postgres/008_health_engine.sql"),
    include_str!("../../../migrations/postgres/009_health_adoption.sql"),
    include_str!("../../../migrations/postgres/010_health_fleet.sql"),
    include_str!("../../../migrations/postgres/011_health_verification.sql"),
    include_str!("../../../migrations/postgres/012_health_groups.sql"),
    include_str!("../../../migrations/postgres/013_health_spending.sql"),
];

/// The plan's tables as the manager has them.
pub(crate) fn plan() -> String {
    format!("create table hosts (id uuid primary key, fqdn text);{MANAGER_CHECK_TABLES}")
}

/// Two hosts with a check each, one of them of the other's agent, and 2,000 results, two of them of
/// one check in one microsecond.
pub(crate) const DATA: &str = "
    insert into hosts values ('00000000-0000-0000-0000-000000000001', 'a'),
                             ('00000000-0000-0000-0000-000000000002', 'b');
    insert into host_health_checks (id, host_id, name, check_type, service_name, target_host_id)
    values ('00000000-0000-0000-0000-00000000000a', '00000000-0000-0000-0000-000000000001', 'ssh',
            'service', 'sshd', '00000000-0000-0000-0000-000000000002');
    insert into host_health_checks (id, host_id, name, check_type, url, expected_body, enabled)
    values ('00000000-0000-0000-0000-00000000000b', '00000000-0000-0000-0000-000000000002', 'web',
            'http', 'http://b.example/', 'fine', true);
    insert into host_health_check_results (check_id, healthy, detail, latency_ms, checked_at)
    select c.id, n % 7 <> 0, 'made ' || n, n, now() - n * interval '5 minutes'
    from host_health_checks c, generate_series(1, 1000) n;
    insert into host_health_check_results (check_id, healthy, checked_at)
    select check_id, healthy, checked_at from host_health_check_results
    where detail = 'made 500' limit 1;";

const RESULTS: &str = "select count(*) from host_health_check_results";

async fn count(pool: &PgPool, query: &'static str) -> i64 {
    sqlx::query_scalar(query).fetch_one(pool).await.expect("read")
}

/// What `pg_dump` says of a database's tables, without what names the dump itself.
fn schema(server: &Postgres, database: &str) -> String {
    let output = server
        .command("pg_dump")
        .args(["--schema-only", "--no-owner", "-d", database])
        .output()
        .expect("run");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("text");
    text.lines().filter(|line| !line.contains("restrict")).collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn the_file_and_the_call_make_the_same_schema() {
    let server = Postgres::shared();
    for before in ["", "create table hosts (id uuid primary key)", &format!("{}{DATA}", plan())] {
        let (by_file, by_call) =
            (server.create_database().expect("made"), server.create_database().expect("made"));
        for database in [&by_file, &by_call] {
            server.sql(database, before).expect("made");
        }
        let files = pool(server, &by_file, 1).await;
        for file in FILES.into_iter().chain(FILES) {
            sqlx::raw_sql(file).execute(&files).await.expect("applied, and harmless to repeat");
        }
        let store = PgStore::new(pool(server, &by_call, 2).await);
        store.migrate().await.expect("migrated");
        store.migrate().await.expect("harmless to repeat");
        let (file, call) = (schema(server, &by_file), schema(server, &by_call));
        // Line by line, so that what differs can be read.
        for (by_file, by_call) in file.lines().zip(call.lines()) {
            assert_eq!(by_file, by_call);
        }
        assert_eq!(file.len(), call.len());
        assert!(call.contains("valid_service_check") && call.contains("idx_health_results_check"));
    }
}

#[tokio::test]
async fn a_database_of_version_one_goes_on_with_its_rows() {
    let (server, database) = database();
    let pool = pool(server, &database, 2).await;
    sqlx::raw_sql(FILES[0]).execute(&pool).await.expect("version 1");
    let version = "select schema_version::bigint from health_installation";
    assert_eq!(count(&pool, version).await, 1);
    let host = "insert into host_health_checks (host_id, name, check_type, service_name) \
                values (gen_random_uuid(), 'nginx', 'service', 'nginx')";
    sqlx::query(host).execute(&pool).await.expect("a row of version 1");
    PgStore::new(pool.clone()).migrate().await.expect("migrated");
    assert_eq!(count(&pool, version).await, i64::from(SCHEMA_VERSION));
    assert_eq!(count(&pool, "select count(*) from host_health_checks").await, 1);
}

#[tokio::test]
async fn eight_starters_at_once_make_one_schema() {
    let (server, database) = database();
    let starters = (0..8).map(|_| async {
        let store = PgStore::new(pool(server, &database, 1).await);
        store.with_schema("own_place".parse().expect("a name")).migrate().await
    });
    for migrated in join_all(starters).await {
        migrated.expect("migrated");
    }
    let pool = pool(server, &database, 1).await;
    assert_eq!(count(&pool, "select count(*) from own_place.health_installation").await, 1);
    let elsewhere = "select count(*) from pg_tables where schemaname = 'public'";
    assert_eq!(count(&pool, elsewhere).await, 0, "nothing outside its own schema");
}

#[tokio::test]
async fn f63_a_newer_schema_is_refused_at_start_and_at_each_claim() {
    let (server, database) = database();
    let store = PgStore::new(pool(server, &database, 2).await);
    let request = ClaimRequest::new(WorkerId::generate(), 1, LEASE);
    assert_eq!(fault(store.claim_hosts(request.clone()).await), PgFault::NotMigrated);
    store.migrate().await.expect("migrated");
    let newer = "update health_installation set schema_version = schema_version + 1";
    sqlx::query(newer).execute(store.pool()).await.expect("raised");
    let refused = store.migrate().await;
    assert!(
        matches!(refused, Err(MigrateError::Newer { found, known: SCHEMA_VERSION }) if found == SCHEMA_VERSION + 1)
    );
    assert_eq!(fault(store.claim_hosts(request).await), PgFault::Newer);
}

#[tokio::test]
async fn beside_an_applications_hosts_deleting_one_takes_its_checks() {
    let (server, database) = database();
    server.sql(&database, "create table hosts (id uuid primary key)").expect("made");
    let store = PgStore::new(pool(server, &database, 2).await);
    store.migrate().await.expect("migrated");
    let host = HostId::generate();
    let enter = "insert into hosts values ($1)";
    sqlx::query(enter).bind(host.as_uuid()).execute(store.pool()).await.expect("entered");
    make_check(&store, host, "sshd").await;
    let unknown = fixtures::service_check(CheckId::generate(), HostId::generate(), "sshd");
    let refused =
        store.insert_check(unknown, fixtures::audit(AuditAction::HealthCheckCreated)).await;
    assert!(refused.is_err(), "there is no such host");
    sqlx::query("delete from hosts").execute(store.pool()).await.expect("deleted");
    assert!(store.checks_of(&[host]).await.expect("read").is_empty());
    let request = ClaimRequest::new(WorkerId::generate(), 1, LEASE);
    assert!(store.claim_hosts(request).await.expect("claimed").hosts.is_empty());
}

#[tokio::test]
async fn the_plans_tables_are_adopted_without_losing_a_row() {
    let (server, database) = database();
    server.sql(&database, &format!("{}{DATA}", plan())).expect("made");
    let store = PgStore::new(pool(server, &database, 4).await);
    assert_eq!(count(store.pool(), RESULTS).await, 2_001);
    store.migrate().await.expect("migrated");
    assert_eq!(count(store.pool(), RESULTS).await, 2_001);
    let details = "select count(distinct (check_id, checked_at)) from host_health_check_results";
    assert_eq!(count(store.pool(), details).await, 2_001, "doubles are kept apart");
    let parts = "select count(*) from pg_inherits where inhrelid = \
                 'host_health_check_results_adopted'::regclass";
    assert_eq!(count(store.pool(), parts).await, 1);

    let (host, other) = (fixtures::host(1), fixtures::host(2));
    let checks = store.checks_of(&[host, other]).await.expect("read");
    assert_eq!(checks.len(), 2);
    assert!(checks.iter().all(|check| check.revision == 1));
    let page = store.history(host, fixtures::check(10), None, 10).await.expect("read");
    assert_eq!(page.results.len(), 10);
    assert!(page.results.iter().all(|result| result.detail.as_str().starts_with("made ")));
    let failed = page.results.iter().filter(|result| !result.healthy()).count();
    assert_eq!(failed, 1, "the seventh");

    // A target that goes stays visible, and does not become the check's own host.
    sqlx::query("delete from hosts where fqdn = 'b'").execute(store.pool()).await.expect("deleted");
    let left = store.checks_of(&[host, other]).await.expect("read");
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].definition.target_host_id(), Some(other));
    assert!(matches!(left[0].definition.probe, Probe::Service(_)));

    // New results find their place.
    sqlx::query("update health_schedule set next_due = now()")
        .execute(store.pool())
        .await
        .expect("due");
    let now = healthgate::store::StoreBase::now(&store).await.expect("the time");
    crate::postgres::support::record(&store, healthgate::model::ReasonCode::Ok, now).await;
    let page = store.history(host, fixtures::check(10), None, 1).await.expect("read");
    assert_eq!(page.results[0].checked_at, now);
}

/// An adoption that was cut after any of its steps is taken up again.
#[tokio::test]
async fn a_cut_adoption_is_taken_up_again() {
    let (server, database) = database();
    server.sql(&database, &format!("{}{DATA}", plan())).expect("made");
    // As a cut call leaves it: a bound that is not proved, and an index that is not whole.
    let left = "alter table host_health_check_results add constraint adopted_before_20200101 \
                check (checked_at < '2020-01-01') not valid; \
                create index health_results_adopted_key on host_health_check_results (check_id); \
                update pg_index set indisvalid = false \
                where indexrelid = 'health_results_adopted_key'::regclass";
    server.sql(&database, left).expect("made");
    let store = PgStore::new(pool(server, &database, 4).await);
    store.migrate().await.expect("migrated");
    assert_eq!(count(store.pool(), RESULTS).await, 2_001);
    let proof = "select count(*) from pg_constraint where conname like 'adopted\\_before\\_%'";
    assert_eq!(count(store.pool(), proof).await, 0, "it has done its duty");
}

/// Passwords of an adopted database: AES-256-GCM without associated data. They open with the old key
/// file where that is allowed, and a rotation binds them.
#[tokio::test]
async fn old_passwords_open_and_are_bound_by_a_rotation() {
    let (server, database) = database();
    server.sql(&database, &format!("{}{DATA}", plan())).expect("made");
    let bytes = [7; Key::BYTES];
    let old_pool = pool(server, &database, 1).await;
    let nonce = [9; 12];
    let cipher = Aes256Gcm::new(&bytes.into());
    let payload = Payload { msg: b"old password", aad: b"" };
    let sealed = cipher.encrypt(&nonce.into(), payload).expect("sealed");
    sqlx::query(
        "update host_health_checks set basic_auth_user = 'u', basic_auth_pass_encrypted = $1, \
         basic_auth_pass_nonce = $2 where name = 'web'",
    )
    .bind(&sealed)
    .bind(nonce.as_slice())
    .execute(&old_pool)
    .await
    .expect("entered");

    let store = Arc::new(PgStore::new(pool(server, &database, 4).await));
    store.migrate().await.expect("migrated");
    let uses = store.key_uses().await.expect("read");
    assert_eq!((uses.len(), uses[0].key_id, uses[0].secrets), (1, None, 1), "one is left");
    let key = || Key::from_bytes(Zeroizing::new(bytes));
    let actor = Actor::system();
    let checks = |ring: KeyRing| {
        let runner = Arc::new(ScriptedRunner::new(Arc::new(SystemClock)));
        let directory = Arc::new(StaticDirectory::new());
        CheckManager::new(store.clone(), RegisteredKeys::assume(Arc::new(ring)), directory, runner)
    };
    register_keys(&*store, KeyRing::new(key()), &actor).await.expect("registered");
    let strict = checks(KeyRing::new(key())).rotate_keys(&actor).await.expect("rotated");
    assert_eq!(strict.unreadable, [fixtures::check(11)], "not where it is not allowed");
    let ring = KeyRing::new(key()).with_unbound_envelopes(true);
    let report = checks(ring).rotate_keys(&actor).await.expect("rotated");
    assert_eq!((report.rewritten, report.unreadable.len()), (1, 0));
    let row = store.sealed_page(None, 10).await.expect("read").remove(0);
    assert_eq!(row.secret.format, SealedSecret::BOUND);
    let uses = store.key_uses().await.expect("read");
    assert!(uses.iter().all(|used| used.key_id.is_some()), "none is left");
}

/// F82: what could not be opened is not taken in.
#[tokio::test]
async fn f82_a_secret_without_a_sound_nonce_is_refused_by_the_database() {
    let store = crate::postgres::support::store().await;
    make_check(&store, HostId::generate(), "sshd").await;
    for (ciphertext, nonce) in [
        (Some(vec![1_u8; 89]), None),
        (None, Some(vec![0_u8; 12])),
        (Some(vec![1_u8; 89]), Some(vec![0_u8; 8])),
    ] {
        let set = "update host_health_checks set basic_auth_pass_encrypted = $1, basic_auth_pass_nonce = $2";
        let done = sqlx::query(set).bind(ciphertext).bind(nonce).execute(store.pool()).await;
        let error = done.expect_err("refused").into_database_error().expect("by the database");
        assert_eq!(error.constraint(), Some("valid_secret"));
    }
}

/// F231: an adopted password without a nonce opens under no key. Its check is edited all the same, and rotated past.
#[tokio::test]
async fn f231_a_check_with_an_adopted_password_without_nonce_can_be_edited() {
    let (server, database) = database();
    let pool = pool(server, &database, 2).await;
    sqlx::raw_sql(sqlx::AssertSqlSafe(format!("{}{DATA}", plan())))
        .execute(&pool)
        .await
        .expect("made");
    let broken = "update host_health_checks set basic_auth_user = 'u', basic_auth_pass_encrypted = '\\x0102' \
                  where check_type = 'http'";
    sqlx::query(broken).execute(&pool).await.expect("a secret without nonce");
    let store = Arc::new(PgStore::new(pool));
    store.migrate().await.expect("migrated");
    let (runner, clock) =
        (ScriptedRunner::new(Arc::new(SystemClock)), Key::generate().expect("a key"));
    let ring = KeyRing::new(clock).with_unbound_envelopes(true);
    let directory = Arc::new(StaticDirectory::new());
    let keys = RegisteredKeys::assume(Arc::new(ring));
    let checks = CheckManager::new(store.clone(), keys, directory, Arc::new(runner));
    let host: uuid::Uuid =
        sqlx::query_scalar("select host_id from host_health_checks where check_type = 'http'")
            .fetch_one(store.pool())
            .await
            .expect("read");
    let host = HostId::from_uuid(host);
    let check = store.checks_of(&[host]).await.expect("read").remove(0);
    let actor = Actor::new("ada", healthgate::model::Role::Admin);
    let change = |body| healthgate::model::CheckChange::from_json(body);
    let renamed = change(serde_json::json!({"name": "renamed"}));
    let edited = checks.change(&actor, host, check.id, &renamed, None).await.expect("edited");
    assert_eq!((&*edited.definition.name, edited.has_password()), ("renamed", true));
    let report = checks.rotate_keys(&actor).await.expect("rotated");
    assert_eq!(report.unreadable, [check.id]);
    let removed = change(serde_json::json!({"basic_auth_pass": null}));
    let edited = checks.change(&actor, host, check.id, &removed, None).await.expect("edited");
    assert!(!edited.has_password());
}

/// F232: whatever is called `hosts`, the tables are made, and refer to it only where that works.
#[tokio::test]
async fn f232_a_table_of_hosts_of_another_form_is_left_alone() {
    let refers = "select count(*) from pg_constraint where contype = 'f' \
                  and conname = 'host_health_checks_host_id_fkey'";
    let fits = "create table hosts (id uuid primary key)";
    for (hosts, references) in [
        ("select", 0),
        (fits, 1),
        ("create table hosts (fqdn text primary key, id uuid not null unique)", 1),
        ("create table hosts (id bigint primary key)", 0),
        ("create table hosts (id text primary key)", 0),
        ("create table hosts (fqdn text primary key)", 0),
        ("create table hosts (id uuid, site int, primary key (id, site))", 0),
        ("create table hosts (id uuid)", 0),
        (
            "create table machines (id uuid primary key); create view hosts as select id from machines",
            0,
        ),
        ("create materialized view hosts as select gen_random_uuid() as id", 0),
    ] {
        let (server, database) = database();
        let pool = pool(server, &database, 2).await;
        sqlx::raw_sql(hosts).execute(&pool).await.expect("made");
        let store = PgStore::new(pool.clone());
        store.migrate().await.unwrap_or_else(|error| panic!("{hosts}: {error:?}"));
        assert_eq!(count(&pool, refers).await, references, "{hosts}");
        if references == 0 {
            make_check(&store, HostId::generate(), "sshd").await;
        }
    }
}

/// F232: a table that is named has to fit, and otherwise nothing is changed.
#[tokio::test]
async fn f232_the_table_of_hosts_can_be_named_or_left_out() {
    let (server, database) = database();
    let pool = pool(server, &database, 2).await;
    let made = "create table hosts (id uuid primary key); create schema inventory; \
                create table inventory.\"Machines\" (id uuid primary key); create table numbers (id int)";
    sqlx::raw_sql(made).execute(&pool).await.expect("made");
    for unfit in ["numbers", "nowhere", "inventory.machines"] {
        let named = HostsTable::Named(unfit.to_owned());
        let refused = PgStore::new(pool.clone()).with_hosts_table(named).migrate().await;
        let Err(MigrateError::HostsTable { reason }) = refused else {
            panic!("{unfit}: {refused:?}")
        };
        assert!(reason.contains(unfit), "{reason}");
        let tables = "select count(*) from pg_class where relname like '%health%'";
        assert_eq!(count(&pool, tables).await, 0, "nothing was changed");
    }
    let named = HostsTable::Named("inventory.\"Machines\"".to_owned());
    PgStore::new(pool.clone()).with_hosts_table(named).migrate().await.expect("migrated");
    let refers = "select count(*) from pg_constraint where contype = 'f' \
                  and confrelid = 'inventory.\"Machines\"'::regclass";
    assert_eq!(count(&pool, refers).await, 1);

    let (server, other) = self::database();
    let pool = self::pool(server, &other, 2).await;
    sqlx::raw_sql("create table hosts (id uuid primary key)").execute(&pool).await.expect("made");
    let store = PgStore::new(pool.clone()).with_hosts_table(HostsTable::None);
    store.migrate().await.expect("migrated");
    let refers =
        "select count(*) from pg_constraint where contype = 'f' and confrelid = 'hosts'::regclass";
    assert_eq!(count(&pool, refers).await, 0);
    make_check(&store, HostId::generate(), "sshd").await;
}
