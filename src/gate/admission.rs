//! Waiting for a gate and spending its pass in one call.

use super::handle::{Gate, GateError};
use crate::{
    model::{GateRecord, GateRequest, GateState},
    store::{Spend, SpendRefusal},
};

/// Whether the work on a host may start: the answer of [`Gate::admit`].
#[derive(Clone, PartialEq, Eq, Debug)]
#[must_use = "touch the host only on `GoAhead`"]
pub enum Admission {
    /// This call spent the pass: start the work.
    GoAhead(Box<GateRecord>),
    /// An earlier call for the same job and host spent the pass; its answer may have been lost. Do not
    /// start the work again: find out how far it got.
    WentAhead(Box<GateRecord>),
    /// The gate ended without a pass: do not touch the host. The record's
    /// [`end_reason`](GateRecord::end_reason) gives the reason as a code, its
    /// [`detail`](GateRecord::detail) in words.
    Held(Box<GateRecord>),
}

impl Admission {
    /// Returns the gate as it was when `admit` returned.
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
    /// Opens a gate, waits for its pass and spends it.
    ///
    /// It combines [`wait`](Self::wait) and [`spend`](Self::spend). If the store refuses the pass because
    /// something has changed meanwhile, `admit` waits again, until it has spent a pass or the gate has
    /// ended.
    ///
    /// Report the end of the work with [`finished`](Self::finished), [`failed`](Self::failed) or
    /// [`verify`](Self::verify). Dropping the call only stops the waiting: the same request finds the gate
    /// again.
    ///
    /// # Errors
    /// Those of [`wait`](Self::wait) and [`spend`](Self::spend): do not go ahead. The pass may have been
    /// spent all the same. Repeat the call: it then returns [`Admission::WentAhead`].
    pub async fn admit(&self, mut request: GateRequest) -> Result<Admission, GateError> {
        loop {
            let record = self.wait(request.clone()).await?;
            // The gate of this request is open now. If it ends, that is the answer: do not open another.
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
                // The gate waits again or ends; `wait` says which. It may keep the refused pass until a
                // runner looks at it.
                Spend::Refused(_) => self.pause().await,
            }
        }
    }
}
