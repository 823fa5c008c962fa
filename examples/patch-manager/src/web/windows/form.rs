//! The API's form of a maintenance window.

use chrono::{DateTime, Utc};
use healthgate::{
    api::forms::WindowForm,
    gate::recurrence::NthWeekdaySpec,
    model::{HostId, UtcOffset, instant},
};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// A maintenance window.
#[derive(Serialize, ToSchema)]
#[schema(as = MaintenanceWindow)]
pub(in crate::web) struct MaintenanceWindowForm {
    pub(super) id: Uuid,
    pub(super) name: String,
    /// The hosts of the window that the caller may see.
    pub(super) host_ids: Vec<HostId>,
    /// `once`, `daily`, `weekly` or `monthly`.
    #[schema(required)]
    pub(super) recurrence: Option<String>,
    /// For `weekly`: `mon` to `sun`.
    #[schema(required)]
    pub(super) weekdays: Option<Vec<String>>,
    /// For `monthly`: 1 to 31. A shorter month uses its last day.
    #[schema(required)]
    pub(super) day_of_month: Option<i64>,
    /// For `monthly`, instead of `day_of_month`: a weekday of the month.
    #[schema(required)]
    pub(super) nth_weekday: Option<NthWeekdaySpec>,
    /// The IANA name of the time zone.
    #[schema(required)]
    pub(super) time_zone: Option<String>,
    /// The UTC offset of that zone at `starts_at` or in `occurrence`, and its changes. Empty without both.
    pub(super) utc_offsets: Vec<UtcOffset>,
    /// The local start time as `HH:MM`, for all but `once`.
    #[schema(required)]
    pub(super) start_time: Option<String>,
    /// The start as an instant, for `once`.
    #[schema(required)]
    pub(super) starts_at: Option<String>,
    /// The first local day as `YYYY-MM-DD`, for all but `once`.
    #[schema(required)]
    pub(super) first_date: Option<String>,
    #[schema(required)]
    pub(super) duration_minutes: Option<i64>,
    pub(super) enabled: bool,
    /// The current or next occurrence. `null` if the window never opens again, or is disabled.
    #[schema(required)]
    pub(super) occurrence: Option<WindowForm>,
    #[serde(with = "instant")]
    pub(super) created_at: DateTime<Utc>,
    #[serde(with = "instant")]
    pub(super) updated_at: DateTime<Utc>,
    pub(super) revision: i64,
}

/// A request for a window. With `PUT`, absent fields stay unchanged.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::web) struct MaintenanceWindowRequest {
    /// 1 to 100 characters.
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    /// Hosts that the caller may see.
    host_ids: Vec<HostId>,
    /// `once`, `daily`, `weekly` or `monthly`.
    recurrence: String,
    weekdays: Option<Vec<String>>,
    day_of_month: Option<i64>,
    nth_weekday: Option<NthWeekdaySpec>,
    time_zone: Option<String>,
    start_time: Option<String>,
    starts_at: Option<String>,
    /// The default is today.
    first_date: Option<String>,
    /// 1 to 10,080.
    duration_minutes: i64,
    /// The default is `true`.
    enabled: Option<bool>,
}

/// A page of windows.
#[derive(Serialize, ToSchema)]
pub(in crate::web) struct MaintenanceWindowList {
    pub(super) windows: Vec<MaintenanceWindowForm>,
    /// The cursor of the next page. `null` on the last page.
    #[schema(required)]
    pub(super) next_cursor: Option<String>,
}
