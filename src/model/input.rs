//! What people send: new checks and changes of checks, or the whole list of what is wrong with them.

use serde::{Deserialize, Deserializer, de::Error as _};
use serde_json::Value;

use super::{
    check::{CheckDefinition, HealthCheck},
    raw_check::{RawCheck, build},
    secret::Password,
    violation::{ViolationCode, Violations},
};

/// A valid definition of a check that does not exist yet, with its password.
#[derive(Debug)]
pub struct NewCheck {
    /// What it asks.
    pub definition: CheckDefinition,
    /// The password for basic authentication.
    pub password: Option<Password>,
}

impl NewCheck {
    /// Reads a definition from its JSON form; `null` means absent.
    ///
    /// # Errors
    /// Every violation at once.
    pub fn from_json(body: Value) -> Result<Self, Violations> {
        let mut violations = Violations::new();
        let raw = RawCheck::read(body, &mut violations);
        Self::from_raw(raw, violations)
    }

    /// Judges the members, in addition to the violations found while reading them.
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

/// What a change does with one member.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Patch<T> {
    /// Absent: the value stays.
    #[default]
    Keep,
    /// `null`: the value goes.
    Clear,
    /// The new value.
    Set(T),
}

/// A partial body: an absent member keeps its value, `null` clears an optional one.
///
/// Reading one never fails: everything that is wrong with it is reported together, when it is
/// [applied](Self::apply) to the check that it is for.
#[derive(Debug)]
pub struct CheckChange {
    raw: RawCheck,
    violations: Violations,
}

/// A change held against the check it is for.
#[derive(Debug)]
pub struct AppliedChange {
    /// The definition after the change.
    pub definition: CheckDefinition,
    /// What happens to the password.
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

    /// The definition that the check has after this change.
    ///
    /// # Errors
    /// Every violation at once: of the body's members and types, and of the result.
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
            // Without a user there is nothing a password could belong to.
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
