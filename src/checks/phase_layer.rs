//! A layer around a client's connector that reports when connecting starts and ends.

use std::task::{Context, Poll};

use futures_util::future::BoxFuture;
use tower::{Layer, Service};

use super::progress::Phase;

/// Calls `note` with [`Phase::Connecting`] when a connection is started, and with
/// [`Phase::AwaitingHead`] when it is established, including TLS.
#[derive(Clone, Debug)]
pub(super) struct PhaseLayer<N>(pub(super) N);

impl<S, N: Clone> Layer<S> for PhaseLayer<N> {
    type Service = Noting<S, N>;

    fn layer(&self, inner: S) -> Self::Service {
        Noting { inner, note: self.0.clone() }
    }
}

/// A connector that reports its progress.
#[derive(Clone, Debug)]
pub(super) struct Noting<S, N> {
    inner: S,
    note: N,
}

impl<S, N, R> Service<R> for Noting<S, N>
where
    S: Service<R>,
    S::Future: Send + 'static,
    N: Fn(Phase) + Clone + Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<S::Response, S::Error>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: R) -> Self::Future {
        let note = self.note.clone();
        note(Phase::Connecting);
        let connecting = self.inner.call(request);
        Box::pin(async move {
            let connected = connecting.await;
            if connected.is_ok() {
                note(Phase::AwaitingHead);
            }
            connected
        })
    }
}
