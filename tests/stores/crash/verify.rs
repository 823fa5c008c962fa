//! What must hold once the life has come to its end, however often it was cut.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};

use healthgate::{
    crypto::{KeyRing, SealContext, Sealer},
    model::{
        AttemptOutcome, AuditAction, CheckId, EndReason, GateState, HealthCheck, HostId, PassKind,
        VerificationState, WorkerId,
    },
    store::{AuditFilter, ClaimRequest, Store},
    testing::fixtures,
};

use crate::crash::{
    life::{CANCELLED, FAILING, FORGOTTEN, HALTED_JOB, HEALTHY, HOSTS, group, key},
    place::{Place, ShiftedClock},
    point::Trigger,
};

macro_rules! must {
    ($holds:expr, $($word:tt)+) => {
        if !$holds {
            return Err(format!($($word)+));
        }
    };
}

/// Holds what is stored against what must be.
pub(crate) fn verify(place: &Place) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        place.database.let_time_pass().await;
        place.database.is_sound().await?;
        // A day later nothing is under a lease, and all is due.
        let clock = Arc::new(ShiftedClock(Duration::from_secs(24 * 3600)));
        let opened = place.database.open(clock, Arc::new(Trigger::new(None))).await;
        let store = opened.store.as_ref();
        let checks = store.checks_of(&HOSTS).await.unwrap();
        no_lost_check(place, store, &checks).await?;
        no_stuck_gate(store).await?;
        no_double_pass(place, store).await?;
        no_half_rotation(store, &checks).await?;
        no_half_write(store, &checks).await?;
        opened.close().await;
        Ok(())
    })
}

async fn no_lost_check(
    place: &Place,
    store: &dyn Store,
    checks: &[HealthCheck],
) -> Result<(), String> {
    let named: Vec<(HostId, &str)> =
        checks.iter().map(|check| (check.host_id, &*check.definition.name)).collect();
    let web = "web";
    let expected = [(HEALTHY, web), (HEALTHY, "mail, renamed"), (FAILING, web), (CANCELLED, web)];
    must!(named == expected, "the checks are {named:?}");
    let records = store.audit_page(&AuditFilter::default(), None, 1_000).await.unwrap();
    let gone: BTreeSet<CheckId> = records
        .iter()
        .filter(|record| {
            record.action == AuditAction::HealthCheckDeleted || record.host_id == Some(FORGOTTEN)
        })
        .filter_map(|record| record.check_id)
        .collect();
    let there: BTreeSet<CheckId> = checks.iter().map(|check| check.id).collect();
    for made in place.logged().iter().filter_map(|line| line.strip_prefix("made ")) {
        let made: CheckId = made.parse().unwrap();
        must!(there.contains(&made) || gone.contains(&made), "{made} was answered, and is lost");
    }

    let states = store.states(&HOSTS).await.unwrap();
    must!(states.len() == checks.len(), "{} of {} checks have run", states.len(), checks.len());
    for state in &states {
        let latest = &state.latest;
        let page = store.history(latest.host_id, latest.check_id, None, 1_000).await.unwrap();
        must!(page.results.first() == Some(latest), "a state is not that of its newest result");
    }
    let request = ClaimRequest::new(WorkerId::generate(), 100, Duration::from_secs(60));
    let due: BTreeSet<HostId> =
        store.claim_hosts(request).await.unwrap().hosts.iter().map(|held| held.host_id).collect();
    must!(due == BTreeSet::from(HOSTS), "of all hosts only {due:?} would be polled again");
    Ok(())
}

async fn no_stuck_gate(store: &dyn Store) -> Result<(), String> {
    let expected = [
        (1, HEALTHY, GateState::Spent, Some(PassKind::Healthy), None),
        (2, FAILING, GateState::Spent, Some(PassKind::Overridden), None),
        (3, CANCELLED, GateState::Cancelled, None, Some(EndReason::JobCancelled)),
        (4, FORGOTTEN, GateState::Failed, None, Some(EndReason::NotRunCapacity)),
    ];
    for (job, host, state, kind, reason) in expected {
        let gates = store.gates_of(fixtures::job(job)).await.unwrap();
        must!(gates.len() == 1, "job {job} has {} gates", gates.len());
        let gate = &gates[0];
        let seen =
            (gate.host_id, gate.state, gate.pass.as_ref().map(|pass| pass.kind), gate.end_reason);
        must!(seen == (host, state, kind, reason), "the gate of job {job} is {seen:?}");
        let attempts = store.attempts_of(&[gate.id]).await.unwrap();
        for (index, (_, attempt)) in attempts.iter().enumerate() {
            let number = u32::try_from(index + 1).unwrap();
            must!(attempt.number == number, "attempt {number} of job {job} is missing");
            must!(attempt.outcome != AttemptOutcome::Running, "attempt {number} still runs");
        }
    }
    let changes = store.changes_of(fixtures::job(1)).await.unwrap();
    let verified = changes.iter().map(|change| change.verification.as_ref().map(|one| one.state));
    let verified: Vec<_> = verified.collect();
    must!(verified == [Some(VerificationState::Verified)], "the healthy host is {verified:?}");
    let rollouts = store.rollouts(&[fixtures::job(1), fixtures::job(HALTED_JOB)]).await.unwrap();
    let of = |job: u128| rollouts.iter().find(|one| one.rollout.job_id == fixtures::job(job));
    let seen = of(1).map(|one| (one.counts.spent, one.counts.in_flight, one.counts.failed));
    must!(seen == Some((1, 0, 0)), "the rollout of job 1 counts {seen:?}");
    let seen = of(HALTED_JOB).map(|one| (one.rollout.revision, one.rollout.halted.clone()));
    must!(seen == Some((2, None)), "the halted rollout is {seen:?}");
    let groups = store.groups_of(&HOSTS).await.unwrap();
    let seen = groups.first().map(|group| (&group.name, group.max_unavailable, &group.members));
    let put = group();
    must!(
        seen == Some((&put.name, put.max_unavailable, &put.members)),
        "the groups are {groups:?}"
    );
    let records = store.audit_page(&AuditFilter::default(), None, 1_000).await.unwrap();
    let resumed = records.iter().filter(|record| record.action == AuditAction::RolloutResumed);
    let resumed = resumed.count();
    must!(resumed == 1, "{resumed} records of one resumption");
    let left = store.claim_gates(WorkerId::generate(), 100, Duration::from_secs(1)).await.unwrap();
    must!(left.gates.is_empty(), "{} gates are unfinished", left.gates.len());
    Ok(())
}

async fn no_double_pass(place: &Place, store: &dyn Store) -> Result<(), String> {
    let mut dispatched: HashMap<String, u32> = HashMap::new();
    for job in place.logged().iter().filter_map(|line| line.strip_prefix("dispatched ")) {
        *dispatched.entry(job.to_owned()).or_default() += 1;
    }
    for (job, times) in dispatched {
        must!(times == 1, "job {job} went ahead {times} times");
        let gates = store.gates_of(job.parse().unwrap()).await.unwrap();
        must!(gates[0].state == GateState::Spent, "job {job} went ahead on {:?}", gates[0].state);
    }
    Ok(())
}

async fn no_half_rotation(store: &dyn Store, checks: &[HealthCheck]) -> Result<(), String> {
    let uses = store.key_uses().await.unwrap();
    let seen: Vec<_> = uses.iter().map(|used| (used.key_id, used.secrets)).collect();
    let all = u64::try_from(checks.len()).unwrap();
    must!(seen == [(Some(key(2).id()), all)], "keys in use: {seen:?}");
    let canaries: Vec<_> =
        store.canaries().await.unwrap().iter().map(|canary| canary.key_id).collect();
    must!(canaries == [key(1).id(), key(2).id()], "canaries: {canaries:?}");
    let (ring, install) = (KeyRing::new(key(2)), store.install_id().await.unwrap());
    for check in checks {
        let context = SealContext::of(install, check.host_id, check.id, &check.definition);
        let opened = ring.open(&context.unwrap(), check.secret.as_ref().unwrap());
        must!(
            opened.is_ok_and(|password| password.expose() == "a password of ours"),
            "the password of {} does not open",
            check.id
        );
    }
    Ok(())
}

/// Each check has the record of its making, and nothing that was deleted is there.
async fn no_half_write(store: &dyn Store, checks: &[HealthCheck]) -> Result<(), String> {
    let records = store.audit_page(&AuditFilter::default(), None, 1_000).await.unwrap();
    let of = |action| -> BTreeSet<CheckId> {
        let records = records.iter().filter(|record| record.action == action);
        records.filter_map(|record| record.check_id).collect()
    };
    let (made, deleted) =
        (of(AuditAction::HealthCheckCreated), of(AuditAction::HealthCheckDeleted));
    for check in checks {
        must!(made.contains(&check.id), "{} has no record of its making", check.id);
        must!(!deleted.contains(&check.id), "{} was deleted, and is there", check.id);
    }
    let forgotten = records.iter().filter(|record| record.host_id == Some(FORGOTTEN));
    let forgotten: BTreeSet<CheckId> = forgotten.filter_map(|record| record.check_id).collect();
    let there = checks.iter().map(|check| check.id);
    let known: BTreeSet<CheckId> = there.chain(deleted).chain(forgotten).collect();
    must!(made.is_subset(&known), "a record tells of a check that is not there");
    Ok(())
}
