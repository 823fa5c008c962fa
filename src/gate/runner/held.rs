//! One gate under lease, as its runner knows it.

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

/// One gate under lease.
pub(super) struct HeldGate {
    pub(super) record: GateRecord,
    pub(super) token: i64,
    /// The changes by others that `record` shows.
    pub(super) changes: i64,
    /// The store waits for a step that has seen the newest change.
    pub(super) unacknowledged: bool,
    /// When it is to be looked at, by the store's clock.
    pub(super) look_at: DateTime<Utc>,
    pub(super) running: Option<RunningAttempt>,
    /// Something changed since the last attempt, so that the next one need not wait for the retry.
    pub(super) dirty: bool,
    /// An attempt that was due found no room (F38).
    pub(super) no_room: bool,
    /// Whether its job has a rollout; asked once.
    pub(super) in_rollout: Option<bool>,
    /// The override that is known to be refused, by the time it was given.
    pub(super) refused: Option<DateTime<Utc>>,
    /// The newest results of this gate's own attempts, which are recorded: a source need not keep them.
    pub(super) live: Vec<CheckResult>,
    pub(super) seen: LastSeen,
    /// When the newest change of a host that the gate asks ended, as of the last look.
    undisturbed_since: Option<Option<DateTime<Utc>>>,
    /// What happened from outside and is not in the store's timeline yet (F143).
    pub(super) notes: Vec<GateNote>,
    pub(super) time: GateClock,
    /// The gate's own time, as of the last reading of the store's clock (G21).
    pub(super) gate_time: DateTime<Utc>,
}

/// An attempt that is under way.
pub(super) struct RunningAttempt {
    pub(super) number: u32,
    pub(super) cut: CancellationToken,
}

impl Drop for RunningAttempt {
    /// Whoever forgets an attempt ends it.
    fn drop(&mut self) {
        self.cut.cancel();
    }
}

/// What was read of one gate in a pass.
pub(super) struct Read {
    pub(super) window: WindowAnswer,
    pub(super) health: HostHealth,
    pub(super) right: Right,
    /// What the gate waits for before its checks are asked (R3).
    pub(super) hold: Option<Hold>,
}

/// Whether the override of a gate counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Right {
    /// There is no override.
    None,
    /// It counts.
    Granted,
    /// Whoever gave it may not any more (F40).
    Refused,
    /// It cannot be told now.
    Unknown,
    /// It was set after rights were asked for: ask again at once.
    TooNew,
}

/// What was answered of an override: when that was given, and whether it counts.
pub(super) type Answered = (DateTime<Utc>, Option<bool>);

impl Right {
    /// What an answer says of the override that a gate has now.
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
        // What the worker before has written of it tells whether it was out of room.
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

    /// Takes over what somebody else has made of the gate: it is to be looked at now.
    pub(super) fn changed(&mut self, gate: LeasedGate) {
        self.record = gate.record;
        self.changes = gate.changes;
        self.unacknowledged = true;
        self.look_at = DateTime::<Utc>::MIN_UTC;
    }

    /// Whether it cannot act before its window opens, so that it is looked at less often.
    pub(super) fn is_early(&self, now: DateTime<Utc>) -> bool {
        self.record.state == GateState::Waiting && now < self.record.window.opens_at()
    }

    /// Takes over when hosts were changed last. Once a change has ended, the next attempt need not wait.
    pub(super) fn undisturbed_since(&mut self, end: Option<DateTime<Utc>>) {
        let before = self.undisturbed_since.replace(end);
        self.dirty |= before.is_some_and(|before| before < end);
    }

    /// Keeps the results of an attempt, as many of each check as a decision can need.
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

    /// Keeps what happened for the next step that is written, however long that takes.
    pub(super) fn note(&mut self, at: DateTime<Utc>, text: impl AsRef<str>) {
        let surplus = (self.notes.len() + 1).saturating_sub(GateRecord::MAXIMUM_NOTES);
        self.notes.drain(..surplus);
        self.notes.push(GateNote { at, text: Detail::new(text) });
    }

    /// Keeps what the store has made of a step: the next one must not bring back an older window or an
    /// earlier time (G21).
    pub(super) fn took(&mut self, step: &GateStep, now: DateTime<Utc>) {
        self.unacknowledged = false;
        self.notes.clear();
        transition::apply(&mut self.record, step, now);
    }

    /// Takes over what was known of the gate before it was claimed anew, and looks at it soon.
    pub(super) fn resume(&mut self, before: Self) {
        self.live = before.live;
        self.seen = before.seen;
        self.refused = before.refused;
        let told = &self.record.notes;
        self.notes = before.notes.into_iter().filter(|note| !told.contains(note)).collect();
        self.time = before.time;
        self.dirty = true;
    }

    /// A step that changes nothing yet.
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
