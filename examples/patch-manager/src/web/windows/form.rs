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
    /// The hosts that may be patched in it, those that the caller may see.
    pub(super) host_ids: Vec<HostId>,
    /// `once`, `daily`, `weekly` or `monthly`.
    #[schema(required)]
    pub(super) recurrence: Option<String>,
    /// For `weekly`: `mon` to `sun`.
    #[schema(required)]
    pub(super) weekdays: Option<Vec<String>>,
    /// For `monthly`: 1 to 31; a shorter month has it on its last day.
    #[schema(required)]
    pub(super) day_of_month: Option<i64>,
    /// For `monthly`, in place of `day_of_month`: a weekday of the month.
    #[schema(required)]
    pub(super) nth_weekday: Option<NthWeekdaySpec>,
    /// An IANA name.
    #[schema(required)]
    pub(super) time_zone: Option<String>,
    /// What that zone's clocks are ahead of UTC at `starts_at` or in `occurrence`, and where they change;
    /// empty without both.
    pub(super) utc_offsets: Vec<UtcOffset>,
    /// `HH:MM`, local; for all but `once`.
    #[schema(required)]
    pub(super) start_time: Option<String>,
    /// An instant; for `once`.
    #[schema(required)]
    pub(super) starts_at: Option<String>,
    /// `YYYY-MM-DD`: nothing starts on an earlier local day; for all but `once`.
    #[schema(required)]
    pub(super) first_date: Option<String>,
    #[schema(required)]
    pub(super) duration_minutes: Option<i64>,
    pub(super) enabled: bool,
    /// When it is open now, or opens next; `null` where it never opens again, or is not enabled.
    #[schema(required)]
    pub(super) occurrence: Option<WindowForm>,
    #[serde(with = "instant")]
    pub(super) created_at: DateTime<Utc>,
    #[serde(with = "instant")]
    pub(super) updated_at: DateTime<Utc>,
    pub(super) revision: i64,
}

/// What a window is made from. With `PUT`, what is absent stays as it is.
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
    /// Today where it is not given.
    first_date: Option<String>,
    /// 1 to 10,080.
    duration_minutes: i64,
    /// `true` where it is not given.
    enabled: Option<bool>,
}

/// A page of windows.
#[derive(Serialize, ToSchema)]
pub(in crate::web) struct MaintenanceWindowList {
    pub(super) windows: Vec<MaintenanceWindowForm>,
    /// Ask with it for the next page; `null` at the end.
    #[schema(required)]
    pub(super) next_cursor: Option<String>,
}
