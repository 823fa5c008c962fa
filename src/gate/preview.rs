//! The decision that a gate would make now, from stored results or a live run. Nothing is written.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    decide::{Action, GateInput, WaitReason, WindowAnswer, decide},
    disturbance::Disturbances,
    handle::{Gate, GateError},
    report,
    source::HostHealth,
};
use crate::{
    model::{
        CheckId, Detail, Evidence, EvidenceReason, GateId, GateRecord, GateRequest, HostId, JobId,
        Outlook, PassKind, ReasonCode, StoreTime, Window, instant,
    },
    store::StoreError,
};

/// The decision that a gate would make for one host now.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct HostPreview {
    /// The host.
    pub host_id: HostId,
    /// Whether the job would go ahead, wait or fail.
    pub decision: Outlook,
    /// The kind of pass that the gate would give; `None` if it would give none.
    pub kind: Option<PassKind>,
    /// Whether the window is not open yet. If nothing is blocking, the host waits only for that.
    pub not_open: bool,
    /// Whether the host does not exist.
    pub host_gone: bool,
    /// Whether the rest of the window has no room for a second attempt. A check that fails at the first
    /// attempt then fails the job.
    pub window_too_short: bool,
    /// The checks and conditions that are not known to be met, including checks with stale results.
    pub blocking: Vec<Blocking>,
}

/// A check or condition that would block the gate.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "api", derive(utoipa::ToSchema))]
pub struct Blocking {
    /// The check; `None` for a condition that the application defines.
    #[cfg_attr(feature = "api", schema(required))]
    pub check_id: Option<CheckId>,
    /// The name of the check or condition.
    pub name: String,
    /// The reason.
    pub reason: EvidenceReason,
    /// Whether the target was seen in this condition, or could not be seen.
    pub observed: bool,
    /// A sentence for people.
    #[cfg_attr(feature = "api", schema(value_type = String))]
    pub detail: Detail,
    /// The time of the check's last run; `None` if it has never run.
    #[serde(with = "instant::option")]
    #[cfg_attr(feature = "api", schema(required))]
    pub checked_at: Option<DateTime<Utc>>,
}

impl Gate {
    /// Previews the decision for each host in its window, in order. It runs no check and writes nothing.
    ///
    /// The number of calls to the store and the application does not depend on the number of hosts.
    ///
    /// A gate would run a check whose result is stale. The preview does not: it reports the check as
    /// blocking, and the host as waiting. If another job's gate holds the host, the preview reports the
    /// holder as blocking with `gate_busy`.
    ///
    /// # Errors
    /// Fails if the store or the health source cannot be read.
    pub async fn preview(&self, hosts: &[(HostId, Window)]) -> Result<Vec<HostPreview>, GateError> {
        // The clock is read last, as in a runner's look: nothing read lies in its future.
        let before = self.store.read_clock().await?;
        let job = JobId::from_uuid(Uuid::nil());
        let gates: Vec<GateRecord> = hosts
            .iter()
            .map(|(host, window)| {
                let request = GateRequest::new(job, *host, *window);
                GateRecord::open(GateId::generate(), &request, before)
            })
            .collect();
        let health = self.health_of_all(&gates.iter().collect::<Vec<_>>()).await?;
        self.judge(gates, health).await
    }

    /// Runs the host's enabled checks once and returns the decision that a gate would then make in this
    /// window.
    ///
    /// It writes nothing, opens no gate and does not hold the host. It takes at most as long as an attempt.
    ///
    /// The run does not use the shared [`Capacity`](crate::checks::Capacity), so limit how many run at
    /// once. Dropping the call closes the connections that it opened.
    ///
    /// # Errors
    /// Fails if the store or the health source cannot be read.
    pub async fn dry_run(
        &self,
        job_id: JobId,
        host_id: HostId,
        window: Window,
    ) -> Result<HostPreview, GateError> {
        let started = self.store.read_clock().await?;
        let request = GateRequest::new(job_id, host_id, window);
        let gate = GateRecord::open(GateId::generate(), &request, started);
        let mut health = self.health_of_all(&[&gate]).await?.pop().unwrap_or_default();
        // If a check did not answer in time, its stored result counts.
        let results = self.run_live(&gate, &health, started).await;
        health.results.extend(results);
        let mut previews = self.judge(vec![gate], vec![health]).await?;
        previews.pop().ok_or_else(|| StoreError::NotFound.into())
    }

    /// Decides hypothetical gates by the health of their hosts.
    async fn judge(
        &self,
        gates: Vec<GateRecord>,
        mut health: Vec<HostHealth>,
    ) -> Result<Vec<HostPreview>, GateError> {
        health.iter_mut().for_each(HostHealth::block_unknown);
        let asked = gates.iter().map(|gate| gate.host_id).zip(&health);
        let disturbances = Disturbances::read(self.store.as_ref(), asked).await?;
        let ids: Vec<HostId> = gates.iter().map(|gate| gate.host_id).collect();
        let mut holders = self.store.holders_of(&ids).await?;
        // An exempt gate blocks only other exempt gates.
        holders.retain(|holder| !holder.exempt);
        let holders: HashMap<HostId, GateRecord> =
            holders.into_iter().map(|holder| (holder.host_id, holder)).collect();
        let time = self.store.read_clock().await?;
        let StoreTime { at: now, epoch } = time;
        for (gate, health) in gates.iter().zip(&mut health) {
            disturbances.apply(gate.host_id, health, time);
        }
        let previews = gates.iter().zip(&health).map(|(gate, health)| {
            let window = match health.host_gone {
                true => WindowAnswer::HostGone,
                false => WindowAnswer::Open(gate.window),
            };
            let input = GateInput {
                now,
                gate_time: now,
                epoch,
                clock_suspect: false,
                gate,
                in_flight: false,
                no_room: false,
                dirty: false,
                window,
                requirements: &health.requirements,
                observations: &health.results,
                streaks: &health.streaks,
                conditions: &health.conditions,
                hold: None,
                override_allowed: false,
                policy: &self.policy,
            };
            let decision = decide(&input);
            let outlook = decision.action.outlook();
            let evidence = report::evidence(&decision.verdicts, &input);
            let blocking = evidence.into_iter().filter(|one| !one.healthy).map(Into::into);
            let holder = holders.get(&gate.host_id);
            let held_back = holder.is_some() && outlook.decision == Outlook::Proceed;
            HostPreview {
                host_id: gate.host_id,
                decision: if held_back { Outlook::Wait } else { outlook.decision },
                kind: outlook.kind.filter(|_| !held_back),
                not_open: matches!(decision.action, Action::Wait { why: WaitReason::NotOpen, .. }),
                host_gone: health.host_gone,
                window_too_short: !self.policy.has_room_for_retry(gate.window, now),
                blocking: holder.map(Blocking::by_holder).into_iter().chain(blocking).collect(),
            }
        });
        Ok(previews.collect())
    }
}

impl Blocking {
    /// Returns the entry for another job's gate, which holds the host until it ends.
    fn by_holder(holder: &GateRecord) -> Self {
        let end = instant::in_words(&holder.window.closes_at());
        let job = holder.job_id;
        Self {
            check_id: None,
            name: "another job".to_owned(),
            reason: EvidenceReason::Code(ReasonCode::GateBusy),
            observed: ReasonCode::GateBusy.observed(),
            detail: Detail::new(format!(
                "the gate of job {job} holds this host, until {end} at most"
            )),
            checked_at: None,
        }
    }
}

impl From<Evidence> for Blocking {
    fn from(evidence: Evidence) -> Self {
        let Evidence { check_id, name, reason, observed, detail, checked_at, .. } = evidence;
        Self { check_id, name, reason, observed, detail, checked_at }
    }
}
