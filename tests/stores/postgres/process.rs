//! Worker processes: this test program started again, on the database that its environment names.

use std::{
    env,
    process::{Child, Command, Stdio},
    time::Duration,
};

use chrono::TimeDelta;
use healthgate::{
    model::WorkerId,
    store::{ClaimRequest, PollQueue, postgres::PgStore},
};
use sqlx::postgres::PgPoolOptions;

const URL: &str = "HEALTHGATE_TEST_WORKER_URL";

/// Starts a worker process on a database.
pub(crate) fn start(url: &str) -> Child {
    let program = env::current_exe().expect("this program");
    Command::new(program)
        .args(["postgres::process::a_worker_process", "--exact", "--nocapture"])
        .env(URL, url)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .expect("started")
}

/// No test by itself: what a started process does. Without a database it does nothing.
#[test]
fn a_worker_process() {
    let Ok(url) = env::var(URL) else { return };
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let options = PgPoolOptions::new().max_connections(2);
        share(&PgStore::new(options.connect(&url).await.expect("connected"))).await;
    });
}

/// Polls with a short lease, as fast as it goes, until it is killed.
async fn share(store: &PgStore) {
    let worker = WorkerId::generate();
    loop {
        let request = ClaimRequest::new(worker, 50, Duration::from_secs(2));
        let claims = store.claim_hosts(request).await.expect("claimed");
        let next = claims.now + TimeDelta::hours(1);
        let done = |claim| crate::postgres::support::completion(claim, claims.now, next);
        let batch = claims.hosts.iter().map(done).collect();
        // As a run takes its time: whoever is killed holds something.
        tokio::time::sleep(Duration::from_millis(20)).await;
        store.complete_hosts(worker, batch).await.expect("completed");
    }
}
