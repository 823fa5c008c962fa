//! What operations read after a fleet has grown under the plans of a small one (F293).

use std::time::Duration;

use chrono::TimeDelta;
use futures_util::{StreamExt as _, stream};
use healthgate::{
    model::{
        Amount, AvailabilityGroup, ChangeEnd, GateId, GateRequest, HostId, JobId, PassKind,
        RolloutPolicy, VerifyPolicy, WorkerId,
    },
    store::{
        CheckStore, ClaimRequest, GateStep, GateStore, GateTransition, GroupStore, HostClaim,
        LeasedGate, PollQueue, ResultStore, RolloutStore, StoreBase, VerificationStep,
        VerificationStore,
        postgres::{PgStore, pool_options, session_options},
    },
};
use healthgate_testkit::Postgres;
use sqlx::postgres::PgConnectOptions;
use uuid::Uuid;

use crate::postgres::support::{LEASE, Random, completion, figure, hour, pass_of, step, until};

/// The number of hosts after the growth, with two checks each and a gate for each second one.
const HOSTS: u32 = 3_000;
/// The maximum size of a batch.
const BATCH: u32 = 100;
/// The number of pages that an operation may read, and further ones for each of its rows. All tables together have
/// some thousands, so that an operation that reads one of them for each of its rows is far above.
const PAGES: i64 = 1_500;
const PAGES_OF_A_ROW: i64 = 40;

/// A store whose only connection tells what it reads.
struct Reader {
    store: PgStore,
    job: JobId,
    worker: WorkerId,
    /// Whether what an operation reads is judged.
    judged: bool,
    /// Operations that read too much.
    faults: Vec<String>,
    operations: u32,
}

impl Reader {
    async fn pages(&self) -> i64 {
        let query = "select coalesce(sum(coalesce(heap_blks_hit, 0) + coalesce(heap_blks_read, 0) \
                     + coalesce(idx_blks_hit, 0) + coalesce(idx_blks_read, 0)), 0)::bigint \
                     from pg_statio_user_tables where relname like $1";
        figure(&self.store, "%", query).await
    }

    /// Runs an operation over so many rows.
    async fn run<T>(&mut self, name: &str, rows: usize, operation: impl Future<Output = T>) -> T {
        let before = self.pages().await;
        let answer = operation.await;
        let pages = self.pages().await - before;
        self.operations += 1;
        let most = PAGES + PAGES_OF_A_ROW * i64::try_from(rows).expect("few");
        if self.judged && pages > most {
            self.faults.push(format!("{name} reads {pages} pages for {rows} rows, at most {most}"));
        }
        answer
    }

    /// Runs each operation of the hot paths once, over what is there.
    async fn round(&mut self, random: &mut Random) {
        let (store, worker, job) = (self.store.clone(), self.worker, self.job);
        let limit = 1 + u32::try_from(random.below(u64::from(BATCH))).expect("small");
        let rows = limit as usize;
        let request = ClaimRequest::new(worker, limit, LEASE);
        let claims = self.run("claim_hosts", rows, store.claim_hosts(request)).await;
        let claims = claims.expect("claimed");
        let hosts: Vec<HostId> = claims.hosts.iter().map(|claim| claim.host_id).collect();
        let due = claims.now + TimeDelta::milliseconds(1);
        let done = |claim: &HostClaim| completion(claim, claims.now, due);
        let batch: Vec<_> = claims.hosts.iter().map(done).collect();
        self.run("complete_hosts", rows, store.complete_hosts(worker, batch))
            .await
            .expect("completed");
        self.read(&hosts).await;
        let gates = self.run("claim_gates", rows, store.claim_gates(worker, limit, LEASE)).await;
        let gates = gates.expect("claimed").gates;
        self.settle(&gates).await;
        self.change(&gates).await;
        self.verify(limit).await;
        self.run("changes_of", HOSTS as usize, store.changes_of(job)).await.expect("read");
        self.run("rollouts", HOSTS as usize, store.rollouts(&[job])).await.expect("read");
        self.run("backlog", HOSTS as usize, store.backlog()).await.expect("read");
        let left: Vec<(GateId, i64)> =
            gates.iter().skip(10).map(|gate| (gate.record.id, gate.token)).collect();
        self.run("release_gates", rows, store.release_gates(worker, &left))
            .await
            .expect("released");
    }

    /// Reads what is known of hosts.
    async fn read(&mut self, hosts: &[HostId]) {
        let (store, rows, stale) = (self.store.clone(), hosts.len(), Duration::from_secs(600));
        self.run("checks_of", rows, store.checks_of(hosts)).await.expect("read");
        self.run("states", rows, store.states(hosts)).await.expect("read");
        self.run("views", rows, store.views(hosts, stale)).await.expect("read");
        self.run("summaries", rows, store.summaries(hosts, stale)).await.expect("read");
        self.run("host_changes", rows, store.host_changes(hosts)).await.expect("read");
        self.run("holders_of", rows, store.holders_of(hosts)).await.expect("read");
        self.run("groups_of", HOSTS as usize, store.groups_of(hosts)).await.expect("read");
    }

    /// Writes a step of each gate, and passes for ten of them.
    async fn settle(&mut self, gates: &[LeasedGate]) {
        let now = self.store.now().await.expect("the time");
        let steps = gates.iter().enumerate().map(|(number, gate)| {
            let pass = (number < 10)
                .then(|| GateTransition::Pass(pass_of(gate, self.worker, PassKind::NoChecks, now)));
            GateStep { transition: pass, next_attempt_at: Some(now), ..step(gate, now) }
        });
        let (store, steps): (_, Vec<_>) = (self.store.clone(), steps.collect());
        let settled = store.settle_gates(self.worker, steps);
        assert!(self.run("settle_gates", gates.len(), settled).await.expect("settled").is_empty());
        let ids: Vec<GateId> = gates.iter().map(|gate| gate.record.id).collect();
        self.run("attempts_of", ids.len(), store.attempts_of(&ids)).await.expect("read");
        self.run("watch_gates", HOSTS as usize, store.watch_gates(self.worker, None))
            .await
            .expect("read");
    }

    /// Spends the passes of gates, and ends the changes.
    async fn change(&mut self, gates: &[LeasedGate]) {
        let store = self.store.clone();
        for gate in gates.iter().take(10) {
            let (job, host) = (gate.record.job_id, gate.record.host_id);
            let stored = self.run("gate", 1, store.gate(job, host)).await.expect("read");
            let Some(pass) = stored.and_then(|gate| gate.pass) else { continue };
            // The limit of the host's group is counted over all of its members.
            self.run("spend_pass", HOSTS as usize, store.spend_pass(pass.id)).await.expect("spent");
            let end = ChangeEnd::Verify(VerifyPolicy::default());
            // A refused pass has begun no change.
            let _ = self.run("end_host_change", 1, store.end_host_change(pass.id, end)).await;
        }
    }

    async fn verify(&mut self, limit: u32) {
        let (store, rows) = (self.store.clone(), limit as usize);
        let claimed = store.claim_verifications(limit, LEASE);
        let claimed = self.run("claim_verifications", rows, claimed).await.expect("claimed");
        for claim in claimed.claims {
            let mut verification = claim.change.verification.clone().expect("it is verified");
            verification.next_at = Some(claimed.time.at);
            let (pass_id, token) = (claim.change.pass_id, claim.token);
            let step = VerificationStep { pass_id, token, verification, results: Vec::new() };
            let settled = store.settle_verification(step);
            assert!(self.run("settle_verification", 1, settled).await.expect("settled"));
        }
    }
}

/// Adds hosts with two checks each, and gates of one job for some of them.
async fn grow(store: &PgStore, job: JobId, hosts: u32, gates: u32) -> Vec<HostId> {
    let window = hour(store).await;
    let ids: Vec<HostId> = (0..hosts).map(|_| HostId::generate()).collect();
    sqlx::query(
        "with made as (insert into host_health_checks (host_id, name, check_type, service_name) \
             select host, 'unit ' || number, 'service', 'sshd' \
             from unnest($1::uuid[]) host, generate_series(1, 2) number returning host_id) \
         insert into health_schedule (host_id, next_due) select distinct host_id, now() from made",
    )
    .bind(ids.iter().map(HostId::as_uuid).collect::<Vec<Uuid>>())
    .execute(store.pool())
    .await
    .expect("made");
    let open = |host: &HostId| {
        let request = GateRequest::new(job, *host, window);
        async move { store.open_gate(request).await.expect("opened") }
    };
    let opened = stream::iter(ids.iter().take(gates as usize).map(open)).buffer_unordered(4);
    assert_eq!(opened.count().await, gates as usize);
    ids
}

/// Prepared statements outlive the size that the tables had when they were planned. An operation of any kind must not
/// read a table for each of its rows, however much larger it has become since.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f293_no_operation_reads_a_table_for_each_row_after_the_fleet_has_grown() {
    let seed = u64::from_ne_bytes(*Uuid::now_v7().as_bytes().last_chunk().expect("long enough"));
    println!("seed {seed}");
    let mut random = Random(seed);
    // Nothing analyses the tables in between, as nothing does within the first minute on a server of its own.
    let server = Postgres::builder().with_setting("autovacuum", "off").start().expect("a server");
    let database = server.create_database().expect("a database");
    let options: PgConnectOptions = server.url(&database).parse().expect("a URL");
    let connect = async |connections| {
        let pool = pool_options(connections).connect_with(session_options(options.clone()));
        PgStore::new(pool.await.expect("connected"))
    };
    let others = connect(4).await;
    others.migrate().await.expect("migrated");
    sqlx::raw_sql("vacuum analyze").execute(others.pool()).await.expect("analysed");
    let (job, worker) = (JobId::generate(), WorkerId::generate());
    let everything = RolloutPolicy {
        stages: Vec::new(),
        max_in_flight: Amount::Percent(100),
        failure_budget: Amount::Percent(100),
    };
    others.open_rollout(job, HOSTS, everything).await.expect("opened");
    let mut reader = Reader {
        store: connect(1).await,
        job,
        worker,
        judged: false,
        faults: Vec::new(),
        operations: 0,
    };
    for _ in 0..8 {
        grow(&others, job, 3, 2).await;
        reader.round(&mut random).await;
    }
    let hosts = grow(&others, job, HOSTS, HOSTS / 2).await;
    let group = AvailabilityGroup {
        name: "web".to_owned(),
        max_unavailable: HOSTS,
        stale_after: Duration::from_secs(600),
        members: hosts.into_iter().collect(),
    };
    others.put_groups(vec![group]).await.expect("put");
    // Another worker has polled all of them once.
    let stranger = WorkerId::generate();
    loop {
        let request = ClaimRequest::new(stranger, 500, LEASE);
        let claims = others.claim_hosts(request).await.expect("claimed");
        if claims.hosts.is_empty() {
            break;
        }
        let due = claims.now + TimeDelta::minutes(1);
        let batch = claims.hosts.iter().map(|claim| completion(claim, claims.now, due)).collect();
        others.complete_hosts(stranger, batch).await.expect("completed");
    }
    let again = "update health_schedule set next_due = now() - interval '1 second'";
    sqlx::raw_sql(again).execute(others.pool()).await.expect("due again");
    // A session tells the statistics of what it has read late, at the latest when it ends.
    others.pool().close().await;
    let alone = "select count(*) = 0 from pg_stat_activity \
                 where datname = current_database() and pid <> pg_backend_pid()";
    until(reader.store.pool(), alone).await;
    reader.judged = true;
    for _ in 0..5 {
        reader.round(&mut random).await;
    }
    println!("{} operations", reader.operations);
    reader.faults.sort();
    assert!(reader.faults.is_empty(), "seed {seed}:\n{}", reader.faults.join("\n"));
}
