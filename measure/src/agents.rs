//! Agents over mutual TLS, in a process of their own: rustls and hyper on one thread, as the real agent is built.
//!
//! The fleets of the whole poller ask these. nginx on OpenSSL 3.0 needs several times the processor time for a
//! handshake, and would be what limits such a fleet.

use std::{
    convert::Infallible,
    fs,
    net::SocketAddr,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use healthgate_testkit::{Authority, Identity, ServerCertSpec};
use hyper::{
    Request, Response, StatusCode, body::Incoming, header::CONTENT_TYPE, server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::{
    RootCertStore, ServerConfig,
    server::{NoServerSessionStorage, WebPkiClientVerifier},
    version::TLS13,
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::{
    Outcome, cpu,
    process::{ADDRESSES, Process, everywhere, free_ports},
    target::{AGENT_NAME, REPORT, SERVICE_PATH},
};

/// The name of this program's part that serves agents.
pub(crate) const COMMAND: &str = "agents";
/// How long an idle connection is kept, and how long a handshake may take.
const PATIENCE: Duration = Duration::from_secs(15);

/// A running process of agents. Dropping it ends it.
pub(crate) struct Agents {
    process: Process,
    _place: TempDir,
    addresses: Vec<SocketAddr>,
    pub(crate) authority: Authority,
    pub(crate) client: Identity,
}

impl Agents {
    /// Starts this number of agents, a multiple of 50.
    pub(crate) async fn start(agents: usize) -> Outcome<Self> {
        let place = tempfile::Builder::new().prefix("healthgate-agents").tempdir()?;
        let authority = Authority::new("measure");
        let spec = ServerCertSpec::new("agent").with_dns(AGENT_NAME);
        let (server, client) = (authority.issue_server(&spec), authority.issue_client("manager"));
        let addresses = everywhere(&free_ports(agents.div_ceil(usize::from(ADDRESSES)))?);
        let lines: Vec<String> = addresses.iter().map(ToString::to_string).collect();
        let write = |name: &str, text: &str| fs::write(place.path().join(name), text);
        write("ca.pem", authority.ca_pem())?;
        write("server.pem", &server.cert_pem)?;
        write("server.key", &server.key_pem)?;
        write("addresses", &lines.join("\n"))?;
        let (folder, program) = (place.path().display().to_string(), std::env::current_exe()?);
        let arguments = [COMMAND.to_owned(), folder];
        let process = Process::start(place.path(), &program.to_string_lossy(), &arguments)?;
        let mut agents = Self { process, _place: place, addresses, authority, client };
        agents.wait().await?;
        Ok(agents)
    }

    /// Waits until the last agent listens.
    async fn wait(&mut self) -> Outcome<()> {
        let until = Instant::now() + Duration::from_secs(20);
        let Some(last) = self.addresses.last().copied() else { return Ok(()) };
        while TcpStream::connect(last).await.is_err() {
            if Instant::now() > until || !self.process.is_running() {
                return Err("the agents do not start".into());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    /// Returns the address of the agent with this number, round robin.
    pub(crate) fn agent(&self, number: usize) -> SocketAddr {
        self.addresses[number % self.addresses.len()]
    }

    /// Returns the processor time of all agents.
    pub(crate) fn cpu(&self) -> Outcome<Duration> {
        Ok(cpu::tree(self.process.id())?)
    }
}

/// Serves the agents of a folder until the process is ended.
pub(crate) async fn serve(folder: &Path) -> Outcome<()> {
    let acceptor = TlsAcceptor::from(Arc::new(server_config(folder)?));
    let mut listeners = Vec::new();
    for address in fs::read_to_string(folder.join("addresses"))?.lines() {
        let socket = TcpSocket::new_v4()?;
        socket.set_reuseaddr(true)?;
        socket.bind(address.parse()?)?;
        listeners.push(socket.listen(4_096)?);
    }
    let accepting = listeners.into_iter().map(|listener| accept(listener, acceptor.clone()));
    futures_util::future::join_all(accepting.map(tokio::spawn)).await;
    Ok(())
}

/// Returns the configuration of all agents: clients of the authority alone, and no resumption, so that every
/// connection is a full handshake.
fn server_config(folder: &Path) -> Outcome<ServerConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let certificates = |name: &str| -> Outcome<Vec<CertificateDer<'static>>> {
        let file = CertificateDer::pem_file_iter(folder.join(name))?;
        Ok(file.collect::<Result<_, _>>()?)
    };
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(certificates("ca.pem")?);
    let roots = Arc::new(roots);
    let clients =
        WebPkiClientVerifier::builder_with_provider(roots, Arc::clone(&provider)).build()?;
    let key = PrivateKeyDer::from_pem_file(folder.join("server.key"))?;
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13])?
        .with_client_cert_verifier(clients)
        .with_single_cert(certificates("server.pem")?, key)?;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(config)
}

async fn accept(listener: TcpListener, acceptor: TlsAcceptor) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                tokio::spawn(answer(stream, acceptor.clone()));
            }
            // No descriptor is free: the client tries again or gives up.
            Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    }
}

/// Answers one connection. A client that goes away, or takes too long, is its own affair.
async fn answer(stream: TcpStream, acceptor: TlsAcceptor) {
    let _ = stream.set_nodelay(true);
    let Ok(Ok(stream)) = tokio::time::timeout(PATIENCE, acceptor.accept(stream)).await else {
        return;
    };
    let _ = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(PATIENCE)
        .serve_connection(TokioIo::new(stream), service_fn(report))
        .await;
}

/// Reports the one service as running.
async fn report(request: Request<Incoming>) -> Result<Response<String>, Infallible> {
    let mut response = Response::new(REPORT.to_owned());
    if request.uri().path() != SERVICE_PATH {
        *response.status_mut() = StatusCode::NOT_FOUND;
    }
    response.headers_mut().insert(
        CONTENT_TYPE,
        const { hyper::header::HeaderValue::from_static("application/json") },
    );
    Ok(response)
}
