//! Passes are spent by applications on other drivers, each in transactions of its own (F245). Every scenario is told
//! once, and played over each driver.

mod driver;
mod world;

use std::time::Duration;

use futures_util::future::join_all;
use healthgate::{
    model::{ChangeEnd, JobId, PassId, PassKind},
    store::{GateStore, Spend, SpendRefusal},
    testing::fixtures::audit,
};

use self::{driver::Driver, world::World};

/// A pass is spent with the job that is entered beside it, and once.
#[tokio::test]
async fn f245_a_spent_pass_cannot_be_spent_again() {
    let world = World::new().await;
    for driver in Driver::all() {
        let pass = world.passed().await;
        let mut session = world.session(driver).await;
        assert_eq!(world.dispatch(&mut session, pass.id).await, "spent", "{driver:?}");
        assert_eq!(world.jobs(pass.id).await, 1, "{driver:?}");
        let gate = world.store.gate_of_pass(pass.id).await.expect("read").expect("there");
        let changes = world.store.host_changes(&[pass.host_id]).await.expect("read");
        assert_eq!(changes.first().map(|change| change.started_at), gate.ended_at, "{driver:?}");

        assert_eq!(world.dispatch(&mut session, pass.id).await, "already_spent", "{driver:?}");
        let mut other = world.session(driver).await;
        assert_eq!(world.dispatch(&mut other, pass.id).await, "already_spent", "{driver:?}");
        let again = world.store.spend_pass(pass.id).await.expect("answered");
        assert!(matches!(again, Spend::Refused(SpendRefusal::AlreadySpent)), "{driver:?}");
        assert_eq!(world.jobs(pass.id).await, 1, "{driver:?}");
    }
}

/// Twice in one transaction is twice as well.
#[tokio::test]
async fn f245_a_pass_is_spent_once_in_one_transaction() {
    let world = World::new().await;
    for driver in Driver::all() {
        let pass = world.passed().await;
        let mut session = world.session(driver).await;
        session.run("begin").await.expect("begun");
        assert_eq!(session.spend(pass.id).await.expect("answered"), "spent", "{driver:?}");
        assert_eq!(session.spend(pass.id).await.expect("answered"), "already_spent", "{driver:?}");
        session.run("commit").await.expect("committed");
        assert!(world.is_spent(pass.id).await, "{driver:?}");
    }
}

/// Outside a transaction the call is one.
#[tokio::test]
async fn f245_a_call_without_a_transaction_spends_the_pass() {
    let world = World::new().await;
    for driver in Driver::all() {
        let pass = world.passed().await;
        let mut session = world.session(driver).await;
        assert_eq!(session.spend(pass.id).await.expect("answered"), "spent", "{driver:?}");
        assert!(world.is_spent(pass.id).await, "{driver:?}");
    }
}

/// Each reason to refuse has its word, and nothing is spent.
#[tokio::test]
async fn f245_what_must_not_be_spent_is_refused() {
    const REASONS: [(&str, &str); 8] = [
        ("update health_gates set pass_valid_until = now() - interval '1 second'", "expired"),
        ("update health_gates set state = 'failed', ended_at = now()", "expired"),
        ("update health_gates set opens_at = now() + interval '1 minute'", "expired"),
        ("update health_gates set cancel_requested = true", "cancelled"),
        ("update health_gates set state = 'cancelled', ended_at = now()", "cancelled"),
        ("update health_gates set token = token + 1", "superseded"),
        ("update health_gates set record = record - 'pass'", "superseded"),
        (
            "update health_gates set record = jsonb_set(record, '{pass,kind}', '\"overridden\"')",
            "outdated",
        ),
    ];
    let world = World::new().await;
    for driver in Driver::all() {
        let mut session = world.session(driver).await;
        for (change, refusal) in REASONS {
            let pass = world.passed().await;
            world.change(&format!("{change} where pass_id = '{}'", pass.id)).await;
            let said = world.dispatch(&mut session, pass.id).await;
            assert_eq!(said, refusal, "{driver:?}: {change}");
            assert!(!world.is_spent(pass.id).await, "{driver:?}: {change}");
            assert_eq!(world.jobs(pass.id).await, 0, "{driver:?}: {change}");
        }
        let unknown = world.dispatch(&mut session, PassId::generate()).await;
        assert_eq!(unknown, "superseded", "{driver:?}");
    }
}

/// What the store did meanwhile counts: it has taken the pass back, or the job was cancelled.
#[tokio::test]
async fn f245_a_pass_that_the_store_has_withdrawn_is_refused() {
    let world = World::new().await;
    for driver in Driver::all() {
        let mut session = world.session(driver).await;
        let returned = world.passed().await;
        world.store.return_pass(returned.id).await.expect("taken back");
        assert_eq!(world.dispatch(&mut session, returned.id).await, "expired", "{driver:?}");

        let cancelled = world.passed().await;
        let record = audit(healthgate::model::AuditAction::GateCancelled);
        let (job, host) = (cancelled.job_id, cancelled.host_id);
        world.store.request_cancel(job, host, record).await.expect("cancelled");
        assert_eq!(world.dispatch(&mut session, cancelled.id).await, "cancelled", "{driver:?}");
        assert_eq!(world.jobs(cancelled.id).await, 0, "{driver:?}");
    }
}

/// Two jobs change one host one after the other.
#[tokio::test]
async fn f245_a_host_that_is_being_changed_is_busy() {
    let world = World::new().await;
    for driver in Driver::all() {
        let first = world.passed().await;
        let second = world.passed_beside(first.host_id).await;
        let mut session = world.session(driver).await;
        assert_eq!(world.dispatch(&mut session, first.id).await, "spent", "{driver:?}");
        assert_eq!(world.dispatch(&mut session, second.id).await, "host_busy", "{driver:?}");
        world.store.end_host_change(first.id, ChangeEnd::Done).await.expect("ended");
        assert_eq!(world.dispatch(&mut session, second.id).await, "spent", "{driver:?}");
    }
}

/// What an application undoes has not happened: with its whole transaction, or a part of it, or by an error of its
/// own that makes a rollback of its commit.
#[tokio::test]
async fn f245_a_transaction_that_is_undone_spends_nothing() {
    const ENDINGS: [&[&str]; 3] =
        [&["rollback"], &["rollback to savepoint before", "commit"], &["select 1 / 0", "commit"]];
    let world = World::new().await;
    for driver in Driver::all() {
        let mut session = world.session(driver).await;
        for ending in ENDINGS {
            let pass = world.passed().await;
            session.run("begin").await.expect("begun");
            session.run("savepoint before").await.expect("kept");
            assert_eq!(session.spend(pass.id).await.expect("answered"), "spent", "{driver:?}");
            for statement in ending {
                let done = session.run(statement).await;
                assert_eq!(done.is_err(), statement.contains('/'), "{driver:?}: {done:?}");
            }
            assert!(!world.is_spent(pass.id).await, "{driver:?}: {ending:?}");
            let said = world.dispatch(&mut session, pass.id).await;
            assert_eq!(said, "spent", "{driver:?}: {ending:?}");
            assert_eq!(world.jobs(pass.id).await, 1, "{driver:?}: {ending:?}");
        }
    }
}

/// An application that ends before its commit has spent nothing; another one goes ahead.
#[tokio::test]
async fn f245_a_session_that_is_cut_before_its_commit_spends_nothing() {
    let world = World::new().await;
    for driver in Driver::all() {
        let pass = world.passed().await;
        let mut session = world.session(driver).await;
        session.run("begin").await.expect("begun");
        assert_eq!(session.spend(pass.id).await.expect("answered"), "spent", "{driver:?}");
        drop(session);
        let mut other = world.session(driver).await;
        assert_eq!(world.dispatch(&mut other, pass.id).await, "spent", "{driver:?}");
        assert_eq!(world.jobs(pass.id).await, 1, "{driver:?}");
    }
}

/// Whoever loses the answer to a commit learns by asking again: either the pass and the job are there, or neither.
#[tokio::test]
async fn f245_a_lost_answer_is_learnt_by_asking_again() {
    let world = World::new().await;
    for driver in Driver::all() {
        for wait in [0, 50, 200, 1_000] {
            let pass = world.passed().await;
            let mut session = world.session(driver).await;
            session.run("begin").await.expect("begun");
            session.run(&world.job(pass.id)).await.expect("entered");
            assert_eq!(session.spend(pass.id).await.expect("answered"), "spent", "{driver:?}");
            let wait = Duration::from_micros(wait);
            let _answered = tokio::time::timeout(wait, session.run("commit")).await;
            drop(session);
            let mut other = world.session(driver).await;
            let said = world.dispatch(&mut other, pass.id).await;
            assert!(["spent", "already_spent"].contains(&said.as_str()), "{driver:?}: {said}");
            assert_eq!(world.jobs(pass.id).await, 1, "{driver:?}: {said}");
        }
    }
}

/// A call that waits for the gate is judged by what is true once it has it, and by the clock of then.
#[tokio::test]
async fn f245_what_happens_while_a_call_waits_counts() {
    const MEANWHILE: [(&str, &str); 4] = [
        ("pass_valid_until = clock_timestamp()", "expired"),
        ("cancel_requested = true", "cancelled"),
        ("token = token + 1", "superseded"),
        ("changes = changes + 1", "spent"),
    ];
    let world = World::new().await;
    for driver in Driver::all() {
        let mut session = world.session(driver).await;
        for (change, expected) in MEANWHILE {
            let pass = world.passed().await;
            let holder = world.hold(pass.id).await;
            let (said, ()) = tokio::join!(session.spend(pass.id), async {
                world.somebody_waits().await;
                let change =
                    format!("update health_gates set {change} where pass_id = '{}'", pass.id);
                holder.change_and_commit(&change).await;
            });
            assert_eq!(said.expect("answered"), expected, "{driver:?}: {change}");
            assert_eq!(world.is_spent(pass.id).await, expected == "spent", "{driver:?}: {change}");
        }
    }
}

/// A call that does not get the gate in time fails, and the transaction with it.
#[tokio::test]
async fn f245_a_call_that_waits_too_long_spends_nothing() {
    let world = World::new().await;
    for driver in Driver::all() {
        let pass = world.passed().await;
        let holder = world.hold(pass.id).await;
        let mut session = world.session(driver).await;
        // For this transaction alone: the next one's commit waits for others, which announce something too.
        session.run("begin").await.expect("begun");
        session.run("set local lock_timeout = '10ms'").await.expect("set");
        assert_eq!(session.spend(pass.id).await, Err("55P03".to_owned()), "{driver:?}");
        session.run("commit").await.expect("it is a rollback");
        holder.change_and_commit("select 1").await;
        assert!(!world.is_spent(pass.id).await, "{driver:?}");
        assert_eq!(world.dispatch(&mut session, pass.id).await, "spent", "{driver:?}");
    }
}

/// A transaction that sees the database as it was before the job was cancelled cannot spend its pass.
#[tokio::test]
async fn f245_an_old_snapshot_spends_nothing() {
    let world = World::new().await;
    for driver in Driver::all() {
        for level in ["repeatable read", "serializable"] {
            let pass = world.passed().await;
            let mut session = world.session(driver).await;
            session.run(&format!("begin isolation level {level}")).await.expect("begun");
            session.run("select count(*) from health_gates").await.expect("looked");
            let cancel = "update health_gates set cancel_requested = true";
            world.change(&format!("{cancel} where pass_id = '{}'", pass.id)).await;
            assert_eq!(session.spend(pass.id).await, Err("40001".to_owned()), "{driver:?}");
            session.run("rollback").await.expect("undone");
            assert_eq!(world.dispatch(&mut session, pass.id).await, "cancelled", "{driver:?}");
        }
    }
}

/// A transaction that sees a host as it was before another change began and ended cannot spend a pass of it (F285):
/// neither where the host had a change before, nor where it had none.
#[tokio::test]
async fn f285_an_old_snapshot_overlooks_no_change() {
    let world = World::new().await;
    for driver in Driver::all() {
        for level in ["repeatable read", "serializable"] {
            for changes_before in [0, 1] {
                let pass = world.passed_as(PassKind::Healthy, JobId::generate()).await;
                for _ in 0..changes_before {
                    world.change_beside(pass.host_id).await;
                }
                let mut session = world.session(driver).await;
                session.run(&format!("begin isolation level {level}")).await.expect("begun");
                session.run("select count(*) from health_gates").await.expect("looked");
                world.change_beside(pass.host_id).await;
                let said = session.spend(pass.id).await;
                assert_eq!(said, Err("40001".to_owned()), "{driver:?}, {changes_before} before");
                session.run("rollback").await.expect("undone");
                assert_eq!(world.dispatch(&mut session, pass.id).await, "spent", "{driver:?}");
            }
        }
    }
}

/// What a refused call did is undone, also if its transaction commits: the change that it refused for keeps its mark.
#[tokio::test]
async fn f285_a_refused_call_leaves_nothing() {
    let world = World::new().await;
    for driver in Driver::all() {
        let pass = world.passed_as(PassKind::Healthy, JobId::generate()).await;
        let other = world.passed_beside(pass.host_id).await;
        let spend = world.store.spend_pass(other.id).await.expect("answered");
        assert!(matches!(spend, Spend::Spent(_)));
        let mut session = world.session(driver).await;
        session.run("begin").await.expect("begun");
        assert_eq!(session.spend(pass.id).await.expect("answered"), "host_busy", "{driver:?}");
        session.run("commit").await.expect("committed");
        let marked: Vec<uuid::Uuid> =
            sqlx::query_scalar("select pass_id from health_changes where host_id = $1 and newest")
                .bind(pass.host_id.as_uuid())
                .fetch_all(world.store.pool())
                .await
                .expect("read");
        assert_eq!(marked, [other.id.as_uuid()], "{driver:?}");
    }
}

/// Of many that spend at once, over all drivers and the store, one goes ahead with its job.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f245_of_many_that_spend_at_once_one_goes_ahead() {
    let world = World::new().await;
    let mut sessions = Vec::new();
    for driver in Driver::all() {
        for _ in 0..4 {
            sessions.push(driver.connect(&world.url).await);
        }
    }
    for kind in [PassKind::NoChecks, PassKind::Healthy, PassKind::Exempt] {
        let pass = world.passed_as(kind, JobId::generate()).await;
        let own = sessions.iter_mut().map(|session| world.dispatch(session, pass.id));
        let by_store = (0..4).map(|_| world.store.spend_pass(pass.id));
        let (said, spends) = tokio::join!(join_all(own), join_all(by_store));
        let jobs = world.jobs(pass.id).await;
        let by_store = spends.into_iter().map(|spend| spend.expect("answered"));
        let by_store = by_store.filter(|spend| matches!(spend, Spend::Spent(_))).count();
        let by_drivers = said.iter().filter(|said| *said == "spent").count();
        assert_eq!(by_drivers + by_store, 1, "{said:?}");
        assert_eq!(jobs, i64::try_from(by_drivers).expect("few"), "{said:?}");
    }
}
