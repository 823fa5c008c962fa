//! The database's clock was ahead and is put right.

use chrono::{DateTime, TimeDelta, Utc};
use healthgate::{
    model::{ChangeEnd, HostChangeState, HostId, JobId},
    store::{GateStore, Spend, StoreBase, postgres::PgStore},
};

use super::support::{LEASE, database, passed, pool};

/// Changes of hosts and leases of gates that a fast clock has dated do not last until their date.
#[tokio::test]
async fn f173_what_was_dated_ahead_is_put_back_with_the_clock() {
    let (server, name) = database();
    let pool = pool(server, &name, 4).await;
    let store = PgStore::new(pool.clone());
    store.migrate().await.unwrap();
    let mut passes = Vec::new();
    for _ in 0..2 {
        let pass = passed(&store, JobId::generate()).await;
        assert!(matches!(store.spend_pass(pass.id).await.unwrap(), Spend::Spent(_)));
        passes.push(pass);
    }
    store.end_host_change(passes[0].id, ChangeEnd::Done).await.unwrap();
    for ahead in [
        "update health_changes set started_at = started_at + interval '6 h', \
         ended_at = ended_at + interval '6 h'",
        "update health_gate_leases set lease_until = lease_until + interval '6 h'",
    ] {
        sqlx::query(ahead).execute(&pool).await.unwrap();
    }
    let seen = store.read_clock().await.unwrap().epoch;
    store.begin_epoch(seen).await.unwrap();
    let now = store.now().await.unwrap();
    let hosts: Vec<HostId> = passes.iter().map(|pass| pass.host_id).collect();
    let changes = store.host_changes(&hosts).await.unwrap();
    assert_eq!(changes.len(), 2);
    for change in changes {
        assert!(change.started_at <= now && change.ended_at.is_none_or(|at| at <= now));
        let ended = change.pass_id == passes[0].id;
        assert_eq!(change.state == HostChangeState::Ended, ended);
        assert_eq!(change.ended_at.is_some(), ended);
    }
    let leases: Vec<DateTime<Utc>> =
        sqlx::query_scalar("select lease_until from health_gate_leases")
            .fetch_all(&pool)
            .await
            .unwrap();
    let longest = now + TimeDelta::from_std(LEASE).unwrap();
    assert!(!leases.is_empty() && leases.iter().all(|lease| *lease <= longest), "{leases:?}");
}
