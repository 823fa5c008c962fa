//! Compresses answers: a job with a thousand hosts is some megabytes of JSON, and compresses to a
//! twentieth.
//!
//! An attacker who can insert text into a compressed answer, and make a browser repeat the request, can
//! guess secrets from its length (BREACH). That does not apply here: the authentication header cannot be
//! sent by another site's page, and no answer contains a reusable token or password. The page's nonce is
//! new in each answer.

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

/// The minimum size for compression. Refusals are smaller.
const LEAST: u64 = 1_024;

/// Returns a layer that compresses large, uncompressed answers and event streams. Whenever a stream has no
/// more to say, the compressor is flushed, so that no event waits in it.
pub(super) fn layer() -> CompressionLayer<impl Predicate> {
    // The fastest level. The next one takes twice the time for a tenth less data.
    CompressionLayer::new().quality(CompressionLevel::Fastest).compress_when(
        SizeAbove::new(LEAST)
            .and(NotForContentType::IMAGES)
            .and(NotForContentType::const_new("font/")),
    )
}

/// Restricts the compressing layer to behaviour that is valid for every request.
///
/// A request with weighted encodings (`q=`) gets an uncompressed answer, which is always allowed. If it
/// allowed no encoding at all, the layer would answer 406 to a write that has happened. The entity tag of a
/// compressed answer is weak, because its bytes differ (RFC 9110, 8.8.3).
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
