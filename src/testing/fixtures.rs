//! Constructors of common test data. Ids come from small numbers, so that every run is reproducible and
//! failures are readable.

use chrono::{DateTime, TimeDelta, TimeZone, Utc};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    clock::ManualClock,
    model::{
        Actor, AgentEndpoint, AuditAction, AuditEntry, CheckId, CheckResult, ClockEpoch, Detail,
        GateRequest, HealthCheck, HostId, JobId, NewCheck, ReasonCode, ResultSource, Role, Window,
    },
    store::{CheckInsert, FirstRun},
};

/// Returns the instant at which [`clock`] starts: 2026-11-24, 02:00 UTC.
///
/// # Panics
/// Never panics.
#[must_use]
pub fn start() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 11, 24, 2, 0, 0).single().expect("a date that exists")
}

/// Returns a clock that starts at [`start`].
#[must_use]
pub fn clock() -> ManualClock {
    ManualClock::new(start())
}

/// Returns the host with this number.
#[must_use]
pub const fn host(number: u128) -> HostId {
    HostId::from_uuid(Uuid::from_u128(number))
}

/// Returns the job with this number.
#[must_use]
pub const fn job(number: u128) -> JobId {
    JobId::from_uuid(Uuid::from_u128(number))
}

/// Returns the check with this number.
#[must_use]
pub const fn check(number: u128) -> CheckId {
    CheckId::from_uuid(Uuid::from_u128(number))
}

/// Returns a distinct agent for the host with this number.
///
/// # Panics
/// Never panics.
#[must_use]
pub fn agent(number: u16) -> AgentEndpoint {
    AgentEndpoint::new("192.0.2.1", number.max(1), None).expect("an address and a port")
}

/// Returns the insertion of a service check whose unit has the name of the check.
///
/// # Panics
/// Panics if `name` is not a valid name of a unit.
#[must_use]
pub fn service_check(id: CheckId, host_id: HostId, name: &str) -> CheckInsert {
    insert(id, host_id, json!({"name": name, "check_type": "service", "service_name": name}))
}

/// Returns the insertion of an HTTP check that tests only the status.
///
/// # Panics
/// Panics if the name or the URL is invalid.
#[must_use]
pub fn http_check(id: CheckId, host_id: HostId, name: &str, url: &str) -> CheckInsert {
    let body = json!({"name": name, "check_type": "http", "url": url, "expected_body": ""});
    insert(id, host_id, body)
}

/// Returns the insertion of a check from an API body, with at most 5 checks for a host and no password.
///
/// # Panics
/// Panics if the body is invalid.
#[must_use]
pub fn insert(id: CheckId, host_id: HostId, body: Value) -> CheckInsert {
    let definition = NewCheck::from_json(body).expect("a valid check").definition;
    CheckInsert { id, host_id, definition, secret: None, limit: 5, first_run: FirstRun::AtOnce }
}

/// Returns the result of a run that started at an instant and took 10 ms.
#[must_use]
pub fn result(check: &HealthCheck, reason: ReasonCode, checked_at: DateTime<Utc>) -> CheckResult {
    CheckResult {
        check_id: check.id,
        host_id: check.host_id,
        revision: check.revision,
        reason,
        detail: Detail::new(format!("scripted: {reason}")),
        latency_ms: 10,
        checked_at,
        epoch: ClockEpoch::default(),
        source: ResultSource::Poll,
        observer_fault: false,
        endpoint: None,
    }
}

/// Returns a window that opens at an instant.
///
/// # Panics
/// Panics if the length is invalid for a window.
#[must_use]
pub fn window(opens_at: DateTime<Utc>, length: TimeDelta) -> Window {
    Window::lasting(opens_at, length).expect("a window of at most 7 days")
}

/// Returns a request of the job with this number, for a window that opens at [`start`].
///
/// # Panics
/// Panics as [`window`] does.
#[must_use]
pub fn request(number: u128, host_id: HostId, length: TimeDelta) -> GateRequest {
    GateRequest::new(job(number), host_id, window(start(), length))
}

/// Returns an administrator's audit entry.
#[must_use]
pub fn audit(action: AuditAction) -> AuditEntry {
    AuditEntry::allowed(Actor::new("ada", Role::Admin), action)
}
