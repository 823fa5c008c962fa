//! A connection to a server that can be slow, silent or cut, or led to another server.

use std::{
    io,
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
    sync::watch,
    task::JoinHandle,
};

/// A TCP proxy on loopback in front of a server on loopback. Dropping it ends it.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    target: Arc<AtomicU16>,
    delay: Arc<AtomicU64>,
    silent: Arc<AtomicBool>,
    cut: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Proxy {
    /// Starts a proxy to this port, which passes on everything at once.
    ///
    /// # Errors
    /// Fails if it cannot listen.
    pub async fn to(port: u16) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let own = listener.local_addr()?.port();
        let (target, delay) = (Arc::new(AtomicU16::new(port)), Arc::new(AtomicU64::new(0)));
        let (silent, (cut, is_cut)) = (Arc::new(AtomicBool::new(false)), watch::channel(false));
        let (of_server, of_answers, of_both) =
            (Arc::clone(&target), Arc::clone(&delay), Arc::clone(&silent));
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let port = of_server.load(Ordering::Relaxed);
                let server = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
                if *is_cut.borrow() {
                    continue;
                }
                let Ok(upstream) = TcpStream::connect(server).await else { continue };
                let (client_in, client_out) = client.into_split();
                let (server_in, server_out) = upstream.into_split();
                let there = pass_on(client_in, server_out, Arc::default(), Arc::clone(&of_both));
                let back =
                    pass_on(server_in, client_out, Arc::clone(&of_answers), Arc::clone(&of_both));
                for way in [there, back] {
                    let mut is_cut = is_cut.clone();
                    tokio::spawn(async move {
                        tokio::select! {
                            _ = is_cut.wait_for(|is_cut| *is_cut) => {}
                            () = way => {}
                        }
                    });
                }
            }
        });
        Ok(Self { port: own, target, delay, silent, cut, task })
    }

    /// Returns the port that it listens on.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Leads new connections to another server.
    pub fn lead_to(&self, port: u16) {
        self.target.store(port, Ordering::Relaxed);
    }

    /// Passes nothing on and closes nothing, for as long as it is silent. What comes meanwhile is lost.
    pub fn fall_silent(&self, silent: bool) {
        self.silent.store(silent, Ordering::Relaxed);
    }

    /// Closes all connections, and new ones at once, for as long as it is cut.
    pub fn cut(&self, cut: bool) {
        self.cut.send_replace(cut);
    }

    /// Passes on each part of an answer later by this duration, to the millisecond.
    pub fn delay(&self, delay: Duration) {
        self.delay.store(u64::try_from(delay.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
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
