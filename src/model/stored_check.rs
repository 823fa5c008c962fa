//! Stored definitions of checks, which may break the present rules.

use std::fmt;

use super::{
    check::{CheckDefinition, CheckType, HttpProbe, Probe, ServiceProbe},
    ids::HostId,
    text::{CheckName, ExpectedBody, Refusal, ServiceName, UserName},
    url::{CheckUrl, Origin},
    violation::{ViolationCode, Violations},
};

/// The columns of a definition in a row.
///
/// [`read`](Self::read) always returns a definition. Another program may have written a row that the rules of
/// this library do not allow, such as a URL with a password in it. The definition is then
/// [unreadable](Probe::Unreadable), and its check blocks only its own host (F221).
#[derive(Clone, PartialEq, Eq)]
pub struct StoredCheck {
    /// The name.
    pub name: String,
    /// `service` or `http`.
    pub check_type: String,
    /// Whether the check is enabled.
    pub enabled: bool,
    /// The unit of a service check.
    pub service_name: Option<String>,
    /// The other host that a service check asks.
    pub target_host_id: Option<HostId>,
    /// The URL of an HTTP check.
    pub url: Option<String>,
    /// The text that the body must contain.
    pub expected_body: Option<String>,
    /// Whether any certificate is accepted.
    pub ignore_cert_errors: bool,
    /// The user of an HTTP check.
    pub basic_auth_user: Option<String>,
}

impl StoredCheck {
    /// Returns the columns of a definition. An unreadable one keeps its stored columns.
    #[must_use]
    pub fn of(definition: &CheckDefinition) -> Self {
        let (service, http) = match &definition.probe {
            Probe::Service(service) => (Some(service), None),
            Probe::Http(http) => (None, Some(http)),
            Probe::Unreadable(unreadable) => {
                let (enabled, ignore_cert_errors) =
                    (definition.enabled, definition.ignore_cert_errors);
                return Self { enabled, ignore_cert_errors, ..unreadable.stored.clone() };
            }
        };
        Self {
            name: definition.name.to_string(),
            check_type: definition.check_type().as_str().to_owned(),
            enabled: definition.enabled,
            service_name: service.map(|service| service.service_name.to_string()),
            target_host_id: service.and_then(|service| service.target_host_id),
            url: http.map(|http| http.url.to_string()),
            expected_body: http.map(|http| http.expected_body.to_string()),
            ignore_cert_errors: definition.ignore_cert_errors,
            basic_auth_user: http.and_then(|http| http.user.as_ref()).map(ToString::to_string),
        }
    }

    /// Reads the definition, and validates each member again.
    #[must_use]
    pub fn read(self) -> CheckDefinition {
        let mut violations = Violations::new();
        let name = kept("name", CheckName::parse(&self.name), &mut violations);
        let probe = self.probe(&mut violations);
        let (enabled, ignore_cert_errors) = (self.enabled, self.ignore_cert_errors);
        match (name, probe) {
            (Some(name), Some(probe)) => {
                CheckDefinition { name, enabled, ignore_cert_errors, probe }
            }
            (name, _) => {
                let name = name.unwrap_or_else(|| CheckName::salvage(&self.name));
                let unreadable = UnreadableCheck { stored: self, violations };
                let probe = Probe::Unreadable(Box::new(unreadable));
                CheckDefinition { name, enabled, ignore_cert_errors, probe }
            }
        }
    }

    fn probe(&self, violations: &mut Violations) -> Option<Probe> {
        match (self.check_type.as_str(), &self.service_name, &self.url) {
            ("service", Some(service_name), None) => {
                let parsed = ServiceName::parse(service_name);
                Some(Probe::Service(ServiceProbe {
                    service_name: kept("service_name", parsed, violations)?,
                    target_host_id: self.target_host_id,
                }))
            }
            ("http", None, Some(url)) => {
                let url = kept("url", CheckUrl::parse(url), violations);
                let body = self.expected_body.as_deref().unwrap_or_default();
                let body = kept("expected_body", ExpectedBody::parse(body), violations);
                let user = self.basic_auth_user.as_deref().map(UserName::parse).transpose();
                let user = kept("basic_auth_user", user, violations);
                Some(Probe::Http(HttpProbe { url: url?, expected_body: body?, user: user? }))
            }
            ("service" | "http", ..) => {
                let message = "the members do not belong to this type: give those of the type";
                violations.push("check_type", ViolationCode::NotAllowed, message);
                None
            }
            _ => {
                let message = "give `service` or `http`";
                violations.push("check_type", ViolationCode::UnknownValue, message);
                None
            }
        }
    }
}

impl fmt::Debug for StoredCheck {
    /// Omits URL and user: an invalid URL may hold a password.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("StoredCheck")
            .field("name", &self.name)
            .field("check_type", &self.check_type)
            .field("enabled", &self.enabled)
            .finish_non_exhaustive()
    }
}

/// A stored definition that cannot be read, with its violations.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UnreadableCheck {
    pub(super) stored: StoredCheck,
    violations: Violations,
}

impl UnreadableCheck {
    /// Creates the definition of a row whose columns could not be decoded.
    #[must_use]
    pub fn of_row(stored: StoredCheck) -> CheckDefinition {
        let message = "a column of the row holds a value of another type: give every member again";
        let unreadable =
            Self { violations: Violations::one("", ViolationCode::WrongType, message), stored };
        let (enabled, ignore_cert_errors) =
            (unreadable.stored.enabled, unreadable.stored.ignore_cert_errors);
        CheckDefinition {
            name: CheckName::salvage(&unreadable.stored.name),
            enabled,
            ignore_cert_errors,
            probe: Probe::Unreadable(Box::new(unreadable)),
        }
    }

    /// Returns its violations. No message holds a stored text.
    #[must_use]
    pub const fn violations(&self) -> &Violations {
        &self.violations
    }

    /// Returns the stored type. If it is unknown, the other members decide.
    #[must_use]
    pub fn check_type(&self) -> CheckType {
        match (self.stored.check_type.as_str(), &self.stored.service_name) {
            ("service", _) => CheckType::Service,
            ("http", _) | (_, None) => CheckType::Http,
            (_, Some(_)) => CheckType::Service,
        }
    }

    /// Returns the stored target host.
    #[must_use]
    pub const fn target_host_id(&self) -> Option<HostId> {
        self.stored.target_host_id
    }

    /// Returns the stored URL without anything that could be a user or password, so that it may be shown.
    #[must_use]
    pub fn shown_url(&self) -> Option<String> {
        self.stored.url.as_deref().map(|url| {
            let (scheme, rest) = url.split_once("//").map_or(("", url), |(scheme, rest)| {
                (if scheme.contains('@') { "" } else { scheme }, rest)
            });
            match rest.rsplit_once('@') {
                Some((_, rest)) if scheme.is_empty() => format!("…@{rest}"),
                Some((_, rest)) => format!("{scheme}//…@{rest}"),
                None => url.to_owned(),
            }
        })
    }

    /// Returns the origin that its password belongs to, if the URL can be read.
    #[must_use]
    pub fn origin(&self) -> Option<Origin> {
        let url = self.stored.url.as_deref().filter(|_| self.check_type() == CheckType::Http)?;
        CheckUrl::parse(url).ok().map(|url| url.origin())
    }

    /// Returns the violations in one sentence for people.
    #[must_use]
    pub fn sentence(&self) -> String {
        let fault = |violation: &super::Violation| match violation.field.as_str() {
            "" => violation.message.clone(),
            field => format!("{field}: {}", violation.message),
        };
        let faults: Vec<String> = self.violations.as_slice().iter().map(fault).collect();
        format!("the stored check cannot be read: edit or delete it ({})", faults.join("; "))
    }
}

/// Returns the value, or notes its violation.
fn kept<T>(field: &str, parsed: Result<T, Refusal>, violations: &mut Violations) -> Option<T> {
    parsed.map_err(|(code, message)| violations.push(field, code, message)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn http(url: &str) -> StoredCheck {
        StoredCheck {
            name: "web".to_owned(),
            check_type: "http".to_owned(),
            enabled: true,
            service_name: None,
            target_host_id: None,
            url: Some(url.to_owned()),
            expected_body: Some(String::new()),
            ignore_cert_errors: true,
            basic_auth_user: None,
        }
    }

    fn unreadable(stored: StoredCheck) -> UnreadableCheck {
        match stored.read().probe {
            Probe::Unreadable(unreadable) => *unreadable,
            probe => panic!("{probe:?}"),
        }
    }

    #[test]
    fn f221_a_password_in_a_url_is_never_shown() {
        for url in [
            "http://admin:pw@10.0.0.1/",
            "http://admin:p/w@10.0.0.1/",
            "http://admin:p@pw@10.0.0.1/",
            "admin:pw@10.0.0.1",
            "https:admin:pw@10.0.0.1/x",
            "http:\\\\admin:pw@10.0.0.1/",
            "pw@x//admin:pw@10.0.0.1/",
            "http://admin:p#w pw@10.0.0.1/",
        ] {
            let unreadable = unreadable(http(url));
            let shown = unreadable.shown_url().unwrap_or_default();
            let told = format!("{shown} {unreadable:?} {}", unreadable.sentence());
            assert!(!told.contains("pw") && !told.contains("p/w"), "{told}");
            assert!(shown.contains("10.0.0.1"), "{shown}");
        }
    }

    #[test]
    fn f221_every_row_makes_a_definition_that_is_kept_as_it_is() {
        let odd = [
            http("ftp://a/"),
            StoredCheck { name: String::new(), ..http("http://a/") },
            StoredCheck { name: "a\u{202e}b".to_owned(), ..http("http://a/") },
            StoredCheck { name: "x".repeat(300), ..http("http://a/") },
            StoredCheck { check_type: "tcp".to_owned(), ..http("http://a/") },
            StoredCheck { service_name: Some("ssh".to_owned()), ..http("http://a/") },
            StoredCheck { basic_auth_user: Some("a:b".to_owned()), ..http("http://a/") },
            StoredCheck { expected_body: Some("x".repeat(501)), ..http("http://a/") },
            StoredCheck { url: None, ..http("http://a/") },
        ];
        for stored in odd {
            let definition = stored.clone().read();
            assert!(matches!(definition.probe, Probe::Unreadable(_)), "{stored:?}");
            assert!(!definition.name.is_empty() && definition.name.chars().count() <= 100);
            assert!(StoredCheck::of(&definition) == stored, "{stored:?}");
        }
        let sound = http("http://a/").read();
        assert!(sound.http().is_some());
        assert!(StoredCheck::of(&sound) == http("http://a/"));
    }
}
