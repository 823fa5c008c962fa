//! Waiting for a gate and spending its pass in one call.

use super::handle::{Gate, GateError};
use crate::{
    model::{GateRecord, GateRequest, GateState},
    store::{Spend, SpendRefusal},
};

/// The answer of [`Gate::admit`].
#[derive(Clone, PartialEq, Eq, Debug)]
#[must_use = "touch the host on `GoAhead` alone"]
pub enum Admission {
    /// The pass was spent by this call: start the work.
    GoAhead(Box<GateRecord>),
    /// The pass had been spent before, by an earlier call for the same job and host, maybe one whose
    /// answer was lost. Do not start the work again: find out how far it is.
    WentAhead(Box<GateRecord>),
    /// The gate has ended without a pass: do not touch the host. The record's
    /// [`detail`](GateRecord::detail) says why in words, its [`end_reason`](GateRecord::end_reason) in
    /// one code.
    Held(Box<GateRecord>),
}

impl Admission {
    /// Returns the gate as it was when the answer was given.
    #[must_use]
    pub fn record(&self) -> &GateRecord {
        let (Self::GoAhead(record) | Self::WentAhead(record) | Self::Held(record)) = self;
        record
    }

    /// Returns whether the work may start now.
    #[must_use]
    pub const fn may_go_ahead(&self) -> bool {
        matches!(self, Self::GoAhead(_))
    }
}

impl Gate {
    /// Opens a gate, waits for its pass and spends it: [`wait`](Self::wait) and [`spend`](Self::spend)
    /// in one call. If the pass is refused because something has changed meanwhile, it waits again, until
    /// a pass is spent or the gate has ended.
    ///
    /// Report the end of the work by [`finished`](Self::finished), [`failed`](Self::failed) or
    /// [`verify`](Self::verify). Dropping the call stops the waiting only: the same request finds the gate
    /// again.
    ///
    /// # Errors
    /// As [`wait`](Self::wait) and [`spend`](Self::spend): do not go ahead. Whether the pass was spent may
    /// be unknown then; the same call says so with [`Admission::WentAhead`].
    pub async fn admit(&self, mut request: GateRequest) -> Result<Admission, GateError> {
        loop {
            let record = self.wait(request.clone()).await?;
            // This gate is the one that was asked for: its end is an answer, and nothing to try again.
            request.retry = false;
            let pass = match (record.state, &record.pass) {
                (GateState::Passed, Some(pass)) => pass,
                (GateState::Spent, _) => return Ok(Admission::WentAhead(Box::new(record))),
                _ => return Ok(Admission::Held(Box::new(record))),
            };
            match self.spend(pass).await? {
                Spend::Spent(record) => return Ok(Admission::GoAhead(record)),
                Spend::Refused(SpendRefusal::AlreadySpent) => {
                    let spent = self.store.gate(record.job_id, record.host_id).await?;
                    return Ok(Admission::WentAhead(spent.map_or(Box::new(record), Box::new)));
                }
                // The gate waits again, or ends: `wait` says which. Until a runner has looked at it, it
                // may still have the refused pass.
                Spend::Refused(_) => self.pause().await,
            }
        }
    }
}
