//! A figure of a configuration that is refused.

use thiserror::Error;

/// The error of a figure that is out of its bounds, or that does not agree with another one.
///
/// Poller, gates and [`Healthgate`](crate::Healthgate) refuse their figures with it.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[error("`{field}` must be {rule}")]
#[non_exhaustive]
pub struct ConfigError {
    /// The field of the configuration, of the policy or of the timing.
    pub field: &'static str,
    /// The rule that it breaks.
    pub rule: &'static str,
}

impl ConfigError {
    /// Returns the first rule that does not hold, as a field, whether it holds, and the rule in words.
    pub(crate) fn first_broken<const N: usize>(
        rules: [(&'static str, bool, &'static str); N],
    ) -> Result<(), Self> {
        match rules.into_iter().find(|(_, holds, _)| !holds) {
            None => Ok(()),
            Some((field, _, rule)) => Err(Self { field, rule }),
        }
    }
}
