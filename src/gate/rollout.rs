//! The decision of a rollout: a pure function of its counts that returns how many hosts may be changed now.

use chrono::{DateTime, Utc};

use crate::{
    clock::delta,
    model::{Hold, HoldCause, Rollout, RolloutCounts, RolloutStep, instant},
};

/// The input of a rollout's decision.
#[derive(Clone, Copy, Debug)]
pub struct RolloutInput<'a> {
    /// The store's clock.
    pub now: DateTime<Utc>,
    /// Whether the clock has stepped and is not trusted yet. No stage begins while it is suspect (V5).
    pub clock_suspect: bool,
    /// The rollout.
    pub rollout: &'a Rollout,
    /// The counts of its changes.
    pub counts: &'a RolloutCounts,
}

/// The next action of a rollout.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum RolloutAction {
    /// Take this step, and decide again.
    Step(RolloutStep),
    /// Let hosts be changed.
    Go {
        /// The number of free places, at least one. Other hosts wait for a place.
        free: u32,
    },
    /// Let no host be changed.
    Hold(Hold),
}

/// Decides the next action of a rollout.
///
/// Equal input gives equal output. A stage is over when all of its passes are spent and all changes have
/// ended within the budget. The next stage begins after the soak (R1). The rollout halts once more changes
/// have failed than the budget allows (R2).
#[must_use]
pub fn decide(input: &RolloutInput<'_>) -> RolloutAction {
    let RolloutInput { rollout, counts, .. } = *input;
    if let Some(reason) = &rollout.halted {
        return hold(HoldCause::Budget, format!("the rollout is halted: {reason}"), None);
    }
    if let Some(reason) = rollout.halt_reason(counts) {
        return RolloutAction::Step(RolloutStep::Halt { reason });
    }
    let admitted = rollout.admitted();
    if counts.spent < admitted {
        let free = (admitted - counts.spent)
            .min(rollout.max_in_flight().saturating_sub(counts.in_flight))
            .saturating_sub(counts.passed);
        return match free {
            0 => RolloutAction::Hold(no_slot(rollout, counts)),
            free => RolloutAction::Go { free },
        };
    }
    next_stage(input, admitted)
}

/// Decides for a stage that has spent all of its passes.
fn next_stage(input: &RolloutInput<'_>, admitted: u32) -> RolloutAction {
    let RolloutInput { now, rollout, counts, .. } = *input;
    let name = stage_name(rollout);
    if admitted >= rollout.hosts {
        return hold(HoldCause::Stage, "every host of the job has been changed".to_owned(), None);
    }
    if counts.in_flight > 0 {
        let detail = format!("{name} waits for {} to finish", hosts(counts.in_flight));
        return hold(HoldCause::Stage, detail, None);
    }
    if input.clock_suspect {
        let detail = format!("{name} is over, and the clock is not trusted yet");
        return hold(HoldCause::Stage, detail, None);
    }
    let soak = rollout.policy.stages.get(rollout.stage as usize).map(|stage| stage.soak);
    let over = counts.last_end.unwrap_or(rollout.opened_at) + delta(soak.unwrap_or_default());
    if now < over {
        let detail = format!("{name} is being watched until {}", instant::in_words(&over));
        return hold(HoldCause::Stage, detail, Some(over));
    }
    let last = u32::try_from(rollout.policy.stages.len()).unwrap_or(u32::MAX);
    let adds = |stage: &u32| rollout.policy.admitted(*stage, rollout.hosts) > admitted;
    let stage = (rollout.stage.saturating_add(1)..last).find(adds).unwrap_or(last);
    RolloutAction::Step(RolloutStep::Advance { stage })
}

/// Returns the hold of a gate whose rollout has no free place.
#[must_use]
pub fn no_slot(rollout: &Rollout, counts: &RolloutCounts) -> Hold {
    let detail = format!(
        "{}: {} of at most {} changes in flight, {} of {} hosts of the stage started",
        stage_name(rollout),
        counts.in_flight + counts.passed,
        rollout.max_in_flight(),
        counts.spent,
        rollout.admitted(),
    );
    Hold { cause: HoldCause::Slot, detail, until: None }
}

fn hold(cause: HoldCause, detail: String, until: Option<DateTime<Utc>>) -> RolloutAction {
    RolloutAction::Hold(Hold { cause, detail, until })
}

fn hosts(count: u32) -> String {
    if count == 1 { "1 host".to_owned() } else { format!("{count} hosts") }
}

/// Returns the name of the present stage, counted from 1, or that of the rest after the last stage.
fn stage_name(rollout: &Rollout) -> String {
    let stages = rollout.policy.stages.len();
    match usize::try_from(rollout.stage).unwrap_or(stages) {
        stage if stage < stages => format!("stage {} of {stages}", stage + 1),
        _ => "the rest of the hosts".to_owned(),
    }
}
