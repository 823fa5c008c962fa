//! The listener under agents and web targets: sockets, handshakes, requests, and shutdown.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::task::Poll;
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::activity::{Activity, RecordedRequest};
use crate::connection::serve;
use crate::step::Step;
use crate::tls_mode::{Endpoint, TlsMode};

/// The length of the backlog of unaccepted connections, as in the agent.
const BACKLOG: u32 = 128;

/// Answers a request. Called for every complete request head.
pub(crate) trait Handler: Send + Sync + 'static {
    fn answer(&self, request: &RecordedRequest, mode: TlsMode) -> Vec<Step>;
}

/// State that all connections of a listener share.
pub(crate) struct Shared {
    pub(crate) activity: Arc<Activity>,
    pub(crate) handler: Arc<dyn Handler>,
    endpoint: RwLock<Arc<Endpoint>>,
    pub(crate) keep_alive: Duration,
    pub(crate) head_limit: Duration,
}

impl Shared {
    pub(crate) fn endpoint(&self) -> Arc<Endpoint> {
        Arc::clone(&self.endpoint.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Sets the endpoint of connections accepted from now on.
    pub(crate) fn set_endpoint(&self, endpoint: Endpoint) {
        *self.endpoint.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(endpoint);
    }
}

/// Time limits of a listener.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Times {
    pub(crate) keep_alive: Duration,
    pub(crate) head_limit: Duration,
}

/// A listener with its tasks. Dropping it ends them.
pub(crate) struct Server {
    pub(crate) shared: Arc<Shared>,
    addresses: Vec<SocketAddr>,
    /// Bound but not listening, to reserve the ports while the listener is down.
    reservations: Mutex<Vec<TcpSocket>>,
    running: Mutex<Option<ServerTask>>,
}

struct ServerTask {
    cancel: CancellationToken,
    task: JoinHandle<()>,
}

impl Server {
    /// Binds all addresses and starts serving. Port 0 in a later address means the port of the first one.
    pub(crate) fn start(
        wanted: &[SocketAddr],
        handler: Arc<dyn Handler>,
        activity: Arc<Activity>,
        endpoint: Endpoint,
        times: Times,
    ) -> io::Result<Self> {
        let mut addresses: Vec<SocketAddr> = Vec::new();
        let mut reservations = Vec::new();
        for address in wanted {
            let mut address = *address;
            if let (0, Some(first)) = (address.port(), addresses.first()) {
                address.set_port(first.port());
            }
            let socket = bind(address)?;
            addresses.push(socket.local_addr()?);
            reservations.push(socket);
        }
        let shared = Arc::new(Shared {
            activity,
            handler,
            endpoint: RwLock::new(Arc::new(endpoint)),
            keep_alive: times.keep_alive,
            head_limit: times.head_limit,
        });
        let server = Self {
            shared,
            addresses,
            reservations: Mutex::new(reservations),
            running: Mutex::new(None),
        };
        server.resume()?;
        Ok(server)
    }

    pub(crate) fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Listens again on the same ports. Does nothing if it already listens.
    pub(crate) fn resume(&self) -> io::Result<()> {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        if running.as_ref().is_some_and(|running| !running.task.is_finished()) {
            return Ok(());
        }
        let listeners = listen(&self.addresses)?;
        let cancel = CancellationToken::new();
        let task = tokio::spawn(accept_loop(
            Arc::clone(&self.shared),
            self.addresses.clone(),
            listeners,
            cancel.clone(),
        ));
        *running = Some(ServerTask { cancel, task });
        Ok(())
    }

    /// Closes the listener and all connections, and waits until their tasks have ended. The ports stay
    /// reserved.
    pub(crate) async fn pause(&self) {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(ServerTask { cancel, task }) = running {
            cancel.cancel();
            // The only possible error is a task that panicked or was aborted: it has ended in any case.
            let _ = task.await;
        }
    }

    /// Like [`Server::pause`], but also releases the ports.
    pub(crate) async fn stop(&self) {
        self.pause().await;
        self.reservations.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(running) = self.running.get_mut().unwrap_or_else(PoisonError::into_inner).take()
        {
            running.cancel.cancel();
            running.task.abort();
        }
    }
}

fn bind(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}

fn listen(addresses: &[SocketAddr]) -> io::Result<Vec<TcpListener>> {
    addresses.iter().map(|address| bind(*address)?.listen(BACKLOG)).collect()
}

async fn accept_any(listeners: &[TcpListener]) -> io::Result<(TcpStream, SocketAddr)> {
    poll_fn(|context| {
        for listener in listeners {
            if let Poll::Ready(accepted) = listener.poll_accept(context) {
                return Poll::Ready(accepted);
            }
        }
        Poll::Pending
    })
    .await
}

async fn accept_loop(
    shared: Arc<Shared>,
    addresses: Vec<SocketAddr>,
    mut listeners: Vec<TcpListener>,
    cancel: CancellationToken,
) {
    // Connections live in this set, so they end with this task, however it ends.
    let mut connections: JoinSet<Option<Duration>> = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            () = cancel.cancelled() => break,
            Some(ended) = connections.join_next(), if !connections.is_empty() => {
                let Ok(Some(down_for)) = ended else { continue };
                drop(listeners);
                connections.shutdown().await;
                tokio::select! {
                    () = cancel.cancelled() => return,
                    () = tokio::time::sleep(down_for) => {}
                }
                let Ok(again) = listen(&addresses) else { return };
                listeners = again;
            }
            accepted = accept_any(&listeners) => match accepted {
                Ok((stream, peer)) => {
                    connections.spawn(serve(Arc::clone(&shared), stream, peer));
                }
                // File descriptors ran out, or the client has left: give other connections time to end.
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            },
        }
    }
    drop(listeners);
    connections.shutdown().await;
}
