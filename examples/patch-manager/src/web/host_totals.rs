//! `/host-totals`: how many hosts there are of each kind, for the filters of the list.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use axum::{Json, extract::State};
use healthgate::{
    api::{Caller, Problem, Query},
    model::{HostId, HostStatus},
};
use serde::Serialize;
use utoipa::ToSchema;

use super::{Web, host_list::Wanted};
use crate::{database::HostQuery, directory::sees_all};

/// How many hosts have a check that fails for this reason.
#[derive(Serialize, ToSchema)]
#[schema(as = ReasonTotal)]
struct ReasonTotalForm {
    /// A reason code, or `no_recent_result`.
    reason: String,
    hosts: usize,
}

/// How many hosts are in this group.
#[derive(Serialize, ToSchema)]
#[schema(as = GroupTotal)]
struct GroupTotalForm {
    group: String,
    hosts: usize,
}

/// How many hosts a list with the same filters has, and how many it would have with another choice of one of them.
#[derive(Serialize, ToSchema)]
#[schema(as = HostTotals)]
pub(super) struct HostTotalsForm {
    /// The hosts of the list.
    total: usize,
    /// By status, whatever `status` is.
    statuses: HashMap<HostStatus, usize>,
    /// By reason, whatever `reason` is; the most frequent first. A host with two failing checks may count twice.
    reasons: Vec<ReasonTotalForm>,
    /// By group, whatever `group` is; by name. A host in two groups counts twice.
    groups: Vec<GroupTotalForm>,
}

/// How many hosts the caller may see, by status, by the reasons of failing checks and by group.
#[utoipa::path(
    get,
    path = "/api/v1/host-totals",
    tag = "application",
    operation_id = "count_hosts",
    params(
        ("status" = Option<HostStatus>, Query, description = "only hosts of this status"),
        ("q" = Option<String>, Query, description = "only hosts whose name or address holds this"),
        ("group" = Option<String>, Query, description = "only members of this group"),
        ("reason" = Option<String>, Query,
            description = "only hosts with a check that fails for this reason, or `no_recent_result`"),
    ),
    responses((status = 200, description = "the totals", body = HostTotalsForm), Problem),
)]
pub(super) async fn read(
    State(web): State<Web>,
    Caller(actor): Caller,
    query: Query,
) -> Result<Json<HostTotalsForm>, Problem> {
    let wanted = Wanted::read(&query)?;
    let parts = &web.0;
    let hosts = HostQuery {
        shared_with: (!sees_all(actor.role)).then_some(actor.name.as_str()),
        text: wanted.text.as_deref(),
        group: None,
    };
    let names = parts.summaries.names(hosts).await?;
    let ids: Vec<HostId> = names.iter().map(|(id, _)| *id).collect();
    let known = parts.summaries.of_many(&ids).await?;
    let failing = parts.summaries.failing(&ids).await?;
    let members = parts.app.database.members_of_groups().await?;
    let none = BTreeSet::new();
    let of_group = wanted.group.as_ref().map(|group| members.get(group).unwrap_or(&none));

    let status = |id: &HostId| known.get(id).map_or(HostStatus::None, |known| known.status);
    let has_status = |id: &HostId| wanted.status.is_none_or(|wanted| status(id) == wanted);
    let has_reason =
        |id: &HostId| wanted.reason.as_ref().is_none_or(|reason| failing.fails_for(*id, reason));
    let has_group = |id: &HostId| of_group.is_none_or(|members| members.contains(id));

    let (mut total, mut statuses) = (0, HashMap::new());
    let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
    let mut of_groups = BTreeSet::new();
    for id in &ids {
        let (by_status, by_reason, by_group) = (has_status(id), has_reason(id), has_group(id));
        total += usize::from(by_status && by_reason && by_group);
        if by_reason && by_group {
            *statuses.entry(status(id)).or_default() += 1;
        }
        if by_status && by_group {
            for reason in failing.reasons_of(*id) {
                *reasons.entry(reason).or_default() += 1;
            }
        }
        if by_status && by_reason {
            of_groups.insert(*id);
        }
    }
    let mut reasons: Vec<ReasonTotalForm> = reasons
        .into_iter()
        .map(|(reason, hosts)| ReasonTotalForm { reason: reason.to_owned(), hosts })
        .collect();
    reasons.sort_by_key(|total| std::cmp::Reverse(total.hosts));
    let groups = members.iter().filter_map(|(group, members)| {
        let hosts = members.intersection(&of_groups).count();
        (hosts > 0).then(|| GroupTotalForm { group: group.clone(), hosts })
    });
    Ok(Json(HostTotalsForm { total, statuses, reasons, groups: groups.collect() }))
}
