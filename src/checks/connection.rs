//! An HTTP/1.1 connection, which carries one request after another.
//!
//! The future that sends a request also drives the connection. So it needs no task of its own, and nothing
//! of it outlives a run.

use std::{
    future::poll_fn,
    pin::{Pin, pin},
    task::{Context, Poll, Waker},
};

use hyper::{
    HeaderMap, Request, Response, StatusCode, Uri,
    body::{Body, Bytes, Frame, Incoming},
    client::conn::http1::{self, SendRequest},
    header::{ACCEPT, ACCEPT_ENCODING, HOST, HeaderValue, USER_AGENT},
};
use hyper_util::rt::TokioIo;
use tokio::io::AsyncWrite;
use tokio_util::either::Either;

use super::connect::Stream;

/// A request. A text is the simplest body, and it is always empty.
pub(super) type Get = Request<String>;

type Driver = http1::Connection<TokioIo<Stream>, String>;

/// The maximum number of header fields of an answer (H9).
const MAXIMUM_HEADERS: usize = 100;

/// Creates a GET with the headers of all requests (H2).
pub(super) fn get(path: Uri, host: HeaderValue, user_agent: &HeaderValue) -> Get {
    let mut request = Request::new(String::new());
    *request.uri_mut() = path;
    let headers = request.headers_mut();
    headers.insert(HOST, host);
    headers.insert(USER_AGENT, user_agent.clone());
    headers.insert(ACCEPT, HeaderValue::from_static("*/*"));
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    request
}

/// Which answers are read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Syntax {
    /// Only those in the form that a server must send.
    Strict,
    /// Also those with folded lines, spaces before colons, or unusable lines, as a client may read them (RFC
    /// 9112, 5.1 and 5.2). Nothing can be hidden between two answers where a connection carries one.
    Lenient,
}

/// An idle connection.
pub(super) struct Connection {
    sender: SendRequest<String>,
    driver: Option<Driver>,
}

impl Connection {
    pub(super) async fn over(stream: Stream, syntax: Syntax) -> hyper::Result<Self> {
        let lenient = syntax == Syntax::Lenient;
        let (sender, driver) = http1::Builder::new()
            .max_headers(MAXIMUM_HEADERS)
            .allow_obsolete_multiline_headers_in_responses(lenient)
            .allow_spaces_after_header_name_in_responses(lenient)
            .ignore_invalid_headers_in_responses(lenient)
            .handshake(TokioIo::new(stream))
            .await?;
        Ok(Self { sender, driver: Some(driver) })
    }

    /// Returns whether the connection can carry another request, as far as is known here: the peer may just
    /// be closing it.
    pub(super) async fn is_usable(&mut self) -> bool {
        let ready = poll_fn(|context| {
            // First, since it may learn now that the peer has closed.
            poll_driver(&mut self.driver, context);
            self.sender.poll_ready(context)
        });
        ready.await.is_ok()
    }

    /// Sends a request and waits for the head of its answer.
    pub(super) async fn send(mut self, request: Get) -> hyper::Result<Answer> {
        let answer = pin!(self.sender.send_request(request));
        let (head, body) = drive(&mut self.driver, answer).await.map(Response::into_parts)?;
        Ok(Answer { status: head.status, headers: head.headers, body, connection: self })
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if let Some(driver) = self.driver.take() {
            close(driver);
        }
    }
}

/// Closes a connection. Ends TLS in order, without waiting, so that the peer does not take the end for a cut.
fn close(driver: Driver) {
    if let Either::Right(stream) = &mut driver.into_parts().io.into_inner() {
        let mut context = Context::from_waker(Waker::noop());
        let _ = Pin::new(stream).poll_shutdown(&mut context);
    }
}

/// An answer whose body is still to be read.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    body: Incoming,
    connection: Connection,
}

impl Answer {
    /// Reads the next part of the body. Returns `None` at its end.
    pub(super) async fn chunk(&mut self) -> hyper::Result<Option<Bytes>> {
        let Self { body, connection, .. } = self;
        loop {
            let frame = pin!(poll_fn(|context| Pin::new(&mut *body).poll_frame(context)));
            let frame = drive(&mut connection.driver, frame).await.transpose()?;
            match frame.map(Frame::into_data) {
                Some(Ok(data)) => return Ok(Some(data)),
                // Trailers.
                Some(Err(_)) => {}
                None => return Ok(None),
            }
        }
    }

    /// Returns the connection, for the next request. The body must have been read to its end.
    pub(super) fn into_connection(self) -> Connection {
        self.connection
    }
}

/// Waits for something that a connection brings about. What goes wrong with the connection reaches those who
/// wait for an answer or its body.
async fn drive<F: Future>(driver: &mut Option<Driver>, mut awaited: Pin<&mut F>) -> F::Output {
    poll_fn(|context| {
        if let Poll::Ready(output) = awaited.as_mut().poll(context) {
            return Poll::Ready(output);
        }
        poll_driver(driver, context);
        awaited.as_mut().poll(context)
    })
    .await
}

fn poll_driver(driver: &mut Option<Driver>, context: &mut Context<'_>) {
    // Without hyper's shutdown: closing ends a plain connection as well, with one call of the system less.
    if let Some(ended) = driver.take_if(|driver| driver.poll_without_shutdown(context).is_ready()) {
        close(ended);
    }
}
