//! Connects the shared clients to the current run: the judged addresses, and the run's phase.
//!
//! A client is shared by all runs of one trust setting. Its resolver and connector are polled inside
//! the future that sends the request, since no connection is pooled. So a task-local value reaches
//! them. Without one they refuse.

use std::{net::SocketAddr, sync::Arc};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::checks::progress::{Phase, Progress};

tokio::task_local! {
    /// The hop that the current task sends.
    pub(super) static HOP: Arc<Hop>;
}

/// One request of a run.
#[derive(Debug)]
pub(super) struct Hop {
    pub(super) addresses: Vec<SocketAddr>,
    pub(super) progress: Progress,
}

/// Resolves every name to the judged addresses only.
#[derive(Clone, Copy, Debug)]
pub(super) struct JudgedAddresses;

impl Resolve for JudgedAddresses {
    fn resolve(&self, _: Name) -> Resolving {
        let addresses = HOP.try_with(|hop| hop.addresses.clone());
        Box::pin(async move {
            let addresses: Addrs = Box::new(addresses?.into_iter());
            Ok(addresses)
        })
    }
}

/// Records the phase of the current run. Does nothing outside a run.
pub(super) fn note(phase: Phase) {
    let _ = HOP.try_with(|hop| hop.progress.enter(phase));
}
