//! Gates, their attempts, overrides and passes.

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use crate::model::{
    Attempt, CheckId, EndReason, Evidence, GateNote, GateOverride, GatePass, GateRecord, GateState,
    HostId, JobId, PassId, PassKind, TimeZoneName, UtcOffset, Window, WindowKind, WouldHave,
    instant,
};

/// A window from `opens_at` (inclusive) to `closes_at` (exclusive), at most 7 days long.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Window)]
#[serde(deny_unknown_fields)]
pub struct WindowForm {
    /// The start, inclusive.
    #[serde(with = "instant")]
    pub opens_at: DateTime<Utc>,
    /// The end, exclusive.
    #[serde(with = "instant")]
    pub closes_at: DateTime<Utc>,
    /// The time zone for display, if the window comes from a calendar. It does not change the instants.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, read_only)]
    pub time_zone: Option<TimeZoneName>,
    /// The UTC offset of that zone in this window, and its changes. Left out without a zone.
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

/// The permission that named checks may fail for one job and host.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
#[schema(as = GateOverride)]
pub struct OverrideForm {
    /// The checks that may fail.
    pub check_ids: Vec<CheckId>,
    /// The reason.
    pub reason: String,
    /// The expiry.
    #[serde(with = "instant")]
    pub expires_at: DateTime<Utc>,
    /// The user who set it.
    pub actor: String,
    /// When it was set.
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

/// A request for an override.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = NewGateOverride)]
#[serde(deny_unknown_fields)]
pub struct OverrideRequestForm {
    /// The checks that may fail. All must be checks of this host.
    #[schema(min_items = 1)]
    pub check_ids: Vec<CheckId>,
    /// The reason.
    #[schema(min_length = 10, max_length = 500)]
    pub reason: String,
    /// The expiry: in the future, and not after the gate's end.
    #[serde(with = "instant")]
    pub expires_at: DateTime<Utc>,
}

/// The permission to patch a host once.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
#[schema(as = GatePass)]
pub struct PassForm {
    /// The pass's id.
    pub id: PassId,
    /// Why the gate passed.
    pub kind: PassKind,
    /// When it was given.
    #[serde(with = "instant")]
    pub granted_at: DateTime<Utc>,
    /// The expiry, exclusive.
    #[serde(with = "instant")]
    pub valid_until: DateTime<Utc>,
    /// The verdict of each check when the pass was given.
    pub evidence: Vec<Evidence>,
    /// The decision of a blocking gate, if this one only reports.
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
    /// The gate's state.
    pub state: GateState,
    /// Why the gate passed. `null` before it passes.
    #[schema(required)]
    pub kind: Option<PassKind>,
    /// When its window opens.
    #[serde(with = "instant")]
    pub opens_at: DateTime<Utc>,
    /// When its window closes.
    #[serde(with = "instant")]
    pub closes_at: DateTime<Utc>,
    /// The IANA name of the time zone for display. `null` if the window comes from no calendar.
    #[schema(required, value_type = Option<String>)]
    pub time_zone: Option<TimeZoneName>,
    /// The UTC offset of that zone from the gate's opening on, and its changes. Empty without a zone.
    pub utc_offsets: Vec<UtcOffset>,
    /// The kind of the window.
    pub window_kind: WindowKind,
    /// Whether the gate only reports and does not block.
    pub report_only: bool,
    /// Whether checks do not block the gate.
    pub exempt: bool,
    /// Whether the job asked for its cancellation.
    pub cancel_requested: bool,
    /// When the gate was opened.
    #[serde(with = "instant")]
    pub created_at: DateTime<Utc>,
    /// When the next attempt is due, while the gate waits.
    #[serde(with = "instant::option")]
    #[schema(required)]
    pub next_attempt_at: Option<DateTime<Utc>>,
    /// When the gate ended.
    #[serde(with = "instant::option")]
    #[schema(required)]
    pub ended_at: Option<DateTime<Utc>>,
    /// Why the gate ended without a pass.
    #[schema(required)]
    pub end_reason: Option<EndReason>,
    /// The current situation, for people. While the gate waits, it names the failing checks.
    pub detail: String,
    /// The newest verdict of each check and condition.
    pub evidence: Vec<Evidence>,
    /// External events during the wait.
    pub notes: Vec<GateNote>,
    /// The newest 200 attempts, ordered by number.
    pub attempts: Vec<Attempt>,
    /// The current override.
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

/// A page of a job's gates.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct GateList {
    /// The gates of hosts that the caller may see, ordered by their opening.
    pub gates: Vec<GateForm>,
    /// The cursor of the next page. `null` on the last page.
    #[schema(required)]
    pub next_cursor: Option<String>,
}
