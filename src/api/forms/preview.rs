//! What the gates would say.

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use super::WindowForm;
use crate::model::{CheckId, EvidenceReason, HostId, PassKind, instant};

/// Which hosts to preview.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = GatePreviewRequest)]
#[serde(deny_unknown_fields)]
pub struct PreviewRequestForm {
    /// The hosts.
    #[schema(max_items = 500)]
    pub host_ids: Vec<HostId>,
    /// In this window; without it in each host's own.
    pub window: Option<WindowForm>,
}

/// What a gate would say.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = PreviewDecision)]
pub enum DecisionForm {
    /// The job would go ahead now.
    Proceed,
    /// It would wait.
    Wait,
    /// It would fail.
    Fail,
}

/// What a host's gate would say now.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
#[schema(as = HostPreview)]
pub struct PreviewForm {
    /// The host.
    pub host_id: HostId,
    /// Whether the job would go ahead.
    pub decision: DecisionForm,
    /// On what ground it would go ahead.
    #[schema(required)]
    pub kind: Option<PassKind>,
    /// When the window opens that it was judged in.
    #[serde(with = "instant")]
    pub opens_at: DateTime<Utc>,
    /// When that window closes.
    #[serde(with = "instant")]
    pub closes_at: DateTime<Utc>,
    /// The window is not open yet.
    pub not_open: bool,
    /// What is left of the window has no room for a second attempt.
    pub window_too_short: bool,
    /// The checks and conditions that are not known to be met.
    pub blocking: Vec<BlockingForm>,
}

/// A check or condition that would hold the gate back.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
#[schema(as = Blocking)]
pub struct BlockingForm {
    /// The check; `null` for a condition of the application's own.
    #[schema(required)]
    pub check_id: Option<CheckId>,
    /// The name of the check or condition.
    pub name: String,
    /// Why.
    pub reason: EvidenceReason,
    /// Whether the target was seen in this condition, or could not be seen.
    pub observed: bool,
    /// A sentence for people.
    pub detail: String,
    /// When the check was last run.
    #[serde(with = "instant::option")]
    #[schema(required)]
    pub checked_at: Option<DateTime<Utc>>,
}

/// What the gates would say, host by host.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = GatePreview)]
pub struct PreviewList {
    /// In the order asked.
    pub hosts: Vec<PreviewForm>,
}
