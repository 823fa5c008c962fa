//! The server's own timeouts (L11), which bound what an operation can take.

use healthgate::{
    model::{AuditAction, HostId},
    store::{
        AuditFilter, AuditLog, CheckStore,
        postgres::{PgFault, PgStore, pool_options, session_options},
    },
    testing::fixtures::audit,
};
use sqlx::postgres::PgConnectOptions;

use crate::postgres::support::{database, fault, make_check, pool, touch, until};

/// F55: a statement that takes too long is cancelled by the server, nothing of its transaction stays, and the
/// connection is not lost to the pool.
#[tokio::test]
async fn f55_a_statement_that_takes_too_long_is_cancelled() {
    let (server, database) = database();
    let patient = PgStore::new(pool(server, &database, 2).await);
    patient.migrate().await.expect("migrated");
    let options: PgConnectOptions = server.url(&database).parse().expect("a URL");
    let recommended = session_options(options.clone());
    let recommended = pool_options(1).connect_with(recommended).await.expect("connected");
    let set: String =
        sqlx::query_scalar("show statement_timeout").fetch_one(&recommended).await.expect("read");
    assert_eq!(set, "5s");
    let options = session_options(options).options([("statement_timeout", "200ms")]);
    let store = PgStore::new(pool_options(1).connect_with(options).await.expect("connected"));
    let host = HostId::generate();
    let check = make_check(&patient, host, "sshd").await;
    sqlx::raw_sql(
        "create function slowly() returns trigger language plpgsql as \
         $$ begin perform pg_sleep(60); return new; end $$; \
         create trigger slow before insert on health_audit for each row execute function slowly()",
    )
    .execute(patient.pool())
    .await
    .expect("made");
    let entry = || audit(AuditAction::HealthCheckUpdated);
    assert_eq!(fault(store.update_check(touch(&check), entry()).await), PgFault::TooSlow);
    let unchanged = store.check(host, check.id).await.expect("reading goes on");
    assert_eq!(unchanged.as_ref(), Some(&check));
    let quiet = "select count(*) = 0 from pg_stat_activity where datname = current_database() \
                 and (state like 'idle in transaction%' or query like '%health_audit%') \
                 and pid <> pg_backend_pid() and state <> 'idle'";
    until(patient.pool(), quiet).await;
    sqlx::raw_sql("drop trigger slow on health_audit").execute(patient.pool()).await.expect("gone");
    store.update_check(touch(&check), entry()).await.expect("writing goes on");
    let records = store.audit_page(&AuditFilter::default(), None, 10).await.expect("read");
    let updates = records.iter().filter(|record| record.action == AuditAction::HealthCheckUpdated);
    assert_eq!(updates.count(), 1, "what was cancelled left no record");
}
