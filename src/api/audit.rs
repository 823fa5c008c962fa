//! `/health-checks/audit`: the audit log.

use axum::{Json, extract::State};

use super::{
    Api, Caller, Page, Problem, Query,
    authorize::{AuditScope, HostAccess},
    forms::AuditList,
    openapi::problems,
    state::Parts,
    summary::MOST_HOSTS,
};
use crate::{
    model::{Actor, AuditId, AuditRecord, HostId},
    store::AuditFilter,
};

/// The maximum number of log pages that are searched for records that the caller may see.
const MOST_PAGES: usize = 10;

problems! {
    /// The problems of reading the audit log.
    AuditProblems {
        403: ["forbidden"],
        422: ["invalid"],
    }
}

/// Lists the audit log, newest first.
///
/// Administrators see all records, and operators see those of their hosts. A page before the last may have
/// fewer records than requested: continue with `next_cursor`.
#[utoipa::path(
    get,
    path = "/api/v1/health-checks/audit",
    tag = "audit",
    operation_id = "list_audit_records",
    params(
        (
            "host_ids" = Option<Vec<HostId>>, Query, explode = false,
            description = "only records of these hosts; hosts that the caller may not see are left out",
        ),
        ("limit" = Option<u32>, Query, description = "the maximum number of records", minimum = 1, maximum = 200),
        ("cursor" = Option<String>, Query, description = "the `next_cursor` of the previous page"),
    ),
    responses((status = 200, description = "the records", body = AuditList), AuditProblems),
)]
pub(super) async fn audit(
    State(api): State<Api>,
    Caller(actor): Caller,
    query: Query,
    page: Result<Page, Problem>,
) -> Result<Json<AuditList>, Problem> {
    let api = &api.0;
    let scope = api.authorizer.audit_scope(&actor).await?;
    if scope == AuditScope::Nothing {
        return Err(Problem::forbidden());
    }
    let (page, asked) = (page?, query.host_ids("host_ids", MOST_HOSTS)?);
    let before = page.position::<AuditId>()?;
    let filtered = query.first("host_ids").is_some();
    let filter = AuditFilter { hosts: filtered.then_some(asked) };
    // The log must include the refusals up to now.
    api.refusals.flush().await?;
    let (records, next) = match (scope, &filter.hosts) {
        (AuditScope::All, _) => api.page_of_all(&filter, before, page.limit()).await?,
        (_, Some(hosts)) => {
            let hosts = api.operated(&actor, hosts).await?;
            let filter = AuditFilter { hosts: Some(hosts) };
            api.page_of_all(&filter, before, page.limit()).await?
        }
        (_, None) => api.page_of_own(&actor, before, page.limit()).await?,
    };
    Ok(Json(AuditList { records, next_cursor: next.map(Page::cursor) }))
}

type Found = (Vec<AuditRecord>, Option<AuditId>);

impl Parts {
    /// Returns those of these hosts whose records the actor may read.
    async fn operated(&self, actor: &Actor, hosts: &[HostId]) -> Result<Vec<HostId>, Problem> {
        let access = self.access(actor, hosts).await?;
        let operated = |host: &HostId| access.get(host) >= Some(&HostAccess::Operate);
        Ok(hosts.iter().copied().filter(operated).collect())
    }

    async fn page_of_all(
        &self,
        filter: &AuditFilter,
        before: Option<AuditId>,
        limit: u32,
    ) -> Result<Found, Problem> {
        let mut records = self.store.audit_page(filter, before, limit + 1).await?;
        let more = records.len() > limit as usize;
        records.truncate(limit as usize);
        let next = records.last().filter(|_| more).map(|last| last.id);
        Ok((records, next))
    }

    /// Searches the log and leaves out records that the actor may not see. Checks the rights of one part at
    /// a time, so that it never needs a list of all the actor's hosts.
    async fn page_of_own(
        &self,
        actor: &Actor,
        mut before: Option<AuditId>,
        limit: u32,
    ) -> Result<Found, Problem> {
        let (mut found, filter) = (Vec::new(), AuditFilter::default());
        for _ in 0..MOST_PAGES {
            let part = self.store.audit_page(&filter, before, Page::MAXIMUM_LIMIT).await?;
            let Some(last) = part.last().map(|record| record.id) else { return Ok((found, None)) };
            let mut hosts: Vec<HostId> = part.iter().filter_map(|record| record.host_id).collect();
            hosts.sort_unstable();
            hosts.dedup();
            let own = self.operated(actor, &hosts).await?;
            for record in part {
                if record.host_id.is_none_or(|host| !own.contains(&host)) {
                    continue;
                }
                if found.len() == limit as usize {
                    let next = found.last().map(|last: &AuditRecord| last.id);
                    return Ok((found, next));
                }
                found.push(record);
            }
            before = Some(last);
        }
        Ok((found, before))
    }
}
