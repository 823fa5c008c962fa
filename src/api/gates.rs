//! `/jobs/{job_id}/gates`: the gates of a job, one per host.

use std::{collections::HashMap, fmt, str::FromStr};

use axum::{Json, extract::State};

use super::{
    Api, Caller, Id, Page, Problem,
    forms::{GateForm, GateList},
    openapi::problems,
    state::Parts,
};
use crate::model::{Attempt, GateId, GateRecord, HostId, JobId};

problems! {
    /// The problems of reading a job's gates.
    GateProblems {
        404: ["not_found"],
        422: ["invalid"],
    }
}

/// Lists the gates of a job with their newest attempts, override and pass, ordered by their opening.
///
/// Only gates of hosts that the caller may see are listed. If there are none, the job is unknown. A page
/// before the last may have fewer gates than requested: continue with `next_cursor`.
#[utoipa::path(
    get,
    path = "/api/v1/jobs/{job_id}/gates",
    tag = "gates",
    operation_id = "list_gates",
    params(
        ("job_id" = JobId, Path, description = "the job"),
        ("limit" = Option<u32>, Query, description = "the maximum number of gates", minimum = 1, maximum = 200),
        ("cursor" = Option<String>, Query, description = "the `next_cursor` of the previous page"),
    ),
    responses((status = 200, description = "a page of its gates", body = GateList), GateProblems),
)]
pub(super) async fn gates(
    State(api): State<Api>,
    Caller(actor): Caller,
    Id(job_id): Id<JobId>,
    page: Result<Page, Problem>,
) -> Result<Json<GateList>, Problem> {
    let api = &api.0;
    let mut records = api.store.gates_of(job_id).await?;
    let hosts: Vec<HostId> = records.iter().map(|record| record.host_id).collect();
    let access = api.access(&actor, &hosts).await?;
    records.retain(|record| access.contains_key(&record.host_id));
    if records.is_empty() {
        let known = match &api.jobs {
            Some(jobs) => jobs.is_visible(&actor, job_id).await?,
            None => false,
        };
        if !known {
            return Err(Problem::not_found());
        }
    }
    let page = page?;
    if let Some(after) = page.position::<Position>()? {
        records.retain(|record| Position::of(record) > after);
    }
    let all = records.len();
    let mut attempts = 0;
    let mut fits = |record: &GateRecord| {
        attempts += record.attempts.min(ATTEMPTS_OF_A_GATE);
        attempts <= ATTEMPTS_OF_A_PAGE
    };
    // A single gate always fits.
    let count = records.iter().take(page.limit() as usize).take_while(|one| fits(one)).count();
    records.truncate(count);
    let next = records.last().filter(|_| count < all).map(Position::of);
    let gates = api.gate_forms(records).await?;
    Ok(Json(GateList { gates, next_cursor: next.map(Page::cursor) }))
}

/// The maximum number of attempts shown per gate: the newest ones. A gate may have thousands.
const ATTEMPTS_OF_A_GATE: u32 = 200;
/// The maximum number of attempts of all gates on a page, which bounds the answer and its memory (F250).
const ATTEMPTS_OF_A_PAGE: u32 = 2_000;

/// The position of a gate in its job's list, which is ordered by the time of opening.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Position(i64, GateId);

impl Position {
    const fn of(record: &GateRecord) -> Self {
        Self(record.opened_at.timestamp_micros(), record.id)
    }
}

impl fmt::Display for Position {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}", self.0, self.1)
    }
}

impl FromStr for Position {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (micros, id) = text.split_once('.').ok_or(())?;
        Ok(Self(micros.parse().map_err(drop)?, id.parse().map_err(drop)?))
    }
}

impl Parts {
    /// Returns these gates with their newest attempts.
    pub(super) async fn gate_forms(
        &self,
        records: Vec<GateRecord>,
    ) -> Result<Vec<GateForm>, Problem> {
        if records.is_empty() {
            return Ok(Vec::new());
        }
        let ids: Vec<GateId> = records.iter().map(|record| record.id).collect();
        let mut attempts: HashMap<GateId, Vec<Attempt>> = HashMap::new();
        for (gate, attempt) in self.store.newest_attempts_of(&ids, ATTEMPTS_OF_A_GATE).await? {
            attempts.entry(gate).or_default().push(attempt);
        }
        let form = |record: GateRecord| {
            let attempts = attempts.remove(&record.id).unwrap_or_default();
            GateForm::new(record, attempts)
        };
        Ok(records.into_iter().map(form).collect())
    }
}
