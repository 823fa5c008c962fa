//! A gate under lease, with its runner's knowledge of it.

use chrono::{DateTime, Utc};
use tokio_util::sync::CancellationToken;

use super::{changes::LastSeen, time::GateClock};
use crate::{
    gate::{decide::WindowAnswer, source::HostHealth},
    model::{
        CheckResult, Detail, EvidenceReason, GateNote, GateOverride, GateRecord, GateState, Hold,
        ReasonCode,
    },
    store::{GateStep, LeasedGate, transition},
};

/// A gate under lease.
pub(super) struct HeldGate {
    pub(super) record: GateRecord,
    pub(super) token: i64,
    /// The number of changes by others that `record` includes.
    pub(super) changes: i64,
    /// Whether the store waits for a step that has seen the newest change.
    pub(super) unacknowledged: bool,
    /// The time of the next look, by the store's clock.
    pub(super) look_at: DateTime<Utc>,
    pub(super) running: Option<RunningAttempt>,
    /// Whether something changed since the last attempt, so that the next one need not wait for the retry.
    pub(super) dirty: bool,
    /// Whether a due attempt found no capacity (F38).
    pub(super) no_room: bool,
    /// Whether its job has a rollout; asked once.
    pub(super) in_rollout: Option<bool>,
    /// The creation time of the override that is known to be refused.
    pub(super) refused: Option<DateTime<Utc>>,
    /// The newest recorded results of this gate's own attempts: a source need not keep them.
    pub(super) live: Vec<CheckResult>,
    pub(super) seen: LastSeen,
    /// The end of the newest change of an asked host, as of the last look.
    undisturbed_since: Option<Option<DateTime<Utc>>>,
    /// Notes on external events that are not in the store's timeline yet (F143).
    pub(super) notes: Vec<GateNote>,
    pub(super) time: GateClock,
    /// The gate's own time, as of the last reading of the store's clock (G21).
    pub(super) gate_time: DateTime<Utc>,
}

/// A running attempt.
pub(super) struct RunningAttempt {
    pub(super) number: u32,
    pub(super) cut: CancellationToken,
}

impl Drop for RunningAttempt {
    /// Cuts the attempt short.
    fn drop(&mut self) {
        self.cut.cancel();
    }
}

/// The data that a pass has read for one gate.
pub(super) struct Read {
    pub(super) window: WindowAnswer,
    pub(super) health: HostHealth,
    pub(super) right: Right,
    /// The limit that holds the gate before its checks are judged (R3).
    pub(super) hold: Option<Hold>,
}

/// Whether the override of a gate counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Right {
    /// There is no override.
    None,
    /// It counts.
    Granted,
    /// Its author has lost the right to give it (F40).
    Refused,
    /// The right is unknown now.
    Unknown,
    /// It was set after the rights were asked for: ask again at once.
    TooNew,
}

/// The answer about an override: its creation time, and whether it counts.
pub(super) type Answered = (DateTime<Utc>, Option<bool>);

impl Right {
    /// Applies an answer to the present override of a gate.
    pub(super) fn of(exception: Option<&GateOverride>, answered: Option<&Answered>) -> Self {
        let Some(exception) = exception else { return Self::None };
        match answered {
            Some((given, answer)) if *given == exception.created_at => match answer {
                Some(true) => Self::Granted,
                Some(false) => Self::Refused,
                None => Self::Unknown,
            },
            _ => Self::TooNew,
        }
    }
}

impl HeldGate {
    pub(super) fn new(LeasedGate { record, token, changes }: LeasedGate) -> Self {
        // The evidence of the previous worker shows whether the gate was out of capacity.
        let out_of_room = EvidenceReason::Code(ReasonCode::NotRunCapacity);
        let no_room = record.evidence.iter().any(|entry| entry.reason == out_of_room);
        Self {
            record,
            token,
            changes,
            unacknowledged: false,
            look_at: DateTime::<Utc>::MIN_UTC,
            running: None,
            dirty: false,
            no_room,
            in_rollout: None,
            refused: None,
            live: Vec::new(),
            seen: LastSeen::default(),
            undisturbed_since: None,
            notes: Vec::new(),
            time: GateClock::default(),
            gate_time: DateTime::<Utc>::MIN_UTC,
        }
    }

    /// Takes over a change of the gate by somebody else, and makes it due now.
    pub(super) fn changed(&mut self, gate: LeasedGate) {
        self.record = gate.record;
        self.changes = gate.changes;
        self.unacknowledged = true;
        self.look_at = DateTime::<Utc>::MIN_UTC;
    }

    /// Returns whether the gate cannot act before its window opens, so that it needs fewer looks.
    pub(super) fn is_early(&self, now: DateTime<Utc>) -> bool {
        self.record.state == GateState::Waiting && now < self.record.window.opens_at()
    }

    /// Notes the end of the newest change of an asked host. After a new end, the next attempt need not wait.
    pub(super) fn undisturbed_since(&mut self, end: Option<DateTime<Utc>>) {
        let before = self.undisturbed_since.replace(end);
        self.dirty |= before.is_some_and(|before| before < end);
    }

    /// Keeps the results of an attempt, as many for each check as a decision can need.
    pub(super) fn remember(&mut self, results: Vec<CheckResult>, runs: u32) {
        self.live.extend(results);
        let live = std::mem::take(&mut self.live);
        for result in live.into_iter().rev() {
            let kept = self.live.iter().filter(|kept| kept.check_id == result.check_id).count();
            if kept < runs as usize {
                self.live.push(result);
            }
        }
        self.live.reverse();
    }

    /// Keeps a note until a step with it is written.
    pub(super) fn note(&mut self, at: DateTime<Utc>, text: impl AsRef<str>) {
        let surplus = (self.notes.len() + 1).saturating_sub(GateRecord::MAXIMUM_NOTES);
        self.notes.drain(..surplus);
        self.notes.push(GateNote { at, text: Detail::new(text) });
    }

    /// Applies a stored step to the record: the next step must not restore an older window or an earlier
    /// time (G21).
    pub(super) fn took(&mut self, step: &GateStep, now: DateTime<Utc>) {
        self.unacknowledged = false;
        self.notes.clear();
        transition::apply(&mut self.record, step, now);
    }

    /// Restores the knowledge of the gate from before it was claimed again, and makes it due soon.
    pub(super) fn resume(&mut self, before: Self) {
        self.live = before.live;
        self.seen = before.seen;
        self.refused = before.refused;
        let told = &self.record.notes;
        self.notes = before.notes.into_iter().filter(|note| !told.contains(note)).collect();
        self.time = before.time;
        self.dirty = true;
    }

    /// Creates a step that changes nothing yet.
    pub(super) fn unchanged(&self) -> GateStep {
        GateStep {
            gate_id: self.record.id,
            token: self.token,
            seen: self.changes,
            window: self.record.window,
            high_water: self.record.high_water,
            clock_offset_us: self.record.clock_offset_us,
            offset_clearings: self.record.offset_clearings,
            hold: self.record.hold,
            void_before: None,
            next_attempt_at: self.record.next_attempt_at,
            evidence: None,
            notes: Vec::new(),
            detail: None,
            attempt: None,
            results: Vec::new(),
            transition: None,
        }
    }
}
