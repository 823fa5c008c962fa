//! What ties the shared clients to the run they work for: the addresses that were judged, and the
//! phase that the run is in.
//!
//! A client is shared by all runs of one trust setting. Its resolver and connector are polled inside
//! the future that sends the request, since no connection is pooled; so a task-local value reaches
//! them, and without one they refuse.

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

/// Answers with the addresses that were judged, and with nothing else.
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

/// Notes a phase of the run that the current task works for; outside a run there is nothing to note.
pub(super) fn note(phase: Phase) {
    let _ = HOP.try_with(|hop| hop.progress.enter(phase));
}
