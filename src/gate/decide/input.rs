//! Everything that a decision depends on.

use chrono::{DateTime, Utc};

use crate::{
    gate::policy::GatePolicy,
    model::{
        AgentEndpoint, CheckId, CheckResult, Detail, EvidenceReason, GateRecord, Label, ReasonCode,
        Window,
    },
};

/// Everything that a decision depends on. The decision borrows it and answers with indexes into it.
#[derive(Clone, Copy, Debug)]
pub struct GateInput<'a> {
    /// The store's clock.
    pub now: DateTime<Utc>,
    /// The clock has stepped and is not believed yet.
    pub clock_suspect: bool,
    /// The gate as it is stored.
    pub gate: &'a GateRecord,
    /// An attempt is under way.
    pub in_flight: bool,
    /// An attempt was due and found no room, and none has started since (F38).
    pub no_room: bool,
    /// Something changed since the last attempt: the next one need not wait for the retry (G14).
    pub dirty: bool,
    /// The window as it was read for this decision (G19).
    pub window: WindowAnswer,
    /// The checks of the host, disabled ones too, as they were read for this decision (G23).
    pub requirements: &'a [Requirement],
    /// Results of their runs, in any order, from the poller and from attempts alike.
    pub observations: &'a [CheckResult],
    /// How long the checks' stored runs have been healthy, where that is known.
    pub streaks: &'a [Streak],
    /// Conditions of the application's own.
    pub conditions: &'a [Condition],
    /// Whoever gave the override still has the right to (G26).
    pub override_allowed: bool,
    /// The figures to decide by.
    pub policy: &'a GatePolicy,
}

/// What a [`WindowSource`](crate::gate::WindowSource) answers.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum WindowAnswer {
    /// The job has this window on the host; it may lie ahead or be over.
    Open(Window),
    /// The job has no window any more.
    Withdrawn,
    /// The job is cancelled.
    JobCancelled,
    /// The host is gone.
    HostGone,
    /// It cannot be told now. The gate neither passes nor starts an attempt, and ends when its last
    /// known window closes (F141, F160).
    Unknown,
}

/// A check that must be healthy.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Requirement {
    /// Identity.
    pub check_id: CheckId,
    /// Its name, for people.
    pub name: Label,
    /// Its revision; results of another one do not count.
    pub revision: i64,
    /// A disabled check is not required.
    pub enabled: bool,
    /// When it was last changed; results of runs that started before do not count.
    pub changed_at: DateTime<Utc>,
    /// The agent that is asked; results seen at another one do not count (G24). `None` where no agent
    /// is asked.
    pub endpoint: Option<AgentEndpoint>,
}

/// How many of a check's newest stored runs in a row were healthy, so that a gate that asks for more
/// than one need not see them all itself.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Streak {
    /// The check.
    pub check_id: CheckId,
    /// When the newest of these runs started. It counts beside that run's result alone, as the newest.
    pub newest: DateTime<Utc>,
    /// How many, that one included: all of its revision and seen at its endpoint.
    pub runs: u32,
}

/// A condition of the application's own, such as a host that an operator has paused.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Condition {
    /// Its name, for people.
    pub name: Label,
    /// Whether it holds.
    pub met: bool,
    /// Why, as a short word of the application's own.
    pub reason: Label,
    /// A sentence for people.
    pub detail: Detail,
}

impl Condition {
    /// Creates the condition that stands for something that cannot be told of a host now. It is not
    /// met, so that it blocks that host's gate and no other (F160).
    #[must_use]
    pub fn unknown(name: impl Into<Label>, why: impl AsRef<str>) -> Self {
        Self { name: name.into(), met: false, reason: "unknown".into(), detail: Detail::new(why) }
    }

    /// The reason as it stands in evidence: the library's own condition has a code of the vocabulary.
    #[must_use]
    pub fn evidence_reason(&self) -> EvidenceReason {
        let disturbed = ReasonCode::HostDisturbed;
        if self.reason.as_str() == disturbed.as_str() {
            EvidenceReason::Code(disturbed)
        } else {
            EvidenceReason::Condition(self.reason.to_string())
        }
    }
}
