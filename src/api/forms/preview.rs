//! What the gates would say.

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use super::{WindowForm, gate::utc_offsets};
use crate::{
    gate::{Blocking, HostPreview},
    model::{HostId, Outlook, PassKind, TimeZoneName, UtcOffset, Window, instant},
};

/// A request for a preview.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = GatePreviewRequest)]
#[serde(deny_unknown_fields)]
pub struct PreviewRequestForm {
    /// The hosts. Duplicates are ignored.
    #[schema(max_items = 10000)]
    pub host_ids: Vec<HostId>,
    /// The window to judge in. Without it, each host's own window.
    pub window: Option<WindowForm>,
}

/// The current decision for a host.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
#[schema(as = HostPreview)]
pub struct PreviewForm {
    /// The host.
    pub host_id: HostId,
    /// Whether the job would be allowed to patch the host.
    pub decision: Outlook,
    /// Why the gate would pass, if it would.
    #[schema(required)]
    pub kind: Option<PassKind>,
    /// When the window of this preview opens.
    #[serde(with = "instant")]
    pub opens_at: DateTime<Utc>,
    /// When that window closes.
    #[serde(with = "instant")]
    pub closes_at: DateTime<Utc>,
    /// The IANA name of the time zone for display. `null` if the window comes from no calendar.
    #[schema(required, value_type = Option<String>)]
    pub time_zone: Option<TimeZoneName>,
    /// The UTC offset of that zone in the window, and its changes. Empty without a zone.
    pub utc_offsets: Vec<UtcOffset>,
    /// Whether the window has not opened yet. If nothing blocks, this alone makes the job wait.
    pub not_open: bool,
    /// Whether the rest of the window is too short for a second attempt.
    pub window_too_short: bool,
    /// The checks and conditions that are not known to be met.
    pub blocking: Vec<Blocking>,
}

impl PreviewForm {
    /// Creates the form of a preview in this window.
    #[must_use]
    pub fn new(preview: HostPreview, window: Window) -> Self {
        Self {
            host_id: preview.host_id,
            decision: preview.decision,
            kind: preview.kind,
            opens_at: window.opens_at(),
            closes_at: window.closes_at(),
            time_zone: window.time_zone(),
            utc_offsets: utc_offsets(window, window.opens_at()),
            not_open: preview.not_open,
            window_too_short: preview.window_too_short,
            blocking: preview.blocking,
        }
    }
}

/// The current decisions, one per host.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = GatePreview)]
pub struct PreviewList {
    /// The hosts in the requested order, each once.
    pub hosts: Vec<PreviewForm>,
}
