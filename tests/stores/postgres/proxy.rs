//! A connection to the server that can be made slow, or led to another server.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU16, AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// Passes everything on, each answer later by so much; or nothing, with all connections left open.
pub(crate) struct Proxy {
    pub(crate) port: u16,
    target: Arc<AtomicU16>,
    delay: Arc<AtomicU64>,
    silent: Arc<AtomicBool>,
    task: JoinHandle<()>,
}

impl Proxy {
    pub(crate) async fn to(port: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("bound");
        let own = listener.local_addr().expect("bound").port();
        let delay = Arc::new(AtomicU64::new(0));
        let of_answers = Arc::clone(&delay);
        let target = Arc::new(AtomicU16::new(port));
        let of_server = Arc::clone(&target);
        let silent = Arc::new(AtomicBool::new(false));
        let of_both = Arc::clone(&silent);
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let port = of_server.load(Ordering::Relaxed);
                let server = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
                let Ok(upstream) = TcpStream::connect(server).await else { continue };
                let (client_in, client_out) = client.into_split();
                let (server_in, server_out) = upstream.into_split();
                let silent = || Arc::clone(&of_both);
                tokio::spawn(pass_on(client_in, server_out, Arc::default(), silent()));
                tokio::spawn(pass_on(server_in, client_out, Arc::clone(&of_answers), silent()));
            }
        });
        Self { port: own, target, delay, silent, task }
    }

    /// From now on connections lead to another server.
    pub(crate) fn lead_to(&self, port: u16) {
        self.target.store(port, Ordering::Relaxed);
    }

    /// From now on nothing is passed on and nothing is closed. What comes meanwhile is lost.
    pub(crate) fn fall_silent(&self, silent: bool) {
        self.silent.store(silent, Ordering::Relaxed);
    }

    pub(crate) fn delay(&self, delay: Duration) {
        self.delay.store(u64::try_from(delay.as_millis()).expect("short"), Ordering::Relaxed);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn pass_on(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    delay: Arc<AtomicU64>,
    silent: Arc<AtomicBool>,
) {
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        let delay = Duration::from_millis(delay.load(Ordering::Relaxed));
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
        if silent.load(Ordering::Relaxed) {
            continue;
        }
        if to.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
}
