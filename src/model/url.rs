//! The URL of an HTTP check.

use std::fmt;

use serde::Serialize;
use url::{Host, Url};

use super::violation::ViolationCode;

/// An absolute `http` or `https` URL that a check may request (H1).
///
/// It is parsed by the WHATWG rules and kept as the parser writes it, without user info or fragment, in at
/// most 2,048 bytes.
///
/// The destination is judged when the check runs, not here.
#[derive(Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct CheckUrl(Url);

impl CheckUrl {
    /// The maximum number of bytes.
    pub const MAXIMUM_BYTES: usize = 2_048;

    pub(crate) fn parse(text: &str) -> Result<Self, (ViolationCode, String)> {
        use ViolationCode::{InvalidCharacter, InvalidFormat, TooLong};
        let refuse = |code, message: &str| Err((code, message.to_owned()));
        if text.len() > Self::MAXIMUM_BYTES {
            return refuse(TooLong, "give a URL of at most 2,048 bytes");
        }
        // The parser would drop tabs and line feeds and trim spaces, so the URL in the field and the
        // requested one would differ.
        if text.chars().any(|character| character.is_control() || character.is_whitespace()) {
            return refuse(InvalidCharacter, "remove spaces and control characters from the URL");
        }
        if text.contains('\\') {
            return refuse(InvalidCharacter, "use `/` instead of `\\` in the URL");
        }
        let Ok(url) = Url::parse(text) else {
            return refuse(InvalidFormat, "give an absolute URL such as `https://host:8443/path`");
        };
        if !matches!(url.scheme(), "http" | "https") {
            return refuse(InvalidFormat, "the URL must begin with `http://` or `https://`");
        }
        if !text.to_ascii_lowercase().starts_with(&format!("{}://", url.scheme())) {
            return refuse(InvalidFormat, "write the URL with `//` after the scheme");
        }
        if authority(text).is_empty() {
            return refuse(InvalidFormat, "write the host right after `//`");
        }
        if authority(text).contains('@') {
            return refuse(
                InvalidFormat,
                "give the user and password in their own fields, not in the URL",
            );
        }
        if authority(text).contains('%') {
            return refuse(InvalidCharacter, "write the host without `%` escapes");
        }
        if url.fragment().is_some() {
            return refuse(InvalidFormat, "remove the fragment (`#…`) from the URL");
        }
        if url.port() == Some(0) {
            return refuse(InvalidFormat, "give a port other than 0");
        }
        if url.as_str().len() > Self::MAXIMUM_BYTES {
            return refuse(TooLong, "the encoded URL is longer than 2,048 bytes: shorten it");
        }
        Ok(Self(url))
    }

    /// Returns the URL as the parser writes it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// Returns the parsed form.
    #[must_use]
    pub const fn as_url(&self) -> &Url {
        &self.0
    }

    /// Returns scheme, host and port: a password is bound to them, and redirects stay within them.
    #[must_use]
    pub fn origin(&self) -> Origin {
        // The constructor refuses what has no host or port.
        Origin::of(&self.0).unwrap_or_else(|| Origin {
            scheme: self.0.scheme().to_owned(),
            host: String::new(),
            port: 0,
        })
    }
}

/// Returns the authority of a URL: the text between `//` and the next `/`, `?` or `#`.
fn authority(text: &str) -> &str {
    let rest = text.split_once("//").map_or("", |(_, rest)| rest);
    rest.split(['/', '?', '#']).next().unwrap_or("")
}

impl fmt::Display for CheckUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl fmt::Debug for CheckUrl {
    /// Omits the query, which may hold a token (H1).
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut url = self.0.clone();
        if url.query().is_some() {
            url.set_query(Some("…"));
        }
        fmt::Debug::fmt(url.as_str(), formatter)
    }
}

/// The scheme, host and port of a URL. The port is explicit even if it is the scheme's default.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Origin {
    /// `http` or `https`.
    pub scheme: String,
    /// The host as the parser writes it, with an IPv6 address in brackets.
    pub host: String,
    /// The port.
    pub port: u16,
}

impl Origin {
    /// Returns the origin of a URL, if the URL has a host and a known port.
    #[must_use]
    pub fn of(url: &Url) -> Option<Self> {
        Some(Self {
            scheme: url.scheme().to_owned(),
            host: url.host().as_ref().map(Host::to_string)?,
            port: url.port_or_known_default()?,
        })
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let default = if self.scheme == "https" { 443 } else { 80 };
        write!(formatter, "{}://{}", self.scheme, self.host)?;
        if self.port == default { Ok(()) } else { write!(formatter, ":{}", self.port) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f98_deceptive_urls_are_refused() {
        for text in [
            "http://a@b",
            "http://a:b@c/",
            "http://@b/",
            "http://a%2Fb/",
            "http://a\\b/",
            "http://a\tb/",
            " http://a/",
            "http://a/ ",
            "http://a/#x",
            "http:a",
            "http:/a",
            "https:///a",
            "ftp://a/",
            "file:///etc/passwd",
            "//a/",
            "a",
            "",
            "http://",
            "http://a:0/",
            "http://a:65536/",
        ] {
            assert!(CheckUrl::parse(text).is_err(), "{text:?}");
        }
        assert!(CheckUrl::parse(&format!("http://a/{}", "x".repeat(2_040))).is_err());
    }

    #[test]
    fn f98_the_parsers_form_is_kept_and_look_alikes_show_as_punycode() {
        let written = |text| CheckUrl::parse(text).map(|url| url.to_string());
        assert_eq!(written("HTTP://Example.COM"), Ok("http://example.com/".into()));
        assert_eq!(written("https://еxample.com/"), Ok("https://xn--xample-2of.com/".into()));
        assert_eq!(written("http://0x7f.1/"), Ok("http://127.0.0.1/".into()));
    }

    #[test]
    fn h1_debug_hides_the_query() {
        let url = CheckUrl::parse("http://a/b?token=hunter2");
        assert!(!format!("{url:?}").contains("hunter2"));
    }

    #[test]
    fn an_origin_writes_the_default_port_out_and_shows_it_only_where_it_differs() {
        let origin = |text| CheckUrl::parse(text).map(|url| url.origin());
        assert_eq!(origin("http://a/x"), origin("http://a:80/y"));
        assert_eq!(
            origin("https://[::1]:8443/").map(|o| o.to_string()),
            Ok("https://[::1]:8443".into())
        );
    }
}
