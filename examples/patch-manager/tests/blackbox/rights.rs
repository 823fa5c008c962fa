//! What a role may do beside reading and writing: ways around the gate, pauses, and tokens.

use std::collections::BTreeSet;

use chrono::{TimeDelta, Utc};
use futures_util::StreamExt as _;
use healthgate_testkit::{Postgres, ServiceScript};
use proptest::{
    prelude::*,
    strategy::ValueTree,
    test_runner::{Config, TestRng, TestRunner},
};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    audit::refuse,
    manager::{Answer, Api, Kind, LONG, Setup, checks_of},
};

/// A job that somebody asks for.
#[derive(Clone, Debug)]
struct AskedJob {
    user: &'static str,
    hosts: BTreeSet<usize>,
    report_only: Option<bool>,
    dry_run: Option<bool>,
    rollback: Option<bool>,
    reason: Option<String>,
}

fn asked_job() -> impl Strategy<Value = AskedJob> {
    let flag = || prop::option::of(any::<bool>());
    let reason =
        prop::option::of(prop_oneof!["", " {12}", ".{9}", ".{10}", "[a-z ]{12,500}", "x{501}"]);
    (
        prop::sample::select(vec!["ada", "oscar", "rita", "otto"]),
        prop::collection::btree_set(0_usize..3, 1..=3),
        (flag(), flag(), flag()),
        reason,
    )
        .prop_map(|(user, hosts, (report_only, dry_run, rollback), reason)| AskedJob {
            user,
            hosts,
            report_only,
            dry_run,
            rollback,
            // What deceives people is refused by a rule of its own.
            reason: reason
                .map(|reason| reason.replace(|c: char| !c.is_ascii_graphic() && c != ' ', "-")),
        })
}

impl AskedJob {
    fn body(&self, setup: &Setup) -> Value {
        let opens = Utc::now() + TimeDelta::hours(1);
        let hosts: Vec<Uuid> = self.hosts.iter().map(|index| setup.hosts[*index]).collect();
        let mut body = json!({"host_ids": hosts,
            "window": {"opens_at": opens, "closes_at": opens + TimeDelta::hours(1)}});
        let members = [
            ("report_only", self.report_only.map(Value::from)),
            ("dry_run", self.dry_run.map(Value::from)),
            (
                "kind",
                self.rollback.map(|rollback| json!(if rollback { "rollback" } else { "patch" })),
            ),
            ("reason", self.reason.clone().map(Value::from)),
        ];
        for (name, value) in members {
            if let Some(value) = value {
                body[name] = value;
            }
        }
        body
    }

    fn goes_around(&self) -> bool {
        self.report_only == Some(true) || self.rollback == Some(true)
    }

    /// The status of the answer, and the code of the violation of `reason`.
    fn answer(&self) -> (u16, Option<&'static str>) {
        let admin = self.user == "ada";
        let reason = match self.reason.as_deref().map_or(0, |reason| reason.trim().chars().count())
        {
            _ if !self.goes_around() || !admin => None,
            0 => Some("required"),
            1..10 => Some("too_short"),
            10..=500 => None,
            _ => Some("too_long"),
        };
        let invalid = self.goes_around() && self.dry_run == Some(true);
        let seen = self.hosts.iter().all(|host| match self.user {
            "ada" => true,
            "otto" => *host == 1,
            _ => *host == 0,
        });
        match () {
            () if (invalid || reason.is_some()) && self.user == "rita" => (403, None),
            () if invalid || reason.is_some() => (422, reason),
            () if !seen => (404, None),
            () if self.user == "rita" || (self.goes_around() && !admin) => (403, None),
            () => (201, None),
        }
    }
}

/// F210: a way around the gate is for administrators, with a reason, and each host stands in the audit.
#[tokio::test]
async fn f210_a_way_around_the_gate_is_an_administrators_with_a_reason() {
    let setup = Setup::new(Kind::Sqlite).await;
    let manager = setup.start("serve");
    let ada = setup.client(&manager, "ada");
    let seed: [u8; 32] = {
        let (one, two) = (Uuid::new_v4(), Uuid::new_v4());
        [*one.as_bytes(), *two.as_bytes()].concat().try_into().unwrap()
    };
    println!("seed {seed:?}");
    let config = Config::default();
    let rng = TestRng::from_seed(config.rng_algorithm, &seed);
    let mut runner = TestRunner::new_with_rng(config, rng);
    let mut seen = BTreeSet::new();
    let wanted = [(201, true), (201, false), (403, true), (403, false), (404, false), (422, true)];
    let mut tried = 0;
    while tried < 150 || (tried < 1_500 && !wanted.iter().all(|one| seen.contains(one))) {
        tried += 1;
        let job = asked_job().new_tree(&mut runner).unwrap().current();
        let api = setup.client(&manager, job.user);
        let answer = api.post("/api/v1/jobs", job.body(&setup)).await;
        let (status, reason) = job.answer();
        assert_eq!(answer.status.as_u16(), status, "{job:?}: {}", answer.text);
        let body = answer.json();
        if status == 422 {
            let codes = Answer::codes(&body, "reason");
            assert_eq!(codes, reason.into_iter().collect::<Vec<_>>(), "{job:?}: {body}");
        }
        seen.insert((status, job.goes_around()));
        let audit = ada.get("/api/v1/health-checks/audit?limit=10").await.expect(200);
        let records = audit["records"].as_array().unwrap();
        let of_kind = |record: &&Value| record["action"] == "job_created";
        let newest = records.iter().filter(of_kind);
        if status == 201 {
            let made: Vec<&Value> =
                newest.filter(|record| record["job_id"] == body["id"]).collect();
            let hosts: BTreeSet<String> = made
                .iter()
                .filter_map(|record| record["host_id"].as_str())
                .map(str::to_owned)
                .collect();
            let wanted: BTreeSet<String> = match job.goes_around() {
                true => job.hosts.iter().map(|index| setup.hosts[*index].to_string()).collect(),
                false => BTreeSet::new(),
            };
            assert_eq!((hosts, made.len()), (wanted.clone(), wanted.len().max(1)), "{job:?}");
            for record in made {
                let reason = job.reason.as_deref().map(str::trim).filter(|_| job.goes_around());
                assert_eq!(record["reason"].as_str(), reason, "{job:?}: {record}");
                let fields: Vec<&str> = record["changes"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|change| change["field"].as_str().unwrap())
                    .collect();
                let flags = [
                    ("report_only", job.report_only),
                    ("dry_run", job.dry_run),
                    ("kind", job.rollback),
                ];
                let set: Vec<&str> = flags
                    .iter()
                    .filter(|(_, flag)| *flag == Some(true))
                    .map(|(name, _)| *name)
                    .collect();
                assert_eq!(fields, set, "{job:?}: {record}");
            }
        } else if status == 403 {
            // Refusals are written beside the requests.
            let is_newest = |audit: &Value| {
                let newest = audit["records"].as_array().unwrap().iter().find(of_kind);
                newest.is_some_and(|one| one["outcome"] == "refused" && one["actor"] == job.user)
            };
            ada.until("/api/v1/health-checks/audit?limit=10", is_newest).await;
        }
    }
    assert!(wanted.iter().all(|one| seen.contains(one)), "too little was tried: {seen:?}");
}

/// F210: a dry run is open to operators: it runs the checks, patches nothing, and says what would happen.
async fn f210_a_dry_run_says_what_would_happen_and_holds_nothing(kind: Kind) {
    let setup = Setup::new(kind).await;
    let manager = setup.start_whole();
    let ada = setup.client(&manager.0, "ada");
    let oscar = setup.client(&manager.0, "oscar");
    for host in &setup.hosts[..2] {
        ada.service_check(*host, "nginx").await;
        ada.until(&checks_of(*host), |list| list["checks"][0]["status"] == "healthy").await;
    }
    // Only a live run can know of it: no poll has to come in between.
    setup.agents[1].set("nginx", ServiceScript::Failed);
    let now = Utc::now();
    let open = json!({"opens_at": now, "closes_at": now + TimeDelta::minutes(10)});
    let later =
        json!({"opens_at": now + TimeDelta::hours(1), "closes_at": now + TimeDelta::hours(2)});
    let body = json!({"host_ids": [setup.hosts[0]], "window": later, "dry_run": true});
    let made = oscar.post("/api/v1/jobs", body).await.expect(201);
    assert_eq!(made["dry_run"], true);
    let ended = |job: &Value| matches!(job["status"].as_str(), Some("succeeded" | "failed"));
    let path = |job: &Value| format!("/api/v1/jobs/{}", job["id"].as_str().unwrap());
    let job = oscar.until(&path(&made), ended).await;
    assert_eq!(job["hosts"][0]["status"], "succeeded", "{job}");
    let detail = job["hosts"][0]["detail"].as_str().unwrap();
    assert!(
        detail.starts_with("dry run: nothing holds it back; it would be patched once"),
        "{detail}"
    );

    let body = json!({"host_ids": setup.hosts, "window": open, "dry_run": true, "name": "a try"});
    let made = ada.post("/api/v1/jobs", body).await.expect(201);
    let job = ada.until(&path(&made), ended).await;
    assert_eq!((&job["name"], &job["status"]), (&json!("a try"), &json!("succeeded")), "{job}");
    let detail = |name: &str| {
        let host = job["hosts"].as_array().unwrap().iter().find(|host| host["host_name"] == name);
        assert_eq!(host.unwrap()["gate"], Value::Null, "no gate is opened");
        host.unwrap()["detail"].as_str().unwrap().to_owned()
    };
    assert_eq!(detail("web-01"), "dry run: nothing holds it back; it would be patched now");
    let held = detail("db-01");
    assert!(held.starts_with("dry run: it would wait for nginx (service_unhealthy)"), "{held}");
    let gates = ada.get(&format!("{}/gates", path(&made))).await.expect(200);
    assert_eq!(gates["gates"], json!([]));
    // Nothing was patched, and a job of another's goes on at once.
    let hosts = job["hosts"].as_array().unwrap();
    assert!(hosts.iter().all(|host| host["started_at"].is_null()), "{job}");
    let real = ada.job(&setup.hosts[..1], 60).await;
    ada.until(&format!("/api/v1/jobs/{real}"), |job| job["status"] == "succeeded").await;
}

#[tokio::test]
async fn f210_a_dry_run_says_what_would_happen_and_holds_nothing_on_sqlite() {
    f210_a_dry_run_says_what_would_happen_and_holds_nothing(Kind::Sqlite).await;
}

#[tokio::test]
async fn f210_a_dry_run_says_what_would_happen_and_holds_nothing_on_postgres() {
    f210_a_dry_run_says_what_would_happen_and_holds_nothing(Kind::Postgres).await;
}

/// F211: a pause is changed and lifted by the kind of role that set it, or by an administrator.
async fn f211_a_pause_is_lifted_by_its_own_kind_of_role_or_above(kind: Kind) {
    let setup = Setup::new(kind).await;
    let manager = setup.start_whole();
    let path = format!("/api/v1/hosts/{}/paused", setup.hosts[0]);
    let client = |user: &str| setup.client(&manager.0, user);
    let (ada, oscar) = (client("ada"), client("oscar"));
    let pause = |reason: &str| json!({"paused": true, "reason": reason});
    let resume = json!({"paused": false});
    // Every order of three changes by either.
    let people: [(&Api, bool); 2] = [(&ada, true), (&oscar, false)];
    for order in 0..64_u32 {
        ada.put(&path, resume.clone()).await.expect(200);
        let mut set_by_admin = false;
        for step in 0..3 {
            let choice = order >> (2 * step) & 3;
            let (api, is_admin) = people[(choice & 1) as usize];
            let pauses = choice & 2 == 0;
            let body = if pauses { pause("broken disk") } else { resume.clone() };
            let answer = api.put(&path, body).await;
            if set_by_admin && !is_admin {
                answer.problem(403, "forbidden");
            } else {
                let host = answer.expect(200);
                assert_eq!(host["paused"].is_null(), !pauses, "{host}");
                set_by_admin = pauses && is_admin;
            }
        }
    }
}

#[tokio::test]
async fn f211_a_pause_is_lifted_by_its_own_kind_of_role_or_above_on_sqlite() {
    f211_a_pause_is_lifted_by_its_own_kind_of_role_or_above(Kind::Sqlite).await;
}

#[tokio::test]
async fn f211_a_pause_is_lifted_by_its_own_kind_of_role_or_above_on_postgres() {
    f211_a_pause_is_lifted_by_its_own_kind_of_role_or_above(Kind::Postgres).await;
}

/// F212: tokens are listed without what signs in, expire, and end with their streams when revoked.
async fn f212_a_token_is_listed_and_ends_when_revoked(kind: Kind) {
    let setup = Setup::new(kind).await;
    let manager = setup.start_whole();
    let ada = setup.client(&manager.0, "ada");
    let config = setup.path("manager.toml");
    let config = config.to_str().unwrap();
    let issue =
        ["token", "--config", config, "--user", "oscar", "--name", "laptop", "--expires-in", "30"];
    let made = setup.command(&issue);
    assert!(made.success, "{made:?}");
    let token = made.stdout.trim().to_owned();
    let second = Api { token: Some(token.clone()), ..ada.clone() };
    second.get("/api/v1/me").await.expect(200);
    let stream = second.stream("/api/v1/events").await;
    assert_eq!(stream.status(), 200);

    let list = setup.command(&["token", "list", "--config", config, "--user", "oscar"]);
    assert!(list.success && !list.stdout.contains(&token), "{list:?}");
    let line = list.stdout.lines().find(|line| line.contains("laptop")).unwrap();
    let words: Vec<&str> = line.split_whitespace().collect();
    assert_eq!((words[1], words[2], words[3]), ("oscar", "laptop", "issued"), "{line}");
    assert!(!line.contains("never"), "it was used, and expires: {line}");
    let of_file = list.stdout.lines().find(|line| line.contains(" file ")).unwrap();
    let of_file = of_file.split_whitespace().next().unwrap();
    let kept = setup.command(&["token", "revoke", "--config", config, "--id", of_file]);
    assert!(!kept.success && kept.stderr.contains("comes from the configuration"), "{kept:?}");

    let revoked = setup.command(&["token", "revoke", "--config", config, "--id", words[0]]);
    assert!(revoked.success, "{revoked:?}");
    second.get("/api/v1/me").await.problem(401, "unauthenticated");
    let mut bytes = stream.bytes_stream();
    let ended = async { while bytes.next().await.is_some_and(|part| part.is_ok()) {} };
    tokio::time::timeout(LONG, ended).await.expect("its stream ends");
    let again = setup.command(&["token", "revoke", "--config", config, "--id", words[0]]);
    assert!(!again.success && again.stderr.contains("no token"), "{again:?}");

    let audit = ada.get("/api/v1/health-checks/audit?limit=50").await.expect(200);
    let actions: Vec<&str> = audit["records"]
        .as_array()
        .unwrap()
        .iter()
        .map(|record| record["action"].as_str().unwrap())
        .filter(|action| action.starts_with("token_"))
        .collect();
    assert_eq!(actions, ["token_revoked", "token_issued"]);
}

#[tokio::test]
async fn f212_a_token_is_listed_and_ends_when_revoked_on_sqlite() {
    f212_a_token_is_listed_and_ends_when_revoked(Kind::Sqlite).await;
}

#[tokio::test]
async fn f212_a_token_is_listed_and_ends_when_revoked_on_postgres() {
    f212_a_token_is_listed_and_ends_when_revoked(Kind::Postgres).await;
}

/// F212: who is gone from the configuration cannot sign in after the next start, by no token, and
/// can again once they are back.
#[tokio::test]
async fn f212_who_is_gone_from_the_file_cannot_sign_in() {
    let setup = Setup::new(Kind::Sqlite).await;
    let config = setup.path("manager.toml");
    let made = setup.command(&["token", "--config", config.to_str().unwrap(), "--user", "oscar"]);
    assert!(made.success, "{made:?}");
    let whole = setup.configuration();
    let of_oscar = whole.find("[[users]]\nname = \"oscar\"").unwrap();
    let end = of_oscar + 1 + whole[of_oscar + 1..].find("[[").unwrap();
    let without = format!("{}{}", &whole[..of_oscar], &whole[end..]);
    for (text, may) in [(&whole, true), (&without, false), (&whole, true)] {
        setup.write("manager.toml", text);
        let manager = setup.start("serve");
        let by_file = setup.client(&manager, "oscar");
        let issued = Api { token: Some(made.stdout.trim().to_owned()), ..by_file.clone() };
        for api in [by_file, issued] {
            let answer = api.get("/api/v1/me").await;
            if may {
                answer.expect(200);
            } else {
                answer.problem(401, "unauthenticated");
            }
        }
        let token =
            setup.command(&["token", "--config", config.to_str().unwrap(), "--user", "oscar"]);
        assert_eq!(token.success, may, "{token:?}");
        setup.client(&manager, "ada").get("/api/v1/me").await.expect(200);
    }
}

/// F212: that the use of a token cannot be noted keeps nobody out who only reads.
#[tokio::test(flavor = "multi_thread")]
async fn f212_who_is_signed_in_reads_where_nothing_can_be_written() {
    let setup = Setup::new(Kind::Postgres).await;
    let (web, _worker) = setup.start_whole();
    Postgres::shared().sql(&setup.database, &refuse("tokens")).unwrap();
    for user in ["ada", "oscar", "rita"] {
        setup.client(&web, user).get("/api/v1/hosts").await.expect(200);
    }
}
