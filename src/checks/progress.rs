//! The progress of a run, so that a timeout can name the phase in which it happened.

use std::sync::{
    Arc,
    atomic::{AtomicU8, Ordering},
};

use crate::model::ReasonCode;

/// The phases of a run, in order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(super) enum Phase {
    Resolving,
    Connecting,
    AwaitingHead,
    ReadingBody,
}

/// The current phase of a run, shared with the client's connector.
#[derive(Clone, Debug, Default)]
pub(super) struct Progress(Arc<AtomicU8>);

impl Progress {
    pub(super) fn enter(&self, phase: Phase) {
        self.0.store(phase as u8, Ordering::Relaxed);
    }

    pub(super) fn phase(&self) -> Phase {
        match self.0.load(Ordering::Relaxed) {
            0 => Phase::Resolving,
            1 => Phase::Connecting,
            2 => Phase::AwaitingHead,
            _ => Phase::ReadingBody,
        }
    }

    /// Returns the reason and the text of a run that times out now.
    pub(super) fn timeout(&self) -> (ReasonCode, &'static str) {
        match self.phase() {
            Phase::Resolving => (ReasonCode::TimeoutDns, "time ran out while resolving the name"),
            Phase::Connecting => (ReasonCode::TimeoutConnect, "time ran out while connecting"),
            Phase::AwaitingHead => {
                (ReasonCode::TimeoutHead, "time ran out while waiting for the answer")
            }
            Phase::ReadingBody => (ReasonCode::TimeoutBody, "time ran out while reading the body"),
        }
    }
}
