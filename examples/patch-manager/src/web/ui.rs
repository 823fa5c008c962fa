//! The web user interface, built into the program.
//!
//! `build.rs` embeds `frontend/dist` if it was built, and otherwise a page with build instructions.

use std::fmt::Write as _;

use axum::{
    http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use rust_embed::{EmbeddedFile, RustEmbed};

#[derive(RustEmbed)]
#[folder = "$PATCH_MANAGER_UI"]
struct Files;

/// The placeholder in `index.html` for the nonce of its styles.
const NONCE_MARK: &str = "__CSP_NONCE__";

/// Serves a file of the user interface. A path of its client-side routes gets the page.
pub(super) async fn serve(method: Method, uri: Uri, headers: HeaderMap) -> Response {
    std::future::ready(answer(&method, uri.path(), &headers)).await
}

fn answer(method: &Method, path: &str, headers: &HeaderMap) -> Response {
    if !matches!(*method, Method::GET | Method::HEAD) {
        let allow = [(header::ALLOW, "GET, HEAD")];
        return (StatusCode::METHOD_NOT_ALLOWED, allow).into_response();
    }
    let name = path.trim_start_matches('/');
    if name.is_empty() || name == "index.html" {
        return page();
    }
    match Files::get(name) {
        Some(file) => asset(name, file, headers),
        None if name.rsplit('/').next().is_some_and(|last| last.contains('.')) => {
            (StatusCode::NOT_FOUND, "this file does not exist\n").into_response()
        }
        None => page(),
    }
}

/// Returns the page with a fresh nonce for its styles. It contains no inline script, and runs none from
/// elsewhere.
fn page() -> Response {
    let (Some(file), Some(nonce)) = (Files::get("index.html"), nonce()) else {
        return (StatusCode::INTERNAL_SERVER_ERROR, "the page cannot be created\n").into_response();
    };
    let html = String::from_utf8_lossy(&file.data).replace(NONCE_MARK, &nonce);
    let policy = format!(
        "default-src 'none'; script-src 'self'; style-src 'self' 'nonce-{nonce}'; img-src 'self' data:; \
         font-src 'self'; connect-src 'self'; manifest-src 'self'; base-uri 'none'; \
         form-action 'none'; frame-ancestors 'none'"
    );
    let mut response = ([(header::CONTENT_TYPE, "text/html; charset=utf-8")], html).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    response
}

/// Returns a file that the page loads. Files with a hash in their name never change.
fn asset(name: &str, file: EmbeddedFile, headers: &HeaderMap) -> Response {
    let mut tag = String::from("\"");
    for byte in &file.metadata.sha256_hash()[..16] {
        let _ = write!(tag, "{byte:02x}");
    }
    tag.push('"');
    let known = headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    let mut response = if known.map(|known| known.trim_start_matches("W/")) == Some(&tag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        file.data.into_response()
    };
    let kind = mime_guess::from_path(name).first_or_octet_stream();
    let caching = if name.starts_with("assets/") {
        "public, max-age=31536000, immutable"
    } else {
        "no-cache"
    };
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(caching));
    for (name, value) in [(header::CONTENT_TYPE, kind.as_ref()), (header::ETAG, tag.as_str())] {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    }
    response
}

fn nonce() -> Option<String> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).ok()?;
    let mut text = String::with_capacity(32);
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn get(path: &str) -> Response {
        answer(&Method::GET, path, &HeaderMap::new())
    }

    fn header_of(response: &Response, name: header::HeaderName) -> &str {
        response.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    #[test]
    fn f132_the_page_runs_no_script_but_its_own_and_each_has_its_own_nonce() {
        let policies = [get("/"), get("/jobs/1")].map(|response| {
            assert_eq!(response.status(), StatusCode::OK);
            assert_eq!(header_of(&response, header::CACHE_CONTROL), "no-cache");
            header_of(&response, header::CONTENT_SECURITY_POLICY).to_owned()
        });
        for policy in &policies {
            assert!(policy.contains("script-src 'self';") && policy.contains("default-src 'none'"));
            assert!(!policy.contains("unsafe"), "{policy}");
        }
        assert_ne!(policies[0], policies[1]);
    }

    #[test]
    fn a_file_that_is_not_there_is_not_the_page() {
        for path in ["/assets/none.js", "/favicon.bmp", "/../Cargo.toml"] {
            assert_eq!(get(path).status(), StatusCode::NOT_FOUND, "{path}");
        }
        let posted = answer(&Method::POST, "/", &HeaderMap::new());
        assert_eq!(posted.status(), StatusCode::METHOD_NOT_ALLOWED);
    }
}
