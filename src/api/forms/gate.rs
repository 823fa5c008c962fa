//! Gates, their attempts, overrides and passes.

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use crate::model::{
    Attempt, CheckId, EndReason, Evidence, GateNote, GateOverride, GatePass, GateRecord, GateState,
    HostId, JobId, PassId, PassKind, TimeZoneName, UtcOffset, Window, WindowKind, WouldHave,
    instant,
};

/// A window: from `opens_at` (inside) to `closes_at` (outside), at most 7 days.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Window)]
#[serde(deny_unknown_fields)]
pub struct WindowForm {
    /// The first instant inside.
    #[serde(with = "instant")]
    pub opens_at: DateTime<Utc>,
    /// The first instant after it.
    #[serde(with = "instant")]
    pub closes_at: DateTime<Utc>,
    /// The zone of the calendar that it comes from, to show it in; left out where it comes from none. It
    /// moves nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, read_only)]
    pub time_zone: Option<TimeZoneName>,
    /// What that zone's clocks are ahead of UTC in this window, and where they change; left out without a
    /// zone.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(read_only, required = false)]
    pub utc_offsets: Vec<UtcOffset>,
}

impl From<Window> for WindowForm {
    fn from(window: Window) -> Self {
        Self {
            opens_at: window.opens_at(),
            closes_at: window.closes_at(),
            time_zone: window.time_zone(),
            utc_offsets: utc_offsets(window, window.opens_at()),
        }
    }
}

/// Returns the offsets of a window's zone, from this instant (at the latest from the window's opening) to
/// the close and through the following days in which related times can lie.
pub(super) fn utc_offsets(window: Window, from: DateTime<Utc>) -> Vec<UtcOffset> {
    let Some(zone) = window.time_zone() else { return Vec::new() };
    zone.utc_offsets(from.min(window.opens_at()), window.closes_at() + Window::MAXIMUM_LENGTH)
}

/// What lets failing checks pass for one job and host.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
#[schema(as = GateOverride)]
pub struct OverrideForm {
    /// The checks that may fail.
    pub check_ids: Vec<CheckId>,
    /// Why.
    pub reason: String,
    /// Until when.
    #[serde(with = "instant")]
    pub expires_at: DateTime<Utc>,
    /// Who.
    pub actor: String,
    /// When it was given.
    #[serde(with = "instant")]
    pub created_at: DateTime<Utc>,
}

impl From<GateOverride> for OverrideForm {
    fn from(exception: GateOverride) -> Self {
        Self {
            check_ids: exception.checks.iter().map(|check| check.check_id).collect(),
            reason: exception.reason,
            expires_at: exception.expires_at,
            actor: exception.actor,
            created_at: exception.created_at,
        }
    }
}

/// What an administrator asks for with an override.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = NewGateOverride)]
#[serde(deny_unknown_fields)]
pub struct OverrideRequestForm {
    /// The checks that may fail: checks of this host.
    #[schema(min_items = 1)]
    pub check_ids: Vec<CheckId>,
    /// Why.
    #[schema(min_length = 10, max_length = 500)]
    pub reason: String,
    /// Until when: in the future, and not after the gate's end.
    #[serde(with = "instant")]
    pub expires_at: DateTime<Utc>,
}

/// The permission to go ahead.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
#[schema(as = GatePass)]
pub struct PassForm {
    /// Identity.
    pub id: PassId,
    /// On what ground.
    pub kind: PassKind,
    /// When it was given.
    #[serde(with = "instant")]
    pub granted_at: DateTime<Utc>,
    /// It can be spent before this instant.
    #[serde(with = "instant")]
    pub valid_until: DateTime<Utc>,
    /// What was known of each check.
    pub evidence: Vec<Evidence>,
    /// What a blocking gate would have done, where this one only reports.
    #[schema(required)]
    pub would_have: Option<WouldHave>,
}

impl From<GatePass> for PassForm {
    fn from(pass: GatePass) -> Self {
        Self {
            id: pass.id,
            kind: pass.kind,
            granted_at: pass.granted_at,
            valid_until: pass.valid_until,
            evidence: pass.evidence,
            would_have: pass.would_have,
        }
    }
}

/// The gate of one job on one host.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
#[schema(as = Gate)]
pub struct GateForm {
    /// The job.
    pub job_id: JobId,
    /// The host.
    pub host_id: HostId,
    /// Where it stands.
    pub state: GateState,
    /// On what ground it passed; `null` before it does.
    #[schema(required)]
    pub kind: Option<PassKind>,
    /// When its window opens.
    #[serde(with = "instant")]
    pub opens_at: DateTime<Utc>,
    /// When its window closes.
    #[serde(with = "instant")]
    pub closes_at: DateTime<Utc>,
    /// The zone to show its window in, an IANA name; `null` where the window comes from no calendar.
    #[schema(required, value_type = Option<String>)]
    pub time_zone: Option<TimeZoneName>,
    /// What that zone's clocks are ahead of UTC from the gate's opening on, and where they change; empty
    /// without a zone.
    pub utc_offsets: Vec<UtcOffset>,
    /// What bounds the wait.
    pub window_kind: WindowKind,
    /// It reports and does not block.
    pub report_only: bool,
    /// It does not block.
    pub exempt: bool,
    /// The job asked for its cancellation.
    pub cancel_requested: bool,
    /// When the gate was opened.
    #[serde(with = "instant")]
    pub created_at: DateTime<Utc>,
    /// When the next attempt is due, while it waits.
    #[serde(with = "instant::option")]
    #[schema(required)]
    pub next_attempt_at: Option<DateTime<Utc>>,
    /// When it ended.
    #[serde(with = "instant::option")]
    #[schema(required)]
    pub ended_at: Option<DateTime<Utc>>,
    /// Why it ended without a pass.
    #[schema(required)]
    pub end_reason: Option<EndReason>,
    /// Where it stands, for people; while it waits it names what is failing.
    pub detail: String,
    /// The newest verdict on each check and condition.
    pub evidence: Vec<Evidence>,
    /// What happened from outside while it waited.
    pub notes: Vec<GateNote>,
    /// The attempts, by number: the newest 200.
    pub attempts: Vec<Attempt>,
    /// The override in force.
    #[serde(rename = "override")]
    #[schema(required)]
    pub exception: Option<OverrideForm>,
    /// The newest pass.
    #[schema(required)]
    pub pass: Option<PassForm>,
}

impl GateForm {
    /// Creates the form of a gate with these attempts.
    #[must_use]
    pub fn new(record: GateRecord, attempts: Vec<Attempt>) -> Self {
        Self {
            job_id: record.job_id,
            host_id: record.host_id,
            state: record.state,
            kind: record.pass.as_ref().map(|pass| pass.kind),
            opens_at: record.window.opens_at(),
            closes_at: record.window.closes_at(),
            time_zone: record.window.time_zone(),
            utc_offsets: utc_offsets(record.window, record.opened_at),
            window_kind: record.window_kind,
            report_only: record.report_only,
            exempt: record.exempt,
            cancel_requested: record.cancel_requested,
            created_at: record.opened_at,
            next_attempt_at: record.next_attempt_at,
            ended_at: record.ended_at,
            end_reason: record.end_reason,
            detail: record.detail,
            evidence: record.evidence,
            notes: record.notes,
            attempts,
            exception: record.exception.map(OverrideForm::from),
            pass: record.pass.map(PassForm::from),
        }
    }
}

/// A page of the gates of a job.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct GateList {
    /// Those of hosts that the caller may see, by the time of their opening.
    pub gates: Vec<GateForm>,
    /// Ask with it for the next page; `null` at the end.
    #[schema(required)]
    pub next_cursor: Option<String>,
}
