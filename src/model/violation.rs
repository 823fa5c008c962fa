//! What is wrong with a definition, all of it at once.

use std::fmt;

use serde::Serialize;

/// One thing that is wrong with a field.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Violation {
    /// The member's name as it stands in the body; empty for the body as a whole.
    pub field: String,
    /// What kind of fault it is, for programs.
    pub code: ViolationCode,
    /// What to do about it, for people. Holds no secret.
    pub message: String,
}

/// The kinds of faults that a definition can have.
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
    /// The value holds characters that are not allowed.
    InvalidCharacter,
    /// The value is not of the form that is wanted.
    InvalidFormat,
    /// The value is none of those that are known.
    UnknownValue,
    /// The number or instant is out of range.
    OutOfRange,
    /// The target host does not exist, or the actor may not see it.
    TargetHostUnknown,
    /// The body as a whole holds nothing that could be changed.
    Empty,
}

impl ViolationCode {
    /// The code as it stands in JSON.
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

/// Every violation of one definition; never empty where it is an error.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
#[serde(transparent)]
pub struct Violations(Vec<Violation>);

impl Violations {
    /// No violation yet.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Adds one.
    pub fn push(&mut self, field: &str, code: ViolationCode, message: impl Into<String>) {
        self.0.push(Violation { field: field.to_owned(), code, message: message.into() });
    }

    /// Adds what is wrong within a member of this name: its own names stand behind it.
    pub fn extend_within(&mut self, field: &str, found: &Self) {
        for violation in found.as_slice() {
            let field = format!("{field}.{}", violation.field);
            self.push(&field, violation.code, violation.message.clone());
        }
    }

    /// The one violation `field: code`.
    #[must_use]
    pub fn one(field: &str, code: ViolationCode, message: impl Into<String>) -> Self {
        let mut violations = Self::new();
        violations.push(field, code, message);
        violations
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether there is one of this field and code.
    #[must_use]
    pub fn contains(&self, field: &str, code: ViolationCode) -> bool {
        self.0.iter().any(|violation| violation.field == field && violation.code == code)
    }

    /// Whether a field has any.
    pub(crate) fn has_field(&self, field: &str) -> bool {
        self.0.iter().any(|violation| violation.field == field)
    }

    /// All of them, in the order of the fields.
    #[must_use]
    pub fn as_slice(&self) -> &[Violation] {
        &self.0
    }

    /// `Ok(value)` where there is none, else all of them.
    ///
    /// # Errors
    /// The violations themselves.
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
