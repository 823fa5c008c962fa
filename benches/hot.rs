//! The pure functions that run most often: the decision of a gate, a host's next slot, the search of
//! a body, and sealing. `scripts/bench` runs them.

use chrono::{DateTime, TimeDelta, Utc};
use divan::{Bencher, black_box};
use healthgate::{
    crypto::{InstallId, Key, KeyRing, SealContext, Sealer},
    model::{CheckId, HostId, NewCheck, Password},
};
use serde_json::json;
use uuid::Uuid;

fn main() {
    divan::main();
}

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000, 0).expect("in range")
}

mod gates {
    use std::time::Duration;

    use healthgate::{
        gate::{
            GatePolicy,
            decide::{Action, GateInput, Requirement, WindowAnswer, decide},
        },
        model::{
            AgentEndpoint, CheckResult, ClockEpoch, Detail, GateId, GateRecord, GateRequest, JobId,
            ReasonCode, ResultSource, StoreTime, Window,
        },
    };

    use super::*;

    /// A host with five checks, each with its newest result, in the middle of its window.
    struct Scene {
        gate: GateRecord,
        requirements: Vec<Requirement>,
        observations: Vec<CheckResult>,
        policy: GatePolicy,
        window: Window,
    }

    impl Scene {
        fn new(last: ReasonCode) -> Self {
            let window = Window::new(now() - TimeDelta::hours(1), now() + TimeDelta::hours(1));
            let window = window.expect("a window");
            let endpoint = AgentEndpoint::new("10.0.0.1", 8443, None).expect("an endpoint");
            let host_id = HostId::from_uuid(Uuid::from_u128(1));
            let request = GateRequest::new(JobId::generate(), host_id, window);
            let check_id = |number| CheckId::from_uuid(Uuid::from_u128(number));
            let requirement = |number| Requirement {
                check_id: check_id(number),
                name: format!("check {number}").into(),
                revision: 1,
                enabled: true,
                changed_at: now() - TimeDelta::days(1),
                changed_epoch: ClockEpoch::default(),
                endpoint: Some(endpoint.clone()),
            };
            let observation = |number| CheckResult {
                check_id: check_id(number),
                host_id,
                revision: 1,
                reason: if number == 5 { last } else { ReasonCode::Ok },
                detail: Detail::new("active/running, enabled"),
                latency_ms: 12,
                checked_at: now() - TimeDelta::seconds(60),
                epoch: ClockEpoch::default(),
                source: ResultSource::Poll,
                observer_fault: false,
                endpoint: Some(endpoint.clone()),
            };
            Self {
                gate: GateRecord::open(
                    GateId::generate(),
                    &request,
                    StoreTime::new(ClockEpoch::default(), now() - TimeDelta::minutes(50)),
                ),
                requirements: (1..=5).map(requirement).collect(),
                observations: (1..=5).map(observation).collect(),
                policy: GatePolicy { spread: Duration::ZERO, ..GatePolicy::default() },
                window,
            }
        }

        fn input(&self) -> GateInput<'_> {
            GateInput {
                now: now(),
                gate_time: now(),
                epoch: ClockEpoch::default(),
                clock_suspect: false,
                gate: &self.gate,
                in_flight: false,
                no_room: false,
                dirty: false,
                window: WindowAnswer::Open(self.window),
                requirements: &self.requirements,
                observations: &self.observations,
                streaks: &[],
                conditions: &[],
                hold: None,
                override_allowed: true,
                policy: &self.policy,
            }
        }
    }

    #[divan::bench]
    fn decide_five_healthy_checks(bencher: Bencher<'_, '_>) {
        let scene = Scene::new(ReasonCode::Ok);
        assert!(matches!(decide(&scene.input()).action, Action::Pass { .. }));
        bencher.bench_local(|| decide(black_box(&scene.input())));
    }

    #[divan::bench]
    fn decide_five_checks_one_failing(bencher: Bencher<'_, '_>) {
        let scene = Scene::new(ReasonCode::ServiceUnhealthy);
        assert!(!matches!(decide(&scene.input()).action, Action::Pass { .. }));
        bencher.bench_local(|| decide(black_box(&scene.input())));
    }
}

mod schedule {
    use std::time::Duration;

    use healthgate::checks::schedule::next_slot;

    use super::*;

    #[divan::bench]
    fn next_slot_of_a_host(bencher: Bencher<'_, '_>) {
        let host = HostId::from_uuid(Uuid::from_u128(7));
        let interval = Duration::from_secs(300);
        bencher.bench_local(|| next_slot(black_box(host), interval, black_box(now())));
    }
}

mod body {
    use healthgate::checks::{BodySearch, Searched};

    use super::*;

    /// 256 KiB in chunks of 16 KiB, as the network brings them, with the text at the very end.
    #[divan::bench]
    fn search_of_256_kib(bencher: Bencher<'_, '_>) {
        let needle = b"status: ready";
        let mut body = b"<p>some line of a page that is no match: status</p>\n".repeat(5_200);
        body.truncate(256 * 1024 - needle.len());
        body.extend_from_slice(needle);
        let search = |body: &[u8]| {
            let mut search = BodySearch::new(needle, 256 * 1024);
            body.chunks(16 * 1024).any(|chunk| search.push(chunk) == Searched::Found)
        };
        assert!(search(&body));
        bencher
            .counter(divan::counter::BytesCount::new(body.len()))
            .bench_local(|| search(black_box(&body)));
    }
}

mod sealing {
    use super::*;

    fn scene() -> (KeyRing, SealContext, Password) {
        let body = json!({"name": "web", "check_type": "http", "url": "https://a.example/",
                          "expected_body": ""});
        let definition = NewCheck::from_json(body).expect("a check").definition;
        let (host, check) = (HostId::generate(), CheckId::generate());
        let install = InstallId::from_bytes([7; 16]);
        let context = SealContext::of(install, host, check, &definition).expect("an HTTP check");
        let ring = KeyRing::new(Key::generate().expect("randomness"));
        (ring, context, Password::new("correct horse battery staple").expect("short"))
    }

    #[divan::bench]
    fn seal(bencher: Bencher<'_, '_>) {
        let (ring, context, password) = scene();
        bencher.bench_local(|| ring.seal(black_box(&context), black_box(&password)));
    }

    #[divan::bench]
    fn open(bencher: Bencher<'_, '_>) {
        let (ring, context, password) = scene();
        let sealed = ring.seal(&context, &password).expect("sealed");
        bencher.bench_local(|| ring.open(black_box(&context), black_box(&sealed)));
    }
}
