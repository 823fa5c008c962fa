//! The decision whether a rollout goes on, and how many of its hosts may go now: pure, by what was counted.

use chrono::{DateTime, Utc};

use crate::{
    clock::delta,
    model::{Hold, HoldCause, Rollout, RolloutCounts, RolloutStep, instant},
};

/// Everything that a rollout depends on.
#[derive(Clone, Copy, Debug)]
pub struct RolloutInput<'a> {
    /// The store's clock.
    pub now: DateTime<Utc>,
    /// The clock has stepped and is not believed yet: no stage begins (V5).
    pub clock_suspect: bool,
    /// The rollout.
    pub rollout: &'a Rollout,
    /// What has become of its hosts.
    pub counts: &'a RolloutCounts,
}

/// What is to be done with a rollout now.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum RolloutAction {
    /// Take this step, and decide again.
    Step(RolloutStep),
    /// Let hosts go.
    Go {
        /// So many, at least one. Further ones wait for a slot.
        free: u32,
    },
    /// Let none go.
    Hold(Hold),
}

/// Decides what is to be done with a rollout now.
///
/// Equal input gives equal output. A stage is over when all of its passes are spent and all changes have
/// ended within the budget; the next one begins after the soak (R1). Beyond the budget it halts (R2).
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

/// The present stage has spent all of its passes.
fn next_stage(input: &RolloutInput<'_>, admitted: u32) -> RolloutAction {
    let RolloutInput { now, rollout, counts, .. } = *input;
    let name = stage_name(rollout);
    if admitted >= rollout.hosts {
        return hold(HoldCause::Stage, "every host of the job has been changed".to_owned(), None);
    }
    if counts.in_flight > 0 {
        let detail = format!("{name} has {} to come through", hosts(counts.in_flight));
        return hold(HoldCause::Stage, detail, None);
    }
    if input.clock_suspect {
        let detail = format!("{name} is over, and the clock is not believed yet");
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

/// What a gate waits for that finds the places of its rollout taken.
#[must_use]
pub fn no_slot(rollout: &Rollout, counts: &RolloutCounts) -> Hold {
    let detail = format!(
        "{}: {} of at most {} under way, {} of {} of the stage begun",
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

/// The present stage, counted from 1, with what follows the last one.
fn stage_name(rollout: &Rollout) -> String {
    let stages = rollout.policy.stages.len();
    match usize::try_from(rollout.stage).unwrap_or(stages) {
        stage if stage < stages => format!("stage {} of {stages}", stage + 1),
        _ => "the rest of the hosts".to_owned(),
    }
}
