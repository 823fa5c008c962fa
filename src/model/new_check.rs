//! Builders of check definitions.

use super::{
    check::CheckType,
    ids::HostId,
    input::{NewCheck, Patch},
    raw_check::RawCheck,
    violation::Violations,
};

impl NewCheck {
    /// Returns a builder for an HTTP check, which requires a 2xx answer from `url`.
    ///
    /// Certificates are verified unless [`any_certificate`](NewHttpCheck::any_certificate) is called.
    ///
    /// ```
    /// use healthgate::model::NewCheck;
    ///
    /// let check = NewCheck::http("website", "https://web-1.example/health")
    ///     .expecting("status: ok")
    ///     .basic_auth("monitor", "s3cret")
    ///     .build()?;
    /// assert!(!check.definition.ignore_cert_errors);
    /// # Ok::<_, healthgate::model::Violations>(())
    /// ```
    pub fn http(name: impl Into<String>, url: impl Into<String>) -> NewHttpCheck {
        let mut raw = draft(CheckType::Http, name.into());
        raw.url = Patch::Set(url.into());
        raw.expected_body = Patch::Set(String::new());
        NewHttpCheck { raw }
    }

    /// Returns a builder for a service check, which requires that the host's agent reports `unit` as healthy.
    ///
    /// ```
    /// use healthgate::model::NewCheck;
    ///
    /// let check = NewCheck::service("database", "postgresql.service").build()?;
    /// # assert!(check.definition.enabled);
    /// # Ok::<_, healthgate::model::Violations>(())
    /// ```
    pub fn service(name: impl Into<String>, unit: impl Into<String>) -> NewServiceCheck {
        let mut raw = draft(CheckType::Service, name.into());
        raw.service_name = Patch::Set(unit.into());
        NewServiceCheck { raw }
    }
}

/// Builds an HTTP check. [`NewCheck::http`] creates it.
#[derive(Debug)]
#[must_use = "call `build`"]
pub struct NewHttpCheck {
    raw: RawCheck,
}

impl NewHttpCheck {
    /// Requires the body to contain `text`, which has at most 500 characters.
    pub fn expecting(mut self, text: impl Into<String>) -> Self {
        self.raw.expected_body = Patch::Set(text.into());
        self
    }

    /// Sets the user and password for HTTP basic authentication. The password is sealed before it is stored.
    pub fn basic_auth(mut self, user: impl Into<String>, password: impl Into<String>) -> Self {
        self.raw.basic_auth_user = Patch::Set(user.into());
        self.raw.set_password(password.into());
        self
    }

    /// Accepts any certificate: expired, for another name, or from an unknown authority.
    pub fn any_certificate(mut self) -> Self {
        self.raw.ignore_cert_errors = Patch::Set(true);
        self
    }

    /// Creates the check disabled: it is neither run nor required by gates until it is enabled.
    pub fn disabled(mut self) -> Self {
        self.raw.enabled = Patch::Set(false);
        self
    }

    /// Validates and returns the definition.
    ///
    /// # Errors
    /// Names every violation at once, under the member names of the JSON form.
    pub fn build(self) -> Result<NewCheck, Violations> {
        NewCheck::from_raw(self.raw, Violations::new())
    }
}

/// Builds a service check. [`NewCheck::service`] creates it.
#[derive(Debug)]
#[must_use = "call `build`"]
pub struct NewServiceCheck {
    raw: RawCheck,
}

impl NewServiceCheck {
    /// Asks the agent of another host, for a service that several hosts provide.
    pub fn on_host(mut self, host: HostId) -> Self {
        self.raw.target_host_id = Patch::Set(host.to_string());
        self
    }

    /// Creates the check disabled: it is neither run nor required by gates until it is enabled.
    pub fn disabled(mut self) -> Self {
        self.raw.enabled = Patch::Set(false);
        self
    }

    /// Validates and returns the definition.
    ///
    /// # Errors
    /// Names every violation at once, under the member names of the JSON form.
    pub fn build(self) -> Result<NewCheck, Violations> {
        NewCheck::from_raw(self.raw, Violations::new())
    }
}

/// Creates the members that both kinds share, with strict certificates.
fn draft(kind: CheckType, name: String) -> RawCheck {
    let mut raw = RawCheck::default();
    raw.name = Patch::Set(name);
    raw.check_type = Patch::Set(kind.as_str().to_owned());
    raw.enabled = Patch::Set(true);
    raw.ignore_cert_errors = Patch::Set(false);
    raw
}
