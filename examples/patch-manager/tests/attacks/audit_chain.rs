//! Whoever can write to the database, and changes the audit log behind the program's back.

use std::time::Instant;

use healthgate_testkit::Postgres;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, SqliteConnection};

use crate::manager::{FinishedCommand, Kind, LONG, Setup, checks_of};

async fn sql(setup: &Setup, statement: &str) {
    match setup.kind {
        Kind::Postgres => drop(Postgres::shared().sql(&setup.database, statement).unwrap()),
        Kind::Sqlite => {
            let url = format!("sqlite://{}", setup.path("manager.db").display());
            let mut connection = SqliteConnection::connect(&url).await.unwrap();
            connection.execute(AssertSqlSafe(statement.to_owned())).await.unwrap();
            connection.close().await.unwrap();
        }
    }
}

fn audit(setup: &Setup, what: &str) -> FinishedCommand {
    let config = setup.path("manager.toml");
    setup.command(&["audit", what, "--config", config.to_str().unwrap()])
}

/// F270: a record that is changed, removed or swapped shows, and nothing shows where nobody has
/// done anything.
async fn f270_what_is_changed_in_the_audit_log_shows(kind: Kind) {
    let setup = Setup::new(kind).await;
    let (manager, worker) = setup.start_whole();
    let ada = setup.client(&manager, "ada");
    let check = ada.service_check(setup.hosts[0], "sshd").await;
    let one = format!("{}/{check}", checks_of(setup.hosts[0]));
    for number in 0..20 {
        ada.put(&one, json!({"name": format!("n{number}")})).await.expect(200);
    }
    // What has been written when the worker ends is chained then.
    let mut verified = audit(&setup, "verify");
    let started = Instant::now();
    while !verified.stdout.contains("0 are not chained yet") {
        assert!(started.elapsed() < LONG && verified.success, "{verified:?}");
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        verified = audit(&setup, "verify");
    }
    assert!(verified.stdout.contains(" 0 have left"), "{verified:?}");
    let exported = audit(&setup, "export");
    let lines: Vec<Value> =
        exported.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let updates = lines.iter().filter(|one| one["action"] == "health_check_updated").count();
    assert_eq!(updates, 20, "{exported:?}");
    drop((worker, manager));

    let (from, json) = match kind {
        Kind::Sqlite => ("(SELECT number FROM health_audit ORDER BY number LIMIT 1 OFFSET 5)", ""),
        Kind::Postgres => {
            ("(SELECT number FROM health_audit ORDER BY number LIMIT 1 OFFSET 5)", "::jsonb")
        }
    };
    let text = if kind == Kind::Postgres { "record::text" } else { "record" };
    let copy = "CREATE TABLE kept AS SELECT * FROM health_audit";
    let back = match kind {
        Kind::Sqlite => "DELETE FROM health_audit; INSERT INTO health_audit SELECT * FROM kept",
        Kind::Postgres => {
            "DELETE FROM health_audit; INSERT INTO health_audit OVERRIDING SYSTEM VALUE SELECT * FROM kept"
        }
    };
    sql(&setup, copy).await;
    let attacks = [
        (
            "was changed",
            format!("UPDATE health_audit SET record = replace({text}, 'ada', 'otto'){json} WHERE number = {from}"),
        ),
        ("was removed", format!("DELETE FROM health_audit WHERE number = {from}")),
        ("was removed", "DELETE FROM health_audit".to_owned()),
        (
            "was changed",
            "UPDATE health_audit SET record = (SELECT k.record FROM kept k WHERE k.number <> health_audit.number \
             ORDER BY k.number DESC LIMIT 1)"
                .to_owned(),
        ),
    ];
    for (words, attack) in attacks {
        sql(&setup, &attack).await;
        let found = audit(&setup, "verify");
        assert!(!found.success && found.stdout.contains(words), "{attack}: {found:?}");
        sql(&setup, back).await;
        let found = audit(&setup, "verify");
        assert!(found.success, "{found:?}");
    }
    for attack in [
        "UPDATE audit_chain SET content = 'x' WHERE place = 3",
        "UPDATE audit_chain SET hash = 'x' WHERE place = 4",
        "DELETE FROM audit_chain WHERE place = 7",
    ] {
        sql(&setup, attack).await;
        let found = audit(&setup, "verify");
        assert!(
            !found.success && found.stdout.contains("the chain was changed"),
            "{attack}: {found:?}"
        );
    }
}

#[tokio::test]
async fn f270_what_is_changed_in_the_audit_log_shows_on_sqlite() {
    f270_what_is_changed_in_the_audit_log_shows(Kind::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f270_what_is_changed_in_the_audit_log_shows_on_postgres() {
    f270_what_is_changed_in_the_audit_log_shows(Kind::Postgres).await;
}
