//! Sends a request over the first of several addresses that connects (RFC 8305).
//!
//! A client resolves a name to the address of the current attempt only, and its connector lets one
//! attempt through. Both are polled inside the future that sends the request, so a task-local value
//! reaches them. Without one the resolver refuses.

use std::{
    error::Error,
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use futures_util::{
    StreamExt,
    future::{BoxFuture, pending},
    stream::FuturesUnordered,
};
use reqwest::{
    Client, Request, Response,
    dns::{Addrs, Name, Resolve, Resolving},
};
use tokio::{sync::watch, time::sleep};
use tower::{Layer, Service};

use super::{
    progress::{Phase, Progress},
    tls,
};
use crate::model::ReasonCode;

/// The time that an attempt has to connect before the next address is tried as well.
const STAGGER: Duration = Duration::from_millis(250);

/// The maximum number of addresses of one name that are tried.
const MAXIMUM_ADDRESSES: usize = 8;

tokio::task_local! {
    /// The attempt that the current future makes.
    static ATTEMPT: Arc<Attempt>;
}

/// A request that got no answer.
#[derive(Debug)]
pub(super) struct NoAnswer {
    pub(super) error: Box<dyn Error + Send + Sync>,
    /// Whether the request used an existing connection.
    pub(super) over_kept_connection: bool,
}

/// Sends a request without a body to the first of these addresses that connects, TLS included.
///
/// Another address is tried when the last attempt has not connected within 250 ms, or has failed to.
/// At most one attempt sends the request. The client must come from [`tls::client`].
pub(super) async fn send(
    client: &Client,
    request: &Request,
    addresses: &[SocketAddr],
    progress: &Progress,
) -> Result<Response, NoAnswer> {
    let race = Arc::new(Race {
        winner: watch::Sender::new(None),
        dialled: AtomicBool::new(false),
        progress: progress.clone(),
    });
    let mut waiting = interleave(addresses).into_iter().take(MAXIMUM_ADDRESSES).enumerate();
    let mut attempts = FuturesUnordered::new();
    let mut last: Box<dyn Error + Send + Sync> =
        io::Error::from(io::ErrorKind::AddrNotAvailable).into();
    loop {
        // Once a connection exists, new or kept, its answer counts.
        let is_open = !attempts.is_empty() && progress.phase() != Phase::Connecting;
        if !is_open
            && let Some((number, address)) = waiting.next()
            && let Some(request) = request.try_clone()
        {
            let attempt = Attempt { number, address, race: Arc::clone(&race) };
            attempts.push(attempt.make(client, request));
        }
        let may_start = waiting.len() > 0;
        tokio::select! {
            biased;
            ended = attempts.next(), if !attempts.is_empty() => match ended.flatten() {
                Some(Ok(response)) => return Ok(response),
                Some(Err(error)) if may_go_on(&error) => last = error.into(),
                Some(Err(error)) => return Err(race.no_answer(error.into())),
                // Another attempt has won and continues.
                None => {}
            },
            () = sleep(STAGGER), if may_start => {}
            else => return Err(race.no_answer(last)),
        }
    }
}

/// Returns whether another address may succeed. An answer of the peer is final.
fn may_go_on(error: &reqwest::Error) -> bool {
    tls::classify(error).0 == ReasonCode::Connect
}

/// Alternates between the families of addresses, beginning with the first address (RFC 8305, 4).
fn interleave(addresses: &[SocketAddr]) -> Vec<SocketAddr> {
    let first_is_ipv4 = addresses.first().is_some_and(SocketAddr::is_ipv4);
    let (first, second): (Vec<SocketAddr>, Vec<SocketAddr>) =
        addresses.iter().partition(|address| address.is_ipv4() == first_is_ipv4);
    let mut first = first.into_iter();
    let mut second = second.into_iter();
    let mut order = Vec::with_capacity(addresses.len());
    while order.len() < addresses.len() {
        order.extend(first.next());
        order.extend(second.next());
    }
    order
}

/// The attempts to send one request.
#[derive(Debug)]
struct Race {
    winner: watch::Sender<Option<usize>>,
    dialled: AtomicBool,
    progress: Progress,
}

impl Race {
    fn no_answer(&self, error: Box<dyn Error + Send + Sync>) -> NoAnswer {
        NoAnswer { error, over_kept_connection: !self.dialled.load(Ordering::Relaxed) }
    }
}

/// One address of a race.
#[derive(Debug)]
struct Attempt {
    number: usize,
    address: SocketAddr,
    race: Arc<Race>,
}

impl Attempt {
    /// Sends the request, or returns `None` if another attempt has won.
    async fn make(self, client: &Client, request: Request) -> Option<reqwest::Result<Response>> {
        let number = self.number;
        let mut winner = self.race.winner.subscribe();
        let sending = ATTEMPT.scope(Arc::new(self), client.execute(request));
        tokio::select! {
            answer = sending => Some(answer),
            _ = winner.wait_for(|winner| winner.is_some_and(|winner| winner != number)) => None,
        }
    }

    fn begin(&self) {
        self.race.dialled.store(true, Ordering::Relaxed);
        self.race.progress.enter(Phase::Connecting);
    }

    /// Returns whether this attempt is the one that sends the request.
    fn win(&self) -> bool {
        self.race.winner.send_if_modified(|winner| {
            let is_first = winner.is_none();
            winner.get_or_insert(self.number);
            is_first
        });
        let has_won = *self.race.winner.borrow() == Some(self.number);
        if has_won {
            self.race.progress.enter(Phase::AwaitingHead);
        }
        has_won
    }
}

/// Resolves every name to the address of the current attempt.
#[derive(Clone, Copy, Debug)]
pub(super) struct AttemptAddress;

impl Resolve for AttemptAddress {
    fn resolve(&self, _: Name) -> Resolving {
        let address = ATTEMPT.try_with(|attempt| attempt.address);
        Box::pin(async move {
            let addresses: Addrs = Box::new(std::iter::once(address?));
            Ok(addresses)
        })
    }
}

/// A layer around a client's connector that admits the first connected attempt.
#[derive(Clone, Copy, Debug)]
pub(super) struct FirstConnected;

impl<S> Layer<S> for FirstConnected {
    type Service = Connecting<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Connecting { inner }
    }
}

/// A connector whose connections belong to attempts.
#[derive(Clone, Debug)]
pub(super) struct Connecting<S> {
    inner: S,
}

impl<S, R> Service<R> for Connecting<S>
where
    S: Service<R>,
    S::Future: Send + 'static,
    S::Response: Send,
    S::Error: Send,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<S::Response, S::Error>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: R) -> Self::Future {
        let attempt = ATTEMPT.try_with(Arc::clone).ok();
        if let Some(attempt) = &attempt {
            attempt.begin();
        }
        let connecting = self.inner.call(request);
        Box::pin(async move {
            let connected = connecting.await?;
            if attempt.is_some_and(|attempt| !attempt.win()) {
                // Closes the connection. The attempt ends when it learns of the winner.
                drop(connected);
                return pending().await;
            }
            Ok(connected)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f191_families_take_turns_and_keep_their_order() {
        let order = |addresses: &[&str]| -> Vec<String> {
            let addresses: Vec<SocketAddr> =
                addresses.iter().map(|text| text.parse().expect("an address")).collect();
            interleave(&addresses).iter().map(ToString::to_string).collect()
        };
        assert_eq!(
            order(&["[::1]:1", "[::2]:1", "[::3]:1", "10.0.0.1:1", "10.0.0.2:1"]),
            ["[::1]:1", "10.0.0.1:1", "[::2]:1", "10.0.0.2:1", "[::3]:1"]
        );
        assert_eq!(order(&["10.0.0.2:1", "10.0.0.1:1"]), ["10.0.0.2:1", "10.0.0.1:1"]);
        assert!(order(&[]).is_empty());
    }
}
