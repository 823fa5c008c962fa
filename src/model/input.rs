//! User input: new checks and changes of checks, or all violations at once.

use serde::{Deserialize, Deserializer, de::Error as _};
use serde_json::Value;

use super::{
    check::{CheckDefinition, HealthCheck},
    raw_check::{RawCheck, build},
    secret::Password,
    violation::{ViolationCode, Violations},
};

/// A valid definition of a new check, with its password.
#[derive(Debug)]
pub struct NewCheck {
    /// The definition.
    pub definition: CheckDefinition,
    /// The password for basic authentication.
    pub password: Option<Password>,
}

impl NewCheck {
    /// Reads a definition from its JSON form. `null` means absent.
    ///
    /// # Errors
    /// Names every violation at once.
    pub fn from_json(body: Value) -> Result<Self, Violations> {
        let mut violations = Violations::new();
        let raw = RawCheck::read(body, &mut violations);
        Self::from_raw(raw, violations)
    }

    /// Validates the members, and adds to the violations found while reading them.
    pub(super) fn from_raw(raw: RawCheck, mut violations: Violations) -> Result<Self, Violations> {
        let definition = build(&raw, &mut violations);
        let password = raw.password(&mut violations);
        let definition = violations.or_ok(definition)?;
        let password = match password {
            Patch::Set(password) => Some(password),
            Patch::Keep | Patch::Clear => None,
        };
        Ok(Self { definition, password })
    }
}

/// The change of one member.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Patch<T> {
    /// The member is absent: keep the value.
    #[default]
    Keep,
    /// The member is `null`: clear the value.
    Clear,
    /// Set a new value.
    Set(T),
}

/// A partial body: an absent member keeps its value, `null` clears an optional one.
///
/// Reading it never fails. [`apply`](Self::apply) reports all violations together, for the check that the
/// change is for.
#[derive(Debug)]
pub struct CheckChange {
    raw: RawCheck,
    violations: Violations,
}

/// A change that was applied to its check.
#[derive(Debug)]
pub struct AppliedChange {
    /// The definition after the change.
    pub definition: CheckDefinition,
    /// The change of the password.
    pub password: Patch<Password>,
}

impl CheckChange {
    /// Reads a partial body.
    #[must_use]
    pub fn from_json(body: Value) -> Self {
        let mut violations = Violations::new();
        let raw = RawCheck::read(body, &mut violations);
        Self { raw, violations }
    }

    /// Applies the change to a check, and returns the new definition.
    ///
    /// # Errors
    /// Names every violation at once: of the body's members and types, and of the result.
    pub fn apply(&self, check: &HealthCheck) -> Result<AppliedChange, Violations> {
        let (raw, mut violations) = (self.raw.clone(), self.violations.clone());
        for (field, member) in
            [("enabled", &raw.enabled), ("ignore_cert_errors", &raw.ignore_cert_errors)]
        {
            if *member == Patch::Clear {
                violations.push(field, ViolationCode::Required, "give `true` or `false`");
            }
        }
        let merged = raw.over(check);
        let definition = build(&merged, &mut violations);
        let password = merged.password(&mut violations);
        let definition = violations.or_ok(definition)?;
        let has_user = definition.http().is_some_and(|http| http.user.is_some());
        let password = match password {
            // A password without a user has no use.
            Patch::Keep if !has_user && check.has_password() => Patch::Clear,
            password => password,
        };
        Ok(AppliedChange { definition, password })
    }
}

impl<'de> Deserialize<'de> for NewCheck {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::from_json(Value::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

impl<'de> Deserialize<'de> for CheckChange {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Value::deserialize(deserializer).map(Self::from_json)
    }
}
