//! The API's form of a job.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use healthgate::{
    api::forms::{GateForm, VerificationForm, WindowForm},
    model::{GateRecord, GateState, HostId, JobId, RolloutState, RolloutStatus, instant},
};
use serde::Serialize;
use utoipa::ToSchema;

use super::asked::RolloutRequest;
use crate::database::{JobHostRow, JobKind, JobRow, JobStatus, Stage, WindowChoice};

/// A job.
#[derive(Serialize, ToSchema)]
#[schema(as = Job)]
pub(in crate::web) struct JobForm {
    pub(super) id: JobId,
    #[schema(required)]
    pub(super) name: Option<String>,
    pub(super) kind: JobKind,
    pub(super) status: JobStatus,
    pub(super) created_by: String,
    #[serde(with = "instant")]
    pub(super) created_at: DateTime<Utc>,
    /// The given window, or the period of an immediate job's wait. `null` if each host's maintenance window
    /// counts.
    #[schema(required)]
    pub(super) window: Option<WindowForm>,
    /// Whether the job was to run immediately.
    pub(super) immediate: bool,
    /// Whether its gates only report and do not block.
    pub(super) report_only: bool,
    /// Whether it patches nothing: the checks run once, and each host's detail reports what would have
    /// happened.
    pub(super) dry_run: bool,
    /// Why the job bypasses the gate.
    #[schema(required)]
    pub(super) reason: Option<String>,
    #[serde(with = "instant::option")]
    #[schema(required)]
    pub(super) cancelled_at: Option<DateTime<Utc>>,
    /// The progress of its rollout. `null` if all hosts may be patched at once.
    #[schema(required)]
    pub(super) rollout: Option<RolloutForm>,
    /// The number of its hosts that the caller may see.
    pub(super) host_count: usize,
    /// The number of these hosts in each status.
    pub(super) counts: HashMap<HostJobStatus, usize>,
    /// Its hosts, ordered by name. Left out in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) hosts: Option<Vec<JobHostForm>>,
}

/// The status of a job on one host.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::web) enum HostJobStatus {
    /// Its gate is not open yet: no worker has opened it, or another job holds the host.
    Queued,
    /// Its gate waits for the window to open.
    WaitingForWindow,
    /// Its gate waits for healthy checks.
    WaitingHealthCheck,
    /// It is ready. Its gate waits for a slot in the rollout, or has passed and waits for a worker to patch it.
    WaitingForSlot,
    /// It is being patched.
    Patching,
    /// It was patched, and its checks are running.
    Verifying,
    /// It was patched, and is as healthy as before.
    Succeeded,
    /// It was not patched, the patch failed, or a healthy check fails since the patch.
    Failed,
    /// It was patched, but its health could not be verified.
    Unverified,
    /// The job was cancelled before it was patched.
    Cancelled,
}

/// The progress of a job's rollout.
#[derive(Serialize, ToSchema)]
#[schema(as = Rollout)]
pub(in crate::web) struct RolloutForm {
    pub(super) state: RolloutState,
    /// The index of the current stage, counted from 0. After the last stage it is the number of stages.
    pub(super) stage: u32,
    /// The number of stages. The remaining hosts follow the last one.
    pub(super) stages: usize,
    /// The number of hosts that may have been patched by the end of the current stage.
    pub(super) admitted: u32,
    /// The number of hosts that have been patched or are being patched.
    pub(super) spent: u32,
    /// The number of hosts that are being patched or verified.
    pub(super) in_flight: u32,
    /// The maximum number of these.
    pub(super) max_in_flight: u32,
    /// The number of hosts that failed or stayed unverified since the last resumption.
    pub(super) used: u32,
    /// The maximum number of these.
    pub(super) failure_budget: u32,
    /// Why it is halted.
    #[schema(required)]
    pub(super) reason: Option<String>,
    /// What was asked for, for another job of the same kind.
    pub(super) policy: RolloutRequest,
}

impl RolloutForm {
    fn new(status: &RolloutStatus, is_over: bool) -> Self {
        let RolloutStatus { rollout, counts } = status;
        let state = match status.state() {
            RolloutState::Running if is_over => RolloutState::Done,
            state => state,
        };
        Self {
            state,
            stage: rollout.stage,
            stages: rollout.policy.stages.len(),
            admitted: rollout.admitted(),
            spent: counts.spent,
            in_flight: counts.in_flight,
            max_in_flight: rollout.max_in_flight(),
            used: rollout.used(counts),
            failure_budget: rollout.failure_budget(),
            reason: rollout.halt_reason(counts),
            policy: RolloutRequest::of(&rollout.policy),
        }
    }
}

/// A job on one host.
#[derive(Serialize, ToSchema)]
#[schema(as = JobHost)]
pub(in crate::web) struct JobHostForm {
    pub(super) host_id: HostId,
    pub(super) host_name: String,
    pub(super) status: HostJobStatus,
    /// The current situation, for people. While its gate waits, it names the failing checks.
    pub(super) detail: String,
    #[serde(with = "instant::option")]
    #[schema(required)]
    pub(super) started_at: Option<DateTime<Utc>>,
    #[serde(with = "instant::option")]
    #[schema(required)]
    pub(super) finished_at: Option<DateTime<Utc>>,
    /// Its gate with the newest attempt. `null` before the gate is opened.
    #[schema(required)]
    pub(super) gate: Option<GateForm>,
    /// The comparison of the host after its patch with its checks before. `null` before the patch has
    /// ended.
    #[schema(required)]
    pub(super) verification: Option<VerificationForm>,
    /// The job whose gate holds the host, while this job is queued behind it.
    #[schema(required)]
    pub(super) blocked_by: Option<JobId>,
}

/// A page of jobs.
#[derive(Serialize, ToSchema)]
pub(in crate::web) struct JobList {
    pub(super) jobs: Vec<JobForm>,
    /// The cursor of the next page. `null` on the last page.
    #[schema(required)]
    pub(super) next_cursor: Option<String>,
}

/// Returns the status of a host from its row alone, for lists.
pub(super) fn stored_status(host: &JobHostRow, now: DateTime<Utc>) -> HostJobStatus {
    match host.stage {
        Stage::Queued => HostJobStatus::Queued,
        Stage::Waiting if now < host.window.opens_at() => HostJobStatus::WaitingForWindow,
        Stage::Waiting => HostJobStatus::WaitingHealthCheck,
        Stage::Patching => HostJobStatus::Patching,
        Stage::Verifying => HostJobStatus::Verifying,
        Stage::Unverified => HostJobStatus::Unverified,
        Stage::Succeeded => HostJobStatus::Succeeded,
        Stage::Failed => HostJobStatus::Failed,
        Stage::Cancelled => HostJobStatus::Cancelled,
    }
}

/// Returns the status of a host with its gate. The gate's state applies immediately, even if the job
/// executor has not seen it yet.
pub(super) fn status(
    host: &JobHostRow,
    gate: Option<&GateRecord>,
    now: DateTime<Utc>,
) -> HostJobStatus {
    match (host.stage, gate) {
        (Stage::Waiting, Some(gate)) => {
            waiting_status(gate.state, now < gate.window.opens_at(), gate.hold.is_some())
        }
        _ => stored_status(host, now),
    }
}

/// Returns the status of a waiting host from its gate. A host whose gate has passed waits for no check any
/// more.
const fn waiting_status(gate: GateState, is_early: bool, is_held: bool) -> HostJobStatus {
    match gate {
        GateState::Failed => HostJobStatus::Failed,
        GateState::Cancelled => HostJobStatus::Cancelled,
        GateState::Spent => HostJobStatus::Patching,
        GateState::Passed => HostJobStatus::WaitingForSlot,
        GateState::Waiting if is_early => HostJobStatus::WaitingForWindow,
        GateState::Waiting if is_held => HostJobStatus::WaitingForSlot,
        GateState::Waiting => HostJobStatus::WaitingHealthCheck,
    }
}

pub(super) fn job_form(
    job: &JobRow,
    statuses: &[HostJobStatus],
    hosts: Option<Vec<JobHostForm>>,
    rollout: Option<&RolloutStatus>,
) -> JobForm {
    let stage = |status: &HostJobStatus| match status {
        HostJobStatus::Queued => (Stage::Queued, false),
        HostJobStatus::WaitingForWindow => (Stage::Waiting, false),
        HostJobStatus::WaitingHealthCheck | HostJobStatus::WaitingForSlot => (Stage::Waiting, true),
        HostJobStatus::Patching => (Stage::Patching, true),
        HostJobStatus::Verifying => (Stage::Verifying, true),
        HostJobStatus::Unverified => (Stage::Unverified, true),
        HostJobStatus::Succeeded => (Stage::Succeeded, true),
        HostJobStatus::Failed => (Stage::Failed, true),
        HostJobStatus::Cancelled => (Stage::Cancelled, true),
    };
    let window = match job.window {
        WindowChoice::Explicit(window) | WindowChoice::Immediate(window) => {
            Some(WindowForm::from(window))
        }
        WindowChoice::Maintenance => None,
    };
    let mut counts = HashMap::new();
    for status in statuses {
        *counts.entry(*status).or_default() += 1;
    }
    let status = JobStatus::of(statuses.iter().map(stage));
    JobForm {
        id: job.id,
        name: job.name.clone(),
        kind: job.kind,
        status,
        created_by: job.created_by.clone(),
        created_at: job.created_at,
        window,
        immediate: matches!(job.window, WindowChoice::Immediate(_)),
        report_only: job.report_only,
        dry_run: job.dry_run,
        reason: job.reason.clone(),
        cancelled_at: job.cancelled_at,
        rollout: rollout.map(|rollout| RolloutForm::new(rollout, status.is_over())),
        host_count: statuses.len(),
        counts,
        hosts,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_whose_gate_has_passed_waits_for_no_check() {
        use HostJobStatus::{WaitingForSlot, WaitingForWindow, WaitingHealthCheck};
        for held in [false, true] {
            assert!(waiting_status(GateState::Passed, false, held) == WaitingForSlot);
            assert!(waiting_status(GateState::Waiting, true, held) == WaitingForWindow);
        }
        assert!(waiting_status(GateState::Waiting, false, true) == WaitingForSlot);
        assert!(waiting_status(GateState::Waiting, false, false) == WaitingHealthCheck);
    }

    #[test]
    fn a_job_is_what_its_hosts_make_of_it() {
        use JobStatus::{Cancelled, Failed, Queued, Running, Succeeded};
        let of = |stages: &[(Stage, bool)]| JobStatus::of(stages.iter().copied());
        assert_eq!(of(&[(Stage::Queued, false), (Stage::Waiting, false)]), Queued);
        assert_eq!(of(&[(Stage::Queued, false), (Stage::Waiting, true)]), Running);
        assert_eq!(of(&[(Stage::Queued, false), (Stage::Failed, true)]), Running);
        assert_eq!(of(&[(Stage::Succeeded, true), (Stage::Patching, true)]), Running);
        assert_eq!(of(&[(Stage::Succeeded, true), (Stage::Failed, true)]), Failed);
        assert_eq!(of(&[(Stage::Cancelled, true), (Stage::Failed, true)]), Failed);
        assert_eq!(of(&[(Stage::Cancelled, true), (Stage::Succeeded, true)]), Cancelled);
        assert_eq!(of(&[(Stage::Succeeded, true)]), Succeeded);
        assert_eq!(of(&[(Stage::Succeeded, true), (Stage::Verifying, true)]), Running);
        assert_eq!(of(&[(Stage::Succeeded, true), (Stage::Unverified, true)]), Failed);
        assert_eq!(of(&[(Stage::Cancelled, true), (Stage::Unverified, true)]), Failed);
    }
}
