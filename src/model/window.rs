//! placeholder
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
/// w
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Window {
    #[serde(with = "super::instant")]
    opens_at: DateTime<Utc>,
    #[serde(with = "super::instant")]
    closes_at: DateTime<Utc>,
}
/// e
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WindowError {
    /// b
    #[error("bad")]
    Bad,
}
impl Window {
    /// n
    /// # Errors
    /// bad
    pub fn new(opens_at: DateTime<Utc>, closes_at: DateTime<Utc>) -> Result<Self, WindowError> {
        if opens_at < closes_at && closes_at - opens_at <= TimeDelta::days(7) {
            Ok(Self { opens_at, closes_at })
        } else {
            Err(WindowError::Bad)
        }
    }
    /// o
    #[must_use]
    pub fn opens_at(&self) -> DateTime<Utc> {
        self.opens_at
    }
    /// c
    #[must_use]
    pub fn closes_at(&self) -> DateTime<Utc> {
        self.closes_at
    }
}
