//! What the gates would say.

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use super::{WindowForm, gate::utc_offsets};
use crate::{
    gate::{Blocking, HostPreview},
    model::{HostId, Outlook, PassKind, TimeZoneName, UtcOffset, Window, instant},
};

/// Which hosts to preview.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = GatePreviewRequest)]
#[serde(deny_unknown_fields)]
pub struct PreviewRequestForm {
    /// The hosts. Each is answered once.
    #[schema(max_items = 10000)]
    pub host_ids: Vec<HostId>,
    /// In this window; without it in each host's own.
    pub window: Option<WindowForm>,
}

/// What a host's gate would say now.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
#[schema(as = HostPreview)]
pub struct PreviewForm {
    /// The host.
    pub host_id: HostId,
    /// Whether the job would go ahead.
    pub decision: Outlook,
    /// On what ground it would go ahead.
    #[schema(required)]
    pub kind: Option<PassKind>,
    /// When the window opens that it was judged in.
    #[serde(with = "instant")]
    pub opens_at: DateTime<Utc>,
    /// When that window closes.
    #[serde(with = "instant")]
    pub closes_at: DateTime<Utc>,
    /// The zone to show that window in, an IANA name; `null` where it comes from no calendar.
    #[schema(required, value_type = Option<String>)]
    pub time_zone: Option<TimeZoneName>,
    /// What that zone's clocks are ahead of UTC in that window, and where they change; empty without a
    /// zone.
    pub utc_offsets: Vec<UtcOffset>,
    /// The window is not open yet: that alone makes it wait where nothing is blocking.
    pub not_open: bool,
    /// What is left of the window has no room for a second attempt.
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

/// What the gates would say, host by host.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = GatePreview)]
pub struct PreviewList {
    /// In the order asked, each once.
    pub hosts: Vec<PreviewForm>,
}
