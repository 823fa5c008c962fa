//! Spending a pass inside a transaction of the application, from any driver (F245).

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};
use healthgate::{
    model::{
        AvailabilityGroup, ChangeEnd, CheckId, ClockEpoch, Detail, Evidence, EvidenceReason,
        GateId, GateOverride, GatePass, GateRecord, GateRequest, GateState, HostChange,
        HostChangeState, HostId, JobId, OverriddenCheck, PassId, PassKind, ReasonCode, StoreTime,
        Window, WorkerId,
    },
    store::{GateStore, GroupStore, Spend, SpendRefusal, StoreBase, postgres::PgStore, transition},
};
use sqlx::PgPool;
use uuid::Uuid;

use crate::postgres::support::{Random, database, passed, pool, store};

impl Random {
    fn one_of<T: Copy>(&mut self, values: &[T]) -> T {
        let place = self.below(u64::try_from(values.len()).expect("few"));
        values[usize::try_from(place).expect("few")]
    }

    /// Up to an hour before or after, and never near.
    fn around(&mut self, now: DateTime<Utc>) -> DateTime<Utc> {
        let minutes = i64::try_from(self.below(58)).expect("few") + 2;
        now + TimeDelta::minutes(if self.below(2) == 0 { minutes } else { -minutes })
    }
}

fn random_gate(random: &mut Random, now: DateTime<Utc>) -> (GateRecord, i64) {
    let opens_at = random.around(now);
    let window = Window::new(opens_at, opens_at + TimeDelta::hours(2)).expect("a window");
    let request = GateRequest::new(JobId::generate(), HostId::generate(), window);
    let opened = StoreTime::new(ClockEpoch::default(), now - TimeDelta::hours(2));
    let mut record = GateRecord::open(GateId::generate(), &request, opened);
    use GateState::{Cancelled, Failed, Passed, Spent, Waiting};
    record.state =
        random.one_of(&[Passed, Passed, Passed, Passed, Waiting, Spent, Failed, Cancelled]);
    record.cancel_requested = random.below(6) == 0;
    record.high_water =
        if random.below(3) == 0 { random.around(now) } else { now - TimeDelta::hours(1) };
    record.clock_offset_us = random.one_of(&[0, 0, 0, 1_200_000_000, -5]);
    use PassKind::{Exempt, Healthy, NoChecks, Overridden, ReportOnly};
    let kind =
        random.one_of(&[Healthy, Healthy, Healthy, Overridden, Exempt, NoChecks, ReportOnly]);
    if random.below(2) == 0 {
        record.exception = Some(GateOverride {
            checks: vec![OverriddenCheck { check_id: CheckId::generate(), revision: 1 }],
            reason: "a reason".to_owned(),
            expires_at: now,
            actor: "ada".to_owned(),
            created_at: now,
        });
    }
    let token = i64::try_from(random.below(4)).expect("few");
    record.pass = Some(GatePass {
        id: PassId::generate(),
        gate_id: record.id,
        job_id: record.job_id,
        host_id: record.host_id,
        kind,
        granted_at: now,
        valid_until: random.around(now),
        owner: WorkerId::generate(),
        token: if random.below(4) == 0 { token + 1 } else { token },
        epoch: ClockEpoch::default(),
        evidence: (0..random.below(3)).map(|_| random_evidence(random, now)).collect(),
        would_have: None,
    });
    (record, token)
}

fn random_evidence(random: &mut Random, now: DateTime<Utc>) -> Evidence {
    Evidence {
        check_id: (random.below(4) > 0).then(CheckId::generate),
        name: "nginx".to_owned(),
        healthy: random.below(4) > 0,
        reason: EvidenceReason::Code(ReasonCode::Ok),
        observed: true,
        detail: Detail::default(),
        latency_ms: None,
        checked_at: (random.below(6) > 0).then(|| random.around(now)),
    }
}

/// The newest change of the gate's host, by another job.
fn random_change(random: &mut Random, gate: &GateRecord, now: DateTime<Utc>) -> Option<HostChange> {
    let started_at = random.around(now);
    let has_ended = random.below(4) > 0;
    let mut change = HostChange::begin(gate, started_at)?;
    change.pass_id = PassId::generate();
    if has_ended {
        change.state = HostChangeState::Ended;
        change.ended_at = Some(started_at + TimeDelta::seconds(random.one_of(&[0, 7, 5_000])));
    }
    (random.below(3) > 0).then_some(change)
}

async fn insert_change(pool: &PgPool, change: &HostChange) {
    sqlx::query(
        "insert into health_changes (pass_id, gate_id, job_id, host_id, state, started_at, ended_at, newest) \
         values ($1, $2, $3, $4, $5, $6, $7, true)",
    )
    .bind(change.pass_id.as_uuid())
    .bind(change.gate_id.as_uuid())
    .bind(change.job_id.as_uuid())
    .bind(change.host_id.as_uuid())
    .bind(serde_json::to_value(change.state).expect("a word").as_str())
    .bind(change.started_at)
    .bind(change.ended_at)
    .execute(pool)
    .await
    .expect("inserted");
}

async fn insert(pool: &PgPool, record: &GateRecord, token: i64) {
    let pass = record.pass.as_ref().expect("a pass");
    let state = serde_json::to_value(record.state).expect("a word");
    sqlx::query(
        "insert into health_gates (id, job_id, host_id, state, opened_at, opens_at, closes_at, pass_id, \
         pass_valid_until, cancel_requested, token, record) \
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
    )
    .bind(record.id.as_uuid())
    .bind(record.job_id.as_uuid())
    .bind(record.host_id.as_uuid())
    .bind(state.as_str())
    .bind(record.opened_at)
    .bind(record.window.opens_at())
    .bind(record.window.closes_at())
    .bind(pass.id.as_uuid())
    .bind(pass.valid_until)
    .bind(record.cancel_requested)
    .bind(token)
    .bind(serde_json::to_value(record).expect("a record"))
    .execute(pool)
    .await
    .expect("inserted");
}

fn word(refusal: Option<SpendRefusal>) -> &'static str {
    match refusal {
        None => "spent",
        Some(SpendRefusal::AlreadySpent) => "already_spent",
        Some(SpendRefusal::Expired) => "expired",
        Some(SpendRefusal::Cancelled) => "cancelled",
        Some(SpendRefusal::Superseded) => "superseded",
        Some(SpendRefusal::HostBusy) => "host_busy",
        Some(SpendRefusal::Outdated) => "outdated",
        // The conformance suite holds these against the rules.
        Some(SpendRefusal::NoSlot) => "no_slot",
        Some(SpendRefusal::Halted) => "halted",
        Some(SpendRefusal::GroupAtLimit) => "group_at_limit",
        Some(other) => panic!("the function has no word for {other:?}"),
    }
}

/// The function says of random gates, after random changes of their hosts, what `transition::refusal` and
/// `transition::admit_after_change` say (F285). `HEALTHGATE_RECORDS` asks for more of them.
#[tokio::test]
async fn f245_the_function_judges_as_the_library_does() {
    assert_eq!(HostChange::LONGEST, TimeDelta::minutes(30), "the function has the same");
    let records: u32 = std::env::var("HEALTHGATE_RECORDS")
        .ok()
        .and_then(|records| records.parse().ok())
        .unwrap_or(1_500);
    let store = store().await;
    let now = store.now().await.expect("the time");
    let seed = u64::try_from(now.timestamp_micros()).expect("after 1970");
    println!("seed {seed}");
    let mut random = Random(seed);
    let mut expected = HashMap::new();
    for _ in 0..records {
        let (record, token) = random_gate(&mut random, now);
        insert(store.pool(), &record, token).await;
        let pass = record.pass.as_ref().expect("a pass").id;
        let change = random_change(&mut random, &record, now);
        if let Some(change) = &change {
            insert_change(store.pool(), change).await;
        }
        let refusal = transition::refusal(&record, token, pass, now)
            .or_else(|| transition::admit_after_change(&record, change.as_ref(), now));
        expected.insert(pass.as_uuid(), (word(refusal), record));
    }
    let said: Vec<(Uuid, String)> =
        sqlx::query_as("select pass_id, health_spend_pass(pass_id) from health_gates")
            .fetch_all(store.pool())
            .await
            .expect("spent");
    let mut seen: HashMap<String, u32> = HashMap::new();
    for (pass, said) in said {
        let (judged, record) = &expected[&pass];
        assert_eq!(said, *judged, "seed {seed}: {record:?}");
        *seen.entry(said).or_default() += 1;
    }
    assert!(seen.len() >= 7, "{seen:?}");
    for (pass, (judged, record)) in expected {
        let stored =
            store.gate_of_pass(PassId::from_uuid(pass)).await.expect("read").expect("there");
        let mut after = record.clone();
        if judged == "spent" {
            transition::spend(&mut after, stored.ended_at.expect("it has ended"));
            let changes = store.host_changes(&[record.host_id]).await.expect("read");
            assert_eq!(changes.first().map(|change| change.started_at), stored.ended_at);
        }
        assert_eq!(stored, after);
    }
}

/// Of many that spend at once, over plain SQL, `psql`, `spend_in` and the store, one goes ahead with its job.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f245_a_pass_is_spent_once_whatever_the_driver() {
    let (server, database) = database();
    let store = PgStore::new(pool(server, &database, 8).await);
    store.migrate().await.expect("migrated");
    sqlx::raw_sql("create table jobs (pass uuid, way text)")
        .execute(store.pool())
        .await
        .expect("made");
    for _ in 0..5 {
        let pass = passed(&store, JobId::generate()).await;
        let by_sql = (0..4).map(|_| async {
            let mut own = store.pool().begin().await.expect("begun");
            let said: String = sqlx::query_scalar("select health_spend_pass($1)")
                .bind(pass.id.as_uuid())
                .fetch_one(&mut *own)
                .await
                .expect("answered");
            if said == "spent" {
                let job = "insert into jobs values ($1, 'sql')";
                sqlx::query(job).bind(pass.id.as_uuid()).execute(&mut *own).await.expect("entered");
            }
            own.commit().await.expect("committed");
            said == "spent"
        });
        let by_store = (0..4).map(|_| async {
            let mut own = store.pool().begin().await.expect("begun");
            let job = "insert into jobs values ($1, 'store')";
            sqlx::query(job).bind(pass.id.as_uuid()).execute(&mut *own).await.expect("entered");
            match store.spend_in(&mut own, &pass).await.expect("answered") {
                Spend::Spent(record) => {
                    assert_eq!(record.state, GateState::Spent);
                    own.commit().await.expect("committed");
                    true
                }
                Spend::Refused(_) => {
                    own.rollback().await.expect("undone");
                    false
                }
            }
        });
        let script = format!(
            "with spent as (select health_spend_pass('{0}') as said) insert into jobs \
             select '{0}', 'psql' from spent where said = 'spent'",
            pass.id
        );
        let (name, url) = (database.clone(), script);
        let by_psql = tokio::task::spawn_blocking(move || {
            let output =
                server.command("psql").args(["-d", &name, "-c", &url]).output().expect("run");
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            String::from_utf8_lossy(&output.stdout).contains("INSERT 0 1")
        });
        let (sql, own, psql) = tokio::join!(
            futures_util::future::join_all(by_sql),
            futures_util::future::join_all(by_store),
            by_psql
        );
        let winners =
            sql.into_iter().chain(own).chain([psql.expect("run")]).filter(|won| *won).count();
        let jobs: i64 = sqlx::query_scalar("select count(*) from jobs where pass = $1")
            .bind(pass.id.as_uuid())
            .fetch_one(store.pool())
            .await
            .expect("read");
        assert_eq!((winners, jobs), (1, 1));
        let again = store.spend_pass(pass.id).await.expect("answered");
        assert!(matches!(again, Spend::Refused(SpendRefusal::AlreadySpent)), "{again:?}");
    }
}

/// Sixty-four hosts of two groups race for the last place of each, a third of them by each way.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f280_of_64_racers_one_takes_the_last_place_of_a_group() {
    let (server, database) = database();
    let store = PgStore::new(pool(server, &database, 32).await);
    store.migrate().await.expect("migrated");
    let mut passes = Vec::new();
    for _ in 0..64 {
        passes.push(passed(&store, JobId::generate()).await);
    }
    let members = |passes: &[GatePass]| passes.iter().map(|pass| pass.host_id).collect();
    let group = |name: &str, members| AvailabilityGroup {
        name: name.to_owned(),
        max_unavailable: 1,
        stale_after: Duration::from_secs(600),
        members,
    };
    let groups = vec![group("even", members(&passes[..40])), group("all", members(&passes))];
    store.put_groups(groups.clone()).await.expect("put");
    // Setting the same groups anew opens no gap.
    let again = tokio::spawn({
        let store = store.clone();
        async move {
            loop {
                store.put_groups(groups.clone()).await.expect("put");
            }
        }
    });
    let mut ended = HashSet::new();
    for round in 0..3 {
        let racers = passes.iter().enumerate().map(|(index, pass)| {
            let (store, pass) = (store.clone(), pass.clone());
            tokio::spawn(async move {
                if index % 3 == round {
                    let mut own = store.pool().begin().await.expect("begun");
                    let said: String = sqlx::query_scalar("select health_spend_pass($1)")
                        .bind(pass.id.as_uuid())
                        .fetch_one(&mut *own)
                        .await
                        .expect("answered");
                    own.commit().await.expect("committed");
                    return (said == "spent").then_some(pass.id);
                }
                let spend = match index % 2 {
                    0 => store.spend_pass(pass.id).await.expect("answered"),
                    _ => {
                        let mut own = store.pool().begin().await.expect("begun");
                        let spend = store.spend_in(&mut own, &pass).await.expect("answered");
                        own.commit().await.expect("committed");
                        spend
                    }
                };
                matches!(spend, Spend::Spent(_)).then_some(pass.id)
            })
        });
        let winners = futures_util::future::join_all(racers).await.into_iter();
        let winners: Vec<PassId> = winners.filter_map(|one| one.expect("joined")).collect();
        let [winner] = winners[..] else { panic!("round {round}: {winners:?}") };
        assert!(ended.insert(winner), "a pass was spent twice");
        store.end_host_change(winner, ChangeEnd::Done).await.expect("ended");
    }
    again.abort();
    assert!(again.await.expect_err("it has no end").is_cancelled());
}

/// A transaction that does not see what others commit cannot count a group: it is told so.
#[tokio::test]
async fn f283_a_group_is_not_counted_in_an_old_snapshot() {
    let store = store().await;
    let pass = passed(&store, JobId::generate()).await;
    let group = AvailabilityGroup {
        name: "web".to_owned(),
        max_unavailable: 1,
        stale_after: Duration::from_secs(600),
        members: [pass.host_id].into(),
    };
    store.put_groups(vec![group]).await.expect("put");
    for level in ["repeatable read", "serializable", "read committed"] {
        let mut own = store.pool().begin().await.expect("begun");
        sqlx::raw_sql(sqlx::AssertSqlSafe(format!("set transaction isolation level {level}")))
            .execute(&mut *own)
            .await
            .expect("set");
        let said: Result<String, sqlx::Error> = sqlx::query_scalar("select health_spend_pass($1)")
            .bind(pass.id.as_uuid())
            .fetch_one(&mut *own)
            .await;
        match level {
            "read committed" => assert_eq!(said.expect("answered"), "spent"),
            _ => {
                let refused = said.expect_err("an old snapshot").to_string();
                assert!(refused.contains("read committed"), "{refused}");
            }
        }
    }
}

/// What an application undoes has not happened: the pass can be spent afterwards.
#[tokio::test]
async fn f245_a_spending_that_is_rolled_back_has_not_happened() {
    let store = store().await;
    let pass = passed(&store, JobId::generate()).await;
    let mut own = store.pool().begin().await.expect("begun");
    let spent = store.spend_in(&mut own, &pass).await.expect("answered");
    assert!(matches!(spent, Spend::Spent(_)));
    own.rollback().await.expect("undone");
    let spent = store.spend_pass(pass.id).await.expect("answered");
    assert!(matches!(spent, Spend::Spent(_)));
}
