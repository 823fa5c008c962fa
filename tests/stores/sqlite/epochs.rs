//! The clock was ahead and is put right.

use std::{sync::Arc, time::Duration};

use chrono::{TimeDelta, Utc};
use healthgate::{
    clock::{Clock, ManualClock},
    model::{ChangeEnd, HostChangeState, HostId, WorkerId},
    store::{GateStore, Spend},
};

use super::support::{Folder, LEASE, held_gate, pass_of, settle_pass};

/// Changes of hosts and leases of gates that a fast clock has dated do not last until their date.
#[tokio::test]
async fn f173_what_was_dated_ahead_is_put_back_with_the_clock() {
    let folder = Folder::new();
    let clock = ManualClock::new(Utc::now());
    let store = folder.store().await.with_clock(Arc::new(clock.clone()));
    let (dead, hosts) = (WorkerId::generate(), [HostId::generate(), HostId::generate()]);
    // The first claim makes the mark of the right clock.
    held_gate(&store, dead, HostId::generate()).await;
    clock.step_wall(TimeDelta::hours(6));
    let mut passes = Vec::new();
    for host in hosts {
        let gate = held_gate(&store, dead, host).await;
        let pass = pass_of(&gate, dead);
        assert_eq!(settle_pass(&store, dead, &gate, &pass).await.unwrap(), []);
        assert!(matches!(store.spend_pass(pass.id).await.unwrap(), Spend::Spent(_)));
        passes.push(pass);
    }
    store.end_host_change(passes[0].id, ChangeEnd::Done).await.unwrap();
    held_gate(&store, dead, HostId::generate()).await;
    clock.step_wall(TimeDelta::hours(-6));
    let other = WorkerId::generate();
    assert!(store.claim_gates(other, 10, LEASE).await.unwrap().gates.is_empty(), "held");
    let now = clock.now();
    for change in store.host_changes(&hosts).await.unwrap() {
        assert!(change.started_at <= now && change.ended_at.is_none_or(|at| at <= now));
        let ended = change.host_id == hosts[0];
        assert_eq!(
            (change.state == HostChangeState::Ended, change.ended_at.is_some()),
            (ended, ended)
        );
    }
    clock.advance(Duration::from_secs(61));
    let taken = store.claim_gates(other, 10, LEASE).await.unwrap().gates;
    assert_eq!(taken.len(), 2, "the gates of a worker that is gone");
}
