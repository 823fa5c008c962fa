//! Authenticates requests: looks up a bearer token by its hash.

use std::time::Duration;

use axum::{
    body::Body,
    extract::{Request, State},
    http::{HeaderMap, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use futures_util::StreamExt as _;
use healthgate::{
    api::{Problem, RequestId},
    model::{Actor, AuditAction, AuditEntry, FieldChange, Role},
};

use super::{Web, load};
use crate::{
    database::{Database, token_hash},
    serve::Peer,
};

/// Adds the caller to the request. Reads their role with every request, so that a change applies
/// immediately (F119). Every path below `/api/` requires a token, except the open paths of some processes.
pub(super) async fn authenticate(
    State(web): State<Web>,
    mut request: Request,
    next: Next,
) -> Response {
    if web.0.open_paths.contains(&request.uri().path()) {
        return load::ordinary(request, next).await;
    }
    let Some(token) = bearer(request.headers()) else {
        if request.headers().contains_key(header::AUTHORIZATION) {
            note_failure(&web, &request);
        }
        return Problem::unauthenticated().into_response();
    };
    let hash = token_hash(token);
    match web.0.app.database.user_by_token(&hash).await {
        Ok(Some(user)) => {
            let _room = match web.0.load.of_user(&user.name, user.role, &request) {
                Ok(room) => room,
                Err(problem) => return problem.into_response(),
            };
            let actor = Actor::new(user.name.clone(), user.role);
            request.extensions_mut().insert(user);
            request.extensions_mut().insert(actor);
            let response = next.run(request).await;
            if is_stream(&response) {
                response.map(|body| while_valid(body, web.0.app.database.clone(), hash))
            } else {
                response
            }
        }
        Ok(None) => {
            note_failure(&web, &request);
            Problem::unauthenticated().into_response()
        }
        Err(error) => {
            tracing::warn!(%error, "a token cannot be looked up");
            Problem::from(error).into_response()
        }
    }
}

/// Counts and records a failed sign-in. The intended user is unknown, so the record contains the peer's
/// address. Behind a proxy that is the proxy's.
fn note_failure(web: &Web, request: &Request) {
    metrics::counter!("patch_manager_failed_sign_ins_total").increment(1);
    let address = request.extensions().get::<Peer>();
    let address = address.map_or_else(|| "unknown".to_owned(), |peer| peer.0.to_string());
    let change = FieldChange { field: "address".to_owned(), before: None, after: Some(address) };
    let request_id = Some(RequestId::of(request).to_string());
    // They have no role. The lowest one grants nothing.
    let actor = Actor { request_id, ..Actor::new("anonymous", Role::Reporter) };
    web.note(AuditEntry {
        changes: vec![change],
        ..AuditEntry::allowed(actor, AuditAction::SignInFailed)
    });
}

pub(super) fn is_stream(response: &Response) -> bool {
    let content_type = response.headers().get(header::CONTENT_TYPE);
    content_type
        .is_some_and(|content_type| content_type.as_bytes().starts_with(b"text/event-stream"))
}

/// The interval at which an open stream's token is looked up again.
const LOOKED_UP_EVERY: Duration = Duration::from_secs(3);

/// Ends a stream soon after its token was revoked or has expired. Retries a failed lookup.
fn while_valid(body: Body, database: Database, hash: String) -> Body {
    let ended = async move {
        loop {
            tokio::time::sleep(LOOKED_UP_EVERY).await;
            if matches!(database.is_token_valid(&hash).await, Ok(false)) {
                break;
            }
        }
    };
    Body::from_stream(body.into_data_stream().take_until(Box::pin(ended)))
}

/// Returns the token of a request. The database's index compares only hashes, so timing reveals nothing
/// about stored tokens. Two headers count as none, because a proxy may read the other one.
pub(super) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let value = values.next()?;
    if values.next().is_some() {
        return None;
    }
    let value = value.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && (1..=512).contains(&token.len())).then_some(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_bearer_token_is_one() {
        let token = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::AUTHORIZATION, value.parse().expect("a header"));
            bearer(&headers).map(str::to_owned)
        };
        assert_eq!(token("Bearer abc"), Some("abc".to_owned()));
        assert_eq!(token("bearer  abc "), Some("abc".to_owned()));
        for wrong in ["abc", "Basic abc", "Bearer ", "Bearer"] {
            assert_eq!(token(wrong), None, "{wrong}");
        }
        assert_eq!(token(&format!("Bearer {}", "x".repeat(513))), None);
    }
}
