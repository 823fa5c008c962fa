//! `/maintenance-windows`: when hosts may be patched.

use axum::{
    Json,
    extract::State,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use chrono::{DateTime, Utc};
use healthgate::{
    api::{Caller, Id, JsonBody, Members, Page, Problem, forms::WindowForm},
    gate::recurrence::RecurrenceSpec,
    model::{Actor, AuditAction, AuditEntry, HostId, Role, ViolationCode, Violations, instant},
};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    Web,
    problems::{
        CommonProblems, ListProblems, SubjectProblems, WriteProblems, recurrence_violations,
    },
};
use crate::{database::WindowRow, directory::sees_all};

/// A maintenance window.
#[derive(Serialize, ToSchema)]
#[schema(as = MaintenanceWindow)]
pub(super) struct MaintenanceWindowForm {
    id: Uuid,
    name: String,
    /// The hosts that may be patched in it, those that the caller may see.
    host_ids: Vec<HostId>,
    /// `once`, `daily`, `weekly` or `monthly`.
    #[schema(required)]
    recurrence: Option<String>,
    /// For `weekly`: `mon` to `sun`.
    #[schema(required)]
    weekdays: Option<Vec<String>>,
    /// For `monthly`: 1 to 31; a shorter month has it on its last day.
    #[schema(required)]
    day_of_month: Option<i64>,
    /// An IANA name.
    #[schema(required)]
    time_zone: Option<String>,
    /// `HH:MM`, local; for all but `once`.
    #[schema(required)]
    start_time: Option<String>,
    /// An instant; for `once`.
    #[schema(required)]
    starts_at: Option<String>,
    /// `YYYY-MM-DD`: nothing starts on an earlier local day; for all but `once`.
    #[schema(required)]
    first_date: Option<String>,
    #[schema(required)]
    duration_minutes: Option<i64>,
    enabled: bool,
    /// When it is open now, or opens next; `null` where it never opens again, or is not enabled.
    #[schema(required)]
    occurrence: Option<WindowForm>,
    #[serde(with = "instant")]
    created_at: DateTime<Utc>,
    #[serde(with = "instant")]
    updated_at: DateTime<Utc>,
    revision: i64,
}

/// What a window is made from. With `PUT`, what is absent stays as it is.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct MaintenanceWindowRequest {
    /// 1 to 100 characters.
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    /// Hosts that the caller may see.
    host_ids: Vec<HostId>,
    /// `once`, `daily`, `weekly` or `monthly`.
    recurrence: String,
    weekdays: Option<Vec<String>>,
    day_of_month: Option<i64>,
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
pub(super) struct MaintenanceWindowList {
    windows: Vec<MaintenanceWindowForm>,
    /// Ask with it for the next page; `null` at the end.
    #[schema(required)]
    next_cursor: Option<String>,
}

/// The windows of hosts that the caller may see, newest first.
#[utoipa::path(
    get,
    path = "/api/v1/maintenance-windows",
    tag = "application",
    operation_id = "list_maintenance_windows",
    params(
        ("limit" = Option<u32>, Query, description = "1 to 200, 50 by default", minimum = 1, maximum = 200),
        ("cursor" = Option<String>, Query, description = "the `next_cursor` of the page before"),
    ),
    responses(
        (status = 200, description = "a page of windows", body = MaintenanceWindowList),
        ListProblems, CommonProblems
    ),
)]
pub(super) async fn list(
    State(web): State<Web>,
    Caller(actor): Caller,
    page: Page,
) -> Result<Json<MaintenanceWindowList>, Problem> {
    let shared_with = (!sees_all(actor.role)).then_some(actor.name.as_str());
    let before = page.position::<Uuid>()?;
    let limit = i64::from(page.limit());
    let mut rows = web.0.app.database.windows(shared_with, before, limit + 1).await?;
    let more = rows.len() > page.limit() as usize;
    rows.truncate(page.limit() as usize);
    let next_cursor = rows.last().filter(|_| more).map(|row| Page::cursor(row.id));
    Ok(Json(MaintenanceWindowList { windows: web.window_forms(&actor, rows).await?, next_cursor }))
}

/// A window.
#[utoipa::path(
    get,
    path = "/api/v1/maintenance-windows/{window_id}",
    tag = "application",
    operation_id = "read_maintenance_window",
    params(("window_id" = Uuid, Path, description = "the window")),
    responses(
        (status = 200, description = "the window", body = MaintenanceWindowForm),
        SubjectProblems, CommonProblems
    ),
)]
pub(super) async fn read(
    State(web): State<Web>,
    Caller(actor): Caller,
    Id(window_id): Id<Uuid>,
) -> Result<Json<MaintenanceWindowForm>, Problem> {
    let (row, _) = web.seen_window(&actor, window_id).await?;
    web.window_form(&actor, row).await.map(Json)
}

/// Makes a window.
#[utoipa::path(
    post,
    path = "/api/v1/maintenance-windows",
    tag = "application",
    operation_id = "create_maintenance_window",
    request_body = MaintenanceWindowRequest,
    responses(
        (status = 201, description = "the window", body = MaintenanceWindowForm),
        WriteProblems, CommonProblems
    ),
)]
pub(super) async fn create(
    State(web): State<Web>,
    Caller(actor): Caller,
    body: JsonBody,
) -> Result<Response, Problem> {
    let entry = AuditEntry::allowed(actor.clone(), AuditAction::WindowCreated);
    if actor.role == Role::Reporter {
        web.refuse(entry.clone()).await?;
    }
    let now = Utc::now();
    let mut members = body.members()?;
    let mut draft = Draft { enabled: true, ..Draft::default() };
    draft.read(&mut members);
    let row = draft.finish(members, Uuid::now_v7(), now)?;
    web.visible(&actor, &row.host_ids).await?;
    web.0.app.store.append_audit(AuditEntry { reason: Some(row.name.clone()), ..entry }).await?;
    web.0.app.database.write_window(row.clone()).await?;
    web.0.app.job_wake.notify_one();
    let location = format!("/api/v1/maintenance-windows/{}", row.id);
    let form = web.window_form(&actor, row).await?;
    let mut response = (StatusCode::CREATED, Json(form)).into_response();
    if let Ok(location) = HeaderValue::from_str(&location) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    Ok(response)
}

/// Changes a window: what is absent stays as it is. Gates that wait see it within seconds.
#[utoipa::path(
    put,
    path = "/api/v1/maintenance-windows/{window_id}",
    tag = "application",
    operation_id = "change_maintenance_window",
    params(("window_id" = Uuid, Path, description = "the window")),
    request_body = MaintenanceWindowRequest,
    responses(
        (status = 200, description = "the window", body = MaintenanceWindowForm),
        WriteProblems, CommonProblems
    ),
)]
pub(super) async fn change(
    State(web): State<Web>,
    Caller(actor): Caller,
    Id(window_id): Id<Uuid>,
    body: JsonBody,
) -> Result<Json<MaintenanceWindowForm>, Problem> {
    let (row, sees_every_host) = web.seen_window(&actor, window_id).await?;
    let entry = AuditEntry::allowed(actor.clone(), AuditAction::WindowUpdated);
    if actor.role == Role::Reporter || !sees_every_host {
        web.refuse(entry.clone()).await?;
    }
    let mut members = body.members()?;
    let mut draft = Draft::of(&row);
    draft.read(&mut members);
    let changed = draft.finish(members, row.id, Utc::now())?;
    let changed = WindowRow { revision: row.revision + 1, created_at: row.created_at, ..changed };
    web.visible(&actor, &changed.host_ids).await?;
    let entry = AuditEntry { reason: Some(changed.name.clone()), ..entry };
    web.0.app.store.append_audit(entry).await?;
    if !web.0.app.database.write_window(changed.clone()).await? {
        let detail = "somebody else has changed this window: read it again";
        return Err(Problem::conflict("conflict", detail));
    }
    web.window_form(&actor, changed).await.map(Json)
}

/// Deletes a window. Gates that wait for it end as `window_withdrawn`.
#[utoipa::path(
    delete,
    path = "/api/v1/maintenance-windows/{window_id}",
    tag = "application",
    operation_id = "delete_maintenance_window",
    params(("window_id" = Uuid, Path, description = "the window")),
    responses((status = 204, description = "it is gone"), WriteProblems, CommonProblems),
)]
pub(super) async fn delete(
    State(web): State<Web>,
    Caller(actor): Caller,
    Id(window_id): Id<Uuid>,
) -> Result<StatusCode, Problem> {
    let (row, sees_every_host) = web.seen_window(&actor, window_id).await?;
    let entry = AuditEntry {
        reason: Some(row.name),
        ..AuditEntry::allowed(actor.clone(), AuditAction::WindowDeleted)
    };
    if actor.role == Role::Reporter || !sees_every_host {
        web.refuse(entry.clone()).await?;
    }
    web.0.app.store.append_audit(entry).await?;
    if web.0.app.database.delete_window(window_id).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(Problem::not_found())
    }
}

/// A window in the making, from nothing or from one that there is.
#[derive(Default)]
struct Draft {
    name: Option<String>,
    host_ids: Option<Vec<HostId>>,
    enabled: bool,
    spec: RecurrenceSpec,
}

impl Draft {
    fn of(row: &WindowRow) -> Self {
        Self {
            name: Some(row.name.clone()),
            host_ids: Some(row.host_ids.clone()),
            enabled: row.enabled,
            spec: RecurrenceSpec::from(row.recurrence),
        }
    }

    /// Lays the members of a body over it.
    fn read(&mut self, members: &mut Members) {
        if let Some(recurrence) = members.optional::<String>("recurrence") {
            if self.spec.recurrence.as_deref() != Some(&recurrence) {
                // What belonged to the kind before has no meaning for the new one.
                let RecurrenceSpec { time_zone, duration_minutes, start_time, first_date, .. } =
                    std::mem::take(&mut self.spec);
                let repeats = recurrence != "once";
                self.spec = RecurrenceSpec {
                    time_zone,
                    duration_minutes,
                    start_time: start_time.filter(|_| repeats),
                    first_date: first_date.filter(|_| repeats),
                    ..RecurrenceSpec::default()
                };
            }
            self.spec.recurrence = Some(recurrence);
        }
        let spec = &mut self.spec;
        spec.weekdays = members.optional("weekdays").or(spec.weekdays.take());
        spec.day_of_month = members.optional("day_of_month").or(spec.day_of_month);
        spec.time_zone = members.optional("time_zone").or(spec.time_zone.take());
        spec.start_time = members.optional("start_time").or(spec.start_time.take());
        spec.starts_at = members.optional("starts_at").or(spec.starts_at.take());
        spec.first_date = members.optional("first_date").or(spec.first_date.take());
        spec.duration_minutes = members.optional("duration_minutes").or(spec.duration_minutes);
        self.name = members.optional("name").or(self.name.take());
        self.host_ids = members.optional("host_ids").or(self.host_ids.take());
        self.enabled = members.optional("enabled").unwrap_or(self.enabled);
    }

    /// The window, where nothing is wrong with it.
    fn finish(
        self,
        mut members: Members,
        id: Uuid,
        now: DateTime<Utc>,
    ) -> Result<WindowRow, Problem> {
        let name = self.name.map(|name| name.trim().to_owned());
        match &name {
            None => members.violation("name", ViolationCode::Required, "give a name"),
            Some(name) if !(1..=100).contains(&name.chars().count()) => {
                members.violation("name", ViolationCode::OutOfRange, "give 1 to 100 characters");
            }
            Some(name) if name.chars().any(char::is_control) => {
                let message = "leave control characters out";
                members.violation("name", ViolationCode::InvalidCharacter, message);
            }
            Some(_) => {}
        }
        let mut host_ids = self.host_ids.unwrap_or_default();
        host_ids.sort_unstable();
        host_ids.dedup();
        if host_ids.is_empty() {
            members.violation("host_ids", ViolationCode::Required, "name at least one host");
        }
        let mut violations = Violations::new();
        let recurrence = self.spec.with_first_date_from(now).resolve();
        if let Err(error) = &recurrence {
            recurrence_violations(error, &mut violations);
        }
        for violation in violations.as_slice() {
            members.violation(&violation.field, violation.code, violation.message.clone());
        }
        let (name, recurrence) = members.finish(name.zip(recurrence.ok()))?;
        Ok(WindowRow {
            id,
            name,
            recurrence,
            enabled: self.enabled,
            host_ids,
            revision: 1,
            created_at: instant::truncate(now),
            updated_at: instant::truncate(now),
        })
    }
}

impl Web {
    /// A window of which the caller may see a host, and whether they may see all of its hosts.
    async fn seen_window(&self, actor: &Actor, id: Uuid) -> Result<(WindowRow, bool), Problem> {
        use healthgate::directory::HostDirectory as _;
        let row = self.0.app.database.window(id).await?.ok_or_else(Problem::not_found)?;
        if sees_all(actor.role) {
            return Ok((row, true));
        }
        let visible = self.0.app.directory.visible_to(actor, &row.host_ids).await?;
        if visible.is_empty() {
            return Err(Problem::not_found());
        }
        let sees_every_host = visible.len() == row.host_ids.len();
        Ok((row, sees_every_host))
    }

    async fn window_form(
        &self,
        actor: &Actor,
        row: WindowRow,
    ) -> Result<MaintenanceWindowForm, Problem> {
        let forms = self.window_forms(actor, vec![row]).await?;
        forms.into_iter().next().ok_or_else(Problem::not_found)
    }

    async fn window_forms(
        &self,
        actor: &Actor,
        rows: Vec<WindowRow>,
    ) -> Result<Vec<MaintenanceWindowForm>, Problem> {
        use healthgate::directory::HostDirectory as _;
        let hosts: Vec<HostId> = rows.iter().flat_map(|row| row.host_ids.clone()).collect();
        let visible = self.0.app.directory.visible_to(actor, &hosts).await?;
        let now = Utc::now();
        let form = |row: WindowRow| {
            let spec = RecurrenceSpec::from(row.recurrence);
            let occurrence = row.recurrence.current_or_next(now).filter(|_| row.enabled);
            MaintenanceWindowForm {
                id: row.id,
                name: row.name,
                host_ids: row.host_ids.into_iter().filter(|id| visible.contains(id)).collect(),
                recurrence: spec.recurrence,
                weekdays: spec.weekdays,
                day_of_month: spec.day_of_month,
                time_zone: spec.time_zone,
                start_time: spec.start_time,
                starts_at: spec.starts_at,
                first_date: spec.first_date,
                duration_minutes: spec.duration_minutes,
                enabled: row.enabled,
                occurrence: occurrence.map(WindowForm::from),
                created_at: row.created_at,
                updated_at: row.updated_at,
                revision: row.revision,
            }
        };
        Ok(rows.into_iter().map(form).collect())
    }
}
