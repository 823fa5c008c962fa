//! A small client for the tests: one connection, requests as bytes, answers as they come.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use healthgate_testkit::{Authority, Identity};
use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Bound for everything that should happen at once.
pub(crate) const SOON: Duration = Duration::from_secs(10);

pub(crate) trait Stream:
    tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send
{
}
impl<T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send> Stream for T {}

pub(crate) struct Client {
    pub(crate) stream: Box<dyn Stream>,
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head
            .lines()
            .filter_map(|line| line.split_once(": "))
            .find(|(key, _)| *key == name)
            .map(|(_, value)| value)
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }
}

/// A client configuration with a client certificate and ALPN for HTTP/1.1.
pub(crate) fn config(authority: &Authority, identity: Option<&Identity>) -> ClientConfig {
    let mut config = authority.client_config(identity);
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config
}

pub(crate) async fn tls(
    address: SocketAddr,
    config: ClientConfig,
) -> io::Result<TlsStream<TcpStream>> {
    let stream = TcpStream::connect(address).await?;
    let name = ServerName::IpAddress(address.ip().into());
    let connecting = TlsConnector::from(Arc::new(config)).connect(name, stream);
    tokio::time::timeout(SOON, connecting)
        .await
        .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
}

impl Client {
    pub(crate) async fn agent(authority: &Authority, address: SocketAddr) -> io::Result<Self> {
        let identity = authority.issue_client("manager");
        Ok(Self { stream: Box::new(tls(address, config(authority, Some(&identity))).await?) })
    }

    pub(crate) async fn plain(address: SocketAddr) -> io::Result<Self> {
        Ok(Self { stream: Box::new(TcpStream::connect(address).await?) })
    }

    pub(crate) async fn send(&mut self, text: &str) -> io::Result<()> {
        self.stream.write_all(text.as_bytes()).await?;
        self.stream.flush().await
    }

    pub(crate) async fn get(&mut self, path: &str) -> io::Result<Answer> {
        self.send(&format!("GET {path} HTTP/1.1\r\nHost: test\r\nAccept: */*\r\n\r\n")).await?;
        tokio::time::timeout(SOON, self.answer())
            .await
            .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
    }

    pub(crate) async fn service(&mut self, name: &str) -> io::Result<Answer> {
        self.get(&format!("/api/v1/system/services/{name}")).await
    }

    pub(crate) async fn head(&mut self) -> io::Result<String> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(self.stream.read_u8().await?);
        }
        Ok(String::from_utf8(head).unwrap())
    }

    pub(crate) async fn answer(&mut self) -> io::Result<Answer> {
        let head = self.head().await?;
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let mut answer = Answer { status, head, body: Vec::new() };
        if let Some(length) = answer.header("content-length") {
            answer.body = vec![0; length.parse().unwrap()];
            self.stream.read_exact(&mut answer.body).await?;
        }
        Ok(answer)
    }

    /// Everything until the end of the connection.
    pub(crate) async fn rest(&mut self) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        tokio::time::timeout(SOON, self.stream.read_to_end(&mut bytes))
            .await
            .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
        Ok(bytes)
    }
}
