//! Writes steps so that a step that cannot be stored fails alone (F144).

use std::collections::HashSet;

use tracing::{debug, error};

use super::GateRunner;
use crate::{
    model::GateId,
    store::{AttemptWrite, GateStep, GateTransition, StoreError},
};

/// The outcome of writing the steps of one look.
#[derive(Debug, Default)]
pub(super) struct Settled {
    /// The gates whose lease is lost.
    pub(super) fenced: Vec<GateId>,
    /// The gates whose steps were not written at all, because the store refuses them.
    pub(super) refused: HashSet<GateId>,
    /// The steps as they were written under a valid lease.
    pub(super) written: Vec<GateStep>,
    /// The gates whose step was written without its texts and results.
    bare: HashSet<GateId>,
}

impl Settled {
    /// Returns whether the gate's step was written with its texts and results.
    pub(super) fn has_written_whole(&self, gate: GateId) -> bool {
        !self.refused.contains(&gate) && !self.bare.contains(&gate)
    }
}

/// Writes steps.
///
/// If the store refuses a batch because of its content, `settle` writes the halves of the batch, down to the
/// faulty step, which it writes without texts. `unwritable` holds the gates whose refusal was logged before.
///
/// # Errors
/// Fails if the store is unavailable: any of the steps may have been written.
pub(super) async fn settle(
    runner: &GateRunner,
    steps: Vec<GateStep>,
    unwritable: &mut HashSet<GateId>,
) -> Result<Settled, StoreError> {
    let mut settled = Settled::default();
    let mut batches = vec![steps];
    while let Some(mut steps) = batches.pop() {
        match runner.store.settle_gates(runner.worker, steps.clone()).await {
            Ok(fenced) => {
                runner.stats.fenced(fenced.len());
                settled.fenced.extend(fenced);
                settled.written.extend(steps);
            }
            Err(error) if error.may_pass() => return Err(error),
            Err(error) if steps.len() > 1 => {
                debug!(%error, steps = steps.len(), "steps are written in smaller batches");
                let later = steps.split_off(steps.len() / 2);
                batches.extend([later, steps]);
            }
            Err(error) => {
                let Some(step) = steps.pop() else { continue };
                let source = std::error::Error::source(&error).map(ToString::to_string);
                if unwritable.insert(step.gate_id) {
                    error!(gate = %step.gate_id, %error, source, "the store refuses a gate's step");
                } else {
                    debug!(gate = %step.gate_id, %error, "the store still refuses a gate's step");
                }
                match bare(&step).filter(|bare| *bare != step) {
                    Some(bare) => {
                        settled.bare.insert(bare.gate_id);
                        batches.push(vec![bare]);
                    }
                    None => {
                        settled.refused.insert(step.gate_id);
                    }
                }
            }
        }
    }
    Ok(settled)
}

/// Returns the step without its texts, so that a gate still ends in time. Returns `None` for a pass, which
/// must rest on stored evidence.
fn bare(step: &GateStep) -> Option<GateStep> {
    if let Some(GateTransition::Pass(_)) = step.transition {
        return None;
    }
    let mut bare = GateStep {
        evidence: None,
        notes: Vec::new(),
        detail: Some("the store cannot hold the details of this gate".to_owned()),
        results: Vec::new(),
        ..step.clone()
    };
    if let Some(AttemptWrite::End { checks, .. }) = &mut bare.attempt {
        checks.clear();
    }
    Some(bare)
}
