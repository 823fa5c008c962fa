//! `VerificationStore` in memory.

use std::time::Duration;

use async_trait::async_trait;

use super::MemoryStore;
use crate::{
    clock::delta,
    model::{HostChange, JobId},
    store::{
        StoreError, VerificationClaim, VerificationClaims, VerificationStep, VerificationStore,
    },
};

#[async_trait]
impl VerificationStore for MemoryStore {
    async fn changes_of(&self, job: JobId) -> Result<Vec<HostChange>, StoreError> {
        let state = self.lock();
        let changes = state.host_changes.values().filter(|change| change.job_id == job);
        let mut changes: Vec<HostChange> = changes.cloned().collect();
        changes.sort_unstable_by_key(|change| (change.started_at, change.pass_id));
        Ok(changes)
    }

    async fn claim_verifications(
        &self,
        limit: u32,
        hidden_for: Duration,
    ) -> Result<VerificationClaims, StoreError> {
        let mut state = self.lock();
        let time = self.time_in(&state);
        let due = state.host_changes.values().filter_map(|change| {
            let next_at = change.verification.as_ref()?.next_at?;
            (next_at <= time.at).then_some((next_at, change.pass_id))
        });
        let mut due: Vec<_> = due.collect();
        due.sort_unstable();
        let mut claims = Vec::new();
        for (_, pass) in due.into_iter().take(limit as usize) {
            let Some(gate) = state.row_of_pass(pass).map(|row| row.record.clone()) else {
                continue;
            };
            let token = state.verification_tokens.entry(pass).or_default();
            *token += 1;
            let token = *token;
            let Some(change) = state.host_changes.get_mut(&pass) else { continue };
            if let Some(verification) = &mut change.verification {
                verification.next_at = Some(time.at + delta(hidden_for));
            }
            claims.push(VerificationClaim { change: change.clone(), gate, token });
        }
        Ok(VerificationClaims { time, claims })
    }

    async fn settle_verification(&self, step: VerificationStep) -> Result<bool, StoreError> {
        let mut state = self.lock();
        let now = self.time();
        let newest = state.verification_tokens.get(&step.pass_id) == Some(&step.token);
        let Some(change) = state.host_changes.get_mut(&step.pass_id) else { return Ok(false) };
        if !newest || !change.is_being_verified() {
            return Ok(false);
        }
        change.take_verification(step.verification, now);
        let host = change.host_id;
        state.record(host, step.results, now, self.damping, &self.feed);
        Ok(true)
    }
}
