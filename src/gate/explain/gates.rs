//! Explains the gates of a job from store and sources, in few calls for any number of hosts.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};

use super::{Explanation, explain, explain_change};
use crate::{
    gate::{
        Gate, GateError,
        decide::{Action, GateInput, WindowAnswer, decide},
        disturbance::Disturbances,
        rollout::{self, RolloutAction, RolloutInput},
        source::HostHealth,
    },
    model::{
        EvidenceReason, GateRecord, Hold, HostId, JobId, ReasonCode, RolloutStatus, StoreTime,
    },
    store::transition,
};

/// The limit of a job's rollout, as a runner's next look would find it (R3).
struct Keeps {
    /// Whether the rollout holds all gates.
    all: bool,
    hold: Hold,
}

impl Keeps {
    /// Advances the rollout as a runner's look does, but writes nothing.
    fn of(status: RolloutStatus, now: DateTime<Utc>) -> Self {
        let RolloutStatus { mut rollout, counts } = status;
        loop {
            let input =
                RolloutInput { now, clock_suspect: false, rollout: &rollout, counts: &counts };
            match rollout::decide(&input) {
                RolloutAction::Hold(hold) => return Self { all: true, hold },
                RolloutAction::Go { .. } => {
                    return Self { all: false, hold: rollout::no_slot(&rollout, &counts) };
                }
                RolloutAction::Step(step) => transition::settle_rollout(&mut rollout, step),
            }
        }
    }

    /// Returns the hold of a gate. If some gates may pass, those wait for which a worker has found no place.
    fn hold(&self, gate: &GateRecord) -> Option<&Hold> {
        (!gate.exempt && (self.all || gate.hold.is_some())).then_some(&self.hold)
    }
}

/// The limits that hold gates.
struct Holds {
    rollouts: HashMap<JobId, Keeps>,
    /// The holds of hosts with a group at its limit.
    groups: HashMap<HostId, Hold>,
}

impl Holds {
    /// Returns the first hold of a gate, in the order of a runner's look.
    fn of(&self, gate: &GateRecord) -> Option<&Hold> {
        let group = self.groups.get(&gate.host_id);
        match self.rollouts.get(&gate.job_id) {
            Some(keeps) if keeps.all => keeps.hold(gate).or(group),
            keeps => group.or_else(|| keeps?.hold(gate)),
        }
    }
}

impl Gate {
    /// Explains why the hosts of a job wait.
    ///
    /// It explains the given gates that have not ended, the hosts that are being verified after their change,
    /// and the hosts in `queued` that have no gate.
    ///
    /// Pass the gates of one job, on hosts that the reader may see. The call runs no check and writes
    /// nothing, and its number of queries does not depend on the number of hosts. It does not know the
    /// running attempts, nor whether a runner trusts the store's clock.
    ///
    /// # Errors
    /// Fails if the store or a source cannot be read.
    pub async fn explain(
        &self,
        job: JobId,
        gates: &[GateRecord],
        queued: &[HostId],
    ) -> Result<Vec<(HostId, Explanation)>, GateError> {
        let open: Vec<&GateRecord> =
            gates.iter().filter(|gate| !gate.state.is_terminal()).collect();
        let mut explained = self.explain_open(&open).await?;
        let ended: HashSet<HostId> =
            gates.iter().filter(|gate| gate.state.is_terminal()).map(|gate| gate.host_id).collect();
        if !ended.is_empty() {
            let now = self.store.now().await?;
            let changes = self.store.changes_of(job).await?;
            let of_ended = changes.iter().filter(|change| ended.contains(&change.host_id));
            explained.extend(
                of_ended.filter_map(|change| Some((change.host_id, explain_change(change, now)?))),
            );
        }
        let known: HashSet<HostId> = gates.iter().map(|gate| gate.host_id).collect();
        let queued: Vec<HostId> =
            queued.iter().filter(|host| !known.contains(host)).copied().collect();
        if !queued.is_empty() {
            let mut holders = self.store.holders_of(&queued).await?;
            // The job's own gates may have been opened since they were read.
            holders.retain(|holder| !holder.exempt && holder.job_id != job);
            let holders: HashMap<HostId, JobId> =
                holders.iter().map(|holder| (holder.host_id, holder.job_id)).collect();
            explained.extend(queued.into_iter().map(|host| {
                let held = holders.get(&host).map(Explanation::held_by);
                (host, held.unwrap_or_else(Explanation::unattended))
            }));
        }
        Ok(explained)
    }

    /// Reads the limits that hold these gates back.
    async fn holds_of(&self, gates: &[&GateRecord]) -> Result<Holds, GateError> {
        let jobs: HashSet<JobId> = gates.iter().map(|gate| gate.job_id).collect();
        let jobs: Vec<JobId> = jobs.into_iter().collect();
        let found = self.store.rollouts(&jobs).await?;
        let now = self.store.now().await?;
        let keeps = |status: RolloutStatus| (status.rollout.job_id, Keeps::of(status, now));
        let hosts: Vec<HostId> = gates.iter().map(|gate| gate.host_id).collect();
        let mut groups = HashMap::new();
        for status in self.store.groups_of(&hosts).await? {
            let taken = &status.unavailable | &status.passed;
            for host in hosts.iter().filter(|host| status.members.contains(host)) {
                if let Some(hold) = status.hold(*host, &taken) {
                    groups.entry(*host).or_insert(hold);
                }
            }
        }
        Ok(Holds { rollouts: found.into_iter().map(keeps).collect(), groups })
    }

    /// Explains gates that have not ended; those that are about to end are left out.
    async fn explain_open(
        &self,
        gates: &[&GateRecord],
    ) -> Result<Vec<(HostId, Explanation)>, GateError> {
        if gates.is_empty() {
            return Ok(Vec::new());
        }
        let overridden: Vec<&GateRecord> =
            gates.iter().filter(|gate| gate.exception.is_some()).copied().collect();
        let rights = match overridden.is_empty() {
            true => Vec::new(),
            false => self.rights_of(&overridden).await?,
        };
        let allowed: HashMap<_, _> = overridden.iter().map(|gate| gate.id).zip(rights).collect();
        let windows = self.windows_of(gates).await?;
        let mut health = self.health_of_all(gates).await?;
        health.iter_mut().for_each(HostHealth::block_unknown);
        let asked = gates.iter().map(|gate| gate.host_id).zip(&health);
        let disturbances = Disturbances::read(self.store.as_ref(), asked).await?;
        let holds = self.holds_of(gates).await?;
        // The clock is read last, as in a runner's look: nothing read lies in its future.
        let time = self.store.read_clock().await?;
        let StoreTime { at: now, epoch } = time;
        let no_room = EvidenceReason::Code(ReasonCode::NotRunCapacity);
        let mut explained = Vec::with_capacity(gates.len());
        for ((gate, health), window) in gates.iter().zip(&mut health).zip(windows) {
            disturbances.apply(gate.host_id, health, time);
            let input = GateInput {
                now,
                gate_time: gate.gate_time(now),
                epoch,
                clock_suspect: false,
                gate,
                in_flight: false,
                no_room: gate.evidence.iter().any(|entry| entry.reason == no_room),
                dirty: false,
                window: if health.host_gone { WindowAnswer::HostGone } else { window },
                requirements: &health.requirements,
                observations: &health.results,
                streaks: &health.streaks,
                conditions: &health.conditions,
                hold: holds.of(gate),
                override_allowed: allowed.get(&gate.id).copied().unwrap_or(false),
                policy: &self.policy,
            };
            let explanation = explain(&input).or_else(|| match decide(&input).action {
                Action::Pass { .. } => {
                    Some(Explanation { earliest_pass_at: Some(now), ..Explanation::unattended() })
                }
                _ => None,
            });
            explained.extend(explanation.map(|one| (gate.host_id, one)));
        }
        Ok(explained)
    }
}
