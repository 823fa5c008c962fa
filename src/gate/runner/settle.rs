//! Writing steps so that one that cannot be stored fails alone (F144).

use std::collections::HashSet;

use tracing::{debug, error};

use super::GateRunner;
use crate::{
    model::GateId,
    store::{AttemptWrite, GateStep, GateTransition, StoreError},
};

/// What became of the steps of one look.
#[derive(Debug, Default)]
pub(super) struct Settled {
    /// Gates whose lease is lost.
    pub(super) fenced: Vec<GateId>,
    /// Gates of whose steps nothing was written: the store refuses them.
    pub(super) refused: HashSet<GateId>,
    /// The steps as they were written, where the lease is not lost.
    pub(super) written: Vec<GateStep>,
    /// Gates whose step was written without its texts and results.
    bare: HashSet<GateId>,
}

impl Settled {
    /// Returns whether everything that was known of the gate is written.
    pub(super) fn has_written_whole(&self, gate: GateId) -> bool {
        !self.refused.contains(&gate) && !self.bare.contains(&gate)
    }
}

/// Writes steps. `unwritable` holds the gates of which it was said before that one was refused. Where the store refuses a batch for what it holds, halves of it are written, down to
/// the step that is to blame, and that one without its texts.
///
/// # Errors
/// The store's, if it is not available: any of the steps may have been written.
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

/// Returns the step without its texts, so that a gate still ends in time. A pass must rest on evidence
/// that is stored: there is none without.
fn bare(step: &GateStep) -> Option<GateStep> {
    if let Some(GateTransition::Pass(_)) = step.transition {
        return None;
    }
    let mut bare = GateStep {
        evidence: None,
        notes: Vec::new(),
        detail: Some("the store cannot hold what is known of this gate".to_owned()),
        results: Vec::new(),
        ..step.clone()
    };
    if let Some(AttemptWrite::End { checks, .. }) = &mut bare.attempt {
        checks.clear();
    }
    Some(bare)
}
