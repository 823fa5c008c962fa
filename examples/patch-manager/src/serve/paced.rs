//! Connections whose clients must read their answers in time (F251).

use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Instant, Sleep, sleep_until},
};

/// A client that reads at this rate, in bytes per second, is never too slow.
const RATE: u32 = 1_024;

/// A stream that fails if its client stalls it for too long. Time without data to send does not count.
/// Reading earns the client more time, up to the initial amount.
pub(super) struct Paced<S> {
    inner: S,
    /// The maximum stall time.
    patience: Duration,
    /// The remaining stall time.
    left: Duration,
    /// The start of the current stall, and its limit.
    waiting: Option<(Instant, Pin<Box<Sleep>>)>,
}

impl<S> Paced<S> {
    /// Creates a stream whose client may stall it this long.
    pub(super) const fn new(inner: S, patience: Duration) -> Self {
        Self { inner, patience, left: patience, waiting: None }
    }

    /// Records the outcome of a write.
    fn pace(
        &mut self,
        context: &mut Context<'_>,
        written: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        match written {
            Poll::Ready(Ok(count)) => {
                if let Some((since, _)) = self.waiting.take() {
                    self.left = self.left.saturating_sub(since.elapsed());
                }
                let count_32 = u32::try_from(count).unwrap_or(u32::MAX);
                let earned = Duration::from_secs(1).saturating_mul(count_32) / RATE;
                self.left = self.left.saturating_add(earned).min(self.patience);
                Poll::Ready(Ok(count))
            }
            Poll::Pending => {
                let left = self.left;
                let (_, sleep) = self.waiting.get_or_insert_with(|| {
                    let now = Instant::now();
                    (now, Box::pin(sleep_until(now + left)))
                });
                ready!(sleep.as_mut().poll(context));
                Poll::Ready(Err(io::Error::new(
                    io::ErrorKind::TimedOut,
                    "the client reads too slowly",
                )))
            }
            failed @ Poll::Ready(Err(_)) => failed,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Paced<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Paced<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.inner).poll_write(context, bytes);
        this.pace(context, written)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.inner).poll_write_vectored(context, bytes);
        this.pace(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(10);

    /// F251: a client that reads nothing, or a byte from time to time, is disconnected. A client that reads
    /// at the minimum rate is not, however long it takes, and silence costs nothing.
    #[tokio::test(start_paused = true)]
    async fn f251_who_reads_too_slowly_is_cut() {
        for (bytes, every, cut) in
            [(0, 1, true), (1, 1, true), (500, 1, true), (1_100, 1, false), (9_000, 8, false)]
        {
            let (ours, mut theirs) = duplex(1_024);
            let mut paced = Paced::new(ours, PATIENCE);
            tokio::time::sleep(PATIENCE * 10).await;
            let reading = async {
                let mut buffer = vec![0; bytes.max(1)];
                loop {
                    tokio::time::sleep(Duration::from_secs(every)).await;
                    if bytes > 0 && theirs.read_exact(&mut buffer).await.is_err() {
                        return;
                    }
                }
            };
            let answer = vec![7; 64 * 1_024];
            let written = tokio::select! {
                written = paced.write_all(&answer) => written,
                () = reading => panic!("{bytes}: the reader stopped"),
            };
            assert_eq!(written.is_err(), cut, "{bytes} bytes every {every} s: {written:?}");
        }
    }
}
