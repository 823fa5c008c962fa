//! Serves HTTP with bounds: on connections, on those of one address, on the time that a client takes to
//! ask, and on how slowly it reads.
//!
//! A flood of clients costs a bounded number of descriptors and tasks: whoever finds no place waits in
//! the kernel's queue. What is served at the same time is bounded by [`web::load`](crate::web).

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

/// Where a request comes from, as an extension of it: the address at the other end of its connection.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Peer(pub(crate) IpAddr);

/// Marks a request on a connection that found no ordinary place: it is answered, if it is one that is
/// always answered, and its connection ends with it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct OnSparePlace;

/// A request's head must come within this time, and a connection may be idle for as long.
const HEAD: Duration = Duration::from_secs(10);
/// The same on a spare place, of which there are few.
const SPARE_HEAD: Duration = Duration::from_secs(1);
/// A client may keep an answer waiting for so long in all; what it reads gives it more time.
const STALL: Duration = Duration::from_secs(10);
/// The same on a spare place.
const SPARE_STALL: Duration = Duration::from_secs(2);
/// The longest that answers may go on after the order to stop.
pub(crate) const GRACE: Duration = Duration::from_secs(5);
/// How long to wait after a connection could not be accepted: for a free descriptor, most likely.
const PAUSE: Duration = Duration::from_millis(100);

/// Serves until it is told to stop, and lets answers that are under way end for a while.
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
                // Nobody closes the semaphores.
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

/// The next connection. An error, such as one of too many open files, is waited out.
async fn accept(listener: &TcpListener) -> (TcpStream, Peer) {
    let mut failing = false;
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                // Small answers go at once.
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
