//! Cases of `VerificationStore`: hosts after their changes (V4).

use std::{collections::BTreeMap, time::Duration};

use chrono::TimeDelta;
use futures_util::future::join_all;

use super::{Fixture, make};
use crate::{
    model::{
        ChangeEnd, GatePass, HostId, PassId, ReasonCode, Verification, VerificationState,
        VerifyPolicy,
    },
    store::{Spend, Store, StoreError, VerificationClaim, VerificationStep},
};

const VALID: Duration = Duration::from_secs(60);
const LONG: Duration = Duration::from_secs(3600);

async fn spent(store: &std::sync::Arc<dyn Store>, host: HostId) -> GatePass {
    let pass = make::passed(store, host, VALID).await;
    let spend = store.spend_pass(pass.id).await.expect("answered");
    assert!(matches!(spend, Spend::Spent(_)), "{spend:?}");
    pass
}

/// Makes a change whose host is to be verified.
async fn to_verify(store: &std::sync::Arc<dyn Store>, host: HostId) -> GatePass {
    let pass = spent(store, host).await;
    let end = ChangeEnd::Verify(VerifyPolicy::default());
    store.end_host_change(pass.id, end).await.expect("ended");
    pass
}

async fn claim(store: &std::sync::Arc<dyn Store>, hidden_for: Duration) -> Vec<VerificationClaim> {
    store.claim_verifications(1_000, hidden_for).await.expect("claimed").claims
}

fn step(claim: &VerificationClaim, change: impl FnOnce(&mut Verification)) -> VerificationStep {
    let mut verification = claim.change.verification.clone().expect("the change is verified");
    change(&mut verification);
    let (pass_id, token) = (claim.change.pass_id, claim.token);
    VerificationStep { pass_id, token, verification, results: Vec::new() }
}

/// The end of a change begins the requested verification once, in the same step.
pub async fn the_end_of_a_change_begins_its_verification(fixture: &dyn Fixture) {
    let (store, host) = (fixture.store(), HostId::generate());
    let pass = spent(&store, host).await;
    assert!(claim(&store, Duration::ZERO).await.is_empty(), "the change has not ended");
    let policy = VerifyPolicy { soak: Duration::from_secs(7), ..VerifyPolicy::default() };
    let change = store.end_host_change(pass.id, ChangeEnd::Verify(policy)).await.expect("ended");
    let begun = change.verification.clone().expect("the change is verified");
    assert_eq!((begun.state, begun.policy), (VerificationState::Verifying, policy));
    assert_eq!(begun.next_at, change.ended_at);
    let again = store.end_host_change(pass.id, ChangeEnd::Done).await.expect("again");
    assert_eq!(again, change, "an ended change stays unchanged");
    assert_eq!(store.changes_of(pass.job_id).await.expect("read"), [change]);
    let plain = spent(&store, HostId::generate()).await;
    let change = store.end_host_change(plain.id, ChangeEnd::Done).await.expect("ended");
    assert_eq!(change.verification, None);
    let late = store.end_host_change(plain.id, ChangeEnd::Verify(policy)).await.expect("again");
    assert_eq!(late.verification, None, "an ended change stays unchanged");
    let [only] = claim(&store, LONG).await.try_into().expect("one verification is due");
    assert_eq!((only.change.pass_id, only.gate.pass.map(|pass| pass.id)), (pass.id, Some(pass.id)));
}

/// Concurrent claims take each verification once. It is due again after its hidden time.
pub async fn a_due_verification_is_claimed_once(fixture: &dyn Fixture) {
    let store = fixture.store();
    let mut wanted = Vec::new();
    for _ in 0..4 {
        wanted.push(to_verify(&store, HostId::generate()).await.id);
    }
    let racers = (0..8).map(|_| {
        let store = store.clone();
        tokio::spawn(async move {
            store.claim_verifications(2, make::LEASE).await.expect("claimed").claims
        })
    });
    let claimed: Vec<VerificationClaim> =
        join_all(racers).await.into_iter().flat_map(|racer| racer.expect("joined")).collect();
    let mut taken: Vec<PassId> = claimed.iter().map(|claim| claim.change.pass_id).collect();
    taken.sort_unstable();
    wanted.sort_unstable();
    assert_eq!(taken, wanted);
    fixture.elapse(make::PAST_LEASE).await;
    let again = claim(&store, LONG).await;
    assert_eq!(again.len(), 4, "unsettled verifications are due again");
    for old in &claimed {
        let newer = again.iter().find(|claim| claim.change.pass_id == old.change.pass_id);
        assert!(newer.is_some_and(|newer| newer.token > old.token));
        assert!(!store.settle_verification(step(old, |_| {})).await.expect("answered"));
    }
}

/// A step is written completely, with its results, and only under the newest token.
pub async fn a_step_of_a_verification_is_fenced(fixture: &dyn Fixture) {
    let (store, host) = (fixture.store(), HostId::generate());
    let check = make::check(&store, host, "a").await;
    to_verify(&store, host).await;
    let [first] = claim(&store, Duration::ZERO).await.try_into().expect("one verification is due");
    let [second] =
        claim(&store, Duration::ZERO).await.try_into().expect("the verification is due again");
    let now = store.now().await.expect("the time");
    let results = vec![make::result(&check, ReasonCode::Status, now)];
    let late = VerificationStep {
        results: results.clone(),
        ..step(&first, |verification| verification.runs = 9)
    };
    assert!(!store.settle_verification(late).await.expect("answered"));
    assert!(store.states(&[host]).await.expect("read").is_empty(), "a fenced step writes nothing");
    let next_at = now + TimeDelta::hours(1);
    let good = VerificationStep {
        results,
        ..step(&second, |verification| {
            (verification.runs, verification.next_at) = (1, Some(next_at));
            (verification.last_run_at, verification.detail) = (Some(now), "…".to_owned());
        })
    };
    assert!(store.settle_verification(good.clone()).await.expect("answered"));
    let states = store.states(&[host]).await.expect("read");
    assert_eq!(states[0].latest.reason, ReasonCode::Status);
    let changes = store.changes_of(second.change.job_id).await.expect("read");
    assert_eq!(changes[0].verification.as_ref(), Some(&good.verification));
    assert_eq!(store.host_changes(&[host]).await.expect("read"), changes);
    assert!(claim(&store, LONG).await.is_empty(), "the verification is due in an hour");
    let unknown = VerificationStep { pass_id: PassId::generate(), ..good };
    assert!(!store.settle_verification(unknown).await.expect("answered"));
}

/// The next change of a host ends the verification of the previous one.
pub async fn the_next_change_ends_a_verification(fixture: &dyn Fixture) {
    let (store, host) = (fixture.store(), HostId::generate());
    let first = to_verify(&store, host).await;
    let [taken] = claim(&store, Duration::ZERO).await.try_into().expect("one verification is due");
    let second = spent(&store, host).await;
    let ended = &store.changes_of(first.job_id).await.expect("read")[0];
    let verification = ended.verification.as_ref().expect("the change was verified");
    assert_eq!(verification.state, VerificationState::Unverified);
    assert!(verification.ended_at.is_some() && verification.next_at.is_none());
    assert!(!store.settle_verification(step(&taken, |_| {})).await.expect("answered"));
    assert!(claim(&store, LONG).await.is_empty());
    store
        .end_host_change(second.id, ChangeEnd::Verify(VerifyPolicy::default()))
        .await
        .expect("ended");
    let [due] = claim(&store, LONG).await.try_into().expect("the second verification is due");
    assert_eq!(due.change.pass_id, second.id);
}

/// A gate stays while its host is being verified, whatever its age.
pub async fn a_verified_gate_leaves_by_age(fixture: &dyn Fixture) {
    let (store, host) = (fixture.store(), HostId::generate());
    let pass = to_verify(&store, host).await;
    fixture.elapse(Duration::from_millis(200)).await;
    let old = Duration::from_millis(100);
    store.prune_gates(old, 9, true).await.expect("pruned");
    assert_eq!(store.changes_of(pass.job_id).await.expect("read").len(), 1);
    let [taken] = claim(&store, LONG).await.try_into().expect("one verification is due");
    let now = store.now().await.expect("the time");
    let end = step(&taken, |verification| verification.end(VerificationState::Verified, "", now));
    assert!(store.settle_verification(end).await.expect("answered"));
    store.prune_gates(old, 9, true).await.expect("pruned");
    assert!(store.changes_of(pass.job_id).await.expect("read").is_empty());
    let gone = store.end_host_change(pass.id, ChangeEnd::Done).await;
    assert!(matches!(gone, Err(StoreError::NotFound)));
}

/// For any order of claims and steps, the store agrees with a model: a step counts only under the newest
/// token of a running verification, and an end is final.
pub async fn verifications_are_as_steps_left_them(fixture: &dyn Fixture) {
    let store = fixture.store();
    let mut random = make::Random::new();
    let seed = random.seed;
    let mut jobs = BTreeMap::new();
    for _ in 0..3 {
        let pass = to_verify(&store, HostId::generate()).await;
        jobs.insert(pass.id, pass.job_id);
    }
    let mut newest: BTreeMap<PassId, (i64, u32, VerificationState)> =
        jobs.keys().map(|pass| (*pass, (0, 0, VerificationState::Verifying))).collect();
    let mut known: Vec<VerificationClaim> = Vec::new();
    for turn in 1..=40_u32 {
        if known.is_empty() || random.below(3) == 0 {
            for claim in claim(&store, Duration::ZERO).await {
                let entry =
                    newest.get_mut(&claim.change.pass_id).expect("a verification of this case");
                assert_eq!(entry.2, VerificationState::Verifying, "seed {seed}, turn {turn}");
                assert!(claim.token > entry.0, "seed {seed}, turn {turn}");
                entry.0 = claim.token;
                known.push(claim);
            }
        } else {
            let index = usize::try_from(random.below(known.len() as u64)).expect("small");
            let ends = random.below(6) == 0;
            let now = store.now().await.expect("the time");
            let looked =
                TimeDelta::microseconds(i64::try_from(random.below(90_000_000)).expect("small"));
            let written = step(&known[index], |verification| {
                (verification.runs, verification.next_at) = (turn, Some(now));
                if ends {
                    verification.end(VerificationState::Regressed, "failing", now - looked);
                }
            });
            let entry = newest.get_mut(&written.pass_id).expect("a verification of this case");
            let counts = written.token == entry.0 && entry.2 == VerificationState::Verifying;
            if counts {
                (entry.1, entry.2) = (turn, written.verification.state);
            }
            let pass = written.pass_id;
            let told = store.settle_verification(written).await.expect("answered");
            assert_eq!(told, counts, "seed {seed}, turn {turn}");
            if counts && ends {
                let changes = store.changes_of(jobs[&pass]).await.expect("read");
                let judged = changes[0].judged_at.expect("the outcome is known");
                let learnt = now..=store.now().await.expect("the time");
                assert!(
                    learnt.contains(&judged),
                    "seed {seed}, turn {turn}: the write's time counts (R1)"
                );
            }
        }
        for (pass, job) in &jobs {
            let changes = store.changes_of(*job).await.expect("read");
            let stored = changes[0].verification.as_ref().expect("the change is verified");
            let (_, runs, state) = newest[pass];
            assert_eq!((stored.runs, stored.state), (runs, state), "seed {seed}, turn {turn}");
        }
    }
}
