//! The history of a real installation, replayed in the account.
//!
//! A trace is what a database wrote down itself about each row that a transaction changed, in the order of
//! the commits: nothing of it comes from the workers, which may be killed at any instant.

use std::collections::{BTreeMap, VecDeque};

use chrono::{DateTime, TimeDelta, Utc};
use healthgate::{gate::GatePolicy, model::*};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

use crate::ledger::{KnownCheck, KnownRollout, Ledger, StoredResults, View};

/// The longest time between what a worker or an executor has read and the step that rests on it. A real one reads
/// and writes in calls of their own.
const LONGEST_LOOK: TimeDelta = TimeDelta::seconds(5);
/// The time between a reading of the database's clock in a transaction and the trace's own.
const READING: TimeDelta = TimeDelta::milliseconds(500);

/// A row that a transaction changed.
#[derive(Clone, Debug)]
pub struct Change {
    /// The table.
    pub table: String,
    /// The instant of the change by the database's clock.
    pub at: DateTime<Utc>,
    /// The row before; `None` if it is new. Columns as members, `jsonb` columns as values.
    pub old: Option<Value>,
    /// The row afterwards; `None` if it was deleted.
    pub new: Option<Value>,
}

/// What a trace contained.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Traced {
    /// Claims of gates.
    pub claims: usize,
    /// Claims of gates that another worker had held.
    pub takeovers: usize,
    /// Attempts begun.
    pub attempts: usize,
    /// Passes given.
    pub passes: usize,
    /// Passes that ran out or were taken back.
    pub voided: usize,
    /// Passes spent.
    pub spent: usize,
    /// Gates ended without a pass.
    pub ended: usize,
    /// Ends of verifications.
    pub verdicts: usize,
    /// Stages begun.
    pub stages: usize,
    /// Edits of checks.
    pub edits: usize,
}

/// Replays a trace.
///
/// Not held against the rules: the poll queue, groups, and what a verification rests on.
///
/// # Errors
/// The broken rule, or a row that is not of the library's tables.
pub fn replay_trace(policy: GatePolicy, changes: &[Change]) -> Result<Traced, String> {
    let began = changes.first().map_or(DateTime::UNIX_EPOCH, |change| change.at);
    let mut replay = Replay {
        ledger: Ledger::new(policy, began),
        stored: BTreeMap::new(),
        views: VecDeque::new(),
        leases: BTreeMap::new(),
        owners: BTreeMap::new(),
        traced: Traced::default(),
    };
    for (number, change) in changes.iter().enumerate() {
        let told =
            |fault: String| format!("row {number} of {}, {}: {fault}", change.table, change.at);
        replay.apply(change).map_err(told)?;
        if let Some(violation) = replay.ledger.violation.take() {
            return Err(told(violation));
        }
    }
    Ok(replay.traced)
}

#[derive(Debug)]
struct Replay {
    ledger: Ledger,
    stored: StoredResults,
    /// What could be read lately, and from when on.
    views: VecDeque<(DateTime<Utc>, View)>,
    leases: BTreeMap<WorkerId, DateTime<Utc>>,
    /// The worker that held each gate last.
    owners: BTreeMap<GateId, WorkerId>,
    traced: Traced,
}

#[derive(Deserialize)]
struct CheckRow {
    id: CheckId,
    host_id: HostId,
    enabled: bool,
    revision: i64,
    updated_at: DateTime<Utc>,
}

#[derive(Deserialize)]
struct ResultRow {
    check_id: CheckId,
    revision: i64,
    checked_at: DateTime<Utc>,
    reason: String,
}

#[derive(Deserialize)]
struct LeaseRow {
    worker: WorkerId,
    lease_until: DateTime<Utc>,
}

#[derive(Deserialize)]
struct GateRow {
    token: i64,
    owner: Option<WorkerId>,
    running: Option<RunningAttempt>,
    record: GateRecord,
}

/// The attempt that runs, or that ran last.
#[derive(Deserialize)]
struct RunningAttempt {
    number: u32,
    started_at: DateTime<Utc>,
}

#[derive(Deserialize)]
struct ChangeRow {
    pass_id: PassId,
    state: String,
    outcome: Option<String>,
    verification: Option<Verification>,
}

#[derive(Deserialize)]
struct RolloutRow {
    job_id: JobId,
    hosts: u32,
    policy: RolloutPolicy,
    stage: u32,
    forgiven: u32,
}

fn row<T: DeserializeOwned>(value: &Option<Value>) -> Result<Option<T>, String> {
    let read =
        |value: &Value| serde_json::from_value(value.clone()).map_err(|error| error.to_string());
    value.as_ref().map(read).transpose()
}

impl Replay {
    fn apply(&mut self, change: &Change) -> Result<(), String> {
        self.ledger.now = change.at;
        let Change { old, new, .. } = change;
        match change.table.as_str() {
            "host_health_checks" => self.check(row(old)?, row(new)?),
            "host_health_check_results" => self.result(row(new)?),
            "health_states" => self.state(row(old)?, row(new)?),
            "health_gate_leases" => self.lease(row(old)?, row(new)?),
            "health_gates" => self.gate(row(old)?.as_ref(), row(new)?),
            "health_changes" => self.change(row(old)?.as_ref(), row(new)?),
            "health_rollouts" => self.rollout(row(old)?, row(new)?),
            other => return Err(format!("{other} is not a table of the trace")),
        }
        self.views.push_back((change.at, self.ledger.view(self.stored.clone())));
        // The newest one of before still held when the first of the others began.
        while self.views.get(1).is_some_and(|(from, _)| *from + LONGEST_LOOK < change.at) {
            self.views.pop_front();
        }
        Ok(())
    }

    fn views(&self) -> Vec<View> {
        self.views.iter().map(|(_, view)| view.clone()).collect()
    }

    fn check(&mut self, old: Option<CheckRow>, new: Option<CheckRow>) {
        self.traced.edits += usize::from(old.is_some());
        match (old, new) {
            (_, Some(row)) => {
                let (id, host, enabled) = (row.id, row.host_id, row.enabled);
                let (revision, changed_at) = (row.revision, row.updated_at);
                self.ledger.check_known(id, KnownCheck { host, revision, enabled, changed_at });
            }
            (Some(row), None) => self.ledger.check_deleted(row.id),
            (None, None) => {}
        }
    }

    fn result(&mut self, new: Option<ResultRow>) {
        if let Some(row) = new {
            let reason = if row.reason == "ok" { ReasonCode::Ok } else { ReasonCode::Connect };
            self.ledger.ran(row.check_id, row.revision, row.checked_at, reason);
        }
    }

    fn state(&mut self, old: Option<ResultRow>, new: Option<ResultRow>) {
        if let Some(row) = new {
            let state = (row.revision, row.checked_at, row.reason == "ok");
            self.stored.insert(row.check_id, state);
        } else if let Some(row) = old {
            self.stored.remove(&row.check_id);
        }
    }

    fn lease(&mut self, old: Option<LeaseRow>, new: Option<LeaseRow>) {
        match (old, new) {
            (_, Some(row)) => drop(self.leases.insert(row.worker, row.lease_until)),
            (Some(row), None) => drop(self.leases.remove(&row.worker)),
            (None, None) => {}
        }
    }

    fn gate(&mut self, old: Option<&GateRow>, new: Option<GateRow>) {
        let Some(GateRow { token, owner, running, record }) = new else { return };
        let (now, id) = (self.ledger.now, record.id);
        self.ledger.windows.insert(record.job_id, Some(record.window));
        if record.cancel_requested && !self.ledger.cancelled.contains(&record.job_id) {
            // A pass that was spent before is not taken back.
            self.ledger.cancelled.push(record.job_id);
        }
        match &record.exception {
            Some(given) => drop(self.ledger.overrides.insert(record.host_id, given.clone())),
            None => drop(self.ledger.overrides.remove(&record.host_id)),
        }
        let before = old.map(|old| &old.record);
        let terminal = |record: &GateRecord| record.state.is_terminal();
        if before.is_some_and(|before| terminal(before) && *before != record) {
            self.ledger.broken("G18", "a gate that had ended was changed");
        }
        if before.is_some_and(|before| record.high_water < before.high_water) {
            self.ledger.broken("G21", "the time of a gate went back");
        }
        let newest = old.map_or(0, |old| old.token);
        if token < newest {
            self.ledger.broken("L1", "the token of a gate went back");
        }
        if let Some(owner) = owner.filter(|_| token > newest) {
            self.traced.claims += 1;
            let held = old.and_then(|old| old.owner).filter(|held| *held != owner);
            let leased = held.and_then(|held| self.leases.get(&held));
            if leased.is_some_and(|until| now + READING < *until) {
                self.ledger.broken("L10", "a claim took a gate that another worker holds");
            }
            let last = self.owners.insert(id, owner);
            self.traced.takeovers += usize::from(last.is_some_and(|last| last != owner));
        }
        let begun = running.filter(|attempt| {
            let ran = old.and_then(|old| old.running.as_ref());
            ran.is_none_or(|ran| ran.number < attempt.number)
        });
        if let Some(attempt) = begun {
            self.traced.attempts += 1;
            self.ledger.attempt_started(id, attempt.started_at, record.window);
        }
        let was = before.map_or(GateState::Waiting, |before| before.state);
        match (was, record.state) {
            (GateState::Waiting, GateState::Passed) => {
                self.traced.passes += 1;
                if let Some(pass) = &record.pass {
                    self.ledger.passed_on(&self.views(), pass);
                }
            }
            (GateState::Passed, GateState::Waiting) => {
                self.traced.voided += 1;
                self.ledger.pass_voided(id);
            }
            (GateState::Waiting | GateState::Passed, GateState::Spent) => {
                self.traced.spent += 1;
                let spent_at = record.ended_at.unwrap_or_default();
                if spent_at > now || now - spent_at > READING {
                    self.ledger.broken("G17", "a spending is not dated by the store's clock");
                }
                self.ledger.now = spent_at;
                self.ledger.spent_on(&self.views(), &record);
                self.ledger.now = now;
            }
            (before, after) if before != after => self.traced.ended += 1,
            _ => {}
        }
    }

    fn change(&mut self, old: Option<&ChangeRow>, new: Option<ChangeRow>) {
        let Some(new) = new else { return };
        let ended = |row: &ChangeRow| row.state == "ended";
        let running = old.is_none_or(|old| !ended(old));
        if ended(&new) && running {
            let end = match (&new.verification, new.outcome.as_deref()) {
                (Some(verification), _) => ChangeEnd::Verify(verification.policy),
                (None, Some("succeeded")) => ChangeEnd::Done,
                (None, _) => ChangeEnd::Failed,
            };
            self.ledger.change_ended(new.pass_id, end);
        }
        let state = |row: &ChangeRow| row.verification.as_ref().map(|one| one.state);
        let was = old.and_then(state).unwrap_or(VerificationState::Verifying);
        if let Some(is) = state(&new).filter(|is| *is != was) {
            self.traced.verdicts += 1;
            self.ledger.verdict_given(new.pass_id, is);
        }
    }

    fn rollout(&mut self, old: Option<RolloutRow>, new: Option<RolloutRow>) {
        let Some(RolloutRow { job_id: job, hosts, policy, stage, forgiven }) = new else { return };
        match old {
            None => {
                let rollout = KnownRollout { job, hosts, policy, stage, forgiven: 0 };
                self.ledger.rollout = Some(rollout);
            }
            Some(old) => {
                if stage != old.stage {
                    self.traced.stages += 1;
                    self.ledger.rollout_stepped(job, &RolloutStep::Advance { stage });
                }
                if forgiven != old.forgiven {
                    self.ledger.rollout_resumed();
                }
            }
        }
    }
}
