//! Checks passes: the proof for each, and whether it may be spent (G2-G9, G16, G17, G25, G26, G34).

use std::fmt;

use chrono::{DateTime, Utc};
use healthgate::{
    gate::decide::WindowAnswer,
    model::{Evidence, GateId, GatePass, GateState, HealthCheck, PassId, PassKind, ReasonCode},
    store::{GateStep, Spend},
};

use super::{
    Check, Checker, EyesId, Named,
    eyes::Look,
    gates::{GateAccount, span},
    runs::{Enabled, Recorded},
};
use crate::history::Event;

/// The status of a required check, as the checker judges it.
#[derive(Debug)]
enum Standing {
    Proven,
    Overridden,
    Unproven(String),
}

impl Checker {
    pub(super) fn passed(&mut self, eyes: EyesId, step: &GateStep, pass: &GatePass) {
        let gate = &self.gates[&step.gate_id];
        let (name, high_water) = (gate.named(), gate.record.high_water);
        let (exempt, report_only) = (gate.record.exempt, gate.record.report_only);
        let kind = gate.record.window_kind;
        let granted = pass.granted_at;
        self.tell(format_args!(
            "gates {}: {name} passes as {:?}, at {granted} until {}, {}",
            eyes.0,
            pass.kind,
            pass.valid_until,
            Proof(&pass.evidence)
        ));
        let Some(window) = self.window_acted_on(eyes, step) else { return };
        let end = self.settings.policy.end_of(window, kind);
        if granted < window.opens_at() || step.high_water >= end {
            self.broken("G10: no pass outside the window", format!("{name} at {granted}"));
        }
        let longest = granted + span(self.settings.policy.pass_ttl);
        if pass.valid_until > end.min(longest) || pass.valid_until <= granted {
            let what = format!("{name} until {}, the end is {end}", pass.valid_until);
            self.broken("G16: a pass does not outlive its window", what);
        }
        let renewed = self.eyes.get(&eyes).and_then(|eyes| eyes.renewals.get(&step.gate_id));
        if let Some(renewal) = renewed {
            if granted > renewal.now.max(high_water) {
                self.broken("L10: the store's clock dates a pass", format!("{name} at {granted}"));
            } else if renewal.cancel_requested {
                self.broken("G25: nothing passes after a cancellation", name.to_string());
            }
        }
        let paused = self.eyes.get(&eyes).and_then(|eyes| eyes.pauses.get(&pass.host_id));
        if paused != Some(&false) && pass.kind != PassKind::ReportOnly {
            self.broken("F140: a condition holds every job", format!("{name}: {paused:?}"));
        }
        match pass.kind {
            PassKind::Exempt | PassKind::ReportOnly => {
                let expected = if exempt { PassKind::Exempt } else { PassKind::ReportOnly };
                if !(exempt || report_only) || pass.kind != expected {
                    self.broken("G34: kinds are fixed at the opening", name.to_string());
                }
            }
            PassKind::Healthy | PassKind::NoChecks | PassKind::Overridden => {
                self.proven(eyes, step.gate_id, pass);
            }
        }
    }

    fn proven(&mut self, eyes: EyesId, gate: GateId, pass: &GatePass) {
        let name = Named(pass.job_id, pass.host_id);
        let look = self.eyes.get(&eyes).and_then(|eyes| eyes.looks.get(&pass.host_id)).cloned();
        let Some(look) = look else {
            self.broken("G23: checks are read at every step", name.to_string());
            return;
        };
        if self.at().saturating_sub(look.at) > LONGEST_STEP {
            self.broken("G23: checks are read at every step", format!("{name}: {:?}", look.at));
            return;
        }
        let enabled: Vec<&HealthCheck> = look.checks.iter().filter(|each| each.enabled()).collect();
        let mut overridden = false;
        for check in &enabled {
            match self.standing(eyes, gate, check, &look, pass.granted_at) {
                Standing::Proven => {}
                Standing::Overridden => overridden = true,
                Standing::Unproven(why) => {
                    let what =
                        format!("{name}, {} revision {}: {why}", Check(check.id), check.revision);
                    self.broken("G2: no pass without fresh proof", what);
                    return;
                }
            }
        }
        let kind = if enabled.is_empty() {
            PassKind::NoChecks
        } else if overridden {
            PassKind::Overridden
        } else {
            PassKind::Healthy
        };
        // If several consecutive runs are required, a gate may know of fewer than there were. Results from
        // before a step back of the store's clock, or before the end of a change, are stale. A change that
        // nobody reports ends by itself.
        let policy = &self.settings.policy;
        let fresh_from = self.at().saturating_sub(policy.max_age * 2);
        let asked = enabled.iter().map(|check| check.asked_host());
        let changed =
            asked.chain([pass.host_id]).any(|host| self.undisturbed_since(host) > fresh_from);
        let stricter = (policy.healthy_after > 1 || changed || self.set_back_since(fresh_from))
            && (kind, pass.kind) == (PassKind::Healthy, PassKind::Overridden);
        if kind != pass.kind && !stricter {
            let what = format!("{name} passed as {:?} and should as {kind:?}", pass.kind);
            self.broken("G9, G26: the kind of a pass says why", what);
        }
    }

    fn standing(
        &self,
        eyes: EyesId,
        gate: GateId,
        check: &HealthCheck,
        look: &Look,
        granted: DateTime<Utc>,
    ) -> Standing {
        let why = match self.proof(eyes, gate, check, look, granted) {
            Ok(()) => return Standing::Proven,
            Err(why) => why,
        };
        let sight = self.eyes.get(&eyes);
        let renewal = sight.and_then(|eyes| eyes.renewals.get(&gate));
        let right = sight.and_then(|eyes| eyes.rights.get(&gate));
        let covered = renewal.and_then(|renewal| renewal.exception.as_ref()).is_some_and(|given| {
            right == Some(&(given.created_at, true))
                && granted < given.expires_at
                && given
                    .checks
                    .iter()
                    .any(|named| (named.check_id, named.revision) == (check.id, check.revision))
        });
        if covered { Standing::Overridden } else { Standing::Unproven(why) }
    }

    /// Returns whether the newest results that the gate could see prove that the check is healthy.
    fn proof(
        &self,
        eyes: EyesId,
        gate: GateId,
        check: &HealthCheck,
        look: &Look,
        granted: DateTime<Utc>,
    ) -> Result<(), String> {
        let Some(account) = self.checks.get(&check.id) else { return Err("unknown".into()) };
        let policy = &self.settings.policy;
        let account_of_gate = &self.gates[&gate];
        let void_before = account_of_gate.record.void_before;
        let void_epoch = self.epoch_of(account_of_gate.voided);
        let endpoint = check
            .definition
            .service()
            .and_then(|_| self.eyes.get(&eyes)?.hosts.get(&check.asked_host()).cloned().flatten());
        let record = &account_of_gate.record;
        let told = self.told(eyes, (record.job_id, record.host_id)).map(|told| told.answer);
        let live_from = match told {
            Some(WindowAnswer::Open(window)) if policy.live_only => Some(window.opens_at()),
            _ => None,
        };
        let opened = (self.epoch_of(account_of_gate.opened), record.opened_at);
        let read_at = self.eyes.get(&eyes).and_then(|eyes| Some(eyes.renewals.get(&gate)?.at));
        let undisturbed =
            self.change_over(record.host_id).max(self.change_over(check.asked_host()));
        let mut seen: Vec<&Recorded> =
            account.recorded.iter().filter(|recorded| recorded.order <= look.order).collect();
        // Dates order only the runs of one epoch, because a corrected clock changes later dates.
        seen.sort_by_key(|recorded| {
            std::cmp::Reverse((self.epoch_of(recorded.started), recorded.result.checked_at))
        });
        let wanted = usize::try_from(policy.healthy_after).unwrap_or(usize::MAX);
        if seen.len() < wanted {
            return Err(format!("{} results of {wanted}", seen.len()));
        }
        for (index, recorded) in seen.iter().take(wanted).enumerate() {
            let result = &recorded.result;
            let started = (self.epoch_of(recorded.started), result.checked_at);
            let refused = if result.reason != ReasonCode::Ok || result.observer_fault {
                Some(format!("the newest result says {}", result.reason))
            } else if result.revision != check.revision {
                Some(format!("revision {}", result.revision))
            } else if result.endpoint != endpoint {
                Some(format!("seen at {:?}", result.endpoint))
            } else if read_at.is_some_and(|at| self.was_set_back(recorded.started, at)) {
                Some("of another epoch of the clock".to_owned())
            } else if index == 0
                && started < (self.epoch_of(account.changed_at(check.revision)), check.updated_at)
            {
                Some("older than the check".to_owned())
            } else if recorded.started < undisturbed {
                Some("older than the end of a change".to_owned())
            } else if live_from.is_some_and(|from| result.checked_at < from || started < opened) {
                Some("not live".to_owned())
            } else if void_before.is_some_and(|void| started < (void_epoch, void)) {
                Some("void".to_owned())
            } else if index == 0 && granted - result.checked_at > span(policy.max_age) {
                Some(format!("{} old", granted - result.checked_at))
            } else if index == 0 && result.finished_at() > granted {
                Some("not over yet".to_owned())
            } else {
                let age = span(look.at.saturating_sub(recorded.started));
                let real = index == 0
                    && age
                        > span(policy.max_age + LONGEST_STEP)
                            + self.stepped_since(recorded.started);
                real.then(|| format!("truly {age} old"))
            };
            if let Some(refused) = refused {
                return Err(refused);
            }
        }
        Ok(())
    }

    /// Records an attempt to spend a pass, with the store's answer.
    pub(crate) fn spent_pass(&mut self, eyes: EyesId, pass: PassId, spend: &Spend) {
        let now = self.now();
        let newest = |gate: &&GateAccount| gate.pass.as_ref().is_some_and(|given| given.id == pass);
        let Some(gate) = self.gates.values().find(newest) else {
            if let Spend::Spent(record) = spend {
                let name = Named(record.job_id, record.host_id);
                self.broken("G17: the newest pass alone counts", name.to_string());
            }
            return;
        };
        let (id, name) = (gate.record.id, gate.named());
        let Spend::Spent(record) = spend else {
            self.tell(format_args!("{name}: spending refused, {spend:?}"));
            return;
        };
        let (spent_id, spent_pass) = (record.id, record.pass.clone());
        let (given, kind) = (gate.pass.clone(), gate.record.window_kind);
        let token = given.as_ref().map(|given| given.token);
        let valid_until = given.as_ref().map(|given| given.valid_until);
        let end = self.settings.policy.end_of(gate.record.window, gate.record.window_kind);
        let rules = [
            ("G17: a pass is spent once", !gate.spent),
            ("G36: the stored pass is spent", spent_id == id && spent_pass == given),
            ("G16: an expired pass is void", valid_until.is_some_and(|until| now < until)),
            ("G10: nothing is spent before the opening", gate.record.window.opens_at() <= now),
            ("G10: nothing is spent after the end", now < end),
            ("G25: nothing is spent after a cancellation", !gate.record.cancel_requested),
            ("G18: a pass is spent from `passed` alone", gate.record.state == GateState::Passed),
            ("G29: a pass of an older token is void", Some(gate.lease.token) == token),
        ];
        let broken = rules.into_iter().find(|(_, holds)| !holds);
        self.tell(format_args!("{name}: pass spent"));
        if let Some((rule, _)) = broken {
            self.broken(rule, format!("{name} at {now}, {pass:?} until {valid_until:?}"));
        }
        // A caller that bypasses the gate asks no source, so only the store can refuse.
        if let Some(told) = self.told(eyes, (record.job_id, record.host_id)) {
            let age = self.at().saturating_sub(told.at);
            let open = matches!(told.answer, WindowAnswer::Open(window)
                if window.opens_at() <= told.now && told.now < self.settings.policy.end_of(window, kind));
            if !open || age > LAST_LOOK {
                let what = format!("{name}: {told:?}, {age:?} ago");
                self.broken("G17: the window is asked for once more", what);
            }
            let closed = matches!(told.answer, WindowAnswer::Open(window)
                if now >= self.settings.policy.end_of(window, kind));
            if closed {
                let what = format!("{name} at {now}: {told:?}");
                self.broken("F296: a slow spending ends with the window that it read", what);
            }
        }
        let paused = self.eyes.get(&eyes).and_then(|eyes| eyes.pauses.get(&record.host_id));
        let reports = record.pass.as_ref().is_some_and(|pass| pass.kind == PassKind::ReportOnly);
        if paused == Some(&true) && !reports {
            self.broken("F140: a condition holds every spending", name.to_string());
        }
        self.host_change_began(eyes, record, now);
        if let Some(gate) = self.gates.get_mut(&id) {
            gate.spent = true;
            gate.record.state = GateState::Spent;
            gate.lease.end();
        }
    }

    /// Records that an executor starts to patch.
    pub(crate) fn dispatched(&mut self, pass: &GatePass) {
        let name = Named(pass.job_id, pass.host_id);
        self.tell(format_args!("{name}: PATCHED"));
        if !self.gates.get(&pass.gate_id).is_some_and(|gate| gate.spent) {
            self.broken("G17: nothing is patched without a spent pass", name.to_string());
        }
        if self.dispatches.insert((pass.job_id, pass.host_id), pass.id).is_some() {
            self.broken("G28: one dispatch of a job and host", name.to_string());
        }
    }

    /// Records that an executor makes a call past the gate, which must fail or which the store alone judges.
    pub(crate) fn tries(&mut self, eyes: EyesId, pass: &GatePass, event: Event) {
        // Earlier answers of the sources do not count for this.
        let eyes = self.eyes.entry(eyes).or_default();
        eyes.windows.clear();
        eyes.pauses.clear();
        eyes.looks.clear();
        self.note(event, format_args!("{}", Named(pass.job_id, pass.host_id)));
    }
}

/// Displays the evidence of a pass.
struct Proof<'a>(&'a [Evidence]);

impl fmt::Display for Proof<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for entry in self.0 {
            let check = entry.check_id.map(|id| id.as_uuid().as_u128()).unwrap_or_default();
            write!(formatter, "[check {check} {}] ", entry.reason)?;
        }
        Ok(())
    }
}

/// The maximum duration of a gate's step from reading to writing, with all simulated delays. A longer step
/// has lost its lease.
const LONGEST_STEP: std::time::Duration = std::time::Duration::from_secs(240);

/// The maximum time between an executor's reading of the window and its spending: two calls of at most 20 s
/// each.
const LAST_LOOK: std::time::Duration = std::time::Duration::from_secs(41);
