//! The state of a gate as it is stored and shown.

use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::{
    epoch::{ClockEpoch, StoreTime},
    gate_request::{GateRequest, WindowKind},
    ids::{CheckId, GateId, HostId, JobId, PassId, WorkerId},
    instant,
    outlook::WouldHave,
    reason::ReasonCode,
    result::Detail,
    rollout::HoldCause,
    violation::{ViolationCode, Violations},
    window::Window,
};

/// The state of a gate.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "api", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum GateState {
    /// The gate waits for its window or for healthy checks.
    Waiting,
    /// The gate gave a pass that is not spent yet.
    Passed,
    /// The pass was spent: the job went ahead.
    Spent,
    /// The gate ended without a pass.
    Failed,
    /// The job was cancelled.
    Cancelled,
}

impl GateState {
    /// Returns whether the state is final (G18).
    #[must_use]
    pub const fn is_terminal(self) -> bool {
        matches!(self, Self::Spent | Self::Failed | Self::Cancelled)
    }
}

/// The reason for which a pass was given.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "api", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum PassKind {
    /// Every enabled check was freshly healthy.
    Healthy,
    /// The host has no enabled check.
    NoChecks,
    /// An administrator's override let the failing checks pass.
    Overridden,
    /// The policy exempts this kind of job.
    Exempt,
    /// The gate only reports.
    ReportOnly,
}

/// Why a gate ended without a pass.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "api", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum EndReason {
    /// The window closed before every check was healthy.
    WindowClosed,
    /// The window was withdrawn.
    WindowWithdrawn,
    /// The job was cancelled.
    JobCancelled,
    /// The host was deleted.
    HostDeleted,
    /// There was no capacity to run the checks before the close.
    NotRunCapacity,
    /// Another job's gate held the host until the window ended.
    GateBusy,
    /// The gate passed, but the job did not spend the pass before the window ended.
    PassNotSpent,
    /// The stored gate cannot be read, so its evidence is unknown (F221).
    RecordUnreadable,
}

/// Why a requirement is or is not met: a code of the vocabulary, or a word that the application defines.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub enum EvidenceReason {
    /// A check's outcome.
    Code(ReasonCode),
    /// The reason that a condition of the application gives.
    Condition(String),
}

impl EvidenceReason {
    /// Returns the reason as written in JSON.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Code(code) => code.as_str(),
            Self::Condition(reason) => reason,
        }
    }

    /// Returns whether the target was seen in this condition.
    #[must_use]
    pub fn observed(&self) -> bool {
        match self {
            Self::Code(code) => code.observed(),
            Self::Condition(_) => true,
        }
    }
}

impl fmt::Display for EvidenceReason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// The evidence of a gate on one requirement: a check, or a condition that the application defines.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "api", derive(utoipa::ToSchema))]
pub struct Evidence {
    /// The check; `None` for a condition that the application defines.
    #[cfg_attr(feature = "api", schema(required))]
    pub check_id: Option<CheckId>,
    /// The name of the check or condition.
    pub name: String,
    /// Whether the requirement is met.
    pub healthy: bool,
    /// The reason.
    pub reason: EvidenceReason,
    /// Whether the target was seen in this condition, or could not be seen.
    pub observed: bool,
    /// A sentence for people.
    #[cfg_attr(feature = "api", schema(value_type = String))]
    pub detail: Detail,
    /// The duration of the run in milliseconds; `None` if unknown.
    #[cfg_attr(feature = "api", schema(required))]
    pub latency_ms: Option<u32>,
    /// The start of the run; `None` if there was none.
    #[serde(with = "instant::option")]
    #[cfg_attr(feature = "api", schema(required))]
    pub checked_at: Option<DateTime<Utc>>,
}

/// The outcome of an attempt.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "api", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum AttemptOutcome {
    /// Its checks are running.
    Running,
    /// Its checks have answered.
    Finished,
    /// A shutdown or a crash cut it short. It counts as an attempt (G28).
    Interrupted,
    /// Its stored record cannot be read. Stores return its readable parts, and never accept this outcome (F221).
    Unreadable,
}

/// An evaluation by a gate that ran checks.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "api", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "api", schema(as = GateAttempt))]
pub struct Attempt {
    /// The number of the attempt, counted from 1.
    pub number: u32,
    /// The start of its checks, by the store's clock.
    #[serde(with = "instant")]
    pub started_at: DateTime<Utc>,
    /// The end of the attempt.
    #[serde(with = "instant::option")]
    #[cfg_attr(feature = "api", schema(required))]
    pub finished_at: Option<DateTime<Utc>>,
    /// The outcome.
    pub outcome: AttemptOutcome,
    /// The evidence of each check at its end.
    pub checks: Vec<Evidence>,
}

/// An external event of a waiting gate, for its timeline.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "api", derive(utoipa::ToSchema))]
pub struct GateNote {
    /// The time at which the gate saw it.
    #[serde(with = "instant")]
    pub at: DateTime<Utc>,
    /// A sentence for people.
    #[cfg_attr(feature = "api", schema(value_type = String))]
    pub text: Detail,
}

/// A check that an override lets fail, in the revision that the administrator saw.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct OverriddenCheck {
    /// The check.
    pub check_id: CheckId,
    /// The revision. The override does not cover a later change.
    pub revision: i64,
}

/// An administrator's permission for named checks to fail, for one job and host (G26).
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct GateOverride {
    /// The checks that may fail.
    pub checks: Vec<OverriddenCheck>,
    /// The reason, in the administrator's words.
    pub reason: String,
    /// The expiry, not after the close.
    #[serde(with = "instant")]
    pub expires_at: DateTime<Utc>,
    /// The name of the administrator.
    pub actor: String,
    /// The time of its creation.
    #[serde(with = "instant")]
    pub created_at: DateTime<Utc>,
}

impl GateOverride {
    /// The minimum number of characters of a reason.
    pub const MINIMUM_REASON: usize = 10;
    /// The maximum number of characters of a reason.
    pub const MAXIMUM_REASON: usize = 500;

    /// Creates an override at `created_at` for a gate whose end is `end`.
    ///
    /// # Errors
    /// Names every violation: no check, a reason that is too short or too long, or an expiry in the past or
    /// after the end.
    pub fn new(
        checks: Vec<OverriddenCheck>,
        reason: &str,
        expires_at: DateTime<Utc>,
        actor: impl Into<String>,
        created_at: DateTime<Utc>,
        end: DateTime<Utc>,
    ) -> Result<Self, Violations> {
        let mut violations = Violations::new();
        if checks.is_empty() {
            violations.push("check_ids", ViolationCode::Required, "name at least one check");
        }
        let reason = reason.trim();
        if let Some((code, message)) = Self::fault_of_reason(reason) {
            violations.push("reason", code, message);
        }
        if expires_at <= created_at || expires_at > end {
            let message = "give an expiry in the future and not after the close";
            violations.push("expires_at", ViolationCode::OutOfRange, message);
        }
        violations.or_ok(Some(Self {
            checks,
            reason: Detail::new(reason).to_string(),
            expires_at,
            actor: actor.into(),
            created_at,
        }))
    }

    /// Returns what is wrong with the length of a reason for an override or for resuming a rollout. Spaces around
    /// the reason do not count.
    #[must_use]
    pub fn fault_of_reason(reason: &str) -> Option<(ViolationCode, &'static str)> {
        match reason.trim().chars().count() {
            ..Self::MINIMUM_REASON => {
                Some((ViolationCode::TooShort, "give a reason of at least 10 characters"))
            }
            Self::MINIMUM_REASON..=Self::MAXIMUM_REASON => None,
            _ => Some((ViolationCode::TooLong, "give a reason of at most 500 characters")),
        }
    }
}

/// The permission to go ahead, for one job and host, once, until it expires (G16, G17).
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct GatePass {
    /// The id. A dispatch carries it, so that a repeated dispatch can be recognised.
    pub id: PassId,
    /// The gate that gave the pass.
    pub gate_id: GateId,
    /// The job.
    pub job_id: JobId,
    /// The host.
    pub host_id: HostId,
    /// The reason for which it was given.
    pub kind: PassKind,
    /// The time at which it was given, by the store's clock.
    #[serde(with = "instant")]
    pub granted_at: DateTime<Utc>,
    /// The instant before which it can be spent, never after the gate's end.
    #[serde(with = "instant")]
    pub valid_until: DateTime<Utc>,
    /// The worker that gave it.
    pub owner: WorkerId,
    /// The fencing token under which it was given.
    pub token: i64,
    /// The epoch of the store's clock in which it was given, and of all its evidence.
    #[serde(default)]
    pub epoch: ClockEpoch,
    /// The evidence of each check.
    pub evidence: Vec<Evidence>,
    /// What a blocking gate would have done on the same evidence, if the gate is report-only (G34).
    #[serde(default)]
    pub would_have: Option<WouldHave>,
}

/// A stored gate, without its attempts.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct GateRecord {
    /// The id.
    pub id: GateId,
    /// The job.
    pub job_id: JobId,
    /// The host.
    pub host_id: HostId,
    /// The number of the try, counted from 1. Each retry of a host under the same job has a gate of its own.
    #[serde(default = "first_generation")]
    pub generation: u32,
    /// The state.
    pub state: GateState,
    /// The time of its opening, by the store's clock.
    #[serde(with = "instant")]
    pub opened_at: DateTime<Utc>,
    /// The epoch of the store's clock when it was opened.
    #[serde(default)]
    pub opened_epoch: ClockEpoch,
    /// The window as it was last read.
    pub window: Window,
    /// The kind of the window.
    pub window_kind: WindowKind,
    /// Whether the gate only reports and does not block.
    pub report_only: bool,
    /// Whether checks do not block the gate.
    pub exempt: bool,
    /// Whether its cancellation was requested. Its pass can then no longer be spent (G25).
    pub cancel_requested: bool,
    /// The number of attempts started so far.
    pub attempts: u32,
    /// The start of the newest attempt, in the gate's own time.
    #[serde(with = "instant::option")]
    pub last_attempt_at: Option<DateTime<Utc>>,
    /// The due time of the next attempt, while the gate waits.
    #[serde(with = "instant::option")]
    pub next_attempt_at: Option<DateTime<Utc>>,
    /// The latest instant of the gate's own time that a step has used (G21).
    #[serde(with = "instant")]
    pub high_water: DateTime<Utc>,
    /// The lead of the gate's own time over the store's clock, in microseconds.
    ///
    /// It is positive after that clock has stepped back. The gate's own time judges the close, so that a step
    /// back never lengthens a window (G21).
    #[serde(default)]
    pub clock_offset_us: i64,
    /// How often an administrator has cleared the offset.
    #[serde(default)]
    pub offset_clearings: u32,
    /// The limit that holds the gate before its checks are judged (R3); `None` if nothing holds it.
    #[serde(default)]
    pub hold: Option<HoldCause>,
    /// The instant before which runs do not count (F14, G16).
    #[serde(with = "instant::option")]
    pub void_before: Option<DateTime<Utc>>,
    /// The epoch of [`void_before`](Self::void_before).
    #[serde(default)]
    pub void_epoch: ClockEpoch,
    /// The newest verdict on each requirement.
    pub evidence: Vec<Evidence>,
    /// Notes on external events while the gate waited: the newest [`GateRecord::MAXIMUM_NOTES`].
    pub notes: Vec<GateNote>,
    /// The override in force, if any.
    #[serde(rename = "override")]
    pub exception: Option<GateOverride>,
    /// The newest pass.
    pub pass: Option<GatePass>,
    /// The reason why the gate ended without a pass.
    pub end_reason: Option<EndReason>,
    /// The time of the end.
    #[serde(with = "instant::option")]
    pub ended_at: Option<DateTime<Utc>>,
    /// The state in words for people. While the gate waits, it names what is failing.
    pub detail: String,
}

const fn first_generation() -> u32 {
    1
}

impl GateRecord {
    /// Returns whether results of a run that started then are void, because the gate's pass expired unspent
    /// or its window moved after that (F14, G16).
    #[must_use]
    pub fn voids(&self, started: StoreTime) -> bool {
        self.void_before.is_some_and(|at| started < StoreTime::new(self.void_epoch, at))
    }

    /// The maximum number of notes.
    pub const MAXIMUM_NOTES: usize = 20;
    /// The maximum length of [`detail`](Self::detail) in bytes (G30).
    pub const MAXIMUM_DETAIL: usize = 4_096;

    /// Returns the lead of the gate's own time over the store's clock.
    #[must_use]
    pub fn clock_offset(&self) -> TimeDelta {
        TimeDelta::microseconds(self.clock_offset_us.max(0))
    }

    /// Returns the gate's own time when the store's clock shows `now`, according to the record.
    #[must_use]
    pub fn gate_time(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        (now + self.clock_offset()).max(self.high_water)
    }

    /// Creates the record of a gate at its opening.
    #[must_use]
    pub fn open(id: GateId, request: &GateRequest, now: StoreTime) -> Self {
        Self {
            id,
            job_id: request.job_id,
            host_id: request.host_id,
            generation: first_generation(),
            state: GateState::Waiting,
            opened_at: now.at,
            opened_epoch: now.epoch,
            window: request.window,
            window_kind: request.window_kind,
            report_only: request.report_only,
            exempt: request.exempt,
            cancel_requested: false,
            attempts: 0,
            last_attempt_at: None,
            next_attempt_at: None,
            high_water: now.at,
            clock_offset_us: 0,
            offset_clearings: 0,
            hold: None,
            void_before: None,
            void_epoch: ClockEpoch::default(),
            evidence: Vec::new(),
            notes: Vec::new(),
            exception: None,
            pass: None,
            end_reason: None,
            ended_at: None,
            detail: String::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pass_that_was_stored_before_reports_were_kept_still_reads() {
        let id = uuid::Uuid::from_u128(1);
        let text = format!(
            r#"{{"id":"{id}","gate_id":"{id}","job_id":"{id}","host_id":"{id}","kind":"healthy",
                "granted_at":"2026-11-24T02:00:00Z","valid_until":"2026-11-24T02:01:00Z",
                "owner":"{id}","token":1,"evidence":[]}}"#
        );
        let pass: GatePass = serde_json::from_str(&text).expect("an older form");
        assert_eq!((pass.would_have, pass.kind), (None, PassKind::Healthy));
        let again = serde_json::to_string(&pass).expect("serialises");
        assert_eq!(serde_json::from_str::<GatePass>(&again).expect("reads"), pass);
    }
}
