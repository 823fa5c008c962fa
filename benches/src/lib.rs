//! What the benchmarks measure: one scene for each hot function, which `hot.rs` times.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use healthgate::{
    checks::{BodySearch, Searched},
    crypto::{InstallId, Key, KeyRing, SealContext},
    gate::{
        GatePolicy,
        decide::{GateInput, Requirement, WindowAnswer},
    },
    model::{
        AgentEndpoint, CheckId, CheckResult, ClockEpoch, Detail, GateId, GateRecord, GateRequest,
        HostId, JobId, NewCheck, Password, ReasonCode, ResultSource, StoreTime, Window,
    },
};
use serde_json::json;
use uuid::Uuid;

/// Returns the instant of all scenes.
///
/// # Panics
/// Never: the instant is in range.
#[must_use]
pub fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000, 0).expect("in range")
}

/// A host with five checks, each with its newest result, in the middle of its window.
#[derive(Debug)]
pub struct GateScene {
    gate: GateRecord,
    requirements: Vec<Requirement>,
    observations: Vec<CheckResult>,
    policy: GatePolicy,
    window: Window,
}

impl GateScene {
    /// Creates the scene; `last` is the result of the last check.
    ///
    /// # Panics
    /// Never: its values are valid.
    #[must_use]
    pub fn new(last: ReasonCode) -> Self {
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

    /// Returns what the decision is asked with.
    #[must_use]
    pub fn input(&self) -> GateInput<'_> {
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

/// A body of 256 KiB with the text at its very end.
#[derive(Debug)]
pub struct BodyScene(Vec<u8>);

impl Default for BodyScene {
    fn default() -> Self {
        let mut body = b"<p>some line of a page that is no match: status</p>\n".repeat(5_200);
        body.truncate(Self::LEN - Self::TEXT.len());
        body.extend_from_slice(Self::TEXT);
        Self(body)
    }
}

impl BodyScene {
    const TEXT: &[u8] = b"status: ready";
    /// The length of the body.
    pub const LEN: usize = 256 * 1024;

    /// Searches the body in chunks of 16 KiB, as the network brings them.
    #[must_use]
    pub fn search(&self) -> bool {
        let mut search = BodySearch::new(Self::TEXT, Self::LEN);
        self.0.chunks(16 * 1024).any(|chunk| search.push(chunk) == Searched::Found)
    }
}

/// A key, and a password with what it is bound to.
///
/// # Panics
/// Panics if the system has no randomness.
#[must_use]
pub fn secret() -> (KeyRing, SealContext, Password) {
    let body = json!({"name": "web", "check_type": "http", "url": "https://a.example/",
                      "expected_body": ""});
    let definition = NewCheck::from_json(body).expect("a check").definition;
    let (host, check) = (HostId::generate(), CheckId::generate());
    let install = InstallId::from_bytes([7; 16]);
    let context = SealContext::of(install, host, check, &definition).expect("an HTTP check");
    let ring = KeyRing::new(Key::generate().expect("randomness"));
    (ring, context, Password::new("correct horse battery staple").expect("short"))
}
