//! What ties the shared clients to the run they work for: the addresses that were judged, and the
//! phase that the run is in.
//!
//! A client is shared by all runs of one trust setting. Its resolver and connector are polled inside
//! the future that sends the request, since no connection is pooled; so a task-local value reaches
//! them, and without one they refuse.

use std::{
    net::SocketAddr,
    sync::Arc,
    task::{Context, Poll},
};

use futures_util::future::BoxFuture;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tower::{Layer, Service};

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

/// Notes when a connection, TLS included, is there.
#[derive(Clone, Copy, Debug)]
pub(super) struct NoteConnected;

impl<S> Layer<S> for NoteConnected {
    type Service = Noting<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Noting(inner)
    }
}

/// A connector that notes when it is done.
#[derive(Clone, Debug)]
pub(super) struct Noting<S>(S);

impl<S, R> Service<R> for Noting<S>
where
    S: Service<R>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<S::Response, S::Error>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: R) -> Self::Future {
        let connecting = self.0.call(request);
        Box::pin(async move {
            let connected = connecting.await;
            if connected.is_ok() {
                // Outside a run there is nothing to note.
                let _ = HOP.try_with(|hop| hop.progress.enter(Phase::AwaitingHead));
            }
            connected
        })
    }
}
