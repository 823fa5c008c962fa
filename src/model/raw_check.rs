//! The raw form of a check, which every definition is built from.
//!
//! Request bodies are read into the raw form, and only [`build`] turns it into a definition, so nobody can
//! enter an invalid one. [`StoredCheck`] reads stored definitions.

use std::fmt;

use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::{
    check::{CheckDefinition, CheckType, HealthCheck, HttpProbe, Probe, ServiceProbe},
    ids::HostId,
    input::Patch,
    secret::Password,
    stored_check::StoredCheck,
    text::{CheckName, ExpectedBody, Refusal, ServiceName, UserName},
    url::CheckUrl,
    violation::{ViolationCode, Violations},
};

/// The members as they were sent, with valid JSON types but otherwise unchecked.
#[derive(Clone, Debug, Default)]
pub struct RawCheck {
    /// `name`
    pub name: Patch<String>,
    /// `check_type`
    pub check_type: Patch<String>,
    /// `enabled`
    pub enabled: Patch<bool>,
    /// `service_name`
    pub service_name: Patch<String>,
    /// `url`
    pub url: Patch<String>,
    /// `expected_body`
    pub expected_body: Patch<String>,
    /// `ignore_cert_errors`
    pub ignore_cert_errors: Patch<bool>,
    /// `basic_auth_user`
    pub basic_auth_user: Patch<String>,
    /// `target_host_id`
    pub target_host_id: Patch<String>,
    password: Patch<Secret>,
}

/// A password in transit. It is never shown, and wiped when dropped.
#[derive(Clone, Default)]
struct Secret(Zeroizing<String>);

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret")
    }
}

impl RawCheck {
    /// Builds the definition by the same rules as for user input.
    ///
    /// # Errors
    /// Names every violation at once.
    pub fn into_definition(self) -> Result<CheckDefinition, Violations> {
        let mut violations = Violations::new();
        let definition = build(&self, &mut violations);
        violations.or_ok(definition)
    }

    pub(super) fn set_password(&mut self, password: String) {
        self.password = Patch::Set(Secret(Zeroizing::new(password)));
    }

    /// Reads a JSON object; `null` becomes [`Patch::Clear`].
    pub(super) fn read(body: Value, violations: &mut Violations) -> Self {
        let Value::Object(mut members) = body else {
            violations.push("", ViolationCode::WrongType, "send a JSON object");
            return Self::default();
        };
        let raw = Self {
            name: text(&mut members, "name", violations),
            check_type: text(&mut members, "check_type", violations),
            enabled: boolean(&mut members, "enabled", violations),
            service_name: text(&mut members, "service_name", violations),
            url: text(&mut members, "url", violations),
            expected_body: text(&mut members, "expected_body", violations),
            ignore_cert_errors: boolean(&mut members, "ignore_cert_errors", violations),
            basic_auth_user: text(&mut members, "basic_auth_user", violations),
            target_host_id: text(&mut members, "target_host_id", violations),
            password: match text(&mut members, "basic_auth_pass", violations) {
                Patch::Keep => Patch::Keep,
                Patch::Clear => Patch::Clear,
                Patch::Set(password) => Patch::Set(Secret(Zeroizing::new(password))),
            },
        };
        for (unknown, _) in members {
            let field: String = unknown.chars().take(100).collect();
            violations.push(
                &field,
                ViolationCode::UnknownField,
                "this member is unknown: remove it",
            );
        }
        raw
    }

    /// Merges these members over those of a stored check. A changed type drops the members of the other type.
    pub(super) fn over(self, check: &HealthCheck) -> Self {
        let stored = &check.definition;
        let kept = match &self.check_type {
            Patch::Set(check_type) => check_type == stored.check_type().as_str(),
            Patch::Keep => true,
            Patch::Clear => false,
        };
        // A stored member that breaks a rule is kept, and refused until it is given again.
        let members = StoredCheck::of(stored);
        let is = |check_type| kept && stored.check_type() == check_type;
        let of_http = |member: Option<String>| member.filter(|_| is(CheckType::Http));
        let of_service = |member: Option<String>| member.filter(|_| is(CheckType::Service));
        let body = members.expected_body.or_else(|| stored.unreadable().map(|_| String::new()));
        let target = members.target_host_id.map(|id| id.to_string());
        Self {
            name: self.name.or_kept(Some(members.name)),
            check_type: self.check_type.or_kept(Some(members.check_type)),
            enabled: self.enabled.or_kept_if_absent(stored.enabled),
            service_name: self.service_name.or_kept(of_service(members.service_name)),
            url: self.url.or_kept(of_http(members.url)),
            expected_body: self.expected_body.or_kept(of_http(body)),
            ignore_cert_errors: self
                .ignore_cert_errors
                .or_kept_if_absent(stored.ignore_cert_errors),
            basic_auth_user: self.basic_auth_user.or_kept(of_http(members.basic_auth_user)),
            target_host_id: self.target_host_id.or_kept(of_service(target)),
            password: self.password,
        }
    }

    fn judge_values(&self, violations: &mut Violations) {
        judge("name", &self.name, CheckName::parse, violations);
        judge("check_type", &self.check_type, check_type, violations);
        judge("service_name", &self.service_name, ServiceName::parse, violations);
        judge("url", &self.url, CheckUrl::parse, violations);
        judge("expected_body", &self.expected_body, ExpectedBody::parse, violations);
        judge("basic_auth_user", &self.basic_auth_user, UserName::parse, violations);
        judge("target_host_id", &self.target_host_id, host_id, violations);
    }

    /// Returns the change of the password, by the rules for the other members.
    pub(super) fn password(self, violations: &mut Violations) -> Patch<Password> {
        let secret = match self.password {
            Patch::Keep => return Patch::Keep,
            Patch::Clear => return Patch::Clear,
            Patch::Set(secret) => secret,
        };
        let field = "basic_auth_pass";
        let service = Patch::Set(CheckType::Service.as_str().to_owned());
        if self.check_type == service {
            violations.push(field, ViolationCode::NotAllowed, "a service check has no password");
        } else if !matches!(self.basic_auth_user, Patch::Set(_))
            && !violations.has_field("basic_auth_user")
        {
            let message = "a password needs a user: give both";
            violations.push("basic_auth_user", ViolationCode::Required, message);
        }
        match Password::new(secret.0.as_str()) {
            Ok(password) => Patch::Set(password),
            Err(_) => {
                violations.push(field, ViolationCode::TooLong, "give at most 1,024 bytes");
                Patch::Keep
            }
        }
    }
}

impl<T> Patch<T> {
    /// Returns this member, or the stored one if it was not sent.
    fn or_kept(self, stored: Option<T>) -> Self {
        match (self, stored) {
            (Self::Keep, Some(stored)) => Self::Set(stored),
            (patch, _) => patch,
        }
    }
}

impl Patch<bool> {
    fn or_kept_if_absent(self, stored: bool) -> Self {
        match self {
            Self::Keep => Self::Set(stored),
            patch => patch,
        }
    }
}

/// Builds a definition, or adds every violation and returns `None`. This is the only constructor.
pub(super) fn build(raw: &RawCheck, violations: &mut Violations) -> Option<CheckDefinition> {
    let name = required("name", &raw.name, CheckName::parse, violations);
    let enabled = flag(&raw.enabled);
    let ignore_cert_errors = flag(&raw.ignore_cert_errors);
    let probe = match required("check_type", &raw.check_type, check_type, violations) {
        Some(CheckType::Service) => service(raw, violations).map(Probe::Service),
        Some(CheckType::Http) => http(raw, violations).map(Probe::Http),
        None => {
            // The type is unknown, so the members cannot be matched with it. Their values can still be validated.
            let mut values = Violations::new();
            raw.judge_values(&mut values);
            for violation in values.as_slice() {
                if !violations.has_field(&violation.field) {
                    violations.push(&violation.field, violation.code, violation.message.clone());
                }
            }
            None
        }
    };
    Some(CheckDefinition { name: name?, enabled, ignore_cert_errors, probe: probe? })
}

fn service(raw: &RawCheck, violations: &mut Violations) -> Option<ServiceProbe> {
    let service_name = required("service_name", &raw.service_name, ServiceName::parse, violations);
    let target_host_id = parsed("target_host_id", &raw.target_host_id, host_id, violations);
    for (field, member) in [
        ("url", &raw.url),
        ("expected_body", &raw.expected_body),
        ("basic_auth_user", &raw.basic_auth_user),
    ] {
        not_allowed(field, member, "a service check has no such member", violations);
    }
    let target_host_id = target_host_id.ok()?;
    Some(ServiceProbe { service_name: service_name?, target_host_id })
}

fn http(raw: &RawCheck, violations: &mut Violations) -> Option<HttpProbe> {
    let url = required("url", &raw.url, CheckUrl::parse, violations);
    let expected_body =
        required("expected_body", &raw.expected_body, ExpectedBody::parse, violations);
    let user = parsed("basic_auth_user", &raw.basic_auth_user, UserName::parse, violations);
    for (field, member) in
        [("service_name", &raw.service_name), ("target_host_id", &raw.target_host_id)]
    {
        not_allowed(field, member, "an http check has no such member", violations);
    }
    let user = user.ok()?;
    Some(HttpProbe { url: url?, expected_body: expected_body?, user })
}

fn check_type(text: &str) -> Result<CheckType, Refusal> {
    match text {
        "service" => Ok(CheckType::Service),
        "http" => Ok(CheckType::Http),
        _ => Err((ViolationCode::UnknownValue, "give `service` or `http`".to_owned())),
    }
}

fn host_id(text: &str) -> Result<HostId, Refusal> {
    text.parse().map_err(|_| (ViolationCode::InvalidFormat, "give the UUID of a host".to_owned()))
}

fn not_allowed(field: &str, member: &Patch<String>, message: &str, violations: &mut Violations) {
    if matches!(member, Patch::Set(_)) {
        violations.push(field, ViolationCode::NotAllowed, message);
    }
}

/// Parses an optional member. Returns `Err` if it is present and invalid.
fn parsed<T>(
    field: &str,
    member: &Patch<String>,
    parse: impl FnOnce(&str) -> Result<T, Refusal>,
    violations: &mut Violations,
) -> Result<Option<T>, ()> {
    let Patch::Set(text) = member else { return Ok(None) };
    parse(text).map(Some).map_err(|(code, message)| violations.push(field, code, message))
}

/// Adds the violation of a member, if it is present and invalid.
fn judge<T>(
    field: &str,
    member: &Patch<String>,
    parse: impl FnOnce(&str) -> Result<T, Refusal>,
    violations: &mut Violations,
) {
    if let Patch::Set(text) = member
        && let Err((code, message)) = parse(text)
    {
        violations.push(field, code, message);
    }
}

fn required<T>(
    field: &str,
    member: &Patch<String>,
    parse: impl FnOnce(&str) -> Result<T, Refusal>,
    violations: &mut Violations,
) -> Option<T> {
    if !matches!(member, Patch::Set(_)) && !violations.has_field(field) {
        violations.push(field, ViolationCode::Required, format!("give `{field}`"));
    }
    parsed(field, member, parse, violations).ok().flatten()
}

/// Returns a flag, which is on by default.
fn flag(member: &Patch<bool>) -> bool {
    *member != Patch::Set(false)
}

fn text(
    members: &mut Map<String, Value>,
    field: &str,
    violations: &mut Violations,
) -> Patch<String> {
    match members.remove(field) {
        None => Patch::Keep,
        Some(Value::Null) => Patch::Clear,
        Some(Value::String(text)) => Patch::Set(text),
        Some(_) => {
            violations.push(field, ViolationCode::WrongType, "give a string");
            Patch::Keep
        }
    }
}

fn boolean(
    members: &mut Map<String, Value>,
    field: &str,
    violations: &mut Violations,
) -> Patch<bool> {
    match members.remove(field) {
        None => Patch::Keep,
        Some(Value::Null) => Patch::Clear,
        Some(Value::Bool(value)) => Patch::Set(value),
        Some(_) => {
            violations.push(field, ViolationCode::WrongType, "give `true` or `false`");
            Patch::Keep
        }
    }
}
