//! Compression of answers: a job of a thousand hosts is some megabytes of JSON, and a twentieth of it compressed.
//!
//! What is compressed with text that an attacker chose can be guessed by its length if the attacker can make
//! a browser ask again and again (BREACH). That does not apply here: a request is authenticated by a header
//! that no other site can make a browser send, and no answer holds a token or a password that exists
//! elsewhere. The page's nonce is new in each answer.

use axum::{
    extract::Request,
    http::{HeaderValue, header},
    middleware::Next,
    response::Response,
};
use tower_http::{
    CompressionLevel,
    compression::{
        CompressionLayer, Predicate,
        predicate::{NotForContentType, SizeAbove},
    },
};

/// The least bytes that are worth it; refusals are shorter.
const LEAST: u64 = 1_024;

/// Compresses what is large and not compressed already. An event stream is neither: its events would wait in
/// the compressor.
pub(super) fn layer() -> CompressionLayer<impl Predicate> {
    // The fastest level: the next one costs twice the time for a tenth of the size.
    CompressionLayer::new().quality(CompressionLevel::Fastest).compress_when(
        SizeAbove::new(LEAST)
            .and(NotForContentType::SSE)
            .and(NotForContentType::IMAGES)
            .and(NotForContentType::const_new("font/")),
    )
}

/// Keeps the compressing layer to what holds for every request and answer.
///
/// A request that weighs encodings (`q=`) is answered uncompressed, which is always allowed: where it allowed
/// none at all, the layer would say 406 to a write that was made. The entity tag of a compressed answer is
/// weak, as its bytes are others (RFC 9110, 8.8.3).
pub(super) async fn bounds(mut request: Request, next: Next) -> Response {
    let weighs = |value: &HeaderValue| value.as_bytes().contains(&b'=');
    if request.headers().get_all(header::ACCEPT_ENCODING).iter().any(weighs) {
        request.headers_mut().remove(header::ACCEPT_ENCODING);
    }
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    if headers.contains_key(header::CONTENT_ENCODING)
        && let Some(tag) = headers.get(header::ETAG).map(HeaderValue::as_bytes)
        && !tag.starts_with(b"W/")
        && let Ok(weak) = HeaderValue::from_bytes(&[b"W/", tag].concat())
    {
        headers.insert(header::ETAG, weak);
    }
    response
}
