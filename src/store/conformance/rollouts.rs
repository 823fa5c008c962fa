//! Cases of [`RolloutStore`](crate::store::RolloutStore), and of spendings under a rollout.

use std::{sync::Arc, time::Duration};

use futures_util::future::join_all;

use super::{Fixture, make};
use crate::{
    model::{
        Amount, AuditAction, ChangeEnd, ChangeOutcome, GatePass, GateRequest, GateState, HostId,
        JobId, RolloutCounts, RolloutPolicy, RolloutStage, RolloutStatus, RolloutStep,
        VerificationState, VerifyPolicy, WorkerId,
    },
    store::{Spend, SpendRefusal, Store, StoreError, VerificationStep, transition},
};

const VALID: Duration = Duration::from_secs(600);

fn policy(stages: &[u32], max_in_flight: u32, failure_budget: u32) -> RolloutPolicy {
    let stage = |up_to: &u32| RolloutStage { up_to: Amount::Hosts(*up_to), soak: Duration::ZERO };
    RolloutPolicy {
        stages: stages.iter().map(stage).collect(),
        max_in_flight: Amount::Hosts(max_in_flight),
        failure_budget: Amount::Hosts(failure_budget),
    }
}

/// Opens this many gates of a job, each on its own host, and passes them.
async fn passes(store: &Arc<dyn Store>, job: JobId, count: u32) -> Vec<GatePass> {
    let mut wanted = Vec::new();
    for _ in 0..count {
        let request = make::request(store, HostId::generate()).await;
        let record = store.open_gate(GateRequest { job_id: job, ..request }).await.expect("opened");
        wanted.push(record.id);
    }
    let worker = WorkerId::generate();
    let gates = make::claim_gates(store, worker, make::LONG_LEASE).await;
    let mut passes = Vec::new();
    for gate in gates.iter().filter(|gate| wanted.contains(&gate.record.id)) {
        passes.push(make::pass(store, worker, gate, VALID).await);
    }
    passes
}

async fn status(store: &Arc<dyn Store>, job: JobId) -> RolloutStatus {
    let mut found = store.rollouts(&[JobId::generate(), job]).await.expect("read");
    assert_eq!(found.len(), 1, "a job without a rollout is left out");
    found.remove(0)
}

async fn spend(store: &Arc<dyn Store>, pass: &GatePass) -> Result<(), SpendRefusal> {
    match store.spend_pass(pass.id).await.expect("answered") {
        Spend::Spent(_) => Ok(()),
        Spend::Refused(refusal) => Err(refusal),
    }
}

/// Opening a rollout again returns the existing one, and a step counts once.
pub async fn a_rollout_is_opened_once_and_stepped_in_order(fixture: &dyn Fixture) {
    let (store, job) = (fixture.store(), JobId::generate());
    let first = store.open_rollout(job, 9, policy(&[1, 3], 2, 1)).await.expect("opened");
    let again = store.open_rollout(job, 5, policy(&[], 1, 0)).await.expect("opened");
    assert_eq!(first, again);
    assert_eq!((first.hosts, first.stage, first.admitted()), (9, 0, 1));
    let advance = || RolloutStep::Advance { stage: 1 };
    assert!(store.settle_rollout(job, first.revision, advance()).await.expect("answered"));
    assert!(!store.settle_rollout(job, first.revision, advance()).await.expect("answered"));
    let unknown = store.settle_rollout(JobId::generate(), 0, advance()).await.expect("answered");
    assert!(!unknown);
    let now = status(&store, job).await;
    assert_eq!((now.rollout.stage, now.rollout.admitted()), (1, 3));
    assert_eq!(now.counts, RolloutCounts::default());
}

/// Concurrent spendings stay within the maximum of hosts under change.
pub async fn racing_spendings_keep_the_limits(fixture: &dyn Fixture) {
    let store = fixture.store();
    for (stages, most, admitted) in [(&[][..], 3, 3), (&[2][..], 5, 2)] {
        let job = JobId::generate();
        store.open_rollout(job, 8, policy(stages, most, 0)).await.expect("opened");
        let racers = passes(&store, job, 8).await.into_iter().map(|pass| {
            let store = Arc::clone(&store);
            tokio::spawn(async move { spend(&store, &pass).await })
        });
        let said: Vec<_> =
            join_all(racers).await.into_iter().map(|one| one.expect("joined")).collect();
        let spent = said.iter().filter(|said| said.is_ok()).count();
        assert_eq!(spent, admitted, "{said:?}");
        assert!(said.iter().all(|said| matches!(said, Ok(()) | Err(SpendRefusal::NoSlot))));
    }
}

/// Beyond the failure budget no pass is spent until the rollout is resumed, which writes an audit record.
pub async fn a_halted_rollout_is_resumed(fixture: &dyn Fixture) {
    let (store, job) = (fixture.store(), JobId::generate());
    let early = store.resume_rollout(job, make::audit(AuditAction::RolloutResumed)).await;
    assert!(matches!(early, Err(StoreError::NotFound)));
    store.open_rollout(job, 4, policy(&[], 4, 0)).await.expect("opened");
    let passes = passes(&store, job, 3).await;
    let running = store.resume_rollout(job, make::audit(AuditAction::RolloutResumed)).await;
    assert!(matches!(running, Err(StoreError::InvalidState { .. })));
    spend(&store, &passes[0]).await.expect("spent");
    store.end_host_change(passes[0].id, ChangeEnd::Failed).await.expect("ended");
    assert_eq!(
        spend(&store, &passes[1]).await,
        Err(SpendRefusal::Halted),
        "nobody has noted it yet"
    );
    let halt = RolloutStep::Halt { reason: "1 host failed".to_owned() };
    assert!(store.settle_rollout(job, 0, halt).await.expect("answered"));
    assert_eq!(status(&store, job).await.rollout.halted.as_deref(), Some("1 host failed"));
    assert_eq!(spend(&store, &passes[1]).await, Err(SpendRefusal::Halted));
    fixture.fail_audit(true);
    store
        .resume_rollout(job, make::audit(AuditAction::RolloutResumed))
        .await
        .expect_err("no record");
    fixture.fail_audit(false);
    assert_eq!(spend(&store, &passes[1]).await, Err(SpendRefusal::Halted));
    let resumed =
        store.resume_rollout(job, make::audit(AuditAction::RolloutResumed)).await.expect("resumed");
    assert_eq!((resumed.halted.as_deref(), resumed.forgiven), (None, 1));
    spend(&store, &passes[1]).await.expect("spent");
    store.end_host_change(passes[1].id, ChangeEnd::Failed).await.expect("ended");
    assert_eq!(
        spend(&store, &passes[2]).await,
        Err(SpendRefusal::Halted),
        "one more failure halts it again"
    );
}

/// A rollout does not limit exempt gates or jobs without a rollout.
pub async fn an_exempt_gate_is_not_held(fixture: &dyn Fixture) {
    let (store, job) = (fixture.store(), JobId::generate());
    store.open_rollout(job, 2, policy(&[], 1, 0)).await.expect("opened");
    let [held] = passes(&store, job, 1).await.try_into().expect("one");
    spend(&store, &held).await.expect("spent");
    let request = make::request(&store, HostId::generate()).await;
    let request = GateRequest { job_id: job, exempt: true, ..request };
    store.open_gate(request).await.expect("opened");
    let worker = WorkerId::generate();
    let gates = make::claim_gates(&store, worker, make::LONG_LEASE).await;
    let exempt = gates.iter().find(|gate| gate.record.exempt).expect("claimed");
    let pass = make::pass(&store, worker, exempt, VALID).await;
    spend(&store, &pass).await.expect("spent");
}

/// A rollout's records stay while a gate of its job is unfinished. Then pruning deletes them all.
pub async fn a_rollout_stays_while_it_goes_on(fixture: &dyn Fixture) {
    let (store, job) = (fixture.store(), JobId::generate());
    store.open_rollout(job, 2, policy(&[], 2, 0)).await.expect("opened");
    let passes = passes(&store, job, 2).await;
    spend(&store, &passes[0]).await.expect("spent");
    store.end_host_change(passes[0].id, ChangeEnd::Failed).await.expect("ended");
    fixture.elapse(Duration::from_millis(200)).await;
    let old = Duration::from_millis(100);
    store.prune_gates(old, 9, true).await.expect("pruned");
    assert_eq!(status(&store, job).await.counts.failed, 1);
    store.resume_rollout(job, make::audit(AuditAction::RolloutResumed)).await.expect("resumed");
    spend(&store, &passes[1]).await.expect("spent");
    store.end_host_change(passes[1].id, ChangeEnd::Done).await.expect("ended");
    fixture.elapse(Duration::from_millis(200)).await;
    store.prune_gates(old, 9, true).await.expect("pruned");
    assert!(store.rollouts(&[job]).await.expect("read").is_empty());
}

/// For any order of events, the store's counts equal the model's, and a pass is spent exactly if the rules
/// admit it.
pub async fn spendings_are_as_the_rules_admit_them(fixture: &dyn Fixture) {
    let store = fixture.store();
    let mut random = make::Random::new();
    let seed = random.seed;
    let mut below = |bound: u32| u32::try_from(random.below(u64::from(bound))).expect("small");
    for round in 0..3 {
        let job = JobId::generate();
        let stages: Vec<u32> = (0..below(3)).map(|_| 1 + below(5)).collect();
        let figures = policy(&stages, 1 + below(3), below(3));
        store.open_rollout(job, 6, figures).await.expect("opened");
        let mut waiting = passes(&store, job, 6).await;
        let mut running: Vec<GatePass> = Vec::new();
        for turn in 0..30 {
            let place = format!("seed {seed}, round {round}, turn {turn}");
            let before = status(&store, job).await;
            match below(6) {
                0 | 1 if !waiting.is_empty() => {
                    let index = below(u32::try_from(waiting.len()).expect("few")) as usize;
                    let admitted = transition::admit(&before.rollout, &before.counts);
                    let said = spend(&store, &waiting[index]).await.err();
                    assert_eq!(said, admitted, "{place}: {before:?}");
                    if said.is_none() {
                        running.push(waiting.remove(index));
                    }
                }
                2 | 3 if !running.is_empty() => {
                    let pass =
                        running.remove(below(u32::try_from(running.len()).expect("few")) as usize);
                    let end = match below(4) {
                        0 => ChangeEnd::Failed,
                        1 => ChangeEnd::Done,
                        _ => ChangeEnd::Verify(VerifyPolicy::default()),
                    };
                    store.end_host_change(pass.id, end).await.expect("ended");
                }
                4 => {
                    let claims =
                        store.claim_verifications(1, Duration::ZERO).await.expect("claimed");
                    for claim in claims.claims {
                        let mut verification =
                            claim.change.verification.expect("the change is verified");
                        let now = store.now().await.expect("the time");
                        let bad = below(3) == 0;
                        let state = if bad {
                            VerificationState::Regressed
                        } else {
                            VerificationState::Verified
                        };
                        verification.end(state, "judged", now);
                        let step = VerificationStep {
                            pass_id: claim.change.pass_id,
                            token: claim.token,
                            verification,
                            results: Vec::new(),
                        };
                        assert!(store.settle_verification(step).await.expect("answered"));
                    }
                }
                _ if before.rollout.is_halted(&before.counts) => {
                    let audit = make::audit(AuditAction::RolloutResumed);
                    store.resume_rollout(job, audit).await.expect("resumed");
                }
                _ => {
                    let stage = before.rollout.stage + 1;
                    let (seen, step) = (before.rollout.revision, RolloutStep::Advance { stage });
                    assert!(
                        store.settle_rollout(job, seen, step).await.expect("answered"),
                        "{place}"
                    );
                }
            }
            let changes = store.changes_of(job).await.expect("read");
            let gates = store.gates_of(job).await.expect("read");
            let passed = gates.iter().filter(|gate| gate.state == GateState::Passed).count();
            let now = store.now().await.expect("the time");
            let counts = RolloutCounts::of(&changes, u32::try_from(passed).expect("few"), now);
            assert_eq!(status(&store, job).await.counts, counts, "{place}: {changes:?}");
            let failed =
                changes.iter().filter(|change| change.outcome == Some(ChangeOutcome::Failed));
            assert_eq!(failed.count(), counts.failed as usize, "{place}");
        }
    }
}
