//! `/maintenance-windows`: when hosts may be patched.

mod draft;
mod form;

use axum::{
    Json,
    extract::State,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use healthgate::{
    api::{Caller, Id, JsonBody, Page, Problem, forms::WindowForm},
    gate::recurrence::{Pattern, RecurrenceSpec},
    model::{Actor, AuditAction, AuditEntry, FieldChange, HostId, Role, Window},
};
use uuid::Uuid;

use self::{
    draft::Draft,
    form::{MaintenanceWindowForm, MaintenanceWindowList, MaintenanceWindowRequest},
};
use super::{Web, refusals::in_time};
use crate::{database::WindowRow, directory::sees_all};

/// The maximum number of hosts of all windows on a page (F250). The page is shorter if its windows have
/// more.
const HOSTS_OF_A_PAGE: usize = 5_000;

/// Lists the windows of hosts that the caller may see, newest first.
#[utoipa::path(
    get,
    path = "/api/v1/maintenance-windows",
    tag = "application",
    operation_id = "list_maintenance_windows",
    params(
        ("limit" = Option<u32>, Query, description = "1 to 200, 50 by default", minimum = 1, maximum = 200),
        ("cursor" = Option<String>, Query, description = "the `next_cursor` of the previous page"),
    ),
    responses(
        (status = 200, description = "a page of windows", body = MaintenanceWindowList),
        Problem
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
    let read = rows.len();
    let mut hosts = 0;
    let mut fits = |row: &WindowRow| {
        hosts += row.host_ids.len();
        hosts <= HOSTS_OF_A_PAGE
    };
    // A single window always fits.
    let count = rows.iter().take(page.limit() as usize).take_while(|row| fits(row)).count();
    rows.truncate(count.max(1));
    let more = read > rows.len();
    let next_cursor = rows.last().filter(|_| more).map(|row| Page::cursor(row.id));
    Ok(Json(MaintenanceWindowList { windows: web.window_forms(&actor, rows).await?, next_cursor }))
}

/// Returns a window.
#[utoipa::path(
    get,
    path = "/api/v1/maintenance-windows/{window_id}",
    tag = "application",
    operation_id = "read_maintenance_window",
    params(("window_id" = Uuid, Path, description = "the window")),
    responses(
        (status = 200, description = "the window", body = MaintenanceWindowForm),
        Problem
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

/// Creates a window.
#[utoipa::path(
    post,
    path = "/api/v1/maintenance-windows",
    tag = "application",
    operation_id = "create_maintenance_window",
    request_body = MaintenanceWindowRequest,
    responses(
        (status = 201, description = "the window", body = MaintenanceWindowForm),
        Problem
    ),
)]
pub(super) async fn create(
    State(web): State<Web>,
    Caller(actor): Caller,
    body: JsonBody,
) -> Result<Response, Problem> {
    let read = in_time(actor.role, body.members()).await.map(|mut members| {
        let mut draft = Draft::fresh();
        draft.read(&mut members);
        (members, draft)
    });
    let hosts = read.as_ref().map_or(&[][..], |(_, draft)| draft.host_ids());
    let entry = AuditEntry::allowed(actor.clone(), AuditAction::WindowCreated);
    web.may_name(hosts, &entry).await?;
    if actor.role == Role::Reporter {
        return Err(web.refused(entry));
    }
    let (members, draft) = read?;
    let now = web.0.app.store.now().await?;
    let row = draft.finish(members, Uuid::now_v7(), now)?;
    let entry = AuditEntry { reason: Some(row.name.clone()), ..entry };
    if let Err(error) = web.0.app.database.write_window(row.clone(), entry.clone()).await {
        return Err(web.write_problem(error, &row.host_ids, entry).await);
    }
    web.0.app.job_wake.notify_one();
    let location = format!("/api/v1/maintenance-windows/{}", row.id);
    let form = web.window_form(&actor, row).await?;
    let mut response = (StatusCode::CREATED, Json(form)).into_response();
    if let Ok(location) = HeaderValue::from_str(&location) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    Ok(response)
}

/// Changes a window. Absent fields stay unchanged. Waiting gates notice the change within seconds.
#[utoipa::path(
    put,
    path = "/api/v1/maintenance-windows/{window_id}",
    tag = "application",
    operation_id = "change_maintenance_window",
    params(("window_id" = Uuid, Path, description = "the window")),
    request_body = MaintenanceWindowRequest,
    responses(
        (status = 200, description = "the window", body = MaintenanceWindowForm),
        Problem
    ),
)]
pub(super) async fn change(
    State(web): State<Web>,
    Caller(actor): Caller,
    Id(window_id): Id<Uuid>,
    body: JsonBody,
) -> Result<Json<MaintenanceWindowForm>, Problem> {
    let entry = of_window(window_id, &actor, AuditAction::WindowUpdated);
    let row = web.written_window(window_id, &entry).await?;
    let entry = AuditEntry::allowed(actor, AuditAction::WindowUpdated);
    let mut members = body.members().await?;
    let mut draft = Draft::of(&row);
    draft.read(&mut members);
    web.may_name(draft.host_ids(), &entry).await?;
    let now = web.0.app.store.now().await?;
    let changed = draft.finish(members, row.id, now)?;
    let changed = WindowRow { revision: row.revision + 1, created_at: row.created_at, ..changed };
    let entry = AuditEntry { reason: Some(changed.name.clone()), ..entry };
    match web.0.app.database.write_window(changed.clone(), entry.clone()).await {
        Ok(true) => web.window_form(&entry.actor, changed).await.map(Json),
        Ok(false) => {
            let detail = "somebody else has changed this window: read it again";
            Err(Problem::conflict("conflict", detail))
        }
        Err(error) => Err(web.write_problem(error, &changed.host_ids, entry).await),
    }
}

/// Deletes a window. Gates that wait for it end as `window_withdrawn`.
#[utoipa::path(
    delete,
    path = "/api/v1/maintenance-windows/{window_id}",
    tag = "application",
    operation_id = "delete_maintenance_window",
    params(("window_id" = Uuid, Path, description = "the window")),
    responses((status = 204, description = "the window is deleted"), Problem),
)]
pub(super) async fn delete(
    State(web): State<Web>,
    Caller(actor): Caller,
    Id(window_id): Id<Uuid>,
) -> Result<StatusCode, Problem> {
    let entry = of_window(window_id, &actor, AuditAction::WindowDeleted);
    let row = web.written_window(window_id, &entry).await?;
    let entry = AuditEntry {
        reason: Some(row.name),
        ..AuditEntry::allowed(actor, AuditAction::WindowDeleted)
    };
    match web.0.app.database.delete_window(window_id, entry.clone()).await {
        Ok(true) => Ok(StatusCode::NO_CONTENT),
        Ok(false) => Err(Problem::not_found()),
        Err(error) => Err(web.write_problem(error, &row.host_ids, entry).await),
    }
}

/// Creates the record of a refused write on a window. A record has no field for windows.
fn of_window(id: Uuid, actor: &Actor, action: AuditAction) -> AuditEntry {
    let window =
        FieldChange { field: "window".to_owned(), before: None, after: Some(id.to_string()) };
    AuditEntry { changes: vec![window], ..AuditEntry::allowed(actor.clone(), action) }
}

impl Web {
    /// Returns a window that the caller may change or delete. Notes `entry` if they may not.
    async fn written_window(&self, id: Uuid, entry: &AuditEntry) -> Result<WindowRow, Problem> {
        let actor = &entry.actor;
        let seen = self.seen_window(actor, id).await;
        match seen {
            Ok((row, true)) if actor.role != Role::Reporter => Ok(row),
            Ok(_) => Err(self.refused(entry.clone())),
            Err(problem) => {
                if self.0.app.database.window(id).await?.is_some() {
                    self.note(entry.clone());
                }
                Err(problem)
            }
        }
    }

    /// Returns a window with a host that the caller may see, and whether they may see all of its hosts.
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
        let now = self.0.app.store.now().await?;
        let form = |row: WindowRow| {
            let spec = RecurrenceSpec::from(row.recurrence);
            let occurrence = row.recurrence.current_or_next(now).filter(|_| row.enabled);
            let shown = match row.recurrence.pattern() {
                Pattern::Once { starts_at, time_zone } => {
                    let window = Window::lasting(starts_at, row.recurrence.duration()).ok();
                    window.map(|window| window.with_time_zone(time_zone))
                }
                _ => occurrence,
            };
            let utc_offsets = shown.map(|window| WindowForm::from(window).utc_offsets);
            MaintenanceWindowForm {
                id: row.id,
                name: row.name,
                host_ids: row.host_ids.into_iter().filter(|id| visible.contains(id)).collect(),
                recurrence: spec.recurrence,
                weekdays: spec.weekdays,
                day_of_month: spec.day_of_month,
                nth_weekday: spec.nth_weekday,
                time_zone: spec.time_zone,
                utc_offsets: utc_offsets.unwrap_or_default(),
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
