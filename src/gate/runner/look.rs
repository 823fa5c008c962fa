//! One look at one gate: turns the data that was read into the step that is written.

use std::{collections::HashSet, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::{
    attempt::Attempt,
    changes::window_note,
    held::{HeldGate, Read, Right},
};
use crate::{
    checks::{AgentKey, Permit},
    gate::{
        decide::{Action, Decision, GateInput, WaitReason, WindowAnswer, decide},
        policy::GatePolicy,
        report::{self, Waiting},
        source::LiveRun,
    },
    model::{
        AttemptOutcome, Detail, EndReason, Evidence, GateNote, GatePass, GateState, PassId,
        PassKind, StoreTime, Window, WorkerId,
    },
    store::{AttemptWrite, GateStep, GateTransition},
};

/// The input of a look.
#[derive(Clone, Copy)]
pub(super) struct Sight<'a> {
    pub(super) now: StoreTime,
    pub(super) suspect: bool,
    pub(super) read: &'a Read,
}

impl Sight<'_> {
    /// Decides the gate.
    pub(super) fn decide(&self, policy: &GatePolicy, held: &HeldGate) -> Decision {
        decide(&self.input(policy, held))
    }

    /// Returns the input of this gate's decision.
    fn input<'b>(&'b self, policy: &'b GatePolicy, held: &'b HeldGate) -> GateInput<'b> {
        let read = self.read;
        GateInput {
            now: self.now.at,
            epoch: self.now.epoch,
            gate_time: held.gate_time,
            clock_suspect: self.suspect,
            gate: &held.record,
            in_flight: held.running.is_some(),
            no_room: held.no_room,
            dirty: held.dirty,
            window: match read.health.host_gone {
                true => WindowAnswer::HostGone,
                false => read.window,
            },
            requirements: &read.health.requirements,
            observations: &read.health.results,
            streaks: &read.health.streaks,
            conditions: &read.health.conditions,
            hold: read.hold.as_ref(),
            override_allowed: read.right == Right::Granted,
            policy,
        }
    }
}

/// The result of a look.
pub(super) struct Looked {
    /// The step to write; `None` if nothing has changed.
    pub(super) step: Option<GateStep>,
    /// An attempt that starts once its step is written.
    pub(super) start: Option<Attempt>,
    /// The number of checks of an attempt that found no capacity.
    pub(super) out_of_room: usize,
    /// The time until the next look.
    pub(super) wait: Duration,
}

/// Turns the decision of one gate into a step. An attempt starts only with a permit from `admit`.
pub(super) fn look(
    policy: &GatePolicy,
    worker: WorkerId,
    held: &HeldGate,
    sight: Sight<'_>,
    mut decision: Decision,
    admit: &mut dyn FnMut(usize, HashSet<AgentKey>) -> Option<Permit>,
) -> Looked {
    let Sight { now: StoreTime { at: now, epoch }, suspect, read } = sight;
    let record = &held.record;
    let window = match read.window {
        WindowAnswer::Open(window) => window,
        _ => record.window,
    };
    let mut notes = held.notes.clone();
    notes.extend(window_note(now, record.window, window));
    let mut input = sight.input(policy, held);
    let mut permit = None;
    if let Action::Start { run, .. } = &decision.action {
        let asked =
            run.iter().filter_map(|index| read.health.requirements[*index].endpoint.as_ref());
        permit = admit(run.len(), asked.map(AgentKey::from).collect());
        if permit.is_none() {
            // This changes the verdicts, not the action.
            input.no_room = true;
            decision = decide(&input);
        }
    }
    let mut evidence = report::evidence(&decision.verdicts, &input);
    if read.health.unknown.is_some() && !matches!(decision.action, Action::Pass { .. }) {
        // Keep the last evidence of each check, and add that nothing is known now.
        let known = record.evidence.iter().filter(|entry| entry.check_id.is_some());
        evidence.splice(0..0, known.cloned());
    }
    let mut step = GateStep {
        window,
        high_water: decision.gate_time,
        clock_offset_us: decision.clock_offset.num_microseconds().unwrap_or(i64::MAX),
        hold: match decision.action {
            Action::Wait { why: WaitReason::Held, .. } => read.hold.as_ref().map(|hold| hold.cause),
            Action::Hold { .. } => record.hold,
            _ => None,
        },
        notes,
        // If the window moved to later, results from before its new start are void (F14).
        void_before: (window.opens_at() > now && record.window.opens_at() <= now)
            .then_some(StoreTime::new(epoch, now)),
        ..held.unchanged()
    };
    let until = |instant: DateTime<Utc>| (instant - now).to_std().unwrap_or_default();
    let mut looked = Looked { step: None, start: None, out_of_room: 0, wait: Duration::MAX };
    let moved = (decision.clock_offset - record.clock_offset()).abs() >= OFFSET_SHOWN;
    if moved && decision.action != Action::Ended && !suspect {
        let text = offset_note(decision.clock_offset);
        warn!(gate = %record.id, job = %record.job_id, host = %record.host_id, text);
        step.notes.push(GateNote { at: now, text: Detail::new(text) });
    }
    let shown = |window: Window| (window, window.time_zone());
    let mut write =
        held.unacknowledged || !step.notes.is_empty() || shown(window) != shown(record.window);
    // Describes a wait and its next attempt.
    let mut waits = |for_what, next_attempt_at, evidence: Vec<Evidence>| {
        let detail = report::waiting(policy, &evidence, &read.health, for_what);
        write |= record.next_attempt_at != next_attempt_at || record.detail != detail;
        write |= differs(&record.evidence, &evidence);
        step.next_attempt_at = next_attempt_at;
        step.detail = Some(detail);
        step.evidence = Some(evidence);
    };
    match decision.action {
        Action::Ended => return looked,
        Action::Hold { until: instant } => {
            looked.wait = until(instant);
            return looked;
        }
        Action::Wait { next_at, why } => {
            looked.wait = until(next_at);
            if record.state == GateState::Waiting {
                let due = matches!(why, WaitReason::NotOpen | WaitReason::NextAttempt);
                let for_what = match why {
                    WaitReason::NotOpen => Waiting::Opening,
                    WaitReason::End if held.no_room => Waiting::Room,
                    WaitReason::Held => read.hold.as_ref().map_or(Waiting::Health, Waiting::Hold),
                    _ => Waiting::Health,
                };
                waits(for_what, due.then_some(next_at), evidence);
            }
        }
        Action::Start { deadline, ref run, number } => match permit {
            Some(permit) => {
                write = true;
                step.attempt = Some(AttemptWrite::Start { number, started_at: now });
                step.next_attempt_at = None;
                step.detail =
                    Some(report::waiting(policy, &evidence, &read.health, Waiting::Health));
                step.evidence = Some(evidence);
                let time = (deadline - now).to_std().unwrap_or_default();
                let started = StoreTime::new(epoch, now);
                looked.start = Some(attempt(held, read, run, number, started, time, permit));
            }
            None => {
                looked.out_of_room = run.len();
                let due = record.next_attempt_at.unwrap_or(now);
                waits(Waiting::Room, Some(due), evidence);
            }
        },
        Action::Pass { kind, valid_until } => {
            write = true;
            let granted = Granted { at: now, kind, valid_until };
            pass(&mut step, held, worker, &decision, granted, evidence);
        }
        Action::Renew => {
            write = true;
            step.void_before = Some(StoreTime::new(epoch, now));
            step.transition = Some(GateTransition::Renew);
        }
        Action::Fail { reason } | Action::Abort { reason } => {
            write = true;
            end(&mut step, held, read, policy, window, reason, evidence);
            cut(&mut step, held, now);
        }
    }
    looked.step = write.then_some(step);
    looked
}

fn attempt(
    held: &HeldGate,
    read: &Read,
    run: &[usize],
    number: u32,
    started: StoreTime,
    time: Duration,
    permit: Permit,
) -> Attempt {
    let checks: Vec<_> = run.iter().map(|index| &read.health.requirements[*index]).collect();
    Attempt {
        gate_id: held.record.id,
        number,
        run: LiveRun {
            job_id: held.record.job_id,
            host_id: held.record.host_id,
            checks: checks.iter().map(|check| check.check_id).collect(),
            started_at: started.at,
            epoch: started.epoch,
            time,
        },
        names: checks.iter().map(|check| (check.check_id, check.name.to_string())).collect(),
        cut: CancellationToken::new(),
        permit,
    }
}

/// A pass to give.
struct Granted {
    at: DateTime<Utc>,
    kind: PassKind,
    valid_until: DateTime<Utc>,
}

/// The minimum change of the gate's offset that is noted at once.
const OFFSET_SHOWN: TimeDelta = TimeDelta::seconds(1);

fn offset_note(offset: TimeDelta) -> String {
    if offset < OFFSET_SHOWN {
        return "the store's clock and the time of this gate agree again".to_owned();
    }
    format!(
        "the store's clock has stepped back: the time of this gate runs on, {} s ahead of it, and its \
         window closes by that",
        offset.num_seconds()
    )
}

fn pass(
    step: &mut GateStep,
    held: &HeldGate,
    worker: WorkerId,
    decision: &Decision,
    Granted { at, kind, valid_until }: Granted,
    evidence: Vec<Evidence>,
) {
    let record = &held.record;
    if kind == PassKind::NoChecks && record.attempts > 0 {
        warn!(gate = %record.id, host = %record.host_id, "a waiting gate passes because its last check is gone");
    }
    info!(gate = %record.id, job = %record.job_id, host = %record.host_id, ?kind, "gate passed");
    step.next_attempt_at = None;
    step.evidence = Some(evidence.clone());
    step.detail = Some(String::new());
    cut(step, held, at);
    step.transition = Some(GateTransition::Pass(GatePass {
        id: PassId::generate(),
        gate_id: record.id,
        job_id: record.job_id,
        host_id: record.host_id,
        kind,
        granted_at: at,
        valid_until,
        owner: worker,
        token: held.token,
        epoch: decision.epoch,
        evidence,
        would_have: decision.would_have,
    }));
}

fn end(
    step: &mut GateStep,
    held: &HeldGate,
    read: &Read,
    policy: &GatePolicy,
    window: Window,
    reason: EndReason,
    evidence: Vec<Evidence>,
) {
    let record = &held.record;
    let (hold, health) = (read.hold.as_ref(), &read.health);
    let detail = report::failed(reason, record, window, policy, &evidence, health, hold);
    info!(gate = %record.id, job = %record.job_id, host = %record.host_id, ?reason, detail, "gate ended");
    step.next_attempt_at = None;
    step.detail = Some(detail);
    step.evidence = Some(evidence);
    step.transition = Some(GateTransition::End(reason));
}

/// Ends an attempt that is still running when its gate passes or ends.
fn cut(step: &mut GateStep, held: &HeldGate, at: DateTime<Utc>) {
    if let Some(running) = &held.running {
        step.attempt = Some(AttemptWrite::End {
            number: running.number,
            finished_at: at,
            outcome: AttemptOutcome::Interrupted,
            checks: Vec::new(),
        });
    }
}

/// Returns whether two sets of evidence differ in more than their times.
fn differs(before: &[Evidence], now: &[Evidence]) -> bool {
    let key = |entry: &Evidence| (entry.check_id, entry.healthy, entry.reason.clone());
    before.len() != now.len() || before.iter().zip(now).any(|(a, b)| key(a) != key(b))
}
