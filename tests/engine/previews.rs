//! What a gate would say: previews, dry runs, and the same checks again after the patch.

use std::{sync::Arc, time::Duration};

use healthgate::{
    checks::PollerConfig,
    clock::Clock,
    gate::{GateError, WithConditions},
    model::{
        EvidenceReason, GateRequest, HostId, JobId, Outlook, PassKind, ReasonCode, RecheckChange,
    },
    store::{GateStore, ResultStore, Spend, StoreError},
};
use proptest::prelude::*;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::{
    vocabulary::{Conditions, ada, overriding},
    world::{MINUTE, World},
};

const RETRY: Duration = Duration::from_secs(300);
/// A runner has looked at its gates once more.
const LOOK: Duration = Duration::from_secs(3);

/// A preview says what the gate would say, in a few calls for however many hosts, and
/// neither runs nor writes.
#[test]
fn a_preview_says_what_the_gate_would_say_and_changes_nothing() {
    let world = World::new();
    let conditions = Arc::new(Conditions::default());
    let health = Arc::new(WithConditions::new(world.health(), conditions.clone()));
    world.clock.drive(async {
        let hosts: Vec<HostId> = (1..=5).map(|number| world.host(number)).collect();
        let [healthy, failing, unchecked, new, paused] = hosts[..] else { panic!("five") };
        for host in [healthy, failing, paused] {
            let check = world.check(host, "web").await;
            if host == failing {
                world.script(&check, ReasonCode::BodyMismatch);
            }
        }
        conditions.set(paused, "not paused", false);
        let stop = CancellationToken::new();
        let poller = world.poller(PollerConfig::default());
        tokio::join!(poller.run(stop.clone()), async {
            world.clock.sleep(MINUTE).await;
            stop.cancel();
        });
        world.check(new, "never-ran").await;
        let (open, later) =
            (world.window(Duration::ZERO, MINUTE * 30), world.window(MINUTE, MINUTE * 30));
        let (ran, calls) = (world.ran().len(), world.store.calls());
        let gone = HostId::generate();
        let asked = [
            (healthy, open),
            (failing, open),
            (unchecked, open),
            (new, open),
            (paused, open),
            (gone, open),
            (healthy, later),
            (healthy, world.window(Duration::ZERO, RETRY + MINUTE / 4)),
            (healthy, world.window(Duration::ZERO, RETRY + MINUTE / 4 - Duration::from_micros(1))),
        ];
        let previews = world.gate_on(health.clone()).preview(&asked).await.unwrap();
        let decided: Vec<_> =
            previews.iter().map(|one| (one.host_id, one.decision, one.kind)).collect();
        let expected = [
            (healthy, Outlook::Proceed, Some(PassKind::Healthy)),
            (failing, Outlook::Wait, None),
            (unchecked, Outlook::Proceed, Some(PassKind::NoChecks)),
            (new, Outlook::Wait, None),
            (paused, Outlook::Wait, None),
            (gone, Outlook::Fail, None),
            (healthy, Outlook::Wait, None),
            (healthy, Outlook::Proceed, Some(PassKind::Healthy)),
            (healthy, Outlook::Proceed, Some(PassKind::Healthy)),
        ];
        assert_eq!(decided, expected);
        assert!(previews[5].host_gone && previews[6].not_open);
        let short: Vec<_> = previews.iter().map(|one| one.window_too_short).collect();
        assert_eq!(short[6..], [false, false, true]);
        let text = serde_json::to_value(&previews[1]).unwrap();
        let blocking = &text["blocking"][0];
        assert_eq!(
            (blocking["name"].as_str(), blocking["observed"].as_bool()),
            (Some("web"), Some(true))
        );
        assert_eq!(blocking["reason"], "body_mismatch");
        assert!(blocking["checked_at"].is_string() && text["decision"] == "wait");
        assert_eq!(previews[3].blocking[0].reason, EvidenceReason::Code(ReasonCode::NoResult));
        assert_eq!((previews[4].blocking.len(), &*previews[4].blocking[0].name), (1, "not paused"));
        assert_eq!(world.ran().len(), ran, "nothing was run");
        let first = world.store.calls() - calls;
        let many: Vec<_> = (1..=1_000).map(|number| (world.host(number), open)).collect();
        world.gate_on(health).preview(&many).await.unwrap();
        assert_eq!(world.store.calls() - calls, first * 2, "as many calls for a thousand");
        assert!(first <= 6, "{first} calls");
        let events = world.memory.gates_of(JobId::from_uuid(uuid::Uuid::nil())).await.unwrap();
        assert!(events.is_empty(), "nothing was written");
    });
}

/// A host that another job's gate holds is not to be had now, whatever its checks say.
#[test]
fn a_preview_says_that_another_jobs_gate_holds_the_host() {
    let world = World::new();
    world.clock.drive(async {
        let hosts: Vec<HostId> = (1..=3).map(|number| world.host(number)).collect();
        let [held, free, gone] = hosts[..] else { panic!("three") };
        let window = world.window(Duration::ZERO, MINUTE * 30);
        let job = JobId::generate();
        let holder = world.gate().open(GateRequest::new(job, held, window)).await.unwrap();
        world.gate().open(GateRequest::new(job, gone, window)).await.unwrap();
        world.directory.remove(gone);
        let asked = [(held, window), (free, window), (gone, window)];
        let previews = world.gate().preview(&asked).await.unwrap();
        let decided: Vec<_> = previews.iter().map(|one| (one.decision, one.kind)).collect();
        let no_checks = Some(PassKind::NoChecks);
        let expected =
            [(Outlook::Wait, None), (Outlook::Proceed, no_checks), (Outlook::Fail, None)];
        assert_eq!(decided, expected);
        let [busy] = &previews[0].blocking[..] else { panic!("{previews:?}") };
        assert_eq!(busy.reason, EvidenceReason::Code(ReasonCode::GateBusy));
        assert_eq!((busy.check_id, busy.observed, busy.checked_at), (None, false, None));
        assert!(busy.detail.as_str().contains(&holder.job_id.to_string()), "{}", busy.detail);
        assert!(previews[1].blocking.is_empty());
    });
}

/// After the patch the same checks are run live and held against the pass.
#[test]
fn a_recheck_says_what_changed_against_the_pass() {
    let world = World::new();
    let host = world.host(1);
    world.play(world.gates().run(CancellationToken::new()), async {
        let mut checks = Vec::new();
        for name in ["same", "breaks", "mended", "still", "gone"] {
            checks.push(world.check(host, name).await);
        }
        world.script(&checks[2], ReasonCode::Status);
        world.script(&checks[3], ReasonCode::Status);
        let request = world.request(host, MINUTE * 60);
        let gate = world.gate();
        gate.open(request.clone()).await.unwrap();
        world.clock.sleep(LOOK).await;
        let early = gate.recheck(request.job_id, host).await;
        assert!(matches!(early, Err(GateError::Store(StoreError::InvalidState { .. }))));
        let both = [checks[2].id, checks[3].id];
        let given = overriding(&request, &both, "they are to be mended by it");
        gate.override_checks(given, ada()).await.unwrap();
        let pass = gate.wait(request.clone()).await.unwrap().pass.unwrap();
        assert!(matches!(gate.spend(&pass).await.unwrap(), Spend::Spent(_)));

        world.script(&checks[1], ReasonCode::ServiceUnhealthy);
        world.script(&checks[2], ReasonCode::Ok);
        world.script(&checks[3], ReasonCode::Connect);
        world.edit(&checks[4], json!({"enabled": false})).await;
        let before = world.memory.states(&[host]).await.unwrap();
        let recheck = gate.recheck(request.job_id, host).await.unwrap();
        let changes: Vec<_> =
            recheck.checks.iter().map(|one| (one.name.as_str(), one.change)).collect();
        let expected = [
            ("same", RecheckChange::Same),
            ("breaks", RecheckChange::Broke),
            ("mended", RecheckChange::Mended),
            ("still", RecheckChange::StillFailing),
            ("gone", RecheckChange::Gone),
        ];
        assert_eq!(changes, expected);
        assert!(recheck.is_worse());
        let broken = &recheck.checks[1];
        assert!(broken.was.as_ref().is_some_and(|was| was.healthy));
        assert!(broken.now.as_ref().is_some_and(|now| !now.healthy));
        let text = serde_json::to_value(&recheck).unwrap();
        assert_eq!(text["checks"][3]["change"], "still_failing");
        assert_eq!(text["checks"][3]["now"]["reason"], "connect");
        assert_eq!(serde_json::from_value::<healthgate::gate::Recheck>(text).unwrap(), recheck);
        assert_eq!(world.memory.states(&[host]).await.unwrap(), before, "nothing is stored");
    });
}

/// F210: a dry run goes by what the checks say now, whatever was stored, in the same words as a gate.
#[test]
fn f210_a_dry_run_goes_by_a_live_run_and_leaves_nothing() {
    let reasons = [ReasonCode::Ok, ReasonCode::Ok, ReasonCode::Status, ReasonCode::TimeoutHead];
    let reason = prop::sample::select(reasons.to_vec());
    let checks = prop::collection::vec((reason.clone(), reason), 0..=5);
    let worlds = (checks, any::<bool>());
    proptest!(ProptestConfig::with_cases(200), |((checks, opens_later) in worlds)| {
        let world = World::new();
        world.clock.drive(async {
            let host = world.host(1);
            let mut made = Vec::new();
            for (index, (stored, _)) in checks.iter().enumerate() {
                let check = world.check(host, &format!("check-{index}")).await;
                world.script(&check, *stored);
                made.push(check);
            }
            let stop = CancellationToken::new();
            let poller = world.poller(PollerConfig::default());
            tokio::join!(poller.run(stop.clone()), async {
                world.clock.sleep(MINUTE).await;
                stop.cancel();
            });
            for (check, (_, live)) in made.iter().zip(&checks) {
                world.script(check, *live);
            }
            let (ran, states) = (world.ran().len(), world.memory.states(&[host]).await.unwrap());
            let after = if opens_later { MINUTE * 10 } else { Duration::ZERO };
            let window = world.window(after, MINUTE * 30);
            let job = JobId::generate();
            let preview = world.gate().dry_run(job, host, window).await.unwrap();
            let failing: Vec<String> = checks
                .iter()
                .enumerate()
                .filter(|(_, (_, live))| *live != ReasonCode::Ok)
                .map(|(index, (_, live))| format!("check-{index} {live}"))
                .collect();
            let mut blocking: Vec<String> =
                preview.blocking.iter().map(|one| format!("{} {}", one.name, one.reason)).collect();
            blocking.sort();
            assert_eq!(blocking, failing);
            let proceeds = failing.is_empty() && !opens_later;
            assert_eq!(preview.decision == Outlook::Proceed, proceeds, "{preview:?}");
            assert_eq!(preview.not_open, opens_later);
            assert_eq!(world.ran().len() - ran, usize::from(!checks.is_empty()), "it runs once");
            assert_eq!(world.memory.states(&[host]).await.unwrap(), states, "nothing is stored");
            assert!(world.memory.gates_of(job).await.unwrap().is_empty(), "no gate is opened");
        });
    });
}
