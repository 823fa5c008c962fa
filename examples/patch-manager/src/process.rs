//! A serving process: its listener, its worker, its site, and their shutdown.

use std::{io::Write as _, net::SocketAddr, sync::Arc, time::Duration};

use ipnet::IpNet;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::{
    app::App,
    config::TestLimits,
    error::Failure,
    serve::{self, Places},
    web::{ExtraRoutes, Liveness, Load, Monitoring, Site},
    worker::Worker,
};

/// A process that is ready to run.
pub(crate) struct Process {
    /// The listener. A worker may have none.
    pub(crate) listener: Option<TcpListener>,
    /// A separate listener for the site's health and metrics.
    pub(crate) monitor: Option<TcpListener>,
    /// The hash of the token for health and metrics.
    pub(crate) monitoring_token: Option<String>,
    pub(crate) worker: Option<Worker>,
    /// Whether it serves the whole site, or only health and metrics.
    pub(crate) with_site: bool,
    pub(crate) tests: TestLimits,
    /// Proxies that many clients share.
    pub(crate) proxies: Vec<IpNet>,
    pub(crate) metrics: PrometheusHandle,
    /// Routes in addition to those of every site.
    pub(crate) extra: Option<ExtraRoutes>,
}

/// The maximum duration of the whole shutdown. The worker's own grace periods are shorter.
const WHOLE_GRACE: Duration = Duration::from_secs(14);

/// The maximum time that the start waits for event streams. Without a database there are none.
const STREAMS_WITHIN: Duration = Duration::from_secs(2);

impl Process {
    /// Runs until `stop` is cancelled, and then ends within 15 s.
    ///
    /// # Errors
    /// Fails if the listener fails.
    pub(crate) async fn run(self, app: App, stop: CancellationToken) -> Result<(), Failure> {
        let liveness = self.worker.as_ref().map_or_else(Liveness::default, |worker| {
            Liveness::of(worker.poller.clone(), worker.gates.clone())
        });
        let worker = self.worker.map(|worker| {
            let stop = stop.clone();
            tokio::spawn(async move { worker.run(stop).await })
        });
        let upkeep = tokio::spawn(keep_up(self.metrics.clone(), stop.clone()));
        let places = Places::of_this_process(self.proxies);
        let load = Load::new(places.clone());
        let monitoring = Monitoring {
            liveness: liveness.clone(),
            store: app.store.clone(),
            metrics: self.metrics,
            token_sha256: self.monitoring_token.map(Arc::from),
        };
        let site = self.with_site.then(|| {
            // Health and metrics are served in one place.
            let shown = self.monitor.is_none().then(|| monitoring.clone());
            Arc::new(Site::new(&app, self.tests, &liveness, shown, self.extra, load.clone()))
        });
        let watched = match self.monitor {
            None => None,
            Some(listener) => {
                announce("monitoring", &listener)
                    .map_err(|source| Failure::Io { what: "the listener failed", source })?;
                // Separate slots, so that requests to the site do not take them.
                let places = Places::small();
                let router = monitoring.clone().router(Load::new(places.clone()));
                Some(tokio::spawn(serve::serve(listener, router, places, stop.clone())))
            }
        };
        let (router, feed) = match site {
            Some(site) => {
                let (router, stop) = (site.router.clone(), stop.clone());
                let feed = tokio::spawn({
                    let site = Arc::clone(&site);
                    async move { site.run(stop).await }
                });
                // A client that reads the address may open a stream immediately.
                let streaming = async {
                    while !site.is_streaming() {
                        tokio::time::sleep(Duration::from_millis(5)).await;
                    }
                };
                let _ = tokio::time::timeout(STREAMS_WITHIN, streaming).await;
                (router, Some(feed))
            }
            None => (monitoring.router(load), None),
        };
        let served = match self.listener {
            Some(listener) => match announce("listening", &listener) {
                Ok(()) => {
                    serve::serve(listener, router, places, stop.clone()).await;
                    Ok(())
                }
                Err(source) => Err(Failure::Io { what: "the listener failed", source }),
            },
            None => {
                stop.cancelled().await;
                Ok(())
            }
        };
        stop.cancel();
        let over = async {
            for part in [worker, feed, watched, Some(upkeep)].into_iter().flatten() {
                let _ = part.await;
            }
            app.workers.database.close().await;
            app.database.close().await;
        };
        if tokio::time::timeout(WHOLE_GRACE - serve::GRACE, over).await.is_err() {
            warn!("the shutdown took too long: other workers take the leases over");
        }
        info!("stopped");
        served
    }
}

/// Prints the address of a listener to standard output.
fn announce(what: &str, listener: &TcpListener) -> std::io::Result<()> {
    let address = listener.local_addr()?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "{what} on http://{address}")?;
    out.flush()
}

pub(crate) async fn listen(address: SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).await.map_err(|source| Failure::Listen { address, source })
}

/// Returns a token that the first SIGTERM or SIGINT cancels.
///
/// # Errors
/// Fails if signals cannot be handled.
pub(crate) fn stop_signal() -> Result<CancellationToken, Failure> {
    let failed = |source| Failure::Io { what: "signals cannot be handled", source };
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let stop = CancellationToken::new();
    let token = stop.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        info!("stopping");
        token.cancel();
    });
    Ok(stop)
}

/// Keeps the collected metrics from growing.
async fn keep_up(metrics: PrometheusHandle, stop: CancellationToken) {
    let every = Duration::from_secs(5);
    while tokio::time::timeout(every, stop.cancelled()).await.is_err() {
        metrics.run_upkeep();
    }
}
