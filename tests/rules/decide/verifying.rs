//! When a changed host can be verified at the earliest: as the verdict would have it, and never before.

use std::{collections::HashSet, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use healthgate::{
    gate::{
        explain::{Cause, Explanation, Who, explain_change},
        verify::{VerifyAction, VerifyInput, absorb, decide},
    },
    model::{
        ChangeEnd, CheckResult, Detail, Evidence, EvidenceReason, GateState, HostChange,
        ReasonCode, StoreTime, Verification, VerificationState, VerifyPolicy,
    },
};
use proptest::prelude::*;

use crate::decide::{
    properties::{config, given, plain},
    scene::{EPOCH, SECOND, Scene, at, requirement, result},
};

/// A host after its change, as its looks have found it so far.
#[derive(Clone, Debug)]
struct Watched {
    scene: Scene,
    change: HostChange,
    now: DateTime<Utc>,
}

impl Watched {
    /// A host with so many checks, all healthy before its change, which has just ended.
    fn begin(checks: u8, policy: VerifyPolicy) -> Self {
        let mut scene = plain(60);
        scene.requirements = (0..checks).map(requirement).collect();
        let mut pass = given(&scene, at(120 * SECOND));
        pass.evidence = scene
            .requirements
            .iter()
            .map(|check| Evidence {
                check_id: Some(check.check_id),
                name: check.name.to_string(),
                healthy: true,
                reason: EvidenceReason::Code(ReasonCode::Ok),
                observed: true,
                detail: Detail::default(),
                latency_ms: None,
                checked_at: Some(scene.now),
            })
            .collect();
        (scene.gate.pass, scene.gate.state) = (Some(pass), GateState::Spent);
        let now = scene.now + TimeDelta::seconds(10);
        let mut change = HostChange::begin(&scene.gate, scene.now).unwrap();
        change.end(now, ChangeEnd::Verify(policy));
        Self { scene, change, now }
    }

    fn verification(&self) -> &Verification {
        self.change.verification.as_ref().unwrap()
    }

    fn ask<T>(&self, ask: impl FnOnce(&VerifyInput<'_>) -> T) -> T {
        ask(&VerifyInput {
            now: StoreTime::new(EPOCH, self.now),
            clock_suspect: false,
            pass: self.scene.gate.pass.as_ref().unwrap(),
            change: &self.change,
            verification: self.verification(),
            requirements: &self.scene.requirements,
            disturbed: &HashSet::new(),
            host_gone: false,
            unknown: None,
        })
    }

    /// Looks at the host once it is due, and finds each of its checks so. Returns whether that goes on.
    fn look(&mut self, found: impl Fn(u8) -> ReasonCode) -> bool {
        self.now = self.now.max(self.verification().next_at.unwrap());
        let mut action = self.ask(decide);
        if let VerifyAction::Run(run) = &action {
            let one = |index: &usize| {
                let number = u8::try_from(*index).unwrap();
                result(number, found(number), self.now)
            };
            let results: Vec<CheckResult> = run.iter().map(one).collect();
            let started = StoreTime::new(EPOCH, self.now);
            let after = self.ask(|input| absorb(input, started, &results));
            self.change.take_verification(after, self.now);
            action = self.ask(decide);
        }
        let mut verification = self.verification().clone();
        match action {
            VerifyAction::Wait { until } => verification.next_at = Some(until),
            VerifyAction::Run(_) => verification.next_at = Some(self.now),
            VerifyAction::End { state, detail } => verification.end(state, detail, self.now),
        }
        self.change.take_verification(verification, self.now);
        self.change.is_being_verified()
    }

    fn explained(&self) -> Option<Explanation> {
        explain_change(&self.change, self.now)
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn g38_a_host_is_verified_at_the_first_look_from_the_instant_that_is_told(
        (settle, soak, rest) in (0_u64..120, 0_u64..200, 1_u64..300),
        checks in 1_u8..4,
        looks in proptest::collection::vec((any::<u8>(), 0_i64..40), 0..8),
        later in 0_i64..40,
    ) {
        let policy = VerifyPolicy {
            settle: Duration::from_secs(settle),
            soak: Duration::from_secs(soak),
            deadline: Duration::from_secs(settle + soak + rest),
        };
        let mut host = Watched::begin(checks, policy);
        for (healthy, late) in looks {
            host.now += TimeDelta::seconds(late);
            let found = |number| match healthy >> number & 1 {
                0 => ReasonCode::Status,
                _ => ReasonCode::Ok,
            };
            if !host.look(found) {
                prop_assert_eq!(host.explained(), None);
                return Ok(());
            }
        }
        host.now += TimeDelta::seconds(later);
        let told = host.explained().unwrap();
        prop_assert_eq!(told.cause, Cause::Verifying);
        // From here on every look finds the host healthy, and comes when it is due.
        while host.look(|_| ReasonCode::Ok) {}
        let verified = host.verification().state == VerificationState::Verified;
        prop_assert_eq!(verified, told.earliest_pass_at.is_some(), "{:?}, {:?}", told, host);
        if let Some(earliest) = told.earliest_pass_at {
            let late = host.now - earliest;
            let most = TimeDelta::from_std(VerifyPolicy::INTERVAL).unwrap();
            prop_assert!(TimeDelta::zero() <= late && late < most, "{} late: {:?}", late, host);
        }
    }
}

#[test]
fn a_host_that_is_being_verified_says_what_it_waits_for() {
    let policy = VerifyPolicy { soak: Duration::from_secs(60), ..VerifyPolicy::default() };
    let mut host = Watched::begin(2, policy);
    let told = |host: &Watched| {
        let one = host.explained().unwrap();
        (one.who, one.detail.to_string())
    };
    assert_eq!(told(&host), (Who::Time, "it settles after its change".to_owned()));
    host.look(|_| ReasonCode::Ok);
    host.now = host.verification().next_at.unwrap();
    assert_eq!(told(&host).0, Who::Worker);
    host.look(|number| if number == 1 { ReasonCode::Status } else { ReasonCode::Ok });
    assert_eq!(told(&host), (Who::Operator, "not healthy since its change: check 1".to_owned()));
    host.look(|_| ReasonCode::Ok);
    assert_eq!(told(&host).0, Who::Time);
    assert_eq!(host.explained().unwrap().earliest_pass_at, Some(host.now + TimeDelta::seconds(60)));
}
