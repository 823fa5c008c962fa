//! One thing done to many hosts of a job: `/jobs/{job_id}/override-hosts` and `…/cancel-hosts`.

use std::collections::{HashMap, HashSet};

use axum::{Json, extract::State};
use chrono::{DateTime, Utc};
use healthgate::{
    api::{Caller, Id, JsonBody, Problem},
    gate::{GateError, OverrideRequest},
    model::{Actor, AuditAction, AuditEntry, CheckId, GateRecord, GateState, HostId, JobId, Role},
    store::{Refusal, StoreError},
};
use serde::Serialize;
use utoipa::ToSchema;

use super::{asked::need_reason, is_over};
use crate::{
    announce,
    database::{JobHostRow, Stage},
    web::{
        Web,
        bulk::{HostOutcomes, hosts},
        texts,
    },
};

/// Which hosts of the job go on although checks of theirs fail.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::web) struct OverrideHostsRequest {
    /// 1 to 1,000 hosts of the job.
    #[schema(min_items = 1, max_items = 1000)]
    host_ids: Vec<HostId>,
    /// Why, for the audit record of each host.
    #[schema(min_length = 10, max_length = 500)]
    reason: String,
    /// Until when; without it, or where a gate ends earlier, until the gate's end.
    expires_at: Option<DateTime<Utc>>,
}

/// Lets the checks that fail now fail on each of these hosts, for administrators. It is the same as an override of
/// each host's failing checks: what fails later holds the host, and each override has a record of its own.
#[utoipa::path(
    post,
    path = "/api/v1/jobs/{job_id}/override-hosts",
    tag = "application",
    operation_id = "override_hosts",
    params(("job_id" = JobId, Path, description = "the job")),
    request_body = OverrideHostsRequest,
    responses((status = 200, description = "what became of each host", body = HostOutcomes), Problem),
)]
pub(in crate::web) async fn override_hosts(
    State(web): State<Web>,
    Caller(actor): Caller,
    Id(job_id): Id<JobId>,
    body: JsonBody,
) -> Result<Json<HostOutcomes>, Problem> {
    let entry = AuditEntry {
        job_id: Some(job_id),
        ..AuditEntry::allowed(actor.clone(), AuditAction::GateOverridden)
    };
    let (all, _) = web.hosts_to_change(job_id, &entry).await?;
    if actor.role != Role::Admin {
        return Err(web.refused(entry));
    }
    let mut members = body.members().await?;
    let hosts = hosts(&mut members);
    let reason = texts::plain(&mut members, "reason");
    need_reason(&mut members, reason.as_deref());
    let expires_at = members.optional::<DateTime<Utc>>("expires_at");
    let (hosts, reason) = members.finish(hosts.zip(reason))?;
    let gates = web.0.app.store.gates_of(job_id).await?;
    let gates: HashMap<HostId, GateRecord> =
        gates.into_iter().map(|gate| (gate.host_id, gate)).collect();
    let of_job: HashSet<HostId> = all.iter().map(|host| host.host_id).collect();
    let mut outcomes = HostOutcomes::new();
    for host in hosts {
        let outcome = match gates.get(&host) {
            _ if !of_job.contains(&host) => Err(Problem::not_found()),
            None => Err(invalid_state("its gate is not open yet, so nothing holds it back")),
            Some(gate) => web.override_one(gate, &reason, expires_at, &actor).await,
        };
        outcomes.add(host, outcome);
    }
    Ok(Json(outcomes))
}

/// Which hosts the job leaves alone.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::web) struct CancelHostsRequest {
    /// 1 to 1,000 hosts of the job.
    #[schema(min_items = 1, max_items = 1000)]
    host_ids: Vec<HostId>,
}

/// Cancels a job on some of its hosts, and lets it go on with the others. A host that is being patched is patched to
/// the end. Each host is recorded by itself.
#[utoipa::path(
    post,
    path = "/api/v1/jobs/{job_id}/cancel-hosts",
    tag = "application",
    operation_id = "cancel_job_hosts",
    params(("job_id" = JobId, Path, description = "the job")),
    request_body = CancelHostsRequest,
    responses((status = 200, description = "what became of each host", body = HostOutcomes), Problem),
)]
pub(in crate::web) async fn cancel_hosts(
    State(web): State<Web>,
    Caller(actor): Caller,
    Id(job_id): Id<JobId>,
    body: JsonBody,
) -> Result<Json<HostOutcomes>, Problem> {
    let entry = AuditEntry {
        job_id: Some(job_id),
        ..AuditEntry::allowed(actor.clone(), AuditAction::JobCancelled)
    };
    let (all, _) = web.hosts_to_change(job_id, &entry).await?;
    if actor.role == Role::Reporter {
        return Err(web.refused(entry));
    }
    let mut members = body.members().await?;
    let hosts = hosts(&mut members);
    let hosts = members.finish(hosts)?;
    let seen = web.those_seen(&actor, all.clone()).await?;
    let seen: HashSet<HostId> = seen.iter().map(|host| host.host_id).collect();
    let rows: HashMap<HostId, JobHostRow> =
        all.into_iter().map(|host| (host.host_id, host)).collect();
    let mut outcomes = HostOutcomes::new();
    for host in hosts {
        let outcome = match rows.get(&host) {
            Some(row) if seen.contains(&host) => web.cancel_one(row, &entry).await,
            Some(_) => {
                web.note(AuditEntry { host_id: Some(host), ..entry.clone() });
                Err(Problem::not_found())
            }
            None => Err(Problem::not_found()),
        };
        outcomes.add(host, outcome);
    }
    web.0.app.job_wake.notify_one();
    Ok(Json(outcomes))
}

fn invalid_state(detail: &str) -> Problem {
    Problem::conflict("invalid_state", detail)
}

impl Web {
    /// Lets the failing checks of a gate fail.
    async fn override_one(
        &self,
        gate: &GateRecord,
        reason: &str,
        expires_at: Option<DateTime<Utc>>,
        actor: &Actor,
    ) -> Result<String, Problem> {
        if gate.state != GateState::Waiting {
            return Err(invalid_state("it does not wait for its checks any more"));
        }
        let failing = gate.evidence.iter().filter(|entry| !entry.healthy);
        let check_ids: Vec<CheckId> = failing.clone().filter_map(|entry| entry.check_id).collect();
        let conditions: Vec<&str> = failing
            .filter(|entry| entry.check_id.is_none())
            .map(|entry| entry.name.as_str())
            .collect();
        if check_ids.is_empty() {
            return Err(invalid_state(match conditions.as_slice() {
                [] => "no check of it fails: it waits for something else",
                _ => "a condition holds it back, which cannot be overridden",
            }));
        }
        let end = self.0.app.policy.end_of(gate.window, gate.window_kind);
        let count = check_ids.len();
        let request = OverrideRequest {
            job_id: gate.job_id,
            host_id: gate.host_id,
            check_ids,
            reason: reason.to_owned(),
            expires_at: expires_at.map_or(end, |at| at.min(end)),
        };
        match self.0.app.gate().override_checks(request, actor.clone()).await {
            Ok(_) => {}
            Err(GateError::Store(StoreError::Refused(Refusal::Forbidden))) => {
                let entry = AuditEntry::allowed(actor.clone(), AuditAction::GateOverridden);
                return Err(self.refused(entry.with_gate(gate.job_id, gate.host_id)));
            }
            Err(error) => return Err(error.into()),
        }
        let checks = if count == 1 { "1 check".to_owned() } else { format!("{count} checks") };
        Ok(match conditions.as_slice() {
            [] => format!("{checks} overridden"),
            held => format!("{checks} overridden; still held by {}", held.join(", ")),
        })
    }

    /// Cancels a job on one host.
    async fn cancel_one(&self, row: &JobHostRow, entry: &AuditEntry) -> Result<String, Problem> {
        let (job_id, host_id) = (row.job_id, row.host_id);
        let entry = AuditEntry { host_id: Some(host_id), ..entry.clone() };
        let database = &self.0.app.database;
        match row.stage {
            Stage::Patching | Stage::Verifying => {
                return Err(invalid_state("it is being patched, which goes on to its end"));
            }
            stage if is_over(stage) => {
                return Err(invalid_state("it has ended: there is nothing left to cancel"));
            }
            Stage::Queued => match database.cancel_queued_host(row, entry.clone()).await {
                Ok(ended) => {
                    // A worker may have opened its gate a moment ago.
                    let gate = self.cancel_gate(row, &entry).await?;
                    if !ended && gate.is_none() {
                        return Err(invalid_state("it has moved on meanwhile: read the job again"));
                    }
                    if ended {
                        announce::row(&*self.0.app.store, row, Stage::Cancelled, None).await;
                        return Ok("cancelled".to_owned());
                    }
                }
                Err(error) => return Err(self.write_problem(error, &[host_id], entry).await),
            },
            _ => {
                if self.cancel_gate(row, &entry).await?.is_none() {
                    return Err(invalid_state("it has moved on meanwhile: read the job again"));
                }
            }
        }
        let gate = self.0.app.store.gate(job_id, host_id).await?;
        match gate.as_ref().map(|gate| gate.state) {
            Some(GateState::Spent) => {
                Err(invalid_state("it is being patched, which goes on to its end"))
            }
            Some(GateState::Failed) => {
                Err(invalid_state("it has ended: there is nothing left to cancel"))
            }
            _ => {
                let detail = "this host was cancelled";
                database.end_job_host(row, Stage::Waiting, Stage::Cancelled, detail).await?;
                announce::row(&*self.0.app.store, row, Stage::Cancelled, None).await;
                Ok("cancelled".to_owned())
            }
        }
    }

    /// Cancels the gate of a job on one host; `None` where there is none.
    async fn cancel_gate(
        &self,
        row: &JobHostRow,
        entry: &AuditEntry,
    ) -> Result<Option<GateRecord>, Problem> {
        let actor = entry.actor.clone();
        match self.0.app.gate().cancel(row.job_id, row.host_id, actor).await {
            Ok(gate) => Ok(Some(gate)),
            Err(GateError::Store(StoreError::NotFound)) => Ok(None),
            Err(GateError::Store(StoreError::Refused(Refusal::Forbidden))) => {
                let error = crate::database::DatabaseError::RightLost;
                Err(self.write_problem(error, &[row.host_id], entry.clone()).await)
            }
            Err(error) => Err(error.into()),
        }
    }
}
