//! Explains why a gate waits, what lets it pass, and when it can pass at the earliest.
//!
//! The module has no rules of its own: [`explain`] runs the gate's decision repeatedly, each time as if the last
//! blocker had been cleared, until the gate passes (G38).

mod gates;
mod groups;
mod hypothesis;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

pub use self::groups::{ExplanationGroup, group};
use self::hypothesis::Hypothesis;
use super::decide::{Action, Condition, GateInput, Times, WaitReason, decide};
use crate::{
    clock::delta,
    model::{
        Detail, Hold, HoldCause, HostChange, ReasonCode, RecheckChange, VerificationState,
        VerifiedCheck, instant,
    },
};

/// The first cause of a host's wait.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "api", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// The host's window is not open yet, or cannot be read.
    Window,
    /// Some checks are not known to be healthy.
    Checks,
    /// A condition of the application is not met, such as a freeze.
    Condition,
    /// Another job holds or changes the host.
    Busy,
    /// There is no capacity to run its checks, or no worker has looked at it yet.
    Capacity,
    /// The store's clock is not trusted now.
    Clock,
    /// The next stage of its job's rollout has not begun, or other hosts of this stage have all places.
    Stage,
    /// A group of the host is at its limit.
    Group,
    /// Its job's rollout is halted, because it has used up its failure budget.
    Budget,
    /// Its pass is not spent yet.
    PassGiven,
    /// The host is being verified after its change.
    Verifying,
}

/// Who can clear the cause of a wait.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "api", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Who {
    /// Nobody: the cause clears with time.
    Time,
    /// The operator of the host.
    Operator,
    /// An administrator.
    Administrator,
    /// The job that holds or changes the host.
    OtherJob,
    /// A worker.
    Worker,
}

/// A hypothetical change of a decision's input.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Change {
    /// The store's clock shows this instant.
    Until(DateTime<Utc>),
    /// The clock is trusted.
    ClockTrusted,
    /// The window can be read, and is the last known one.
    WindowKnown,
    /// The running attempt has ended.
    AttemptEnded,
    /// These conditions are met, by index.
    Met(Vec<usize>),
    /// The rollout of the job and the groups of the host have a place for the gate.
    Admitted,
    /// The host has an enabled check, and that check is healthy.
    CheckEnabled,
    /// The newest runs of these requirements, by index, are healthy, in the number that the policy requires.
    Healthy(Vec<usize>),
}

/// The explanation of why a gate waits.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Explanation {
    /// The first cause of the wait.
    pub cause: Cause,
    /// The cause in one sentence for people.
    pub detail: Detail,
    /// What clears the cause, in one sentence for people.
    pub clears: Detail,
    /// Who can clear the cause.
    pub who: Who,
    /// All changes that let the gate pass, in order. The first one clears the cause.
    pub changes: Vec<Change>,
    /// The earliest instant of the store's clock at which the gate can pass.
    ///
    /// The gate passes then if all changes are made at once, and never before. A host that is being verified
    /// is verified then or at the next look. `None` if the rest of the window, or the time until the deadline
    /// of the verification, is too short, and while another gate holds the host.
    pub earliest_pass_at: Option<DateTime<Utc>>,
}

impl Explanation {
    fn new(cause: Cause, who: Who, detail: impl AsRef<str>, clears: impl AsRef<str>) -> Self {
        Self {
            cause,
            detail: Detail::new(detail),
            clears: Detail::new(clears),
            who,
            changes: Vec::new(),
            earliest_pass_at: None,
        }
    }

    /// Explains that another gate holds the host, so this job has no gate on it yet.
    pub(super) fn held_by(job: impl std::fmt::Display) -> Self {
        let detail = format!("the gate of job {job} holds this host");
        Self::new(Cause::Busy, Who::OtherJob, detail, "that gate ends")
    }

    /// Explains that the host only waits for a worker's look.
    pub(super) fn unattended() -> Self {
        let detail = "nothing holds it back: no worker has looked at it yet";
        Self::new(Cause::Capacity, Who::Worker, detail, "a worker looks at it, within seconds")
    }
}

/// Explains why a gate waits. Returns `None` if it waits for nothing: it passes at the next look, has ended or
/// will end.
#[must_use]
pub fn explain(input: &GateInput<'_>) -> Option<Explanation> {
    let mut hypothesis = Hypothesis::new(input);
    let mut first: Option<Explanation> = None;
    // Each step clears a blocker for good, so few steps are needed.
    for _ in 0..MOST_STEPS {
        let action = decide(&hypothesis.input()).action;
        let (step, change) = match action {
            Action::Pass { .. } => {
                let earliest = hypothesis.now();
                return first.map(|one| Explanation { earliest_pass_at: Some(earliest), ..one });
            }
            Action::Wait { why: WaitReason::PassGiven, .. } => {
                return Some(pass_given(input.now));
            }
            Action::Ended | Action::Fail { .. } | Action::Abort { .. } => break,
            // The pass expired: continue as the next look would.
            Action::Renew => {
                hypothesis.renew();
                continue;
            }
            ref other => held_back(&hypothesis, other),
        };
        if !hypothesis.apply(&change) {
            break;
        }
        first.get_or_insert(step).changes.push(change);
    }
    first
}

/// The maximum number of steps: more than the kinds of changes plus a few consecutive freezes.
const MOST_STEPS: usize = 24;

/// Returns what blocks the gate in this hypothesis, and the change that clears it.
fn held_back(hypothesis: &Hypothesis<'_>, action: &Action) -> (Explanation, Change) {
    let input = hypothesis.input();
    match action {
        Action::Hold { .. } => {
            let detail = "the store's clock has stepped and is not trusted yet";
            let clears = "the clock runs evenly again";
            let step = Explanation::new(Cause::Clock, Who::Administrator, detail, clears);
            return (step, Change::ClockTrusted);
        }
        Action::Wait { next_at, why: WaitReason::NotOpen } => {
            let opens = instant::in_words(next_at);
            let (detail, clears) =
                (format!("its window opens at {opens}"), format!("the time: it is {opens}"));
            let step = Explanation::new(Cause::Window, Who::Time, detail, clears);
            return (step, Change::Until(*next_at));
        }
        Action::Wait { why: WaitReason::Unknown, .. } => {
            let detail = "its window cannot be read now";
            let clears = "the source of windows answers again";
            let step = Explanation::new(Cause::Window, Who::Administrator, detail, clears);
            return (step, Change::WindowKnown);
        }
        _ => {}
    }
    if let (Action::Wait { why: WaitReason::Held, .. }, Some(hold)) = (action, input.hold) {
        return by_hold(hold);
    }
    by_conditions(&input).unwrap_or_else(|| by_checks(&input))
}

/// Explains the limit of a rollout or a group.
fn by_hold(hold: &Hold) -> (Explanation, Change) {
    let (cause, who, clears) = match (hold.cause, hold.until) {
        (HoldCause::Stage, Some(until)) => {
            (Cause::Stage, Who::Time, format!("the time: it is {}", instant::in_words(&until)))
        }
        (HoldCause::Stage, None) => {
            let clears =
                "all hosts of this stage have been changed, and verified where the job asks";
            (Cause::Stage, Who::Worker, clears.to_owned())
        }
        (HoldCause::Slot, _) => {
            (Cause::Stage, Who::Worker, "the change of another host of the job ends".to_owned())
        }
        (HoldCause::Budget, _) => {
            (Cause::Budget, Who::Administrator, "an administrator resumes the rollout".to_owned())
        }
        (HoldCause::Group, _) => {
            let clears = "a member of the group is up again, or its change ends";
            (Cause::Group, Who::Operator, clears.to_owned())
        }
    };
    let step = Explanation::new(cause, who, &hold.detail, clears);
    (step, hold.until.map_or(Change::Admitted, Change::Until))
}

fn pass_given(now: DateTime<Utc>) -> Explanation {
    let detail = "it has its pass, and nobody has spent it yet";
    let step = Explanation::new(Cause::PassGiven, Who::Worker, detail, "a worker spends it");
    Explanation { earliest_pass_at: Some(now), ..step }
}

/// Explains the conditions that block a gate, if any. A report-only gate ignores them, unless it is exempt.
fn by_conditions(input: &GateInput<'_>) -> Option<(Explanation, Change)> {
    let (gate, times) = (input.gate, Times::of(input));
    let minds = gate.exempt || !gate.report_only;
    let holding = || {
        let all = input.conditions.iter().enumerate();
        all.filter(|(_, one)| minds && one.holds(gate.exempt, times))
    };
    let (_, first) = holding().next()?;
    let change = match first.until {
        // All temporary conditions are over when the last one ends.
        Some(until) => {
            Change::Until(holding().filter_map(|(_, one)| one.until).fold(until, DateTime::max))
        }
        None => {
            let lasting = holding().filter(|(_, one)| one.until.is_none());
            Change::Met(lasting.map(|(index, _)| index).collect())
        }
    };
    Some((of_condition(first), change))
}

fn of_condition(condition: &Condition) -> Explanation {
    if condition.reason.as_str() == ReasonCode::HostDisturbed.as_str() {
        let detail = "a job is changing this host, or one that its checks ask";
        return Explanation::new(Cause::Busy, Who::OtherJob, detail, "that change ends");
    }
    let Condition { name, reason, detail, until, .. } = condition;
    let detail = match detail.as_str() {
        "" => format!("{name}: {reason}"),
        detail => format!("{name}: {detail}"),
    };
    match until {
        Some(until) => {
            let clears = format!("the time: it is {}", instant::in_words(until));
            Explanation::new(Cause::Condition, Who::Time, detail, clears)
        }
        None => {
            let clears = format!("the condition \"{name}\" is met");
            Explanation::new(Cause::Condition, Who::Operator, detail, clears)
        }
    }
}

/// Explains the checks that block a gate.
fn by_checks(input: &GateInput<'_>) -> (Explanation, Change) {
    let verdicts = decide(input).verdicts;
    let failing: Vec<_> = verdicts.iter().filter(|verdict| !verdict.is_satisfied()).collect();
    // A report-only gate waits for its attempt, whatever its result.
    let ended = decide(&GateInput { in_flight: false, ..*input }).action;
    let attempt_is_enough = failing.is_empty() || matches!(ended, Action::Pass { .. });
    if input.in_flight && input.gate.report_only && attempt_is_enough {
        let (detail, clears) = ("its checks are being run", "that run ends");
        let step = Explanation::new(Cause::Checks, Who::Worker, detail, clears);
        return (step, Change::AttemptEnded);
    }
    if failing.is_empty() {
        let detail = "the host has no enabled check, and this gate needs one";
        let clears = "the host gets a check, or one of its checks is enabled";
        let step = Explanation::new(Cause::Checks, Who::Operator, detail, clears);
        return (step, Change::CheckEnabled);
    }
    let name = |index: usize| input.requirements[index].name.to_string();
    let words =
        failing.iter().take(SHOWN).map(|one| format!("{}: {}", name(one.index), one.reason));
    let more = failing.len().saturating_sub(SHOWN);
    let more = (more > 0).then(|| format!("and {more} more"));
    let detail = words.chain(more).collect::<Vec<_>>().join("; ");
    let no_room = failing.iter().all(|one| one.reason == ReasonCode::NotRunCapacity);
    let step = match no_room {
        true => {
            let clears = "the workers have room to run its checks";
            Explanation::new(Cause::Capacity, Who::Administrator, detail, clears)
        }
        false => {
            let clears = "a new run finds these checks healthy, or an administrator overrides them";
            Explanation::new(Cause::Checks, Who::Operator, detail, clears)
        }
    };
    (step, Change::Healthy(failing.iter().map(|one| one.index).collect()))
}

/// The maximum number of checks that a sentence names.
const SHOWN: usize = 8;

/// Explains why a changed host is not verified yet. Returns `None` if it is not being verified.
#[must_use]
pub fn explain_change(change: &HostChange, now: DateTime<Utc>) -> Option<Explanation> {
    let verification = change.verification.as_ref()?;
    if verification.state != VerificationState::Verifying {
        return None;
    }
    let policy = &verification.policy;
    let begin = change.ends_at().min(now);
    let settled = begin + delta(policy.settle);
    // Every check that counts must be healthy for the soak, shown by a future run.
    let next = verification.next_at.unwrap_or(now).max(settled).max(now);
    let counted = || verification.checks.iter().filter(|check| check.counted);
    let healthy_since =
        |check: &VerifiedCheck| check.since.filter(|_| check.is_healthy()).unwrap_or(next);
    let since = counted().map(healthy_since).max().unwrap_or(next);
    let earliest = next.max(since + delta(policy.soak));
    let failing = counted().filter(|check| !check.is_healthy()).take(SHOWN);
    let failing: Vec<&str> = failing.map(|check| check.seen.name.as_str()).collect();
    let (who, detail) = match (now < settled, verification.runs, failing.is_empty()) {
        (true, ..) => (Who::Time, "it settles after its change".to_owned()),
        (_, 0, _) => {
            (Who::Worker, "its checks are run for the first time since its change".to_owned())
        }
        (.., true) => {
            (Who::Time, "its checks are healthy since its change, and must stay healthy".to_owned())
        }
        (.., false) => {
            (Who::Operator, format!("not healthy since its change: {}", failing.join(", ")))
        }
    };
    let clears = "its checks are healthy for as long as the job asks";
    let step = Explanation::new(Cause::Verifying, who, detail, clears);
    // The last run starts at the deadline, and a removed check is never healthy again (V3, V6).
    let in_time = earliest <= (begin + delta(policy.deadline)).max(next);
    let is_gone = counted().any(|check| check.seen.change == RecheckChange::Gone);
    let earliest_pass_at = (in_time && !is_gone).then_some(earliest);
    Some(Explanation { earliest_pass_at, ..step })
}
