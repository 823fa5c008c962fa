//! A replica takes the place of its primary, without the primary's last commits.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use chrono::TimeDelta;
use healthgate::{
    model::{GatePass, HostId, JobId, PassId, WorkerId},
    store::{
        GateStore, HostClaim, HostCompletion, PollQueue, Spend, SpendRefusal, StoreBase,
        postgres::{PgStore, pool_options, session_options},
    },
};
use healthgate_testkit::{Postgres, Proxy, Stop};
use sqlx::postgres::PgConnectOptions;

use crate::postgres::{
    support::{claim, completion, long, passed, pool, until},
    volume::make_hosts,
};

const HOSTS: u32 = 100;

/// What patches hosts: it goes by the id of the pass that it is told to act on.
#[derive(Default)]
struct Dispatcher(HashSet<PassId>);

impl Dispatcher {
    /// Whether it went ahead.
    fn dispatch(&mut self, pass: &GatePass) -> bool {
        self.0.insert(pass.id)
    }
}

fn tokens(claims: &[HostClaim]) -> HashMap<HostId, i64> {
    claims.iter().map(|claim| (claim.host_id, claim.token)).collect()
}

async fn results(store: &PgStore) -> i64 {
    let results = "select count(*) from host_health_check_results";
    sqlx::query_scalar(results).fetch_one(store.pool()).await.expect("read")
}

/// F52: claims, results and a spent pass that the replica never saw are gone with the primary. Tokens are given
/// again, even of the same host; whoever held one before is refused all the same, and no pass moves anything twice.
async fn a_replica_takes_over() {
    let primary = Postgres::builder().with_replicas().start().expect("started");
    let database = primary.create_database().expect("made");
    let proxy = Proxy::to(primary.port()).await.expect("bound");
    let options = PgConnectOptions::new().host("127.0.0.1").port(proxy.port()).username("postgres");
    let options = session_options(options.database(&database));
    let store = PgStore::new(pool_options(4).connect_with(options).await.expect("connected"));
    store.migrate().await.expect("migrated");
    make_hosts(&store, i64::from(HOSTS)).await;
    let job = JobId::generate();
    let pass = passed(&store, job).await;
    let replica = Postgres::builder().with_primary(&primary).start().expect("started");
    let at_replica = pool(&replica, &database, 1).await;

    // The replica has all so far, and gets nothing any more.
    let caught_up = "select count(*) = 1 from pg_stat_replication \
                     where replay_lsn = pg_current_wal_lsn()";
    until(store.pool(), caught_up).await;
    let deaf = "alter system set primary_conninfo = ''";
    replica.sql("postgres", deaf).expect("set");
    replica.sql("postgres", "select pg_reload_conf()").expect("told");
    until(&at_replica, "select count(*) = 0 from pg_stat_wal_receiver").await;
    at_replica.close().await;

    // The replica knows of tokens ahead; they are used up, so that both give the same ones next.
    let last = "select last_value from health_tokens";
    let ahead: i64 = replica.sql(&database, last).expect("read").parse().expect("a number");
    sqlx::query("select setval('health_tokens', $1)")
        .bind(ahead)
        .execute(store.pool())
        .await
        .expect("set");
    let zombie = WorkerId::generate();
    let lost = claim(&store, zombie, HOSTS).await;
    let now = store.now().await.expect("the time");
    let next_due = now + TimeDelta::hours(1);
    let done = |claims: &[HostClaim], at| -> Vec<HostCompletion> {
        claims.iter().map(|claim| completion(claim, at, next_due)).collect()
    };
    let (early, late) = lost.split_at(lost.len() / 2);
    let completed = store.complete_hosts(zombie, done(early, now)).await.expect("completed");
    assert!(completed.fenced.is_empty());
    let mut dispatcher = Dispatcher::default();
    assert!(matches!(store.spend_pass(pass.id).await, Ok(Spend::Spent(_))));
    assert!(dispatcher.dispatch(&pass));

    primary.stop(Stop::Crash).expect("stopped");
    replica.promote().expect("promoted");
    proxy.lead_to(replica.port());
    let answers = async {
        while store.now().await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), answers).await.expect("it goes on");
    assert_eq!(results(&store).await, 0, "what was recorded last is lost");

    let worker = WorkerId::generate();
    let claims = claim(&store, worker, HOSTS).await;
    assert_eq!(claims.len(), lost.len(), "the lost claims hold up nobody");
    let (before, after) = (tokens(&lost), tokens(&claims));
    let again = after.iter().filter(|(host, token)| before.get(host) == Some(token)).count();
    assert!(again > 0, "a token of a host was given twice: {before:?}, {after:?}");
    for held in [early, late] {
        let refused = store.complete_hosts(zombie, done(held, now)).await.expect("answered");
        assert_eq!(refused.fenced.len(), held.len(), "the owner is asked too");
    }
    assert_eq!(results(&store).await, 0);
    let now = store.now().await.expect("the time");
    let completed = store.complete_hosts(worker, done(&claims, now)).await.expect("completed");
    assert_eq!((completed.fenced.len(), completed.dropped), (0, 0));
    assert_eq!(results(&store).await, i64::from(HOSTS), "each once");

    let Ok(Spend::Spent(gate)) = store.spend_pass(pass.id).await else {
        panic!("that it was spent is lost too");
    };
    let spent = gate.pass.expect("it has one");
    assert!(!dispatcher.dispatch(&spent), "the same pass moves nothing twice");
    let third = store.spend_pass(pass.id).await.expect("answered");
    assert!(matches!(third, Spend::Refused(SpendRefusal::AlreadySpent)), "{third:?}");
}

/// Once; ten times in the long form.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f52_a_promoted_replica_refuses_what_it_never_knew_of() {
    for _ in 0..if long() { 10 } else { 1 } {
        a_replica_takes_over().await;
    }
}
