//! Connects to the first of several addresses that answers, TLS included (RFC 8305).

use std::{io, net::SocketAddr, time::Duration};

use futures_util::{StreamExt, stream::FuturesUnordered};
use rustls_pki_types::ServerName;
use tokio::{net::TcpStream, time::sleep};
use tokio_rustls::{TlsConnector, client::TlsStream};
use tokio_util::either::Either;

use super::{
    progress::{Phase, Progress},
    tls,
};
use crate::model::ReasonCode;

/// The time that an attempt has to connect before the next address is tried as well.
const STAGGER: Duration = Duration::from_millis(250);

/// The maximum number of addresses of one name that are tried.
const MAXIMUM_ADDRESSES: usize = 8;

/// An open connection. TLS needs much more memory, hence the box.
pub(super) type Stream = Either<TcpStream, Box<TlsStream<TcpStream>>>;

/// How a connection is protected.
#[derive(Clone)]
pub(super) enum Protection {
    /// By nothing.
    Plain,
    /// By TLS, for a server of this name.
    Tls(TlsConnector, ServerName<'static>),
}

/// Connects to the first of these addresses that answers.
///
/// Another address is tried when the last attempt has not connected within 250 ms, or has failed to.
/// An answer of a peer, such as a failed handshake, is final. Dropping the future closes all attempts.
pub(super) async fn connect(
    addresses: &[SocketAddr],
    protection: &Protection,
    progress: &Progress,
) -> io::Result<Stream> {
    progress.enter(Phase::Connecting);
    let stream = match addresses {
        [only] => protection.open(*only).await?,
        several => race(several, protection).await?,
    };
    progress.enter(Phase::AwaitingHead);
    Ok(stream)
}

async fn race(addresses: &[SocketAddr], protection: &Protection) -> io::Result<Stream> {
    let mut waiting = interleave(addresses).into_iter().take(MAXIMUM_ADDRESSES);
    let mut attempts = FuturesUnordered::new();
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    loop {
        if let Some(address) = waiting.next() {
            attempts.push(protection.open(address));
        }
        let may_start = waiting.len() > 0;
        tokio::select! {
            biased;
            Some(opened) = attempts.next() => match opened {
                Ok(stream) => return Ok(stream),
                Err(error) if may_go_on(&error) => last = error,
                Err(error) => return Err(error),
            },
            () = sleep(STAGGER), if may_start => {}
            else => return Err(last),
        }
    }
}

impl Protection {
    async fn open(&self, address: SocketAddr) -> io::Result<Stream> {
        let stream = TcpStream::connect(address).await?;
        // A request that follows the handshake must not wait for the peer to acknowledge it.
        stream.set_nodelay(true)?;
        match self {
            Self::Plain => Ok(Either::Left(stream)),
            Self::Tls(connector, name) => {
                let stream = connector.connect(name.clone(), stream).await?;
                Ok(Either::Right(Box::new(stream)))
            }
        }
    }
}

/// Returns whether another address may succeed. An answer of the peer is final.
fn may_go_on(error: &io::Error) -> bool {
    tls::classify(error).0 == ReasonCode::Connect
}

/// Alternates between the families of addresses, beginning with the first address (RFC 8305, 4).
fn interleave(addresses: &[SocketAddr]) -> Vec<SocketAddr> {
    let first_is_ipv4 = addresses.first().is_some_and(SocketAddr::is_ipv4);
    let (first, second): (Vec<SocketAddr>, Vec<SocketAddr>) =
        addresses.iter().partition(|address| address.is_ipv4() == first_is_ipv4);
    let mut first = first.into_iter();
    let mut second = second.into_iter();
    let mut order = Vec::with_capacity(addresses.len());
    while order.len() < addresses.len() {
        order.extend(first.next());
        order.extend(second.next());
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f191_families_take_turns_and_keep_their_order() {
        let order = |addresses: &[&str]| -> Vec<String> {
            let addresses: Vec<SocketAddr> =
                addresses.iter().map(|text| text.parse().expect("an address")).collect();
            interleave(&addresses).iter().map(ToString::to_string).collect()
        };
        assert_eq!(
            order(&["[::1]:1", "[::2]:1", "[::3]:1", "10.0.0.1:1", "10.0.0.2:1"]),
            ["[::1]:1", "10.0.0.1:1", "[::2]:1", "10.0.0.2:1", "[::3]:1"]
        );
        assert_eq!(order(&["10.0.0.2:1", "10.0.0.1:1"]), ["10.0.0.2:1", "10.0.0.1:1"]);
        assert!(order(&[]).is_empty());
    }
}
