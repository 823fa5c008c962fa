//! A right that is taken away while a request is under way.

use chrono::{TimeDelta, Utc};
use healthgate_testkit::Postgres;
use reqwest::Method;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection, SqliteConnection};
use uuid::Uuid;

use crate::manager::{Api, Kind, LONG, Setup, checks_of};

/// How a right is lost, and what its former owner is answered then.
#[derive(Clone, Copy, Debug)]
enum Loss {
    Demoted,
    Locked,
    UserLeaves,
    HostLeaves,
}

impl Loss {
    const ALL: [Self; 4] = [Self::Demoted, Self::Locked, Self::UserLeaves, Self::HostLeaves];

    const fn status(self) -> u16 {
        match self {
            Self::Demoted => 403,
            Self::Locked => 401,
            Self::UserLeaves | Self::HostLeaves => 404,
        }
    }

    /// The statements that take the right away: as a start of the program with another configuration
    /// does, the rows of the user or host are written as well.
    fn sql(self, user: &str, host: &str) -> String {
        let touch_user = format!("UPDATE users SET created_at = created_at WHERE name = '{user}'");
        match self {
            Self::Demoted => format!("UPDATE users SET role = 'reporter' WHERE name = '{user}'"),
            Self::Locked => format!("UPDATE users SET locked_at = 1 WHERE name = '{user}'"),
            Self::UserLeaves => {
                format!("{touch_user}; DELETE FROM user_groups WHERE user_name = '{user}'")
            }
            Self::HostLeaves => format!(
                "UPDATE hosts SET name = name WHERE id = {host}; \
                 DELETE FROM host_groups WHERE host_id = {host}"
            ),
        }
    }

    /// Gives it back.
    fn undo(user: &str, role: &str, host: &str) -> String {
        format!(
            "UPDATE users SET role = '{role}', locked_at = NULL WHERE name = '{user}'; \
             INSERT INTO user_groups (user_name, group_name) VALUES ('{user}', 'web') \
             ON CONFLICT DO NOTHING; \
             INSERT INTO host_groups (host_id, group_name) VALUES ({host}, 'web') \
             ON CONFLICT DO NOTHING"
        )
    }
}

/// A transaction of somebody else's in the manager's database.
enum Other {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

impl Other {
    async fn connect(setup: &Setup) -> Self {
        match setup.kind {
            Kind::Sqlite => {
                let url = format!("sqlite://{}", setup.path("manager.db").display());
                Self::Sqlite(SqliteConnection::connect(&url).await.unwrap())
            }
            Kind::Postgres => {
                let url = Postgres::shared().url(&setup.database);
                Self::Postgres(PgConnection::connect(&url).await.unwrap())
            }
        }
    }

    async fn run(&mut self, sql: String) {
        match self {
            Self::Sqlite(connection) => {
                connection.execute(AssertSqlSafe(sql)).await.unwrap();
            }
            Self::Postgres(connection) => {
                connection.execute(sqlx::raw_sql(AssertSqlSafe(sql))).await.unwrap();
            }
        }
    }

    const fn begin(&self) -> &'static str {
        match self {
            Self::Sqlite(_) => "BEGIN IMMEDIATE",
            Self::Postgres(_) => "BEGIN",
        }
    }

    /// A host's id as a literal.
    fn literal(&self, host: Uuid) -> String {
        match self {
            Self::Sqlite(_) => format!("x'{}'", host.simple()),
            Self::Postgres(_) => format!("'{host}'"),
        }
    }
}

struct Write {
    name: &'static str,
    method: Method,
    path: String,
    body: Option<Value>,
}

/// What an operator may do with a host, each with what it is done to.
async fn writes(ada: &Api, host: Uuid) -> Vec<Write> {
    let at = |hours| Utc::now() + TimeDelta::hours(hours);
    let check = ada.service_check(host, "sshd").await;
    let checks = checks_of(host);
    let window = json!({"name": "w", "host_ids": [host], "recurrence": "once", "starts_at": at(1),
        "duration_minutes": 5});
    let job = json!({"host_ids": [host], "window": {"opens_at": at(1), "closes_at": at(2)}});
    let (windows, jobs) = ("/api/v1/maintenance-windows".to_owned(), "/api/v1/jobs".to_owned());
    let id = |made: Value| made["id"].as_str().unwrap().to_owned();
    let made = id(ada.post(&windows, window.clone()).await.expect(201));
    let running = id(ada.post(&jobs, job.clone()).await.expect(201));
    let behind = id(ada.post(&jobs, job.clone()).await.expect(201));
    // The worker, which lays the configuration in at its start, is at work.
    let gates = format!("{jobs}/{running}/gates");
    ada.until(&gates, |gates| gates["gates"][0].is_object()).await;
    let service = json!({"name": "n", "check_type": "service", "service_name": "sshd"});
    let write = |name, method, path, body| Write { name, method, path, body };
    let paused = json!({"paused": true, "reason": "a try"});
    let pauses = json!({"host_ids": [host], "paused": true, "reason": "a try"});
    let many = json!({"host_ids": [host]});
    let one = format!("{checks}/{check}");
    vec![
        write("pause", Method::PUT, format!("/api/v1/hosts/{host}/paused"), Some(paused)),
        write("job", Method::POST, jobs.clone(), Some(job)),
        write("cancel", Method::POST, format!("{jobs}/{running}/cancel"), Some(json!({}))),
        write("pauses", Method::POST, "/api/v1/pauses".to_owned(), Some(pauses)),
        write("leave out", Method::POST, format!("{jobs}/{behind}/cancel-hosts"), Some(many)),
        write("window", Method::POST, windows.clone(), Some(window)),
        write("change", Method::PUT, format!("{windows}/{made}"), Some(json!({"name": "x"}))),
        write("delete", Method::DELETE, format!("{windows}/{made}"), None),
        write("check", Method::POST, checks.clone(), Some(service.clone())),
        write("edit", Method::PUT, one.clone(), Some(json!({"name": "x"}))),
        write("remove", Method::DELETE, one.clone(), None),
        write("test", Method::POST, format!("{one}/test"), Some(json!({}))),
        write("try", Method::POST, format!("{checks}/test"), Some(service)),
    ]
}

/// F257: a user who is demoted, locked or taken out of a group, or whose host is, between the first
/// look at their rights and the write, writes nothing.
async fn f257_a_right_that_is_lost_on_the_way_writes_nothing(kind: Kind) {
    let setup = Setup::new(kind).await;
    let manager = setup.start_whole();
    let (ada, oscar) = (setup.client(&manager.0, "ada"), setup.client(&manager.0, "oscar"));
    let host = setup.hosts[0];
    let mut other = Other::connect(&setup).await;
    let literal = other.literal(host);
    let writes = writes(&ada, host).await;
    let allowed = async || {
        let audit = ada.get("/api/v1/health-checks/audit?limit=200").await.expect(200);
        let records = audit["records"].as_array().unwrap().clone();
        let own = |one: &&Value| one["actor"] == "oscar" && one["outcome"] == "allowed";
        records.iter().filter(own).count()
    };
    for (number, write) in writes.iter().enumerate() {
        // Each way to lose a right in turn.
        let loss = Loss::ALL[number % Loss::ALL.len()];
        let begin = other.begin().to_owned();
        other.run(begin).await;
        other.run(loss.sql("oscar", &literal)).await;
        let asked = oscar.send(write.method.clone(), &write.path, write.body.as_ref());
        let decide = async {
            waits_for_it(&setup).await;
            other.run("COMMIT".to_owned()).await;
        };
        let (answer, ()) = tokio::join!(asked, decide);
        let said = format!("{} {loss:?}: {}", write.name, answer.text);
        // What is done to many hosts says of each what became of it.
        let status = match code_of_first(&answer.text).as_deref() {
            Some("forbidden") => 403,
            Some("unauthenticated") => 401,
            Some(_) => 404,
            None => answer.status.as_u16(),
        };
        assert_eq!(status, loss.status(), "{said}");
        assert_eq!(allowed().await, 0, "{said}");
        other.run(Loss::undo("oscar", "operator", &literal)).await;
    }
    // With the right all of it is done; what ends its subject comes after what needs it.
    for name in [
        "pause",
        "pauses",
        "job",
        "leave out",
        "cancel",
        "window",
        "change",
        "delete",
        "check",
        "edit",
        "test",
        "try",
        "remove",
    ] {
        let write = writes.iter().find(|write| write.name == name).unwrap();
        let answer = oscar.send(write.method.clone(), &write.path, write.body.as_ref()).await;
        assert!(answer.status.is_success(), "{name}: {answer:?}");
        assert_eq!(code_of_first(&answer.text), None, "{name}: {answer:?}");
    }
}

/// Why it was not done to the first of many hosts, if the answer is about many.
fn code_of_first(body: &str) -> Option<String> {
    let body: Value = serde_json::from_str(body).unwrap_or_default();
    body["hosts"][0]["code"].as_str().map(str::to_owned)
}

/// Waits until the request waits for the other transaction. On SQLite nothing shows that: there the
/// request is given time, and one that comes later is refused at the door.
async fn waits_for_it(setup: &Setup) {
    const WAITING: &str = "select count(*) from pg_stat_activity where datname = current_database() \
        and wait_event_type = 'Lock'";
    if setup.kind == Kind::Sqlite {
        tokio::time::sleep(std::time::Duration::from_millis(150)).await;
        return;
    }
    let url = Postgres::shared().url(&setup.database);
    let mut watch = PgConnection::connect(&url).await.unwrap();
    let waits = async {
        while sqlx::query_scalar::<_, i64>(WAITING).fetch_one(&mut watch).await.unwrap() == 0 {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(LONG, waits).await.expect("the request waits");
}

#[tokio::test(flavor = "multi_thread")]
async fn f257_a_right_that_is_lost_on_the_way_writes_nothing_on_sqlite() {
    f257_a_right_that_is_lost_on_the_way_writes_nothing(Kind::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f257_a_right_that_is_lost_on_the_way_writes_nothing_on_postgres() {
    f257_a_right_that_is_lost_on_the_way_writes_nothing(Kind::Postgres).await;
}
