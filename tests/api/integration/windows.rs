//! The manager's maintenance windows, made right: a start in UTC and a duration, over midnight too.

use std::collections::HashMap;

use async_trait::async_trait;
use chrono::{DateTime, Datelike, TimeDelta, Timelike, Utc, Weekday, WeekdaySet};
use healthgate::{
    gate::{
        SourceError, WindowSource,
        decide::WindowAnswer,
        recurrence::{LocalStart, Pattern, Recurrence, current_or_next, open_at},
    },
    model::{GateRecord, HostId, TimeZoneName, Window},
};
use sqlx::PgPool;
use uuid::Uuid;

use crate::integration::directory::uuids;

/// One row of `maintenance_windows`.
#[derive(Clone, Debug, sqlx::FromRow)]
pub(crate) struct WindowRow {
    pub(crate) id: Uuid,
    pub(crate) host_id: Uuid,
    pub(crate) recurrence: String,
    pub(crate) start_at: DateTime<Utc>,
    pub(crate) duration_minutes: i32,
    pub(crate) recurrence_day: Option<i32>,
}

/// A row as the library's calendar has it; `None` for one that names no possible day, which opens
/// never.
pub(crate) fn recurrence(row: &WindowRow) -> Option<Recurrence> {
    let start = LocalStart {
        // The manager has no column for a zone. With one, this is where it counts.
        time_zone: TimeZoneName::UTC,
        start_time: row.start_at.time().with_second(0)?.with_nanosecond(0)?,
        first_date: row.start_at.date_naive(),
    };
    let pattern = match row.recurrence.as_str() {
        "once" => Pattern::Once { starts_at: row.start_at, time_zone: TimeZoneName::UTC },
        "daily" => Pattern::Daily { start },
        "weekly" => {
            let weekday = match row.recurrence_day {
                // Counted from Sunday, where chrono counts from Monday.
                Some(day) => Weekday::try_from(u8::try_from((day + 6) % 7).ok()?).ok()?,
                None => row.start_at.weekday(),
            };
            Pattern::Weekly { weekdays: WeekdaySet::single(weekday), start }
        }
        "monthly" => {
            let day = row.recurrence_day.map_or(Ok(row.start_at.day() as u8), u8::try_from).ok()?;
            Pattern::Monthly { day, start }
        }
        _ => return None,
    };
    Recurrence::new(pattern, TimeDelta::minutes(row.duration_minutes.into())).ok()
}

/// The windows of jobs on hosts.
#[derive(Debug)]
pub(crate) struct JobWindows {
    pub(crate) pool: PgPool,
}

/// What a job's host has to go by.
#[derive(Clone, Debug, sqlx::FromRow)]
pub(crate) struct Dispatch {
    pub(crate) job_id: Uuid,
    pub(crate) host_id: Uuid,
    pub(crate) cancelled: bool,
    pub(crate) kind: String,
    pub(crate) immediate: bool,
    pub(crate) maintenance_window_id: Option<Uuid>,
}

const DISPATCHES: &str = "
    select p.job_id, p.host_id, p.status = 'cancelled' as cancelled, j.kind,
        j.immediate, j.maintenance_window_id
    from patch_job_hosts p join patch_jobs j on j.id = p.job_id
    where p.job_id = any($1) and p.host_id = any($2)";

const WINDOWS: &str = "
    select id, host_id, recurrence, start_at, duration_minutes, recurrence_day
    from maintenance_windows where enabled and host_id = any($1)";

impl JobWindows {
    /// The enabled windows of these hosts.
    pub(crate) async fn of(&self, hosts: &[Uuid]) -> sqlx::Result<Vec<WindowRow>> {
        sqlx::query_as(WINDOWS).bind(hosts.to_vec()).fetch_all(&self.pool).await
    }

    /// The window that a queued host's gate can be opened with now.
    pub(crate) async fn open_for(&self, dispatch: &Dispatch) -> sqlx::Result<Option<Window>> {
        let rows = self.of(&[dispatch.host_id]).await?;
        Ok(open_at(&recurrences(&rows, dispatch), Utc::now()))
    }
}

/// Those of the job's own window where it names one, else those of all windows of the host.
fn recurrences(rows: &[WindowRow], dispatch: &Dispatch) -> Vec<Recurrence> {
    let own = |row: &&WindowRow| {
        row.host_id == dispatch.host_id
            && dispatch.maintenance_window_id.is_none_or(|window| window == row.id)
    };
    rows.iter().filter(own).filter_map(recurrence).collect()
}

#[async_trait]
impl WindowSource for JobWindows {
    async fn windows(&self, gates: &[&GateRecord]) -> Result<Vec<WindowAnswer>, SourceError> {
        let failed = |error| SourceError::new("windows", error);
        let jobs: Vec<Uuid> = gates.iter().map(|gate| gate.job_id.as_uuid()).collect();
        let hosts: Vec<HostId> = gates.iter().map(|gate| gate.host_id).collect();
        let dispatches: Vec<Dispatch> = sqlx::query_as(DISPATCHES)
            .bind(jobs)
            .bind(uuids(&hosts))
            .fetch_all(&self.pool)
            .await
            .map_err(failed)?;
        let rows = self.of(&uuids(&hosts)).await.map_err(failed)?;
        let by_gate: HashMap<(Uuid, Uuid), &Dispatch> =
            dispatches.iter().map(|one| ((one.job_id, one.host_id), one)).collect();
        let answer = |gate: &&GateRecord| {
            match by_gate.get(&(gate.job_id.as_uuid(), gate.host_id.as_uuid())) {
                None => WindowAnswer::HostGone,
                Some(dispatch) if dispatch.cancelled => WindowAnswer::JobCancelled,
                Some(dispatch) if dispatch.immediate => WindowAnswer::Open(gate.window),
                // A gate keeps to the occurrence that it was opened in, shortened or extended as it
                // may be, and never rolls over to the next one.
                Some(dispatch) => {
                    current_or_next(&recurrences(&rows, dispatch), gate.window.opens_at())
                        .filter(|found| found.opens_at() < gate.window.closes_at())
                        .map_or(WindowAnswer::Withdrawn, WindowAnswer::Open)
                }
            }
        };
        Ok(gates.iter().map(answer).collect())
    }
}
