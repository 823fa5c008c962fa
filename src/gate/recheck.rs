//! A comparison of a host's checks after the patch with those before it.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{
    decide::{Condition, Requirement},
    handle::{Gate, GateError},
    report,
    source::{HostHealth, LiveRun, run_bounded},
};
use crate::{
    model::{
        CheckId, CheckResult, Evidence, EvidenceReason, GateRecord, HostId, JobId, RecheckChange,
        Rechecked, StoreTime, instant,
    },
    store::StoreError,
};

/// The state of a host's checks after the patch, compared with the pass that allowed it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Recheck {
    /// The job.
    pub job_id: JobId,
    /// The host.
    pub host_id: HostId,
    /// The time of the run, by the store's clock.
    #[serde(with = "instant")]
    pub checked_at: DateTime<Utc>,
    /// Each present check and condition of the host, followed by those of the pass that no longer exist.
    pub checks: Vec<Rechecked>,
}

impl Recheck {
    /// Returns whether anything fails now that did not fail before.
    #[must_use]
    pub fn is_worse(&self) -> bool {
        let worse = |one: &Rechecked| match one.change {
            RecheckChange::Broke => true,
            RecheckChange::New => one.now.as_ref().is_some_and(|now| !now.healthy),
            RecheckChange::Same
            | RecheckChange::StillFailing
            | RecheckChange::Mended
            | RecheckChange::Gone => false,
        };
        self.checks.iter().any(worse)
    }
}

impl Gate {
    /// Runs the host's checks again and compares them with the newest pass of this job's gate.
    ///
    /// It asks conditions again, too. It takes at most as long as an attempt.
    ///
    /// Nothing is stored; keep the answer with the job. The run does not use the shared
    /// [`Capacity`](crate::checks::Capacity), so limit how many run at once. Dropping the call closes the
    /// connections that it opened.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if the job has no gate on this host, [`StoreError::InvalidState`] if that
    /// gate has given no pass. Also fails if the store or the health source cannot be read.
    pub async fn recheck(&self, job_id: JobId, host_id: HostId) -> Result<Recheck, GateError> {
        let record = self.store.gate(job_id, host_id).await?.ok_or(StoreError::NotFound)?;
        let Some(pass) = &record.pass else {
            return Err(StoreError::InvalidState { state: "the gate has given no pass" }.into());
        };
        let health = self.health_of(&record).await?;
        let started = self.store.read_clock().await?;
        let now = self.run_all(&record, &health, started).await;
        let checked_at = started.at;
        Ok(Recheck { job_id, host_id, checked_at, checks: compare(&pass.evidence, now) })
    }

    /// Returns the present evidence of every enabled check and every condition.
    async fn run_all(
        &self,
        record: &GateRecord,
        health: &HostHealth,
        started: StoreTime,
    ) -> Vec<Evidence> {
        let results = self.run_live(record, health, started).await;
        let live =
            |check: &Requirement| report::live(check.check_id, check.name.as_str(), &results);
        let enabled = health.requirements.iter().filter(|check| check.enabled);
        let mut evidence: Vec<Evidence> = enabled.map(live).collect();
        // Periods, such as freezes, say nothing about the effect of the patch.
        let lasting = |one: &&Condition| one.from.is_none() && one.until.is_none();
        let conditions = health.conditions.iter().filter(lasting);
        evidence.extend(conditions.map(report::condition));
        evidence
    }

    /// Runs every enabled check of a gate's host now. A run that is cut short keeps the answers it has (F142).
    pub(super) async fn run_live(
        &self,
        record: &GateRecord,
        health: &HostHealth,
        started: StoreTime,
    ) -> Vec<CheckResult> {
        let enabled = health.requirements.iter().filter(|check| check.enabled);
        let checks: Vec<CheckId> = enabled.map(|check| check.check_id).collect();
        if checks.is_empty() {
            return Vec::new();
        }
        let run = LiveRun {
            job_id: record.job_id,
            host_id: record.host_id,
            checks,
            started_at: started.at,
            epoch: started.epoch,
            time: self.policy.budget(),
        };
        run_bounded(self.health.as_ref(), self.clock.as_ref(), run).await
    }
}

/// Returns whether an entry is not based on a run that counted.
fn says_nothing(was: &Evidence) -> bool {
    matches!(&was.reason, EvidenceReason::Code(reason) if reason.is_unknown())
}

/// Compares the evidence of each check and condition before and now.
pub(super) fn compare(before: &[Evidence], now: Vec<Evidence>) -> Vec<Rechecked> {
    let same = |a: &Evidence, b: &Evidence| match (a.check_id, b.check_id) {
        (None, None) => a.name == b.name,
        (a, b) => a == b,
    };
    let gone: Vec<Rechecked> = before
        .iter()
        .filter(|was| now.iter().all(|now| !same(was, now)))
        .map(|was| Rechecked {
            check_id: was.check_id,
            name: was.name.clone(),
            was: Some(was.clone()),
            now: None,
            change: RecheckChange::Gone,
        })
        .collect();
    let mut checks: Vec<Rechecked> = now
        .into_iter()
        .map(|now| {
            let was = before.iter().find(|was| same(was, &now)).cloned();
            let known = was.as_ref().filter(|was| !says_nothing(was));
            let change = match (known.map(|was| was.healthy), now.healthy) {
                (None, _) => RecheckChange::New,
                (Some(true), true) => RecheckChange::Same,
                (Some(true), false) => RecheckChange::Broke,
                (Some(false), true) => RecheckChange::Mended,
                (Some(false), false) => RecheckChange::StillFailing,
            };
            Rechecked {
                check_id: now.check_id,
                name: now.name.clone(),
                was,
                now: Some(now),
                change,
            }
        })
        .collect();
    checks.extend(gone);
    checks
}
