//! Several worker processes on one file (F61).

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    thread,
    time::Duration,
};

use chrono::TimeDelta;
use healthgate::{
    clock::SystemClock,
    model::{AuditAction, CheckId, HostId, WorkerId},
    store::{ClaimRequest, HostCompletion},
    testing::fixtures,
};

use crate::crash::{place::Place, point::Trigger};

const HOSTS: u128 = 300;
const PROCESSES: usize = 3;

/// How many processes have claimed something so far.
fn claimers(place: &Place) -> usize {
    let lines = place.logged();
    let claimed = lines.iter().filter_map(|line| line.strip_prefix("claimed "));
    claimed.collect::<BTreeSet<_>>().len()
}

/// Claims hosts until none is left; nothing where this is no worker.
#[test]
#[ignore = "a worker process, started by the test below"]
fn claimer() {
    let Some(place) = Place::of_worker() else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let opened = place.database.open(Arc::new(SystemClock), Arc::new(Trigger::new(None))).await;
        let store = &opened.store;
        let worker = WorkerId::generate();
        loop {
            let lease = Duration::from_secs(600);
            let request = ClaimRequest::new(worker, 3, lease);
            let claims = store.claim_hosts(request).await.unwrap();
            if claims.hosts.is_empty() {
                break;
            }
            let mut batch = Vec::new();
            place.log(&format!("claimed {worker}"));
            // Nobody takes a second block before everybody has had a first one.
            while claimers(&place) < PROCESSES {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            for held in claims.hosts {
                place.log(&format!("{worker} {}", held.host_id));
                let ok = healthgate::model::ReasonCode::Ok;
                batch.push(HostCompletion::new(
                    &held,
                    claims.now + TimeDelta::hours(1),
                    held.checks
                        .iter()
                        .map(|check| fixtures::result(check, ok, claims.now))
                        .collect(),
                ));
            }
            let completed = store.complete_hosts(worker, batch).await.unwrap();
            assert_eq!((completed.fenced.len(), completed.dropped), (0, 0));
        }
        opened.close().await;
    });
}

/// F61, F67: three processes share the hosts of one file; each host is run once.
#[test]
fn f61_three_processes_on_one_file_run_every_host_once() {
    let place = Place::on_sqlite();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let opened = place.database.open(Arc::new(SystemClock), Arc::new(Trigger::new(None))).await;
        let store = &opened.store;
        for number in 0..HOSTS {
            let (id, host) = (CheckId::generate(), fixtures::host(number));
            let insert = fixtures::http_check(id, host, "web", "http://a.example/");
            let entry = fixtures::audit(AuditAction::HealthCheckCreated);
            store.insert_check(insert, entry).await.unwrap();
        }
        opened.close().await;
    });
    thread::scope(|scope| {
        for _ in 0..PROCESSES {
            scope.spawn(|| {
                let output = place.run("crash::share::claimer", None, Duration::ZERO);
                let said = String::from_utf8_lossy(&output.stdout).into_owned();
                assert!(output.status.success(), "{said}");
            });
        }
    });
    let mut by_host: BTreeMap<HostId, u32> = BTreeMap::new();
    let mut by_worker: BTreeMap<String, u32> = BTreeMap::new();
    for line in place.logged().iter().filter(|line| !line.starts_with("claimed ")) {
        let (worker, host) = line.split_once(' ').unwrap();
        *by_host.entry(host.parse().unwrap()).or_default() += 1;
        *by_worker.entry(worker.to_owned()).or_default() += 1;
    }
    assert_eq!(by_host.len(), usize::try_from(HOSTS).unwrap());
    assert!(by_host.values().all(|runs| *runs == 1), "a host was run twice");
    assert_eq!(by_worker.len(), PROCESSES, "{by_worker:?}");
}
