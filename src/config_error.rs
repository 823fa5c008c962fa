//! The error of an invalid configuration value.

use thiserror::Error;

/// A configuration value that is out of bounds or contradicts another value.
///
/// The poller, the gates and [`Healthgate`](crate::Healthgate) return it when they validate their
/// configuration.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[error("`{field}` must be {rule}")]
#[non_exhaustive]
pub struct ConfigError {
    /// The field of the configuration, policy or timing.
    pub field: &'static str,
    /// The rule that the field breaks, such as "at least 1".
    pub rule: &'static str,
}

impl ConfigError {
    /// Fails with the first rule that does not hold. A rule is a field, whether the rule holds, and its words.
    pub(crate) fn first_broken<const N: usize>(
        rules: [(&'static str, bool, &'static str); N],
    ) -> Result<(), Self> {
        match rules.into_iter().find(|(_, holds, _)| !holds) {
            None => Ok(()),
            Some((field, _, rule)) => Err(Self { field, rule }),
        }
    }
}
