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
    model::{
        Actor, AuditAction, AuditId, AuditOutcome, AuditRecord, HostId, ViolationCode, Violations,
        instant,
    },
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
        ("actor" = Option<String>, Query, description = "only what the user of exactly this name did"),
        (
            "action" = Option<Vec<AuditAction>>, Query, explode = false,
            description = "only records of one of these actions",
        ),
        ("outcome" = Option<AuditOutcome>, Query, description = "only what was done, or what was refused"),
        ("from" = Option<String>, Query, description = "only records written at this instant or later"),
        ("until" = Option<String>, Query, description = "only records written before this instant"),
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
    if api.authorizer.audit_scope(&actor).await? == AuditScope::Nothing {
        return Err(Problem::forbidden());
    }
    let (page, filter) = (page?, filter_of(&query)?);
    let before = page.position::<AuditId>()?;
    // The log must include the refusals up to now.
    api.refusals.flush().await?;
    let (records, next) = api.audit_records(&actor, &filter, before, page.limit()).await?;
    Ok(Json(AuditList { records, next_cursor: next.map(Page::cursor) }))
}

/// The most characters of an actor's name.
const LONGEST_ACTOR: usize = 200;

/// Reads what is asked for.
pub(super) fn filter_of(query: &Query) -> Result<AuditFilter, Problem> {
    let hosts = query.host_ids("host_ids", MOST_HOSTS)?;
    let mut violations = Violations::new();
    let given = |name: &str| query.first(name).map(str::trim).filter(|text| !text.is_empty());
    let actor = given("actor");
    if actor.is_some_and(|actor| actor.chars().count() > LONGEST_ACTOR || actor.contains('\0')) {
        violations.push("actor", ViolationCode::TooLong, "give a name of at most 200 characters");
    }
    let mut instant_of = |name: &str| {
        let parsed = instant::parse(given(name)?);
        if parsed.is_err() {
            let message = "give an instant as RFC 3339 writes it, such as 2026-03-29T01:00:00Z";
            violations.push(name, ViolationCode::InvalidFormat, message);
        }
        parsed.ok()
    };
    let (from, until) = (instant_of("from"), instant_of("until"));
    let outcome = match given("outcome") {
        None => None,
        Some("allowed") => Some(AuditOutcome::Allowed),
        Some("refused") => Some(AuditOutcome::Refused),
        Some(_) => {
            let message = "give allowed or refused";
            violations.push("outcome", ViolationCode::UnknownValue, message);
            None
        }
    };
    let words = query.words("action");
    let actions: Vec<AuditAction> =
        words.iter().filter_map(|word| AuditAction::from_word(word)).collect();
    if actions.len() != words.len() {
        let message = "give actions of the audit log, such as job_created";
        violations.push("action", ViolationCode::UnknownValue, message);
    }
    let filter = AuditFilter {
        hosts: query.first("host_ids").is_some().then_some(hosts),
        actor: actor.map(str::to_owned),
        actions: (!actions.is_empty()).then_some(actions),
        outcome,
        from,
        until,
    };
    Ok(violations.or_ok(Some(filter))?)
}

/// Records, and after which one to go on; `None` at the end.
type Found = (Vec<AuditRecord>, Option<AuditId>);

impl Parts {
    /// The records of a filter that the actor may read now, older than `before`.
    ///
    /// # Errors
    /// 403 where they may read none at all.
    pub(super) async fn audit_records(
        &self,
        actor: &Actor,
        filter: &AuditFilter,
        before: Option<AuditId>,
        limit: u32,
    ) -> Result<Found, Problem> {
        match (self.authorizer.audit_scope(actor).await?, &filter.hosts) {
            (AuditScope::Nothing, _) => Err(Problem::forbidden()),
            (AuditScope::All, _) => self.page_of_all(filter, before, limit).await,
            (AuditScope::OwnHosts, Some(hosts)) => {
                let hosts = Some(self.operated(actor, hosts).await?);
                let filter = AuditFilter { hosts, ..filter.clone() };
                self.page_of_all(&filter, before, limit).await
            }
            (AuditScope::OwnHosts, None) => self.page_of_own(actor, filter, before, limit).await,
        }
    }

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
        filter: &AuditFilter,
        mut before: Option<AuditId>,
        limit: u32,
    ) -> Result<Found, Problem> {
        let mut found = Vec::new();
        for _ in 0..MOST_PAGES {
            let part = self.store.audit_page(filter, before, Page::MAXIMUM_LIMIT).await?;
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
