//! What a job looks like from outside.

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
    /// The window that it was given, or from which to which instant it waits at most; `null` where each
    /// host's maintenance window counts.
    #[schema(required)]
    pub(super) window: Option<WindowForm>,
    /// It was to run at once.
    pub(super) immediate: bool,
    /// Its gates report and do not block.
    pub(super) report_only: bool,
    /// Nothing is patched: the checks run once, and each host's detail says what would have happened.
    pub(super) dry_run: bool,
    /// Why it goes around the gate.
    #[schema(required)]
    pub(super) reason: Option<String>,
    #[serde(with = "instant::option")]
    #[schema(required)]
    pub(super) cancelled_at: Option<DateTime<Utc>>,
    /// How it goes over its hosts; `null` where all may go at once.
    #[schema(required)]
    pub(super) rollout: Option<RolloutForm>,
    /// How many hosts it has, of those that the caller may see.
    pub(super) host_count: usize,
    /// How many of them are in which status.
    pub(super) counts: HashMap<HostJobStatus, usize>,
    /// Its hosts, by name; in a list, left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) hosts: Option<Vec<JobHostForm>>,
}

/// Where a job stands on one host.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::web) enum HostJobStatus {
    /// Its gate is not open yet: a worker takes it up, or another job holds the host.
    Queued,
    /// Its gate waits for the window to open.
    WaitingForWindow,
    /// Its gate waits for healthy checks.
    WaitingHealthCheck,
    /// Nothing of its own holds it back: its gate waits for its turn in the rollout, or has passed and a worker
    /// has a place for its patch soon.
    WaitingForSlot,
    /// It is being patched.
    Patching,
    /// It was patched, and its checks are being run.
    Verifying,
    /// It was patched, and is as healthy as before.
    Succeeded,
    /// It was not patched, the patch failed, or a check that was healthy fails since.
    Failed,
    /// It was patched, and whether it is as healthy as before could not be told.
    Unverified,
    /// The job was cancelled before it was patched.
    Cancelled,
}

/// How far a job's rollout has come.
#[derive(Serialize, ToSchema)]
#[schema(as = Rollout)]
pub(in crate::web) struct RolloutForm {
    pub(super) state: RolloutState,
    /// The present stage, counted from 0: its place in the job's stages. After the last one it is their number.
    pub(super) stage: u32,
    /// How many stages it has; the hosts that are left after the last one follow it.
    pub(super) stages: usize,
    /// How many hosts may have been patched by the end of the present stage.
    pub(super) admitted: u32,
    /// How many hosts have been patched, or are being patched.
    pub(super) spent: u32,
    /// How many hosts are being patched or verified.
    pub(super) in_flight: u32,
    /// At most so many may be.
    pub(super) max_in_flight: u32,
    /// How many failed or stayed unverified, since it was last resumed.
    pub(super) used: u32,
    /// So many may.
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
    /// Where it stands, for people; while its gate waits it names what is failing.
    pub(super) detail: String,
    #[serde(with = "instant::option")]
    #[schema(required)]
    pub(super) started_at: Option<DateTime<Utc>>,
    #[serde(with = "instant::option")]
    #[schema(required)]
    pub(super) finished_at: Option<DateTime<Utc>>,
    /// Its gate with the last attempt; `null` before it is opened.
    #[schema(required)]
    pub(super) gate: Option<GateForm>,
    /// How the host stands since its patch, against what its checks said before; `null` before.
    #[schema(required)]
    pub(super) verification: Option<VerificationForm>,
    /// The job whose gate holds the host, while this one is queued behind it.
    #[schema(required)]
    pub(super) blocked_by: Option<JobId>,
}

/// A page of jobs.
#[derive(Serialize, ToSchema)]
pub(in crate::web) struct JobList {
    pub(super) jobs: Vec<JobForm>,
    /// Ask with it for the next page; `null` at the end.
    #[schema(required)]
    pub(super) next_cursor: Option<String>,
}

/// The status of a host from its row alone, for lists.
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

/// The status of a host with its gate: what the gate knows counts at once, whether or not the job
/// executor has seen it yet.
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

/// The status of a host that waits, by its gate. One whose gate has passed waits for no check any more.
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
