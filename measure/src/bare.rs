//! The loops that the library is compared with: reqwest and hyper, without anything around them.

use std::{future::poll_fn, net::SocketAddr, pin::Pin, sync::Arc, time::Duration};

use async_trait::async_trait;
use futures_util::{StreamExt, stream};
use hyper::{
    Request,
    body::{Body, Incoming},
    client::conn::http1,
    header::HOST,
};
use hyper_util::rt::TokioIo;
use rustls_pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::{
    Outcome, cpu,
    target::{AGENT_NAME, EXPECTED, SERVICE_PATH, Target},
    turns::Candidate,
};

/// A shared reqwest client without a pool, which looks for the substring in the body.
pub(crate) struct BareReqwest {
    target: Arc<Target>,
    client: reqwest::Client,
    checks: usize,
    in_flight: usize,
}

impl BareReqwest {
    pub(crate) fn new(target: &Arc<Target>, checks: usize, in_flight: usize) -> Outcome<Self> {
        let client = reqwest::Client::builder()
            .no_proxy()
            .http1_only()
            .pool_max_idle_per_host(0)
            .timeout(crate::fleet::TIMEOUT)
            .build()?;
        Ok(Self { target: Arc::clone(target), client, checks, in_flight })
    }

    async fn check(&self, number: usize) -> Outcome<()> {
        let answer = self.client.get(self.target.url(number)).send().await?.error_for_status()?;
        let body = answer.text().await?;
        if body.contains(EXPECTED) { Ok(()) } else { Err("another body".into()) }
    }
}

#[async_trait(?Send)]
impl Candidate for BareReqwest {
    fn name(&self) -> String {
        "bare reqwest, http".to_owned()
    }

    async fn round(&mut self) -> Outcome<Duration> {
        let before = cpu::own();
        let mut running = stream::iter(0..self.checks)
            .map(|number| self.check(number))
            .buffer_unordered(self.in_flight);
        while let Some(done) = running.next().await {
            done?;
        }
        Ok((cpu::own() - before) / u32::try_from(self.checks)?)
    }
}

/// Hyper over rustls with one configuration: this number of GETs on each fresh connection.
pub(crate) struct BareHyper {
    target: Arc<Target>,
    tls: TlsConnector,
    per_connection: usize,
    connections: usize,
    in_flight: usize,
}

impl BareHyper {
    pub(crate) fn new(
        target: &Arc<Target>,
        per_connection: usize,
        connections: usize,
        in_flight: usize,
    ) -> Self {
        let mut config = target.authority.client_config(Some(&target.client));
        config.resumption = rustls::client::Resumption::disabled();
        let tls = TlsConnector::from(Arc::new(config));
        Self { target: Arc::clone(target), tls, per_connection, connections, in_flight }
    }

    async fn connection(&self, address: SocketAddr) -> Outcome<()> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let stream = self.tls.connect(ServerName::try_from(AGENT_NAME)?, stream).await?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        let requests = async move {
            for _ in 0..self.per_connection {
                let request =
                    Request::get(SERVICE_PATH).header(HOST, AGENT_NAME).body(String::new())?;
                let answer = sender.send_request(request).await?;
                let (status, body) = (answer.status(), collect(answer.into_body()).await?);
                let body: serde_json::Value = serde_json::from_slice(&body)?;
                if !status.is_success() || body["data"]["healthy"] != true {
                    return Err(format!("{status}: {body}").into());
                }
            }
            Ok::<_, Box<dyn std::error::Error>>(())
        };
        let (ended, done) = tokio::join!(connection, requests);
        done?;
        Ok(ended?)
    }
}

/// Reads a body to its end.
async fn collect(mut body: Incoming) -> Outcome<Vec<u8>> {
    let mut bytes = Vec::new();
    while let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        if let Ok(data) = frame?.into_data() {
            bytes.extend_from_slice(&data);
        }
    }
    Ok(bytes)
}

#[async_trait(?Send)]
impl Candidate for BareHyper {
    fn name(&self) -> String {
        match self.per_connection {
            1 => "bare hyper, mutual TLS, a fresh connection for each GET".to_owned(),
            several => format!("bare hyper, mutual TLS, {several} GETs on a fresh connection"),
        }
    }

    async fn round(&mut self) -> Outcome<Duration> {
        let before = cpu::own();
        let mut running = stream::iter(0..self.connections)
            .map(|number| self.connection(self.target.agent(number)))
            .buffer_unordered(self.in_flight);
        while let Some(done) = running.next().await {
            done?;
        }
        Ok((cpu::own() - before) / u32::try_from(self.connections * self.per_connection)?)
    }
}
