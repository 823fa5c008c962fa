//! Serves HTTP with bounds: on connections, and on the time that a client takes to ask.
//!
//! A flood of clients costs a bounded number of descriptors and tasks: whoever finds no place waits in
//! the kernel's queue. What is served at the same time is bounded by [`web::load`](crate::web).

use std::{sync::Arc, time::Duration};

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
    service::TowerToHyperService,
};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    time::timeout,
};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

/// How many connections there may be.
#[derive(Clone, Debug)]
pub(crate) struct Places {
    free: Arc<Semaphore>,
    all: usize,
}

/// A request's head must come within this time, and a connection may be idle for as long.
const HEAD: Duration = Duration::from_secs(10);
/// The longest that answers may go on after the order to stop.
pub(crate) const GRACE: Duration = Duration::from_secs(5);
/// How long to wait after a connection could not be accepted: for a free descriptor, most likely.
const PAUSE: Duration = Duration::from_millis(100);
/// As many descriptors as a process asks for, where the system lets it.
const DESCRIPTORS: u64 = 8_192;
/// More connections than this are never served at the same time.
const MOST: usize = 2_048;

impl Places {
    /// As many as half of the descriptors that the process may have: the rest is for agents, targets
    /// and the database.
    pub(crate) fn of_this_process() -> Self {
        let limit = getrlimit(Resource::Nofile);
        let wanted = DESCRIPTORS.min(limit.maximum.unwrap_or(DESCRIPTORS));
        let current = limit.current.unwrap_or(wanted);
        let raised = Rlimit { current: Some(wanted), maximum: limit.maximum };
        let has = match current < wanted && setrlimit(Resource::Nofile, raised).is_ok() {
            true => wanted,
            false => current,
        };
        let all = usize::try_from(has / 2).unwrap_or(MOST).clamp(16, MOST);
        Self { free: Arc::new(Semaphore::new(all)), all }
    }

    /// How many there are in all.
    pub(crate) const fn all(&self) -> usize {
        self.all
    }

    /// Whether others wait for one, as far as can be told.
    pub(crate) fn are_taken(&self) -> bool {
        self.free.available_permits() == 0
    }
}

/// Serves until it is told to stop, and lets answers that are under way end for a while.
pub(crate) async fn serve(
    listener: TcpListener,
    router: Router,
    places: Places,
    stop: CancellationToken,
) {
    let service = TowerToHyperService::new(router);
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD);
    let connections = GracefulShutdown::new();
    loop {
        let next = async {
            let place = Arc::clone(&places.free).acquire_owned().await.ok()?;
            Some((accept(&listener).await, place))
        };
        let (stream, place) = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            next = next => match next {
                Some(accepted) => accepted,
                // Nobody closes the semaphore.
                None => break,
            },
        };
        let connection = http.serve_connection(TokioIo::new(stream), service.clone());
        let connection = connections.watch(connection);
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
async fn accept(listener: &TcpListener) -> TcpStream {
    let mut failing = false;
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                // Small answers go at once.
                let _ = stream.set_nodelay(true);
                return stream;
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
