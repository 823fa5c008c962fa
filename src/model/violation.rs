//! The violations of a definition, all at once.

use std::fmt;

use serde::Serialize;

/// One violation of a field's rules.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Violation {
    /// The member's name in the body; empty for the body as a whole.
    pub field: String,
    /// The kind of violation, for programs.
    pub code: ViolationCode,
    /// The advice for people. It holds no secret.
    pub message: String,
}

/// The kinds of violations.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ViolationCode {
    /// The member is missing, or `null` where it cannot be cleared.
    Required,
    /// The member does not belong to a check of this type.
    NotAllowed,
    /// The member is unknown.
    UnknownField,
    /// The value has the wrong JSON type.
    WrongType,
    /// The value is shorter than allowed.
    TooShort,
    /// The value is longer than allowed.
    TooLong,
    /// The value contains characters that are not allowed.
    InvalidCharacter,
    /// The value does not have the required form.
    InvalidFormat,
    /// The value is none of the known ones.
    UnknownValue,
    /// The number or instant is out of range.
    OutOfRange,
    /// The target host does not exist, or the actor may not see it.
    TargetHostUnknown,
    /// The body contains no change.
    Empty,
}

impl ViolationCode {
    /// Returns the code as written in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Required => "required",
            Self::NotAllowed => "not_allowed",
            Self::UnknownField => "unknown_field",
            Self::WrongType => "wrong_type",
            Self::TooShort => "too_short",
            Self::TooLong => "too_long",
            Self::InvalidCharacter => "invalid_character",
            Self::InvalidFormat => "invalid_format",
            Self::UnknownValue => "unknown_value",
            Self::OutOfRange => "out_of_range",
            Self::TargetHostUnknown => "target_host_unknown",
            Self::Empty => "empty",
        }
    }
}

/// All violations of one definition. As an error, it is never empty.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
#[serde(transparent)]
pub struct Violations(Vec<Violation>);

impl Violations {
    /// Creates an empty list.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Adds a violation.
    pub fn push(&mut self, field: &str, code: ViolationCode, message: impl Into<String>) {
        self.0.push(Violation { field: field.to_owned(), code, message: message.into() });
    }

    /// Adds the violations within a member of this name, whose name becomes the prefix of theirs.
    pub fn extend_within(&mut self, field: &str, found: &Self) {
        for violation in found.as_slice() {
            let field = format!("{field}.{}", violation.field);
            self.push(&field, violation.code, violation.message.clone());
        }
    }

    /// Creates a list with a single violation.
    #[must_use]
    pub fn one(field: &str, code: ViolationCode, message: impl Into<String>) -> Self {
        let mut violations = Self::new();
        violations.push(field, code, message);
        violations
    }

    /// Returns whether there is no violation.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns whether there is a violation of this field and code.
    #[must_use]
    pub fn contains(&self, field: &str, code: ViolationCode) -> bool {
        self.0.iter().any(|violation| violation.field == field && violation.code == code)
    }

    /// Returns whether a field has a violation.
    pub(crate) fn has_field(&self, field: &str) -> bool {
        self.0.iter().any(|violation| violation.field == field)
    }

    /// Returns all violations, in the order of the fields.
    #[must_use]
    pub fn as_slice(&self) -> &[Violation] {
        &self.0
    }

    /// Returns `Ok(value)` if there is no violation, and otherwise all of them.
    ///
    /// # Errors
    /// Returns the violations themselves.
    pub fn or_ok<T>(self, value: Option<T>) -> Result<T, Self> {
        match value {
            Some(value) if self.is_empty() => Ok(value),
            _ => Err(self),
        }
    }
}

impl fmt::Display for Violations {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the definition is invalid")?;
        for (index, violation) in self.0.iter().enumerate() {
            let separator = if index == 0 { ": " } else { "; " };
            write!(formatter, "{separator}{}: {}", violation.field, violation.message)?;
        }
        Ok(())
    }
}

impl std::error::Error for Violations {}
