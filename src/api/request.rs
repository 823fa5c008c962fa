//! The parts of every request: its caller, its id, and the ids in its path.

use std::{error::Error as _, fmt, str::FromStr, sync::Arc};

use axum::{
    extract::{FromRequestParts, Path, Request},
    http::{HeaderValue, header, request::Parts},
    middleware::Next,
    response::Response,
};
use tracing::{Instrument, error, info_span};
use uuid::Uuid;

use super::Problem;
use crate::model::Actor;

/// The header with a request's id, in requests and answers.
pub const REQUEST_ID_HEADER: &str = "x-request-id";

/// The id of a request, for logs and audit records. It is the caller's own if the header contains 1 to 128
/// letters, digits, `.`, `_` or `-`, and otherwise a new one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RequestId(Arc<str>);

impl RequestId {
    /// Returns the id of a request.
    #[must_use]
    pub fn of(request: &Request) -> Self {
        if let Some(known) = request.extensions().get::<Self>() {
            return known.clone();
        }
        let mut given = request.headers().get_all(REQUEST_ID_HEADER).iter();
        let given = match (given.next(), given.next()) {
            (Some(only), None) => only.to_str().ok(),
            _ => None,
        };
        let fine = |id: &&str| {
            let known = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
            (1..=128).contains(&id.len()) && id.bytes().all(known)
        };
        match given.filter(fine) {
            Some(id) => Self(id.into()),
            None => Self(Uuid::now_v7().to_string().into()),
        }
    }

    /// Returns the id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// The middleware of every route of the API. An application also applies it to its own routes, with
/// [`axum::middleware::from_fn`].
///
/// It assigns the request its [`RequestId`] (as an extension, in a span around the handler, and in the
/// answer's header), forbids sniffing and caching of the answer, and logs the cause of a [`Problem`] of
/// status 500 and above. Applied twice, it acts once.
pub async fn envelope(mut request: Request, next: Next) -> Response {
    if request.extensions().get::<RequestId>().is_some() {
        return next.run(request).await;
    }
    let id = RequestId::of(&request);
    request.extensions_mut().insert(id.clone());
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let span = info_span!("request", request_id = %id, %method, path);
    let mut response = next.run(request).instrument(span.clone()).await;
    if let Some(problem) = response.extensions().get::<Problem>()
        && problem.status().is_server_error()
    {
        let cause = Causes(problem);
        span.in_scope(|| error!(status = problem.status().as_u16(), code = problem.code(), %cause));
    }
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(id.as_str()) {
        headers.insert(REQUEST_ID_HEADER, id);
    }
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Displays the causes of a problem, outermost first.
struct Causes<'a>(&'a Problem);

impl fmt::Display for Causes<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut next = self.0.source();
        let mut separator = "";
        while let Some(cause) = next {
            write!(formatter, "{separator}{cause}")?;
            separator = ": ";
            next = cause.source();
        }
        Ok(())
    }
}

/// The caller of a request. The application authenticates: it inserts an [`Actor`] into the request's
/// extensions. A request without one is answered with 401.
///
/// The actor must have the user's current role. The extractor adds the request's id.
#[derive(Clone, Debug)]
pub struct Caller(pub Actor);

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let mut actor = parts.extensions.get::<Actor>().cloned();
        let actor = actor.take().ok_or_else(Problem::unauthenticated)?;
        let request_id = parts.extensions.get::<RequestId>().map(ToString::to_string);
        Ok(Self(Actor { request_id: request_id.or(actor.request_id), ..actor }))
    }
}

/// The single id in a path. A value that is not a UUID is answered with 404, like any unknown id.
#[derive(Clone, Copy, Debug)]
pub struct Id<T>(pub T);

impl<S: Send + Sync, T: FromStr> FromRequestParts<S> for Id<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let path = Path::<String>::from_request_parts(parts, state).await;
        let Path(id) = path.map_err(|_| Problem::not_found())?;
        parsed(&id).map(Self)
    }
}

/// The two ids in a path, by the rules of [`Id`].
#[derive(Clone, Copy, Debug)]
pub struct Ids<A, B>(pub A, pub B);

impl<S: Send + Sync, A: FromStr, B: FromStr> FromRequestParts<S> for Ids<A, B> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let path = Path::<(String, String)>::from_request_parts(parts, state).await;
        let Path((first, second)) = path.map_err(|_| Problem::not_found())?;
        Ok(Self(parsed(&first)?, parsed(&second)?))
    }
}

fn parsed<T: FromStr>(text: &str) -> Result<T, Problem> {
    text.parse().map_err(|_| Problem::not_found())
}
