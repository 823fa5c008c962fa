//! `…/results`: the history of a check.

use axum::{Json, extract::State};
use chrono::{DateTime, Utc};

use super::{
    Api, Caller, Ids, Page, Problem,
    forms::{HistoryForm, HistoryList},
    openapi::problems,
};
use crate::model::{CheckId, HostId};

problems! {
    /// The problems of reading a history.
    HistoryProblems {
        404: ["not_found"],
        422: ["invalid"],
    }
}

/// Lists the results of a check, newest first.
#[utoipa::path(
    get,
    path = "/api/v1/hosts/{host_id}/health-checks/{check_id}/results",
    tag = "checks",
    operation_id = "list_check_results",
    params(
        ("host_id" = HostId, Path, description = "the host"),
        ("check_id" = CheckId, Path, description = "the check"),
        ("limit" = Option<u32>, Query, description = "the maximum number of results", minimum = 1, maximum = 200),
        ("cursor" = Option<String>, Query, description = "the `next_cursor` of the previous page"),
    ),
    responses((status = 200, description = "the results", body = HistoryList), HistoryProblems),
)]
pub(super) async fn results(
    State(api): State<Api>,
    Caller(actor): Caller,
    Ids(host_id, check_id): Ids<HostId, CheckId>,
    page: Result<Page, Problem>,
) -> Result<Json<HistoryList>, Problem> {
    let api = &api.0;
    api.may_read(&actor, host_id).await?;
    let page = page?;
    let before = page.position::<DateTime<Utc>>()?;
    let history = api.store.history(host_id, check_id, before, page.limit()).await?;
    Ok(Json(HistoryList {
        results: history.results.iter().map(HistoryForm::from).collect(),
        next_cursor: history.next_before.map(|before| Page::cursor(before.to_rfc3339())),
    }))
}
