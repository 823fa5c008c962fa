//! Summaries are kept beside the states that they sum up: both must say the same, whoever writes at once.

use std::time::Duration;

use chrono::TimeDelta;
use healthgate::{
    model::{
        AuditAction, Damping, GateRequest, HostId, HostStatus, HostSummary, JobId, ReasonCode,
        Window, WorkerId,
    },
    store::{
        CheckStore, GateStore, LeasedGate, PollQueue, ResultStore, StoreBase, postgres::PgStore,
    },
    testing::fixtures::{audit, result},
};

use crate::postgres::support::{
    LEASE, claim, completion, database, long, make_check, pool, step, store, touch,
};

const FRESH: Duration = Duration::from_secs(600);

/// The summary, once it is held against the views.
async fn summary(store: &PgStore, host: HostId) -> HostSummary {
    let summary = store.summaries(&[host], FRESH).await.expect("read").remove(0);
    let views = store.views(&[host], FRESH).await.expect("read");
    assert_eq!(summary, HostSummary::of(host, &views));
    summary
}

async fn gate(store: &PgStore, host: HostId, worker: WorkerId) -> LeasedGate {
    let now = store.now().await.expect("the time");
    let window = Window::lasting(now, TimeDelta::hours(1)).expect("a window");
    store.open_gate(GateRequest::new(JobId::generate(), host, window)).await.expect("opened");
    let gates = store.claim_gates(worker, 1_000, LEASE).await.expect("claimed").gates;
    gates.into_iter().find(|gate| gate.record.host_id == host).expect("claimed")
}

/// A run ends, a gate records, and a check is edited, all of one host at the same time; also the very first results,
/// for which there are no states yet.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn summaries_and_states_agree_after_every_race() {
    let store = store().await;
    for round in 0..if long() { 500 } else { 60 } {
        let host = HostId::generate();
        let polled = make_check(&store, host, "polled").await;
        let gated = make_check(&store, host, "gated").await;
        let edited = make_check(&store, host, "edited").await;
        let (worker, runner) = (WorkerId::generate(), WorkerId::generate());
        let gate = gate(&store, host, runner).await;
        let held = claim(&store, worker, 1_000).await;
        let held = held.into_iter().find(|held| held.host_id == host).expect("claimed");
        let now = store.now().await.expect("the time");
        // Due again only when it is claimed no more, so that each round has its own host.
        let mut done = completion(&held, now, now + TimeDelta::days(1));
        done.results.retain(|result| result.check_id != gated.id);
        let mut step = step(&gate, now);
        step.results = vec![result(&gated, ReasonCode::Status, now)];
        let edit = async {
            // Of three rounds one has no edit: then the two recordings alone race.
            if round % 3 > 0 {
                let entry = audit(AuditAction::HealthCheckUpdated);
                store.update_check(touch(&edited), entry).await.expect("updated");
            }
        };
        let (completed, fenced, ()) = tokio::join!(
            store.complete_hosts(worker, vec![done]),
            store.settle_gates(runner, vec![step]),
            edit,
        );
        assert!(completed.expect("completed").fenced.is_empty());
        assert!(fenced.expect("settled").is_empty());
        let seen = summary(&store, host).await;
        assert_eq!((seen.total, seen.unhealthy), (3, 1), "round {round}, {}", polled.id);
    }
}

/// What is kept is damped as the states are.
#[tokio::test]
async fn a_kept_summary_is_damped() {
    let (server, database) = database();
    let damping = Damping { unhealthy_after: 2, healthy_after: 3 };
    let store = PgStore::new(pool(server, &database, 2).await).with_damping(damping);
    store.migrate().await.expect("migrated");
    let host = HostId::generate();
    let check = make_check(&store, host, "sshd").await;
    let start = store.now().await.expect("the time") - TimeDelta::seconds(60);
    use HostStatus::{Healthy, Unhealthy};
    use ReasonCode::{Ok, Status};
    let runs = [
        (Ok, Healthy),
        (Status, Healthy),
        (Status, Unhealthy),
        (Ok, Unhealthy),
        (Ok, Unhealthy),
        (Ok, Healthy),
    ];
    for ((reason, expected), second) in runs.into_iter().zip(0..) {
        let at = start + TimeDelta::seconds(second);
        crate::postgres::support::record(&store, reason, at).await;
        assert_eq!(summary(&store, host).await.status, expected, "run {second}");
    }
    let edited = store.update_check(touch(&check), audit(AuditAction::HealthCheckUpdated)).await;
    edited.expect("updated");
    assert_eq!(summary(&store, host).await.status, HostStatus::Unknown);
}

/// A run keeps its summary in the schedule row, and a change of the checks voids it there.
#[tokio::test]
async fn a_run_keeps_and_a_change_voids() {
    let store = store().await;
    let host = HostId::generate();
    let check = make_check(&store, host, "sshd").await;
    let kept = async || -> Option<i32> {
        let kept = "select total from health_schedule where host_id = $1";
        let kept = sqlx::query_scalar(kept).bind(host.as_uuid());
        kept.fetch_one(store.pool()).await.expect("read")
    };
    assert_eq!(kept().await, None);
    let now = store.now().await.expect("the time");
    crate::postgres::support::record(&store, ReasonCode::Ok, now).await;
    assert_eq!(kept().await, Some(1));
    store
        .update_check(touch(&check), audit(AuditAction::HealthCheckUpdated))
        .await
        .expect("updated");
    assert_eq!(kept().await, None);
}
