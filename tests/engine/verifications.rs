//! Hosts after their changes: whatever happens to them and to the workers, the verdict is what was seen
//! (V1 to V6).

use std::{collections::BTreeMap, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::{FutureExt, future::select};
use healthgate::{
    clock::Clock,
    gate::GateError,
    model::{
        AuditAction, CheckId, CheckResult, GatePass, HealthCheck, HostChange, HostId, ReasonCode,
        ResultSource, VerificationState, VerifyPolicy,
    },
    store::{CheckStore, GateStore, ResultStore, Spend, VerificationStore},
    testing::{Fault, FaultRule, Operation},
};
use proptest::prelude::*;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::{
    vocabulary::{ada, overriding},
    world::{MINUTE, World, entry},
};

const SECOND: Duration = Duration::from_secs(1);

fn delta(duration: Duration) -> TimeDelta {
    TimeDelta::from_std(duration).unwrap()
}

const fn seconds(number: u64) -> Duration {
    Duration::from_secs(number)
}

/// Waits for the gate of a host and spends its pass.
async fn changed(world: &World, host: HostId) -> GatePass {
    let request = world.request(host, MINUTE * 60);
    let gate = world.gate();
    gate.open(request.clone()).await.unwrap();
    let pass = gate.wait(request).await.unwrap().pass.unwrap();
    assert!(matches!(gate.spend(&pass).await.unwrap(), Spend::Spent(_)));
    pass
}

async fn change_of(world: &World, pass: &GatePass) -> HostChange {
    world.memory.changes_of(pass.job_id).await.unwrap().remove(0)
}

/// The change once its verification has ended.
async fn ended(world: &World, pass: &GatePass) -> HostChange {
    loop {
        let change = change_of(world, pass).await;
        if !change.is_being_verified() {
            return change;
        }
        world.clock.sleep(SECOND).await;
    }
}

fn state(change: &HostChange) -> VerificationState {
    change.verification.as_ref().unwrap().state
}

fn detail(change: &HostChange) -> &str {
    &change.verification.as_ref().unwrap().detail
}

/// How long after the change the verdict fell.
fn took(change: &HostChange) -> Duration {
    let ended_at = change.verification.as_ref().unwrap().ended_at.unwrap();
    (ended_at - change.ended_at.unwrap()).to_std().unwrap()
}

/// What the runs of the verification have found, by check, the oldest first.
async fn found(
    world: &World,
    host: HostId,
    since: DateTime<Utc>,
) -> BTreeMap<CheckId, Vec<CheckResult>> {
    let mut found = BTreeMap::new();
    for state in world.memory.states(&[host]).await.unwrap() {
        let id = state.latest.check_id;
        let page = world.memory.history(host, id, None, 10_000).await.unwrap();
        let mut results = page.results;
        results.retain(|one| one.source == ResultSource::Gate && one.checked_at >= since);
        results.reverse();
        found.insert(id, results);
    }
    found
}

/// What happens to a host while it is verified.
#[derive(Clone, Copy, Debug)]
struct Turn {
    at: Duration,
    check: usize,
    reason: ReasonCode,
}

fn turn() -> impl Strategy<Value = Turn> {
    let reason = prop_oneof![
        3 => Just(ReasonCode::Ok),
        2 => Just(ReasonCode::ServiceUnhealthy),
        1 => Just(ReasonCode::Connect),
    ];
    (0_u64..600, 0_usize..3, reason).prop_map(|(at, check, reason)| Turn {
        at: seconds(at),
        check,
        reason,
    })
}

/// Holds a verdict against the runs that are recorded and the story as it was told.
fn judge(
    change: &HostChange,
    runs: &BTreeMap<CheckId, Vec<CheckResult>>,
    (checks, turns): (&[HealthCheck], &[Turn]),
    disturbed_workers: bool,
) {
    let verification = change.verification.as_ref().unwrap();
    let VerifyPolicy { settle, soak, deadline } = verification.policy;
    let begin = change.ended_at.unwrap();
    for runs in runs.values() {
        let early = runs.iter().find(|run| run.checked_at < begin + delta(settle));
        assert!(early.is_none(), "V1: it ran at {early:?}");
    }
    let newest = |check: &HealthCheck| runs[&check.id].last().unwrap();
    match verification.state {
        VerificationState::Verified => {
            for check in checks {
                let last = newest(check).checked_at;
                let mut healthy = runs[&check.id].iter().rev().take_while(|run| run.healthy());
                let first = healthy.by_ref().last().unwrap_or_else(|| panic!("V2: {check:?}"));
                assert!(last - first.checked_at >= delta(soak), "V2: {:?}", check.id);
            }
        }
        VerificationState::Regressed | VerificationState::Unverified => {
            let last = checks.iter().map(|check| newest(check).checked_at).max().unwrap();
            assert!(last >= begin + delta(deadline), "V3: the last run was at {last}");
            let seen_failing = checks.iter().any(|check| {
                let newest = newest(check);
                !newest.healthy() && newest.reason.observed()
            });
            assert_eq!(verification.state == VerificationState::Regressed, seen_failing);
        }
        other => panic!("{other:?}"),
    }
    // The truth, where there is one: what holds from some instant on, with time enough to see it.
    let quiet = turns.iter().map(|turn| turn.at).max().unwrap_or_default().max(settle);
    let time_enough = quiet + soak + seconds(100) < deadline && !disturbed_workers;
    let last_said = |index: usize| {
        let said = turns.iter().filter(|turn| turn.check == index).max_by_key(|turn| turn.at);
        said.map_or(ReasonCode::Ok, |turn| turn.reason)
    };
    if time_enough && (0..3).all(|index| last_said(index) == ReasonCode::Ok) {
        assert_eq!(verification.state, VerificationState::Verified, "it is healthy");
    }
    let late = took(change);
    let slack = if disturbed_workers { seconds(180) } else { seconds(25) };
    assert!(late <= deadline + slack, "the verdict fell {late:?} after the change");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    /// Hosts that break and recover, workers that are killed, a store that fails for a while: a verdict
    /// needs what it says it has seen, and falls in time.
    #[test]
    fn v1_v2_v3_a_verdict_is_what_was_seen(
        settle in 0_u64..90,
        soak in prop_oneof![Just(0_u64), 1_u64..180],
        left in 60_u64..500,
        mut turns in proptest::collection::vec(turn(), 0..8),
        kills in proptest::collection::vec(1_u64..400, 0..3),
        outage in proptest::option::of((
            0_u64..300, 1_u64..60, prop_oneof![Just(Fault::Before), Just(Fault::After)],
        )),
    ) {
        turns.sort_by_key(|turn| turn.at);
        let policy = VerifyPolicy {
            settle: seconds(settle),
            soak: seconds(soak),
            deadline: seconds(settle + soak + left),
        };
        let world = World::new();
        let host = world.host(1);
        let mut kills: Vec<Duration> = kills.into_iter().map(seconds).collect();
        kills.sort_unstable();
        let begun = std::cell::Cell::new(None);
        let workers = async {
            // Each is dropped where it stands; the next one begins at once.
            for kill in kills.clone() {
                let gates = world.gates();
                let run = std::pin::pin!(gates.run(CancellationToken::new()));
                let until = async {
                    loop {
                        let since: Option<Duration> = begun.get();
                        if since.is_some_and(|since| world.clock.monotonic() >= since + kill) {
                            break;
                        }
                        world.clock.sleep(SECOND).await;
                    }
                };
                select(run, std::pin::pin!(until)).await;
            }
            world.gates().run(CancellationToken::new()).await;
        };
        world.play(workers, async {
            let mut checks = Vec::new();
            for name in ["a", "b", "c"] {
                checks.push(world.check(host, name).await);
            }
            let pass = changed(&world, host).await;
            begun.set(Some(world.clock.monotonic()));
            let origin = world.clock.monotonic();
            world.gate().verify(pass.id, policy).await.unwrap();
            let mut steps: Vec<(Duration, Box<dyn Fn()>)> = Vec::new();
            for turn in &turns {
                let (check, reason, world) = (checks[turn.check].clone(), turn.reason, &world);
                steps.push((turn.at, Box::new(move || world.script(&check, reason))));
            }
            if let Some((at, lasts, fault)) = outage {
                let both = [Operation::ClaimVerifications, Operation::SettleVerification];
                let rule = FaultRule::new(fault).with_operations(both);
                let (breaks, heals) = (world.store.clone(), world.store.clone());
                steps.push((seconds(at), Box::new(move || breaks.inject(rule.clone()))));
                steps.push((seconds(at + lasts), Box::new(move || heals.heal())));
            }
            steps.sort_by_key(|(at, _)| *at);
            for (at, step) in steps {
                let now = world.clock.monotonic() - origin;
                world.clock.sleep(at.saturating_sub(now)).await;
                step();
            }
            let change = ended(&world, &pass).await;
            let runs = found(&world, host, change.ended_at.unwrap()).await;
            let disturbed = !kills.is_empty() || outage.is_some();
            judge(&change, &runs, (&checks, &turns), disturbed);
        });
    }
}

/// An agent that is away for three minutes, as in a restart, is no regression.
#[test]
fn v3_a_host_that_restarts_is_verified() {
    let world = World::new();
    let host = world.host(1);
    world.play(world.gates().run(CancellationToken::new()), async {
        let check = world.check(host, "nginx").await;
        let pass = changed(&world, host).await;
        world.script(&check, ReasonCode::Connect);
        world.gate().verify(pass.id, VerifyPolicy::default()).await.unwrap();
        world.clock.sleep(MINUTE * 3).await;
        assert_eq!(state(&change_of(&world, &pass).await), VerificationState::Verifying);
        world.script(&check, ReasonCode::Ok);
        let change = ended(&world, &pass).await;
        assert_eq!(state(&change), VerificationState::Verified);
        assert!(took(&change) <= MINUTE * 3 + seconds(40), "{:?}", took(&change));
    });
}

/// What was healthy before counts; what failed before is told, and so is what has recovered.
#[test]
fn v2_what_failed_before_is_told_and_does_not_count() {
    let world = World::new();
    let host = world.host(1);
    world.play(world.gates().run(CancellationToken::new()), async {
        world.check(host, "fine").await;
        let mended = world.check(host, "mended").await;
        let broken = world.check(host, "broken").await;
        world.script(&mended, ReasonCode::Status);
        world.script(&broken, ReasonCode::Status);
        let request = world.request(host, MINUTE * 60);
        let gate = world.gate();
        gate.open(request.clone()).await.unwrap();
        world.clock.sleep(seconds(3)).await;
        let given = overriding(&request, &[mended.id, broken.id], "they are to be mended by it");
        gate.override_checks(given, ada()).await.unwrap();
        let pass = gate.wait(request).await.unwrap().pass.unwrap();
        assert!(matches!(gate.spend(&pass).await.unwrap(), Spend::Spent(_)));
        world.script(&mended, ReasonCode::Ok);
        gate.verify(pass.id, VerifyPolicy::default()).await.unwrap();
        let change = ended(&world, &pass).await;
        assert_eq!(state(&change), VerificationState::Verified);
        let words = "healthy after the change; recovered: mended; failing as before: broken";
        assert_eq!(detail(&change), words);
        let counted = change.verification.as_ref().unwrap().checks.iter();
        let counted: Vec<bool> = counted.map(|check| check.counted).collect();
        assert_eq!(counted, [true, false, false]);

        // Where nothing was healthy, everything counts.
        let host = world.host(2);
        let broken = world.check(host, "broken").await;
        world.script(&broken, ReasonCode::Status);
        let request = world.request(host, MINUTE * 60);
        gate.open(request.clone()).await.unwrap();
        world.clock.sleep(seconds(3)).await;
        let given = overriding(&request, &[broken.id], "it is to be mended by it");
        gate.override_checks(given, ada()).await.unwrap();
        let pass = gate.wait(request).await.unwrap().pass.unwrap();
        assert!(matches!(gate.spend(&pass).await.unwrap(), Spend::Spent(_)));
        gate.verify(pass.id, VerifyPolicy::default()).await.unwrap();
        let change = ended(&world, &pass).await;
        assert_eq!(state(&change), VerificationState::Regressed);
        assert!(detail(&change).starts_with("failing since the change: broken (status since "));
    });
}

/// Nobody verifies a host by taking away the check that fails.
#[test]
fn v6_a_check_that_is_changed_is_not_verified() {
    for change_it in [json!({"enabled": false}), json!({"service_name": "other"})] {
        let world = World::new();
        let host = world.host(1);
        world.play(world.gates().run(CancellationToken::new()), async {
            let check = world.check(host, "nginx").await;
            world.check(host, "other").await;
            let pass = changed(&world, host).await;
            world.script(&check, ReasonCode::ServiceUnhealthy);
            world.gate().verify(pass.id, VerifyPolicy::default()).await.unwrap();
            world.clock.sleep(MINUTE * 2).await;
            world.script(&check, ReasonCode::Ok);
            world.edit(&check, change_it.clone()).await;
            let change = ended(&world, &pass).await;
            assert_eq!(state(&change), VerificationState::Unverified, "{change_it}");
            assert_eq!(detail(&change), "changed since the pass was given: nginx");
        });
    }
}

/// Nor where nothing was healthy before, so that every check counts.
#[test]
fn v6_a_check_that_counts_and_is_taken_away_is_not_verified() {
    for taken_away in ["disabled", "deleted"] {
        let world = World::new();
        let host = world.host(1);
        world.play(world.gates().run(CancellationToken::new()), async {
            let (first, second) = (world.check(host, "a").await, world.check(host, "b").await);
            for check in [&first, &second] {
                world.script(check, ReasonCode::Status);
            }
            let request = world.request(host, MINUTE * 60).with_exemption();
            let gate = world.gate();
            gate.open(request.clone()).await.unwrap();
            let pass = gate.wait(request).await.unwrap().pass.unwrap();
            assert!(matches!(gate.spend(&pass).await.unwrap(), Spend::Spent(_)));
            world.script(&first, ReasonCode::Ok);
            gate.verify(pass.id, VerifyPolicy::default()).await.unwrap();
            world.clock.sleep(MINUTE * 3).await;
            assert_eq!(state(&change_of(&world, &pass).await), VerificationState::Verifying);
            if taken_away == "disabled" {
                world.edit(&second, json!({"enabled": false})).await;
            } else {
                let audit = entry(AuditAction::HealthCheckDeleted).with_check(host, second.id);
                world.memory.delete_check(host, second.id, None, audit).await.unwrap();
            }
            let change = ended(&world, &pass).await;
            assert_eq!(state(&change), VerificationState::Unverified, "{taken_away}");
            assert_eq!(detail(&change), "changed since the pass was given: b");
        });
    }
}

/// A host without checks has nothing to be verified by, and the next change ends what goes on.
#[test]
fn v4_the_next_change_of_a_host_ends_its_verification() {
    let world = World::new();
    let (host, bare) = (world.host(1), world.host(2));
    world.play(world.gates().run(CancellationToken::new()), async {
        let pass = changed(&world, bare).await;
        world.gate().verify(pass.id, VerifyPolicy::default()).await.unwrap();
        let change = ended(&world, &pass).await;
        assert_eq!(state(&change), VerificationState::NoChecks);
        assert!(took(&change) < seconds(10), "nothing is waited for");

        world.check(host, "nginx").await;
        let first = changed(&world, host).await;
        world.gate().verify(first.id, VerifyPolicy::default()).await.unwrap();
        let second = changed(&world, host).await;
        let change = change_of(&world, &first).await;
        assert_eq!(state(&change), VerificationState::Unverified);
        assert!(detail(&change).contains("another change"), "{}", detail(&change));
        world.gate().verify(second.id, VerifyPolicy::default()).await.unwrap();
        assert_eq!(state(&ended(&world, &second).await), VerificationState::Verified);
        assert_eq!(change_of(&world, &first).await, change, "an end is for ever");
    });
}

/// A clock that leaps gives no verdict, whichever way it leaps.
#[test]
fn v5_a_clock_that_is_not_believed_gives_no_verdict() {
    for leap in [TimeDelta::hours(6), -TimeDelta::hours(6)] {
        let world = World::new();
        let host = world.host(1);
        world.play(world.gates().run(CancellationToken::new()), async {
            let check = world.check(host, "nginx").await;
            let pass = changed(&world, host).await;
            world.script(&check, ReasonCode::ServiceUnhealthy);
            world.gate().verify(pass.id, VerifyPolicy::default()).await.unwrap();
            world.clock.sleep(MINUTE * 2).await;
            world.clock.step_wall(leap);
            world.clock.sleep(seconds(12)).await;
            let change = change_of(&world, &pass).await;
            assert_eq!(state(&change), VerificationState::Verifying, "{leap}");
            world.clock.step_wall(-leap);
            world.script(&check, ReasonCode::Ok);
            let change = ended(&world, &pass).await;
            assert_eq!(state(&change), VerificationState::Verified, "{leap}: {}", detail(&change));
        });
    }
}

/// Figures that leave no time for a look are refused, and nothing has ended then.
#[test]
fn figures_that_cannot_be_are_refused() {
    let world = World::new();
    let host = world.host(1);
    world.play(world.gates().run(CancellationToken::new()), async {
        let pass = changed(&world, host).await;
        let policy = VerifyPolicy { soak: seconds(840), ..VerifyPolicy::default() };
        let refused = world.gate().verify(pass.id, policy).now_or_never().unwrap();
        assert!(matches!(refused, Err(GateError::Invalid(_))), "{refused:?}");
        let changes = world.memory.host_changes(&[host]).await.unwrap();
        assert!(changes[0].is_running(world.now()));
    });
}

/// Waiting for a verification ends with its end, however that comes about, and tells where nobody works
/// on it.
#[test]
fn a_verification_is_awaited_until_its_end() {
    let world = World::new();
    let gate = world.gate();
    world.play(world.gates().run(CancellationToken::new()), async {
        let policy = VerifyPolicy::default();
        let host = world.host(1);
        let check = world.check(host, "web").await;
        let pass = changed(&world, host).await;
        let change = gate.wait_verified(pass.id, policy).await.unwrap();
        assert_eq!(state(&change), VerificationState::Verified);
        assert!(took(&change) >= policy.settle, "{change:?}");
        assert_eq!(change, change_of(&world, &pass).await);
        // Again, and it has ended already.
        assert_eq!(gate.wait_verified(pass.id, policy).await.unwrap(), change);

        let pass = changed(&world, host).await;
        world.script(&check, ReasonCode::ServiceUnhealthy);
        // Whoever gives up changes nothing, and may come back.
        let waiting = std::pin::pin!(gate.wait_verified(pass.id, policy));
        let given_up = std::pin::pin!(world.clock.sleep(SECOND * 90));
        drop(select(waiting, given_up).await);
        let outage = FaultRule::new(Fault::Before).with_operations([Operation::HostChanges]);
        world.store.inject(outage.with_nth(3));
        let change = gate.wait_verified(pass.id, policy).await.unwrap();
        assert_eq!(state(&change), VerificationState::Regressed);
        assert!(took(&change) >= policy.deadline, "{change:?}");

        world.script(&check, ReasonCode::Ok);
        let first = changed(&world, host).await;
        let (ended, _) =
            futures_util::future::join(gate.wait_verified(first.id, policy), changed(&world, host))
                .await;
        assert_eq!(state(&ended.unwrap()), VerificationState::Unverified, "the next one began");

        let pass = changed(&world, host).await;
        gate.finished(pass.id).await.unwrap();
        let change = gate.wait_verified(pass.id, policy).await.unwrap();
        assert_eq!(change.verification, None, "it was not asked for");
    });
    world.clock.clone().drive(async {
        let policy = VerifyPolicy { settle: MINUTE, ..VerifyPolicy::default() };
        let host = world.host(2);
        let pass = {
            let runner = world.gates();
            let stop = CancellationToken::new();
            let run = std::pin::pin!(runner.run(stop));
            let passed = std::pin::pin!(changed(&world, host));
            match select(passed, run).await {
                futures_util::future::Either::Left((pass, _)) => pass,
                futures_util::future::Either::Right(_) => unreachable!("it runs on"),
            }
        };
        let told = gate.wait_verified(pass.id, policy).await;
        assert!(matches!(told, Err(GateError::Unattended { .. })), "{told:?}");
    });
}
