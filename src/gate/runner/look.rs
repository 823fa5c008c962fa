//! One look at one gate: from what was read to what is written.

use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::{
    attempt::Attempt,
    changes::window_note,
    gates::{Held, Read, unchanged},
};
use crate::{
    gate::{
        decide::{Action, Decision, GateInput, WindowAnswer, decide},
        policy::GatePolicy,
        report,
        source::LiveRun,
    },
    model::{
        AttemptOutcome, EndReason, Evidence, GateNote, GatePass, GateState, PassId, PassKind,
        Window, WorkerId,
    },
    store::{AttemptWrite, GateStep, GateTransition},
};

/// What came of a look.
pub(super) struct Looked {
    /// What is to be written; `None` where nothing has changed.
    pub(super) step: Option<GateStep>,
    /// An attempt that starts once its step is written.
    pub(super) start: Option<Attempt>,
    /// How long until the gate has to be looked at again.
    pub(super) wait: Duration,
}

/// Decides one gate by what was read of it.
pub(super) fn look(
    policy: &GatePolicy,
    worker: WorkerId,
    held: &Held,
    read: &Read,
    mut notes: Vec<GateNote>,
    now: DateTime<Utc>,
    suspect: bool,
) -> Looked {
    let record = &held.record;
    let window = match read.window {
        WindowAnswer::Open(window) => window,
        _ => record.window,
    };
    notes.extend(window_note(now, record.window, window));
    let input = GateInput {
        now,
        clock_suspect: suspect,
        gate: record,
        in_flight: held.running.is_some(),
        dirty: held.dirty,
        window: if read.health.host_gone { WindowAnswer::HostGone } else { read.window },
        requirements: &read.health.requirements,
        observations: &read.health.results,
        conditions: &read.health.conditions,
        override_allowed: true,
        policy,
    };
    let decision = decide(&input);
    let evidence = report::evidence(&decision.verdicts, &input);
    let mut step = GateStep {
        window,
        high_water: decision.effective_now,
        notes,
        // A window that moved to later makes what was seen before its new start void (F14).
        void_before: (window.opens_at() > now && record.window.opens_at() <= now).then_some(now),
        ..unchanged(held)
    };
    let until = |instant: DateTime<Utc>| (instant - now).to_std().unwrap_or_default();
    let mut looked = Looked { step: None, start: None, wait: Duration::MAX };
    let mut write = !step.notes.is_empty() || window != record.window;
    match decision.action {
        Action::Ended => return looked,
        Action::Hold { until: instant } => {
            looked.wait = until(instant);
            return looked;
        }
        Action::Wait { next_at, .. } => {
            looked.wait = until(next_at);
            if record.state == GateState::Waiting {
                let detail = report::waiting(&evidence, &read.health, now < window.opens_at());
                let changed = record.next_attempt_at != Some(next_at) || record.detail != detail;
                write |= changed || differs(&record.evidence, &evidence);
                step.next_attempt_at = Some(next_at);
                step.detail = Some(detail);
                step.evidence = Some(evidence);
            }
        }
        Action::Start { deadline, ref run, number } => {
            write = true;
            let cut = CancellationToken::new();
            let checks: Vec<_> =
                run.iter().map(|index| &read.health.requirements[*index]).collect();
            let started_at = decision.effective_now;
            step.attempt = Some(AttemptWrite::Start { number, started_at });
            step.next_attempt_at = None;
            step.detail = Some(report::waiting(&evidence, &read.health, false));
            step.evidence = Some(evidence);
            looked.start = Some(Attempt {
                gate_id: record.id,
                number,
                run: LiveRun {
                    job_id: record.job_id,
                    host_id: record.host_id,
                    checks: checks.iter().map(|check| check.check_id).collect(),
                    started_at,
                    time: (deadline - started_at).to_std().unwrap_or_default(),
                },
                names: checks.iter().map(|check| (check.check_id, check.name.clone())).collect(),
                cut,
            });
        }
        Action::Pass { kind, valid_until } => {
            write = true;
            pass(&mut step, held, worker, &decision, kind, valid_until, evidence);
        }
        Action::Renew => {
            write = true;
            step.void_before = Some(now);
            step.transition = Some(GateTransition::Renew);
        }
        Action::Fail { reason } | Action::Abort { reason } => {
            write = true;
            end(&mut step, held, read, policy, window, reason, evidence);
        }
    }
    looked.step = write.then_some(step);
    looked
}

fn pass(
    step: &mut GateStep,
    held: &Held,
    worker: WorkerId,
    decision: &Decision,
    kind: PassKind,
    valid_until: DateTime<Utc>,
    evidence: Vec<Evidence>,
) {
    let record = &held.record;
    if kind == PassKind::NoChecks && record.attempts > 0 {
        warn!(gate = %record.id, host = %record.host_id, "a gate that waited passes since its last check is gone");
    }
    info!(gate = %record.id, job = %record.job_id, host = %record.host_id, ?kind, "gate passed");
    step.next_attempt_at = None;
    step.evidence = Some(evidence.clone());
    step.detail = Some(String::new());
    cut(step, held, decision.effective_now);
    step.transition = Some(GateTransition::Pass(GatePass {
        id: PassId::generate(),
        gate_id: record.id,
        job_id: record.job_id,
        host_id: record.host_id,
        kind,
        granted_at: decision.effective_now,
        valid_until,
        owner: worker,
        token: held.token,
        evidence,
    }));
}

fn end(
    step: &mut GateStep,
    held: &Held,
    read: &Read,
    policy: &GatePolicy,
    window: Window,
    reason: EndReason,
    evidence: Vec<Evidence>,
) {
    let record = &held.record;
    let end = policy.end_of(window);
    let detail = report::failed(reason, record, end, &evidence, &read.health);
    info!(gate = %record.id, job = %record.job_id, host = %record.host_id, ?reason, detail, "gate ended");
    step.next_attempt_at = None;
    step.detail = Some(detail);
    step.evidence = Some(evidence);
    cut(step, held, step.high_water);
    step.transition = Some(GateTransition::End(reason));
}

/// An attempt that is still running when its gate is decided ends with it.
fn cut(step: &mut GateStep, held: &Held, at: DateTime<Utc>) {
    if let Some(running) = &held.running {
        step.attempt = Some(AttemptWrite::End {
            number: running.number,
            finished_at: at,
            outcome: AttemptOutcome::Interrupted,
            checks: Vec::new(),
        });
    }
}

/// Whether two sets of verdicts differ in more than their times.
fn differs(before: &[Evidence], now: &[Evidence]) -> bool {
    let key = |entry: &Evidence| (entry.check_id, entry.healthy, entry.reason.clone());
    before.len() != now.len() || before.iter().zip(now).any(|(a, b)| key(a) != key(b))
}
