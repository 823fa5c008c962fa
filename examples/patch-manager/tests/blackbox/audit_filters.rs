//! The filters of the audit log and its export, against a plain model over random records.

use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::manager::{Api, Kind, Setup, checks_of};

const AUDIT: &str = "/api/v1/health-checks/audit";

/// Numbers that nobody chose; a failure names the seed. `AUDIT_SEED` repeats a run.
struct Random(u64);

impl Random {
    fn new() -> (Self, u64) {
        let given = std::env::var("AUDIT_SEED").ok().and_then(|seed| seed.parse().ok());
        let seed = given.unwrap_or_else(|| Uuid::new_v4().as_u64_pair().0);
        println!("AUDIT_SEED={seed}");
        (Self(seed), seed)
    }

    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        usize::try_from(self.0 >> 33).unwrap() % bound
    }

    fn one<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }
}

/// Everything that a user may read, page by page.
async fn all(api: &Api, query: &str, limit: usize) -> Vec<Value> {
    let (mut found, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = api.get(&format!("{AUDIT}?limit={limit}{query}{cursor}")).await.expect(200);
        found.extend(page["records"].as_array().unwrap().iter().cloned());
        let Some(next) = page["next_cursor"].as_str() else { return found };
        cursor = format!("&cursor={next}");
    }
}

/// A filter as a query, and what it says of a record.
#[derive(Default, Debug)]
struct Filter {
    hosts: Option<Vec<String>>,
    actor: Option<String>,
    actions: Option<Vec<String>>,
    outcome: Option<String>,
    from: Option<String>,
    until: Option<String>,
}

impl Filter {
    fn random(random: &mut Random, hosts: &[Uuid], log: &[Value]) -> Self {
        let mut maybe = |odds: usize| random.below(odds) == 0;
        let (host, actor, action, outcome, from, until) =
            (maybe(2), maybe(2), maybe(2), maybe(2), maybe(3), maybe(3));
        let mut member = |name: &str| random.one(log)[name].as_str().unwrap().to_owned();
        let actor = actor.then(|| member("actor"));
        let actions = action.then(|| vec![member("action"), member("action")]);
        let outcome = outcome.then(|| member("outcome"));
        let (from, until) = (from.then(|| member("at")), until.then(|| member("at")));
        let count = random.below(hosts.len() + 1);
        let hosts = host.then(|| hosts[..count].iter().map(Uuid::to_string).collect());
        Self { hosts, actor, actions, outcome, from, until }
    }

    fn query(&self) -> String {
        let mut query = String::new();
        let mut add = |name: &str, value: Option<String>| {
            if let Some(value) = value {
                query.extend(["&", name, "=", &value]);
            }
        };
        add("host_ids", self.hosts.as_ref().map(|hosts| hosts.join(",")));
        add("actor", self.actor.clone());
        add("action", self.actions.as_ref().map(|actions| actions.join(",")));
        add("outcome", self.outcome.clone());
        add("from", self.from.clone());
        add("until", self.until.clone());
        query
    }

    fn wants(&self, record: &Value) -> bool {
        let text = |name: &str| record[name].as_str();
        // Instants have one spelling, whose order is that of time.
        self.hosts.as_ref().is_none_or(|hosts| {
            text("host_id").is_some_and(|host| hosts.iter().any(|one| one == host))
        }) && self.actor.as_deref().is_none_or(|actor| text("actor") == Some(actor))
            && self
                .actions
                .as_ref()
                .is_none_or(|actions| actions.iter().any(|action| text("action") == Some(action)))
            && self.outcome.as_deref().is_none_or(|outcome| text("outcome") == Some(outcome))
            && self.from.as_deref().is_none_or(|from| text("at") >= Some(from))
            && self.until.as_deref().is_none_or(|until| text("at") < Some(until))
    }
}

/// Does random things as random users; much of it is refused.
async fn live(setup: &Setup, users: &[Api], random: &mut Random) {
    for _ in 0..70 {
        let (api, host) = (random.one(users).clone(), *random.one(&setup.hosts));
        let checks = checks_of(host);
        let check = json!({"name": "n", "check_type": "service", "service_name": "sshd"});
        let job = json!({"host_ids": [host], "immediate": true, "dry_run": true});
        match random.below(5) {
            0 => api.post(&checks, check).await,
            1 => api.post(&format!("{checks}/test"), check).await,
            2 => api.post("/api/v1/jobs", job).await,
            paused => {
                let body = json!({"paused": paused == 3, "reason": "=1+1, a \"try\""});
                let path = format!("/api/v1/hosts/{host}/paused");
                api.send(Method::PUT, &path, Some(&body)).await
            }
        };
    }
}

async fn a_filtered_log_is_what_a_model_leaves_of_it(kind: Kind) {
    let (mut random, seed) = Random::new();
    let setup = Setup::new(kind).await;
    let manager = setup.start_whole();
    let client = |user: &str| setup.client(&manager.0, user);
    let users = ["ada", "oscar", "rita", "otto"].map(client);
    live(&setup, &users, &mut random).await;
    // What has been refused up to now is written when somebody looks, a minute's worth at most.
    while all(&users[0], "", 200).await.len() != all(&users[0], "", 200).await.len() {}
    let log = all(&users[0], "", 200).await;
    assert!(log.len() > 20, "seed {seed}: {} records", log.len());
    for round in 0..40 {
        let filter = Filter::random(&mut random, &setup.hosts, &log);
        let (query, limit) = (filter.query(), 1 + random.below(9));
        for (user, own) in [(0, None), (1, Some(setup.hosts[0])), (3, Some(setup.hosts[1]))] {
            let own = |one: &&Value| own.is_none_or(|own| one["host_id"] == json!(own));
            let wanted: Vec<Value> =
                log.iter().filter(|one| filter.wants(one)).filter(own).cloned().collect();
            let place = format!("seed {seed}, round {round}, user {user}: {query}");
            assert_eq!(all(&users[user], &query, limit).await, wanted, "{place}");
            if round % 4 != 0 {
                continue;
            }
            let file = users[user].get(&format!("{AUDIT}/export?format=jsonl{query}")).await;
            assert_eq!(file.headers["content-type"], "application/x-ndjson", "{place}");
            let lines: Vec<Value> =
                file.text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
            assert_eq!(lines, wanted, "{place}");
            let file = users[user].get(&format!("{AUDIT}/export?format=csv{query}")).await;
            let ids: Vec<&str> =
                file.text.split("\r\n").filter_map(|row| row.split(',').next()).collect();
            let expected = wanted.iter().map(|one| one["id"].as_str().unwrap());
            let expected: Vec<&str> = ["id"].into_iter().chain(expected).chain([""]).collect();
            assert_eq!(ids, expected, "{place}");
        }
    }
    users[2].get(AUDIT).await.problem(403, "forbidden");
    users[2].get(&format!("{AUDIT}/export")).await.problem(403, "forbidden");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_filtered_log_is_what_a_model_leaves_of_it_on_sqlite() {
    a_filtered_log_is_what_a_model_leaves_of_it(Kind::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_filtered_log_is_what_a_model_leaves_of_it_on_postgres() {
    a_filtered_log_is_what_a_model_leaves_of_it(Kind::Postgres).await;
}

/// What a spreadsheet would run as a formula is text in the exported file; what is no filter is refused.
#[tokio::test(flavor = "multi_thread")]
async fn an_exported_cell_is_never_a_formula_and_a_wrong_filter_is_refused() {
    let setup = Setup::new(Kind::Sqlite).await;
    let manager = setup.start("serve");
    let ada = setup.client(&manager, "ada");
    let path = format!("/api/v1/hosts/{}/paused", setup.hosts[0]);
    for reason in ["=HYPERLINK(\"http://a.example\")", "+1", "-1", "@SUM(A1)"] {
        ada.put(&path, json!({"paused": true, "reason": reason})).await.expect(200);
    }
    let file = ada.get(&format!("{AUDIT}/export?format=csv&action=host_paused")).await;
    assert_eq!(file.headers["content-type"], "text/csv; charset=utf-8");
    assert_eq!(file.headers["content-disposition"], "attachment; filename=\"audit.csv\"");
    for cell in ["\"'=HYPERLINK(\"\"http://a.example\"\")\"", "\"'+1\"", "\"'-1\"", "\"'@SUM(A1)\""]
    {
        assert!(file.text.contains(&format!(",{cell},")), "{cell}: {}", file.text);
    }
    for (query, field) in [
        ("outcome=perhaps", "outcome"),
        ("action=host_paused,nothing", "action"),
        ("from=yesterday", "from"),
        ("until=1", "until"),
        ("actor=%00", "actor"),
        ("host_ids=1", "host_ids"),
    ] {
        for path in [AUDIT.to_owned(), format!("{AUDIT}/export")] {
            let problem = ada.get(&format!("{path}?{query}")).await.problem(422, "invalid");
            assert_eq!(problem["errors"][0]["field"], field, "{problem}");
        }
    }
    let problem = ada.get(&format!("{AUDIT}/export?format=xml")).await.problem(422, "invalid");
    assert_eq!(problem["errors"][0]["field"], "format");
}
