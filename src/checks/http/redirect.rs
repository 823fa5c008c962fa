//! Which redirects a check follows (H3).

use url::Url;

use crate::model::Origin;

/// The maximum number of redirects of one run.
pub(super) const MAXIMUM_REDIRECTS: usize = 5;

/// The verdict on a redirect.
pub(crate) enum Redirect {
    /// The redirect is followed to this URL.
    Follow(Url),
    /// The redirect is refused. The text shows only scheme and host.
    Refused(String),
}

/// Judges the `Location` of an answer of `from`.
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
        return Redirect::Refused(format!("redirect to {}://{}", there.scheme, there.host));
    }
    target.set_fragment(None);
    Redirect::Follow(target)
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
    fn f93_a_refusal_shows_scheme_and_host_alone() {
        let from = Url::parse("http://a.example/").expect("a URL");
        let location = b"http://user:secret@b.example:99/path?token=1";
        match judge(&from, location, false) {
            Redirect::Refused(words) => assert_eq!(words, "redirect to http://b.example"),
            Redirect::Follow(url) => panic!("followed to {url}"),
        }
    }
}
