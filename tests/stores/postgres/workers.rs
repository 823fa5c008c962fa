//! Real processes that share a database. Kills at every named point: `tests/stores/crash`.

use std::process::Child;

use healthgate::store::{PollQueue, postgres::PgStore};

use crate::postgres::{
    process,
    support::{database, long, pool, until},
    volume::make_hosts,
};

/// F66: of three worker processes one is killed; what it held is polled by the others when its
/// lease has ended, and nothing else is polled twice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f66_three_processes_share_the_work_of_one_that_dies() {
    let hosts = if long() { 10_000 } else { 1_500 };
    let (server, database) = database();
    let store = PgStore::new(pool(server, &database, 2).await);
    store.migrate().await.expect("migrated");
    make_hosts(&store, hosts).await;
    let mut workers: Vec<Child> = (0..3).map(|_| process::start(&server.url(&database))).collect();
    let under_way = "select count(*) > 100 from host_health_check_results";
    until(store.pool(), under_way).await;
    let mut victim = workers.remove(0);
    victim.kill().expect("killed");
    victim.wait().expect("ended");
    let all = "select (select count(*) from health_states) = \
               (select count(*) from host_health_checks)";
    until(store.pool(), all).await;
    let (results, held): (i64, i64) = sqlx::query_as(
        "select (select count(*) from host_health_check_results), \
         (select count(*) from health_schedule where owner is not null)",
    )
    .fetch_one(store.pool())
    .await
    .expect("read");
    assert_eq!((results, held), (hosts, 0), "each once: what the dead one held was not recorded");
    for mut worker in workers {
        worker.kill().expect("killed");
        worker.wait().expect("ended");
    }
}

/// A dump that is made in the middle of polling restores, and polling goes on there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dump_made_while_polling_restores_and_goes_on() {
    let (server, database) = database();
    let store = PgStore::new(pool(server, &database, 2).await);
    store.migrate().await.expect("migrated");
    make_hosts(&store, 3_000).await;
    let mut worker = process::start(&server.url(&database));
    until(store.pool(), "select count(*) > 200 from health_states").await;
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("dump");
    let dumped = server.command("pg_dump").args(["-Fc", "-d", &database, "-f"]).arg(&file).status();
    assert!(dumped.expect("run").success());
    worker.kill().expect("killed");
    worker.wait().expect("ended");
    let restored = server.create_database().expect("made");
    let done = server.command("pg_restore").args(["-e", "-d", &restored]).arg(&file).status();
    assert!(done.expect("run").success());
    let copy = PgStore::new(pool(server, &restored, 2).await);
    copy.migrate().await.expect("nothing is left to do");
    let equal = "select (select count(*) from health_states) = \
                 (select count(*) from host_health_check_results)";
    let equal: bool = sqlx::query_scalar(equal).fetch_one(copy.pool()).await.expect("read");
    assert!(equal, "the dump is of one instant");
    assert!(copy.backlog().await.expect("read").due > 0, "there is work left");
    let mut worker = process::start(&server.url(&restored));
    until(copy.pool(), "select count(*) = 3000 from health_states").await;
    worker.kill().expect("killed");
    worker.wait().expect("ended");
}
