//! Verifications of hosts after their changes.

use std::time::Duration;

use async_trait::async_trait;
use healthgate::{
    model::{HostChange, JobId, PassId},
    store::{
        StoreError, VerificationClaim, VerificationClaims, VerificationStep, VerificationStore,
    },
};

use super::{CustomStore, world::later};

#[async_trait]
impl VerificationStore for CustomStore {
    async fn changes_of(&self, job: JobId) -> Result<Vec<HostChange>, StoreError> {
        Ok(self.read(|world, _| {
            world.host_changes.iter().filter(|change| change.job_id == job).cloned().collect()
        }))
    }

    async fn claim_verifications(
        &self,
        limit: u32,
        hidden_for: Duration,
    ) -> Result<VerificationClaims, StoreError> {
        self.write(|world, now| {
            let due = world.host_changes.iter().filter_map(|change| {
                let next_at = change.verification.as_ref()?.next_at?;
                (next_at <= now).then_some((next_at, change.pass_id))
            });
            let mut due: Vec<(_, PassId)> = due.collect();
            due.sort_unstable();
            let mut claims = Vec::new();
            for (_, pass) in due.into_iter().take(limit as usize) {
                let Some(gate) = world.gate_of_pass(pass).map(|row| row.record.clone()) else {
                    continue;
                };
                let token = world.verification_tokens.entry(pass).or_default();
                *token += 1;
                let token = *token;
                let Some(change) = world.change_on(pass) else { continue };
                if let Some(verification) = &mut change.verification {
                    verification.next_at = Some(later(now, hidden_for));
                }
                claims.push(VerificationClaim { change: change.clone(), gate, token });
            }
            Ok(VerificationClaims { time: world.time(now), claims })
        })
    }

    async fn settle_verification(&self, step: VerificationStep) -> Result<bool, StoreError> {
        self.write(|world, now| {
            let newest = world.verification_tokens.get(&step.pass_id) == Some(&step.token);
            let Some(change) = world.change_on(step.pass_id) else { return Ok(false) };
            if !newest || !change.is_being_verified() {
                return Ok(false);
            }
            change.take_verification(step.verification, now);
            let host = change.host_id;
            world.record(host, step.results, now);
            Ok(true)
        })
    }
}
