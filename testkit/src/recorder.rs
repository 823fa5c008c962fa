//! A listener that must not be called, and records its callers.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

/// The time limit for a caller's first bytes.
const FIRST_BYTES: Duration = Duration::from_secs(5);

/// A listener that counts connections, keeps their first bytes, and answers 502. It stands in for a proxy
/// or an origin that nothing may contact. Dropping it closes it.
pub struct Recorder {
    address: SocketAddr,
    seen: Arc<HeardBytes>,
    task: JoinHandle<()>,
}

struct HeardBytes {
    connections: watch::Sender<u64>,
    first_bytes: Mutex<Vec<Vec<u8>>>,
}

impl Recorder {
    /// Starts on `127.0.0.1` at a free port.
    ///
    /// # Errors
    /// Fails if no port can be bound.
    pub async fn start() -> io::Result<Self> {
        Self::start_at(Ipv4Addr::LOCALHOST.into()).await
    }

    /// Starts on another address at a free port.
    ///
    /// # Errors
    /// Fails if the address cannot be bound.
    pub async fn start_at(ip: IpAddr) -> io::Result<Self> {
        let listener = TcpListener::bind((ip, 0)).await?;
        let address = listener.local_addr()?;
        let seen = Arc::new(HeardBytes {
            connections: watch::Sender::new(0),
            first_bytes: Mutex::new(Vec::new()),
        });
        let task = tokio::spawn(record(listener, Arc::clone(&seen)));
        Ok(Self { address, seen, task })
    }

    /// Returns the address of the listener.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.address
    }

    /// Returns `http://ip:port`, for a proxy variable or a redirect.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Returns the number of connections so far.
    #[must_use]
    pub fn connections(&self) -> u64 {
        *self.seen.connections.borrow()
    }

    /// Returns the first bytes (at most 1024) of each connection that sent any.
    #[must_use]
    pub fn first_bytes(&self) -> Vec<Vec<u8>> {
        self.seen.first_bytes.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits for a number of connections. Returns `false` if they did not arrive within `limit`.
    pub async fn wait_for_connections(&self, count: u64, limit: Duration) -> bool {
        let mut receiver = self.seen.connections.subscribe();
        tokio::time::timeout(limit, receiver.wait_for(|seen| *seen >= count))
            .await
            .is_ok_and(|seen| seen.is_ok())
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn record(listener: TcpListener, seen: Arc<HeardBytes>) {
    let mut callers = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    seen.connections.send_modify(|count| *count += 1);
                    callers.spawn(hear(stream, Arc::clone(&seen)));
                }
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            },
            Some(_) = callers.join_next(), if !callers.is_empty() => {}
        }
    }
}

async fn hear(mut stream: TcpStream, seen: Arc<HeardBytes>) {
    let mut bytes = vec![0; 1024];
    if let Ok(Ok(count)) = tokio::time::timeout(FIRST_BYTES, stream.read(&mut bytes)).await
        && count > 0
    {
        bytes.truncate(count);
        seen.first_bytes.lock().unwrap_or_else(PoisonError::into_inner).push(bytes);
        // The caller may have left.
        let _ = stream
            .write_all(
                b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
            )
            .await;
        let _ = stream.shutdown().await;
    }
}
