//! What the gate would say now: by what is stored, or by a live run. Nothing is written.

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

/// What the gate would say of one host now.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct HostPreview {
    /// The host.
    pub host_id: HostId,
    /// Whether the job would go ahead, wait or fail.
    pub decision: Outlook,
    /// On what ground it would go ahead.
    pub kind: Option<PassKind>,
    /// The window is not open yet: that alone makes it wait where nothing is blocking.
    pub not_open: bool,
    /// The host does not exist.
    pub host_gone: bool,
    /// What is left of the window has no room for a second attempt: a check that fails at the first
    /// one fails the job.
    pub window_too_short: bool,
    /// The checks and conditions that are not known to be met, those whose result is too old included.
    pub blocking: Vec<Blocking>,
}

/// A check or condition that would hold the gate back.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "api", derive(utoipa::ToSchema))]
pub struct Blocking {
    /// The check; `None` for a condition that the application defines.
    #[cfg_attr(feature = "api", schema(required))]
    pub check_id: Option<CheckId>,
    /// The name of the check or condition.
    pub name: String,
    /// Why.
    pub reason: EvidenceReason,
    /// Whether the target was seen in this condition, or could not be seen.
    pub observed: bool,
    /// A sentence for people.
    #[cfg_attr(feature = "api", schema(value_type = String))]
    pub detail: Detail,
    /// When the check was last run; `None` where it never was.
    #[serde(with = "instant::option")]
    #[cfg_attr(feature = "api", schema(required))]
    pub checked_at: Option<DateTime<Utc>>,
}

impl Gate {
    /// What the gate would say of these hosts now, each with its window, in their order. Nothing is run
    /// and nothing written. What is asked of store and application does not grow with the hosts: the
    /// store's clock, and the health and the holders of all hosts at once.
    ///
    /// A gate would run a check live whose result is too old; here that check is blocking, and the
    /// host waits. Where another job's gate holds the host, the job would stay queued until that one
    /// has ended: it waits, and the holder is blocking as `gate_busy`.
    ///
    /// # Errors
    /// Where store or health cannot be read.
    pub async fn preview(&self, hosts: &[(HostId, Window)]) -> Result<Vec<HostPreview>, GateError> {
        // The clock comes last, as in a look of the runner's: nothing read can lie in its future.
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

    /// Runs the host's enabled checks once, live, and says what the gate would then say of the host in
    /// this window. Nothing is written, no gate is opened and the host is not held. Takes at most as
    /// long as an attempt.
    ///
    /// The run is not one of those that share a [`Capacity`](crate::checks::Capacity): bound how many
    /// go on at once. Dropping the call closes what it opened.
    ///
    /// # Errors
    /// Where store or health cannot be read.
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
        // Of a check that did not answer in time, what is stored counts.
        let results = self.run_live(&gate, &health, started).await;
        health.results.extend(results);
        let mut previews = self.judge(vec![gate], vec![health]).await?;
        previews.pop().ok_or_else(|| StoreError::NotFound.into())
    }

    /// Holds gates that nobody opened against the health of their hosts.
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
        // The gate of an exempt job holds nobody up but another exempt one.
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
    /// The gate of another job, which a host has to itself until it has ended.
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
