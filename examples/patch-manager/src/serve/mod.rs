//! Serves HTTP with limits on connections, on connections per address, on the time to send a request, and
//! on slow reading.
//!
//! A flood of clients costs a bounded number of descriptors and tasks: connections without a slot wait in
//! the kernel's queue. [`web::load`](crate::web) limits concurrent requests.

mod counts;
mod paced;
mod places;

use std::{net::IpAddr, time::Duration};

use axum::Router;
use hyper::{Request, body::Incoming, server::conn::http1};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    time::timeout,
};
use tokio_util::sync::CancellationToken;
use tower::util::MapRequest;
use tracing::{debug, warn};

use self::paced::Paced;
pub(crate) use self::{
    counts::{Counted, Counts},
    places::Places,
};

/// The peer address of a request's connection, as a request extension.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Peer(pub(crate) IpAddr);

/// Marks a request on a connection without an ordinary slot. Only requests that are always answered get an
/// answer, and the connection then closes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct OnSparePlace;

/// The time limit for a request's head, and for an idle connection.
const HEAD: Duration = Duration::from_secs(10);
/// The same limit in a spare slot. There are few of these.
const SPARE_HEAD: Duration = Duration::from_secs(1);
/// How long a client may stall an answer in total. Reading data earns it more time.
const STALL: Duration = Duration::from_secs(10);
/// The same limit in a spare slot.
const SPARE_STALL: Duration = Duration::from_secs(2);
/// How long answers may continue after the shutdown began.
pub(crate) const GRACE: Duration = Duration::from_secs(5);
/// The pause after a failed accept, usually for a free descriptor.
const PAUSE: Duration = Duration::from_millis(100);

/// Serves until `stop` is cancelled, and gives running answers some time to finish.
pub(crate) async fn serve(
    listener: TcpListener,
    router: Router,
    places: Places,
    stop: CancellationToken,
) {
    let builder = |head| {
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new()).header_read_timeout(head);
        http
    };
    let ordinary = builder(HEAD);
    let mut hurried = builder(SPARE_HEAD);
    hurried.keep_alive(false);
    let connections = GracefulShutdown::new();
    loop {
        let next = async {
            let room = places.room().await?;
            let (stream, peer) = accept(&listener).await;
            Some((stream, peer, room.place_for(peer.0).await?))
        };
        let (stream, peer, place) = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            next = next => match next {
                Some(accepted) => accepted,
                // The semaphores are never closed.
                None => break,
            },
        };
        let is_spare = place.is_spare();
        let marked = move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(peer);
            if is_spare {
                request.extensions_mut().insert(OnSparePlace);
            }
            request
        };
        let service = TowerToHyperService::new(MapRequest::new(router.clone(), marked));
        let (http, stall) = if is_spare { (&hurried, SPARE_STALL) } else { (&ordinary, STALL) };
        let stream = TokioIo::new(Paced::new(stream, stall));
        let connection = connections.watch(http.serve_connection(stream, service));
        tokio::spawn(async move {
            let _place = place;
            if let Err(error) = connection.await {
                debug!(%error, "a connection ended");
            }
        });
    }
    drop(listener);
    if timeout(GRACE, connections.shutdown()).await.is_err() {
        debug!("answers that go on are cut");
    }
}

/// Returns the next connection. Waits and retries after an error, such as too many open files.
async fn accept(listener: &TcpListener) -> (TcpStream, Peer) {
    let mut failing = false;
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                // Sends small answers immediately.
                let _ = stream.set_nodelay(true);
                return (stream, Peer(peer.ip().to_canonical()));
            }
            Err(error) => {
                if !failing {
                    warn!(%error, "connections cannot be accepted");
                }
                failing = true;
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}
