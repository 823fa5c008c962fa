//! Who a request is from: a bearer token, looked up by its hash.

use axum::{
    extract::{Request, State},
    http::{HeaderMap, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use healthgate::{api::Problem, model::Actor};

use super::Web;
use crate::database::token_hash;

/// Puts the caller into the request. Their role is read with every request, so that a change counts
/// at once (F119). Every path below `/api/` asks for a token, except the open ones of a kind of
/// process.
pub(super) async fn authenticate(
    State(web): State<Web>,
    mut request: Request,
    next: Next,
) -> Response {
    if web.0.open_paths.contains(&request.uri().path()) {
        return next.run(request).await;
    }
    let Some(token) = bearer(request.headers()) else {
        return Problem::unauthenticated().into_response();
    };
    match web.0.app.database.user_by_token(&token_hash(token)).await {
        Ok(Some(user)) => {
            let actor = Actor::new(user.name.clone(), user.role);
            request.extensions_mut().insert(user);
            request.extensions_mut().insert(actor);
            next.run(request).await
        }
        Ok(None) => Problem::unauthenticated().into_response(),
        Err(error) => {
            tracing::warn!(%error, "a token cannot be looked up");
            Problem::from(error).into_response()
        }
    }
}

/// The token of a request. Only the hash of what it holds is compared, by the database's index, so
/// that timing tells nothing of a stored token.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
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
