//! A database with a table of jobs, which an application fills as it spends passes.

use healthgate::{
    model::{ChangeEnd, GatePass, GateRequest, HostId, JobId, PassId, PassKind},
    store::{GateStore, Spend, postgres::PgStore},
};
use sqlx::{AssertSqlSafe, Postgres, Transaction};

use super::driver::{Driver, Session};
use crate::postgres::support::{database, hour, pass_for, pool, until};

pub(super) struct World {
    pub(super) store: PgStore,
    pub(super) url: String,
}

impl World {
    pub(super) async fn new() -> Self {
        let (server, database) = database();
        let store = PgStore::new(pool(server, &database, 8).await);
        store.migrate().await.expect("migrated");
        let world = Self { store, url: server.url(&database) };
        world.change("create table jobs (pass uuid)").await;
        world
    }

    pub(super) async fn session(&self, driver: Driver) -> Box<dyn Session> {
        driver.connect(&self.url).await
    }

    /// A pass of a new job on a host of its own.
    pub(super) async fn passed(&self) -> GatePass {
        self.passed_as(PassKind::NoChecks, JobId::generate()).await
    }

    pub(super) async fn passed_as(&self, kind: PassKind, job: JobId) -> GatePass {
        let window = hour(&self.store).await;
        pass_for(&self.store, GateRequest::new(job, HostId::generate(), window), kind).await
    }

    /// A pass of an exempt job on a host that another job may hold.
    pub(super) async fn passed_beside(&self, host: HostId) -> GatePass {
        let window = hour(&self.store).await;
        let request = GateRequest::new(JobId::generate(), host, window).with_exemption();
        pass_for(&self.store, request, PassKind::Exempt).await
    }

    /// An exempt job changes the host, and is done.
    pub(super) async fn change_beside(&self, host: HostId) {
        let pass = self.passed_beside(host).await;
        let spend = self.store.spend_pass(pass.id).await.expect("answered");
        assert!(matches!(spend, Spend::Spent(_)), "{spend:?}");
        self.store.end_host_change(pass.id, ChangeEnd::Done).await.expect("ended");
    }

    /// Changes what is stored, behind the store's back.
    pub(super) async fn change(&self, statement: &str) {
        let statement = AssertSqlSafe(statement.to_owned());
        sqlx::raw_sql(statement).execute(self.store.pool()).await.expect("changed");
    }

    /// The statement by which an application enters its job.
    pub(super) fn job(&self, pass: PassId) -> String {
        format!("insert into jobs values ('{pass}')")
    }

    /// Does what an application does: enters its job and spends the pass, both or neither.
    pub(super) async fn dispatch(&self, session: &mut Box<dyn Session>, pass: PassId) -> String {
        session.run("begin").await.expect("begun");
        session.run(&self.job(pass)).await.expect("entered");
        let said = session.spend(pass).await.expect("answered");
        let ending = if said == "spent" { "commit" } else { "rollback" };
        session.run(ending).await.expect("ended");
        said
    }

    pub(super) async fn jobs(&self, pass: PassId) -> i64 {
        sqlx::query_scalar("select count(*) from jobs where pass = $1")
            .bind(pass.as_uuid())
            .fetch_one(self.store.pool())
            .await
            .expect("read")
    }

    /// Whether the gate has ended by this pass, and its host is being changed.
    pub(super) async fn is_spent(&self, pass: PassId) -> bool {
        let (ended, changing): (bool, bool) = sqlx::query_as(
            "select exists (select from health_gates where pass_id = $1 and state = 'spent'), \
             exists (select from health_changes where pass_id = $1)",
        )
        .bind(pass.as_uuid())
        .fetch_one(self.store.pool())
        .await
        .expect("read");
        assert_eq!(ended, changing, "a pass is spent with the change of its host");
        ended
    }

    /// Locks the gate of a pass.
    pub(super) async fn hold(&self, pass: PassId) -> Holder {
        let mut transaction = self.store.pool().begin().await.expect("begun");
        sqlx::query("select from health_gates where pass_id = $1 for update")
            .bind(pass.as_uuid())
            .execute(&mut *transaction)
            .await
            .expect("locked");
        Holder(transaction)
    }

    /// Returns once a session waits for a lock.
    pub(super) async fn somebody_waits(&self) {
        let waits = "select exists (select from pg_stat_activity \
             where datname = current_database() and wait_event_type = 'Lock')";
        until(self.store.pool(), waits).await;
    }
}

/// Whoever has locked a gate.
pub(super) struct Holder(Transaction<'static, Postgres>);

impl Holder {
    pub(super) async fn change_and_commit(mut self, statement: &str) {
        let statement = AssertSqlSafe(statement.to_owned());
        sqlx::raw_sql(statement).execute(&mut *self.0).await.expect("changed");
        self.0.commit().await.expect("committed");
    }
}
