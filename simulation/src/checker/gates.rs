//! Checks the life of each gate: its lease, its attempts, its end (G10-G34).

use std::{collections::BTreeSet, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use healthgate::{
    gate::decide::WindowAnswer,
    model::{
        EndReason, GateId, GatePass, GateRecord, GateState, HealthCheck, HostId, Window, WorkerId,
    },
    store::{
        AttemptWrite, GateClaims, GateExtension, GateStep, GateTransition, GateWatch, LeasedGate,
    },
};

use super::{
    Checker, EyesId, Named,
    eyes::Renewal,
    leases::LeaseAccount,
    runs::{Enabled, Found},
};

#[derive(Debug)]
pub(super) struct GateAccount {
    pub(super) lease: LeaseAccount,
    pub(super) record: GateRecord,
    pub(super) opened: Duration,
    /// The newest pass.
    pub(super) pass: Option<GatePass>,
    pub(super) passed_at: Option<Duration>,
    pub(super) spent: bool,
    /// When the newest `void_before` was written.
    pub(super) voided: Duration,
    /// When the gate last returned to waiting, or an attempt was interrupted.
    pub(super) unsettled: Duration,
    running: BTreeSet<u32>,
    /// When the clock was read that dates the newest attempt's start.
    attempted: Option<Duration>,
}

impl GateAccount {
    pub(super) fn named(&self) -> Named {
        Named(self.record.job_id, self.record.host_id)
    }
}

impl Checker {
    pub(crate) fn opened_gate(&mut self, record: &GateRecord) {
        let at = self.at();
        if self.gates.contains_key(&record.id) {
            return;
        }
        let other = self
            .gates
            .values()
            // A gate of an exempt job may exist in addition to another one.
            .filter(|gate| gate.record.exempt == record.exempt)
            .find(|gate| gate.record.host_id == record.host_id && !gate.record.state.is_terminal());
        if let Some(other) = other.filter(|_| !record.state.is_terminal()) {
            let what = format!("{} is unfinished", other.named());
            self.broken("G27: one unfinished gate of a host", what);
        }
        let twice = |gate: &GateAccount| {
            (gate.record.job_id, gate.record.host_id) == (record.job_id, record.host_id)
        };
        if self.gates.values().any(twice) {
            let what = Named(record.job_id, record.host_id).to_string();
            self.broken("G27: one gate of a job and host", what);
        }
        self.tell(format_args!(
            "{}: gate opened, window {} to {}",
            Named(record.job_id, record.host_id),
            record.window.opens_at(),
            record.window.closes_at()
        ));
        let account = GateAccount {
            lease: LeaseAccount::default(),
            record: record.clone(),
            opened: at,
            pass: None,
            passed_at: None,
            spent: false,
            voided: Duration::ZERO,
            unsettled: at,
            running: BTreeSet::new(),
            attempted: None,
        };
        self.gates.insert(record.id, account);
    }

    pub(crate) fn claimed_gates(
        &mut self,
        eyes: EyesId,
        worker: WorkerId,
        lease: Duration,
        claims: &GateClaims,
    ) {
        let at = self.at();
        self.claimed(claims.now);
        // A claim extends the lease on all gates of the worker, or begins a new lease without them.
        for id in self.gates_held_by(worker) {
            let Some(gate) = self.gates.get_mut(&id) else { continue };
            match gate.lease.refuse(worker, gate.lease.token, claims.now) {
                None => gate.lease.extend(claims.now, lease),
                Some(_) => gate.lease.end(),
            }
        }
        for LeasedGate { record, token, .. } in &claims.gates {
            let Some(gate) = self.gates.get(&record.id) else { continue };
            // If the store's clock was set back, leases end within a minute by its time, and at once when
            // it is corrected (F173).
            let put_back = self.set_back_since(gate.lease.claimed());
            let Some(gate) = self.gates.get_mut(&record.id) else { continue };
            if put_back {
                gate.lease.end();
            }
            let wrong = gate.lease.claim(at, worker, *token, claims.now, lease);
            self.gate_holders.entry(worker).or_default().insert(record.id);
            if !std::mem::take(&mut gate.running).is_empty() {
                gate.unsettled = at;
            }
            let name = gate.named();
            self.tell(format_args!("gates {}: {name} claimed", eyes.0));
            if let Some(wrong) = wrong {
                self.broken("L10: one holder of a gate", format!("{name}: {wrong}"));
            }
            if record.state.is_terminal() {
                self.broken("G18: an ended gate is left alone", name.to_string());
            }
        }
    }

    /// Records a watch: the worker received its changed gates, and extended its lease if it asked to.
    pub(crate) fn watched_gates(
        &mut self,
        eyes: EyesId,
        worker: WorkerId,
        extend: Option<GateExtension<'_>>,
        watch: &GateWatch,
    ) {
        let at = self.at();
        for id in self.gates_held_by(worker) {
            let Some(gate) = self.gates.get_mut(&id) else { continue };
            if !watch.leased {
                continue;
            }
            let name = gate.named();
            let wrong = gate.lease.refuse(worker, gate.lease.token, watch.now);
            match extend {
                Some(extension) if extension.gates.contains(&id) => {
                    gate.lease.extend(watch.now, extension.lease);
                }
                Some(_) => {
                    gate.lease.end();
                    continue;
                }
                None => {}
            }
            // Everything the worker must know by now, whether it was told or not.
            let renewal = Renewal {
                now: watch.now,
                at,
                exception: gate.record.exception.clone(),
                cancel_requested: gate.record.cancel_requested,
            };
            self.read_renewal(eyes, id, renewal);
            if let Some(wrong) = wrong {
                let what = format!("{name}: {wrong}");
                self.broken("L10: a lost lease is not extended", what);
            }
        }
    }

    /// Returns the gates whose newest claim is this worker's.
    fn gates_held_by(&mut self, worker: WorkerId) -> Vec<GateId> {
        let Some(held) = self.gate_holders.get_mut(&worker) else { return Vec::new() };
        let gates = &self.gates;
        held.retain(|id| gates.get(id).is_some_and(|gate| gate.lease.is_owned_by(worker)));
        held.iter().copied().collect()
    }

    pub(crate) fn released_gates(&mut self, worker: WorkerId, gates: &[(GateId, i64)]) {
        let now = self.now();
        for (id, token) in gates {
            if let Some(gate) = self.gates.get_mut(id)
                && gate.lease.refuse(worker, *token, now).is_none()
            {
                gate.lease.end();
            }
        }
    }

    /// Steps were written, except for those of `fenced` gates.
    pub(crate) fn settled_gates(
        &mut self,
        eyes: EyesId,
        worker: WorkerId,
        steps: &[GateStep],
        fenced: &[GateId],
    ) {
        let now = self.now();
        for step in steps.iter().filter(|step| !fenced.contains(&step.gate_id)) {
            let Some(gate) = self.gates.get(&step.gate_id) else { continue };
            let name = gate.named();
            if let Some(wrong) = gate.lease.refuse(worker, step.token, now) {
                self.broken("G29: an older token writes nothing", format!("{name}: {wrong}"));
            }
            let state = self.gates[&step.gate_id].record.state;
            if state.is_terminal() {
                self.broken("G18: an ended gate never changes", format!("{name} is {state:?}"));
            }
            self.step(eyes, step);
        }
    }

    fn step(&mut self, eyes: EyesId, step: &GateStep) {
        let gate = &self.gates[&step.gate_id];
        let name = gate.named();
        if step.high_water < gate.record.high_water {
            let what = format!("{name}: {} after {}", step.high_water, gate.record.high_water);
            self.broken("G21: a gate's time does not go back", what);
        }
        self.record(eyes, &step.results);
        match &step.attempt {
            Some(AttemptWrite::Start { number, started_at }) => {
                self.attempt(eyes, step, *number, *started_at);
            }
            Some(AttemptWrite::End { number, .. }) => {
                let found = Found(&step.results);
                self.tell(format_args!("gates {}: {name}, attempt {number} over: {found}", eyes.0));
            }
            None => {}
        }
        match &step.transition {
            Some(GateTransition::Pass(pass)) => self.passed(eyes, step, pass),
            Some(GateTransition::End(reason)) => self.ended(eyes, step, *reason),
            Some(GateTransition::Renew) | None => {}
        }
        let at = self.at();
        let Some(gate) = self.gates.get_mut(&step.gate_id) else { return };
        gate.record.window = step.window;
        gate.record.high_water = step.high_water;
        if let Some(void_before) = step.void_before {
            gate.voided = at;
            gate.record.void_before = Some(void_before.at);
        }
        match &step.attempt {
            Some(AttemptWrite::Start { number, started_at }) => {
                gate.record.attempts = *number;
                gate.record.last_attempt_at = Some(*started_at);
                gate.running.insert(*number);
            }
            Some(AttemptWrite::End { number, .. }) => {
                gate.running.remove(number);
            }
            None => {}
        }
        match &step.transition {
            Some(GateTransition::Pass(pass)) => {
                gate.record.state = GateState::Passed;
                gate.pass = Some(pass.clone());
                gate.passed_at = Some(at);
                gate.lease.end();
            }
            Some(GateTransition::Renew) => {
                gate.record.state = GateState::Waiting;
                gate.unsettled = at;
            }
            Some(GateTransition::End(reason)) => {
                let cancelled = *reason == EndReason::JobCancelled;
                gate.record.state =
                    if cancelled { GateState::Cancelled } else { GateState::Failed };
                gate.lease.end();
            }
            None => {}
        }
    }

    fn attempt(&mut self, eyes: EyesId, step: &GateStep, number: u32, started_at: DateTime<Utc>) {
        let gate = &self.gates[&step.gate_id];
        let (name, policy) = (gate.named(), &self.settings.policy);
        let (before, last) = (gate.record.attempts, gate.attempted);
        let kind = gate.record.window_kind;
        let min_gap = policy.min_gap();
        let min_useful = span(policy.min_useful());
        self.tell(format_args!(
            "gates {}: {name}, attempt {number} starts at {}, gate time {}",
            eyes.0,
            started_at.time(),
            step.high_water.time()
        ));
        if number != before + 1 {
            self.broken("F20: attempts are counted up", format!("{name}: {number} after {before}"));
        }
        let renewal = self.eyes.get(&eyes).and_then(|eyes| eyes.renewals.get(&step.gate_id));
        let read_at = renewal.map_or(self.at(), |renewal| renewal.at);
        if let Some(last) = last {
            let apart = read_at.saturating_sub(last);
            // Gate time measures the distance. It moves ahead together with the store's clock (G21).
            if apart + self.gained_since(last) < min_gap {
                self.broken("G14: attempts keep their distance", format!("{name}: {apart:?}"));
            }
        }
        if let Some(gate) = self.gates.get_mut(&step.gate_id) {
            gate.attempted = Some(read_at);
        }
        let Some(window) = self.window_acted_on(eyes, step) else { return };
        let end = self.settings.policy.end_of(window, kind);
        // Gate time decides about the close, and the clock about the opening (G21).
        if started_at < window.opens_at() || step.high_water >= end {
            self.broken("G10: no attempt outside the window", format!("{name} at {started_at}"));
        } else if end - started_at < min_useful {
            self.broken("G12: no attempt without a use", format!("{name} at {started_at}"));
        }
    }

    /// Returns the window that the worker read for this step, and checks that the step writes it.
    pub(super) fn window_acted_on(&mut self, eyes: EyesId, step: &GateStep) -> Option<Window> {
        let gate = &self.gates[&step.gate_id];
        let (name, key) = (gate.named(), (gate.record.job_id, gate.record.host_id));
        match self.told(eyes, key).map(|told| told.answer) {
            Some(WindowAnswer::Open(window)) if window == step.window => Some(window),
            read => {
                let what = format!("{name} acts on {:?}, and was told {read:?}", step.window);
                self.broken("G19: the window is read at every step", what);
                None
            }
        }
    }

    fn ended(&mut self, eyes: EyesId, step: &GateStep, reason: EndReason) {
        let gate = &self.gates[&step.gate_id];
        let (name, key) = (gate.named(), (gate.record.job_id, gate.record.host_id));
        let (kind, last_known) = (gate.record.window_kind, gate.record.window);
        let detail = step.detail.as_deref().unwrap_or_default();
        self.tell(format_args!("gates {}: {name} ends: {reason:?}, {detail}", eyes.0));
        let sight = self.eyes.get(&eyes);
        let told = self.told(eyes, key).map(|told| told.answer);
        let gone = sight.and_then(|eyes| eyes.hosts.get(&key.1)).is_some_and(Option::is_none);
        let cancel = sight
            .and_then(|eyes| eyes.renewals.get(&step.gate_id))
            .is_some_and(|renewal| renewal.cancel_requested);
        let holds = match reason {
            EndReason::WindowClosed | EndReason::NotRunCapacity | EndReason::PassNotSpent => {
                let is_over = |window| step.high_water >= self.settings.policy.end_of(window, kind);
                matches!(told, Some(WindowAnswer::Open(window)) if is_over(window))
                    // If the window cannot be read, the gate ends with the last known one (F141).
                    || self.is_untold(eyes) && is_over(last_known)
            }
            EndReason::WindowWithdrawn => told == Some(WindowAnswer::Withdrawn),
            EndReason::JobCancelled => cancel || told == Some(WindowAnswer::JobCancelled),
            EndReason::HostDeleted => gone || told == Some(WindowAnswer::HostGone),
            EndReason::GateBusy => true,
            // The store sets this reason, not a gate runner.
            EndReason::RecordUnreadable => false,
        };
        if !holds {
            let what = format!("{name}: {reason:?} at {}, told {told:?}", step.high_water);
            self.broken("G11: a gate ends for a reason that holds", what);
        }
        if reason == EndReason::WindowClosed {
            self.end_names_every_check(eyes, step, key.1);
        }
        if matches!(reason, EndReason::WindowClosed | EndReason::NotRunCapacity) {
            self.end_was_due(step);
        }
    }

    /// Checks G30: the evidence of a failure names every enabled check, and is bounded.
    fn end_names_every_check(&mut self, eyes: EyesId, step: &GateStep, host: HostId) {
        let name = self.gates[&step.gate_id].named();
        let Some(look) = self.eyes.get(&eyes).and_then(|eyes| eyes.looks.get(&host)) else {
            return;
        };
        let evidence = step.evidence.as_deref().unwrap_or_default();
        let named = |check: &HealthCheck| evidence.iter().any(|one| one.check_id == Some(check.id));
        let enabled = || look.checks.iter().filter(|check| check.enabled());
        // If its checks cannot be read, the ended gate says so instead (F141).
        let blind = self.is_blind(eyes) && evidence.iter().any(|one| one.check_id.is_none());
        let missing = !blind && !enabled().all(named);
        let length = step.detail.as_ref().map_or(0, String::len);
        if missing || length > GateRecord::MAXIMUM_DETAIL || length == 0 {
            self.broken("G30: a failure names every check", format!("{name}: {length} bytes"));
        }
    }

    /// Records a cancellation, or a change of an override.
    pub(crate) fn gate_changed(&mut self, record: &GateRecord) {
        let at = self.at();
        if let Some(gate) = self.gates.get_mut(&record.id) {
            gate.record.cancel_requested = record.cancel_requested;
            gate.record.exception.clone_from(&record.exception);
            // A refused pass is taken back (F154).
            if gate.record.state != record.state {
                (gate.record.state, gate.unsettled) = (record.state, at);
            }
            if gate.record.void_before != record.void_before {
                (gate.record.void_before, gate.voided) = (record.void_before, at);
            }
        }
    }
}

pub(super) fn span(duration: Duration) -> TimeDelta {
    TimeDelta::from_std(duration).unwrap_or(TimeDelta::MAX)
}
