//! Makers of the usual things. Ids are made from small numbers, so that every run is the same and a
//! failure can be read.

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

/// The instant at which [`clock`] starts: 2026-11-24, 02:00 UTC.
///
/// # Panics
/// Never.
#[must_use]
pub fn start() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 11, 24, 2, 0, 0).single().expect("a date that exists")
}

/// A clock that shows [`start`].
#[must_use]
pub fn clock() -> ManualClock {
    ManualClock::new(start())
}

/// The host with this number.
#[must_use]
pub const fn host(number: u128) -> HostId {
    HostId::from_uuid(Uuid::from_u128(number))
}

/// The job with this number.
#[must_use]
pub const fn job(number: u128) -> JobId {
    JobId::from_uuid(Uuid::from_u128(number))
}

/// The check with this number.
#[must_use]
pub const fn check(number: u128) -> CheckId {
    CheckId::from_uuid(Uuid::from_u128(number))
}

/// An agent of its own for the host with this number.
///
/// # Panics
/// Never.
#[must_use]
pub fn agent(number: u16) -> AgentEndpoint {
    AgentEndpoint::new("192.0.2.1", number.max(1), None).expect("an address and a port")
}

/// A service check to be inserted; the unit is named as the check.
///
/// # Panics
/// Where `name` is not also the name of a unit.
#[must_use]
pub fn service_check(id: CheckId, host_id: HostId, name: &str) -> CheckInsert {
    insert(id, host_id, json!({"name": name, "check_type": "service", "service_name": name}))
}

/// A web check to be inserted, which looks at the status alone.
///
/// # Panics
/// Where name or URL are not valid.
#[must_use]
pub fn http_check(id: CheckId, host_id: HostId, name: &str, url: &str) -> CheckInsert {
    let body = json!({"name": name, "check_type": "http", "url": url, "expected_body": ""});
    insert(id, host_id, body)
}

/// A check to be inserted from what the API takes. At most 5 for a host, and no password.
///
/// # Panics
/// Where the body is not valid.
#[must_use]
pub fn insert(id: CheckId, host_id: HostId, body: Value) -> CheckInsert {
    let definition = NewCheck::from_json(body).expect("a valid check").definition;
    CheckInsert { id, host_id, definition, secret: None, limit: 5, first_run: FirstRun::AtOnce }
}

/// A result of a check's run that started at an instant and took 10 ms.
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

/// A window from an instant on.
///
/// # Panics
/// Where the length is not that of a window.
#[must_use]
pub fn window(opens_at: DateTime<Utc>, length: TimeDelta) -> Window {
    Window::lasting(opens_at, length).expect("a window of at most 7 days")
}

/// A request of the job with this number, for a window from [`start`] on.
///
/// # Panics
/// As [`window`].
#[must_use]
pub fn request(number: u128, host_id: HostId, length: TimeDelta) -> GateRequest {
    GateRequest::new(job(number), host_id, window(start(), length))
}

/// An administrator's audit entry.
#[must_use]
pub fn audit(action: AuditAction) -> AuditEntry {
    AuditEntry::allowed(Actor::new("ada", Role::Admin), action)
}
