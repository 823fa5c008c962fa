//! Decides which redirects a check follows (H3).

use url::Url;

use crate::model::Origin;

/// The maximum number of redirects of one run.
pub(super) const MAXIMUM_REDIRECTS: usize = 5;

/// The verdict on a redirect.
pub(crate) enum Redirect {
    /// The redirect is followed to this URL.
    Follow(Url),
    /// The redirect is refused. The text shows only scheme, host and port.
    Refused(String),
}

/// Judges the `Location` of an answer from `from`.
///
/// Allows the same origin, and `http` (port 80) to `https` (port 443) on the same host if the check has
/// no credentials. Any other redirect could send the check or its credentials elsewhere.
pub(crate) fn judge(from: &Url, location: &[u8], has_credentials: bool) -> Redirect {
    let target = std::str::from_utf8(location).ok().and_then(|text| from.join(text).ok());
    let Some(mut target) = target else {
        return Redirect::Refused("redirect to an invalid URL".to_owned());
    };
    let (Some(here), Some(there)) = (Origin::of(from), Origin::of(&target)) else {
        return Redirect::Refused(format!("redirect to {}:", target.scheme()));
    };
    let same = here == there;
    let upgraded = !has_credentials
        && here.host == there.host
        && (here.scheme.as_str(), here.port) == ("http", 80)
        && (there.scheme.as_str(), there.port) == ("https", 443);
    let plain = matches!(target.scheme(), "http" | "https")
        && target.username().is_empty()
        && target.password().is_none();
    if !plain || !(same || upgraded) {
        return Redirect::Refused(format!("redirect to {}", words(&there)));
    }
    target.set_fragment(None);
    Redirect::Follow(target)
}

/// An origin as people write it: without the port that its scheme has anyway.
fn words(Origin { scheme, host, port }: &Origin) -> String {
    match (scheme.as_str(), port) {
        ("http", 80) | ("https", 443) => format!("{scheme}://{host}"),
        _ => format!("{scheme}://{host}:{port}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn follows(from: &str, location: &str, has_credentials: bool) -> Option<String> {
        let from = Url::parse(from).expect("a URL");
        match judge(&from, location.as_bytes(), has_credentials) {
            Redirect::Follow(url) => Some(url.to_string()),
            Redirect::Refused(_) => None,
        }
    }

    #[test]
    fn h3_only_the_same_origin_and_the_upgrade_without_credentials_are_followed() {
        let http = "http://a.example/x";
        for (from, location, credentials, expected) in [
            (http, "/y", true, Some("http://a.example/y")),
            (http, "http://a.example:80/y#z", true, Some("http://a.example/y")),
            (http, "https://a.example/y", false, Some("https://a.example/y")),
            (http, "https://a.example/y", true, None),
            (http, "https://a.example:8443/y", false, None),
            ("http://a.example:8080/", "https://a.example/", false, None),
            ("https://a.example/", "http://a.example/", false, None),
            (http, "http://b.example/", false, None),
            (http, "//b.example/", false, None),
            (http, "http://a.example:81/", false, None),
            (http, "http://a.example@b.example/", false, None),
            (http, "http://u:p@a.example/", false, None),
            (http, "http://127.0.0.1/", false, None),
            (http, "file:///etc/passwd", false, None),
            (http, "gopher://a.example/", false, None),
            (http, "javascript:alert(1)", false, None),
            (http, "http://", false, None),
        ] {
            let followed = follows(from, location, credentials);
            assert_eq!(followed.as_deref(), expected, "{from} -> {location}");
        }
    }

    #[test]
    fn f93_a_refusal_shows_scheme_host_and_port_alone() {
        let from = Url::parse("http://a.example/").expect("a URL");
        for (location, expected) in [
            ("http://user:secret@b.example:99/path?token=1", "redirect to http://b.example:99"),
            // Without the port, it would read as a redirect to the page itself.
            ("http://a.example:8080/", "redirect to http://a.example:8080"),
            ("https://b.example/path", "redirect to https://b.example"),
        ] {
            match judge(&from, location.as_bytes(), false) {
                Redirect::Refused(words) => assert_eq!(words, expected),
                Redirect::Follow(url) => panic!("followed to {url}"),
            }
        }
    }
}
