//! The life of one connection: the behaviour before HTTP, and one request after another.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::activity::RecordedRequest;
use crate::server::Shared;
use crate::step::{self, After, Step};
use crate::tls_mode::TlsMode;
use crate::wire::{self, HeadRead, Wire};

/// Serves one connection. Returns a duration if the whole listener has to restart.
pub(crate) async fn serve(
    shared: Arc<Shared>,
    mut stream: TcpStream,
    peer: SocketAddr,
) -> Option<Duration> {
    let (_open, number) = shared.activity.open();
    let endpoint = shared.endpoint();
    // Sends every byte of a script immediately. Without the option the bytes leave later.
    let _ = stream.set_nodelay(true);
    match endpoint.mode {
        TlsMode::SilentDropAfterAccept => {
            wire::discard(&mut stream).await;
            return None;
        }
        TlsMode::CloseAfterAccept => return None,
        TlsMode::NothingInCommon => {
            let mut hello = [0_u8; 16 * 1024];
            // A fatal alert `handshake_failure` in a TLS 1.2 record.
            if stream.read(&mut hello).await.is_ok()
                && stream.write_all(&[0x15, 0x03, 0x03, 0x00, 0x02, 0x02, 0x28]).await.is_ok()
            {
                wire::discard(&mut stream).await;
            }
            return None;
        }
        TlsMode::HangInHandshake => {
            let mut hello = [0_u8; 1];
            // The head of a handshake record that announces 122 bytes and sends none.
            if stream.read_exact(&mut hello).await.is_ok()
                && stream.write_all(&[0x16, 0x03, 0x03, 0x00, 0x7a]).await.is_ok()
            {
                wire::discard(&mut stream).await;
            }
            return None;
        }
        _ => {}
    }
    let mut template = RecordedRequest {
        method: String::new(),
        target: String::new(),
        minor_version: 1,
        headers: Vec::new(),
        peer,
        connection: number,
        alpn: None,
        server_name: None,
        tls_version: None,
    };
    let wire = match &endpoint.acceptor {
        None => Wire::Plain(stream),
        Some(acceptor) => handshake(&shared, acceptor, stream, &mut template).await?,
    };
    converse(&shared, endpoint.mode, wire, &template).await
}

async fn handshake(
    shared: &Shared,
    acceptor: &tokio_rustls::TlsAcceptor,
    stream: TcpStream,
    template: &mut RecordedRequest,
) -> Option<Wire> {
    let stream = match acceptor.accept(stream).into_fallible().await {
        Ok(stream) => stream,
        Err((_, stream)) => {
            shared.activity.count(|counters| counters.handshakes_failed += 1);
            wire::close_raw(stream).await;
            return None;
        }
    };
    let session = stream.get_ref().1;
    let resumed = session.handshake_kind() == Some(rustls::HandshakeKind::Resumed);
    template.alpn = session.alpn_protocol().map(|name| String::from_utf8_lossy(name).into_owned());
    template.server_name = session.server_name().map(str::to_owned);
    template.tls_version = session.protocol_version().map(|version| format!("{version:?}"));
    let http2 = template.alpn.as_deref() == Some("h2");
    shared.activity.count(|counters| {
        counters.handshakes_completed += 1;
        counters.handshakes_resumed += u64::from(resumed);
        counters.http2_connections += u64::from(http2);
    });
    let wire = Wire::Tls(Box::new(stream));
    if http2 {
        wire.close().await;
        return None;
    }
    Some(wire)
}

async fn converse(
    shared: &Shared,
    mode: TlsMode,
    mut wire: Wire,
    template: &RecordedRequest,
) -> Option<Duration> {
    let mut buffer = Vec::new();
    loop {
        let head =
            match wire::read_head(&mut wire, &mut buffer, shared.keep_alive, shared.head_limit)
                .await
            {
                HeadRead::Head(head) => head,
                HeadRead::Ended => {
                    shared.activity.count(|counters| counters.ended_by_client += 1);
                    wire.close().await;
                    return None;
                }
                HeadRead::Idle => {
                    wire.close().await;
                    return None;
                }
                HeadRead::TooSlow => return refuse(shared, wire, 408).await,
                HeadRead::Malformed => return refuse(shared, wire, 400).await,
            };
        let request = RecordedRequest {
            method: head.method,
            target: head.target,
            minor_version: head.minor_version,
            headers: head.headers,
            ..template.clone()
        };
        shared.activity.record(request.clone());
        let body =
            request.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
        if !wire::skip_body(&mut wire, &mut buffer, body).await {
            return None;
        }
        let steps = shared.handler.answer(&request, mode);
        wire = match step::perform(wire, steps, &shared.activity).await {
            After::KeepAlive(wire) => wire,
            After::Closed => return None,
            After::Restart(down_for) => return Some(down_for),
        };
        let wants_close =
            request.header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"));
        if wants_close || request.minor_version == 0 {
            wire.close().await;
            return None;
        }
    }
}

async fn refuse(shared: &Shared, wire: Wire, status: u16) -> Option<Duration> {
    let answer = step::response(status, &[("connection", "close")], b"");
    step::perform(wire, vec![Step::Send(answer), Step::Close], &shared.activity).await;
    None
}
