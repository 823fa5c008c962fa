//! An address that never completes a connection.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::timeout;

/// The time after which a connection counts as swallowed. On loopback a connection takes microseconds.
const SWALLOWED: Duration = Duration::from_millis(300);
/// More connections than a backlog of length 0 ever holds.
const MOST_FILLERS: usize = 64;

/// A listener with a permanently full backlog. The system drops every further SYN, so that connecting
/// neither succeeds nor is refused, as behind a firewall that drops packets. Works on Linux.
pub struct BlackHole {
    address: SocketAddr,
    _listener: TcpListener,
    _fillers: Vec<TcpStream>,
}

impl BlackHole {
    /// Starts on `127.0.0.1` at a free port. Takes about a third of a second.
    ///
    /// # Errors
    /// Fails if no port can be bound, or if the system keeps accepting ([`io::ErrorKind::Unsupported`]).
    pub async fn start() -> io::Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.bind((Ipv4Addr::LOCALHOST, 0).into())?;
        let listener = socket.listen(0)?;
        let address = listener.local_addr()?;
        let mut fillers = Vec::new();
        while fillers.len() < MOST_FILLERS {
            match timeout(SWALLOWED, TcpStream::connect(address)).await {
                Ok(stream) => fillers.push(stream?),
                Err(_) => {
                    return Ok(Self { address, _listener: listener, _fillers: fillers });
                }
            }
        }
        Err(io::Error::new(
            io::ErrorKind::Unsupported,
            "this system accepts more connections than the backlog holds",
        ))
    }

    /// Returns the address that swallows connections.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.address
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn connecting_neither_succeeds_nor_fails() {
        let hole = BlackHole::start().await.unwrap();
        assert!(
            timeout(Duration::from_millis(500), TcpStream::connect(hole.addr())).await.is_err()
        );
    }
}
